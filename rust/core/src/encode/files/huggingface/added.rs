//! Added tokens, and which entries of the vocabulary text may also become by merging.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};

use super::Checked;
use super::names::Names;
use crate::bytes::{bytes_of_text, push_bytes_of_text};
use crate::encode::bpe::merges::Merge;
use crate::encode::pipeline::Pipeline;
use crate::encode::vocabulary::special::Manner;
use crate::encode::vocabulary::tokens::Tokens;
use crate::tokenizer_json::{AddedToken, Vocab};

pub(super) fn manner(token: &AddedToken) -> Manner {
    let &AddedToken { single_word, lstrip, rstrip, normalized, special, .. } = token;
    Manner { normalized, single_word, lstrip, rstrip, unmarked: !special }
}

/// Names and ids of the added tokens. Hugging Face gives those that are not in the vocabulary the numbers after it,
/// whatever the file says; a file that says otherwise is an error, since one of the two would be wrong.
pub(super) fn special_tokens(added: &[AddedToken], names: &Names<'_>) -> Checked<Vec<(String, u32)>> {
    let mut next = names.count() as u32;
    let mut known = HashSet::new();
    let mut check = |token: &AddedToken| {
        let AddedToken { id, content, .. } = token;
        if !known.insert(content.clone()) {
            return Err(format!("added token {content:?} stands twice"));
        }
        if content.is_empty() {
            return Err(format!("added token {id} is empty"));
        }
        match names.id_of(content) {
            Some(other) if other != *id => {
                Err(format!("added token {content:?} has id {id}, and {other} in the vocabulary"))
            }
            None if *id != next => Err(format!(
                "added token {content:?} has id {id}, and Hugging Face would give it {next}, the next one behind the \
                 vocabulary"
            )),
            found => {
                next += u32::from(found.is_none());
                Ok((content.clone(), *id))
            }
        }
    };
    let mut tokens = added.iter().map(&mut check).collect::<Checked<Vec<_>>>()?;
    turn_names(&mut tokens, |&(_, id)| id, Main::LastToFirst);
    Ok(tokens)
}

/// Where the main one of several names of an id goes.
#[derive(Clone, Copy)]
pub(super) enum Main {
    FirstToLast,
    LastToFirst,
}

/// Rotates the names of each id among the places that they have: this library decodes an id to its first name, Hugging
/// Face to the last, which is the only one that it looks for in a text.
pub(super) fn turn_names<T>(tokens: &mut [T], id: impl Fn(&T) -> u32, main: Main) {
    let mut places: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
    for (place, token) in tokens.iter().enumerate() {
        places.entry(id(token)).or_default().push(place);
    }
    for places in places.values() {
        let pairs = places.windows(2);
        match main {
            Main::FirstToLast => pairs.for_each(|pair| tokens.swap(pair[0], pair[1])),
            Main::LastToFirst => pairs.rev().for_each(|pair| tokens.swap(pair[0], pair[1])),
        }
    }
}

/// The entries of the vocabulary that text may become by merging.
///
/// They may be added tokens, too: a name may stand in a word where it does not count, or come out of a normalizer, or only
/// be on the way to a longer token. But text that looks like a token with the mark of being special becomes that only where
/// the file's own merges make it.
pub(super) struct Ordinary<'v, 'f> {
    vocab: &'v Vocab<'f>,
    /// The added tokens by id, and whether text may become them.
    added: Vec<(u32, &'v AddedToken, bool)>,
}

impl<'v, 'f> Ordinary<'v, 'f> {
    pub(super) fn new(vocab: &'v Vocab<'f>, added: &'v [AddedToken], merges: &[Merge]) -> Self {
        let marked = || added.iter().filter(|token| token.special).map(|token| token.id);
        let ids = marked().min().unwrap_or(1)..=marked().max().unwrap_or(0);
        let mut made: Vec<u32> = merges.iter().map(|merge| merge.id).filter(|id| ids.contains(id)).collect();
        // Merges mostly come by id; then there is nothing to sort.
        made.sort_unstable();
        let is_made = |id: u32| made.binary_search(&id).is_ok();
        let is_ordinary = |token: &AddedToken| {
            !token.special || is_made(token.id) || token.content.chars().nth(1).is_none()
        };
        let mut added: Vec<_> = added.iter().map(|token| (token.id, token, is_ordinary(token))).collect();
        added.sort_by_key(|&(id, ..)| id);
        Self { vocab, added }
    }

    /// Whether text may become an entry that is an added token; `None` if it is not one. An added token that is in the
    /// vocabulary has its id there, and few entries have the id of an added token.
    fn added(&self, (text, id): &(Cow<'_, str>, u32)) -> Option<bool> {
        let first = self.added.partition_point(|&(other, ..)| other < *id);
        let mut same = self.added[first..].iter().take_while(|&&(other, ..)| other == *id);
        same.find(|&&(_, token, _)| token.content == *text).map(|&(.., is_ordinary)| is_ordinary)
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = &'v (Cow<'f, str>, u32)> {
        self.vocab.0.iter().filter(|entry| self.added(entry) != Some(false))
    }

    /// Whether an entry is an added token that the normalizer makes another name of.
    pub(super) fn has_renamed(&self, pipeline: &Pipeline) -> Checked<bool> {
        let is_entry = |id: u32| self.vocab.0.iter().any(|&(_, other)| other == id);
        for &(id, token, _) in self.added.iter().filter(|(_, token, _)| token.normalized) {
            let name = pipeline.normalized(&token.content).map_err(|error| error.to_string())?;
            if name != token.content && is_entry(id) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The entries as tokens of bytes, if all bytes are among them. An added token is one only where its name is written as
    /// it is.
    pub(super) fn of_bytes(&self) -> Option<Tokens> {
        let mut has = [false; 256];
        let mut tokens = Tokens::with_capacity(self.vocab.0.len(), self.vocab.0.len() * 8);
        for entry in &self.vocab.0 {
            let (text, id) = entry;
            if self.added(entry).is_some_and(|is_ordinary| !is_ordinary || !is_written_as_it_is(text)) {
                continue;
            }
            let write = |bytes: &mut Vec<u8>| {
                let before = bytes.len();
                push_bytes_of_text(text, bytes)?;
                if let [byte] = bytes[before..] {
                    has[usize::from(byte)] = true;
                }
                Ok::<u32, char>(*id)
            };
            tokens.push_with(write).ok()?;
        }
        has.iter().all(|&has| has).then_some(tokens)
    }
}

/// Whether the characters of a text stand for the bytes that they have.
fn is_written_as_it_is(text: &str) -> bool {
    bytes_of_text(text).is_ok_and(|bytes| bytes == text.as_bytes())
}
