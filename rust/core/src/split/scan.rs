//! Splitting by the published patterns, without a regex engine: one pass over the text, one look at each character.
//!
//! At a pretoken's start the class of the first character and sometimes of the second decide which alternative of
//! the regular expression matches; its end is then the end of a run. Two places need more than a run:
//!
//! * `\s+(?!\S)` gives back the last whitespace character when something else follows, so that it can lead the next
//!   pretoken; a single one that cannot is taken by `\s+`.
//! * Cased words, `[U]*[L]+` or else `[U]+[L]*`, where `U` holds upper-case letters and `L` lower-case ones, and
//!   caseless letters and marks are in both: the first alternative backtracks from the end of the `U` run to its last
//!   character that is in both. [`cased_end`] finds where that leads without going back.
//!
//! The tests compare every family with its regular expression on random text over all classes.

use super::classes::{LETTER, LOWER, NEWLINE, NUMBER, SPACE, UPPER, class_at};
use super::family::{Contractions, Family, Tail};

/// The end of the pretoken that starts at `start < text.len()`. `text` is valid UTF-8, `start` a pretoken's start.
#[inline(always)]
pub(super) fn pretoken_end<F: Family>(text: &[u8], start: usize) -> usize {
    let (class, length) = class_at(text, start);
    if class & LETTER != 0 {
        return word_end::<F>(text, start);
    }
    if class & NUMBER != 0 {
        return digits_end::<F>(text, start);
    }
    if class & SPACE != 0 {
        return space_led_end::<F>(text, start, class, length);
    }
    if F::CONTRACTIONS != Contractions::Suffix
        && let Some(end) = contraction_end::<F>(text, start)
    {
        return end;
    }
    if F::ANY_LEAD
        && let Some(end) = led_word_end::<F>(text, start, class, start + length)
    {
        return end;
    }
    punctuation_end::<F>(text, start + length)
}

/// The end of a pretoken that starts with whitespace.
#[inline(always)]
fn space_led_end<F: Family>(text: &[u8], start: usize, class: u8, length: usize) -> usize {
    let next = start + length;
    let is_blank = text[start] == b' ';
    if next < text.len() && (is_blank || F::ANY_LEAD && class & NEWLINE == 0) {
        let (next_class, _) = class_at(text, next);
        if let Some(end) = led_word_end::<F>(text, start, class, next) {
            return end;
        }
        if is_blank && F::SPACED_DIGITS && next_class & NUMBER != 0 {
            return digits_end::<F>(text, next);
        }
        if is_blank && next_class & (SPACE | LETTER | NUMBER) == 0 {
            return punctuation_end::<F>(text, next);
        }
    }
    whitespace_end::<F>(text, start, |_| false)
}

/// The end of the word at `next` that the character at `start` leads, if there is a word.
#[inline(always)]
fn led_word_end<F: Family>(text: &[u8], start: usize, class: u8, next: usize) -> Option<usize> {
    if F::CASED {
        let led = if next < text.len() { cased_end(text, next) } else { Case::None };
        let is_mark = class & (UPPER | LOWER) != 0;
        let end = match led {
            Case::Mixed(end) => end,
            // A mark is a word by itself, and a word with lower case is tried before one without.
            _ if is_mark => match cased_end(text, start) {
                Case::Mixed(end) => end,
                _ => unreachable!("a mark is in both classes"),
            },
            Case::Upper(end) => end,
            Case::None => return None,
        };
        return Some(with_contraction::<F>(text, end));
    }
    let (class, _) = if next < text.len() { class_at(text, next) } else { (0, 0) };
    (class & LETTER != 0).then(|| word_end::<F>(text, next))
}

/// The end of the word whose first letter is at `start`.
#[inline(always)]
fn word_end<F: Family>(text: &[u8], start: usize) -> usize {
    if F::CASED {
        return match cased_end(text, start) {
            Case::Mixed(end) | Case::Upper(end) => with_contraction::<F>(text, end),
            Case::None => unreachable!("a letter is upper or lower case, or both"),
        };
    }
    run_end(text, start, |class| class & LETTER != 0)
}

/// Which of the two alternatives for cased words matches, and up to where.
enum Case {
    /// `[U]*[L]+`
    Mixed(usize),
    /// `[U]+[L]*`, which matches only where the other does not: so no `L` follows the `U` run.
    Upper(usize),
    None,
}

/// The cased word that starts at `start`, without anything that leads it.
#[inline(always)]
fn cased_end(text: &[u8], start: usize) -> Case {
    let mut at = start;
    let mut behind_last_both = None;
    while at < text.len() {
        let (class, length) = class_at(text, at);
        if class & UPPER == 0 {
            if class & LOWER != 0 {
                return Case::Mixed(run_end(text, at + length, |class| class & LOWER != 0));
            }
            break;
        }
        at += length;
        if class & LOWER != 0 {
            behind_last_both = Some(at);
        }
    }
    match behind_last_both {
        Some(end) => Case::Mixed(end),
        None if at > start => Case::Upper(at),
        None => Case::None,
    }
}

/// `end`, or the end of the contraction that follows there.
#[inline(always)]
fn with_contraction<F: Family>(text: &[u8], end: usize) -> usize {
    if F::CONTRACTIONS != Contractions::Suffix || end >= text.len() {
        return end;
    }
    contraction_end::<F>(text, end).unwrap_or(end)
}

/// The end of the contraction at `start`, if one is there.
#[inline(always)]
pub(super) fn contraction_end<F: Family>(text: &[u8], start: usize) -> Option<usize> {
    if text[start] != b'\'' {
        return None;
    }
    let fold =
        |byte: u8| if F::CONTRACTIONS == Contractions::Lowercase { byte } else { byte.to_ascii_lowercase() };
    let letter = |index: usize| text.get(start + index).copied().map_or(0, fold);
    match (letter(1), letter(2)) {
        (b's' | b't' | b'm' | b'd', _) => Some(start + 2),
        (b'r' | b'v', b'e') | (b'l', b'l') => Some(start + 3),
        // U+017F, the long s, folds to s.
        (0xC5, 0xBF) if F::CONTRACTIONS != Contractions::Lowercase => Some(start + 3),
        _ => None,
    }
}

/// The end of the digits whose first is at `start`.
#[inline(always)]
pub(super) fn digits_end<F: Family>(text: &[u8], start: usize) -> usize {
    let mut left = F::DIGITS;
    run_end(text, start, |class| {
        let takes = class & NUMBER != 0 && left > 0;
        left -= usize::from(takes);
        takes
    })
}

/// The end of the punctuation that has begun before `at`.
#[inline(always)]
fn punctuation_end<F: Family>(text: &[u8], at: usize) -> usize {
    let mut end = run_end(text, at, |class| class & (SPACE | LETTER | NUMBER) == 0);
    if F::TAIL != Tail::None {
        let takes =
            |byte: u8| byte == b'\n' || byte == b'\r' || F::TAIL == Tail::NewlinesAndSlashes && byte == b'/';
        while end < text.len() && takes(text[end]) {
            end += 1;
        }
    }
    end
}

/// The end of a pretoken of nothing but whitespace that starts at `start`. A character after it whose class `is_edge`
/// accepts counts as the end of the text.
#[inline(always)]
pub(super) fn whitespace_end<F: Family>(text: &[u8], start: usize, is_edge: impl Fn(u8) -> bool) -> usize {
    let mut reaches_the_end = true;
    let mut end = start;
    let mut last = start;
    let mut behind_newline = start;
    while end < text.len() {
        let (class, length) = class_at(text, end);
        if class & SPACE == 0 {
            reaches_the_end = is_edge(class);
            break;
        }
        last = end;
        end += length;
        if class & NEWLINE != 0 {
            behind_newline = end;
        }
    }
    if F::TRAILING_SPACE && reaches_the_end {
        end
    } else if F::NEWLINES && behind_newline > start {
        behind_newline
    } else if reaches_the_end || last == start {
        end
    } else {
        last
    }
}

/// The end of the run of characters from `at` on that `belongs` accepts.
#[inline(always)]
pub(super) fn run_end(text: &[u8], mut at: usize, mut belongs: impl FnMut(u8) -> bool) -> usize {
    while at < text.len() {
        let (class, length) = class_at(text, at);
        if !belongs(class) {
            break;
        }
        at += length;
    }
    at
}
