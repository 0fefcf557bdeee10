//! One thread's tally of words.
//!
//! Words of at most 15 bytes, nearly all in most languages, are their own key of 16 bytes: the bytes from the top,
//! zeros, and the length in the lowest byte. So equal keys are equal words, keys sort as words do, and neither
//! comparing nor copying touches other memory. Longer words keep their bytes in one arena.
//! Both tables are open-addressed with linear probing, at most half full.

use xxhash_rust::xxh3::xxh3_64;

use crate::Result;
use crate::count::WordCounts;
use crate::split::{Ends, Pattern};

/// The longest word that is its own key.
const SHORT: usize = 15;
/// The size of a new table: 512 KiB of keys and counts, which stay in the L2 cache.
const FIRST_SLOTS: usize = 1 << 14;

/// Multipliers of the hash: digits of π, which are odd and have no structure.
const FACTORS: [u64; 2] = [0x243F_6A88_85A3_08D3, 0x1319_8A2E_0370_7345];

/// Mixes 128 bits to 64 by one full multiplication.
fn mix(low: u64, high: u64) -> u64 {
    let product = u128::from(low) * u128::from(high);
    product as u64 ^ (product >> 64) as u64
}

/// Words and how often each was added.
#[derive(Debug)]
pub(super) struct Table {
    short: ShortWords,
    long: LongWords,
}

impl Table {
    pub(super) fn new() -> Self {
        Self { short: ShortWords::new(FIRST_SLOTS), long: LongWords::new() }
    }

    /// Counts these words of `text`.
    pub(super) fn add_all(&mut self, text: &[u8], words: &Ends) {
        for (&start, &end) in words.starts().iter().zip(words.ends()) {
            if end - start > SHORT {
                self.long.add(&text[start..end]);
            } else {
                self.short.add(short_key(window(text, start), end - start));
            }
        }
    }

    /// The words in the order of their bytes.
    pub(super) fn into_counts(self, pattern: Pattern) -> Result<WordCounts> {
        let short = self.short.sorted();
        let long = self.long.sorted();
        let mut counts = WordCounts::new(pattern);
        let bytes = short.iter().map(|(key, _)| short_length(*key)).sum::<usize>() + self.long.bytes.len();
        counts.reserve(short.len() + long.len(), bytes);
        let mut long = long.into_iter().peekable();
        for (key, count) in short {
            let window = key.to_be_bytes();
            let word = &window[..short_length(key)];
            while let Some((long_word, count)) = long.next_if(|(long_word, _)| *long_word < word) {
                counts.push(long_word, count)?;
            }
            counts.push(word, count)?;
        }
        long.try_for_each(|(word, count)| counts.push(word, count)).map(|()| counts)
    }
}

/// The 16 bytes from `start` on, with zeros where the text has ended.
fn window(text: &[u8], start: usize) -> u128 {
    let rest = &text[start..];
    match rest.first_chunk::<16>() {
        // Loading beyond the word's end is several times faster than copying just the word.
        Some(window) => u128::from_be_bytes(*window),
        None => {
            let mut window = [0; 16];
            window[..rest.len()].copy_from_slice(rest);
            u128::from_be_bytes(window)
        }
    }
}

/// The key of a word of at most [`SHORT`] bytes, and at least 1, that stands at the top of `bytes`.
fn short_key(bytes: u128, length: usize) -> u128 {
    bytes & (u128::MAX << (128 - 8 * length)) | length as u128
}

fn short_length(key: u128) -> usize {
    (key & 0xFF) as usize
}

/// The words that are their own keys.
#[derive(Debug)]
struct ShortWords {
    /// Key 0, which no word has, marks a free slot.
    slots: Vec<(u128, u64)>,
    used: usize,
}

impl ShortWords {
    fn new(slots: usize) -> Self {
        Self { slots: vec![(0, 0); slots], used: 0 }
    }

    fn add(&mut self, key: u128) {
        let slot = self.find(key);
        if self.slots[slot].0 == key {
            self.slots[slot].1 += 1;
        } else {
            self.insert(slot, key);
        }
    }

    /// The slot of `key`, or the free one where it belongs.
    fn find(&self, key: u128) -> usize {
        let mask = self.slots.len() - 1;
        let mut slot = mix(key as u64 ^ FACTORS[0], (key >> 64) as u64 ^ FACTORS[1]) as usize & mask;
        while self.slots[slot].0 != key && self.slots[slot].0 != 0 {
            slot = (slot + 1) & mask;
        }
        slot
    }

    #[cold]
    fn insert(&mut self, slot: usize, key: u128) {
        self.slots[slot] = (key, 1);
        self.used += 1;
        if self.used * 2 > self.slots.len() {
            let larger = Self::new(self.slots.len() * 4);
            let old = std::mem::replace(&mut self.slots, larger.slots);
            for entry in old.into_iter().filter(|(key, _)| *key != 0) {
                let slot = self.find(entry.0);
                self.slots[slot] = entry;
            }
        }
    }

    fn sorted(self) -> Vec<(u128, u64)> {
        let mut words = self.slots;
        words.retain(|(key, _)| *key != 0);
        words.sort_unstable_by_key(|&(key, _)| key);
        words
    }
}

/// The longer words.
#[derive(Debug)]
struct LongWords {
    /// The hash of a word, and its number plus 1; number 0 marks a free slot.
    slots: Vec<(u64, usize)>,
    bytes: Vec<u8>,
    ends: Vec<usize>,
    counts: Vec<u64>,
}

impl LongWords {
    fn new() -> Self {
        Self { slots: vec![(0, 0); FIRST_SLOTS], bytes: Vec::new(), ends: vec![0], counts: Vec::new() }
    }

    fn word(&self, number: usize) -> &[u8] {
        &self.bytes[self.ends[number]..self.ends[number + 1]]
    }

    fn add(&mut self, word: &[u8]) {
        let hash = xxh3_64(word);
        let mask = self.slots.len() - 1;
        let mut slot = hash as usize & mask;
        while self.slots[slot].1 != 0 {
            let (other, number) = self.slots[slot];
            if other == hash && self.word(number - 1) == word {
                self.counts[number - 1] += 1;
                return;
            }
            slot = (slot + 1) & mask;
        }
        self.insert(slot, hash, word);
    }

    fn insert(&mut self, slot: usize, hash: u64, word: &[u8]) {
        self.bytes.extend_from_slice(word);
        self.ends.push(self.bytes.len());
        self.counts.push(1);
        self.slots[slot] = (hash, self.counts.len());
        if self.counts.len() * 2 > self.slots.len() {
            let mask = self.slots.len() * 4 - 1;
            let old = std::mem::replace(&mut self.slots, vec![(0, 0); mask + 1]);
            for entry in old.into_iter().filter(|(_, number)| *number != 0) {
                let mut slot = entry.0 as usize & mask;
                while self.slots[slot].1 != 0 {
                    slot = (slot + 1) & mask;
                }
                self.slots[slot] = entry;
            }
        }
    }

    fn sorted(&self) -> Vec<(&[u8], u64)> {
        let mut words: Vec<_> =
            self.counts.iter().enumerate().map(|(at, &count)| (self.word(at), count)).collect();
        words.sort_unstable();
        words
    }
}
