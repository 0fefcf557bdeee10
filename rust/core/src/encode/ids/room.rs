//! Memory for ids, used again when the array it was for is gone.
//!
//! New memory costs a tenth to a quarter of the time that encoding takes: the system fills each page with zeros when it
//! is first touched. So the memory of a large array that is dropped is kept for the next one, up to [`MOST_KEPT`] bytes
//! in the whole process. The system may have the pages back whenever it is short of memory, without asking
//! (`MADV_FREE`, Linux 4.5); where it does not know that, nothing is kept.

use std::fmt;
use std::ops::{Deref, DerefMut, Range};

use memmap2::MmapMut;

use crate::Reuse;
use crate::memory::pages::{self, Pages};

/// Less memory than this comes from the allocator, which keeps it by itself.
const LEAST_MAPPED: usize = 4 << 20;

/// Giving back room for fewer ids than this would take a tenth of the time of a short text.
const FEW: usize = 256;

/// The most memory that is kept, in bytes of ids, and in how many pieces.
const MOST_KEPT: usize = 256 << 20;
const MOST_PIECES: usize = 4;

/// The memory of all arrays that were dropped.
static SPARE: Reuse<Room> = Reuse::new(MOST_PIECES, MOST_KEPT);

/// Places for ids. What is in them at first is anything, mostly zeros; those that nothing has touched cost no memory.
#[derive(Debug)]
pub(crate) struct Room {
    memory: Memory,
    pages: Pages,
    /// How many places had an id in an array; a few after them may be touched, too.
    touched: usize,
}

enum Memory {
    Mapped(MmapMut),
    /// Memory from the allocator: for few ids, or where the system refuses to map any.
    Allocated(Vec<u32>),
}

impl Room {
    /// Room for at least `count` ids.
    pub(crate) fn new(count: usize) -> Self {
        if count.saturating_mul(size_of::<u32>()) < LEAST_MAPPED {
            return Self::of(vec![0; count]);
        }
        Self::spare(&SPARE, count).unwrap_or_else(|| Self::mapped(count))
    }

    fn mapped(count: usize) -> Self {
        let memory = match MmapMut::map_anon(count * size_of::<u32>()) {
            Ok(map) => Memory::Mapped(map),
            Err(_) => Memory::Allocated(vec![0; count]),
        };
        let pages = Pages::of(bytemuck::cast_slice(memory.ids()));
        Self { memory, pages, touched: 0 }
    }

    /// Spare memory for `count` ids, of which at most twice as many places were touched.
    fn spare(spare: &Reuse<Self>, count: usize) -> Option<Self> {
        spare.take(|room| room.ids().len() >= count && room.touched <= 2 * count)
    }

    /// Leaves the memory to later arrays, by way of `spare`.
    fn give_back(mut self, spare: &Reuse<Self>) {
        let touched = self.touched;
        if pages::free(bytemuck::cast_slice_mut(&mut self.ids_mut()[..touched])) {
            spare.keep(self, |room| room.touched * size_of::<u32>());
        }
    }

    /// The memory of a vector.
    pub(crate) fn of(ids: Vec<u32>) -> Self {
        Self { memory: Memory::Allocated(ids), pages: Pages::of(&[]), touched: 0 }
    }

    #[inline(always)]
    pub(crate) fn ids(&self) -> &[u32] {
        self.memory.ids()
    }

    #[inline(always)]
    pub(crate) fn ids_mut(&mut self) -> &mut [u32] {
        self.memory.ids_mut()
    }

    /// All places, and what is known of the pages that they are in.
    pub(crate) fn parts(&mut self) -> (&mut [u32], &mut Pages) {
        (self.memory.ids_mut(), &mut self.pages)
    }

    /// How many places from the first on are ready to be written.
    pub(crate) fn ready(&self) -> usize {
        match &self.memory {
            Memory::Mapped(map) => self.pages.prepared(map) / size_of::<u32>(),
            Memory::Allocated(ids) => ids.len(),
        }
    }

    /// Makes these places ready, if all before them are.
    pub(crate) fn prepare(&mut self, places: Range<usize>) {
        let (ids, pages) = self.parts();
        pages.prepare(bytemuck::cast_slice_mut(&mut ids[places]));
    }

    /// The first `len` ids.
    pub(crate) fn into_array(mut self, len: usize) -> IdArray {
        if let Memory::Allocated(ids) = &mut self.memory {
            ids.truncate(len);
            if ids.capacity() - len > (len / 2).max(FEW) {
                ids.shrink_to_fit();
            }
        }
        self.touched = self.touched.max(len);
        IdArray { room: self, len }
    }

    /// A vector that begins with the first `len` ids: the one that it was made of, unless that became too short.
    pub(crate) fn into_vec(self, len: usize) -> Vec<u32> {
        match self.memory {
            Memory::Allocated(ids) => ids,
            Memory::Mapped(map) => bytemuck::cast_slice(&map)[..len].to_vec(),
        }
    }
}

impl Memory {
    #[inline(always)]
    fn ids(&self) -> &[u32] {
        match self {
            Self::Mapped(map) => bytemuck::cast_slice(map),
            Self::Allocated(ids) => ids,
        }
    }

    #[inline(always)]
    fn ids_mut(&mut self) -> &mut [u32] {
        match self {
            Self::Mapped(map) => bytemuck::cast_slice_mut(map),
            Self::Allocated(ids) => ids,
        }
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "memory for {} ids", self.ids().len())
    }
}

/// Token ids, in memory that is used again when they are dropped.
pub struct IdArray {
    room: Room,
    len: usize,
}

impl IdArray {
    /// The ids as a vector; many are copied.
    pub fn into_vec(self) -> Vec<u32> {
        self.into_vec_if_own().unwrap_or_else(|ids| ids.to_vec())
    }

    /// The ids as a vector, if that needs no copy: if they are few.
    pub fn into_vec_if_own(mut self) -> Result<Vec<u32>, Self> {
        match &mut self.room.memory {
            Memory::Allocated(ids) => Ok(std::mem::take(ids)),
            Memory::Mapped(_) => Err(self),
        }
    }
}

impl Drop for IdArray {
    fn drop(&mut self) {
        if let Memory::Mapped(_) = self.room.memory {
            let room = std::mem::replace(&mut self.room, Room::of(Vec::new()));
            room.give_back(&SPARE);
        }
    }
}

impl Deref for IdArray {
    type Target = [u32];

    fn deref(&self) -> &[u32] {
        &self.room.ids()[..self.len]
    }
}

impl DerefMut for IdArray {
    fn deref_mut(&mut self) -> &mut [u32] {
        &mut self.room.ids_mut()[..self.len]
    }
}

impl From<Vec<u32>> for IdArray {
    fn from(ids: Vec<u32>) -> Self {
        let len = ids.len();
        Self { room: Room::of(ids), len }
    }
}

impl Clone for IdArray {
    fn clone(&self) -> Self {
        self.to_vec().into()
    }
}

impl AsRef<[u32]> for IdArray {
    fn as_ref(&self) -> &[u32] {
        self
    }
}

impl<T: AsRef<[u32]> + ?Sized> PartialEq<T> for IdArray {
    fn eq(&self, other: &T) -> bool {
        **self == *other.as_ref()
    }
}

impl Eq for IdArray {}

impl fmt::Debug for IdArray {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COUNT: usize = LEAST_MAPPED / size_of::<u32>();

    /// Memory for `count` ids with `touched` of them used.
    fn used(count: usize, touched: usize) -> Room {
        let mut room = Room::mapped(count);
        room.prepare(0..touched);
        room.ids_mut()[..touched].fill(7);
        room.touched = touched;
        room
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn what_is_dropped_is_used_again_where_it_is_as_large() {
        let spare = Reuse::new(MOST_PIECES, MOST_KEPT);
        let room = used(4 * COUNT, 2 * COUNT);
        let first = room.ids().as_ptr();
        room.give_back(&spare);
        assert!(Room::spare(&spare, 4 * COUNT + 1).is_none(), "it is too short");
        assert!(Room::spare(&spare, COUNT - 1).is_none(), "more than twice as much was touched");
        let mut room = Room::spare(&spare, 3 * COUNT).expect("there is some");
        assert!(Room::spare(&spare, 1).is_none());
        assert_eq!((room.ids().as_ptr(), room.ids().len(), room.touched), (first, 4 * COUNT, 2 * COUNT));
        room.prepare(0..4 * COUNT);
        room.ids_mut().fill(3);
        assert!(room.into_array(COUNT).iter().all(|&id| id == 3));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn no_more_is_kept_than_the_bound_and_the_latest_stays() {
        let spare = Reuse::new(MOST_PIECES, MOST_KEPT);
        let most = MOST_KEPT / size_of::<u32>();
        for count in [most / 2, most / 4, most / 2, most + 1] {
            let mut room = Room::mapped(most + 1);
            room.touched = count;
            room.give_back(&spare);
        }
        let kept =
            || std::iter::from_fn(|| spare.take(|_| true)).map(|room| room.touched).collect::<Vec<_>>();
        assert_eq!(kept(), [most / 2, most / 4]);
        (0..9).for_each(|_| used(COUNT, COUNT).give_back(&spare));
        assert_eq!(kept().len(), MOST_PIECES);
    }

    #[test]
    fn arrays_are_their_ids_and_become_vectors() {
        for count in [0, 10, 2 * COUNT] {
            let mut room = Room::new(count);
            room.prepare(0..count);
            room.ids_mut()[..count / 2].fill(5);
            let array = room.into_array(count / 2);
            assert_eq!(array, vec![5; count / 2]);
            assert_eq!(array.clone().into_vec(), array.into_vec());
        }
    }
}
