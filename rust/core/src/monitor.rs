//! How a long job reports its progress, and how its caller stops it.
//!
//! Both sides only touch atomics, so a job may report from any thread and as often as it likes, and a progress bar or a
//! signal handler may look at any time.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};

use crate::{Error, Result};

/// What a long job is doing at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Phase {
    /// Reading text and counting pretokens; progress in bytes of input as it lies on disk.
    Count = 1,
    /// Learning merges; progress in merges.
    Merge = 2,
    /// Encoding text and writing ids; progress in bytes of input as it lies on disk.
    Encode = 3,
    /// Reading token files and comparing them with their checksums; progress in bytes of ids.
    Verify = 4,
    /// Copying token files; progress in bytes of ids.
    Copy = 5,
    /// Adding up counts that were written to disk; progress in bytes of those.
    Add = 6,
}

impl Phase {
    /// The phase's name, as users see it.
    pub fn name(self) -> &'static str {
        match self {
            Phase::Count => "counting",
            Phase::Merge => "merging",
            Phase::Encode => "encoding",
            Phase::Verify => "verifying",
            Phase::Copy => "copying",
            Phase::Add => "adding up",
        }
    }
}

/// Carries progress out of a job, and a request to stop into it. `total` is 0 where it cannot be known.
#[derive(Debug, Default)]
pub struct Monitor {
    phase: AtomicU8,
    done: AtomicU64,
    total: AtomicU64,
    cancelled: AtomicBool,
}

impl Monitor {
    /// Starts a phase of `total` units (0: unknown), of which none is done.
    pub fn start(&self, phase: Phase, total: u64) {
        self.phase.store(phase as u8, Ordering::Relaxed);
        self.done.store(0, Ordering::Relaxed);
        self.total.store(total, Ordering::Relaxed);
    }

    /// Adds `units` to what is done.
    pub fn advance(&self, units: u64) {
        self.done.fetch_add(units, Ordering::Relaxed);
    }

    /// The current phase, units done, and units in total (0: unknown); `None` before the first phase.
    pub fn state(&self) -> Option<(Phase, u64, u64)> {
        let phase = match self.phase.load(Ordering::Relaxed) {
            0 => return None,
            1 => Phase::Count,
            2 => Phase::Merge,
            3 => Phase::Encode,
            4 => Phase::Verify,
            5 => Phase::Copy,
            _ => Phase::Add,
        };
        Some((phase, self.done.load(Ordering::Relaxed), self.total.load(Ordering::Relaxed)))
    }

    /// Asks the job to stop; it does so at its next [`check`](Self::check).
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }

    /// [`Error::Interrupted`] once [`cancel`](Self::cancel) was called. Jobs call this many times a second.
    pub fn check(&self) -> Result<()> {
        if self.cancelled.load(Ordering::Relaxed) { Err(Error::Interrupted) } else { Ok(()) }
    }
}
