//! Numbers in groups of any size, from the left or from the right, among the other pretokens of a published pattern.
//!
//! A number is found and cut as a whole, so that no digit is looked at again for each group after it. Where a block
//! ends inside a number, the rest of the number consists of whole groups (from the right) or begins with a new group
//! (from the left): the next block cuts it as this one would have.

use super::classes::{NUMBER, class_at};
use super::ends::Ends;
use super::family::Family;
use super::scan::{pretoken_end, run_end};
use super::variant::Digits;
use crate::utf8::is_tail;

/// A published pattern with numbers grouped in its own way.
#[derive(Debug, Clone, Copy)]
pub(super) struct Numbers {
    /// The end of a pretoken that is not a number.
    pretoken_end: fn(text: &[u8], start: usize) -> usize,
    /// Whether a space may lead a number.
    spaced: bool,
    digits: Digits,
}

impl Numbers {
    /// The pattern of family `F`, with numbers grouped by `digits`.
    pub(super) fn of<F: Family>(digits: Digits) -> Self {
        Self { pretoken_end: pretoken_end::<F>, spaced: F::SPACED_DIGITS, digits }
    }

    /// Appends the next pretokens of `text`, which start at `from`.
    pub(super) fn next_ends(&self, text: &[u8], from: usize, ends: &mut Ends) {
        let is_number = |at: usize| at < text.len() && class_at(text, at).0 & NUMBER != 0;
        let mut at = from;
        while at < text.len() && !ends.is_full() {
            let first = at + usize::from(self.spaced && text[at] == b' ' && is_number(at + 1));
            if is_number(first) {
                at = self.push_groups(text, first, ends);
            } else {
                at = (self.pretoken_end)(text, at);
                ends.push(at);
            }
        }
    }

    /// Appends the groups of the number whose first digit is at `first`, until `ends` is full; returns the last one's
    /// end.
    fn push_groups(&self, text: &[u8], first: usize, ends: &mut Ends) -> usize {
        let end = run_end(text, first, |class| class & NUMBER != 0);
        let is_digit = |at: &usize| !is_tail(text[*at]);
        let (size, mut left) = match self.digits {
            Digits::FromLeft(size) => (size, size),
            Digits::FromRight(size) => match (first..end).filter(is_digit).count() % size {
                0 => (size, size),
                rest => (size, rest),
            },
        };
        for at in (first..end).filter(is_digit) {
            if left == 0 {
                ends.push(at);
                if ends.is_full() {
                    return at;
                }
                left = size;
            }
            left -= 1;
        }
        ends.push(end);
        end
    }
}
