//! The distinct counts of words: a few thousand in real text, so that a number of 16 bits can stand for each.

use crate::count::WordCounts;

/// Counts below this have their numbers in a table, and few words count more.
const SMALL: usize = 1 << 12;

/// The distinct counts of words, in ascending order.
pub(super) struct Weights {
    distinct: Vec<u64>,
    /// The number of each small count, by count.
    numbers: Vec<usize>,
}

impl Weights {
    pub(super) fn new(counts: &WordCounts) -> Self {
        let mut is_met = vec![false; SMALL];
        let mut large = Vec::new();
        for &count in counts.counts() {
            match is_met.get_mut(usize::try_from(count).unwrap_or(usize::MAX)) {
                Some(met) => *met = true,
                None => large.push(count),
            }
        }
        large.sort_unstable();
        large.dedup();
        let mut distinct = Vec::new();
        let mut numbers = Vec::new();
        for (count, &met) in is_met.iter().enumerate() {
            numbers.push(distinct.len());
            distinct.extend(met.then_some(count as u64));
        }
        distinct.append(&mut large);
        Self { distinct, numbers }
    }

    /// How many distinct counts there are.
    pub(super) fn len(&self) -> usize {
        self.distinct.len()
    }

    /// The number of `count`, which is that of a word.
    pub(super) fn number_of(&self, count: u64) -> usize {
        match self.numbers.get(usize::try_from(count).unwrap_or(usize::MAX)) {
            Some(&number) => number,
            None => self.distinct.binary_search(&count).expect("every count is among the weights"),
        }
    }

    /// The count with this number.
    #[inline(always)]
    pub(super) fn get(&self, number: usize) -> u64 {
        self.distinct[number]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::split::Pattern;

    #[test]
    fn every_count_has_its_number_in_their_order() {
        let counts = [7, 1, 4096, 7, 1 << 40, 4095, u64::MAX >> 4, 4096];
        let words: Vec<String> = (0..counts.len()).map(|number| number.to_string()).collect();
        let words = words.iter().map(String::as_bytes).zip(counts);
        let weights = Weights::new(&WordCounts::from_words(Pattern::Whole, words).expect("small counts"));
        let mut distinct = counts.to_vec();
        distinct.sort_unstable();
        distinct.dedup();
        assert_eq!(weights.len(), distinct.len());
        for (number, &count) in distinct.iter().enumerate() {
            assert_eq!((weights.number_of(count), weights.get(number)), (number, count));
        }
    }
}
