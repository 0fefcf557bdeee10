//! Works on a stream of items on several threads, with the results in order and a bound on what is on its way.
//!
//! Each worker takes the next item, works on it, and hands in the result under the item's number; the caller's thread
//! puts results back in order. Items count towards a limit from when they are taken until their result is used up, so a
//! slow item lets the others go ahead, but not far. Numbers are given and room is reserved under one lock: whoever
//! holds an earlier number never waits for room that a later one takes, so nothing can block for ever.

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use crate::{Error, Result};

/// Calls `sink(work(item))` for each of `items`, in order. The items on their way have at most `limit` together, by
/// `size`, unless one alone has more. The work is done on `threads` new threads, each of which makes a `work` with
/// `worker`.
///
/// The error is that of the first item that has one; `sink` gets nothing after it.
pub(super) fn in_order<I: Send, R: Send, W: FnMut(I) -> Result<R>>(
    items: impl Iterator<Item = Result<I>> + Send,
    threads: usize,
    limit: usize,
    size: impl Fn(&I) -> usize + Sync,
    worker: impl Fn() -> W + Sync,
    mut sink: impl FnMut(R) -> Result<()>,
) -> Result<()> {
    let source = Mutex::new((0, items));
    let room = Room::new(limit);
    let (sender, receiver) = channel();
    let take = || {
        let mut source = source.lock().unwrap_or_else(PoisonError::into_inner);
        let item = source.1.next()?;
        let size = item.as_ref().map_or(0, &size);
        let number = source.0;
        source.0 += 1;
        room.reserve(size).then_some((number, size, item))
    };
    thread::scope(|scope| {
        // When this scope ends, also by a panic, nobody waits for room any more.
        let closing = Closing(&room);
        for started in 0..threads {
            let (sender, take, worker) = (sender.clone(), &take, &worker);
            let room = &room;
            let work = move || {
                // After a panic the others would wait for the room that this thread's item takes, and the caller for
                // them.
                let _closing = ClosingInPanic(room);
                let mut work = worker();
                while let Some((number, size, item)) = take() {
                    let result = item.and_then(&mut work);
                    let failed = result.is_err();
                    // Without a receiver the caller has its error already.
                    if sender.send((number, size, result)).is_err() || failed {
                        return;
                    }
                }
            };
            if let Err(error) = thread::Builder::new().spawn_scoped(scope, work) {
                // The threads that did start do all the work.
                if started == 0 {
                    return Err(Error::Thread(error));
                }
                break;
            }
        }
        drop(sender);
        use_up(&receiver, &room, &mut sink)?;
        drop(closing);
        Ok(())
    })
}

/// Gives `sink` the results in the order of their numbers, and each one's room back.
fn use_up<R>(
    results: &Receiver<(usize, usize, Result<R>)>,
    room: &Room,
    sink: &mut impl FnMut(R) -> Result<()>,
) -> Result<()> {
    let mut waiting = BTreeMap::new();
    let mut next = 0;
    for (number, size, result) in results {
        waiting.insert(number, (size, result));
        while let Some((size, result)) = waiting.remove(&next) {
            sink(result?)?;
            room.release(size);
            next += 1;
        }
    }
    Ok(())
}

/// Limits how much is on its way.
struct Room {
    state: Mutex<State>,
    changed: Condvar,
    limit: usize,
}

struct State {
    taken: usize,
    /// Whether the work goes on.
    is_open: bool,
}

impl Room {
    fn new(limit: usize) -> Self {
        Self { state: Mutex::new(State { taken: 0, is_open: true }), changed: Condvar::new(), limit }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for room; `false` when the work has ended.
    fn reserve(&self, size: usize) -> bool {
        let has_none =
            |state: &mut State| state.is_open && state.taken > 0 && state.taken + size > self.limit;
        let state = self.changed.wait_while(self.state(), has_none);
        let mut state = state.unwrap_or_else(PoisonError::into_inner);
        state.taken += size;
        state.is_open
    }

    fn release(&self, size: usize) {
        self.state().taken -= size;
        self.changed.notify_all();
    }
}

/// Ends the waiting for room when dropped.
struct Closing<'r>(&'r Room);

impl Drop for Closing<'_> {
    fn drop(&mut self) {
        self.0.state().is_open = false;
        self.0.changed.notify_all();
    }
}

/// Like [`Closing`], but only when a panic drops it.
struct ClosingInPanic<'r>(&'r Room);

impl Drop for ClosingInPanic<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            drop(Closing(self.0));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use super::*;

    fn numbers(count: usize) -> impl Iterator<Item = Result<usize>> + Send {
        (0..count).map(Ok)
    }

    #[test]
    fn results_are_in_order_and_never_more_than_the_limit_are_on_their_way() {
        for (threads, limit) in [(1, 1), (2, 3), (5, 7), (3, 1_000)] {
            let on_their_way = AtomicUsize::new(0);
            let most = AtomicUsize::new(0);
            let work = |item: usize| {
                let now = on_their_way.fetch_add(1, Ordering::SeqCst) + 1;
                most.fetch_max(now, Ordering::SeqCst);
                // Later items are often done before earlier ones.
                thread::sleep(Duration::from_micros(((item * 7) % 5 * 100) as u64));
                Ok(item * item)
            };
            let mut results = Vec::new();
            let sink = |result| {
                on_their_way.fetch_sub(1, Ordering::SeqCst);
                results.push(result);
                Ok(())
            };
            in_order(numbers(200), threads, limit, |_| 1, || work, sink).expect("nothing fails");
            assert_eq!(results, (0..200).map(|item| item * item).collect::<Vec<_>>());
            assert!(most.into_inner() <= limit);
        }
    }

    #[test]
    fn an_item_larger_than_the_limit_goes_alone() {
        let mut results = Vec::new();
        let sink = |result| {
            results.push(result);
            Ok(())
        };
        in_order(numbers(20), 3, 2, |item| item % 7, || Ok, sink).expect("nothing fails");
        assert_eq!(results, (0..20).collect::<Vec<_>>());
    }

    #[test]
    fn the_first_error_ends_all() {
        let fail = |item: usize, name| {
            if item >= 50 { Err(Error::argument(name, item.to_string())) } else { Ok(item) }
        };
        let mut seen = 0;
        let mut count = |_| {
            seen += 1;
            Ok(())
        };
        let error = in_order(numbers(1_000), 4, 9, |_| 1, || |item| fail(item, "work"), &mut count);
        assert_eq!(error.expect_err("it fails").to_string(), "work: 50");
        let items = numbers(1_000).map(|item| fail(item?, "items"));
        let error = in_order(items, 4, 9, |_| 1, || Ok, &mut count).expect_err("it fails");
        assert_eq!(error.to_string(), "items: 50");
        assert_eq!(seen, 100);
        let error = in_order(numbers(1_000), 4, 9, |_| 1, || Ok, |item| fail(item, "sink").map(drop));
        assert_eq!(error.expect_err("it fails").to_string(), "sink: 50");
    }
    #[test]
    fn a_panic_at_work_is_one_of_the_caller_and_nobody_waits_for_ever() {
        for threads in [1, 2, 5] {
            let work = |item: usize| {
                assert!(item != 20, "a bug");
                Ok(item)
            };
            let mut seen = 0;
            let sink = |_| {
                seen += 1;
                Ok(())
            };
            let all = || in_order(numbers(1_000), threads, 3, |_| 1, || work, sink);
            catch_unwind(AssertUnwindSafe(all)).expect_err("it panics");
            assert!(seen <= 20);
        }
    }
}
