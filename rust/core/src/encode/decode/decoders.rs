//! Makes text of tokens as they are written, where that takes more than putting their bytes one after another.
//!
//! Each decoder does what Hugging Face's tokenizers do under its name: it takes the texts of some tokens and gives
//! others, not necessarily as many. What is left at the end is put together.

use std::sync::Arc;

use crate::Result;
use crate::bytes::bytes_of_text;
use crate::split::Find;

/// One decoder, or several in turn.
#[derive(Debug, Clone)]
pub enum Decoder {
    /// Characters that stand for bytes become these bytes, and all tokens one text.
    ByteLevel,
    /// A mark becomes a space, or, in the first token, nothing.
    Metaspace {
        /// The mark.
        mark: char,
        /// Whether those in the first token go.
        drops_first: bool,
    },
    /// Tokens such as `<0x41>` become the characters whose bytes they are.
    ByteFallback,
    /// All tokens become one.
    Fuse,
    /// What is found becomes another text.
    Replace(Arc<Find>, String),
    /// A character is stripped from the ends of each token, up to a number of times.
    Strip {
        /// The character.
        content: char,
        /// How many go from the start, at most.
        start: usize,
        /// How many go from the end, at most.
        stop: usize,
    },
    /// What ends words becomes a space, or, in the last token, nothing.
    EndOfWord(String),
    /// Tokens that do not begin with a prefix have a space before them.
    WordPiece {
        /// The prefix.
        prefix: String,
        /// Whether spaces before punctuation and contractions go.
        cleanup: bool,
    },
    /// Tokens have spaces between them: what happens without any decoder.
    Spaced,
    /// SentencePiece's own way.
    SentencePiece(Pieces),
    /// Several, one after another.
    Sequence(Vec<Decoder>),
}

/// How SentencePiece writes pieces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pieces {
    /// The control tokens, as they are written here; they become nothing.
    pub control: Vec<String>,
    /// How the unknown token is written, and what it becomes.
    pub unknown: (String, String),
    /// Whether the space with which a text begins goes.
    pub drops_prefix: bool,
    /// Whether one goes from every piece until there is some text.
    pub drops_all: bool,
}

impl Decoder {
    /// The text of tokens. Fails only when a regular expression gives up.
    pub(crate) fn decode(&self, tokens: Vec<String>) -> Result<String> {
        Ok(self.chain(tokens)?.concat())
    }

    fn chain(&self, tokens: Vec<String>) -> Result<Vec<String>> {
        Ok(match self {
            Self::ByteLevel => {
                let bytes: Vec<u8> = tokens
                    .into_iter()
                    .flat_map(|token| bytes_of_text(&token).unwrap_or(token.into_bytes()))
                    .collect();
                vec![String::from_utf8_lossy(&bytes).into_owned()]
            }
            Self::Metaspace { mark, drops_first } => {
                let space = |(place, token): (usize, String)| {
                    token.replace(*mark, if place == 0 && *drops_first { "" } else { " " })
                };
                tokens.into_iter().enumerate().map(space).collect()
            }
            Self::ByteFallback => join_bytes(tokens),
            Self::Fuse => vec![tokens.concat()],
            Self::Replace(find, content) => {
                tokens.iter().map(|token| replace(find, token, content)).collect::<Result<_>>()?
            }
            Self::Strip { content, start, stop } => {
                tokens.iter().map(|token| strip(token, *content, *start, *stop).to_owned()).collect()
            }
            Self::EndOfWord(suffix) => {
                let last = tokens.len().saturating_sub(1);
                let space = |(place, token): (usize, String)| {
                    token.replace(suffix, if place == last { "" } else { " " })
                };
                tokens.into_iter().enumerate().map(space).collect()
            }
            Self::WordPiece { prefix, cleanup } => word_pieces(tokens, prefix, *cleanup),
            Self::Spaced => vec![tokens.join(" ")],
            Self::SentencePiece(pieces) => vec![pieces.decode(&tokens)],
            Self::Sequence(steps) => {
                let mut tokens = tokens;
                for step in steps {
                    tokens = step.chain(tokens)?;
                }
                tokens
            }
        })
    }
}

/// The byte that a token such as `<0x41>` stands for.
pub(crate) fn byte_of_token(token: &str) -> Option<u8> {
    let digits = token.strip_prefix("<0x")?.strip_suffix('>')?;
    (digits.len() == 2).then(|| u8::from_str_radix(digits, 16).ok())?
}

/// Runs of byte tokens become one token, if they are UTF-8, or else U+FFFD each.
fn join_bytes(tokens: Vec<String>) -> Vec<String> {
    let mut joined = Vec::with_capacity(tokens.len());
    let mut run: Vec<u8> = Vec::new();
    let end_run = |run: &mut Vec<u8>, joined: &mut Vec<String>| {
        let length = run.len();
        match String::from_utf8(std::mem::take(run)) {
            Ok(text) if length > 0 => joined.push(text),
            Ok(_) => {}
            Err(_) => joined.extend(std::iter::repeat_n("\u{FFFD}".to_owned(), length)),
        }
    };
    for token in tokens {
        match byte_of_token(&token) {
            Some(byte) => run.push(byte),
            None => {
                end_run(&mut run, &mut joined);
                joined.push(token);
            }
        }
    }
    end_run(&mut run, &mut joined);
    joined
}

fn replace(find: &Find, token: &str, content: &str) -> Result<String> {
    let mut replaced = String::with_capacity(token.len());
    let mut done = 0;
    find.for_each(token, |start, end| {
        replaced.push_str(&token[done..start]);
        replaced.push_str(content);
        done = end;
    })?;
    replaced.push_str(&token[done..]);
    Ok(replaced)
}

fn strip(token: &str, content: char, start: usize, stop: usize) -> &str {
    let mut left = token;
    for _ in 0..start {
        left = left.strip_prefix(content).unwrap_or(left);
    }
    // A token of nothing but `content` is stripped from the start first.
    for _ in 0..stop {
        left = left.strip_suffix(content).unwrap_or(left);
    }
    left
}

fn word_pieces(tokens: Vec<String>, prefix: &str, cleanup: bool) -> Vec<String> {
    let joined = |(place, token): (usize, String)| {
        let token = match token.strip_prefix(prefix) {
            _ if place == 0 => token,
            Some(rest) => rest.to_owned(),
            None => format!(" {token}"),
        };
        if cleanup { clean(&token) } else { token }
    };
    tokens.into_iter().enumerate().map(joined).collect()
}

/// Takes out the spaces that word pieces put into English.
fn clean(text: &str) -> String {
    let spaced = [
        (" .", "."),
        (" ?", "?"),
        (" !", "!"),
        (" ,", ","),
        (" ' ", "'"),
        (" n't", "n't"),
        (" 'm", "'m"),
        (" do not", " don't"),
        (" 's", "'s"),
        (" 've", "'ve"),
        (" 're", "'re"),
    ];
    spaced.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}

impl Pieces {
    fn decode(&self, tokens: &[String]) -> String {
        let mut text = String::new();
        let mut run: Vec<u8> = Vec::new();
        let mut has_dropped = false;
        for token in tokens {
            if let Some(byte) = byte_of_token(token) {
                run.push(byte);
                continue;
            }
            push_run(&mut run, &mut text);
            if self.control.contains(token) {
                continue;
            }
            if *token == self.unknown.0 {
                text.push_str(&self.unknown.1);
                continue;
            }
            let drops = self.drops_prefix && text.is_empty() && !has_dropped;
            let rest = token.strip_prefix('▁').filter(|_| drops);
            has_dropped |= rest.is_some() && !self.drops_all;
            text.push_str(&rest.unwrap_or(token).replace('▁', " "));
        }
        push_run(&mut run, &mut text);
        text
    }
}

/// Adds bytes as text; each that is part of no character becomes U+FFFD.
fn push_run(run: &mut Vec<u8>, text: &mut String) {
    for chunk in run.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|_| char::REPLACEMENT_CHARACTER));
    }
    run.clear();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(decoder: &Decoder, tokens: &[&str]) -> String {
        decoder.decode(tokens.iter().map(|&token| token.to_owned()).collect()).expect("decodes")
    }

    #[test]
    fn bytes_become_characters_or_are_replaced_one_by_one() {
        let tokens = ["a", "<0xC3>", "<0xA9>", "b", "<0xE2>", "<0x82>", "<0xZZ>"];
        assert_eq!(decode(&Decoder::ByteFallback, &tokens), "a\u{e9}b\u{fffd}\u{fffd}<0xZZ>");
    }

    #[test]
    fn ends_are_stripped_of_one_character_only() {
        assert_eq!(strip("  a ", ' ', 1, 0), " a ");
        assert_eq!(strip("  a ", ' ', 5, 5), "a");
        assert_eq!(strip("  ", ' ', 1, 1), "");
        assert_eq!(decode(&Decoder::Metaspace { mark: '▁', drops_first: true }, &["▁a▁b", "▁c"]), "ab c");
        assert_eq!(decode(&Decoder::EndOfWord("</w>".to_owned()), &["ab</w>", "c</w>"]), "ab c");
        let words = Decoder::WordPiece { prefix: "##".to_owned(), cleanup: true };
        assert_eq!(decode(&words, &["it", "##s", ",", "no"]), "its, no");
    }
}
