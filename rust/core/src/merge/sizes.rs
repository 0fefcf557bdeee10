//! How long tokens are, in bytes and in words, which decides which pairs may become a token.
//!
//! Words are counted only where pretokens hold several, for superwords: one begins with the token, and one at each
//! space after its first byte that something other than a space follows.

use crate::count::WordCounts;
use crate::merge::start::Start;

/// The most words that a superword reaches into (Liu et al. 2025, <https://arxiv.org/abs/2503.13423>).
pub(super) const MOST_WORDS: usize = 4;

/// The sizes of each token, by id.
pub(super) struct Sizes {
    /// In bytes, up to [`u32::MAX`].
    lengths: Vec<u32>,
    max_bytes: u32,
    /// The bytes themselves, where words are counted.
    spelled: Option<Vec<Box<[u8]>>>,
}

impl Sizes {
    /// The sizes of the tokens to start from. Words are counted if the pattern of `counts` has several in a pretoken.
    pub(super) fn new(start: &Start<'_>, counts: &WordCounts, max_bytes: Option<usize>) -> Self {
        let superwords = counts.pattern().without_superwords().is_some();
        Self {
            lengths: start.spelled().map(|token| token.len() as u32).collect(),
            // One less than the largest number, which lengths beyond it saturate to.
            max_bytes: max_bytes.unwrap_or(usize::MAX).min(u32::MAX as usize - 1) as u32,
            spelled: superwords.then(|| start.spelled().map(Box::from).collect()),
        }
    }

    /// Whether the two tokens may become one.
    pub(super) fn may_join(&self, left: u32, right: u32) -> bool {
        let [left, right] = [left, right].map(|token| token as usize);
        let length = self.lengths[left].saturating_add(self.lengths[right]);
        let is_few_words = |spelled: &Vec<Box<[u8]>>| words(&spelled[left], &spelled[right]) <= MOST_WORDS;
        length <= self.max_bytes && self.spelled.as_ref().is_none_or(is_few_words)
    }

    /// Adds the token that two others make.
    pub(super) fn add(&mut self, left: u32, right: u32) {
        let [left, right] = [left, right].map(|token| token as usize);
        self.lengths.push(self.lengths[left].saturating_add(self.lengths[right]));
        if let Some(spelled) = &mut self.spelled {
            spelled.push([&*spelled[left], &*spelled[right]].concat().into());
        }
    }
}

/// How many words two tokens reach into together.
fn words(left: &[u8], right: &[u8]) -> usize {
    let bytes = || left.iter().chain(right);
    1 + bytes().skip(1).zip(bytes().skip(2)).filter(|&(&one, &next)| one == b' ' && next != b' ').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_begin_with_the_token_and_at_spaces() {
        let of = |left: &str, right: &str| words(left.as_bytes(), right.as_bytes());
        assert_eq!([of("a", "b"), of(" a", "b"), of(" ", "b"), of("a", " ")], [1; 4]);
        assert_eq!([of("a", " b"), of("a ", "b"), of(" a", " b"), of("a b", "c")], [2; 4]);
        assert_eq!([of("        ", "        "), of("  ", "x")], [1, 2]);
        assert_eq!([of(" a b", " c d"), of("a b c", " d")], [4; 2]);
    }
}
