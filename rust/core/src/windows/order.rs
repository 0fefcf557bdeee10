//! Which window stands where in an epoch: in order, or shuffled without a list of indices.
//!
//! [`Permutation`] is a Feistel network with cycle walking (Black and Rogaway, *Ciphers with Arbitrary Finite
//! Domains*, 2002). Why it is a bijection of `0..n`, for every `n`:
//!
//! 1. One round cuts a number of `bits` bits into a left and a right half, of any widths, and replaces
//!    `left` by `left ^ f(right)` or `right` by `right ^ f(left)`. The half that `f` reads stays, so the same round
//!    once more restores the number: each round is its own inverse, whatever `f` is.
//! 2. Hence the rounds one after another are a bijection `E` of `0..2^bits`, and the rounds backwards are its inverse.
//! 3. Let `2^bits ≥ n`. From `i < n`, apply `E` until the value is below `n` again. The cycle of `E` through `i`
//!    comes back to `i < n`, so this ends. The value it ends at is the next element of that cycle that is below `n`, and
//!    "the next one" on a cycle is a bijection whose inverse is "the one before": the same walk with `E` inverted.
//!
//! `2^bits < 2n`, so a walk takes less than two steps on average, except for small `n`: a network of a few bits has too
//! few different rounds to come near all orders, so there are never fewer than [`LEAST_BITS`] bits.
//!
//! [`Blocks`] is for windows on a disk that should be read in long stretches: it shuffles blocks of neighbouring
//! windows, and the windows of each block. Both are permutations, and the one block that is shorter may come anywhere
//! among the others, so this is also a bijection of `0..n`.

use std::num::NonZero;
use std::ops::Range;

/// How windows are shuffled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shuffle {
    /// Not at all: they come as they lie in the data.
    No,
    /// All windows together.
    All,
    /// Blocks of this many neighbouring windows, and the windows of each block.
    Blocks(NonZero<u64>),
}

/// The order of the windows of one epoch.
#[derive(Debug, Clone)]
pub enum Order {
    /// As they lie in the data.
    Stored,
    /// Shuffled.
    Shuffled(Permutation),
    /// Shuffled by blocks.
    Blocks(Blocks),
}

impl Order {
    /// The order of `n` windows for `epoch` of a run with `seed`.
    pub fn new(n: u64, shuffle: Shuffle, seed: u64, epoch: u64) -> Self {
        match shuffle {
            Shuffle::No => Order::Stored,
            Shuffle::All => Order::Shuffled(Permutation::new(n, seed, epoch)),
            Shuffle::Blocks(length) => Order::Blocks(Blocks::new(n, length, seed, epoch)),
        }
    }

    /// The window at `position`.
    pub fn at(&self, position: u64) -> u64 {
        match self {
            Order::Stored => position,
            Order::Shuffled(permutation) => permutation.at(position),
            Order::Blocks(blocks) => blocks.indices(position..position + 1)[0],
        }
    }

    /// The windows at `positions`.
    pub fn windows(&self, positions: Range<u64>) -> Vec<u64> {
        match self {
            Order::Stored => positions.collect(),
            Order::Shuffled(permutation) => permutation.indices(positions),
            Order::Blocks(blocks) => blocks.indices(positions),
        }
    }
}

/// Rounds of the network. Four pass the tests of uniformity below; twice as many are the margin.
const ROUNDS: usize = 8;

/// The narrowest network in use.
const LEAST_BITS: u32 = 8;

/// A permutation of `0..n` chosen by a seed and an epoch; takes 96 bytes and next to no time to make, for any `n`.
#[derive(Debug, Clone)]
pub struct Permutation {
    n: u64,
    /// Width of the right half; the left half has as many bits, or one less.
    right_bits: u32,
    left_mask: u64,
    right_mask: u64,
    keys: [u64; ROUNDS],
}

impl Permutation {
    /// The permutation of `0..n` for `epoch` of a run with `seed`. Both go through a hash of their own, so
    /// neighbouring seeds share no epochs.
    pub fn new(n: u64, seed: u64, epoch: u64) -> Self {
        Self::keyed(n, key(seed, epoch))
    }

    /// The permutation of `0..n` by a key.
    fn keyed(n: u64, key: u64) -> Self {
        let bits = (u64::BITS - n.saturating_sub(1).leading_zeros()).max(LEAST_BITS);
        let right_bits = bits.div_ceil(2);
        let left_mask = (1 << (bits - right_bits)) - 1;
        let mut state = key;
        let keys = std::array::from_fn(|_| {
            state = state.wrapping_add(GOLDEN);
            mix(state)
        });
        Self { n, right_bits, left_mask, right_mask: (1 << right_bits) - 1, keys }
    }

    /// The index at `position`, which must be below `n`.
    pub fn at(&self, position: u64) -> u64 {
        assert!(position < self.n, "position {position} of a permutation of {}", self.n);
        let mut value = self.forward(position);
        while value >= self.n {
            value = self.forward(value);
        }
        value
    }

    /// The indices at `positions`, the last of which must be below `n`. The processor works on several at once, so one
    /// takes a third of the time of [`at`](Self::at).
    pub fn indices(&self, positions: Range<u64>) -> Vec<u64> {
        assert!(positions.end <= self.n, "positions {positions:?} of a permutation of {}", self.n);
        let mut values: Vec<u64> = positions.map(|position| self.forward(position)).collect();
        for value in &mut values {
            while *value >= self.n {
                *value = self.forward(*value);
            }
        }
        values
    }

    /// The position at which `index`, which must be below `n`, stands: the inverse of [`at`](Self::at).
    pub fn position_of(&self, index: u64) -> u64 {
        assert!(index < self.n, "index {index} of a permutation of {}", self.n);
        let mut value = self.backward(index);
        while value >= self.n {
            value = self.backward(value);
        }
        value
    }

    fn forward(&self, value: u64) -> u64 {
        let (mut left, mut right) = (value >> self.right_bits, value & self.right_mask);
        for pair in self.keys.chunks_exact(2) {
            left ^= mix(right ^ pair[0]) & self.left_mask;
            right ^= mix(left ^ pair[1]) & self.right_mask;
        }
        left << self.right_bits | right
    }

    fn backward(&self, value: u64) -> u64 {
        let (mut left, mut right) = (value >> self.right_bits, value & self.right_mask);
        for pair in self.keys.chunks_exact(2).rev() {
            right ^= mix(left ^ pair[1]) & self.right_mask;
            left ^= mix(right ^ pair[0]) & self.left_mask;
        }
        left << self.right_bits | right
    }
}

/// A permutation of `0..n` that keeps blocks of neighbours together; takes 128 bytes and next to no time to make, for
/// any `n`.
#[derive(Debug, Clone)]
pub struct Blocks {
    n: u64,
    length: u64,
    /// The order of the blocks, the shorter one at the end included.
    order: Permutation,
    /// The place of the shorter block in that order; after all blocks if there is none.
    short: u64,
    key: u64,
}

impl Blocks {
    /// `0..n` in blocks of `length`, for `epoch` of a run with `seed`.
    pub fn new(n: u64, length: NonZero<u64>, seed: u64, epoch: u64) -> Self {
        let (length, key) = (length.get(), key(seed, epoch));
        let order = Permutation::keyed(n.div_ceil(length), key);
        let short = if n.is_multiple_of(length) { n / length } else { order.position_of(n / length) };
        Self { n, length, order, short, key }
    }

    /// The indices at `positions`, the last of which must be below `n`.
    pub fn indices(&self, positions: Range<u64>) -> Vec<u64> {
        assert!(positions.end <= self.n, "positions {positions:?} of a permutation of {}", self.n);
        let mut indices = Vec::with_capacity((positions.end - positions.start) as usize);
        let mut position = positions.start;
        while position < positions.end {
            let (place, start) = self.place(position);
            let block = self.order.at(place);
            let length = self.length.min(self.n - block * self.length);
            let end = positions.end.min(start + length);
            let within = Permutation::keyed(length, mix(self.key ^ mix(block.wrapping_add(GOLDEN))));
            let own = within.indices(position - start..end - start);
            indices.extend(own.into_iter().map(|index| block * self.length + index));
            position = end;
        }
        indices
    }

    /// The place in the order of the block that `position` is in, and the position at which that block starts.
    fn place(&self, position: u64) -> (u64, u64) {
        let place = position / self.length;
        if place < self.short {
            return (place, place * self.length);
        }
        let (start, missing) = (self.short * self.length, self.n % self.length);
        if position - start < missing {
            return (self.short, start);
        }
        let after = (position - missing) / self.length;
        (after + u64::from(missing > 0), after * self.length + missing)
    }
}

/// A key that distinguishes the orders of one seed and epoch from those of all others.
fn key(seed: u64, epoch: u64) -> u64 {
    mix(mix(seed.wrapping_add(GOLDEN)) ^ epoch)
}

/// 2^64 divided by the golden ratio, made odd: the increment of `SplitMix64`.
const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

/// The output function of `SplitMix64` (Steele, Lea and Flood 2014, with Stafford's constants): a bijection of the
/// 64-bit numbers in which every input bit flips every output bit half the time.
fn mix(mut value: u64) -> u64 {
    value = (value ^ value >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    value = (value ^ value >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    value ^ value >> 31
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assert_bijective(n: u64, seed: u64) {
        let permutation = Permutation::new(n, seed, seed >> 3);
        let mut met = vec![false; n as usize];
        let indices = permutation.indices(0..n);
        for &index in &indices {
            assert!(!std::mem::replace(&mut met[index as usize], true), "{index} twice for n = {n}");
        }
        for position in (0..n).step_by(n as usize / 4096 + 1) {
            assert_eq!(permutation.at(position), indices[position as usize]);
            assert_eq!(permutation.position_of(indices[position as usize]), position);
        }
        assert_eq!(permutation.indices(n / 3..n), indices[n as usize / 3..]);
    }

    #[test]
    fn every_length_to_4096_gives_each_index_once() {
        (0..=1 << 12).for_each(|n| assert_bijective(n, n * 31));
    }

    #[test]
    fn lengths_around_powers_of_two_give_each_index_once() {
        for bits in 13..=20 {
            (-1..=1).for_each(|step| assert_bijective((1u64 << bits).wrapping_add_signed(step), bits));
        }
    }

    #[test]
    #[ignore = "a minute in release: every length to 65,536"]
    fn every_length_to_65536_gives_each_index_once() {
        (1 << 12..=1 << 16).for_each(|n| assert_bijective(n, n));
    }

    #[test]
    fn blocks_give_each_index_once_and_stay_together() {
        for n in (0..70).chain([255, 256, 257, 1_000, 1_023]) {
            for length in (1..20).chain([256, 2_000]) {
                let blocks = Blocks::new(n, NonZero::new(length).unwrap(), n, length);
                let order = blocks.indices(0..n);
                let mut sorted = order.clone();
                sorted.sort_unstable();
                assert!(sorted.into_iter().eq(0..n), "n = {n}, blocks of {length}");
                let runs = order.chunk_by(|a, b| a / length == b / length).count() as u64;
                assert_eq!(runs, n.div_ceil(length));
                // Any stretch is a stretch of the whole.
                for (start, end) in [(0, n / 2), (n / 3, n), (n / 3, n - n / 3), (n, n)] {
                    assert_eq!(blocks.indices(start..end), order[start as usize..end as usize]);
                }
            }
        }
    }

    #[test]
    fn blocks_of_all_orders_are_equally_frequent() {
        // Five windows in blocks of two: 3! orders of blocks, and 2 in each of the two full ones.
        let mut counts = std::collections::BTreeMap::new();
        for seed in 0..12_000 {
            let order = Blocks::new(5, NonZero::new(2).unwrap(), seed, 1).indices(0..5);
            *counts.entry(order).or_insert(0) += 1;
        }
        let counts: Vec<u64> = counts.into_values().collect();
        assert_eq!(counts.len(), 24);
        assert!(deviation(&counts).abs() < 4.0, "{}", deviation(&counts));
    }

    #[test]
    fn large_lengths_are_inverted_exactly() {
        for bits in 20..=40 {
            for n in [(1u64 << bits) - 1, 1 << bits, (1 << bits) + 1, 3 << (bits - 1)] {
                let permutation = Permutation::new(n, bits, n);
                for sample in 0..500 {
                    let position = mix(sample) % n;
                    assert_eq!(permutation.position_of(permutation.at(position)), position);
                    assert_eq!(permutation.at(permutation.position_of(position)), position);
                }
            }
        }
    }

    #[test]
    fn the_largest_length_works() {
        let permutation = Permutation::new(u64::MAX, 1, 2);
        for position in [0, 1, u64::MAX - 1] {
            assert_eq!(permutation.position_of(permutation.at(position)), position);
        }
        for length in [1, 3, 1 << 20, 1 << 63, u64::MAX] {
            let blocks = Blocks::new(u64::MAX, NonZero::new(length).unwrap(), 1, 2);
            for position in [0, 1, u64::MAX / 2, u64::MAX - 2] {
                assert!(blocks.indices(position..position + 1)[0] < u64::MAX);
            }
        }
    }

    /// Pearson's statistic, as standard deviations from its mean, for counts that should all be equal.
    fn deviation(counts: &[u64]) -> f64 {
        let expected = counts.iter().sum::<u64>() as f64 / counts.len() as f64;
        let statistic: f64 = counts.iter().map(|&count| (count as f64 - expected).powi(2) / expected).sum();
        let freedom = (counts.len() - 1) as f64;
        (statistic - freedom) / (2.0 * freedom).sqrt()
    }

    /// The rank of a permutation among all of its length, in lexicographic order.
    fn rank(order: &[u64]) -> usize {
        order.iter().enumerate().fold(0, |rank, (place, value)| {
            rank * (order.len() - place) + order[place + 1..].iter().filter(|later| *later < value).count()
        })
    }

    #[test]
    fn all_orders_of_a_few_windows_are_equally_frequent() {
        for (n, orders) in [(2, 2), (3, 6), (4, 24), (5, 120), (6, 720)] {
            let mut counts = vec![0; orders];
            for seed in 0..400 {
                for epoch in 0..orders as u64 {
                    let permutation = Permutation::new(n, seed, epoch);
                    counts[rank(&(0..n).map(|position| permutation.at(position)).collect::<Vec<_>>())] += 1;
                }
            }
            assert!(deviation(&counts).abs() < 4.0, "n = {n}: {}", deviation(&counts));
        }
    }

    #[test]
    fn every_window_is_equally_frequent_at_every_position_and_after_every_other() {
        for n in [31, 32, 33, 64, 100] {
            let (mut places, mut steps) = (vec![0; (n * n) as usize], vec![0; n as usize]);
            for epoch in 0..4_000 {
                let permutation = Permutation::new(n, 42, epoch);
                let order: Vec<u64> = (0..n).map(|position| permutation.at(position)).collect();
                order.iter().zip(0..).for_each(|(index, place)| places[(index * n + place) as usize] += 1);
                order.windows(2).for_each(|pair| steps[((pair[1] + n - pair[0]) % n) as usize] += 1);
            }
            assert_eq!(steps.remove(0), 0);
            assert!(deviation(&places).abs() < 4.0, "n = {n}: places {}", deviation(&places));
            assert!(deviation(&steps).abs() < 4.0, "n = {n}: steps {}", deviation(&steps));
        }
    }

    #[test]
    fn long_orders_spread_each_stretch_over_the_whole() {
        let n = 1_000_003;
        for epoch in 0..8 {
            let permutation = Permutation::new(n, 7, epoch);
            let mut counts = vec![0; 256];
            (0..65_536).for_each(|position| counts[(permutation.at(position) * 256 / n) as usize] += 1);
            // Drawn without replacement, so a little more even than chance.
            assert!(deviation(&counts).abs() < 4.0, "epoch {epoch}: {}", deviation(&counts));
        }
    }

    #[test]
    fn neighbouring_seeds_and_epochs_share_nothing() {
        let order = |seed, epoch| {
            let permutation = Permutation::new(1_000, seed, epoch);
            (0..1_000).map(|position| permutation.at(position)).collect::<Vec<_>>()
        };
        let equal = |a: &[u64], b: &[u64]| a.iter().zip(b).filter(|(a, b)| a == b).count();
        for (a, b) in [((0, 1), (1, 0)), ((0, 0), (0, 1)), ((0, 0), (1, 0)), ((5, 7), (7, 5))] {
            assert!(equal(&order(a.0, a.1), &order(b.0, b.1)) < 10, "{a:?} {b:?}");
        }
        assert_eq!(order(3, 4), order(3, 4));
    }
}
