//! Splitting by any regular expressions, through a backtracking engine that knows look-around and possessive
//! repetition. Its step limit turns a runaway expression into an ordinary error.

use std::error::Error as _;
use std::iter;
use std::sync::Arc;

use fancy_regex::Regex;

use super::BLOCK;
use super::ends::Ends;
use crate::{Error, Result};

/// Compiled regular expressions. The matches of the first, and the stretches between them, are pieces that the second
/// splits likewise, each as a text of its own, and so on; what the last one leaves are the pretokens.
#[derive(Debug, Clone)]
pub(super) struct RegexSplitter(Arc<[Regex]>);

impl RegexSplitter {
    pub(super) fn new(expressions: &[&str]) -> Result<Self> {
        Ok(Self(expressions.iter().map(|expression| compile(expression)).collect::<Result<_>>()?))
    }

    /// Adds the pretokens from `from` on: at least one, and about a block if there is only one expression. With several,
    /// whole pieces of the first one are split, however many pretokens they hold: the search for pieces cannot begin
    /// inside one.
    pub(super) fn next_ends(&self, text: &str, from: usize, ends: &mut Ends) -> Result<()> {
        let mut found = Vec::with_capacity(BLOCK);
        split(&self.0, text, from, BLOCK, &mut found)?;
        for end in found {
            ends.push(end);
        }
        Ok(())
    }
}

/// Compiles `expression`; the error says why it is not a valid one.
pub(super) fn compile(expression: &str) -> Result<Regex> {
    Regex::new(expression).map_err(|error| {
        // The innermost cause says what is wrong.
        let causes = iter::successors(error.source(), |&cause| cause.source());
        let reason = causes.last().map_or_else(|| error.to_string(), ToString::to_string);
        Error::argument("pattern", format!("{reason} in {expression:?}"))
    })
}

/// [`RegexSplitter::next_ends`] for a list of expressions.
fn split(expressions: &[Regex], text: &str, from: usize, limit: usize, ends: &mut Vec<usize>) -> Result<()> {
    let Some((first, later)) = expressions.split_first() else {
        ends.push(text.len());
        return Ok(());
    };
    if later.is_empty() {
        return split_once(first, text, from, limit, ends);
    }
    let mut pieces = Vec::new();
    let mut start = from;
    while ends.len() < limit && start < text.len() {
        pieces.clear();
        split_once(first, text, start, 1, &mut pieces)?;
        for &end in &pieces {
            let before = ends.len();
            split(later, &text[start..end], 0, usize::MAX, ends)?;
            ends[before..].iter_mut().for_each(|pretoken_end| *pretoken_end += start);
            start = end;
        }
    }
    Ok(())
}

/// Appends the ends of matches and of the stretches between them, from `from` on: at least one, and at most one more
/// than `limit`.
fn split_once(regex: &Regex, text: &str, from: usize, limit: usize, ends: &mut Vec<usize>) -> Result<()> {
    let mut done = from;
    let mut search = from;
    while ends.len() < limit && done < text.len() {
        let Some((start, end)) = next_match(regex, text, search)? else {
            ends.push(text.len());
            break;
        };
        if start > done {
            ends.push(start);
        }
        if end > start {
            ends.push(end);
            search = end;
        } else {
            // An empty match ends a stretch but is not a piece; the search goes on after the next character.
            search = text[end..].chars().next().map_or(text.len() + 1, |next| end + next.len_utf8());
        }
        done = end;
    }
    Ok(())
}

/// Start and end of the first match from `search` on.
pub(super) fn next_match(regex: &Regex, text: &str, search: usize) -> Result<Option<(usize, usize)>> {
    if search > text.len() {
        return Ok(None);
    }
    match regex.find_from_pos(text, search) {
        Ok(found) => Ok(found.map(|found| (found.start(), found.end()))),
        Err(error) => {
            let place = format!("the text after byte {search} of {}", text.len());
            Err(Error::argument("pattern", format!("{:?} gives up on {place}: {error}", regex.as_str())))
        }
    }
}
