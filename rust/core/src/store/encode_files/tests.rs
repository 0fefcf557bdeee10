//! The pipeline with a tokenizer so simple that the expected ids are plain, yet one that sees where texts are cut:
//! each pretoken gives its length and then its bytes.

use std::fs;
use std::path::PathBuf;

use proptest::prelude::*;
use tempfile::TempDir;

use crate::map_in_order;
use crate::split::Pattern;

use super::*;

struct LengthThenBytes {
    splitter: Splitter,
    max_id: u32,
}

impl LengthThenBytes {
    fn new(pattern: Option<&str>) -> Self {
        Self { splitter: Splitter::new(&Pattern::new(pattern)).expect("a valid pattern"), max_id: 65_535 }
    }

    fn encode(&self, text: &[u8]) -> Result<Vec<u32>> {
        let mut ids = Vec::new();
        self.splitter.for_each(text, |pretoken| {
            ids.push(pretoken.len() as u32);
            ids.extend(pretoken.iter().map(|&byte| u32::from(byte)));
        })?;
        Ok(ids)
    }
}

impl Encoder for LengthThenBytes {
    fn splitter(&self) -> &Splitter {
        &self.splitter
    }

    fn max_id(&self) -> u32 {
        self.max_id
    }

    fn fingerprint(&self) -> &'static str {
        "a fingerprint"
    }

    fn encode_texts(&self, texts: &[&[u8]], threads: usize) -> Result<Ragged> {
        let mut ragged = Ragged { ids: Vec::new(), offsets: vec![0] };
        for ids in map_in_order(threads, texts.len(), |index| self.encode(texts[index])) {
            ragged.ids.extend(ids?);
            ragged.offsets.push(ragged.ids.len() as i64);
        }
        Ok(ragged)
    }
}

/// A folder with a folder `in` of files.
fn folder_with(files: &[(&str, &[u8])]) -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::create_dir(folder.path().join("in")).expect("a writable folder");
    for (name, bytes) in files {
        fs::write(folder.path().join("in").join(name), bytes).expect("a writable folder");
    }
    folder
}

fn encode(folder: &TempDir, tokenizer: &LengthThenBytes, options: &EncodeOptions) -> Result<TokenStore> {
    let inputs = [folder.path().join("in").display().to_string()];
    encode_with(tokenizer, &inputs, &folder.path().join("out"), options, &Monitor::default())
}

fn written_files(folder: &TempDir) -> Vec<Vec<u8>> {
    let read = |suffix: &str| fs::read(PathBuf::from(format!("{}/out{suffix}", folder.path().display())));
    [".bin", ".idx", ".json"].map(|suffix| read(suffix).expect("it is written")).to_vec()
}

/// The least memory allowed, for batches as small as can be.
fn small() -> EncodeOptions {
    EncodeOptions { max_memory: SMALLEST_BATCH * MEMORY_PER_BYTE, threads: 1, ..EncodeOptions::default() }
}

#[test]
fn documents_of_all_inputs_are_framed_and_accounted_for() {
    let folder = folder_with(&[
        ("a.txt", b"one two;;three"),
        ("b.jsonl", b"{\"text\": \"four\"}\n{\"text\": \"\"}\n"),
        ("c.txt", b""),
        ("d.txt", b"five"),
    ]);
    let options =
        EncodeOptions { separator: Some(b";".to_vec()), bos: Some(1_000), eos: Some(1_001), ..small() };
    let tokenizer = LengthThenBytes::new(Some("gpt2"));
    let store = encode(&folder, &tokenizer, &options).expect("good inputs");
    let framed =
        |text: &[u8]| [&[1_000], &tokenizer.encode(text).expect("no runaway")[..], &[1_001]].concat();
    let expected = [&b"one two"[..], b"", b"three", b"four", b"", b"five"].map(framed);
    let documents: Vec<_> =
        (0..store.len()).map(|index| store.document(index).expect("it exists").to_vec()).collect();
    assert_eq!(documents, expected);
    let manifest = store.manifests().next().expect("it is written");
    let counts = |source: &Source| (source.bytes, source.documents, source.tokens);
    let sources: Vec<_> = manifest.sources.iter().map(counts).collect();
    assert_eq!(sources, [(Some(14), 3, 21), (Some(30), 2, 9), (Some(0), 0, 0), (Some(4), 1, 7)]);
    assert_eq!(
        (manifest.bos, manifest.eos, manifest.tokens, manifest.documents),
        (Some(1_000), Some(1_001), 37, 6)
    );
    assert_eq!(store.fingerprint(), Some("a fingerprint"));
    store.verify(&Monitor::default()).expect("the checksums are right");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_files_are_the_same_on_any_number_of_threads_and_with_any_memory(
        words in prop::collection::vec("[a-z]{1,8}|é!|\n|<e>|[0-9]{1,5}", 1..3_000), repeat in 1_usize..40,
    ) {
        let text = words.join(" ").repeat(repeat);
        let folder = folder_with(&[("a.txt", text.as_bytes()), ("b.txt", text.as_bytes())]);
        let tokenizer = LengthThenBytes::new(Some("gpt2"));
        for separator in [None, Some(b"<e>".to_vec())] {
            let documents: Vec<&str> = match separator {
                None => vec![&text],
                Some(_) => text.split("<e>").collect(),
            };
            let kept = if documents.last() == Some(&"") { documents.len() - 1 } else { documents.len() };
            let one: Vec<u32> =
                documents[..kept].iter().flat_map(|text| tokenizer.encode(text.as_bytes()).expect("ids")).collect();
            let options = EncodeOptions { separator, ..small() };
            if one.is_empty() {
                // Nothing but separators, which is no text.
                let error = encode(&folder, &tokenizer, &options).expect_err("no text").to_string();
                prop_assert!(error.contains("a.txt: it holds no text, nor do the 1 other inputs"), "{error}");
                continue;
            }
            let store = encode(&folder, &tokenizer, &options).expect("good inputs");
            prop_assert_eq!(store.tokens().expect("one shard").to_vec(), one.repeat(2));
            prop_assert_eq!(store.len(), 2 * kept);
            let files = written_files(&folder);
            let options = EncodeOptions { threads: 3, max_memory: 1 << 30, ..options };
            encode(&folder, &tokenizer, &options).expect("good inputs");
            prop_assert!(files == written_files(&folder));
        }
    }
}

#[test]
fn the_type_is_chosen_by_the_largest_id_there_may_be() {
    let folder = folder_with(&[("a.txt", b"text")]);
    let mut tokenizer = LengthThenBytes::new(None);
    let dtype = |tokenizer: &LengthThenBytes, options| {
        encode(&folder, tokenizer, &options).map(|store| store.dtype())
    };
    assert_eq!(dtype(&tokenizer, small()).expect("good"), Dtype::U16);
    assert_eq!(dtype(&tokenizer, EncodeOptions { eos: Some(65_536), ..small() }).expect("good"), Dtype::U32);
    tokenizer.max_id = 65_536;
    assert_eq!(dtype(&tokenizer, small()).expect("good"), Dtype::U32);
    assert_eq!(
        dtype(&tokenizer, EncodeOptions { dtype: Some(Dtype::U16), ..small() }).expect("fits"),
        Dtype::U16
    );
    let options = EncodeOptions { dtype: Some(Dtype::U16), eos: Some(65_536), ..small() };
    let error = dtype(&tokenizer, options).expect_err("it does not fit").to_string();
    assert!(error.contains("id 65536 does not fit in uint16"), "{error}");
}

#[test]
fn inputs_without_text_are_an_error() {
    let folder = folder_with(&[("a.txt", b""), ("b.jsonl", b"{\"text\": \"\"}")]);
    let error = encode(&folder, &LengthThenBytes::new(None), &small()).expect_err("no text").to_string();
    assert!(error.contains("a.txt: it holds no text, nor do the 1 other inputs"), "{error}");
    let options = EncodeOptions { bos: Some(5), ..small() };
    assert_eq!(encode(&folder, &LengthThenBytes::new(None), &options).expect("one id").len(), 1);
}

#[test]
fn a_failure_in_any_stage_leaves_the_folder_as_it_was() {
    let long = "words ".repeat(100_000);
    let folder = folder_with(&[("a.txt", long.as_bytes()), ("b.jsonl", b"broken")]);
    let left = || fs::read_dir(folder.path()).expect("readable").count();
    let tokenizer = LengthThenBytes::new(Some("gpt2"));
    let reading = encode(&folder, &tokenizer, &small());
    assert!(matches!(reading, Err(Error::Malformed { place: Place::Line(1), .. })));
    assert_eq!(left(), 1);
    let writing = encode(&folder, &tokenizer, &EncodeOptions { bos: Some(1 << 31), ..small() });
    assert!(matches!(writing, Err(Error::Argument { name: "dtype", .. })), "{writing:?}");
    assert_eq!(left(), 1);
    let monitor = Monitor::default();
    monitor.cancel();
    let inputs = [folder.path().join("in").display().to_string()];
    let stopped = encode_with(&tokenizer, &inputs, &folder.path().join("out"), &small(), &monitor);
    assert!(matches!(stopped, Err(Error::Interrupted)));
    assert_eq!(left(), 1);
}

#[test]
fn too_little_memory_and_no_threads_are_errors() {
    let folder = folder_with(&[("a.txt", b"text")]);
    let tokenizer = LengthThenBytes::new(None);
    let error = encode(&folder, &tokenizer, &EncodeOptions { max_memory: 1_000, ..small() });
    assert!(matches!(error, Err(Error::Argument { name: "max_memory", .. })));
    let error = encode(&folder, &tokenizer, &EncodeOptions { threads: 0, ..small() });
    assert!(matches!(error, Err(Error::Argument { name: "threads", .. })));
}

#[test]
fn progress_reaches_its_total() {
    let folder = folder_with(&[("a.txt", b"text"), ("b.txt", b"more\n")]);
    let monitor = Monitor::default();
    let inputs = [folder.path().join("in").display().to_string()];
    let prefix = folder.path().join("out");
    encode_with(&LengthThenBytes::new(None), &inputs, &prefix, &small(), &monitor).expect("good inputs");
    assert_eq!(monitor.state(), (Phase::Encode, 9, 9));
}
