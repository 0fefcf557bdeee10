//! One thread's tally of words.
//!
//! Words of at most 15 bytes, nearly all in most languages, are their own key of 16 bytes (see
//! [`keys`](crate::encode::keys)), so neither comparing nor copying them touches other memory; the longer ones keep
//! their bytes in one arena. Both tables are open-addressed with linear probing, at most half full.
//!
//! A block of some hundreds of words is counted in two steps: first all keys and their places are found and the places
//! called from memory, then the counts rise. One word at a time, a third of the time went into waiting for places.

use xxhash_rust::xxh3::xxh3_64;

use crate::Result;
use crate::count::WordCounts;
use crate::encode::keys::{Extent, Key, Keys, bucket_of, has_bytes};
use crate::encode::table::{Table as Slots, prefetch};
use crate::processor::Level;
use crate::split::{Ends, Pattern};

/// log2 of the buckets of a new table: 512 KiB, which stay in the L2 cache.
const FIRST_BITS: u32 = 13;

/// Words and how often each was added.
#[derive(Debug)]
pub(super) struct Table {
    level: Level,
    keys: Keys,
    short: ShortWords,
    long: LongWords,
}

impl Table {
    pub(super) fn new() -> Self {
        Self {
            level: Level::best(),
            keys: Keys::default(),
            short: ShortWords::new(FIRST_BITS),
            long: LongWords::new(),
        }
    }

    /// Counts these words of `text`, each so many times.
    pub(super) fn add_all(&mut self, text: &[u8], words: &Ends, times: u64) {
        let Self { level, keys, short, long } = self;
        let count = words.ends().len();
        short.reserve(count);
        keys.make(*level, text, words, Extent::Pretoken, short.bits);
        let (keys, places) = keys.first(count);
        short.add_all(keys, places, times, |number| {
            long.add(&text[words.place(number)], times);
        });
    }

    /// About how many bytes of memory this takes, at least when so many more words come.
    pub(super) fn memory_with(&self, words: usize) -> usize {
        let grows = self.short.used + words > 1 << self.short.bits;
        // The old buckets are still there while the new ones are filled.
        let short = (size_of::<Bucket>() << self.short.bits) * if grows { 3 } else { 1 };
        short + self.long.memory()
    }

    /// Calls `visit` with each word and its count, in the order of bytes, until it fails.
    pub(super) fn for_each_sorted(mut self, mut visit: impl FnMut(&[u8], u64) -> Result<()>) -> Result<()> {
        let mut long = self.long.sorted().into_iter().peekable();
        for (word, count) in self.short.sort() {
            let bytes = word.to_be_bytes();
            let word = &bytes[..length_of(word)];
            while let Some((long_word, count)) = long.next_if(|(long_word, _)| *long_word < word) {
                visit(long_word, count)?;
            }
            visit(word, count)?;
        }
        long.try_for_each(|(word, count)| visit(word, count))
    }

    /// The words in the order of their bytes.
    pub(super) fn into_counts(self, pattern: Pattern) -> Result<WordCounts> {
        let short_bytes: usize = self.short.slots().map(|slot| length_of(slot.key.swap_bytes())).sum();
        let mut counts = WordCounts::new(pattern);
        counts.reserve(self.short.used + self.long.counts.len(), short_bytes + self.long.bytes.len());
        self.for_each_sorted(|word, count| counts.push(word, count))?;
        Ok(counts)
    }
}

/// A key with its bytes from the top, zeros, and the length in the lowest byte: these numbers sort as the words do.
type Sortable = u128;

fn length_of(word: Sortable) -> usize {
    (word & 0xFF) as usize
}

/// A word that is its own key; 0, which is no word's, marks a free slot.
#[derive(Debug, Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
struct Slot {
    key: Key,
    count: u64,
    unused: u64,
}

/// Two slots in one cache line; the first is taken first.
type Bucket = [Slot; 2];

/// The words that are their own keys.
#[derive(Debug)]
struct ShortWords {
    buckets: Slots<Bucket>,
    /// log2 of the number of buckets.
    bits: u32,
    used: usize,
}

impl ShortWords {
    fn new(bits: u32) -> Self {
        Self { buckets: Slots::new(1 << bits), bits, used: 0 }
    }

    /// Makes room for so many more words, before their places are found.
    fn reserve(&mut self, words: usize) {
        while self.used + words > 1 << self.bits {
            let mut larger = Self::new(self.bits + 1);
            for slot in self.slots() {
                *slot_of(larger.buckets.entries_mut(), slot.key, bucket_of(slot.key, larger.bits)) = *slot;
            }
            larger.used = self.used;
            *self = larger;
        }
    }

    /// Counts the keys, which belong at `places`, each so many times; calls `other` with the numbers of those that have no bytes.
    #[inline(always)]
    fn add_all(&mut self, keys: &[Key], places: &[u32], times: u64, mut other: impl FnMut(usize)) {
        let buckets = self.buckets.entries_mut();
        let first = buckets.as_ptr();
        for &place in places {
            prefetch(first.wrapping_add(place as usize));
        }
        for (number, (&key, &place)) in keys.iter().zip(places).enumerate() {
            if !has_bytes(key) {
                other(number);
                continue;
            }
            let bucket = &mut buckets[place as usize];
            // Chosen without a branch, since there is no telling which of the two it is.
            let mut slot = &mut bucket[usize::from(bucket[1].key == key)];
            if slot.key != key {
                slot = slot_of(buckets, key, place as usize);
                self.used += usize::from(slot.key == 0);
                slot.key = key;
            }
            slot.count += times;
        }
    }

    /// The slots that hold a word.
    fn slots(&self) -> impl Iterator<Item = &Slot> {
        self.buckets.entries().iter().flatten().filter(|slot| slot.key != 0)
    }

    /// The words in the order of their bytes. They are sorted where the table stood, which is none any more then: memory
    /// may be all but full.
    fn sort(&mut self) -> impl Iterator<Item = (Sortable, u64)> {
        let slots = self.buckets.entries_mut().as_flattened_mut();
        let mut used = 0;
        for at in 0..slots.len() {
            if slots[at].key != 0 {
                slots[used] = Slot { key: slots[at].key.swap_bytes(), ..slots[at] };
                used += 1;
            }
        }
        slots[..used].sort_unstable_by_key(|slot| slot.key);
        slots[..used].iter().map(|slot| (slot.key, slot.count))
    }
}

/// The slot of `key`, which belongs into bucket `place`, or the free one where it would be.
#[inline(never)]
fn slot_of(buckets: &mut [Bucket], key: Key, mut place: usize) -> &mut Slot {
    loop {
        if let Some(at) = buckets[place].iter().position(|slot| slot.key == key || slot.key == 0) {
            return &mut buckets[place][at];
        }
        place = (place + 1) & (buckets.len() - 1);
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
        Self { slots: vec![(0, 0); 1 << FIRST_BITS], bytes: Vec::new(), ends: vec![0], counts: Vec::new() }
    }

    /// About how many bytes of memory this takes, a third more than is in use, because it grows, and what sorting takes.
    fn memory(&self) -> usize {
        let words = self.counts.len() * (size_of::<(u64, usize)>() + size_of::<(&[u8], u64)>());
        self.slots.len() * size_of::<(u64, usize)>() + (words + self.bytes.len()) / 3 * 4
    }

    fn word(&self, number: usize) -> &[u8] {
        &self.bytes[self.ends[number]..self.ends[number + 1]]
    }

    fn add(&mut self, word: &[u8], times: u64) {
        let hash = xxh3_64(word);
        let mask = self.slots.len() - 1;
        let mut slot = hash as usize & mask;
        while self.slots[slot].1 != 0 {
            let (other, number) = self.slots[slot];
            if other == hash && self.word(number - 1) == word {
                self.counts[number - 1] += times;
                return;
            }
            slot = (slot + 1) & mask;
        }
        self.insert(slot, hash, word, times);
    }

    fn insert(&mut self, slot: usize, hash: u64, word: &[u8], times: u64) {
        self.bytes.extend_from_slice(word);
        self.ends.push(self.bytes.len());
        self.counts.push(times);
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
