//! Several sources of windows drawn in fixed shares, with random access.
//!
//! The shares are fractions `p/P` of one denominator `P ≤ 65,536`, and the draws repeat after `P` positions, so a table
//! of one period answers any position: position `c·P + r` draws the source of entry `r`, and a multiplication gives how
//! often that was drawn before.
//!
//! Within a period, every prefix of `n` draws has more than `n·p/P - 1` and less than `n·p/P + 1` draws of each source.
//! So draw `m + 1` of a source may not come before `n·p/P > m`, and must have come once `n·p/P ≥ m + 1`: a release and
//! a deadline. Tijdeman (*The chairman assignment problem*, 1980) shows that some order keeps them all, and then taking
//! the released draw with the earliest deadline does (Steiner and Yeomans, 1993).

use crate::{Error, Result};

use super::{Lines, Order, Shuffle, WriteRow};

/// The largest denominator of shares.
const MAX_PERIOD: u32 = 1 << 16;

/// How far from an integer a share of a period may be by rounding alone.
const TOLERANCE: f64 = 1e-9;

/// Which source each position of an endless sequence draws from, and which of its windows.
#[derive(Debug, Clone)]
pub struct Mixture {
    /// For each position of a period its source, and how often that was drawn before in the period.
    draws: Vec<(u16, u32)>,
    /// How often each source is drawn in a period.
    shares: Vec<u32>,
    /// How many windows each source has.
    windows: Vec<u64>,
}

/// A position of the endless sequence, as an epoch of a given length and a position in it.
#[derive(Debug, Clone, Copy)]
pub struct Draw {
    /// The number of the epoch.
    pub epoch: u64,
    /// Positions in an epoch.
    pub length: u64,
    /// The position in this epoch.
    pub position: u64,
}

impl Mixture {
    /// A mixture of sources with these numbers of windows, drawn in proportion to `weights`. An error if there is not
    /// one weight for each source, if weights are not positive numbers of comparable size, or if a source has no
    /// window.
    pub fn new(weights: &[f64], windows: Vec<u64>) -> Result<Self> {
        let fail = |message: String| Err(Error::argument("weights", message));
        if weights.is_empty() || weights.len() != windows.len() || weights.len() > usize::from(u16::MAX) {
            return fail(format!(
                "{} of them for {} sources, expected one each",
                weights.len(),
                windows.len()
            ));
        }
        let is_weight = |weight: f64| weight.is_finite() && weight > 0.0;
        if let Some(wrong) = weights.iter().find(|&&weight| !is_weight(weight)) {
            return fail(format!("{wrong} is no weight, expected finite numbers above 0"));
        }
        if let Some(source) = windows.iter().position(|&windows| windows == 0) {
            return Err(Error::argument("sources", format!("source {source} has no window")));
        }
        let total: f64 = weights.iter().sum();
        if total.is_infinite() {
            return fail("their sum is infinite, expected smaller ones".to_owned());
        }
        let fractions: Vec<f64> = weights.iter().map(|weight| weight / total).collect();
        let is_small = |fraction: &f64| fraction * f64::from(MAX_PERIOD) < 1.0 - TOLERANCE;
        if let Some(source) = fractions.iter().position(is_small) {
            let weight = weights[source];
            return fail(format!(
                "{weight} of {total} is too small, expected at least 1/{MAX_PERIOD} of the sum"
            ));
        }
        let shares = shares(&fractions);
        Ok(Self { draws: draws(&shares), shares, windows })
    }

    /// How often each source is drawn in a period; a period is as long as their sum.
    pub fn shares(&self) -> &[u32] {
        &self.shares
    }

    /// The source that is drawn at a position, and its window. A source that has been read to its end begins again; if
    /// it is shuffled, in an order that depends on the seed and on how often it was read.
    pub fn at(&self, draw: Draw, shuffle: Shuffle, seed: u64) -> (usize, u64) {
        let position = u128::from(draw.epoch) * u128::from(draw.length) + u128::from(draw.position);
        let period = self.draws.len() as u128;
        let (source, before) = self.draws[(position % period) as usize];
        let source = usize::from(source);
        let nth = position / period * u128::from(self.shares[source]) + u128::from(before);
        let windows = self.windows[source];
        let (round, place) = ((nth / u128::from(windows)) as u64, (nth % u128::from(windows)) as u64);
        (source, Order::new(windows, shuffle, source_seed(seed, source), round).at(place))
    }
}

/// The windows of several sources, all of one length, to be written together. A row is a source and one of its windows.
pub struct Mixed<'s, T>(Vec<Box<dyn WriteRow<T, Row = u64> + 's>>);

impl<'s, T> Mixed<'s, T> {
    /// The windows of `sources`: at least one source, and all have rows of the same length.
    pub fn new(sources: Vec<Box<dyn WriteRow<T, Row = u64> + 's>>) -> Self {
        assert!(sources.iter().all(|source| source.length() == sources[0].length()), "rows of one length");
        Self(sources)
    }
}

impl<T> WriteRow<T> for Mixed<'_, T> {
    type Row = (usize, u64);

    fn length(&self) -> usize {
        self.0[0].length()
    }

    fn announce(&self, &(source, window): &(usize, u64), lines: &mut Lines) {
        self.0[source].announce(&window, lines);
    }

    fn write(
        &self,
        &(source, window): &(usize, u64),
        lines: &mut Lines,
        inputs: &mut [T],
        targets: &mut [T],
    ) -> Result<()> {
        self.0[source].write(&window, lines, inputs, targets)
    }
}

/// A seed for each source, far from those of others and of neighbouring seeds.
fn source_seed(seed: u64, source: usize) -> u64 {
    seed.wrapping_add((source as u64).wrapping_mul(0xD1B5_4A32_D192_ED03))
}

/// The fractions, which sum to 1, as integers: over the smallest denominator that gives them exactly, else over the
/// largest one, rounded by largest remainder.
fn shares(fractions: &[f64]) -> Vec<u32> {
    let rounded = |period: u32| fractions.iter().map(move |fraction| (fraction * f64::from(period)).round());
    let is_exact = |&period: &u32| {
        let products = fractions.iter().map(|fraction| fraction * f64::from(period));
        products.zip(rounded(period)).all(|(product, integer)| (product - integer).abs() < TOLERANCE)
    };
    if let Some(period) = (1..=MAX_PERIOD).find(is_exact) {
        return rounded(period).map(|share| share as u32).collect();
    }
    let products: Vec<f64> = fractions.iter().map(|fraction| fraction * f64::from(MAX_PERIOD)).collect();
    let mut shares: Vec<u32> = products.iter().map(|product| product.floor() as u32).collect();
    let mut by_remainder: Vec<usize> = (0..shares.len()).collect();
    by_remainder.sort_by(|&a, &b| products[b].fract().total_cmp(&products[a].fract()));
    let left = MAX_PERIOD - shares.iter().sum::<u32>();
    by_remainder.into_iter().take(left as usize).for_each(|source| shares[source] += 1);
    shares
}

/// One period of draws: at each position the released source with the earliest deadline.
fn draws(shares: &[u32]) -> Vec<(u16, u32)> {
    let period: u64 = shares.iter().map(|&share| u64::from(share)).sum();
    let mut drawn = vec![0_u32; shares.len()];
    let draw = |n: u64| {
        let released = |&source: &usize| u64::from(drawn[source]) * period < n * u64::from(shares[source]);
        let deadline =
            |&source: &usize| ((u64::from(drawn[source]) + 1) * period).div_ceil(u64::from(shares[source]));
        let source = (0..shares.len()).filter(released).min_by_key(deadline);
        let source = source.expect("fewer than n draws were made, so some source is behind its share of n");
        let before = drawn[source];
        drawn[source] += 1;
        (source as u16, before)
    };
    (1..=period).map(draw).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sources(mixture: &Mixture, count: u64) -> Vec<(usize, u64)> {
        (0..count)
            .map(|position| mixture.at(Draw { epoch: 0, length: count, position }, Shuffle::No, 0))
            .collect()
    }

    proptest! {
        #[test]
        fn every_prefix_has_each_source_within_one_of_its_share(weights in prop::collection::vec(1u32..60, 1..9)) {
            let total: u32 = weights.iter().sum();
            let floats: Vec<f64> = weights.iter().map(|&weight| f64::from(weight)).collect();
            let mixture = Mixture::new(&floats, vec![u64::MAX; weights.len()]).unwrap();
            let mut counts = vec![0_u64; weights.len()];
            for (n, (source, nth)) in (1_u32..).zip(sources(&mixture, u64::from(total) * 2 + 3)) {
                prop_assert_eq!(nth, counts[source]);
                counts[source] += 1;
                for (&count, &weight) in counts.iter().zip(&weights) {
                    let share = f64::from(n) * f64::from(weight) / f64::from(total);
                    prop_assert!((count as f64 - share).abs() < 1.0, "{n}: {count} for {share}");
                }
            }
        }

        #[test]
        fn weights_without_a_common_denominator_are_within_a_65536th(weights in prop::collection::vec(0.01f64..1.0, 1..9)) {
            let mixture = Mixture::new(&weights, vec![1; weights.len()]).unwrap();
            let (period, total) = (mixture.draws.len() as f64, weights.iter().sum::<f64>());
            for (&share, weight) in mixture.shares().iter().zip(&weights) {
                prop_assert!((f64::from(share) / period - weight / total).abs() < 1.0 / f64::from(MAX_PERIOD));
            }
        }
    }

    #[test]
    fn shares_are_over_the_smallest_denominator() {
        let shares = |weights: &[f64]| Mixture::new(weights, vec![1; weights.len()]).unwrap().shares;
        assert_eq!(shares(&[0.7, 0.3]), [7, 3]);
        assert_eq!(shares(&[2.0, 2.0]), [1, 1]);
        assert_eq!(shares(&[5.0]), [1]);
        assert_eq!(shares(&[1.0, 1.0, 1.0]), [1, 1, 1]);
        assert_eq!(shares(&[1.0, 2f64.sqrt()]).iter().sum::<u32>(), MAX_PERIOD);
    }

    #[test]
    fn a_source_is_read_once_before_it_begins_again() {
        let mixture = Mixture::new(&[2.0, 1.0], vec![5, 100]).unwrap();
        let two = std::num::NonZero::new(2).unwrap();
        for shuffle in [Shuffle::No, Shuffle::All, Shuffle::Blocks(two)] {
            // Three epochs of 10 positions: the first source is drawn 20 times, so read four times.
            let draws =
                (0..3).flat_map(|epoch| (0..10).map(move |position| Draw { epoch, length: 10, position }));
            let read: Vec<u64> = draws
                .map(|draw| mixture.at(draw, shuffle, 7))
                .filter(|draw| draw.0 == 0)
                .map(|draw| draw.1)
                .collect();
            assert_eq!(read.len(), 20);
            for round in read.chunks(5) {
                let mut sorted = round.to_vec();
                sorted.sort_unstable();
                assert_eq!(sorted, [0, 1, 2, 3, 4]);
                assert!(shuffle != Shuffle::No || round == [0, 1, 2, 3, 4]);
            }
            assert_eq!(shuffle != Shuffle::No, read[..5] != read[5..10]);
        }
    }

    #[test]
    fn the_largest_numbers_do_not_overflow() {
        let mixture = Mixture::new(&[1.0, 1.0], vec![u64::MAX, 1]).unwrap();
        let draw = Draw { epoch: u64::MAX, length: u64::MAX, position: u64::MAX - 1 };
        assert!(mixture.at(draw, Shuffle::All, 1).0 < 2);
    }

    #[test]
    fn errors_name_the_weights() {
        let message = |weights: &[f64]| Mixture::new(weights, vec![1; 2]).unwrap_err().to_string();
        assert_eq!(message(&[1.0]), "weights: 1 of them for 2 sources, expected one each");
        assert_eq!(message(&[1.0, 0.0]), "weights: 0 is no weight, expected finite numbers above 0");
        assert_eq!(message(&[1.0, f64::NAN]), "weights: NaN is no weight, expected finite numbers above 0");
        assert_eq!(message(&[1e308, 1e308]), "weights: their sum is infinite, expected smaller ones");
        assert_eq!(
            message(&[1e6, 1.0]),
            "weights: 1 of 1000001 is too small, expected at least 1/65536 of the sum"
        );
    }
}
