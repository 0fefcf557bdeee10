//! Counting texts on several threads.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::count::WordCounts;
use crate::count::runs::Runs;
use crate::count::table::Table;
use crate::split::{Ends, Splitter};
use crate::text::{Batch, Spare};
use crate::{Monitor, Phase, Result, map_in_order};

/// Texts longer than this are cut, where the pattern allows it, so that all threads have work.
const PART: usize = 1 << 17;

/// About how many shares of the parts there are for each thread, so that all end at about the same time.
const SHARES: usize = 64;

/// How many words are split at a time.
const WORDS_AT_ONCE: usize = 1 << 18;

/// The memory that the program itself and the text being read take, which no limit can lower.
const LEAST_MEMORY: usize = 96 << 20;
/// The lowest limit for a table. A new one with room for the words of one part takes about half of it.
const LEAST_TABLE: usize = 4 << 20;

/// How many threads and how much memory counting may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CountOptions {
    /// How many threads count; 0 is taken as 1.
    pub threads: usize,
    /// How many bytes of memory the process should use while it counts, including some 96 MB for the program itself.
    /// What does not fit is written to files in the system's folder for temporary ones.
    pub max_memory: usize,
}

impl Default for CountOptions {
    fn default() -> Self {
        Self { threads: 1, max_memory: usize::MAX }
    }
}

/// Counts the pretokens of texts.
///
/// Each thread has a table of its own, and the tables meet only in [`finish`](Self::finish); so the counts do not
/// depend on which thread counts what.
#[derive(Debug)]
pub struct Counter {
    splitter: Splitter,
    tables: Vec<Mutex<Table>>,
    /// How many bytes a table may take before it is written as a run.
    max_table: usize,
    runs: Runs,
}

impl Counter {
    /// A counter that has not counted anything yet.
    pub fn new(splitter: Splitter, options: CountOptions) -> Self {
        let threads = options.threads.max(1);
        let tables = (0..threads).map(|_| Mutex::new(Table::new())).collect();
        let max_table = (options.max_memory.saturating_sub(LEAST_MEMORY) / threads).max(LEAST_TABLE);
        Self { splitter, tables, max_table, runs: Runs::new() }
    }

    /// Counts the pretokens of each text. After an error some of them are counted and some not.
    pub fn count(&mut self, texts: &[&[u8]], monitor: &Monitor) -> Result<()> {
        self.count_meanwhile(texts.iter().map(|&text| (text, 1)), monitor, || ())
    }

    /// Counts the pretokens of texts, each as often as the number beside it says, while one of the threads does `other`
    /// first; returns the result of `other`.
    fn count_meanwhile<'t, T: Send>(
        &mut self,
        texts: impl Iterator<Item = (&'t [u8], u64)>,
        monitor: &Monitor,
        other: impl FnOnce() -> T + Send,
    ) -> Result<T> {
        let parts = |(text, times)| self.splitter.cut_up(text, PART).map(move |part| (part, times));
        let parts: Vec<(&[u8], u64)> = texts.flat_map(parts).collect();
        let share = (parts.len() / (self.tables.len() * SHARES)).max(1);
        let shares: Vec<&[(&[u8], u64)]> = parts.chunks(share).collect();
        let next = AtomicUsize::new(0);
        let other = Mutex::new(Some(other));
        let results = map_in_order(self.tables.len(), self.tables.len(), |thread| {
            let other = other.lock().unwrap_or_else(PoisonError::into_inner).take();
            let done = other.map(|other| other());
            let mut table = self.tables[thread].lock().unwrap_or_else(PoisonError::into_inner);
            let mut ends = Ends::new();
            while let Some(share) = shares.get(next.fetch_add(1, Ordering::Relaxed)) {
                monitor.check()?;
                for &(part, times) in *share {
                    // A part has about two words in seven bytes.
                    if table.memory_with(part.len() / 4) > self.max_table {
                        self.runs.write(std::mem::replace(&mut *table, Table::new()), monitor)?;
                    }
                    self.splitter.for_each_block(part, &mut ends, |text, ends| {
                        table.add_all(text, ends, times);
                        true
                    })?;
                }
            }
            Ok(done)
        });
        let done: Vec<Option<T>> = results.into_iter().collect::<Result<_>>()?;
        Ok(done.into_iter().flatten().next().expect("one of the threads does the other thing"))
    }

    /// Whether some counts were written to disk, so that [`finish`](Self::finish) takes a while.
    pub fn has_written(&mut self) -> bool {
        !self.runs.is_empty()
    }

    /// The counts of all texts.
    pub fn finish(mut self, monitor: &Monitor) -> Result<WordCounts> {
        if !self.has_written() {
            return self.join_tables();
        }
        let threads = self.tables.len();
        let written = map_in_order(threads, threads, |thread| {
            let table = &mut *self.tables[thread].lock().unwrap_or_else(PoisonError::into_inner);
            self.runs.write(std::mem::replace(table, Table::new()), monitor)
        });
        written.into_iter().collect::<Result<()>>()?;
        self.runs.add_up(self.splitter.pattern().clone(), monitor)
    }

    /// The counts of all tables, none of which was written to disk.
    fn join_tables(self) -> Result<WordCounts> {
        let pattern = self.splitter.pattern();
        let threads = self.tables.len();
        let tables: Vec<Mutex<Option<Table>>> = self
            .tables
            .into_iter()
            .map(|table| Mutex::new(Some(table.into_inner().unwrap_or_else(PoisonError::into_inner))))
            .collect();
        let mut counts: Vec<WordCounts> = map_in_order(threads, threads, |thread| {
            let table = tables[thread].lock().unwrap_or_else(PoisonError::into_inner).take();
            table.expect("each table is taken once").into_counts(pattern.clone())
        })
        .into_iter()
        .collect::<Result<_>>()?;
        while counts.len() > 1 {
            let pairs: Vec<&[WordCounts]> = counts.chunks(2).collect();
            counts = map_in_order(threads, pairs.len(), |index| match pairs[index] {
                [one, other] => one.merged(other),
                rest => Ok(rest[0].clone()),
            })
            .into_iter()
            .collect::<Result<_>>()?;
        }
        Ok(counts.pop().expect("there is at least one table"))
    }
}

/// The counts of all batches, which come from `total_bytes` of input (0: unknown). One thread fetches the next batch
/// while the others count. The memory of batches goes back to `spare`.
pub(super) fn count_batches(
    batches: impl Iterator<Item = Result<Batch>> + Send,
    spare: &Spare,
    total_bytes: u64,
    splitter: &Splitter,
    options: CountOptions,
    monitor: &Monitor,
) -> Result<WordCounts> {
    monitor.start(Phase::Count, total_bytes);
    let mut counter = Counter::new(splitter.clone(), options);
    let mut batches = batches.fuse();
    let mut current = batches.next().transpose()?;
    while let Some(batch) = current {
        monitor.check()?;
        let texts = batch.iter().map(|(text, _)| (text, 1));
        current = counter.count_meanwhile(texts, monitor, || batches.next())?.transpose()?;
        monitor.advance(batch.input_bytes);
        let size = batch.bytes.len();
        spare.give(batch.bytes, size);
    }
    counter.finish(monitor)
}

/// The counts of the pretokens that `splitter` cuts the words into, each as often as its words occur: what counting the
/// texts with `splitter` gives, if it cuts each word as it does inside the text.
pub fn count_parts(
    counts: &WordCounts,
    splitter: &Splitter,
    options: CountOptions,
    monitor: &Monitor,
) -> Result<WordCounts> {
    monitor.start(Phase::Count, counts.bytes() as u64);
    // No count of a part is larger.
    counts.total_bytes()?;
    let mut counter = Counter::new(splitter.clone(), options);
    for first in (0..counts.len()).step_by(WORDS_AT_ONCE) {
        let numbers = first..counts.len().min(first + WORDS_AT_ONCE);
        let bytes: usize = numbers.clone().map(|number| counts.word(number).len()).sum();
        let words = numbers.map(|number| (counts.word(number), counts.counts()[number]));
        counter.count_meanwhile(words, monitor, || ())?;
        monitor.advance(bytes as u64);
    }
    counter.finish(monitor)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::Error;
    use crate::split::Pattern;

    const TWO: CountOptions = CountOptions { threads: 2, max_memory: usize::MAX };

    fn splitter(pattern: &str) -> Splitter {
        Splitter::new(&Pattern::new(Some(pattern))).expect("a valid pattern")
    }

    fn count(texts: &[&[u8]], threads: usize) -> WordCounts {
        count_with(texts, CountOptions { threads, ..CountOptions::default() })
    }

    fn count_with(texts: &[&[u8]], options: CountOptions) -> WordCounts {
        let mut counter = Counter::new(splitter("gpt2"), options);
        counter.count(texts, &Monitor::default()).expect("no runaway");
        counter.finish(&Monitor::default()).expect("small counts")
    }

    /// One map, one text at a time.
    fn count_naively(texts: &[&[u8]]) -> BTreeMap<Vec<u8>, u64> {
        let mut counts = BTreeMap::new();
        for text in texts {
            splitter("gpt2")
                .for_each(text, |word| *counts.entry(word.to_vec()).or_default() += 1)
                .expect("no runaway");
        }
        counts
    }

    fn assert_same(counts: &WordCounts, naive: &BTreeMap<Vec<u8>, u64>) {
        let counts: Vec<_> = counts.iter().map(|(word, count)| (word.to_vec(), count)).collect();
        assert_eq!(counts, naive.iter().map(|(word, &count)| (word.clone(), count)).collect::<Vec<_>>());
    }

    /// More distinct words, short and long, than the first tables hold.
    fn many_words() -> Vec<u8> {
        let mut text = Vec::new();
        for number in 0..60_000_u32 {
            let letters = number.to_string().bytes().map(|digit| digit - b'0' + b'a').collect::<Vec<_>>();
            text.push(b' ');
            text.extend_from_slice(&letters.repeat(1 + number as usize % 5));
            text.extend_from_slice(if number % 3 == 0 { b"!?" } else { b"\n\n" });
        }
        text
    }

    #[test]
    fn counts_are_the_same_on_any_number_of_threads() {
        let text = many_words();
        let texts = [&text[..], b"", b" a b", &text[..9999]];
        let naive = count_naively(&texts);
        for threads in [0, 1, 2, 5, 16] {
            assert_same(&count(&texts, threads), &naive);
        }
    }

    #[test]
    fn counts_are_the_same_with_little_memory() {
        let text = many_words();
        let (lines, rest) = text.as_chunks::<5000>();
        let texts: Vec<&[u8]> = lines.iter().map(|line| &line[..]).chain([rest, &text]).collect();
        let naive = count_naively(&texts);
        for threads in [1, 3] {
            let mut counter = Counter::new(splitter("gpt2"), CountOptions { threads, max_memory: 1 });
            counter.count(&texts, &Monitor::default()).expect("a writable folder");
            assert!(!counter.runs.is_empty(), "the words do not fit into the smallest tables");
            let monitor = Monitor::default();
            assert_same(&counter.finish(&monitor).expect("a readable folder"), &naive);
            assert_eq!(monitor.state().map(|state| state.0), Some(Phase::Add));
        }
    }

    #[test]
    fn words_of_every_length_and_at_the_end_of_a_text() {
        for length in 1..40 {
            let word = vec![b'x'; length];
            let text = [&word[..], b" ", &word].concat();
            assert_same(&count(&[&text, &word], 1), &count_naively(&[&text, &word]));
        }
    }

    #[test]
    fn zeros_are_bytes_like_any_other() {
        let texts: [&[u8]; 4] = [b"\0", b"\0\0", b"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", b"\0 \0"];
        assert_same(&count(&texts, 2), &count_naively(&texts));
    }

    #[test]
    fn parts_of_words_count_as_often_as_the_words() {
        let superwords = Pattern::new(Some("gpt2")).with_superwords().expect("one expression");
        let text = many_words();
        let mut counter = Counter::new(Splitter::new(&superwords).expect("a pattern"), TWO);
        counter.count(&[&text, &text, b" a b c", b"a b  c"], &Monitor::default()).expect("no runaway");
        let whole = counter.finish(&Monitor::default()).expect("small counts");
        let parts = count_parts(&whole, &splitter("gpt2"), TWO, &Monitor::default()).expect("small counts");
        assert_same(&parts, &count_naively(&[&text, &text, b" a b c", b"a b  c"]));
    }

    proptest! {
        #[test]
        fn random_texts_are_counted_as_one_by_one(texts in prop::collection::vec("[ab é\\n0-9]{0,60}", 0..20)) {
            let texts: Vec<&[u8]> = texts.iter().map(String::as_bytes).collect();
            assert_same(&count(&texts, 3), &count_naively(&texts));
        }
    }

    #[test]
    fn batches_are_counted_and_reported() {
        let batch = |text: &[u8]| {
            let mut batch = Batch { input_bytes: 10, ..Batch::default() };
            batch.push(text, true);
            batch.push(b" end", true);
            Ok(batch)
        };
        let monitor = Monitor::default();
        let batches = [batch(b"one two"), batch(b"two three")].into_iter();
        let counts = count_batches(batches, &Spare::default(), 30, &splitter("gpt2"), TWO, &monitor)
            .expect("small counts");
        assert_same(&counts, &count_naively(&[b"one two", b" end", b"two three", b" end"]));
        assert_eq!(monitor.state(), Some((Phase::Count, 20, 30)));
    }

    #[test]
    fn failing_batches_and_cancelling_end_the_count() {
        let good = || Ok(Batch::default());
        let bad = Err(Error::argument("source", "broken"));
        let result = count_batches(
            [good(), bad].into_iter(),
            &Spare::default(),
            0,
            &splitter("gpt2"),
            TWO,
            &Monitor::default(),
        );
        assert!(matches!(result, Err(Error::Argument { name: "source", .. })));
        let monitor = Monitor::default();
        monitor.cancel();
        let result =
            count_batches([good()].into_iter(), &Spare::default(), 0, &splitter("gpt2"), TWO, &monitor);
        assert!(matches!(result, Err(Error::Interrupted)));
    }
}
