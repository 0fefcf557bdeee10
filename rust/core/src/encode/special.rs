//! Special tokens: ids that stand for no bytes of ordinary text, written in text by a name such as `<|endoftext|>`.
//!
//! Whether such a name in a text is the token or just text is decided by each call, and the default is text, so that
//! a text from outside cannot put control tokens in. Where names overlap, the leftmost and then the longest counts.

use std::collections::HashSet;

use aho_corasick::{AhoCorasick, MatchKind};

use crate::{Error, Result};

/// What a call does with the names of special tokens in its text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum SpecialPolicy {
    /// They are text like any other.
    #[default]
    Text,
    /// They are the tokens.
    Encode,
    /// These are the tokens, others are text.
    EncodeOnly(Vec<String>),
    /// A text that holds one is an error.
    Raise,
}

/// A tokenizer's special tokens.
#[derive(Debug, Clone)]
pub(super) struct Specials {
    tokens: Vec<(String, u32)>,
    /// The tokens' ids in ascending order.
    ids: Vec<u32>,
    finder: AhoCorasick,
}

/// A special token found in a text.
pub(super) struct Found {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) id: u32,
}

impl Specials {
    /// From names, none empty, and ids, in the order in which users see them.
    pub(super) fn new(tokens: Vec<(String, u32)>) -> Result<Self> {
        check_names(tokens.iter().map(|(name, _)| name.as_str()))?;
        let finder = finder(tokens.iter().map(|(name, _)| name.as_str()))?;
        let mut ids: Vec<u32> = tokens.iter().map(|&(_, id)| id).collect();
        ids.sort_unstable();
        Ok(Self { tokens, ids, finder })
    }

    pub(super) fn tokens(&self) -> &[(String, u32)] {
        &self.tokens
    }

    pub(super) fn id_of(&self, name: &str) -> Option<u32> {
        self.tokens.iter().find(|(other, _)| other == name).map(|&(_, id)| id)
    }

    pub(super) fn contains(&self, id: u32) -> bool {
        self.ids.binary_search(&id).is_ok()
    }

    /// The special tokens in `text` that `policy` wants encoded, in order.
    pub(super) fn find(&self, text: &[u8], policy: &SpecialPolicy) -> Result<Vec<Found>> {
        match policy {
            SpecialPolicy::Text => Ok(Vec::new()),
            SpecialPolicy::Encode => Ok(found(&self.finder, text, |index| self.tokens[index].1)),
            SpecialPolicy::EncodeOnly(names) => {
                let ids = names.iter().map(|name| self.require(name)).collect::<Result<Vec<_>>>()?;
                Ok(found(&finder(names.iter().map(String::as_str))?, text, |index| ids[index]))
            }
            SpecialPolicy::Raise => match self.finder.find(text) {
                None => Ok(Vec::new()),
                Some(hit) => {
                    let name = &self.tokens[hit.pattern().as_usize()].0;
                    let message = format!(
                        "the text holds the special token {name:?} at byte {}; \"text\" encodes it as text, \
                         \"encode\" as the token",
                        hit.start()
                    );
                    Err(Error::argument("special", message))
                }
            },
        }
    }

    /// The id of a special token that must exist.
    pub(super) fn require(&self, name: &str) -> Result<u32> {
        self.id_of(name).ok_or_else(|| {
            let names: Vec<&str> = self.tokens.iter().map(|(name, _)| name.as_str()).collect();
            Error::Unknown(format!("{name:?} is no special token of this tokenizer, which has {names:?}"))
        })
    }
}

/// Special tokens need names, each its own, and none that is a byte's.
pub(super) fn check_names<'n>(names: impl Iterator<Item = &'n str>) -> Result<()> {
    let mut known = HashSet::new();
    for name in names {
        let fault = match name.len() {
            0 => "a name is empty".to_owned(),
            1 => format!("{name:?} is a byte, which has an id already"),
            _ if !known.insert(name) => format!("{name:?} stands twice"),
            _ => continue,
        };
        return Err(Error::argument("special_tokens", fault));
    }
    Ok(())
}

fn found(finder: &AhoCorasick, text: &[u8], id: impl Fn(usize) -> u32) -> Vec<Found> {
    let hits = finder.find_iter(text);
    hits.map(|hit| Found { start: hit.start(), end: hit.end(), id: id(hit.pattern().as_usize()) }).collect()
}

fn finder<'n>(names: impl Iterator<Item = &'n str>) -> Result<AhoCorasick> {
    AhoCorasick::builder()
        .match_kind(MatchKind::LeftmostLongest)
        .build(names)
        .map_err(|error| Error::argument("special_tokens", error.to_string()))
}
