//! Large pages for large memory, where the system has them ready.
//!
//! With pages of 4 KiB an eighth of the time of encoding goes into making them, and random look-ups miss the
//! translation buffer; pages of 2 MiB take a tenth of that. But a virtual machine may have given the memory of large
//! free blocks back to its host, as it never does with small ones, and then each large page takes milliseconds: 80 MB
//! took 171 ms, against 4 when they had just been used, and 34 in small pages. So large pages are touched one by one.
//! The system hands out first what was used last, so once one takes too long, the rest is left to small pages. Having
//! small pages made some megabytes at a time, and not each at its first touch, gains nothing.

use std::hint::black_box;
use std::time::{Duration, Instant};

/// The size of a large page, on the processors that have the vector instructions.
pub(super) const LARGE_PAGE: usize = 2 << 20;

/// Memory smaller than this gets no large pages.
pub(super) const LEAST_IN_LARGE_PAGES: usize = 4 << 20;

/// A large page that takes longer than this was not ready: those that are take 0.1 to 0.3 ms. In tests none is slow.
const SLOW: Duration = if cfg!(test) { Duration::MAX } else { Duration::from_millis(1) };

/// Which large pages of some memory have been touched; they are touched from its start on.
#[derive(Debug)]
pub(crate) struct Pages {
    /// The address of the first large page that was not touched yet.
    next: usize,
    /// The address after all of them.
    end: usize,
}

impl Pages {
    /// Asks for large pages for `memory`, which must not have been touched yet, if it is large.
    pub(crate) fn of(memory: &[u8]) -> Self {
        let range = memory.as_ptr_range();
        let (start, end) = (range.start.addr().next_multiple_of(LARGE_PAGE), range.end.addr());
        if memory.len() < LEAST_IN_LARGE_PAGES || !advise(start, end, Kind::Large) {
            return Self { next: end, end };
        }
        Self { next: start, end }
    }

    /// Touches the large pages in `part` of the memory; everything before it must have been prepared already.
    pub(crate) fn prepare(&mut self, part: &mut [u8]) {
        let start = part.as_ptr().addr();
        while let Some(byte) = part.get_mut(self.next.wrapping_sub(start)) {
            let began = Instant::now();
            *black_box(byte) = 0;
            self.next += LARGE_PAGE;
            if began.elapsed() > SLOW && self.next < self.end {
                advise(self.next, self.end, Kind::Small);
                self.next = self.end;
            }
        }
    }

    /// How many bytes of `memory`, from its start on, are prepared.
    pub(crate) fn prepared(&self, memory: &[u8]) -> usize {
        self.next.saturating_sub(memory.as_ptr().addr()).min(memory.len())
    }
}

/// Lets the system take the pages of `memory`, any of which may become zeros at any time until it is written to;
/// returns whether the system can do that.
pub(crate) fn free(memory: &mut [u8]) -> bool {
    let range = memory.as_mut_ptr_range();
    advise(range.start.addr(), range.end.addr(), Kind::Free)
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Large,
    Small,
    Free,
}

/// Gives a hint for the whole pages between two addresses; returns whether it was accepted. What comes of it is up to
/// the system.
#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "the system call takes a pointer")]
fn advise(start: usize, end: usize, kind: Kind) -> bool {
    use rustix::mm::{Advice, madvise};
    let page = rustix::param::page_size();
    let (start, end) = (start.next_multiple_of(page), end / page * page);
    let advice = match kind {
        Kind::Large => Advice::LinuxHugepage,
        Kind::Small => Advice::LinuxNoHugepage,
        Kind::Free => Advice::LinuxFree,
    };
    let pointer = std::ptr::without_provenance_mut(start);
    // SAFETY: the callers give the addresses of memory that is theirs. The hints for large and small pages change nothing
    // about what it holds; `free` has it to itself, and says that zeros may be in it: as good as any ids.
    start < end && unsafe { madvise(pointer, end - start, advice) }.is_ok()
}

#[cfg(not(target_os = "linux"))]
fn advise(_: usize, _: usize, _: Kind) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_prepared_from_its_start_on_and_stays_as_it_was() {
        for bytes in [0, 1, 1000, LEAST_IN_LARGE_PAGES - 1, 3 * LEAST_IN_LARGE_PAGES + 4097] {
            let mut memory = vec![0_u8; bytes];
            let mut pages = Pages::of(&memory);
            let mut done = 0;
            while done < bytes {
                let step = (bytes - done).min(300_000);
                pages.prepare(&mut memory[done..done + step]);
                memory[done..done + step].fill(7);
                done += step;
                assert!(pages.prepared(&memory) >= done);
            }
            assert!(memory.iter().all(|&byte| byte == 7));
            assert_eq!(pages.prepared(&memory), bytes);
        }
    }
}
