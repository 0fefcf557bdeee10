//! Finding a text, a regular expression or a kind of character, one match after the other.

use std::fmt;
use std::sync::Arc;

use fancy_regex::Regex;

use super::regex::{compile, next_match};
use crate::Result;

/// What is looked for.
#[derive(Clone)]
pub enum Find {
    /// This text, which is not empty.
    Text(String),
    /// Matches of a regular expression.
    Regex(Arc<Regex>),
    /// Single characters of a kind.
    Characters(fn(char) -> bool),
}

impl Find {
    /// Finds matches of `expression`; an error if it is not a valid regular expression.
    pub fn regex(expression: &str) -> Result<Self> {
        Ok(Self::Regex(Arc::new(compile(expression)?)))
    }

    /// Calls `visit` with start and end of each match, from left to right. An empty match counts, but not directly
    /// after another match, nor, as in Hugging Face's library, in a text that is empty itself.
    pub fn for_each(&self, text: &str, mut visit: impl FnMut(usize, usize)) -> Result<()> {
        if text.is_empty() {
            return Ok(());
        }
        match self {
            Self::Text(wanted) => {
                for (start, found) in text.match_indices(&**wanted) {
                    visit(start, start + found.len());
                }
            }
            Self::Characters(is_wanted) => {
                for (start, character) in text.char_indices().filter(|&(_, character)| is_wanted(character)) {
                    visit(start, start + character.len_utf8());
                }
            }
            Self::Regex(regex) => return for_each_match(regex, text, visit),
        }
        Ok(())
    }
}

fn for_each_match(regex: &Regex, text: &str, mut visit: impl FnMut(usize, usize)) -> Result<()> {
    let mut search = 0;
    let mut last_end = None;
    while let Some((start, end)) = next_match(regex, text, search)? {
        if start == end && last_end == Some(end) {
            search += text[search..].chars().next().map_or(1, char::len_utf8);
            continue;
        }
        visit(start, end);
        (search, last_end) = (end, Some(end));
    }
    Ok(())
}

impl fmt::Debug for Find {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(f, "text {text:?}"),
            Self::Regex(regex) => write!(f, "expression {:?}", regex.as_str()),
            Self::Characters(_) => f.write_str("characters"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_matches_count_but_behind_another_or_in_no_text() {
        let matches = |text: &str| {
            let mut found = Vec::new();
            let all = Find::regex("x*")
                .expect("an expression")
                .for_each(text, |start, end| found.push((start, end)));
            all.map(|()| found).expect("no backtracking")
        };
        assert_eq!(matches("axé"), [(0, 0), (1, 2), (4, 4)]);
        assert_eq!(matches(""), []);
    }
}
