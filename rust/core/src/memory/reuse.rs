//! A store of things that were used and may be used again, by any thread.

use std::hint::spin_loop;
use std::sync::{Mutex, MutexGuard, OnceLock, TryLockError};

/// How often a thread tries to take the lock: some ten microseconds, while others hold it for some ten nanoseconds.
const TRIES: usize = 1 << 10;

/// Things that are kept for their next use, the latest at the end.
///
/// Nobody waits for long, since in a forked child the lock may be held by a thread that no longer exists. Then there is
/// nothing to take, and nothing is kept. Giving up at once would be too soon: with two threads that take and keep all
/// the time, it lost a cache of 16 MB every 100 MB of text.
#[derive(Debug)]
pub struct Reuse<T> {
    things: Mutex<Vec<T>>,
    most: usize,
    most_bytes: usize,
}

impl<T> Reuse<T> {
    /// Keeps at most `most` things, of at most `most_bytes` bytes together.
    pub const fn new(most: usize, most_bytes: usize) -> Self {
        Self { things: Mutex::new(Vec::new()), most, most_bytes }
    }

    /// Takes out the thing that was kept last, of those for which `fits` returns true.
    pub fn take(&self, fits: impl Fn(&T) -> bool) -> Option<T> {
        let mut things = self.lock()?;
        let found = things.iter().rposition(fits)?;
        Some(things.remove(found))
    }

    /// Keeps a thing, unless it is too large by itself; drops the oldest ones beyond the limits. `bytes` returns how
    /// many bytes a thing has.
    pub fn keep(&self, thing: T, bytes: impl Fn(&T) -> usize) {
        if bytes(&thing) > self.most_bytes {
            return;
        }
        let Some(mut things) = self.lock() else { return };
        things.push(thing);
        let mut too_many = 0;
        while things.len() - too_many > self.most
            || things[too_many..].iter().map(&bytes).sum::<usize>() > self.most_bytes
        {
            too_many += 1;
        }
        let gone: Vec<T> = things.drain(..too_many).collect();
        // Giving back their memory takes long, so the lock is released first.
        drop(things);
        drop(gone);
    }

    fn lock(&self) -> Option<MutexGuard<'_, Vec<T>>> {
        for _ in 0..TRIES {
            match self.things.try_lock() {
                Ok(things) => return Some(things),
                Err(TryLockError::WouldBlock) => spin_loop(),
                // The list is whole no matter what panicked.
                Err(TryLockError::Poisoned(things)) => return Some(things.into_inner()),
            }
        }
        None
    }
}

/// The value in `cell`, or else the result of `compute`, which is then kept there.
///
/// Nobody waits for another thread that computes it too: in a forked child that thread may no longer exist.
pub(crate) fn get_or_compute<T>(cell: &OnceLock<T>, compute: impl FnOnce() -> T) -> &T {
    if let Some(known) = cell.get() {
        return known;
    }
    let computed = compute();
    cell.get_or_init(|| computed)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc::channel;
    use std::thread;

    use super::*;

    #[test]
    fn nobody_waits_for_what_another_thread_computes() {
        let cell = OnceLock::new();
        let (begin, has_begun) = channel();
        let (end, may_end) = channel::<()>();
        thread::scope(|scope| {
            let cell = &cell;
            let slow = scope.spawn(move || {
                *get_or_compute(cell, || {
                    begin.send(()).expect("somebody listens");
                    may_end.recv().expect("somebody sends");
                    1
                })
            });
            has_begun.recv().expect("it began");
            assert_eq!(*get_or_compute(cell, || 2), 2);
            end.send(()).expect("it listens");
            assert_eq!(slow.join().expect("no panic"), 2);
        });
        assert_eq!(*get_or_compute(&cell, || unreachable!("it is known")), 2);
    }

    #[test]
    fn the_latest_that_fit_stay_and_are_taken_first() {
        let reuse = Reuse::new(3, 100);
        for bytes in [10, 60, 20, 5, 30] {
            reuse.keep(bytes, |&bytes| bytes);
        }
        assert_eq!(reuse.take(|&bytes| bytes >= 20), Some(30));
        assert_eq!(reuse.take(|&bytes| bytes >= 20), Some(20));
        assert_eq!(reuse.take(|&bytes| bytes >= 20), None);
        reuse.keep(96, |&bytes| bytes);
        reuse.keep(101, |&bytes| bytes);
        assert_eq!((reuse.take(|_| true), reuse.take(|_| true)), (Some(96), None));
    }

    #[test]
    fn hardly_anything_is_lost_between_threads() {
        const ROUNDS: usize = 100_000;
        let (reuse, made) = (Reuse::new(8, 8), AtomicUsize::new(0));
        let work = || {
            for _ in 0..ROUNDS {
                let thing = reuse.take(|_| true).unwrap_or_else(|| made.fetch_add(1, Ordering::Relaxed));
                reuse.keep(thing, |_| 1);
            }
        };
        thread::scope(|scope| (0..4).for_each(|_| drop(scope.spawn(work))));
        // More than one for each thread is made where the system has stopped the one that had the lock, as it often
        // does on a busy machine. If all gave up at once, it would be half of all.
        assert!(made.into_inner() < ROUNDS / 10);
    }

    #[test]
    fn nobody_waits_for_ever() {
        let reuse = Reuse::new(3, 100);
        reuse.keep(7, |_| 1);
        let lock = reuse.things.lock().expect("no one else has it");
        assert_eq!(reuse.take(|_| true), None);
        reuse.keep(8, |_| 1);
        drop(lock);
        assert_eq!((reuse.take(|_| true), reuse.take(|_| true)), (Some(7), None));
    }
}
