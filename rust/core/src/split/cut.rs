//! Where a text may be cut so that its parts can be split on their own, whatever published pattern is used.
//!
//! Two adjacent characters suffice to know that a pretoken ends between them:
//!
//! * a space after anything but whitespace: a space stands only at the start of a pretoken or inside whitespace;
//! * after a letter, anything but a letter, a mark or an apostrophe: letters stand in words and contractions, and
//!   neither goes on with anything else.
//!
//! Splitting the left part does not look beyond such a border, because only whitespace looks ahead and the left part
//! does not end with any; and no pattern has look-behind.
//!
//! This holds for the three splits in sequence of `deepseek`, too. Such a border is never inside a run of numbers;
//! where it cuts a run of kana (after a letter, before `・`), the third split, which sees that run alone, has a border
//! there by the second rule, and its two parts are the runs of the two texts. A stretch that none of its alternatives
//! matches has neither spaces nor letters, and ends before a space as it does at the end of the text.

use super::classes::{LETTER, LOWER, SPACE, UPPER, class_at};
use crate::utf8::is_tail;

/// The last place where every published pattern starts a new pretoken, whatever follows `text`. With `superwords`, a
/// space after a word is not such a place: words in a row may go on there.
pub(super) fn last_cut(text: &[u8], superwords: bool) -> Option<usize> {
    let mut at = text.len();
    let mut next: Option<(u8, u8)> = None;
    while at > 0 {
        let start = character_start(text, at);
        let current = start.map(|start| (class_at(text, start).0, text[start]));
        if let (Some((class, _)), Some((next_class, next_byte))) = (current, next) {
            let before_space = next_byte == b' ' && class & SPACE == 0;
            let ends_word =
                class & LETTER != 0 && next_class & (LETTER | UPPER | LOWER) == 0 && next_byte != b'\'';
            let may_go_on = superwords && next_byte == b' ' && class & (LETTER | UPPER | LOWER) != 0;
            if (before_space || ends_word) && !may_go_on {
                return Some(at);
            }
        }
        next = current;
        at = start.unwrap_or(at - 1);
    }
    None
}

/// Where the character that ends at `end` starts, if the bytes there are one.
fn character_start(text: &[u8], end: usize) -> Option<usize> {
    let start = (end.saturating_sub(4)..end).rev().find(|&at| !is_tail(text[at]))?;
    std::str::from_utf8(&text[start..end]).is_ok().then_some(start)
}
