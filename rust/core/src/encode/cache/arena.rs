//! The ids of what has no slot of its own in the cache: pieces too long for a key, and short ones with more ids than a
//! slot has lanes.
//!
//! All ids, and the bytes of the long pieces, stand one after another in one array. A long piece is found by its hash,
//! in buckets of four tags that share a cache line, or in the neighbouring bucket; its bytes are compared whole. A
//! short one needs no look-up: its slot says where its ids stand.
//!
//! The array has a fixed bound. When it is full, everything is forgotten at once and it fills anew, so that it holds
//! what came lately, and a text of another kind gets its turn. Slots of the cache may then refer to ids that are gone;
//! an [`Excerpt`] carries the number of the filling it is from, and one of an earlier filling finds nothing.

use xxhash_rust::xxh3::xxh3_64;

use crate::keys::Extent;
use crate::memory::table::{Table, prefetch};

/// The most words in the array: 16 MiB. The long pretokens of 36 MB of text in 25 languages take nine.
const MOST_WORDS: usize = 1 << 22;

/// log2 of the number of buckets at first, and at most (4 MiB).
const FEWEST_BITS: u32 = 8;
const MOST_BITS: u32 = 16;

/// The most bytes of a piece that is kept: longer ones hardly ever come again.
pub(crate) const MOST_BYTES: usize = 128;

/// How many words are copied at once: that is faster than copying just the right number, even if there are fewer ids.
pub(crate) const AT_ONCE: usize = 16;

/// Where some ids stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Excerpt {
    pub(crate) start: u32,
    pub(crate) count: u32,
    pub(crate) filling: u32,
}

/// The hash of a long piece that may be kept.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hash(u32);

impl Hash {
    /// The hash of a piece; `None` if it is too long to be kept.
    #[inline]
    pub(crate) fn of(piece: &[u8]) -> Option<Self> {
        Self::is_for(piece).then(|| Self((xxh3_64(piece) >> 32) as u32))
    }

    /// Whether a piece is not too long to be kept.
    pub(crate) fn is_for(piece: &[u8]) -> bool {
        piece.len() <= MOST_BYTES
    }

    /// The lower bits of the hash.
    pub(crate) fn low(self) -> u32 {
        self.0
    }

    fn bucket(self, bits: u32) -> usize {
        (self.0 >> (32 - bits)) as usize
    }
}

#[derive(Debug, Clone, Copy, Default, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
struct Slot {
    hash: u32,
    /// The number of bytes, and above it whether they are a whole pretoken.
    length: u32,
    /// Where the bytes stand; the ids follow them.
    start: u32,
    /// The number of ids; 0 in a free slot.
    count: u32,
}

type Bucket = [Slot; 4];

/// Ids that are too many for a slot, and long pieces with theirs.
#[derive(Debug)]
pub(crate) struct Arena {
    words: Vec<u32>,
    buckets: Table<Bucket>,
    bits: u32,
    /// Slots filled since these buckets were made.
    filled: usize,
    filling: u32,
}

impl Arena {
    pub(crate) fn new() -> Self {
        Self {
            words: Vec::new(),
            buckets: Table::new(1 << FEWEST_BITS),
            bits: FEWEST_BITS,
            filled: 0,
            filling: 0,
        }
    }

    /// The ids as they are now.
    #[inline(always)]
    pub(crate) fn view(&self) -> View<'_> {
        View { words: &self.words, filling: self.filling }
    }

    /// The ids of an excerpt, if they are still here.
    #[inline]
    pub(crate) fn ids(&self, excerpt: Excerpt) -> Option<&[u32]> {
        self.view().ids(excerpt)
    }

    /// Keeps some ids.
    pub(crate) fn keep(&mut self, ids: &[u32]) -> Excerpt {
        self.make_room(ids.len());
        let start = self.words.len() as u32;
        self.words.extend_from_slice(ids);
        Excerpt { start, count: ids.len() as u32, filling: self.filling }
    }

    /// Prefetches the bucket that [`fetch_entry`](Self::fetch_entry) reads.
    #[inline(always)]
    pub(crate) fn fetch(&self, hash: Hash) {
        prefetch(self.buckets.entries().as_ptr().wrapping_add(hash.bucket(self.bits)));
    }

    /// Prefetches the first two cache lines of the bytes and ids that [`find`](Self::find) will read.
    #[inline(always)]
    pub(crate) fn fetch_entry(&self, hash: Hash) {
        let bucket = &self.buckets.entries()[hash.bucket(self.bits)];
        let start = bucket.iter().fold(0, |start, slot| if slot.hash == hash.0 { slot.start } else { start });
        let entry = self.words.as_ptr().wrapping_add(start as usize);
        prefetch(entry);
        prefetch(entry.wrapping_add(64 / size_of::<u32>()));
    }

    /// Where the ids of a long piece stand.
    #[inline]
    pub(crate) fn find(&self, hash: Hash, piece: &[u8], extent: Extent) -> Option<Excerpt> {
        let place = hash.bucket(self.bits);
        let length = length_of(piece, extent);
        let buckets = self.buckets.entries();
        let slots = buckets[place].iter().chain(&buckets[place ^ 1]).take_while(|slot| slot.count != 0);
        slots.filter(|slot| slot.hash == hash.0 && slot.length == length).find_map(|slot| {
            let words = words_of(piece.len());
            let bytes = &self.words[slot.start as usize..][..words];
            let is_it = bytemuck::cast_slice::<_, u8>(bytes)[..piece.len()] == *piece;
            let start = slot.start + words as u32;
            is_it.then_some(Excerpt { start, count: slot.count, filling: self.filling })
        })
    }

    /// Keeps the ids of a long piece that is not in here.
    pub(crate) fn insert(&mut self, hash: Hash, piece: &[u8], extent: Extent, ids: &[u32]) {
        self.make_room(words_of(piece.len()) + ids.len());
        if self.filled > 2 << self.bits && self.bits < MOST_BITS {
            self.grow();
        }
        let start = self.words.len();
        self.words.resize(start + words_of(piece.len()), 0);
        bytemuck::cast_slice_mut(&mut self.words[start..])[..piece.len()].copy_from_slice(piece);
        self.words.extend_from_slice(ids);
        let length = length_of(piece, extent);
        self.enter(Slot { hash: hash.0, length, start: start as u32, count: ids.len() as u32 });
    }

    /// Enters a slot, in the place of another if its bucket and the neighbouring one are full.
    fn enter(&mut self, slot: Slot) {
        let place = Hash(slot.hash).bucket(self.bits);
        let buckets = self.buckets.entries_mut();
        let is_free = |&place: &usize| buckets[place].iter().any(|slot| slot.count == 0);
        let free = [place, place ^ 1].into_iter().find(is_free);
        let bucket = &mut buckets[free.unwrap_or(place)];
        let number = bucket.iter().position(|slot| slot.count == 0).unwrap_or(slot.hash as usize % 4);
        bucket[number] = slot;
        self.filled += usize::from(free.is_some());
    }

    fn grow(&mut self) {
        self.bits = (self.bits + 2).min(MOST_BITS);
        let smaller = std::mem::replace(&mut self.buckets, Table::new(1 << self.bits));
        self.filled = 0;
        smaller.entries().iter().flatten().filter(|slot| slot.count != 0).for_each(|&slot| self.enter(slot));
    }

    /// Forgets everything if there is no room for `words` more.
    fn make_room(&mut self, words: usize) {
        if self.words.len() + words > MOST_WORDS {
            self.forget();
        }
    }

    /// Forgets everything.
    pub(crate) fn forget(&mut self) {
        self.words.clear();
        self.buckets.entries_mut().fill([Slot::default(); 4]);
        self.filled = 0;
        self.filling = self.filling.wrapping_add(1);
    }
}

/// The ids in an [`Arena`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct View<'a> {
    pub(crate) words: &'a [u32],
    pub(crate) filling: u32,
}

impl<'a> View<'a> {
    /// The ids of an excerpt, if they are still here.
    #[inline]
    fn ids(self, excerpt: Excerpt) -> Option<&'a [u32]> {
        if excerpt.filling != self.filling {
            return None;
        }
        self.words.get(excerpt.start as usize..)?.get(..excerpt.count as usize)
    }

    /// Copies the ids of an excerpt, if they are still here and there is room; returns how many there are.
    #[inline]
    pub(crate) fn copy(self, excerpt: Excerpt, room: &mut [u32]) -> Option<usize> {
        let ids = self.ids(excerpt)?;
        let (words, count) = (&self.words[excerpt.start as usize..], ids.len());
        if count <= AT_ONCE
            && let (Some(from), Some(to)) = (words.first_chunk::<AT_ONCE>(), room.first_chunk_mut())
        {
            *to = *from;
        } else {
            room.get_mut(..count)?.copy_from_slice(ids);
        }
        Some(count)
    }
}

/// How a slot writes the length of a piece, so that a whole pretoken is never taken for a piece of one.
fn length_of(piece: &[u8], extent: Extent) -> u32 {
    piece.len() as u32 | (extent as u32) << 16
}

/// How many words hold `bytes` bytes.
fn words_of(bytes: usize) -> usize {
    bytes.div_ceil(size_of::<u32>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(number: u32) -> Vec<u8> {
        format!("piece that is long, number {number}").into_bytes()
    }

    fn hash(piece: &[u8]) -> Hash {
        Hash::of(piece).expect("a piece that may be kept")
    }

    #[test]
    fn what_is_found_is_what_was_kept_until_all_is_forgotten() {
        let mut arena = Arena::new();
        let mut last = 0;
        while arena.filling < 2 {
            let piece = piece(last);
            arena.insert(hash(&piece), &piece, Extent::Pretoken, &[last, last + 1]);
            last += 1;
        }
        let found = (0..last).filter(|&number| {
            let piece = piece(number);
            let ids =
                arena.find(hash(&piece), &piece, Extent::Pretoken).and_then(|excerpt| arena.ids(excerpt));
            assert!(ids.is_none_or(|ids| ids == [number, number + 1]));
            assert_eq!(arena.find(hash(&piece), &piece, Extent::Piece), None);
            ids.is_some()
        });
        assert_eq!(
            found.collect::<Vec<_>>(),
            [last - 1],
            "only what came after the last time all was forgotten"
        );
        assert!(arena.words.capacity() <= 2 * MOST_WORDS && arena.bits == MOST_BITS);
    }

    #[test]
    fn most_pieces_are_found_while_the_array_is_not_full() {
        let mut arena = Arena::new();
        for number in 0..100_000 {
            let piece = piece(number);
            arena.insert(hash(&piece), &piece, Extent::Piece, &[number]);
        }
        let is_found = |&number: &u32| {
            let piece = piece(number);
            arena.find(hash(&piece), &piece, Extent::Piece).and_then(|excerpt| arena.ids(excerpt))
                == Some(&[number][..])
        };
        let found = (0..100_000).filter(is_found).count();
        assert!(arena.filling == 0 && found > 80_000, "{found}");
    }

    #[test]
    fn excerpts_of_an_earlier_filling_find_nothing() {
        let mut arena = Arena::new();
        let first = arena.keep(&[1, 2, 3, 4, 5]);
        assert_eq!(arena.ids(first), Some(&[1, 2, 3, 4, 5][..]));
        while arena.filling == 0 {
            arena.keep(&[7; 1000]);
        }
        assert_eq!(arena.ids(first), None);
        let second = arena.keep(&[9; 5]);
        assert_eq!(arena.ids(second), Some(&[9; 5][..]));
    }

    #[test]
    fn what_is_too_long_is_not_kept() {
        assert!(Hash::of(&[b'a'; MOST_BYTES]).is_some() && Hash::of(&[b'a'; MOST_BYTES + 1]).is_none());
    }
}
