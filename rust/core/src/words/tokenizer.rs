//! Words ↔ ids: a vocabulary of whole words, which encodes and decodes text.

use std::collections::HashMap;

use super::split;
use crate::{Error, Result};

/// The special token that stands for every word the vocabulary lacks.
pub const UNKNOWN: &str = "[UNK]";

/// A vocabulary of words: immutable, shared between threads by reference.
///
/// Special tokens are not words: text never becomes one, even if it spells one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WordTokenizer {
    /// The tokens by id.
    tokens: Vec<Box<str>>,
    /// Which ids are special tokens, ascending.
    special: Vec<u32>,
    /// The ids of the tokens that are not special, by text.
    words: HashMap<Box<str>, u32>,
    unknown: Option<u32>,
}

impl WordTokenizer {
    /// A tokenizer in which `words`, each given once, have the ids from 0 on in the order given, and `special_tokens`
    /// those after them.
    pub fn new(words: Vec<Box<str>>, special_tokens: &[&str]) -> Result<Self> {
        let fail = |message: String| Err(Error::argument("special_tokens", message));
        for (place, token) in special_tokens.iter().enumerate() {
            if token.is_empty() {
                return fail("an empty text cannot be a token".to_owned());
            }
            if special_tokens[..place].contains(token) {
                return fail(format!("\"{token}\" is given twice"));
            }
        }
        let first = words.len();
        let tokens: Vec<Box<str>> =
            words.into_iter().chain(special_tokens.iter().map(|&token| token.into())).collect();
        if u32::try_from(tokens.len()).is_err() {
            return Err(Error::argument("text_or_files", format!("{first} words are more than 2**32 ids")));
        }
        let tokenizer =
            Self::from_tokens(tokens, (first as u32..).take(special_tokens.len()).collect(), UNKNOWN);
        match special_tokens.iter().find(|&&token| tokenizer.words.contains_key(token)) {
            Some(token) => fail(format!("\"{token}\" is also a word of the text")),
            None => Ok(tokenizer),
        }
    }

    /// A tokenizer from its tokens by id, the ids of the special ones, ascending, and the text of the token for unknown
    /// words, if there is such a token.
    pub(super) fn from_tokens(tokens: Vec<Box<str>>, special: Vec<u32>, unknown: &str) -> Self {
        let is_word = |id: &u32| special.binary_search(id).is_err();
        let words =
            (0..).zip(&tokens).filter(|(id, _)| is_word(id)).map(|(id, token)| (token.clone(), id)).collect();
        let unknown = tokens.iter().position(|token| **token == *unknown).map(|id| id as u32);
        Self { tokens, special, words, unknown }
    }

    /// All tokens; the first has the id 0.
    pub fn tokens(&self) -> impl ExactSizeIterator<Item = &str> {
        self.tokens.iter().map(|token| &**token)
    }

    /// The special tokens and their ids.
    pub fn special_tokens(&self) -> impl ExactSizeIterator<Item = (&str, u32)> {
        self.special.iter().map(|&id| (&*self.tokens[id as usize], id))
    }

    /// The id of a special token.
    pub fn special_id(&self, token: &str) -> Option<u32> {
        self.special_tokens().find(|&(special, _)| special == token).map(|(_, id)| id)
    }

    /// The id of a word or special token.
    pub fn id_of(&self, token: &str) -> Option<u32> {
        self.words.get(token).copied().or_else(|| self.special_id(token))
    }

    /// The token that unknown words become, if there is one.
    pub fn unknown(&self) -> Option<&str> {
        self.unknown.map(|id| &*self.tokens[id as usize])
    }

    /// Appends the ids of `text` to `ids`. An unknown word becomes the token for unknown words, or an error if there is
    /// none.
    pub fn encode_into(&self, text: &str, ids: &mut Vec<u32>) -> Result<()> {
        for word in split(text) {
            let id = self.words.get(word).copied().or(self.unknown).ok_or_else(|| {
                Error::Unknown(format!(
                    "no word \"{word}\" in the vocabulary, and no token {UNKNOWN} for such"
                ))
            })?;
            ids.push(id);
        }
        Ok(())
    }

    /// The tokens of `ids` with a space between any two, but none before `. , ; : ! ? ) ] } %` and the ellipsis `…`,
    /// and none after `( [ {`. Special tokens are written out.
    pub fn decode(&self, ids: &[u32]) -> Result<String> {
        let mut text = String::new();
        let mut open = true;
        for &id in ids {
            let token = self.tokens.get(id as usize).ok_or_else(|| {
                Error::Unknown(format!("no id {id} in a vocabulary of {} tokens", self.tokens.len()))
            })?;
            let closes = matches!(&**token, "." | "," | ";" | ":" | "!" | "?" | ")" | "]" | "}" | "%" | "…");
            if !open && !closes {
                text.push(' ');
            }
            text.push_str(token);
            open = matches!(&**token, "(" | "[" | "{");
        }
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::Words;

    fn tokenizer(text: &str, special_tokens: &[&str]) -> WordTokenizer {
        let mut words = Words::default();
        words.add_text(text);
        WordTokenizer::new(words.into_sorted(), special_tokens).unwrap()
    }

    fn encode(tokenizer: &WordTokenizer, text: &str) -> Result<Vec<u32>> {
        let mut ids = Vec::new();
        tokenizer.encode_into(text, &mut ids).map(|()| ids)
    }

    #[test]
    fn unknown_words_become_the_unknown_token() {
        let words = tokenizer("Hello, world!", &["[BOS]", "[UNK]"]);
        assert_eq!(words.tokens().collect::<Vec<_>>(), ["!", ",", "Hello", "world", "[BOS]", "[UNK]"]);
        assert_eq!(encode(&words, "Bye, world!").unwrap(), [5, 1, 3, 0]);
    }

    #[test]
    fn text_never_becomes_a_special_token() {
        let words = tokenizer("[ BOS ]", &["[BOS]"]);
        assert_eq!(encode(&words, "[BOS]").unwrap(), [1, 0, 2]);
        assert_eq!(words.special_id("[BOS]"), Some(3));
        assert_eq!(words.special_id("BOS"), None);
    }

    #[test]
    fn decoding_sets_spaces_as_documented() {
        let text = "Well (said the cat), [yes]: 5% of it… Right?";
        let words = tokenizer(text, &[]);
        assert_eq!(words.decode(&encode(&words, text).unwrap()).unwrap(), text);
        assert_eq!(words.decode(&[]).unwrap(), "");
    }

    #[test]
    fn errors_say_what_is_unknown() {
        let words = tokenizer("a b", &[]);
        let message = encode(&words, "a c").unwrap_err().to_string();
        assert_eq!(message, "no word \"c\" in the vocabulary, and no token [UNK] for such");
        assert_eq!(words.decode(&[0, 2]).unwrap_err().to_string(), "no id 2 in a vocabulary of 2 tokens");
    }

    #[test]
    fn special_tokens_are_distinct_and_no_words() {
        let message =
            |special: &[&str]| WordTokenizer::new(vec!["a".into()], special).unwrap_err().to_string();
        assert_eq!(message(&["x", "x"]), "special_tokens: \"x\" is given twice");
        assert_eq!(message(&[""]), "special_tokens: an empty text cannot be a token");
        assert_eq!(message(&["a"]), "special_tokens: \"a\" is also a word of the text");
    }
}
