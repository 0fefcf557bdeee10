//! The scanner of the pattern `deepseek`, which is three splits in sequence.
//!
//! The first two cut out runs: numbers, three at a time, and Chinese or Japanese characters ([`HAN_OR_KANA`], ranges of
//! code points, unassigned ones among them). The third is a regular expression that sees each piece by itself, so that
//! the edges of pieces are ends of input to it. One pass gives the same:
//!
//! *Pieces.* No number is in `HAN_OR_KANA`, so every character is of one kind, number, `HAN_OR_KANA`, or neither, and
//! the pieces are the longest runs of one kind; only those of numbers are cut further, from the run's start. Hence a
//! character belongs to the piece of the one before it if both are of one kind ([`continues`]). What the third split
//! does from a pretoken's start on depends on nothing before it, for it has no look-behind.
//!
//! *Numbers.* No alternative of the third split matches a number except to lead a letter or mark, and neither of these
//! is in a piece of numbers: such a piece stays whole.
//!
//! *The third split.* Each other character is of exactly one class: letters and marks, punctuation and symbols,
//! whitespace, or else (controls, formats, unassigned), here called the rest. Its alternatives, in their order, match
//!
//! 1. an ASCII punctuation mark and the ASCII letters after it;
//! 2. a run of letters and marks, and before it one character of whitespace (not a newline) or of the rest. (The
//!    expression also lets a mark lead; marks are in the run anyway);
//! 3. punctuation and symbols, with a space before them and newlines after them, if any;
//! 4. whitespace, as in other patterns: up to its last newline, or else all but the last character if something other
//!    than the piece's edge follows, or else all of it.
//!
//! So the class of the first character, sometimes with that of the second, decides which of them matches. The rest
//! matches nowhere except before letters: the search passes over its characters one by one, and what it passes over is
//! one pretoken, up to the character that leads letters, or to the end of its run, where any other class matches.

use super::classes::{HAN_OR_KANA, LOWER, NEWLINE, NUMBER, PUNCTUATION, SPACE, UPPER, class_at};
use super::ends::Ends;
use super::family::Llama3;
use super::scan::{digits_end, run_end, whitespace_end};

/// Letters and marks: `UPPER` and `LOWER` together hold all of them, and nothing else.
const WORD: u8 = UPPER | LOWER;

/// The characters whose class the third split names.
const NAMED: u8 = WORD | NUMBER | PUNCTUATION | SPACE;

/// The characters that the first two splits cut out.
const CUT_OUT: u8 = HAN_OR_KANA | NUMBER;

/// The [`Scanner`](super::scanner::Scanner) of this pattern.
pub(super) fn scan(text: &[u8], from: usize, ends: &mut Ends) {
    let mut at = from;
    while at < text.len() && !ends.is_full() {
        at = pretoken_end(text, at);
        ends.push(at);
    }
}

/// The end of the pretoken that starts at `start < text.len()`. `text` is valid UTF-8, `start` a pretoken's start.
#[inline(always)]
fn pretoken_end(text: &[u8], start: usize) -> usize {
    let (class, length) = class_at(text, start);
    let next = start + length;
    if class & WORD != 0 {
        word_end(text, next, class)
    } else if class & SPACE != 0 {
        space_led_end(text, start, next, class)
    } else if class & PUNCTUATION != 0 {
        // A mark of one byte is ASCII.
        match ascii_letters(&text[next..]) {
            letters if letters > 0 && length == 1 => next + letters,
            _ => punctuation_end(text, next, class),
        }
    } else if class & NUMBER != 0 {
        digits_end::<Llama3>(text, start)
    } else {
        rest_end(text, start, class)
    }
}

/// Whether a character of class `next` belongs to the same piece as the one of class `class` before it.
#[inline(always)]
fn continues(class: u8, next: u8) -> bool {
    (class ^ next) & CUT_OUT == 0
}

/// The end of the letters and marks, one of them of class `class`, that have begun before `at`.
#[inline(always)]
fn word_end(text: &[u8], at: usize, class: u8) -> usize {
    let at = if class & HAN_OR_KANA == 0 { at + ascii_letters(&text[at..]) } else { at };
    run_end(text, at, |next| next & WORD != 0 && continues(class, next))
}

/// How many ASCII letters `text` begins with; eight at once, for most words are shorter.
#[inline(always)]
fn ascii_letters(text: &[u8]) -> usize {
    const fn each(byte: u8) -> u64 {
        u64::from_ne_bytes([byte; 8])
    }
    let mut count = 0;
    while let Some(&eight) = text[count..].first_chunk::<8>() {
        let bytes = u64::from_le_bytes(eight);
        let lower = (bytes | each(0x20)) & each(0x7F);
        // Sums whose eighth bit is set from `a` on, and after `z`; none carries into the next byte.
        let from_a = lower + each(0x80 - b'a');
        let behind_z = lower + each(0x80 - b'z' - 1);
        let others = (!from_a | behind_z | bytes) & each(0x80);
        if others != 0 {
            return count + others.trailing_zeros() as usize / 8;
        }
        count += 8;
    }
    count + text[count..].iter().take_while(|byte| byte.is_ascii_alphabetic()).count()
}

/// The end of the pretoken that starts with the whitespace from `start` to `next`.
#[inline(always)]
fn space_led_end(text: &[u8], start: usize, next: usize, class: u8) -> usize {
    if next < text.len() {
        let (next_class, length) = class_at(text, next);
        if continues(class, next_class) {
            if next_class & WORD != 0 && class & NEWLINE == 0 {
                return word_end(text, next + length, next_class);
            }
            if next_class & PUNCTUATION != 0 && text[start] == b' ' {
                return punctuation_end(text, next + length, next_class);
            }
        }
    }
    whitespace_end::<Llama3>(text, start, |behind| behind & CUT_OUT != 0)
}

/// The end of the punctuation, some of it of class `class`, that has begun before `at`.
#[inline(always)]
fn punctuation_end(text: &[u8], at: usize, class: u8) -> usize {
    let end = run_end(text, at, |next| next & PUNCTUATION != 0 && continues(class, next));
    run_end(text, end, |next| next & NEWLINE != 0 && continues(class, next))
}

/// The end of the pretoken at `start`, whose first character, of class `class`, is of the rest.
fn rest_end(text: &[u8], start: usize, class: u8) -> usize {
    let (mut last, mut end) = (start, start);
    while end < text.len() {
        let (next, length) = class_at(text, end);
        let is_in_piece = continues(class, next);
        if is_in_piece && next & WORD != 0 {
            return if last > start { last } else { word_end(text, end, class) };
        }
        if !is_in_piece || next & NAMED != 0 {
            break;
        }
        last = end;
        end += length;
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(text: &str) -> Vec<&str> {
        let (mut ends, mut pretokens) = (Ends::new(), Vec::new());
        while ends.end() < text.len() {
            ends.restart(ends.end());
            scan(text.as_bytes(), ends.start(), &mut ends);
            pretokens.extend(ends.starts().iter().zip(ends.ends()).map(|(&start, &end)| &text[start..end]));
        }
        pretokens
    }

    #[test]
    fn edges_of_runs_are_ends_of_input() {
        assert_eq!(split("x  12345  中文  y"), ["x", "  ", "123", "45", "  ", "中文", " ", " y"]);
        assert_eq!(split("ab中文カナcd"), ["ab", "中文カナ", "cd"]);
        assert_eq!(split("!\n・\n! \u{30a0}"), ["!\n", "・", "\n", "!", " ", "\u{30a0}"]);
        assert_eq!(split("\u{200b}中\u{200b}a"), ["\u{200b}", "中", "\u{200b}a"]);
        assert_eq!(split("が\u{3099}\u{301}"), ["が\u{3099}", "\u{301}"]);
    }

    #[test]
    fn punctuation_leads_ascii_letters_only() {
        assert_eq!(split("don't"), ["don", "'t"]);
        assert_eq!(split(".abcé ..abc .é"), [".abc", "é", " ..", "abc", " .", "é"]);
        assert_eq!(split("£abc"), ["£", "abc"]);
    }

    #[test]
    fn what_no_alternative_matches_is_kept() {
        assert_eq!(split("\0\0\0a\0\0 \0.\0"), ["\0\0", "\0a", "\0\0", " ", "\0", ".", "\0"]);
        assert_eq!(split("\u{3040}\u{3097}あ\u{3040}b"), ["\u{3040}", "\u{3097}あ", "\u{3040}", "b"]);
        assert_eq!(split("\u{3040}\u{e000}\u{e000}1"), ["\u{3040}", "\u{e000}\u{e000}", "1"]);
    }

    #[test]
    fn ascii_letters_are_counted_at_every_place() {
        for place in 0..20 {
            for byte in 0..=255 {
                let mut text = [b'q'; 20];
                text[place] = byte;
                let expected = if byte.is_ascii_alphabetic() { text.len() } else { place };
                assert_eq!(ascii_letters(&text), expected, "{byte:#04x} at {place}");
            }
        }
    }
}
