//! Text → pretokens, the units inside which byte pairs merge.
//!
//! Every pretoken is a run of bytes of the text, and together they are the text: nothing is dropped, not even where
//! a regular expression does not match (such a stretch is a pretoken of its own). Bytes that are not UTF-8 stand
//! alone, one pretoken each, and the text on either side of them is split on its own.

mod pattern;
mod regex;

pub use pattern::Pattern;

use crate::Result;
use regex::RegexSplitter;

/// A compiled [`Pattern`]: immutable, cheap to clone, and safe to share between threads.
#[derive(Debug, Clone)]
pub struct Splitter {
    pattern: Pattern,
    engine: Engine,
}

#[derive(Debug, Clone)]
enum Engine {
    /// The whole text is one pretoken.
    Whole,
    Regex(RegexSplitter),
}

impl Splitter {
    /// Compiles `pattern`; an error if it is no regular expression.
    pub fn new(pattern: &Pattern) -> Result<Self> {
        let engine = match pattern.regex() {
            None => Engine::Whole,
            Some(regex) => Engine::Regex(RegexSplitter::new(regex)?),
        };
        Ok(Self { pattern: pattern.clone(), engine })
    }

    /// The pattern this was made from.
    pub fn pattern(&self) -> &Pattern {
        &self.pattern
    }

    /// Calls `visit` with each pretoken of `text`, in order.
    ///
    /// Fails only when a regular expression gives up on the text because it backtracks without end.
    pub fn for_each<'t>(&self, text: &'t [u8], mut visit: impl FnMut(&'t [u8])) -> Result<()> {
        match &self.engine {
            Engine::Whole => {
                if !text.is_empty() {
                    visit(text);
                }
                Ok(())
            }
            Engine::Regex(regex) => {
                for chunk in text.utf8_chunks() {
                    regex.for_each(chunk.valid(), &mut |pretoken| visit(pretoken.as_bytes()))?;
                    chunk.invalid().chunks(1).for_each(&mut visit);
                }
                Ok(())
            }
        }
    }

    /// The last place where `text` may be cut so that splitting the two parts gives the pretokens of the whole,
    /// whatever text follows. `None` if there is no such place, as with any pattern that is not one of the named.
    pub fn last_cut(&self, text: &[u8]) -> Option<usize> {
        match self.pattern {
            Pattern::Named(_) => {
                // Every named pattern starts a new pretoken at a space that follows a letter or digit.
                (1..text.len()).rev().find(|&at| text[at] == b' ' && text[at - 1].is_ascii_alphanumeric())
            }
            Pattern::Regex(_) | Pattern::Whole => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pretokens(pattern: &str, text: &[u8]) -> Vec<Vec<u8>> {
        let splitter = Splitter::new(&Pattern::new(Some(pattern))).expect("a valid pattern");
        let mut all = Vec::new();
        splitter.for_each(text, |pretoken| all.push(pretoken.to_vec())).expect("no runaway");
        all
    }

    #[test]
    fn unmatched_text_is_kept_as_pretokens_of_its_own() {
        assert_eq!(pretokens(r"\w+", b"ab, cd"), [&b"ab"[..], b", ", b"cd"]);
    }

    #[test]
    fn bytes_that_are_not_utf8_stand_alone() {
        assert_eq!(pretokens("gpt2", b"ab\xff\xfe cd"), [&b"ab"[..], b"\xff", b"\xfe", b" cd"]);
    }
}
