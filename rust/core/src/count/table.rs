//! One thread's tally of words.
//!
//! Words of at most 15 bytes, nearly all in most languages, are their own key of 16 bytes (see
//! [`keys`](crate::keys)), so neither comparing nor copying them touches other memory; the longer ones keep
//! their bytes in one arena. Both tables are open-addressed with linear probing, at most half full.
//!
//! A block of some hundreds of words is counted in two steps: first all keys and their places are found and the places
//! prefetched, then the counts are raised. One word at a time, a third of the time went into waiting for places.

use xxhash_rust::xxh3::xxh3_64;

use crate::Result;
use crate::count::WordCounts;
use crate::keys::{Extent, Key, Keys, bucket_of, has_bytes};
use crate::memory::table::{Table as Slots, prefetch};
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

    /// Counts these words of `text`, each `times` times.
    pub(super) fn add_all(&mut self, text: &[u8], words: &Ends, times: u64) {
        debug_assert!(times > 0, "what counts 0 is a free slot");
        let Self { level, keys, short, long } = self;
        let count = words.ends().len();
        short.reserve(count);
        keys.make(*level, text, words, Extent::Pretoken, short.bits);
        let (keys, places) = keys.first(count);
        let word = |number| &text[words.place(number)];
        short.add_all(keys, places, times, |number| long.note(word(number), number));
        long.add_noted(times, word);
    }

    /// About how many bytes of memory this takes when `words` more words come, if no table doubles more than once.
    pub(super) fn memory_with(&self, words: usize) -> usize {
        let grows = self.short.used + words > 1 << self.short.bits;
        // The old buckets are still there while the new ones are filled.
        let short = (size_of::<Bucket>() << self.short.bits) * if grows { 3 } else { 1 };
        short + self.long.memory_with(words)
    }

    /// Calls `visit` with each word and its count, in the order of bytes, until it fails.
    ///
    /// The bytes of long words are scattered over memory, so these are sorted by copies of their first bytes. A short
    /// word comes before a long one with the same first bytes, since it is the beginning of the long one.
    pub(super) fn for_each_sorted(mut self, mut visit: impl FnMut(&[u8], u64) -> Result<()>) -> Result<()> {
        let mut long = self.long.sorted().peekable();
        for (word, count) in self.short.sort() {
            while let Some((_, long_word, count)) = long.next_if(|(beginning, ..)| beginning >> 8 < word >> 8)
            {
                visit(long_word, count)?;
            }
            visit(&word.to_be_bytes()[..length_of(word)], count)?;
        }
        long.try_for_each(|(_, word, count)| visit(word, count))
    }

    /// The words in the order of their bytes.
    pub(super) fn into_counts(self, pattern: Pattern) -> Result<WordCounts> {
        let short_bytes: usize = self.short.slots().map(|slot| length_of(slot.key.swap_bytes())).sum();
        let mut counts = WordCounts::new(pattern);
        counts.reserve(self.short.used + self.long.used, short_bytes + self.long.bytes.len());
        self.for_each_sorted(|word, count| counts.push(word, count))?;
        Ok(counts)
    }
}

/// A key with its bytes from the top, zeros, and the length in the lowest byte: these numbers sort as the words do.
type Sortable = u128;

fn length_of(word: Sortable) -> usize {
    (word & 0xFF) as usize
}

/// A word that is its own key; the key 0, which no word has, marks a free slot.
#[derive(Debug, Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
struct Slot {
    key: Key,
    count: u64,
    unused: u64,
}

/// Two slots in one cache line; the first one is filled first.
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

    /// Makes room for `words` more words, before their places are found.
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

    /// Counts the keys, which belong at `places`, each `times` times; calls `other` with the numbers of the keys that
    /// have no bytes.
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
            // Chosen without a branch, since it cannot be predicted which of the two it is.
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

    /// The words in the order of their bytes. They are sorted in the table's own memory, which destroys the table:
    /// memory may be nearly full.
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

/// The slot of `key`, whose bucket is `place`, or the free one where it would be.
#[inline(never)]
fn slot_of(buckets: &mut [Bucket], key: Key, mut place: usize) -> &mut Slot {
    loop {
        if let Some(at) = buckets[place].iter().position(|slot| slot.key == key || slot.key == 0) {
            return &mut buckets[place][at];
        }
        place = (place + 1) & (buckets.len() - 1);
    }
}

/// A longer word; a count of 0, which no word has, marks a free slot.
#[derive(Debug, Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
struct LongSlot {
    hash: u64,
    count: u64,
    /// Where its bytes are.
    start: u64,
    length: u64,
}

/// The first 16 bytes of a longer word, which it always has; these numbers sort as the words do, except for words that
/// begin alike.
type Beginning = u128;

/// The longer words.
#[derive(Debug)]
struct LongWords {
    slots: Slots<LongSlot>,
    used: usize,
    bytes: Vec<u8>,
    /// The hashes of words of the block, and their numbers there.
    pending: Vec<(u64, u32)>,
}

impl LongWords {
    fn new() -> Self {
        Self { slots: Slots::new(1 << FIRST_BITS), used: 0, bytes: Vec::new(), pending: Vec::new() }
    }

    /// About how many bytes of memory this takes when `words` more words come: the slots, the bytes, for which there
    /// may be room for twice as many, and what sorting needs.
    fn memory_with(&self, words: usize) -> usize {
        // Long words are few in most languages, and half in some.
        let grows = (self.used + words / 4) * 2 > self.slots.entries().len();
        // As above.
        let slots = size_of_val(self.slots.entries()) * if grows { 3 } else { 1 };
        slots + self.bytes.len() * 2 + self.used * size_of::<(Beginning, &[u8], u64)>()
    }

    /// Notes a word of the block and prefetches its slot.
    fn note(&mut self, word: &[u8], number: usize) {
        let hash = xxh3_64(word);
        let slots = self.slots.entries();
        prefetch(slots.as_ptr().wrapping_add(home(hash, slots)));
        self.pending.push((hash, number as u32));
    }

    /// Counts the words that were noted, each `times` times.
    fn add_noted<'t>(&mut self, times: u64, word: impl Fn(usize) -> &'t [u8]) {
        self.reserve(self.pending.len());
        let Self { slots, used, bytes, pending } = self;
        let slots = slots.entries_mut();
        for &(hash, _) in &*pending {
            let slot = &slots[home(hash, slots)];
            prefetch(bytes.as_ptr().wrapping_add(slot.start as usize));
        }
        for (hash, number) in pending.drain(..) {
            let word = word(number as usize);
            let is_its = |slot: &LongSlot| slot.hash == hash && slot.word(bytes) == word;
            let at = place_of(hash, slots, is_its);
            if slots[at].count == 0 {
                slots[at] = LongSlot { hash, count: 0, start: bytes.len() as u64, length: word.len() as u64 };
                bytes.extend_from_slice(word);
                *used += 1;
            }
            slots[at].count += times;
        }
    }

    /// Makes room for `words` more words.
    fn reserve(&mut self, words: usize) {
        while (self.used + words) * 2 > self.slots.entries().len() {
            let mut larger = Slots::<LongSlot>::new(self.slots.entries().len() * 2);
            let slots = larger.entries_mut();
            for slot in self.slots.entries().iter().filter(|slot| slot.count != 0) {
                slots[place_of(slot.hash, slots, |_| false)] = *slot;
            }
            self.slots = larger;
        }
    }

    /// The words in the order of their bytes, with their beginnings and counts.
    fn sorted(&self) -> impl Iterator<Item = (Beginning, &[u8], u64)> {
        /// How many words ahead of its use the bytes of a word are prefetched.
        const AHEAD: usize = 8;
        let slots = self.slots.entries().iter().filter(|slot| slot.count != 0);
        let mut words: Vec<(Beginning, &[u8], u64)> = Vec::with_capacity(self.used);
        words.extend(slots.map(|slot| {
            let word = slot.word(&self.bytes);
            let beginning = word.first_chunk().expect("shorter words are their own keys");
            (Beginning::from_be_bytes(*beginning), word, slot.count)
        }));
        // First by the beginnings alone: nearly all of the work, and without branches. Then words that begin alike.
        words.sort_unstable_by_key(|word| word.0);
        let runs = words.chunk_by_mut(|one, other| one.0 == other.0).filter(|run| run.len() > 1);
        runs.for_each(|run| run.sort_unstable_by_key(|word| word.1));
        (0..words.len()).map(move |number| {
            if let Some((_, ahead, _)) = words.get(number + AHEAD) {
                prefetch(ahead.as_ptr());
            }
            words[number]
        })
    }
}

impl LongSlot {
    fn word<'b>(&self, bytes: &'b [u8]) -> &'b [u8] {
        &bytes[self.start as usize..][..self.length as usize]
    }
}

/// The slot where a word with this hash would be.
fn home(hash: u64, slots: &[LongSlot]) -> usize {
    hash as usize & (slots.len() - 1)
}

/// The slot of a word with this hash, recognised by `is_its`, or the free one where it would be.
#[inline]
fn place_of(hash: u64, slots: &[LongSlot], is_its: impl Fn(&LongSlot) -> bool) -> usize {
    let mut at = home(hash, slots);
    while slots[at].count != 0 && !is_its(&slots[at]) {
        at = (at + 1) & (slots.len() - 1);
    }
    at
}
