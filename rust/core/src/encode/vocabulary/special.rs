//! Special tokens: ids that stand for no bytes of ordinary text, written in text by a name such as `<|endoftext|>`.
//!
//! Whether such a name in a text is the token or just text is decided by each call, and the default is text, so that
//! a text from outside cannot put control tokens in. Where names overlap, the leftmost and then the longest counts.
//!
//! A `tokenizer.json` may add tokens without the mark of being special. They are part of ordinary text: they are found
//! even where the names of special tokens are text, as by Hugging Face. It may also say how a name is looked for in a
//! text ([`Manner`]), and that this is done only after the normalizer, in what the other names leave.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use aho_corasick::{AhoCorasick, MatchKind};
use regex_syntax::is_word_character;

use super::tokens::Tokens;
use crate::bytes::is_of_other_bytes;
use crate::utf8::{first_character, last_character, last_start};
use crate::{Error, Result};

/// What a call does with the names of special tokens in its text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum SpecialPolicy {
    /// They are text like any other.
    #[default]
    Text,
    /// They become the tokens.
    Encode,
    /// These become the tokens; all other names are text, also those of tokens without the mark.
    EncodeOnly(Vec<String>),
    /// A text that holds one is an error.
    Raise,
}

/// How a token's name is looked for in a text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "the fields of the format")]
pub struct Manner {
    /// After the normalizer, where its name is normalized, too.
    pub normalized: bool,
    /// Not beside letters or digits.
    pub single_word: bool,
    /// With the white space before it.
    pub lstrip: bool,
    /// With the white space after it.
    pub rstrip: bool,
    /// Without the mark of being special.
    pub unmarked: bool,
}

/// How many names an error lists.
const NAMES_TOLD: usize = 20;

/// When names are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// In the text as it is.
    Raw,
    /// After the normalizer.
    Normalized,
}

/// A tokenizer's special tokens.
#[derive(Debug, Clone)]
pub(crate) struct Specials {
    tokens: Vec<(String, u32)>,
    /// The manner of each token.
    manners: Vec<Manner>,
    /// What each token is found by: its name, or what the normalizer makes of that.
    written: Vec<String>,
    /// The tokens' numbers in the order of their names, and of their ids: there may be thousands, as in Gemma's.
    by_name: Vec<usize>,
    by_id: Vec<usize>,
    keep_to_themselves: bool,
    raw: Finder,
    normalized: Finder,
}

/// Finds some of the tokens.
#[derive(Debug, Clone)]
struct Finder {
    names: AhoCorasick,
    /// The tokens' numbers.
    tokens: Vec<usize>,
}

/// A special token found in a text.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) id: u32,
    /// The token's number; an id may have several names.
    number: usize,
}

impl Specials {
    /// Special tokens of these names, none empty, and ids, in the order in which users see them; `manner` says how a
    /// token with an id is looked for in a text, and `normalize` what the normalizer makes of a name.
    pub(crate) fn new(
        tokens: Vec<(String, u32)>,
        manner: impl Fn(u32) -> Manner,
        normalize: impl Fn(&str) -> Result<String>,
    ) -> Result<Self> {
        check_distinct(tokens.iter().map(|(name, _)| name.as_str()))?;
        let manners: Vec<Manner> = tokens.iter().map(|&(_, id)| manner(id)).collect();
        let written = tokens
            .iter()
            .zip(&manners)
            .map(|((name, _), manner)| if manner.normalized { normalize(name) } else { Ok(name.clone()) });
        let written = written.collect::<Result<Vec<_>>>()?;
        if let Some(number) = written.iter().position(String::is_empty) {
            let message =
                format!("{:?} is nothing once it is normalized, so it stands everywhere", tokens[number].0);
            return Err(Error::argument("special_tokens", message));
        }
        let finder = |normalized: bool| {
            let numbers = (0..tokens.len()).filter(|&number| manners[number].normalized == normalized);
            Finder::new(numbers.collect(), &written)
        };
        let (raw, normalized) = (finder(false)?, finder(true)?);
        let (mut by_name, mut by_id): (Vec<usize>, Vec<usize>) =
            (0..tokens.len()).map(|number| (number, number)).unzip();
        by_name.sort_by(|&one, &other| tokens[one].0.cmp(&tokens[other].0));
        by_id.sort_by_key(|&number| tokens[number].1);
        let takes_spaces = manners.iter().any(|manner| manner.lstrip || manner.rstrip);
        let keep_to_themselves =
            !takes_spaces && by_id.is_sorted_by(|&one, &next| tokens[one].1 < tokens[next].1);
        Ok(Self { tokens, manners, written, by_name, by_id, keep_to_themselves, raw, normalized })
    }

    pub(crate) fn tokens(&self) -> &[(String, u32)] {
        &self.tokens
    }

    pub(crate) fn id_of(&self, name: &str) -> Option<u32> {
        self.number_of(name).map(|number| self.tokens[number].1)
    }

    fn number_of(&self, name: &str) -> Option<usize> {
        let place = self.by_name.binary_search_by(|&number| (*self.tokens[number].0).cmp(name));
        place.ok().map(|place| self.by_name[place])
    }

    /// The number of the first token with this id.
    fn number_with(&self, id: u32) -> Option<usize> {
        let place = self.by_id.partition_point(|&number| self.tokens[number].1 < id);
        self.by_id.get(place).copied().filter(|&number| self.tokens[number].1 == id)
    }

    /// What each token decodes to, and its id.
    pub(crate) fn written_tokens(&self) -> impl Iterator<Item = (&str, u32)> {
        self.written.iter().zip(&self.tokens).map(|(written, &(_, id))| (&**written, id))
    }

    /// What the token with this id decodes to.
    pub(crate) fn written(&self, id: u32) -> Option<&str> {
        self.number_with(id).map(|number| &*self.written[number])
    }

    pub(crate) fn contains(&self, id: u32) -> bool {
        self.number_with(id).is_some()
    }

    /// Whether each token stands in a text as the name that its id is decoded to, and nothing else.
    pub(crate) fn keep_to_themselves(&self) -> bool {
        self.keep_to_themselves
    }

    /// How the token with this id is looked for in a text.
    pub(crate) fn manner(&self, id: u32) -> Manner {
        self.number_with(id).map_or(Manner::default(), |number| self.manners[number])
    }

    /// Whether there are tokens to look for after the normalizer.
    pub(crate) fn has_normalized(&self) -> bool {
        !self.normalized.tokens.is_empty()
    }

    /// The tokens in `text` that `policy` wants encoded at this stage, in order. They may overlap where one begins with
    /// white space that the one before takes along. The error about a token that is refused says where it stands;
    /// `text` begins at `start`.
    pub(crate) fn find(
        &self,
        text: &[u8],
        start: usize,
        policy: &SpecialPolicy,
        stage: Stage,
    ) -> Result<Vec<Found>> {
        let finder = if stage == Stage::Raw { &self.raw } else { &self.normalized };
        if finder.tokens.is_empty() {
            return Ok(Vec::new());
        }
        let is_unmarked = |number: usize| self.manners[number].unmarked;
        match policy {
            SpecialPolicy::Text if !finder.tokens.iter().any(|&number| is_unmarked(number)) => Ok(Vec::new()),
            SpecialPolicy::Text => Ok(self.found(finder, text, is_unmarked)),
            SpecialPolicy::Encode => Ok(self.found(finder, text, |_| true)),
            SpecialPolicy::EncodeOnly(names) => {
                let wanted = self.numbers(names)?;
                let wanted =
                    wanted.into_iter().filter(|number| finder.tokens.binary_search(number).is_ok()).collect();
                Ok(self.found(&Finder::new(wanted, &self.written)?, text, |_| true))
            }
            SpecialPolicy::Raise => {
                let marked = self.found(finder, text, |number| !is_unmarked(number));
                match marked.first() {
                    Some(found) => Err(self.refused(found, start)),
                    None => Ok(self.found(finder, text, is_unmarked)),
                }
            }
        }
    }

    /// An error if `policy` names a token that does not exist.
    pub(crate) fn check_policy(&self, policy: &SpecialPolicy) -> Result<()> {
        match policy {
            SpecialPolicy::EncodeOnly(names) => self.numbers(names).map(|_| ()),
            SpecialPolicy::Text | SpecialPolicy::Encode | SpecialPolicy::Raise => Ok(()),
        }
    }

    fn numbers(&self, names: &[String]) -> Result<Vec<usize>> {
        names.iter().map(|name| self.require_number(name)).collect()
    }

    /// The tokens that `finder` finds and `wants` accepts.
    fn found(&self, finder: &Finder, text: &[u8], wants: impl Fn(usize) -> bool) -> Vec<Found> {
        let mut done = 0;
        let hits = finder.names.find_iter(text);
        let found = hits.filter_map(|hit| {
            let number = finder.tokens[hit.pattern().as_usize()];
            if !wants(number) {
                return None;
            }
            let place = place(self.manners[number], text, hit.start()..hit.end(), done)?;
            done = place.end;
            Some(Found { start: place.start, end: place.end, id: self.tokens[number].1, number })
        });
        found.collect()
    }

    fn refused(&self, found: &Found, start: usize) -> Error {
        let name = &self.tokens[found.number].0;
        let message = format!(
            "the text holds the special token {name:?} at byte {}; \"text\" encodes it as text, \"encode\" as the token",
            start + found.start
        );
        Error::argument("special", message)
    }

    /// The id of a special token that must exist.
    pub(crate) fn require(&self, name: &str) -> Result<u32> {
        self.require_number(name).map(|number| self.tokens[number].1)
    }

    fn require_number(&self, name: &str) -> Result<usize> {
        self.number_of(name).ok_or_else(|| {
            let names: Vec<&str> = self.tokens.iter().map(|(name, _)| &**name).take(NAMES_TOLD).collect();
            let more = if names.len() < self.tokens.len() { " and others" } else { "" };
            Error::Unknown(format!(
                "{name:?} is no special token of this tokenizer, which has {names:?}{more}"
            ))
        })
    }
}

impl Finder {
    fn new(tokens: Vec<usize>, written: &[String]) -> Result<Self> {
        let names = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .build(tokens.iter().map(|&number| &written[number]))
            .map_err(|error| Error::argument("special_tokens", error.to_string()))?;
        Ok(Self { names, tokens })
    }
}

/// Where a token that was found stands, with the white space that it takes; `None` if it may not stand there, or
/// nothing is left of it. Tokens before it reach up to `done`.
fn place(manner: Manner, text: &[u8], found: Range<usize>, done: usize) -> Option<Range<usize>> {
    let (before, behind) = (&text[..found.start], &text[found.end..]);
    if manner.single_word && (ends_with(before, is_word_character) || begins_with(behind, is_word_character))
    {
        return None;
    }
    let mut place = found;
    if manner.lstrip {
        while place.start > 0 && ends_with(&text[..place.start], char::is_whitespace) {
            place.start = last_start(&text[..place.start]);
        }
        place.start = place.start.max(done);
    }
    if manner.rstrip {
        while begins_with(&text[place.end..], char::is_whitespace) {
            place.end += first_character(&text[place.end..]).map_or(1, char::len_utf8);
        }
    }
    // A token of white space alone may stand where the one before it took all.
    (place.start < place.end).then_some(place)
}

fn ends_with(text: &[u8], is_wanted: fn(char) -> bool) -> bool {
    last_character(text).is_some_and(is_wanted)
}

fn begins_with(text: &[u8], is_wanted: fn(char) -> bool) -> bool {
    first_character(text).is_some_and(is_wanted)
}

/// Checks the names of special tokens that a user chooses: each its own, none empty, and none that is a byte's or that
/// others decode to bytes.
pub(crate) fn check_names<'n>(mut names: impl Iterator<Item = &'n str> + Clone) -> Result<()> {
    check_distinct(names.clone())?;
    let check = |name: &str| match name.len() {
        1 => Err(format!("{name:?} is a byte, which has an id already")),
        _ => check_decoded_name(name),
    };
    names.try_for_each(check).map_err(|message| Error::argument("special_tokens", message))
}

/// An error if a name looks like a token of bytes: a `tokenizer.json` does not distinguish them, and decoders of other
/// programs take it for one.
pub(crate) fn check_decoded_name(name: &str) -> std::result::Result<(), String> {
    if !is_of_other_bytes(name) {
        return Ok(());
    }
    Err(format!(
        "the special token {name:?} is of characters with which files write bytes, so that others decode it to these bytes; \
         use ASCII alone, or also a character beyond U+0143"
    ))
}

fn check_distinct<'n>(names: impl Iterator<Item = &'n str>) -> Result<()> {
    let mut known = HashSet::new();
    for name in names {
        let fault = match name.len() {
            0 => "a name is empty".to_owned(),
            _ if !known.insert(name) => format!("{name:?} stands twice"),
            _ => continue,
        };
        return Err(Error::argument("special_tokens", fault));
    }
    Ok(())
}

/// Names and ids of special tokens, with the first name only of each id.
pub(crate) fn first_names<'n>(special_tokens: impl Iterator<Item = (&'n str, u32)>) -> Vec<(String, u32)> {
    let mut known = HashSet::new();
    special_tokens.filter(|&(_, id)| known.insert(id)).map(|(name, id)| (name.to_owned(), id)).collect()
}

/// The ids of special tokens that are also ordinary tokens.
pub(crate) fn ordinary_specials(special_tokens: &[(String, u32)], tokens: &Tokens) -> HashSet<u32> {
    let ids: HashMap<u32, &str> =
        special_tokens.iter().rev().map(|(name, id)| (*id, name.as_str())).collect();
    let (Some(&first), Some(&last)) = (ids.keys().min(), ids.keys().max()) else { return HashSet::new() };
    let is_both = |&(id, token): &(u32, &[u8])| {
        (first..=last).contains(&id) && ids.get(&id).is_some_and(|name| name.as_bytes() == token)
    };
    tokens.iter().filter(is_both).map(|(id, _)| id).collect()
}

/// The special tokens that are not also ordinary tokens.
pub(crate) fn only_special(special_tokens: &[(String, u32)], tokens: &Tokens) -> Vec<(String, u32)> {
    let both = ordinary_specials(special_tokens, tokens);
    special_tokens.iter().filter(|(_, id)| !both.contains(id)).cloned().collect()
}
