//! Leaves holes among the ids, for those that are known later than the ids after them.
//!
//! What takes time when a pretoken is not known is waiting for memory, and among a dozen others it takes half as long
//! as alone. But once a text has begun, new words come one by one, one or two in a block. So a miss leaves a hole among
//! the ids, and the text goes on; the pretokens of many holes are resolved together, and then the ids after each hole
//! move up. A hole has room for one id per byte of its pretoken, which is the most there may be, so ids only ever move
//! towards the start.
//!
//! A pretoken that comes again before its hole is filled is the same miss, if nothing newer took its place in a small
//! table; otherwise it is resolved twice, with the same outcome.

use super::arena::Hash;
use crate::encode::ids::Ids;
use crate::keys::{Key, length_of};

/// How many holes are filled together. Between 24 and 200 it makes no difference. Tests fill them often.
const ENOUGH: usize = if cfg!(test) { 3 } else { 32 };

/// Holes are also filled when they lie among this many ids, which are still in the L2 cache then.
const MOST_IDS: usize = 1 << 14;

/// Room among the ids for those of one pretoken.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hole {
    /// Where it begins.
    pub(crate) start: usize,
    /// How many ids it has room for.
    pub(crate) room: usize,
    pub(crate) miss: Miss,
}

/// A pretoken that is not known, by its number among those of its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Miss {
    Short(usize),
    Long(usize),
}

/// The holes among some ids, in order.
#[derive(Debug, Default)]
pub(crate) struct Holes {
    list: Vec<Hole>,
    pub(crate) short: ShortMisses,
    pub(crate) long: LongMisses,
    /// How many ids all of them have room for.
    room: usize,
}

impl Holes {
    /// Leaves a hole at `start` for the pretoken of `key`, whose place in the cache is `place`, unless it takes more
    /// than `most` ids; returns how many ids the hole has room for.
    pub(crate) fn leave_short(&mut self, start: usize, key: Key, place: u32, most: usize) -> Option<usize> {
        let room = length_of(key);
        (room <= most).then(|| {
            let miss = Miss::Short(self.short.number(key, place));
            self.leave(Hole { start, room, miss })
        })
    }

    /// Like [`leave_short`](Self::leave_short), for a pretoken that has no key.
    pub(crate) fn leave_long(
        &mut self,
        start: usize,
        pretoken: &[u8],
        hash: Hash,
        most: usize,
    ) -> Option<usize> {
        let room = pretoken.len();
        (room <= most).then(|| {
            let miss = Miss::Long(self.long.number(pretoken, hash));
            self.leave(Hole { start, room, miss })
        })
    }

    fn leave(&mut self, hole: Hole) -> usize {
        self.list.push(hole);
        self.room += hole.room;
        hole.room
    }

    /// How many ids all holes have room for.
    pub(crate) fn room(&self) -> usize {
        self.room
    }

    pub(crate) fn list(&self) -> &[Hole] {
        &self.list
    }

    /// Whether it is time to fill them.
    pub(crate) fn are_enough(&self, ids: &Ids) -> bool {
        let first = self.list.first();
        self.list.len() >= ENOUGH || first.is_some_and(|first| ids.len() - first.start > MOST_IDS)
    }

    pub(crate) fn clear(&mut self) {
        self.list.clear();
        self.short.clear();
        self.long.bytes.clear();
        self.long.entries.clear();
        self.room = 0;
    }
}

/// Where the latest misses are found again: the number of one for each value of the lower bits of a hash.
#[derive(Debug)]
struct Latest([u32; 256]);

impl Default for Latest {
    fn default() -> Self {
        Self([0; 256])
    }
}

impl Latest {
    /// The number of a miss: the one that is stored for `hash`, if `is_it` accepts it; otherwise `next`, which is
    /// stored from now on.
    fn number(&mut self, hash: u32, is_it: impl FnOnce(usize) -> bool, next: usize) -> usize {
        let number = &mut self.0[hash as usize % 256];
        if !is_it(*number as usize) {
            *number = next as u32;
        }
        *number as usize
    }
}

/// Short pretokens, or pieces of long ones, that are not known: their keys.
#[derive(Debug, Default)]
pub(crate) struct ShortMisses {
    keys: Vec<Key>,
    latest: Latest,
}

impl ShortMisses {
    /// The number of a key, whose place in the cache is `place`; a new one if it is not among the latest.
    pub(crate) fn number(&mut self, key: Key, place: u32) -> usize {
        let next = self.keys.len();
        let number = self.latest.number(place, |number| self.keys.get(number) == Some(&key), next);
        if number == next {
            self.keys.push(key);
        }
        number
    }

    pub(crate) fn keys(&self) -> &[Key] {
        &self.keys
    }

    pub(crate) fn clear(&mut self) {
        self.keys.clear();
    }
}

/// Long pretokens that are not known, one after another.
#[derive(Debug, Default)]
pub(crate) struct LongMisses {
    bytes: Vec<u8>,
    /// Where each ends, and its hash.
    entries: Vec<(usize, Hash)>,
    latest: Latest,
}

impl LongMisses {
    /// The number of a pretoken; a new one if it is not among the latest.
    fn number(&mut self, pretoken: &[u8], hash: Hash) -> usize {
        let (bytes, entries) = (&self.bytes, &self.entries);
        let end = |number: usize| entries.get(number).map(|&(end, _)| end);
        let is_it = |number: usize| {
            let start = number.checked_sub(1).map_or(Some(0), end);
            start.zip(end(number)).is_some_and(|(start, end)| bytes[start..end] == *pretoken)
        };
        let next = entries.len();
        let number = self.latest.number(hash.low(), is_it, next);
        if number == next {
            self.bytes.extend_from_slice(pretoken);
            self.entries.push((self.bytes.len(), hash));
        }
        number
    }

    /// The bytes of all of them, one after another.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Where each ends among the bytes, and its hash.
    pub(crate) fn entries(&self) -> &[(usize, Hash)] {
        &self.entries
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::{Extent, has_bytes, key_of};

    /// Leaves a hole after the ids.
    fn leave(holes: &mut Holes, ids: &mut Ids, pretoken: &[u8], most: usize) -> Option<usize> {
        let (start, key) = (ids.len(), key_of(pretoken, 0, pretoken.len().min(15), Extent::Pretoken));
        assert!(has_bytes(key));
        match pretoken.len() {
            length @ ..16 => holes.leave_short(start, key, length as u32, most),
            _ => holes.leave_long(start, pretoken, Hash::of(pretoken).expect("not too long"), most),
        }
    }

    #[test]
    fn ids_end_up_in_order_whatever_the_holes_take() {
        let pieces: [&[u8]; 7] = [
            b"a",
            b"three",
            b"more than fifteen",
            b"a",
            b"fifteen bytes..",
            b"more than fifteen",
            b"more than sixteen",
        ];
        let misses = [
            Miss::Short(0),
            Miss::Short(1),
            Miss::Long(0),
            Miss::Short(0),
            Miss::Short(2),
            Miss::Long(0),
            Miss::Long(1),
        ];
        let takes = |miss| match miss {
            Miss::Short(number) => [1, 0, 15][number],
            Miss::Long(number) => [17, 3][number],
        };
        for between in 0..3_u32 {
            let (mut ids, mut holes) = (Ids::keep(0, usize::MAX), Holes::default());
            let mut expected = Vec::new();
            for (piece, miss) in pieces.iter().zip(misses) {
                let most = ids.room(17).len();
                assert_eq!(leave(&mut holes, &mut ids, piece, piece.len() - 1), None);
                let room = leave(&mut holes, &mut ids, piece, most).expect("there is room");
                ids.add_with(room, &holes);
                assert_eq!(holes.list().last().map(|hole| hole.miss), Some(miss));
                expected.extend(vec![takes(miss) as u32; takes(miss)]);
                let more: Vec<u32> = (100..100 + between).collect();
                ids.extend(&more);
                expected.extend(more);
            }
            assert_eq!((holes.short.keys().len(), holes.long.entries().len(), holes.room()), (3, 2, 73));
            assert_eq!(holes.long.bytes(), b"more than fifteenmore than sixteen");
            let filled = ids.fill(holes.list(), |miss, room| {
                room[..takes(miss)].fill(takes(miss) as u32);
                Ok(takes(miss))
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
                let most = ids.room(15).len();
                let room = leave(&mut holes, &mut ids, b"fifteen bytes..", most).expect("there is room");
                ids.add_with(room, &holes);
                assert!(!ids.is_full(), "the hole may have no ids");
                assert_eq!(ids.extend(&[2; 3]), limit > 7);
                assert!(ids.fill(holes.list(), |_, _| Ok(3)).is_ok());
                assert_eq!((ids.total(), ids.is_full()), (total, limit <= 10));
            }
        }
    }
}
