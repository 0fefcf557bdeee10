//! Where ids go: to one array for good, or nowhere when they are only counted.

pub(crate) mod id_buffer;
pub(crate) mod ragged;
pub(crate) mod room;
pub(crate) mod shelf;

use std::ops::Range;

use crate::Result;
use crate::encode::cache::holes::{Hole, Holes, Miss};
use room::{IdArray, Room};

/// Collects ids. They are written to room made ahead of time, which is faster than first finding out how many there
/// are.
#[derive(Debug)]
pub(crate) struct Ids {
    /// The ids kept so far, then others.
    room: Room,
    len: usize,
    /// How many places may be written as they are.
    ready: usize,
    /// How many of those in the buffer are [room](Holes::room) for ids that are not known yet.
    unknown: usize,
    /// Ids that were counted but not kept.
    dropped: usize,
    keeps: bool,
    /// The most ids that are wanted.
    limit: usize,
}

/// Two bytes per id, a little less than most text has.
const BYTES_PER_ID: usize = 2;

/// Texts from this length on get room for one id per byte: what is not touched costs nothing, while growing does.
const LONG_TEXT: usize = 16 << 20;

/// Texts from this length on get less: a system may refuse to promise so much memory.
const HUGE_TEXT: usize = 1 << 30;

/// How many ids the array for a long text has room for at first.
pub(crate) fn room_for_long(text_bytes: usize) -> usize {
    if text_bytes < HUGE_TEXT { text_bytes } else { text_bytes / BYTES_PER_ID }
}

impl Ids {
    /// Keeps the ids of about `text_bytes` bytes of text, at most `limit`.
    pub(crate) fn keep(text_bytes: usize, limit: usize) -> Self {
        let room = if text_bytes < LONG_TEXT { text_bytes / BYTES_PER_ID } else { room_for_long(text_bytes) };
        Self::to(Room::new(room.min(limit) + 8), limit)
    }

    /// Like [`keep`](Self::keep), without a limit, in a buffer that may have been used before.
    pub(crate) fn keep_in(mut buffer: Vec<u32>, text_bytes: usize) -> Self {
        buffer.resize(buffer.len().max(text_bytes / BYTES_PER_ID + 8), 0);
        Self::to(Room::of(buffer), usize::MAX)
    }

    /// Only counts ids, up to `limit`.
    pub(crate) fn count(limit: usize) -> Self {
        Self { keeps: false, ..Self::to(Room::of(Vec::new()), limit) }
    }

    fn to(room: Room, limit: usize) -> Self {
        Self { ready: room.ready(), room, len: 0, unknown: 0, dropped: 0, keeps: true, limit }
    }

    /// Sets the limit to `more` ids from now on; `None` is no limit.
    pub(crate) fn set_limit(&mut self, more: Option<usize>) {
        self.limit = more.map_or(usize::MAX, |more| self.total().saturating_add(more));
    }

    /// Whether no more ids are wanted, even if the holes turn out to have none.
    #[inline]
    pub(crate) fn is_full(&self) -> bool {
        self.total() - self.unknown >= self.limit
    }

    /// How many ids came, up to the limit.
    pub(crate) fn total(&self) -> usize {
        self.dropped + self.len
    }

    /// How many are in the buffer.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Those in the buffer.
    pub(crate) fn kept(&self) -> &[u32] {
        &self.room.ids()[..self.len]
    }

    /// Empties the buffer.
    pub(crate) fn clear(&mut self) {
        (self.len, self.unknown) = (0, 0);
    }

    /// The ids kept.
    pub(crate) fn into_array(self) -> IdArray {
        self.room.into_array(self.len)
    }

    /// The buffer of [`keep_in`](Self::keep_in), and how many ids there are in it.
    pub(crate) fn into_buffer(self) -> (Vec<u32>, usize) {
        (self.room.into_vec(self.len), self.len)
    }

    /// Room for `count` ids or more, of which the first ones may then be [`add`](Self::add)ed.
    #[inline]
    pub(crate) fn room(&mut self, count: usize) -> &mut [u32] {
        if self.ready - self.len < count {
            self.make_ready(count);
        }
        &mut self.room.ids_mut()[self.len..self.ready]
    }

    #[cold]
    fn make_ready(&mut self, count: usize) {
        let places = self.room.ids().len();
        if places - self.len < count {
            let mut larger = Room::new(places * 3 / 2 + count);
            larger.prepare(0..self.len);
            larger.ids_mut()[..self.len].copy_from_slice(&self.room.ids()[..self.len]);
            drop(std::mem::replace(&mut self.room, larger).into_array(self.len));
        }
        self.room.prepare(self.len..self.len + count);
        self.ready = self.room.ready();
    }

    /// Adds the first `count` ids in the room; tells whether more are wanted.
    #[inline]
    pub(crate) fn add(&mut self, count: usize) -> bool {
        self.len += count;
        if self.unknown == 0 {
            self.settle();
        }
        !self.is_full()
    }

    /// Adds the first `count` ids in the room, with the last of `holes` among them.
    #[inline]
    pub(crate) fn add_with(&mut self, count: usize, holes: &Holes) {
        self.unknown = holes.room();
        self.add(count);
    }

    /// Fills all holes: `write` gets a miss and the room for its ids, and tells how many they are. What is behind a hole
    /// moves up.
    pub(crate) fn fill(
        &mut self,
        holes: &[Hole],
        mut write: impl FnMut(Miss, &mut [u32]) -> Result<usize>,
    ) -> Result<()> {
        let Some(first) = holes.first() else { return Ok(()) };
        let nexts = holes[1..].iter().map(|next| next.start).chain([self.len]);
        // If one cannot be filled, nothing is left from the first one on.
        (self.len, self.unknown) = (first.start, 0);
        let (ids, mut end) = (self.room.ids_mut(), first.start);
        for (hole, next) in holes.iter().zip(nexts) {
            end += write(hole.miss, &mut ids[end..end + hole.room])?;
            let behind = hole.start + hole.room..next;
            move_down(ids, behind.clone(), end);
            end += behind.len();
        }
        self.len = end;
        self.settle();
        Ok(())
    }

    /// Drops what is beyond the limit, and all others if they are only counted.
    #[inline]
    fn settle(&mut self) {
        self.len -= self.total().saturating_sub(self.limit);
        if !self.keeps {
            self.dropped += self.len;
            self.len = 0;
        }
    }

    /// Adds the first `count` of these ids; tells whether more are wanted.
    #[inline(always)]
    pub(crate) fn extend_first<const MOST: usize>(&mut self, ids: [u32; MOST], count: usize) -> bool {
        self.room(MOST)[..MOST].copy_from_slice(&ids);
        self.add(count)
    }

    /// Adds these ids; tells whether more are wanted.
    pub(crate) fn extend(&mut self, ids: &[u32]) -> bool {
        self.room(ids.len())[..ids.len()].copy_from_slice(ids);
        self.add(ids.len())
    }
}

/// Moves the ids in the range `from` down to `to`, and others after them to where nothing is kept.
///
/// These are mostly a few dozen; copied by steps of a fixed size, they take a first pass over 25 languages 1 % less time
/// than by a call for just their number.
#[inline(always)]
fn move_down(ids: &mut [u32], from: Range<usize>, to: usize) {
    const STEP: usize = 16;
    // A step may write over what follows only as far as the gap reaches, and read only ids.
    let (gap, whole_steps) = (from.start - to, from.len().next_multiple_of(STEP));
    if gap < STEP || from.start + whole_steps > ids.len() {
        ids.copy_within(from, to);
        return;
    }
    for at in (0..whole_steps).step_by(STEP) {
        let step: [u32; STEP] = *ids[from.start + at..].first_chunk().expect("whole steps of ids");
        ids[to + at..][..STEP].copy_from_slice(&step);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_the_room_there_is_may_be_used_again_and_again() {
        for text_bytes in [0, 100, 5 << 20, 17 << 20] {
            let mut ids = Ids::keep(text_bytes, usize::MAX);
            let mut next = 0;
            while next < 9 << 20 {
                for place in ids.room(1000) {
                    *place = next;
                    next += 1;
                }
                let count = next as usize - ids.len();
                assert!(count >= 1000 && ids.add(count));
            }
            assert!(ids.into_array().iter().copied().eq(0..next));
        }
    }

    #[test]
    fn ids_are_kept_up_to_the_limit_however_the_room_grows() {
        for limit in [0, 1, 7, 50_000, usize::MAX] {
            let (mut kept, mut counted) = (Ids::keep(3, limit), Ids::count(limit));
            let mut all = Vec::new();
            for number in 0..10_000_u32 {
                let more = [number, number + 1, number + 2];
                all.extend_from_slice(&more);
                let wants_more = kept.extend(&more);
                assert_eq!(wants_more, counted.extend(&more));
                assert_eq!(wants_more, all.len() < limit);
            }
            all.truncate(limit);
            assert_eq!((kept.total(), counted.total()), (all.len(), all.len()));
            assert_eq!(kept.into_array(), all);
        }
    }
}
