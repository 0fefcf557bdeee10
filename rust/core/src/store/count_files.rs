//! Text files → how many documents and tokens they have: what [`encode_files`](super::encode_files()) does, but nothing is
//! written.

use std::path::{Path, PathBuf};

use crate::encode::{EndIds, Tokenizer};
use crate::text::{Batch, BatchEvent, FileOptions, Input, Position, read_batches, total_bytes};
use crate::{Monitor, Phase, Result};

use super::budget::Budget;
use super::dtype::Dtype;
use super::encoded::{Encoded, Encoding};
use super::pipeline::in_order;

/// What one input has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputCount {
    /// The input.
    pub path: PathBuf,
    /// Its size on disk; `None` for a pipe.
    pub bytes: Option<u64>,
    /// Its documents.
    pub documents: u64,
    /// Their tokens.
    pub tokens: u64,
    /// How many lines and rows were left out, plus one if the rest of the input was.
    pub skipped: u64,
}

/// Counts the documents of each of `inputs` (see [`FileOptions::expand`]) and their tokens, in order. Progress is in
/// bytes of input on disk.
pub fn count_files(
    tokenizer: &Tokenizer,
    inputs: &[impl AsRef<Path>],
    files: &FileOptions,
    budget: Budget,
    monitor: &Monitor,
) -> Result<Vec<InputCount>> {
    let inputs = files.expand(inputs)?;
    monitor.start(Phase::Count, total_bytes(&inputs));
    let read_options = budget.read_options(files)?;
    let (texts, batch_bytes) = (&read_options.spare.clone(), read_options.batch_bytes);
    let splitter = tokenizer.cutter();
    let batches = read_batches(inputs.clone(), Position::default(), read_options, splitter, monitor)?;
    // Ids are of this type already.
    let encoding = Encoding::new(Dtype::U32, [&EndIds::default(), &EndIds::default()], texts, batch_bytes);
    let mut counts = Counts::of(&inputs);
    let add = |(encoded, batch): (Encoded, Batch)| {
        monitor.check()?;
        counts.add(&batch, &encoded.lengths);
        encoding.give_back(encoded);
        monitor.advance(batch.input_bytes);
        Ok(())
    };
    let encoder = || |batch: Batch| encoding.encode(tokenizer, batch);
    in_order(batches, budget.threads, budget.in_flight(), Batch::size, encoder, add)?;
    Ok(counts.inputs)
}

/// What was counted so far.
struct Counts {
    inputs: Vec<InputCount>,
    /// How many of the inputs have ended.
    ended: usize,
}

impl Counts {
    fn of(inputs: &[Input]) -> Self {
        let count = |input: &Input| InputCount {
            path: input.path().to_path_buf(),
            bytes: input.bytes(),
            documents: 0,
            tokens: 0,
            skipped: 0,
        };
        Self { inputs: inputs.iter().map(count).collect(), ended: 0 }
    }

    /// Adds a batch whose pieces have `lengths` ids.
    fn add(&mut self, batch: &Batch, lengths: &[u64]) {
        for event in batch.events() {
            let input = &mut self.inputs[self.ended];
            match event {
                BatchEvent::Piece { number, closes } => {
                    input.tokens += lengths[number];
                    input.documents += u64::from(closes);
                }
                BatchEvent::InputEnd { skipped } => {
                    input.skipped = skipped;
                    self.ended += 1;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::split::Pattern;
    use crate::store::{EncodeOptions, encode_files};
    use crate::text::OnError;

    #[test]
    fn counts_are_those_of_a_store_however_the_text_is_divided() {
        let folder = tempfile::tempdir().expect("a folder");
        let input = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::write(&path, text).expect("writable");
            path
        };
        let inputs = [
            input("a.txt", &"one two;;three;".repeat(500)),
            input("b.txt", ""),
            input("c.jsonl", "{\"text\": \"x\"}\n{\"text\": 1}\n{\"text\": \"yz\"}\n"),
            input("d.txt", &"é".repeat(70_000)),
            input("e.txt", ""),
        ];
        let tokenizer = Tokenizer::from_merges(Pattern::new(Some("gpt2")), &[], &[]).expect("a tokenizer");
        for (threads, max_memory) in [(1, 4 << 20), (3, 4 << 20), (2, 1 << 30)] {
            let files = FileOptions {
                separator: Some(b";".to_vec()),
                on_error: OnError::Skip,
                ..FileOptions::default()
            };
            let budget = Budget { threads, max_memory };
            let monitor = Monitor::default();
            let counted =
                count_files(&tokenizer, &inputs, &files, budget, &monitor).expect("they can be counted");
            let facts: Vec<_> = counted.iter().map(|one| (one.documents, one.tokens, one.skipped)).collect();
            assert_eq!(facts, [(1_500, 6_000, 0), (0, 0, 0), (2, 3, 1), (1, 140_000, 0), (0, 0, 0)]);
            let prefix = folder.path().join("store");
            let options = EncodeOptions { files, budget, ..EncodeOptions::default() };
            let store = encode_files(&tokenizer, &inputs, &prefix, &options, &monitor).expect("a store");
            let sources: Vec<_> = store.manifests().flat_map(|manifest| &manifest.sources).collect();
            assert!(sources.iter().map(|one| (one.documents, one.tokens, one.skipped)).eq(facts));
            assert!(sources.iter().map(|one| one.bytes).eq(counted.iter().map(|one| one.bytes)));
        }
    }
}
