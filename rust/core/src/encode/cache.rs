//! What recent pieces of text were encoded to.
//!
//! Text repeats itself: of 21 million pretokens in 100 MB of English books 180 thousand are distinct. A piece of at
//! most [`KEY_BYTES`](super::keys::KEY_BYTES) bytes with at most [`LANES`] ids has one 32-byte slot; the two slots that a hash may choose from
//! share a cache line. Longer pretokens stand in a small table of their own. Neither probes further, and both stop growing
//! at a fixed size, so neither a large nor a hostile text can slow them or fill the memory. A stored key is always
//! compared whole: a hash decides about speed only.
//!
//! When both slots are taken, the newcomer goes to the bucket beside it, where only who does not find it looks; when
//! that is full, too, it takes the second slot for good. So the first keeps what came first, which in any text are the
//! frequent words. In the books 0.35 % of look-ups miss without the bucket beside (and cost a quarter of the time), against
//! 0.46 % when the newcomer moves to the front, and 0.39 % when each use does, which costs a store besides.

use xxhash_rust::xxh3::xxh3_64;

use super::keys::{Key, bucket_of};
use super::table::Table;

/// The most ids that a slot holds.
pub(super) const LANES: usize = 4;

/// log2 of the number of pairs of slots, of 64 bytes each, at first (64 KiB) and at most (16 MiB).
const FEWEST_BITS: u32 = 10;
const MOST_BITS: u32 = 18;

/// Pairs of slots for long pretokens, and the most bytes of a pretoken that enters one.
const LONG_BUCKETS: usize = 1 << 14;
const LONG_BYTES: usize = 128;

/// Ids of a short piece: four lanes, the number of those used in the upper byte of the last one. Ids have 24 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(transparent)]
pub(super) struct Lanes([u32; LANES]);

impl Lanes {
    /// What stands for more ids than there are lanes: the table of long pretokens may have them.
    pub(super) const MANY: Self = Self([0, 0, 0, 0xFF << 24]);

    /// The ids, or [`MANY`](Self::MANY).
    pub(super) fn new(ids: &[u32]) -> Self {
        let mut lanes = [0; LANES];
        let Some(used) = lanes.get_mut(..ids.len()) else { return Self::MANY };
        used.copy_from_slice(ids);
        lanes[LANES - 1] |= (ids.len() as u32) << 24;
        Self(lanes)
    }

    /// The first `count` of `ids`, whatever the others are.
    #[inline(always)]
    pub(super) fn of(ids: [u32; LANES], count: usize) -> Self {
        let mut lanes: [u32; LANES] = std::array::from_fn(|at| if at < count { ids[at] } else { 0 });
        lanes[LANES - 1] |= (count as u32) << 24;
        Self(lanes)
    }

    /// All four lanes, of which the first [`len`](Self::len) are ids.
    #[inline(always)]
    pub(super) fn ids(self) -> [u32; LANES] {
        // All at once: one by one they would be loaded and stored so, too.
        const IDS: u128 = bytemuck::must_cast([u32::MAX, u32::MAX, u32::MAX, 0x00FF_FFFF]);
        bytemuck::must_cast(bytemuck::must_cast::<_, u128>(self.0) & IDS)
    }

    /// How many ids there are; more than [`LANES`] for [`MANY`](Self::MANY).
    #[inline(always)]
    pub(super) fn len(self) -> usize {
        (self.0[LANES - 1] >> 24) as usize
    }
}

#[derive(Debug, Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
struct Slot {
    key: Key,
    lanes: Lanes,
}

/// Two slots in one cache line.
type Bucket = [Slot; 2];

/// The slots of short pieces.
#[derive(Debug)]
struct Buckets {
    table: Table<Bucket>,
    /// log2 of how many there are.
    bits: u32,
    /// Slots filled since these buckets were made.
    filled: usize,
}

impl Buckets {
    /// 2 to the power of `bits` pairs of slots.
    fn new(bits: u32) -> Self {
        Self { table: Table::new(1 << bits), bits, filled: 0 }
    }

    fn insert(&mut self, key: Key, lanes: Lanes) {
        let place = bucket_of(key, self.bits);
        let buckets = self.table.entries_mut();
        let is_free = |&(bucket, slot): &(usize, usize)| buckets[bucket][slot].key == 0;
        let free = [(place, 0), (place, 1), (place ^ 1, 1), (place ^ 1, 0)].into_iter().find(is_free);
        let (bucket, slot) = free.unwrap_or((place, 1));
        buckets[bucket][slot] = Slot { key, lanes };
        self.filled += usize::from(free.is_some());
    }
}

#[derive(Debug, Clone, Default)]
struct LongSlot {
    pretoken: Box<[u8]>,
    ids: Box<[u32]>,
}

/// The cache of one thread.
#[derive(Debug)]
pub(super) struct Cache {
    buckets: Buckets,
    long: Vec<[LongSlot; 2]>,
}

impl Default for Cache {
    fn default() -> Self {
        Self::new()
    }
}

impl Cache {
    pub(super) fn new() -> Self {
        Self { buckets: Buckets::new(FEWEST_BITS), long: Vec::new() }
    }

    /// The slots as they are now; places hold until the next [`insert`](Self::insert).
    #[inline(always)]
    pub(super) fn view(&self) -> View<'_> {
        View { buckets: self.buckets.table.entries(), bits: self.buckets.bits }
    }

    /// Keeps the ids of a short piece that is not in here. Tells whether places changed.
    pub(super) fn insert(&mut self, key: Key, lanes: Lanes) -> bool {
        self.buckets.insert(key, lanes);
        let Buckets { table, bits, filled } = &self.buckets;
        if *filled <= 1 << bits || *bits >= MOST_BITS {
            return false;
        }
        let mut larger = Buckets::new(bits + 2);
        for slot in table.entries().iter().flatten().filter(|slot| slot.key != 0) {
            larger.insert(slot.key, slot.lanes);
        }
        self.buckets = larger;
        true
    }

    /// The ids of a long pretoken.
    pub(super) fn find_long(&self, pretoken: &[u8]) -> Option<&[u32]> {
        let bucket = self.long.get(long_bucket_of(pretoken)?)?;
        bucket.iter().find(|slot| *slot.pretoken == *pretoken).map(|slot| &*slot.ids)
    }

    /// Whether a long pretoken would take nobody's place. In 25 languages more of them are distinct than there is room
    /// for; to keep each for a while took a third of the time of encoding.
    pub(super) fn has_room_for(&self, pretoken: &[u8]) -> bool {
        let bucket = long_bucket_of(pretoken).map(|place| self.long.get(place));
        bucket.is_some_and(|bucket| bucket.is_none_or(|[_, second]| second.pretoken.is_empty()))
    }

    /// Keeps the ids of a long pretoken that is not in here, if it is not too long.
    pub(super) fn insert_long(&mut self, pretoken: &[u8], ids: &[u32]) {
        if let Some(place) = long_bucket_of(pretoken) {
            self.long.resize_with(LONG_BUCKETS, Default::default);
            let [first, second] = &mut self.long[place];
            let slot = if first.pretoken.is_empty() { first } else { second };
            *slot = LongSlot { pretoken: pretoken.into(), ids: ids.into() };
        }
    }
}

/// The slots of a [`Cache`].
#[derive(Debug, Clone, Copy)]
pub(super) struct View<'c> {
    buckets: &'c [Bucket],
    bits: u32,
}

impl View<'_> {
    /// The place where a short piece would be.
    #[inline(always)]
    pub(super) fn place_of(self, key: Key) -> u32 {
        bucket_of(key, self.bits) as u32
    }

    /// log2 of the number of places.
    #[inline(always)]
    pub(super) fn bits(self) -> u32 {
        self.bits
    }

    /// Has the memory of these places fetched while the caller does something else.
    #[inline(always)]
    pub(super) fn fetch(self, places: &[u32]) {
        let (groups, rest) = places.as_chunks::<8>();
        for group in groups {
            for &place in group {
                self.prefetch(place);
            }
        }
        for &place in rest {
            self.prefetch(place);
        }
    }

    #[inline(always)]
    #[expect(unsafe_code, reason = "the instruction takes a pointer")]
    fn prefetch(self, place: u32) {
        let bucket = self.buckets.as_ptr().wrapping_add(place as usize);
        #[cfg(target_arch = "x86_64")]
        // SAFETY: prefetching has no effect but on time, whatever the address.
        unsafe {
            use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
            _mm_prefetch::<_MM_HINT_T0>(bucket.cast());
        }
        #[cfg(not(target_arch = "x86_64"))]
        let _ = bucket;
    }

    /// The ids of a short piece, at its place.
    #[inline(always)]
    pub(super) fn find(self, key: Key, place: u32) -> Option<Lanes> {
        let bucket = &self.buckets[place as usize];
        // Chosen without a branch, since there is no telling which of the two it is.
        let slot = &bucket[usize::from(bucket[1].key == key)];
        (slot.key == key).then_some(slot.lanes)
    }

    /// The same, and where it is not there, beside its place, which is looked at only where it may be there.
    #[inline]
    pub(super) fn find_near(self, key: Key, place: u32) -> Option<Lanes> {
        let found = self.find(key, place);
        let is_full = self.buckets[place as usize][1].key != 0;
        if found.is_none() && is_full { self.find(key, place ^ 1) } else { found }
    }
}

fn long_bucket_of(pretoken: &[u8]) -> Option<usize> {
    (pretoken.len() <= LONG_BYTES).then(|| xxh3_64(pretoken) as usize % LONG_BUCKETS)
}

#[cfg(test)]
mod tests {
    use super::super::keys::{Extent, key_of};
    use super::*;

    fn key(piece: &[u8]) -> Key {
        key_of(piece, 0, piece.len(), Extent::Pretoken)
    }

    fn find(cache: &Cache, key: Key) -> Option<Lanes> {
        let view = cache.view();
        view.find(key, view.place_of(key))
    }

    #[test]
    fn what_is_found_is_what_was_kept_however_it_grows() {
        let mut cache = Cache::new();
        let (mut found, mut grown) = (0, 0);
        for number in 0..400_000_u32 {
            let piece = number.to_string();
            grown += u32::from(cache.insert(key(piece.as_bytes()), Lanes::new(&[number, 7])));
        }
        for number in 0..400_000_u32 {
            if let Some(lanes) = find(&cache, key(number.to_string().as_bytes())) {
                assert_eq!((lanes.ids(), lanes.len()), ([number, 7, 0, 0], 2));
                found += 1;
            }
        }
        assert_eq!(grown, 4);
        assert!(found > 300_000, "{found}");
        assert_eq!(cache.view().bits, MOST_BITS);
    }

    #[test]
    fn lanes_hold_up_to_four_ids() {
        assert_eq!(Lanes::new(&[1, 2, 3, 0x00FF_FFFF]).ids(), [1, 2, 3, 0x00FF_FFFF]);
        assert_eq!(Lanes::new(&[1, 2, 3, 4]).len(), 4);
        assert_eq!(Lanes::new(&[1, 2, 3, 4, 5]), Lanes::MANY);
        assert!(Lanes::MANY.len() > LANES);
    }
}
