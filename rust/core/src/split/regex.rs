//! Splitting by any regular expression, through a backtracking engine that knows look-around and possessive
//! repetition. Its step limit turns a runaway expression into an ordinary error.

use std::sync::Arc;

use fancy_regex::Regex;

use super::ends::Ends;
use crate::{Error, Result};

/// A compiled regular expression whose matches, and the stretches between them, are the pretokens.
#[derive(Debug, Clone)]
pub(super) struct RegexSplitter(Arc<Regex>);

impl RegexSplitter {
    pub(super) fn new(expression: &str) -> Result<Self> {
        match Regex::new(expression) {
            Ok(regex) => Ok(Self(Arc::new(regex))),
            Err(error) => Err(Error::argument("pattern", format!("{error} in {expression:?}"))),
        }
    }

    /// Appends the ends of the pretokens from `from` on: at least one.
    pub(super) fn next_ends(&self, text: &str, from: usize, ends: &mut Ends) -> Result<()> {
        let mut done = from;
        let mut search = from;
        while !ends.is_full() && done < text.len() {
            let Some((start, end)) = self.next_match(text, search)? else {
                ends.push(text.len());
                break;
            };
            if start == end {
                // An empty match is none: the search goes on behind the next character.
                search = text[start..].chars().next().map_or(text.len() + 1, |next| start + next.len_utf8());
                continue;
            }
            if start > done {
                ends.push(start);
            }
            ends.push(end);
            done = end;
            search = end;
        }
        Ok(())
    }

    /// Start and end of the first match from `search` on.
    fn next_match(&self, text: &str, search: usize) -> Result<Option<(usize, usize)>> {
        if search > text.len() {
            return Ok(None);
        }
        match self.0.find_from_pos(text, search) {
            Ok(found) => Ok(found.map(|found| (found.start(), found.end()))),
            Err(error) => {
                let place = format!("the text after byte {search} of {}", text.len());
                Err(Error::argument("pattern", format!("{:?} gives up on {place}: {error}", self.0.as_str())))
            }
        }
    }
}
