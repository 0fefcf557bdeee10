//! What recent pretokens were encoded to.
//!
//! Text repeats itself: of 22 million pretokens in 100 MB of English books 154 thousand are distinct. A pretoken of
//! at most [`KEY_BYTES`] bytes with at most [`LANES`] ids has one 32-byte slot; two slots that a hash may choose from
//! share a cache line, and a newcomer takes the place of the one used longer ago. Longer pretokens stand in a small
//! table of their own. Both have a fixed size and never probe further, so neither a large nor a hostile text can make
//! them grow or slow. A stored key is always compared whole: a hash decides about speed only.

use xxhash_rust::xxh3::xxh3_64;

/// The longest pretoken that is its own key: 15 bytes, and the length in the sixteenth.
pub(super) const KEY_BYTES: usize = 15;

/// The most ids that a slot holds.
pub(super) const LANES: usize = 4;

/// Pairs of slots: 2^17 × 64 bytes are 8 MiB, of which only what is used is ever touched.
const BUCKETS: usize = 1 << 17;

/// Slots for long pretokens, and the most bytes of a pretoken that enters one.
const LONG_SLOTS: usize = 1 << 14;
const LONG_BYTES: usize = 256;

/// Ids of a short pretoken: four lanes, the number of those used in the upper byte of the last one. Ids have 24 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Lanes([u32; LANES]);

impl Lanes {
    /// `None` if there are too many ids for the lanes.
    pub(super) fn new(ids: &[u32]) -> Option<Self> {
        let mut lanes = [0; LANES];
        lanes.get_mut(..ids.len())?.copy_from_slice(ids);
        lanes[LANES - 1] |= (ids.len() as u32) << 24;
        Some(Self(lanes))
    }

    /// All four lanes, of which the first [`len`](Self::len) are ids.
    #[inline(always)]
    pub(super) fn ids(self) -> [u32; LANES] {
        let [first, second, third, last] = self.0;
        [first, second, third, last & 0x00FF_FFFF]
    }

    #[inline(always)]
    pub(super) fn len(self) -> usize {
        (self.0[LANES - 1] >> 24) as usize
    }
}

/// A pretoken's bytes and length as one number; 0 is no pretoken's.
pub(super) type Key = u128;

/// A key that no slot holds, for what is too long to have one: its length is 0.
pub(super) fn no_key(extent: Extent) -> Key {
    (extent as u128) << 120 | 1
}

/// Whether the key is that of some bytes.
#[inline(always)]
pub(super) fn has_bytes(key: Key) -> bool {
    (key >> 120) & 0x7F != 0
}

/// Whether the key is that of a pretoken or of a piece of one.
pub(super) fn extent_of(key: Key) -> Extent {
    if key >> 127 == 0 { Extent::Pretoken } else { Extent::Piece }
}

/// Where in the cache a key would be.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Place(u32);

/// Whether a key's bytes are a pretoken or only a piece of one, which a vocabulary may treat differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Extent {
    #[default]
    Pretoken = 0,
    Piece = 0x80,
}

/// The key of the `length` ≤ [`KEY_BYTES`] bytes at the start of `text`, which may be longer.
#[inline(always)]
pub(super) fn key_of(text: &[u8], length: usize, extent: Extent) -> Key {
    let bytes = match text.first_chunk::<16>() {
        Some(bytes) => *bytes,
        None => {
            let mut bytes = [0; 16];
            bytes[..text.len()].copy_from_slice(text);
            bytes
        }
    };
    let kept = u128::MAX >> (128 - 8 * length);
    u128::from_le_bytes(bytes) & kept | ((length | extent as usize) as u128) << 120
}

#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    key: Key,
    lanes: Lanes,
}

/// Two slots in one cache line, the one used last first.
#[derive(Debug, Clone, Copy, Default)]
#[repr(align(64))]
struct Bucket([Slot; 2]);

#[derive(Debug, Clone, Default)]
struct LongSlot {
    piece: Box<[u8]>,
    extent: Extent,
    ids: Box<[u32]>,
}

/// The cache of one thread.
#[derive(Debug)]
pub(super) struct Cache {
    buckets: Vec<Bucket>,
    long: Vec<LongSlot>,
}

impl Cache {
    pub(super) fn new() -> Self {
        Self { buckets: vec![Bucket::default(); BUCKETS], long: vec![LongSlot::default(); LONG_SLOTS] }
    }

    /// Where the ids of a short pretoken would be; the memory there is fetched while the caller does something else.
    #[inline(always)]
    pub(super) fn fetch(&self, key: Key) -> Place {
        let place = bucket_of(key);
        prefetch(&self.buckets[place]);
        Place(place as u32)
    }

    /// The ids of a short pretoken, at the place that [`fetch`](Self::fetch) gave for it.
    #[inline(always)]
    pub(super) fn find(&self, key: Key, place: Place) -> Option<Lanes> {
        let Bucket(slots) = &self.buckets[place.0 as usize % BUCKETS];
        // Chosen without a branch, since there is no telling which of the two it is.
        let slot = &slots[usize::from(slots[1].key == key)];
        (slot.key == key).then_some(slot.lanes)
    }

    /// Keeps the ids of a short pretoken that is not in here.
    pub(super) fn insert(&mut self, key: Key, lanes: Lanes) {
        let Bucket([first, second]) = &mut self.buckets[bucket_of(key)];
        *second = *first;
        *first = Slot { key, lanes };
    }

    /// The slot that holds the ids of a long piece.
    pub(super) fn find_long(&self, piece: &[u8], extent: Extent) -> Option<usize> {
        let is_it = |slot: &usize| *self.long[*slot].piece == *piece && self.long[*slot].extent == extent;
        long_slot_of(piece).filter(is_it)
    }

    /// The ids in a slot that [`find_long`](Self::find_long) gave.
    pub(super) fn long_ids(&self, slot: usize) -> &[u32] {
        &self.long[slot].ids
    }

    /// Keeps the ids of a long piece, if it is not too long.
    pub(super) fn insert_long(&mut self, piece: &[u8], extent: Extent, ids: &[u32]) {
        if let Some(slot) = long_slot_of(piece) {
            self.long[slot] = LongSlot { piece: piece.into(), extent, ids: ids.into() };
        }
    }
}

#[inline(always)]
fn bucket_of(key: Key) -> usize {
    // One multiplication of both halves; either constant keeps a half of zeros from hiding the other.
    let low = key as u64 ^ 0x9E37_79B9_7F4A_7C15;
    let high = (key >> 64) as u64 ^ 0xD6E8_FEB8_6659_FD93;
    let product = u128::from(low) * u128::from(high);
    ((product >> 64) as u64 ^ product as u64) as usize % BUCKETS
}

/// Asks for a cache line ahead of its use.
#[inline(always)]
#[expect(unsafe_code, reason = "the instruction takes a pointer")]
fn prefetch(bucket: &Bucket) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: prefetching has no effect but on time, whatever the address; this one is a reference's.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(bucket).cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = bucket;
}

fn long_slot_of(piece: &[u8]) -> Option<usize> {
    (piece.len() <= LONG_BYTES).then(|| xxh3_64(piece) as usize % LONG_SLOTS)
}
