//! The distinct words of texts and files.

use std::collections::HashSet;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use super::split;
use crate::{Error, Monitor, Place, Result};

/// A set of distinct words and punctuation marks, as it grows.
#[derive(Debug, Default)]
pub struct Words(HashSet<Box<str>>);

impl Words {
    /// Adds the words of `text`.
    pub fn add_text(&mut self, text: &str) {
        for word in split(text) {
            if !self.0.contains(word) {
                self.0.insert(word.into());
            }
        }
    }

    /// Adds the words of a UTF-8 file. It is read line by line (no word crosses the end of a line), so memory is bounded
    /// by the longest line and the vocabulary.
    pub fn add_file(&mut self, path: &Path, monitor: &Monitor) -> Result<()> {
        let mut reader = BufReader::new(File::open(path).map_err(|error| Error::io(path, error))?);
        let (mut line, mut start) = (Vec::new(), 0);
        while reader.read_until(b'\n', &mut line).map_err(|error| Error::io(path, error))? > 0 {
            monitor.check()?;
            let text = str::from_utf8(&line).map_err(|error| {
                Error::malformed(path, Place::Byte(start + error.valid_up_to() as u64), "expected UTF-8 text")
            })?;
            self.add_text(text);
            start += line.len() as u64;
            line.clear();
        }
        Ok(())
    }

    /// The words in alphabetical order, that is, by code point.
    pub fn into_sorted(self) -> Vec<Box<str>> {
        let mut words: Vec<Box<str>> = self.0.into_iter().collect();
        words.sort_unstable();
        words
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_distinct_and_in_alphabetical_order() {
        let mut words = Words::default();
        words.add_text("the cat, the Cat");
        words.add_text("a cat.");
        let sorted: Vec<String> = words.into_sorted().into_iter().map(String::from).collect();
        assert_eq!(sorted, [",", ".", "Cat", "a", "cat", "the"]);
    }
}
