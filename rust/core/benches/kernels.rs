//! The core's kernels by themselves, on made-up text.

mod made_up;

use bytestride_core::Monitor;
use bytestride_core::count::{CountOptions, Counter, WordCounts};
use bytestride_core::encode::{EncodeOptions, Tokenizer};
use bytestride_core::merge::{MergeOptions, learn};
use bytestride_core::split::{Pattern, Splitter};
use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use made_up::text;

const PATTERNS: [&str; 6] = ["gpt2", "cl100k", "o200k", "llama3", "qwen2", "deepseek"];

fn main() {
    divan::main();
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
    let mut counter = Counter::new(splitter, CountOptions::default());
    counter.count(&[text], &Monitor::default()).expect("no runaway");
    counter.finish(&Monitor::default()).expect("small counts")
}

const MERGES: MergeOptions = MergeOptions {
    merges: Some(4000),
    min_frequency: 2,
    max_token_bytes: None,
    special_tokens: Vec::new(),
    threads: 1,
};

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
