//! Memory for tables that are looked up at random: zero at first, and in large pages where the system has them, since
//! with pages of 4 KiB nearly every look-up would also miss the translation buffer.

use std::fmt;
use std::marker::PhantomData;

use bytemuck::Pod;
use memmap2::MmapMut;

use super::pages::{LARGE_PAGE, LEAST_IN_LARGE_PAGES, Pages};

/// A table of a fixed number of entries, all zero at first.
pub(crate) struct Table<T> {
    memory: Memory,
    /// How many bytes of the memory belong to the table.
    bytes: usize,
    entries: PhantomData<T>,
}

enum Memory {
    Mapped(MmapMut),
    /// For tables that need no large pages, and where the system refuses to map memory.
    Allocated(Vec<u128>),
}

/// Smaller tables fit into the cache, page table and all.
const LEAST_MAPPED: usize = 1 << 20;

impl<T: Pod> Table<T> {
    /// A table of `count` entries of zero bits; all of its memory is taken at once. `T` is aligned to 16 bytes at most.
    pub(crate) fn new(count: usize) -> Self {
        assert!(align_of::<T>() <= align_of::<u128>(), "memory is aligned to 16 bytes");
        let bytes = count * size_of::<T>();
        let map = if bytes >= LEAST_MAPPED { MmapMut::map_anon(mapped(bytes)).ok() } else { None };
        let memory = match map {
            Some(mut map) => {
                // The rest after the last whole large page takes small ones, not another one of 2 MiB.
                let whole = &mut map[..bytes / LARGE_PAGE * LARGE_PAGE];
                Pages::of(whole).prepare(whole);
                Memory::Mapped(map)
            }
            None => Memory::Allocated(vec![0; bytes.div_ceil(size_of::<u128>())]),
        };
        let mut table = Self { memory, bytes, entries: PhantomData };
        touch(bytemuck::cast_slice_mut(table.entries_mut()));
        table
    }

    /// All entries.
    #[inline(always)]
    pub(crate) fn entries(&self) -> &[T] {
        match &self.memory {
            Memory::Mapped(map) => bytemuck::cast_slice(&map[..self.bytes]),
            Memory::Allocated(words) => {
                bytemuck::cast_slice(&bytemuck::cast_slice::<_, u8>(words)[..self.bytes])
            }
        }
    }

    pub(crate) fn entries_mut(&mut self) -> &mut [T] {
        match &mut self.memory {
            Memory::Mapped(map) => bytemuck::cast_slice_mut(&mut map[..self.bytes]),
            Memory::Allocated(words) => {
                bytemuck::cast_slice_mut(&mut bytemuck::cast_slice_mut::<_, u8>(words)[..self.bytes])
            }
        }
    }
}

/// How many bytes to map: whole large pages, because systems align only such maps to them.
fn mapped(bytes: usize) -> usize {
    if bytes < LEAST_IN_LARGE_PAGES { bytes } else { bytes.next_multiple_of(LARGE_PAGE) }
}

/// Writes to every page. A page that is read before it is written is the system's page of zeros, and replacing that at
/// the first write interrupts all other processors: on two threads a seventh of the first pass went into it.
fn touch(memory: &mut [u8]) {
    const SMALLEST_PAGE: usize = 4096;
    memory.chunks_mut(SMALLEST_PAGE).for_each(|page| *std::hint::black_box(&mut page[0]) = 0);
}

/// Prefetches the cache line of an entry.
#[inline(always)]
#[cfg_attr(
    any(target_arch = "x86_64", target_arch = "aarch64"),
    expect(unsafe_code, reason = "the instruction takes a pointer")
)]
pub(crate) fn prefetch<T>(entry: *const T) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: prefetching has no effect but on time, whatever the address.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(entry.cast());
    }
    #[cfg(target_arch = "aarch64")]
    // SAFETY: as above. There is no stable intrinsic of this instruction.
    unsafe {
        std::arch::asm!("prfm pldl1keep, [{entry}]", entry = in(reg) entry, options(nostack, preserves_flags, readonly));
    }
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    let _ = entry;
}

impl<T: Pod> fmt::Debug for Table<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Table of {} entries", self.entries().len())
    }
}
