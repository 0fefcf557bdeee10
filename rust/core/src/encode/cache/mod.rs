//! Remembers what recent pieces of text were encoded to.
//!
//! Text repeats itself: of 21 million pretokens in 100 MB of English books 180 thousand are distinct. A piece of at
//! most [`KEY_BYTES`](crate::keys::KEY_BYTES) bytes has one 32-byte slot, with its ids if there are at most [`LANES`];
//! the two slots that a hash may choose from are a bucket that fills a cache line. Longer pieces, and ids that are
//! more, stand in an [`Arena`]. A look-up tries at most four buckets here and two there, and both stop growing at a
//! fixed size, so neither a large nor a hostile text can slow them or fill the memory. A stored key is always compared
//! whole: a hash decides about speed only. While a block of text is encoded, its long pieces have slots, too, their
//! [`seats`].
//!
//! When both slots are taken, the newcomer goes to one of [`NEAR`] neighbouring buckets (`place ^ 1..=3`), to its
//! second slot first; each is looked at only where the second slot of the one before is taken. If all of them are full,
//! too, it replaces the second slot of its own bucket. So the first slot keeps what came first, which in any text are
//! the frequent words. In the books 0.35 % of look-ups miss without neighbouring buckets (and cost a quarter of the
//! time), against 0.46 % when the newcomer moves to the front, and 0.39 % when each use does, which also costs a store.

pub(crate) mod arena;
pub(crate) mod emit;
pub(crate) mod holes;
pub(crate) mod lookup;
pub(crate) mod misses;
pub(crate) mod probe;
pub(crate) mod seats;

use crate::keys::{Key, bucket_of, has_bytes};
use crate::memory::table::{Table, prefetch};
use arena::{Arena, Excerpt};
use seats::SEATS;

/// The most ids that a slot holds.
pub(crate) const LANES: usize = 4;

/// log2 of the number of pairs of slots, of 64 bytes each, at first (64 KiB) and at most (16 MiB). Tests fill it.
const FEWEST_BITS: u32 = 10;
const MOST_BITS: u32 = if cfg!(test) { 12 } else { 18 };

/// With more than this many slots taken, seven eighths of the most there are, the cache is full.
const FULL: usize = (2 << MOST_BITS) / 8 * 7;

/// How many neighbouring buckets may have a piece that is not in its own. With one, 0.2 % of the look-ups in 25
/// languages miss in every pass.
const NEAR: usize = 3;

/// Ids of a short piece: four lanes, the number of those used in the upper byte of the last one. Ids have 24 bits. Where
/// there are more ids, the lanes say where these are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(transparent)]
pub(crate) struct Lanes([u32; LANES]);

impl Lanes {
    /// Where the number of lanes used begins in the last lane.
    pub(crate) const COUNT_SHIFT: u32 = 24;

    /// One id.
    #[inline(always)]
    pub(crate) fn one(id: u32) -> Self {
        Self([id, 0, 0, 1 << Self::COUNT_SHIFT])
    }

    /// More ids than there are lanes: where they stand in the arena.
    pub(crate) fn elsewhere(excerpt: Excerpt) -> Self {
        Self([excerpt.start, excerpt.count, excerpt.filling, ELSEWHERE << Self::COUNT_SHIFT])
    }

    /// Where the ids stand that are too many for the lanes.
    pub(crate) fn excerpt(self) -> Excerpt {
        debug_assert!(self.len() > LANES, "the lanes are ids");
        Excerpt { start: self.0[0], count: self.0[1], filling: self.0[2] }
    }

    /// The first `count` of `ids`; the others may be anything.
    #[inline(always)]
    pub(crate) fn of(ids: [u32; LANES], count: usize) -> Self {
        let mut lanes: [u32; LANES] = std::array::from_fn(|at| if at < count { ids[at] } else { 0 });
        lanes[LANES - 1] |= (count as u32) << Self::COUNT_SHIFT;
        Self(lanes)
    }

    /// All four lanes, of which the first [`len`](Self::len) are ids.
    #[inline(always)]
    pub(crate) fn ids(self) -> [u32; LANES] {
        // All at once: taken one by one they would be loaded and stored so, too.
        const IDS: u128 = bytemuck::must_cast([u32::MAX, u32::MAX, u32::MAX, 0x00FF_FFFF]);
        bytemuck::must_cast(bytemuck::must_cast::<_, u128>(self.0) & IDS)
    }

    /// How many ids the lanes have; more than [`LANES`] where these stand in the arena.
    #[inline(always)]
    pub(crate) fn len(self) -> usize {
        (self.0[LANES - 1] >> Self::COUNT_SHIFT) as usize
    }
}

/// The number of ids that says that they stand in the arena.
const ELSEWHERE: u32 = 0xFF;

#[derive(Debug, Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
pub(crate) struct Slot {
    pub(crate) key: Key,
    pub(crate) lanes: Lanes,
}

/// Two slots in one cache line.
pub(crate) type Bucket = [Slot; 2];

/// The slots of short pieces, and after them the seats of long ones.
#[derive(Debug)]
struct Buckets {
    table: Table<Bucket>,
    /// log2 of how many buckets there are for short pieces.
    bits: u32,
    /// Slots filled since these buckets were made.
    filled: usize,
}

impl Buckets {
    /// Empty buckets, 2^`bits` for short pieces, and the seats.
    fn new(bits: u32) -> Self {
        Self { table: Table::new((1 << bits) + SEATS), bits, filled: 0 }
    }

    /// The buckets of short pieces.
    fn by_hash(&self) -> &[Bucket] {
        &self.table.entries()[..1 << self.bits]
    }

    fn insert(&mut self, key: Key, lanes: Lanes) {
        debug_assert!(has_bytes(key), "no hash leads there");
        let place = bucket_of(key, self.bits);
        let buckets = self.table.entries_mut();
        // The key's own slot comes before any free one, because none is ever freed.
        let is_open = |&(bucket, slot): &(usize, usize)| [0, key].contains(&buckets[bucket][slot].key);
        let near = (1..=NEAR).flat_map(|step| [(place ^ step, 1), (place ^ step, 0)]);
        let open = [(place, 0), (place, 1)].into_iter().chain(near).find(is_open);
        let (bucket, slot) = open.unwrap_or((place, 1));
        self.filled += usize::from(buckets[bucket][slot].key == 0);
        buckets[bucket][slot] = Slot { key, lanes };
    }
}

/// The cache of one thread.
#[derive(Debug)]
pub(crate) struct Cache {
    buckets: Buckets,
    pub(crate) arena: Arena,
}

impl Default for Cache {
    fn default() -> Self {
        Self::new()
    }
}

impl Cache {
    pub(crate) fn new() -> Self {
        Self { buckets: Buckets::new(FEWEST_BITS), arena: Arena::new() }
    }

    /// The slots as they are now; places hold until the next [`insert`](Self::insert), those of seats until the next
    /// seats are given.
    #[inline(always)]
    pub(crate) fn view(&self) -> View<'_> {
        let Buckets { table, bits, .. } = &self.buckets;
        View { buckets: table.entries(), bits: *bits, arena: self.arena.view() }
    }

    /// The ids of a short piece. In a full cache only its own bucket is looked at: what is not there is hardly ever in
    /// a neighbouring one, and looking there at once would wait for memory (a quarter of the time of random letters).
    /// Those buckets are only prefetched, and [`find_later`](Self::find_later) looks at them.
    #[inline(always)]
    pub(crate) fn find_now(&self, key: Key, place: u32) -> Option<Lanes> {
        let view = self.view();
        if !self.is_full() {
            return view.find_near(key, place);
        }
        let found = view.find(key, place);
        if found.is_none() {
            view.fetch_near(place);
        }
        found
    }

    /// The ids of a short piece that [`find_now`](Self::find_now) did not find, if the neighbouring buckets were only
    /// prefetched then.
    #[inline(always)]
    pub(crate) fn find_later(&self, key: Key) -> Option<Lanes> {
        let view = self.view();
        if self.is_full() { view.find_near(key, view.place_of(key)) } else { None }
    }

    #[inline(always)]
    fn is_full(&self) -> bool {
        self.buckets.filled > FULL
    }

    /// Keeps the ids of a short piece, in place of those that it had.
    pub(crate) fn insert(&mut self, key: Key, lanes: Lanes) {
        self.buckets.insert(key, lanes);
        let Buckets { bits, filled, .. } = self.buckets;
        if filled <= 1 << bits || bits >= MOST_BITS {
            return;
        }
        let mut larger = Buckets::new(bits + 2);
        for slot in self.buckets.by_hash().iter().flatten().filter(|slot| slot.key != 0) {
            larger.insert(slot.key, slot.lanes);
        }
        self.buckets = larger;
    }
}

/// The slots of a [`Cache`], and the ids in its arena.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View<'c> {
    buckets: &'c [Bucket],
    bits: u32,
    pub(crate) arena: arena::View<'c>,
}

#[cfg(target_arch = "x86_64")]
impl<'c> View<'c> {
    /// The slots at these places.
    #[inline(always)]
    #[expect(unsafe_code, reason = "one comparison instead of four")]
    pub(crate) fn buckets(self, places: &[u32; 4]) -> [&'c Bucket; 4] {
        let last = places[0].max(places[1]).max(places[2].max(places[3]));
        assert!((last as usize) < self.buckets.len(), "places of another cache");
        // SAFETY: no place is larger than `last`, which is within the buckets.
        places.map(|place| unsafe { self.buckets.get_unchecked(place as usize) })
    }
}

impl View<'_> {
    /// The place where a short piece would be.
    #[inline(always)]
    pub(crate) fn place_of(self, key: Key) -> u32 {
        bucket_of(key, self.bits) as u32
    }

    /// log2 of the number of places that a hash may choose.
    #[inline(always)]
    pub(crate) fn bits(self) -> u32 {
        self.bits
    }

    /// Prefetches the buckets at these places.
    #[inline(always)]
    pub(crate) fn fetch(self, places: &[u32]) {
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

    /// Prefetches the neighbouring buckets, where a piece may stand that is not at its place.
    #[inline(always)]
    fn fetch_near(self, place: u32) {
        (1..=NEAR as u32).for_each(|step| self.prefetch(place ^ step));
    }

    #[inline(always)]
    pub(crate) fn prefetch(self, place: u32) {
        prefetch(self.buckets.as_ptr().wrapping_add(place as usize));
    }

    /// The ids of a short piece, at its place.
    #[inline(always)]
    pub(crate) fn find(self, key: Key, place: u32) -> Option<Lanes> {
        let bucket = &self.buckets[place as usize];
        // Chosen without a branch, which could not be predicted.
        let slot = &bucket[usize::from(bucket[1].key == key)];
        (slot.key == key).then_some(slot.lanes)
    }

    /// Like [`find`](Self::find), but looks for what is not at its place in the neighbouring buckets, too, as far as it
    /// may be there.
    #[inline]
    pub(crate) fn find_near(self, key: Key, place: u32) -> Option<Lanes> {
        for step in 0..=NEAR as u32 {
            let found = self.find(key, place ^ step);
            let is_full = self.buckets[(place ^ step) as usize][1].key != 0;
            if found.is_some() || !is_full {
                return found;
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::{Extent, key_of};

    fn key(piece: &[u8]) -> Key {
        key_of(piece, 0, piece.len(), Extent::Pretoken)
    }

    fn find(cache: &Cache, key: Key) -> Option<Lanes> {
        let view = cache.view();
        view.find_near(key, view.place_of(key))
    }

    #[test]
    fn what_is_found_is_what_was_kept_however_it_grows() {
        const COUNT: u32 = 6_250;
        let mut cache = Cache::new();
        let mut found = 0;
        for number in 0..COUNT {
            let piece = number.to_string();
            cache.insert(key(piece.as_bytes()), Lanes::of([number, 7, 0, 0], 2));
        }
        for number in 0..COUNT {
            if let Some(lanes) = find(&cache, key(number.to_string().as_bytes())) {
                assert_eq!((lanes.ids(), lanes.len()), ([number, 7, 0, 0], 2));
                found += 1;
            }
        }
        assert!(found > COUNT / 4 * 3, "{found}");
        assert_eq!(cache.view().bits, MOST_BITS);
    }

    #[test]
    fn lanes_hold_up_to_four_ids_or_say_where_they_are() {
        assert_eq!(Lanes::of([1, 2, 3, 0x00FF_FFFF], 4).ids(), [1, 2, 3, 0x00FF_FFFF]);
        assert_eq!(Lanes::of([1, 2, 3, 9], 3).ids(), [1, 2, 3, 0]);
        assert_eq!((Lanes::one(7).ids(), Lanes::one(7).len()), ([7, 0, 0, 0], 1));
        let excerpt = Excerpt { start: u32::MAX, count: 5, filling: u32::MAX };
        assert!(Lanes::elsewhere(excerpt).len() > LANES);
        assert_eq!(Lanes::elsewhere(excerpt).excerpt(), excerpt);
    }
}
