//! Work on several threads, with the results in order.
//!
//! Threads live for one call only. A standing pool would save some 50 µs a call, but its threads are gone in a forked
//! child, which would then wait for them for ever; and calls that short do not use threads.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

/// How many threads this process may use, by its CPU affinity and cgroup quota.
pub fn available_threads() -> usize {
    thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// `work(0), work(1), …, work(jobs - 1)`, on at most `threads` threads; the results stand in order.
///
/// Jobs are handed out in order, one at a time, so jobs of unequal length still fill all threads. With one thread
/// or one job, or if the system has no thread left, everything runs on the caller's own. A panic in a job becomes a panic
/// of this call.
pub fn map_in_order<T: Send>(threads: usize, jobs: usize, work: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let threads = threads.min(jobs);
    if threads <= 1 {
        return (0..jobs).map(work).collect();
    }
    let next = AtomicUsize::new(0);
    let results: Mutex<Vec<Option<T>>> = Mutex::new((0..jobs).map(|_| None).collect());
    let run = || {
        loop {
            let job = next.fetch_add(1, Ordering::Relaxed);
            if job >= jobs {
                return;
            }
            let result = work(job);
            results.lock().unwrap_or_else(PoisonError::into_inner)[job] = Some(result);
        }
    };
    thread::scope(|scope| {
        let _started =
            (1..threads).map_while(|_| thread::Builder::new().spawn_scoped(scope, run).ok()).count();
        run();
    });
    let results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.into_iter().map(|result| result.expect("every job was handed out")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_stand_in_order_on_any_number_of_threads() {
        for threads in [1, 2, 7] {
            for jobs in [0, 1, 2, 100] {
                let squares = map_in_order(threads, jobs, |job| job * job);
                assert_eq!(squares, (0..jobs).map(|job| job * job).collect::<Vec<_>>());
            }
        }
    }
}
