//! What was used and may be used again, by any thread.

use std::sync::Mutex;

/// Things that are kept for their next use, the latest at the end.
///
/// Nobody ever waits: in a forked child the lock may be held by a thread that is no more. When somebody else has it, there
/// is nothing to take, and nothing is kept.
#[derive(Debug)]
pub struct Reuse<T> {
    things: Mutex<Vec<T>>,
    most: usize,
    most_bytes: usize,
}

impl<T> Reuse<T> {
    /// For at most so many things, of so many bytes together.
    pub const fn new(most: usize, most_bytes: usize) -> Self {
        Self { things: Mutex::new(Vec::new()), most, most_bytes }
    }

    /// The latest one that fits.
    pub fn take(&self, fits: impl Fn(&T) -> bool) -> Option<T> {
        let mut things = self.things.try_lock().ok()?;
        let found = things.iter().rposition(fits)?;
        Some(things.remove(found))
    }

    /// Keeps a thing, unless it is too large by itself; the oldest ones go if there are more than may be. `bytes` tells how
    /// many each has.
    pub fn keep(&self, thing: T, bytes: impl Fn(&T) -> usize) {
        if bytes(&thing) > self.most_bytes {
            return;
        }
        let Ok(mut things) = self.things.try_lock() else { return };
        things.push(thing);
        while things.len() > self.most || things.iter().map(&bytes).sum::<usize>() > self.most_bytes {
            things.remove(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn nobody_waits() {
        let reuse = Reuse::new(3, 100);
        reuse.keep(7, |_| 1);
        let lock = reuse.things.lock().expect("no one else has it");
        assert_eq!(reuse.take(|_| true), None);
        reuse.keep(8, |_| 1);
        drop(lock);
        assert_eq!((reuse.take(|_| true), reuse.take(|_| true)), (Some(7), None));
    }
}
