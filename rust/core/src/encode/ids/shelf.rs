//! One array for the ids of jobs that end in any order: each job's ids come after those of the job before it.
//!
//! A job encodes into a buffer of its thread, which is used again and stays in the processor's cache, and hands it in.
//! Once all jobs before it are in, it is known where its ids belong; the array is split there, so the copy is made
//! without a lock, by the thread that found this out. Nothing is left to put together when the last job ends: to gather
//! 90 MB of ids afterwards, on one thread, took as long as a third of encoding them on two.

use std::collections::BTreeMap;
use std::mem;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::room::{IdArray, Room};
use crate::encode::ids::{Ids, room_for_long};
use crate::memory::pages::Pages;

/// Ids that come in by jobs, numbered from 0 on.
#[derive(Debug)]
pub(crate) struct Shelf<'a> {
    state: Mutex<State<'a>>,
}

#[derive(Debug)]
struct State<'a> {
    /// The part of the array that is free.
    room: &'a mut [u32],
    pages: &'a mut Pages,
    /// The number of the job whose ids come first in it.
    next: usize,
    /// Ids of jobs after that one, by number.
    waiting: BTreeMap<usize, Buffer>,
    /// Ids for which the array was too short.
    beyond: Vec<u32>,
    spare: Vec<Vec<u32>>,
}

/// Ids followed by room, and the number of ids.
type Buffer = (Vec<u32>, usize);

/// Calls `run` with a shelf for the ids of about `text_bytes` bytes of text; returns all ids in order, and the result
/// of `run`. Every number below that of a job that was put must have been put in the end.
pub(crate) fn with_shelf<R>(text_bytes: usize, run: impl FnOnce(&Shelf<'_>) -> R) -> (IdArray, R) {
    let mut array = Room::new(room_for_long(text_bytes) + 1);
    let capacity = array.ids().len();
    let (room, pages) = array.parts();
    let shelf = Shelf {
        state: Mutex::new(State {
            room,
            pages,
            next: 0,
            waiting: BTreeMap::new(),
            beyond: Vec::new(),
            spare: Vec::new(),
        }),
    };
    let result = run(&shelf);
    let State { room, beyond, .. } = shelf.state.into_inner().unwrap_or_else(PoisonError::into_inner);
    let filled = capacity - room.len();
    let array = array.into_array(filled);
    (if beyond.is_empty() { array } else { [&array[..], &beyond].concat().into() }, result)
}

impl<'a> Shelf<'a> {
    /// Encodes a job with `encode` and puts its ids where they belong; returns the result of `encode`.
    pub(crate) fn fill<R>(&self, job: usize, text_bytes: usize, encode: impl FnOnce(&mut Ids) -> R) -> R {
        let buffer = self.lock().spare.pop().unwrap_or_default();
        let mut ids = Ids::keep_in(buffer, text_bytes);
        let result = encode(&mut ids);
        self.put(job, ids.into_buffer());
        result
    }

    /// Takes a job's ids, and copies all ids whose place is known now.
    fn put(&self, job: usize, buffer: Buffer) {
        let mut state = self.lock();
        state.waiting.insert(job, buffer);
        while let Some((place, buffer)) = state.next_placed() {
            drop(state);
            place.copy_from_slice(&buffer[..place.len()]);
            state = self.lock();
            state.spare.push(buffer);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<'a>> {
        // Nothing in here panics half-way.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<'a> State<'a> {
    /// The next job's ids, if they are here, and the part of the array for them.
    fn next_placed(&mut self) -> Option<(&'a mut [u32], Vec<u32>)> {
        let (buffer, count) = self.waiting.remove(&self.next)?;
        self.next += 1;
        if self.beyond.is_empty() && count <= self.room.len() {
            let (place, room) = mem::take(&mut self.room).split_at_mut(count);
            self.room = room;
            self.pages.prepare(bytemuck::cast_slice_mut(place));
            return Some((place, buffer));
        }
        self.beyond.extend_from_slice(&buffer[..count]);
        Some((&mut [], buffer))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::map_in_order;

    #[test]
    fn ids_stand_in_the_order_of_the_jobs_however_long_they_are_and_whenever_they_end() {
        // The array is too short from some job on, unless there is a byte of text for each id.
        for bytes in [0, 1, 1000, 100_000] {
            for threads in [1, 2, 7] {
                let (ids, counts) = with_shelf(bytes, |shelf| {
                    map_in_order(threads, 200, |job| {
                        // The first ones take longest.
                        std::thread::sleep(std::time::Duration::from_micros(200 - job as u64));
                        shelf.fill(job, job % 7, |ids| {
                            (0..job * 3 % 100).for_each(|number| {
                                ids.extend(&[job as u32, number as u32]);
                            });
                            ids.total()
                        })
                    })
                });
                let expected: Vec<u32> = (0..200_u32)
                    .flat_map(|job| (0..job * 3 % 100).flat_map(move |number| [job, number]))
                    .collect();
                assert_eq!(ids, expected, "{bytes} bytes on {threads} threads");
                assert_eq!(counts.iter().sum::<usize>(), ids.len());
            }
        }
    }
}
