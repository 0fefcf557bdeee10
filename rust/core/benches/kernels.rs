//! The core's kernels by themselves, on text that the bench makes: words of a made-up language whose lengths and
//! frequencies follow those of natural text, so that nothing has to be fetched.

use bytestride_core::Monitor;
use bytestride_core::count::{Counter, WordCounts};
use bytestride_core::encode::{EncodeOptions, Tokenizer};
use bytestride_core::merge::{MergeOptions, learn};
use bytestride_core::split::{Pattern, Splitter};
use divan::counter::BytesCount;
use divan::{Bencher, black_box};

const TEXT_BYTES: usize = 1 << 20;
const VOCABULARY: u64 = 20_000;
const PATTERNS: [&str; 6] = ["gpt2", "cl100k", "o200k", "llama3", "qwen2", "deepseek"];

fn main() {
    divan::main();
}

/// Numbers that look random and are the same in every run (Steele et al. 2014, splitmix64).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut number = self.0;
        number = (number ^ (number >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        number = (number ^ (number >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        number ^ (number >> 31)
    }

    /// A rank from 1 to `last`, small ones far more often, as in Zipf's law: each power of two is equally likely.
    fn rank(&mut self, last: u64) -> u64 {
        let power = 1 << (self.next() % u64::from(last.ilog2() + 1));
        (power + self.next() % power).min(last)
    }
}

/// The word of a rank: always the same, and the longer the rarer it is.
fn word(rank: u64) -> String {
    let mut letters = Numbers(rank);
    let length = 2 + rank.ilog2() / 2 + (letters.next() % 3) as u32;
    (0..length).map(|_| char::from(b"etaoinshrdlucmfwypvbgk"[(letters.rank(22) - 1) as usize])).collect()
}

/// Sentences of such words, with capitals, punctuation, numbers and line ends.
fn text() -> Vec<u8> {
    let mut numbers = Numbers(1);
    let mut text = String::with_capacity(TEXT_BYTES + 64);
    while text.len() < TEXT_BYTES {
        match numbers.next() % 64 {
            0..4 => text.push_str(". "),
            4..8 => text.push_str(", "),
            8 => text.extend([" ", &(numbers.next() % 10_000).to_string(), " "]),
            9 => text.push_str("\n\n"),
            10 => text.push_str(" “it’s” — "),
            _ => text.push(' '),
        }
        text.push_str(&word(numbers.rank(VOCABULARY)));
    }
    text.into_bytes()
}

/// Text to pretokens.
#[divan::bench(args = PATTERNS)]
fn split(bencher: Bencher, pattern: &str) {
    let splitter = Splitter::new(&Pattern::new(Some(pattern))).expect("a named pattern");
    let text = text();
    bencher.counter(BytesCount::of_slice(&text)).bench(|| {
        let mut pretokens = 0_u64;
        splitter.for_each(black_box(&text), |_| pretokens += 1).map(|()| pretokens)
    });
}

/// The place to cut a batch of text.
#[divan::bench]
fn last_cut(bencher: Bencher) {
    let splitter = Splitter::new(&Pattern::new(Some("cl100k"))).expect("a named pattern");
    let text = text();
    bencher.bench(|| splitter.last_cut(black_box(&text)));
}

/// The counts of the text, on one thread.
fn counts(text: &[u8], pattern: &str) -> WordCounts {
    let splitter = Splitter::new(&Pattern::new(Some(pattern))).expect("a named pattern");
    let mut counter = Counter::new(splitter, 1);
    counter.count(&[text], &Monitor::default()).expect("no runaway");
    counter.finish().expect("small counts")
}

const MERGES: MergeOptions =
    MergeOptions { merges: Some(4000), min_frequency: 2, max_token_bytes: None, threads: 1 };

/// Text to counts of its pretokens.
#[divan::bench(args = PATTERNS)]
fn count(bencher: Bencher, pattern: &str) {
    let text = text();
    bencher.counter(BytesCount::of_slice(&text)).bench(|| counts(black_box(&text), pattern));
}

/// Counts to merges.
#[divan::bench]
fn merge(bencher: Bencher) {
    let counts = counts(&text(), "gpt2");
    bencher.bench(|| learn(black_box(&counts), &MERGES, &Monitor::default()));
}

/// A tokenizer of the text's own.
fn tokenizer(text: &[u8], pattern: &str) -> Tokenizer {
    let counts = counts(text, pattern);
    let merges = learn(&counts, &MERGES, &Monitor::default()).expect("not interrupted");
    Tokenizer::from_merges(counts.pattern().clone(), &merges, &[]).expect("merges just learned")
}

/// Text to ids that the cache does not know.
#[divan::bench(args = PATTERNS, sample_count = 20)]
fn encode_first(bencher: Bencher, pattern: &str) {
    let text = text();
    let made = tokenizer(&text, pattern);
    let fresh = || Tokenizer::new(made.definition()).expect("its own definition");
    bencher
        .counter(BytesCount::of_slice(&text))
        .with_inputs(fresh)
        .bench_refs(|tokenizer| tokenizer.encode(black_box(&text), &EncodeOptions::default(), 1));
}

/// Text to ids that the cache knows.
#[divan::bench(args = PATTERNS)]
fn encode_again(bencher: Bencher, pattern: &str) {
    let text = text();
    let tokenizer = tokenizer(&text, pattern);
    bencher
        .counter(BytesCount::of_slice(&text))
        .bench(|| tokenizer.encode(black_box(&text), &EncodeOptions::default(), 1));
}
