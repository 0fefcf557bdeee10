//! A text of several documents → portions that threads take one after another, each to be split on its own.
//!
//! A portion ends after a separator, or, where none is near, where the split cuts for certain; so only the few bytes
//! around its end are searched before a thread gets it. The documents inside are found by the thread that works on it.

use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use memchr::memmem::Finder;

use crate::split::Splitter;

/// How many bytes are searched at first for a place to cut: few, for other threads wait meanwhile. Tests have little
/// text.
const NEAR: usize = if cfg!(test) { 3 } else { 1 << 10 };

/// A text that is being handed out.
#[derive(Debug)]
pub struct Portions<'t> {
    text: &'t [u8],
    separator: Option<Finder<'t>>,
    splitter: &'t Splitter,
    target: usize,
    taken: Mutex<Taken>,
}

/// What was handed out so far.
#[derive(Debug, Default)]
struct Taken {
    portions: usize,
    bytes: usize,
    /// Whether the last portion ended inside a document.
    is_open: bool,
}

/// Some bytes of a text.
#[derive(Debug)]
pub struct Portion<'t> {
    /// How many portions come before it.
    pub number: usize,
    /// Whether it starts inside a document.
    pub continues: bool,
    /// Whether its last document ends where it does, without a separator.
    pub closes: bool,
    bytes: &'t [u8],
}

impl Portion<'_> {
    /// How many bytes there are, separators included.
    #[expect(clippy::len_without_is_empty, reason = "no portion is empty")]
    pub fn len(&self) -> usize {
        self.bytes.len()
    }
}

/// A document, or the part of one that a portion has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part<'t> {
    /// Its bytes.
    pub bytes: &'t [u8],
    /// Whether it is the document's beginning.
    pub opens: bool,
    /// Whether it is the document's end.
    pub closes: bool,
}

impl<'t> Portions<'t> {
    /// `text` in portions of about `target` bytes; `separator`, which is not empty, stands between documents. A portion
    /// is longer where nothing may be cut.
    pub fn new(text: &'t [u8], separator: Option<&'t [u8]>, splitter: &'t Splitter, target: usize) -> Self {
        Self { text, separator: separator.map(Finder::new), splitter, target, taken: Mutex::default() }
    }

    /// The next portion, for whichever thread asks first.
    pub fn next(&self) -> Option<Portion<'t>> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let Taken { portions: number, bytes: start, is_open: continues } = *taken;
        if start == self.text.len() {
            return None;
        }
        let (end, is_open) = self.end_of(start);
        *taken = Taken { portions: number + 1, bytes: end, is_open };
        let closes = end == self.text.len();
        Some(Portion { number, continues, closes, bytes: &self.text[start..end] })
    }

    /// Where the portion from `start` on ends, and whether that is inside a document.
    fn end_of(&self, start: usize) -> (usize, bool) {
        let length = self.separator.as_ref().map_or(0, |separator| separator.needle().len());
        let mut from = start + self.target.max(length).max(1);
        let mut window = NEAR.max(length);
        let mut parsed = self.place_between(start, from - length);
        while from < self.text.len() {
            let end = self.text.len().min(from + window);
            while let Some(separator) = self.separator_in(parsed..end) {
                parsed = separator.end;
                if parsed >= from {
                    return (parsed, false);
                }
            }
            // No separator ends after `from` in what was searched; one may begin in the last `length` bytes and reach
            // beyond.
            let cut = self.splitter.last_cut(&self.text[start..end - length.min(end - from)]);
            if let Some(cut) = cut.map(|cut| start + cut).filter(|&cut| cut >= from) {
                return (cut, true);
            }
            from = end;
            parsed = parsed.max(self.place_between(start, end - length));
            window *= 2;
        }
        (self.text.len(), false)
    }

    /// The last place up to `at`, in steps of a separator's length, that is certainly inside no separator: they are
    /// found from left to right, so where one could begin inside another, it matters where the search for them begins.
    fn place_between(&self, start: usize, mut at: usize) -> usize {
        let Some(separator) = &self.separator else { return at };
        let length = separator.needle().len();
        while at > start {
            let across = start.max(at.saturating_sub(length - 1))..self.text.len().min(at + length - 1);
            if self.text.get(across).is_none_or(|across| separator.find(across).is_none()) {
                break;
            }
            at = at.saturating_sub(length).max(start);
        }
        at
    }

    fn separator_in(&self, range: Range<usize>) -> Option<Range<usize>> {
        let separator = self.separator.as_ref()?;
        let start = range.start + separator.find(&self.text[range])?;
        Some(start..start + separator.needle().len())
    }

    /// The documents of a portion, or parts of them. As where files are read, an empty text after the last separator is
    /// not a document.
    pub fn parts(&self, portion: &Portion<'t>) -> impl Iterator<Item = Part<'t>> {
        let mut rest = Some(portion.bytes);
        let mut opens = !portion.continues;
        let closes_at_end = portion.closes;
        std::iter::from_fn(move || {
            let bytes = rest?;
            let found = self.separator.as_ref().and_then(|separator| separator.find(bytes));
            let part = match (found, &self.separator) {
                (Some(end), Some(separator)) => {
                    rest = Some(&bytes[end + separator.needle().len()..]);
                    Part { bytes: &bytes[..end], opens, closes: true }
                }
                _ => {
                    rest = None;
                    if bytes.is_empty() {
                        return None;
                    }
                    Part { bytes, opens, closes: closes_at_end }
                }
            };
            opens = true;
            Some(part)
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::split::Pattern;

    /// The documents of `text`, put together from the parts of all portions.
    fn documents(text: &[u8], separator: Option<&[u8]>, pattern: &str, target: usize) -> Vec<Vec<u8>> {
        let splitter = Splitter::new(&Pattern::new(Some(pattern))).expect("a valid pattern");
        let portions = Portions::new(text, separator, &splitter, target);
        let mut documents: Vec<Vec<u8>> = Vec::new();
        let (mut is_open, mut number) = (false, 0);
        while let Some(portion) = portions.next() {
            assert_eq!((portion.number, portion.continues), (number, is_open));
            for part in portions.parts(&portion) {
                assert_eq!(part.opens, !is_open);
                if part.opens {
                    documents.push(Vec::new());
                } else {
                    let pretokens = |text: &[u8]| {
                        let mut count = 0;
                        splitter.for_each(text, |_| count += 1).expect("no runaway");
                        count
                    };
                    let before = documents.last().expect("an open one");
                    let whole = [before, part.bytes].concat();
                    assert_eq!(pretokens(before) + pretokens(part.bytes), pretokens(&whole));
                }
                documents.last_mut().expect("an open one").extend_from_slice(part.bytes);
                is_open = !part.closes;
            }
            number += 1;
        }
        assert!(!is_open);
        documents
    }

    proptest! {
        #[test]
        fn portions_hold_the_documents_of_the_text(
            text in "[ab .\n<>|]{0,60}",
            separator in prop::sample::select(vec![None, Some("<|>"), Some("\n"), Some("a."), Some("aa"), Some("aba"), Some(" ")]),
            pattern in prop::sample::select(vec!["gpt2", r"\w+| "]),
            target in 1_usize..20,
        ) {
            let expected: Vec<&str> = match separator {
                Some(separator) => {
                    let mut all: Vec<&str> = text.split(separator).collect();
                    all.pop_if(|last| last.is_empty());
                    all
                }
                None => Some(&*text).into_iter().filter(|text| !text.is_empty()).collect(),
            };
            let found = documents(text.as_bytes(), separator.map(str::as_bytes), pattern, target);
            prop_assert_eq!(found, expected.iter().map(|text| text.as_bytes().to_vec()).collect::<Vec<_>>());
        }
    }
}
