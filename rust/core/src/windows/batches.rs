//! An epoch cut into batches and ranks.
//!
//! One step takes the next `batch_size · world_size` positions of the epoch's order and gives each rank a contiguous
//! slice of them. So after any step the windows used so far, by all ranks together, are those of a prefix of the
//! order, and its length is all there is to know: training resumes exactly from that one number, with another batch
//! size or another number of ranks too.

use std::ops::Range;

use crate::{Error, Result};

/// What becomes of the windows that do not fill the last step of an epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remainder {
    /// They are left out: all ranks have the same number of batches, all of the same size.
    Drop,
    /// They make one more step. Its slices differ by one window at most; a rank whose slice is empty has no batch.
    Keep,
}

/// How an epoch is cut, as one rank sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    windows: u64,
    rank: u64,
    world_size: u64,
    /// Windows that all ranks together take in one step.
    step: u64,
    remainder: Remainder,
}

/// One step of an epoch, as one rank sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The positions in the epoch's order that make this rank's batch.
    pub batch: Range<u64>,
    /// Where the next step starts.
    pub next: u64,
}

impl Plan {
    /// `windows` windows in batches of `batch_size`, for `rank` of `world_size`. An error if a size is zero, the rank
    /// out of range, or the plan without a single batch.
    pub fn new(
        windows: u64,
        batch_size: u64,
        remainder: Remainder,
        rank: u64,
        world_size: u64,
    ) -> Result<Self> {
        if batch_size == 0 {
            return Err(Error::argument("batch_size", "0 windows are no batch, expected at least 1"));
        }
        if world_size == 0 {
            return Err(Error::argument("world_size", "0 ranks read nothing, expected at least 1"));
        }
        if rank >= world_size {
            let message = format!("{rank} is out of range, expected 0 to {}", world_size - 1);
            return Err(Error::argument("rank", message));
        }
        let step = batch_size.saturating_mul(world_size);
        if remainder == Remainder::Drop && step > windows {
            let message = format!(
                "{batch_size} windows for each of {world_size} ranks make no batch of {windows} windows; \
                 expected a smaller size, or drop_last=False for a short one"
            );
            return Err(Error::argument("batch_size", message));
        }
        Ok(Self { windows, rank, world_size, step, remainder })
    }

    /// How many windows the epoch has, for all ranks together.
    pub fn windows(&self) -> u64 {
        self.windows
    }

    /// The step that starts at `position`, unless the epoch is over there. In the last one, this rank's batch may be
    /// empty while others' are not.
    pub fn step(&self, position: u64) -> Option<Step> {
        let left = self.windows.saturating_sub(position);
        let size = left.min(self.step);
        if size == 0 || size < self.step && self.remainder == Remainder::Drop {
            return None;
        }
        let batch = position + self.share(size, self.rank)..position + self.share(size, self.rank + 1);
        Some(Step { batch, next: position + size })
    }

    /// How many batches this rank has from `position` on.
    pub fn batches_from(&self, position: u64) -> u64 {
        let left = self.windows.saturating_sub(position);
        let full = left / self.step;
        full + u64::from(self.step(position + full * self.step).is_some_and(|step| !step.batch.is_empty()))
    }

    /// Where in `size` windows the slice of `rank` starts.
    fn share(&self, size: u64, rank: u64) -> u64 {
        (u128::from(size) * u128::from(rank) / u128::from(self.world_size)) as u64
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// All batches of one rank from `position` on, and where the epoch ends.
    fn run(plan: &Plan, mut position: u64) -> Vec<Range<u64>> {
        let expected = plan.batches_from(position);
        let mut batches = Vec::new();
        while let Some(step) = plan.step(position) {
            if !step.batch.is_empty() {
                batches.push(step.batch);
            }
            position = step.next;
        }
        assert_eq!(batches.len() as u64, expected);
        batches
    }

    fn flat(batches: impl IntoIterator<Item = Range<u64>>) -> Vec<u64> {
        let mut all: Vec<u64> = batches.into_iter().flatten().collect();
        all.sort_unstable();
        all
    }

    proptest! {
        #[test]
        fn all_ranks_together_read_each_window_once(
            windows in 1u64..200, batch_size in 1u64..12, world_size in 1u64..10,
        ) {
            let plan = |rank, remainder| Plan::new(windows, batch_size, remainder, rank, world_size);
            let kept = (0..world_size).flat_map(|rank| run(&plan(rank, Remainder::Keep).unwrap(), 0));
            prop_assert_eq!(flat(kept), (0..windows).collect::<Vec<_>>());

            let step = batch_size * world_size;
            let ranks = (0..world_size).map(|rank| plan(rank, Remainder::Drop)).collect::<Result<Vec<_>>>();
            let Ok(ranks) = ranks else {
                prop_assert!(step > windows);
                return Ok(());
            };
            let dropped: Vec<_> = ranks.iter().map(|plan| run(plan, 0)).collect();
            prop_assert!(dropped.iter().flatten().all(|batch| batch.end - batch.start == batch_size));
            prop_assert!(dropped.iter().all(|batches| batches.len() as u64 == windows / step));
            prop_assert_eq!(flat(dropped.concat()), (0..windows / step * step).collect::<Vec<_>>());
        }

        #[test]
        fn an_epoch_resumes_with_other_sizes_where_it_stopped(
            windows in 1u64..200, steps in 0usize..20, sizes in [1u64..12, 1u64..12], worlds in [1u64..10, 1u64..10],
        ) {
            let plan = |phase: usize, rank| {
                Plan::new(windows, sizes[phase], Remainder::Keep, rank, worlds[phase]).unwrap()
            };
            let before: Vec<_> = (0..worlds[0]).flat_map(|rank| run(&plan(0, rank), 0).into_iter().take(steps)).collect();
            let position = windows.min(steps as u64 * sizes[0] * worlds[0]);
            let after = (0..worlds[1]).flat_map(|rank| run(&plan(1, rank), position));
            prop_assert_eq!(flat(before.into_iter().chain(after)), (0..windows).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_step_gives_each_rank_a_contiguous_slice() {
        let step = |rank, position| Plan::new(20, 3, Remainder::Keep, rank, 2).unwrap().step(position);
        assert_eq!(step(0, 0), Some(Step { batch: 0..3, next: 6 }));
        assert_eq!(step(1, 0), Some(Step { batch: 3..6, next: 6 }));
        assert_eq!(step(1, 12), Some(Step { batch: 15..18, next: 18 }));
        assert_eq!(step(0, 18), Some(Step { batch: 18..19, next: 20 }));
        assert_eq!(step(1, 18), Some(Step { batch: 19..20, next: 20 }));
        assert_eq!(step(0, 20), None);
    }

    #[test]
    fn errors_name_the_argument() {
        let message = |batch_size, rank, world_size| {
            Plan::new(5, batch_size, Remainder::Drop, rank, world_size).unwrap_err().to_string()
        };
        assert_eq!(message(0, 0, 1), "batch_size: 0 windows are no batch, expected at least 1");
        assert_eq!(message(1, 0, 0), "world_size: 0 ranks read nothing, expected at least 1");
        assert_eq!(message(1, 2, 2), "rank: 2 is out of range, expected 0 to 1");
        assert_eq!(
            message(3, 0, 2),
            "batch_size: 3 windows for each of 2 ranks make no batch of 5 windows; expected a smaller size, or \
             drop_last=False for a short one"
        );
    }

    #[test]
    fn the_largest_numbers_do_not_overflow() {
        let plan = Plan::new(u64::MAX, u64::MAX, Remainder::Keep, 8, 9).unwrap();
        assert_eq!(flat([plan.step(u64::MAX - 9).unwrap().batch]), [u64::MAX - 1]);
        assert_eq!(plan.batches_from(0), 1);
    }
}
