//! The patterns by name, as their inventors published them, and any other regular expression.

use std::fmt;

/// How text is cut into pretokens.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Pattern {
    /// One of the published patterns in [`Pattern::NAMED`], by its place there.
    Named(usize),
    /// Any regular expression; what it does not match is kept as pretokens of its own.
    Regex(String),
    /// No cut at all: the whole text is one pretoken.
    Whole,
}

impl Pattern {
    /// Names and expressions of the published patterns.
    ///
    /// `gpt2`: openai/gpt-2, `encoder.py`. `cl100k`, `o200k`: openai/tiktoken, `openai_public.py`. `llama3`:
    /// meta-llama/llama3, `tokenizer.py`. `qwen2`: the `tokenizer.json` of Qwen2.
    pub const NAMED: [(&'static str, &'static str); 5] = [
        ("gpt2", r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"),
        (
            "cl100k",
            concat!(
                r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+",
                r"|\s++$|\s*[\r\n]|\s+(?!\S)|\s"
            ),
        ),
        (
            "o200k",
            concat!(
                r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
                r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
                r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
            ),
        ),
        (
            "llama3",
            concat!(
                r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*",
                r"|\s*[\r\n]+|\s+(?!\S)|\s+"
            ),
        ),
        (
            "qwen2",
            concat!(
                r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*",
                r"|\s*[\r\n]+|\s+(?!\S)|\s+"
            ),
        ),
    ];

    /// The pattern that a user means by `text`: a name, any other text a regular expression, and `None` no cut.
    ///
    /// An expression that is one of the published, letter for letter, is that one.
    pub fn new(text: Option<&str>) -> Self {
        let Some(text) = text else { return Pattern::Whole };
        match Self::NAMED.iter().position(|&(name, expression)| text == name || text == expression) {
            Some(index) => Pattern::Named(index),
            None => Pattern::Regex(text.to_owned()),
        }
    }

    /// The regular expression, or `None` for no cut.
    pub fn regex(&self) -> Option<&str> {
        match self {
            Pattern::Named(index) => Some(Self::NAMED[*index].1),
            Pattern::Regex(expression) => Some(expression),
            Pattern::Whole => None,
        }
    }

    /// What [`Pattern::new`] makes this from: the name where there is one, else the expression.
    pub fn text(&self) -> Option<&str> {
        match self {
            Pattern::Named(index) => Some(Self::NAMED[*index].0),
            Pattern::Regex(expression) => Some(expression),
            Pattern::Whole => None,
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text().unwrap_or("no pattern"))
    }
}
