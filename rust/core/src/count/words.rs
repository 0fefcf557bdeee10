//! Distinct words and how often each occurs.

use std::cmp::Ordering;
use std::ops::Range;

use crate::split::Pattern;
use crate::{Error, Result};

/// Distinct words and how often each occurs, in the order of their bytes; and the pattern that cut them.
///
/// No word is empty and no count 0. The sum of all counts fits in 64 bits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WordCounts {
    pattern: Pattern,
    /// The words' bytes, one word after another.
    bytes: Vec<u8>,
    /// Where each word ends in `bytes`.
    ends: Vec<usize>,
    counts: Vec<u64>,
    total: u64,
}

impl WordCounts {
    /// No words at all.
    pub fn new(pattern: Pattern) -> Self {
        Self { pattern, bytes: Vec::new(), ends: Vec::new(), counts: Vec::new(), total: 0 }
    }

    /// The counts of `words`, given in any order; equal words are added up, and words with a count of 0 left out.
    pub fn from_words<'w>(
        pattern: Pattern,
        words: impl IntoIterator<Item = (&'w [u8], u64)>,
    ) -> Result<Self> {
        let mut words: Vec<(&[u8], u64)> = words.into_iter().collect();
        words.sort_unstable();
        let mut sum = Self::new(pattern);
        for run in words.chunk_by(|one, other| one.0 == other.0) {
            let count = run.iter().try_fold(0_u64, |count, word| count.checked_add(word.1));
            sum.push(run[0].0, count.ok_or_else(too_many)?)?;
        }
        Ok(sum)
    }

    /// Appends a word that comes after all others.
    pub(super) fn push(&mut self, word: &[u8], count: u64) -> Result<()> {
        if word.is_empty() {
            return Err(Error::argument("counts", "the empty word is not a pretoken"));
        }
        debug_assert!(self.is_empty() || self.word(self.len() - 1) < word, "words come in order");
        if count > 0 {
            self.total = self.total.checked_add(count).ok_or_else(too_many)?;
            self.bytes.extend_from_slice(word);
            self.ends.push(self.bytes.len());
            self.counts.push(count);
        }
        Ok(())
    }

    /// Reserves room for `words` more words of `bytes` bytes together.
    pub(super) fn reserve(&mut self, words: usize, bytes: usize) {
        self.bytes.reserve_exact(bytes);
        self.ends.reserve_exact(words);
        self.counts.reserve_exact(words);
    }

    /// The pattern that cut the words.
    pub fn pattern(&self) -> &Pattern {
        &self.pattern
    }

    /// How many distinct words there are.
    pub fn len(&self) -> usize {
        self.counts.len()
    }

    /// Whether there is no word.
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// The sum of all counts.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// How many bytes all words have together, each as often as it occurs; an error if that is 2^64 or more. So a sum
    /// of counts cannot overflow if it has at most one summand for each byte of the words.
    pub(crate) fn total_bytes(&self) -> Result<u64> {
        let add =
            |sum: u64, (word, count): (&[u8], u64)| sum.checked_add(count.checked_mul(word.len() as u64)?);
        let too_many = || Error::argument("counts", "the words with their counts have 2^64 bytes or more");
        self.iter().try_fold(0, add).ok_or_else(too_many)
    }

    /// How many bytes the distinct words have together.
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// How many bytes the words of these numbers have together, numbered in the order of bytes.
    pub(crate) fn bytes_of(&self, words: Range<usize>) -> usize {
        self.start_of(words.end) - self.start_of(words.start)
    }

    /// The number of the word that has byte number `byte` of all words, or [`len`](Self::len) if there is no such byte.
    pub(crate) fn word_at(&self, byte: usize) -> usize {
        self.ends.partition_point(|&end| end <= byte)
    }

    /// The word at `index`, in the order of bytes.
    pub fn word(&self, index: usize) -> &[u8] {
        &self.bytes[self.start_of(index)..self.ends[index]]
    }

    /// Where the word at `index` starts; for an index of [`len`](Self::len), where the last one ends.
    fn start_of(&self, index: usize) -> usize {
        if index == 0 { 0 } else { self.ends[index - 1] }
    }

    /// The count of each word, in the order of the words.
    pub fn counts(&self) -> &[u64] {
        &self.counts
    }

    /// Each word and its count, in the order of bytes.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&[u8], u64)> {
        self.counts.iter().enumerate().map(|(index, &count)| (self.word(index), count))
    }

    /// How often `word` occurs, or `None` if it does not.
    pub fn get(&self, word: &[u8]) -> Option<u64> {
        let (mut from, mut to) = (0, self.len());
        while from < to {
            let middle = from.midpoint(to);
            match self.word(middle).cmp(word) {
                Ordering::Less => from = middle + 1,
                Ordering::Equal => return Some(self.counts[middle]),
                Ordering::Greater => to = middle,
            }
        }
        None
    }

    /// The `n` most frequent words, most frequent first; words that occur equally often stand in the order of bytes.
    pub fn most_common(&self, n: usize) -> Vec<(&[u8], u64)> {
        let mut indices: Vec<usize> = (0..self.len()).collect();
        let key = |&index: &usize| (std::cmp::Reverse(self.counts[index]), index);
        if n < indices.len() {
            indices.select_nth_unstable_by_key(n, key);
            indices.truncate(n);
        }
        indices.sort_unstable_by_key(key);
        indices.into_iter().map(|index| (self.word(index), self.counts[index])).collect()
    }

    /// These counts and `other`'s added up. An error if the patterns differ, since the words would mean different
    /// things.
    pub fn merged(&self, other: &Self) -> Result<Self> {
        if self.pattern != other.pattern {
            let message =
                format!("words of pattern {} do not add to words of {}", other.pattern, self.pattern);
            return Err(Error::argument("counts", message));
        }
        let mut sum = Self::new(self.pattern.clone());
        sum.reserve(self.len().max(other.len()), self.bytes().max(other.bytes()));
        let (mut mine, mut theirs) = (self.iter().peekable(), other.iter().peekable());
        loop {
            let order = match (mine.peek(), theirs.peek()) {
                (Some(one), Some(two)) => one.0.cmp(two.0),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (None, None) => return Ok(sum),
            };
            let from_mine = if order.is_le() { mine.next() } else { None };
            let from_theirs = if order.is_ge() { theirs.next() } else { None };
            let word = from_mine.or(from_theirs).map_or(&[][..], |(word, _)| word);
            let counts = [from_mine, from_theirs].map(|word| word.map_or(0, |(_, count)| count));
            sum.push(word, counts[0].checked_add(counts[1]).ok_or_else(too_many)?)?;
        }
    }

    /// The words that occur at least `min_count` times.
    #[must_use]
    pub fn pruned(&self, min_count: u64) -> Self {
        let mut kept = Self::new(self.pattern.clone());
        for (word, count) in self.iter().filter(|(_, count)| *count >= min_count) {
            kept.push(word, count).expect("a part of a sum that fits");
        }
        kept
    }

    /// Every count times `weight`, rounded to the nearest integer (halves up); what becomes 0 is left out.
    ///
    /// The product is exact before it is rounded, also for counts beyond 2^53.
    pub fn scaled(&self, weight: f64) -> Result<Self> {
        if !(weight.is_finite() && weight >= 0.0) {
            return Err(Error::argument(
                "weight",
                format!("is {weight}, expected a finite number of at least 0"),
            ));
        }
        let mut scaled = Self::new(self.pattern.clone());
        scaled.reserve(self.len(), self.bytes());
        for (word, count) in self.iter() {
            scaled.push(word, scale(count, weight).ok_or_else(too_many)?)?;
        }
        Ok(scaled)
    }
}

pub(super) fn too_many() -> Error {
    Error::argument("counts", "the counts add up to 2^64 or more")
}

/// `count * weight` to the nearest integer, or `None` if that is 2^64 or more. `weight` is not negative.
fn scale(count: u64, weight: f64) -> Option<u64> {
    // weight = fraction * 2^exponent, exactly (IEEE 754 binary64), without the sign that a zero may have.
    let bits = weight.abs().to_bits();
    let (biased, stored) = ((bits >> 52) as i32, bits & ((1 << 52) - 1));
    let fraction = if biased == 0 { stored } else { stored | 1 << 52 };
    let exponent = biased.max(1) - 1075;
    let product = u128::from(count) * u128::from(fraction);
    if product == 0 {
        return Some(0);
    }
    let rounded = match exponent {
        // The product has at most 117 bits; beyond those everything rounds to 0.
        ..=-119 => 0,
        -118..=-1 => ((product >> (-exponent - 1)) + 1) >> 1,
        0..=11 => product << exponent,
        // The fraction has 53 bits; 12 more are more than a count has.
        _ => return None,
    };
    u64::try_from(rounded).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(words: &[(&str, u64)]) -> WordCounts {
        let words = words.iter().map(|&(word, count)| (word.as_bytes(), count));
        WordCounts::from_words(Pattern::Whole, words).expect("small counts")
    }

    #[test]
    fn words_stand_in_the_order_of_bytes_and_equal_ones_add_up() {
        let counts = counts(&[("b", 1), ("ab", 2), ("a", 3), ("b", 4), ("gone", 0)]);
        let words: Vec<_> = counts.iter().collect();
        assert_eq!(words, [(&b"a"[..], 3), (b"ab", 2), (b"b", 5)]);
        assert_eq!((counts.total(), counts.len(), counts.bytes()), (10, 3, 4));
        assert_eq!([counts.get(b"ab"), counts.get(b"b"), counts.get(b"ba")], [Some(2), Some(5), None]);
    }

    #[test]
    fn adding_joins_words_and_adds_counts() {
        let sum = counts(&[("a", 1), ("c", 2)]).merged(&counts(&[("b", 5), ("c", 3), ("d", 1)]));
        assert_eq!(sum.expect("one pattern"), counts(&[("a", 1), ("b", 5), ("c", 5), ("d", 1)]));
    }

    #[test]
    fn adding_refuses_other_patterns_and_sums_beyond_64_bits() {
        let one = counts(&[("a", u64::MAX)]);
        assert!(one.merged(&counts(&[("a", 1)])).is_err());
        assert!(one.merged(&counts(&[("b", 1)])).is_err());
        assert!(one.merged(&WordCounts::new(Pattern::Named(0))).is_err());
    }

    #[test]
    fn the_most_common_come_first_and_ties_in_order() {
        let counts = counts(&[("a", 1), ("b", 7), ("c", 7), ("d", 9)]);
        assert_eq!(counts.most_common(3), [(&b"d"[..], 9), (b"b", 7), (b"c", 7)]);
        assert_eq!(counts.most_common(9).len(), 4);
        assert_eq!(counts.most_common(0), []);
    }

    #[test]
    fn pruning_leaves_the_frequent_words() {
        let all = counts(&[("a", 1), ("b", 2), ("c", 3)]);
        assert_eq!(all.pruned(2), counts(&[("b", 2), ("c", 3)]));
        assert_eq!([0, 1].map(|min_count| all.pruned(min_count)), [all.clone(), all.clone()]);
        assert!(all.pruned(4).is_empty());
    }

    #[test]
    fn scaling_rounds_exactly() {
        assert_eq!(scale(3, 0.5), Some(2));
        assert_eq!(scale(1, 0.49), Some(0));
        assert_eq!(scale(u64::MAX, 1.0), Some(u64::MAX));
        assert_eq!(scale((1 << 53) + 1, 2.0), Some((1 << 54) + 2));
        assert_eq!(scale(5, 3.0e9), Some(15_000_000_000));
        assert_eq!(scale(1, 18_446_744_073_709_551_616.0), None);
        assert_eq!(scale(u64::MAX, 1.5), None);
        assert_eq!(scale(1, f64::MAX), None);
        assert_eq!(scale(u64::MAX, f64::MIN_POSITIVE), Some(0));
        assert_eq!(scale(7, 0.0), Some(0));
    }

    #[test]
    fn scaling_refuses_weights_that_are_no_weights() {
        for weight in [-1.0, f64::NAN, f64::INFINITY] {
            assert!(counts(&[("a", 1)]).scaled(weight).is_err());
        }
        for zero in [0.0, -0.0] {
            assert!(counts(&[("a", 1)]).scaled(zero).expect("a weight").is_empty());
        }
    }
}
