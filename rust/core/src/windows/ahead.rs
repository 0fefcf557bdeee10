//! Results made ahead on a thread, in order, a bounded number of them.
//!
//! The thread ends with its maker, with the results' last reader, or with the process. In a forked child there is no
//! such thread: dropped there, it is forgotten. Who shares it behind a lock must look at the process before locking.

use std::io;
use std::num::NonZero;
use std::process;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::{self, JoinHandle};

/// An iterator over results that a thread makes ahead.
#[derive(Debug)]
pub struct Ahead<T> {
    /// `None` only while this is dropped.
    results: Option<Receiver<T>>,
    /// `None` once the thread was joined.
    thread: Option<JoinHandle<()>>,
    process: u32,
}

impl<T: Send + 'static> Ahead<T> {
    /// Starts a thread that makes results until `make` returns `None`, `depth` of them before anyone asks. An error if
    /// the system has no thread left.
    pub fn start(
        depth: NonZero<usize>,
        mut make: impl FnMut() -> Option<T> + Send + 'static,
    ) -> io::Result<Self> {
        // One more result than the channel holds is made and waits to be sent.
        let (sender, results) = sync_channel(depth.get() - 1);
        let work = move || while make().is_some_and(|result| sender.send(result).is_ok()) {};
        let thread = thread::Builder::new().name("bytestride".to_owned()).spawn(work)?;
        Ok(Self { results: Some(results), thread: Some(thread), process: process::id() })
    }
}

impl<T> Ahead<T> {
    /// Whether the thread belongs to this process, and not to the one that this was forked from.
    fn is_here(&self) -> bool {
        self.process == process::id()
    }
}

/// The results, each as soon as it is made. A panic of the thread is a panic here.
impl<T> Iterator for Ahead<T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        let result = self.results.as_ref()?.recv().ok();
        if result.is_none()
            && let Some(Err(panic)) = self.thread.take().map(JoinHandle::join)
        {
            std::panic::resume_unwind(panic);
        }
        result
    }
}

impl<T> Drop for Ahead<T> {
    /// Waits for the result that is being made.
    fn drop(&mut self) {
        let (results, thread) = (self.results.take(), self.thread.take());
        if !self.is_here() {
            // Locks of the channel may be held by the thread, which does not run in this process.
            std::mem::forget((results, thread));
            return;
        }
        drop(results);
        // Whoever drops it wants no more results, and no panic instead of one.
        let _ = thread.map(JoinHandle::join);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::{Duration, Instant};

    use super::*;

    fn depth(depth: usize) -> NonZero<usize> {
        NonZero::new(depth).unwrap()
    }

    #[test]
    fn results_come_in_order_and_end() {
        for made_ahead in [1, 2, 5] {
            let mut numbers = 0..100;
            let mut ahead = Ahead::start(depth(made_ahead), move || numbers.next()).unwrap();
            let read: Vec<i32> = ahead.by_ref().collect();
            assert_eq!(read, (0..100).collect::<Vec<_>>());
            assert!(ahead.next().is_none());
        }
    }

    #[test]
    fn no_more_than_the_depth_is_made_before_anyone_asks() {
        for made_ahead in [1, 2, 5] {
            let made = Arc::new(AtomicUsize::new(0));
            let count = Arc::clone(&made);
            let number = move || Some(count.fetch_add(1, Ordering::SeqCst));
            let mut ahead = Ahead::start(depth(made_ahead), number).unwrap();
            let settles_at = |expected| {
                let end = Instant::now() + Duration::from_secs(20);
                while made.load(Ordering::SeqCst) < expected && Instant::now() < end {
                    thread::sleep(Duration::from_millis(1));
                }
                thread::sleep(Duration::from_millis(20));
                assert_eq!(made.load(Ordering::SeqCst), expected);
            };
            settles_at(made_ahead);
            assert_eq!(ahead.next(), Some(0));
            settles_at(made_ahead + 1);
        }
    }

    #[test]
    fn who_is_dropped_ends_the_thread_and_frees_what_it_holds() {
        let held = Arc::new(());
        let inside = Arc::clone(&held);
        let mut ahead = Ahead::start(depth(2), move || Some(Arc::clone(&inside))).unwrap();
        assert!(ahead.next().is_some());
        drop(ahead);
        assert_eq!(Arc::strong_count(&held), 1);
    }

    #[test]
    #[should_panic(expected = "no number")]
    fn a_panic_of_the_thread_is_the_readers() {
        let mut ahead = Ahead::start(depth(2), || -> Option<()> { panic!("no number") }).unwrap();
        ahead.next();
    }
}
