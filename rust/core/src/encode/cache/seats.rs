//! Gives slots to a block's long pretokens.
//!
//! A long pretoken has no key, and its hash leads to no slot. So that looking up a block's pretokens need not stop at
//! each of them (code and Chinese take 3 % longer then), it has a seat while the block is encoded: a bucket after those
//! that hashes choose, with the ids that the arena has of it, or where they are. Every seat's key is [`NO_KEY`], like
//! that of every long pretoken, and a seat is found by its place alone.

use bytemuck::Zeroable;

use super::arena::{Arena, Hash};
use super::{Cache, LANES, Lanes, Slot};
use crate::keys::{Extent, Keys, NO_KEY};
use crate::split::Ends;

/// How many seats there are. Text has some dozens of long pretokens in a block.
pub(crate) const SEATS: usize = 256;

/// Gives long pretokens their seats.
#[derive(Debug, Default)]
pub(crate) struct Usher {
    /// The hashes of a block's long pretokens, in order.
    hashes: Vec<Option<Hash>>,
}

impl Usher {
    /// Gives seats to the long ones among the pretokens of `text`, whose keys are `keys`, and changes their places to
    /// those.
    #[inline(always)]
    pub(crate) fn seat(&mut self, text: &[u8], pretokens: &Ends, keys: &mut Keys, cache: &mut Cache) {
        if keys.long().is_empty() {
            return;
        }
        // Three passes, each of which prefetches what the next one reads.
        self.hashes.clear();
        self.hashes.extend(keys.long().iter().map(|&number| {
            let hash = Hash::of(&text[pretokens.place(number as usize)]);
            hash.inspect(|&hash| cache.arena.fetch(hash))
        }));
        self.hashes.iter().flatten().for_each(|&hash| cache.arena.fetch_entry(hash));
        let (first, seats, arena) = cache.seats();
        let (long, places) = keys.long_and_places();
        for ((place, seat), (&number, hash)) in (first..).zip(seats).zip(long.iter().zip(&self.hashes)) {
            let pretoken = &text[pretokens.place(number as usize)];
            let lanes = hash.and_then(|hash| lanes_of(arena, hash, pretoken));
            seat[0] = lanes.map_or(Slot::zeroed(), |lanes| Slot { key: NO_KEY, lanes });
            places[number as usize] = place;
        }
    }
}

/// The ids of a long pretoken, or where they are.
#[inline]
fn lanes_of(arena: &Arena, hash: Hash, pretoken: &[u8]) -> Option<Lanes> {
    let excerpt = arena.find(hash, pretoken, Extent::Pretoken)?;
    let ids = arena.ids(excerpt)?;
    if ids.len() > LANES {
        return Some(Lanes::elsewhere(excerpt));
    }
    Some(Lanes::of(std::array::from_fn(|at| ids.get(at).copied().unwrap_or_default()), ids.len()))
}

impl Cache {
    /// The place of the first seat, all seats, and the arena.
    #[inline(always)]
    fn seats(&mut self) -> (u32, &mut [super::Bucket], &Arena) {
        let count = 1_usize << self.buckets.bits;
        (count as u32, &mut self.buckets.table.entries_mut()[count..][..SEATS], &self.arena)
    }

    /// The ids of a long pretoken with this place, or where they are. It has no seat where there were more of them than
    /// seats, or where the cache has grown since; the arena has it all the same.
    #[inline]
    pub(crate) fn find_long(&self, pretoken: &[u8], place: u32) -> Option<Lanes> {
        let has_seat = place as usize >> self.buckets.bits != 0;
        if has_seat {
            self.view().find(NO_KEY, place)
        } else {
            lanes_of(&self.arena, Hash::of(pretoken)?, pretoken)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::key_of;
    use crate::processor::Level;

    #[test]
    fn all_long_pretokens_are_found_also_where_there_are_more_than_seats() {
        let is_known = |number: usize| !number.is_multiple_of(3);
        let ids = |number: usize| vec![number as u32; 1 + number % 7];
        let (mut text, mut pretokens, mut cache) = (Vec::new(), Ends::new(), Cache::new());
        let mut others = Vec::new();
        for number in 0..2 * SEATS {
            let [pretoken, other] = ["long", "some"].map(|what| format!("{what} pretoken, number {number}"));
            let known = if is_known(number) { &pretoken } else { &other };
            let hash = Hash::of(known.as_bytes()).expect("not too long");
            cache.arena.insert(hash, known.as_bytes(), Extent::Pretoken, &ids(number));
            others.extend_from_slice(format!("short{other}").as_bytes());
            for bytes in ["short", &pretoken] {
                text.extend_from_slice(bytes.as_bytes());
                pretokens.push(text.len());
            }
        }
        let mut keys = Keys::default();
        keys.find(Level::best(), &text, &pretokens, Extent::Pretoken, cache.view());
        let mut usher = Usher::default();
        // The pretokens of another block, which are known where these are not.
        usher.seat(&others, &pretokens, &mut keys, &mut cache);
        usher.seat(&text, &pretokens, &mut keys, &mut cache);
        let find = |cache: &Cache, keys: &Keys, number: usize| {
            cache.find_long(&text[pretokens.place(2 * number + 1)], keys.at(2 * number + 1).1)
        };
        for number in 0..2 * SEATS {
            assert!(cache.view().find(keys.at(2 * number).0, keys.at(2 * number).1).is_none());
            let found = find(&cache, &keys, number);
            assert_eq!(found.is_some(), is_known(number), "{number}");
            let Some(lanes) = found else { continue };
            assert_eq!(lanes.len() <= LANES, ids(number).len() <= LANES);
            if lanes.len() <= LANES {
                assert_eq!(lanes.ids()[..lanes.len()], ids(number));
            } else {
                assert_eq!(cache.arena.ids(lanes.excerpt()), Some(&*ids(number)));
            }
        }
        // The seats are gone when the cache has grown, and no hash leads to what was in them.
        let bits = cache.view().bits();
        for number in 0_u32.. {
            cache.insert(key_of(&number.to_le_bytes(), 0, 4, Extent::Pretoken), Lanes::one(number));
            if cache.view().bits() > bits {
                break;
            }
        }
        keys.follow(cache.view());
        assert!(cache.view().find_near(NO_KEY, cache.view().place_of(NO_KEY)).is_none());
        for number in 0..2 * SEATS {
            assert_eq!(find(&cache, &keys, number).is_some(), is_known(number), "{number}");
        }
    }
}
