//! Ids that come later than those behind them.
//!
//! What takes time when the cache does not know a pretoken is to wait for memory, and among a dozen others that is half
//! as long as alone. But once a text has begun, new words come one by one, one or two in a block. So a miss leaves a
//! hole among the ids, and the text goes on; the pretokens of many holes are resolved together, and then the ids behind
//! each hole move up. A hole has room for an id for each byte of its pretoken, which are as many as there may be, so
//! they only ever move towards the start.
//!
//! A pretoken that comes again before its hole is filled is the same miss, if nothing newer took its place in a small
//! table; otherwise it is resolved twice, with the same outcome.

use super::ids::Ids;
use super::keys::{Key, length_of};

/// So many are filled together. Between 24 and 200 it makes no difference. Tests fill them often.
const ENOUGH: usize = if cfg!(test) { 3 } else { 32 };

/// Or those in so many ids, which then still are in near memory.
const MOST_IDS: usize = 1 << 14;

/// log2 of the entries of the table of latest misses.
const LATEST_BITS: u32 = 8;

/// Room among the ids for those of one pretoken.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hole {
    /// Where it begins.
    pub(super) start: usize,
    /// How many ids it has room for.
    pub(super) room: usize,
    /// The number of the miss whose ids belong there.
    pub(super) miss: usize,
}

/// The holes among some ids, in order.
#[derive(Debug)]
pub(super) struct Holes {
    list: Vec<Hole>,
    /// The keys of the pretokens, by number of the miss.
    keys: Vec<Key>,
    /// The number of the latest miss for each value of the lower bits of a place in the cache.
    latest: [u32; 1 << LATEST_BITS],
    /// The room in all of them.
    room: usize,
}

impl Default for Holes {
    fn default() -> Self {
        Self { list: Vec::new(), keys: Vec::new(), latest: [0; 1 << LATEST_BITS], room: 0 }
    }
}

impl Holes {
    /// Leaves a hole at `start` for the pretoken of `key`, whose place in the cache this is, if it fits into `most` ids;
    /// tells how many it takes.
    pub(super) fn leave(&mut self, start: usize, key: Key, place: u32, most: usize) -> Option<usize> {
        let room = length_of(key);
        if room > most {
            return None;
        }
        let latest = &mut self.latest[place as usize % (1 << LATEST_BITS)];
        if self.keys.get(*latest as usize) != Some(&key) {
            *latest = self.keys.len() as u32;
            self.keys.push(key);
        }
        self.list.push(Hole { start, room, miss: *latest as usize });
        self.room += room;
        Some(room)
    }

    /// How many ids there may be in all of them.
    pub(super) fn room(&self) -> usize {
        self.room
    }

    /// What is not known, by number of the miss.
    pub(super) fn keys(&self) -> &[Key] {
        &self.keys
    }

    pub(super) fn list(&self) -> &[Hole] {
        &self.list
    }

    /// Whether it is time to fill them.
    pub(super) fn are_enough(&self, ids: &Ids) -> bool {
        let first = self.list.first();
        self.list.len() >= ENOUGH || first.is_some_and(|first| ids.len() - first.start > MOST_IDS)
    }

    pub(super) fn clear(&mut self) {
        self.list.clear();
        self.keys.clear();
        self.room = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::super::keys::{Extent, key_of};
    use super::*;

    #[test]
    fn ids_end_up_in_order_whatever_the_holes_take() {
        let pieces: [&[u8]; 4] = [b"a", b"three", b"a", b"fifteen bytes.."];
        let takes = [1, 0, 15];
        for between in 0..3_u32 {
            let (mut ids, mut holes) = (Ids::keep(0, usize::MAX), Holes::default());
            let mut expected = Vec::new();
            for (piece, miss) in pieces.iter().zip([0, 1, 0, 2]) {
                let (start, most) = (ids.len(), ids.room(15).len());
                let key = key_of(piece, 0, piece.len(), Extent::Pretoken);
                assert_eq!(holes.leave(start, key, 7, piece.len() - 1), None);
                let room = holes.leave(start, key, piece.len() as u32, most).expect("there is room");
                ids.add_with(room, &holes);
                expected.extend(vec![miss as u32; takes[miss]]);
                let more: Vec<u32> = (100..100 + between).collect();
                ids.extend(&more);
                expected.extend(more);
            }
            assert_eq!((holes.keys().len(), holes.list().len(), holes.room()), (3, 4, 22));
            let filled = ids.fill(holes.list(), |miss, room| {
                room[..takes[miss]].fill(miss as u32);
                Ok(takes[miss])
            });
            assert!(filled.is_ok());
            assert_eq!(ids.into_array(), expected);
        }
    }

    #[test]
    fn ids_are_limited_and_counted_once_the_holes_are_filled() {
        for (limit, total) in [(5, 5), (9, 9), (20, 10)] {
            for mut ids in [Ids::keep(0, limit), Ids::count(limit)] {
                let mut holes = Holes::default();
                ids.extend(&[1; 4]);
                ids.room(15);
                let key = key_of(b"fifteen bytes..", 0, 15, Extent::Pretoken);
                let room = holes.leave(ids.len(), key, 0, 15).expect("there is room");
                ids.add_with(room, &holes);
                assert!(!ids.is_full(), "the hole may have no ids");
                assert_eq!(ids.extend(&[2; 3]), limit > 7);
                assert!(ids.fill(holes.list(), |_, _| Ok(3)).is_ok());
                assert_eq!((ids.total(), ids.is_full()), (total, limit <= 10));
            }
        }
    }
}
