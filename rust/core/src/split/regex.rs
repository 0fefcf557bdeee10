//! Splitting by any regular expression, through a backtracking engine that knows look-around and possessive
//! repetition. Its step limit turns a runaway expression into an ordinary error.

use std::sync::Arc;

use fancy_regex::Regex;

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

    pub(super) fn for_each<'t>(&self, text: &'t str, visit: &mut impl FnMut(&'t str)) -> Result<()> {
        let mut done = 0;
        for found in self.0.find_iter(text) {
            let found = found.map_err(|error| {
                let place = format!("the text after byte {done} of {}", text.len());
                Error::argument("pattern", format!("{:?} gives up on {place}: {error}", self.0.as_str()))
            })?;
            if found.start() > done {
                visit(&text[done..found.start()]);
            }
            if !found.as_str().is_empty() {
                visit(found.as_str());
                done = found.end();
            }
        }
        if done < text.len() {
            visit(&text[done..]);
        }
        Ok(())
    }
}
