//! Words in a row as one pretoken: what a published pattern cuts, with some of the cuts left out.
//!
//! The expression (see [`variant`](super::variant)) takes runs of words, and every word is in one. So a cut between two
//! pretokens falls inside such a run if and only if a word ends directly before it and a word follows it, directly or
//! after one space or apostrophe. A word ends before the cut if the last character there is a letter, or a mark in a
//! word. (A mark among punctuation is not in a word; such a pretoken has neither letters nor marks in its first two
//! characters.) GPT-2's pattern cuts off single apostrophes before letters other than those of contractions; a run goes
//! on after these, too.

use super::classes::{LETTER, LOWER, UPPER, class_at};
use super::ends::Ends;
use crate::utf8::last_start;

/// How runs of words are recognised.
#[derive(Debug, Clone, Copy)]
pub(super) struct Superwords {
    /// The classes of the characters in words.
    pub(super) word: u8,
    /// Whether apostrophes may be pretokens of their own inside a run.
    pub(super) lone_apostrophes: bool,
}

/// Letters, and letters with marks.
pub(super) const LETTERS: u8 = LETTER;
pub(super) const LETTERS_AND_MARKS: u8 = LETTER | UPPER | LOWER;

impl Superwords {
    /// Replaces `ends` by the next whole pretokens of `text`; `next` appends the pretokens of the pattern itself from a
    /// place on, some hundreds at a time.
    pub(super) fn next_ends(
        self,
        text: &[u8],
        from: usize,
        ends: &mut Ends,
        next: impl Fn(usize, &mut Ends),
    ) {
        ends.restart(from);
        loop {
            next(ends.end(), ends);
            ends.keep(|start, end| !self.is_inside(text, start, end));
            if ends.end() == text.len() || !self.is_inside(text, ends.last_start(), ends.end()) {
                return;
            }
            // The last one goes on: the next block begins with it, or this one ends later.
            if ends.starts().len() > 1 {
                ends.pop();
                return;
            }
        }
    }

    /// Whether the cut after `text[start..end]`, one or several pretokens of the pattern itself, is inside a run.
    fn is_inside(self, text: &[u8], start: usize, end: usize) -> bool {
        let Some(&next) = text.get(end) else { return false };
        let goes_on =
            self.is_word_at(text, end) || (next == b' ' || next == b'\'') && self.is_word_at(text, end + 1);
        if !goes_on {
            return false;
        }
        let last = last_start(&text[..end]);
        let class = class_at(text, last).0;
        if class & LETTER != 0 {
            return true;
        }
        if self.lone_apostrophes && text[last] == b'\'' && next != b' ' && next != b'\'' {
            return last == start || class_at(text, last_start(&text[..last])).0 & self.word != 0;
        }
        class & self.word != 0 && {
            let second = start + class_at(text, start).1;
            self.is_word_at(text, start) || self.is_word_at(text, second)
        }
    }

    fn is_word_at(self, text: &[u8], at: usize) -> bool {
        at < text.len() && class_at(text, at).0 & self.word != 0
    }
}
