//! The patterns by name, as their inventors published them, and any other regular expressions.
//!
//! In a file, a text that is not one of our names is taken for expressions ([`Pattern::new`]). What a user types may be
//! a misspelt name, which as an expression would match next to nothing and leave texts uncut: it is refused
//! ([`Pattern::from_argument`]).

use std::borrow::Cow;
use std::fmt;

use super::oniguruma::{check_portable, to_oniguruma};
use crate::{Error, Result};

/// A pattern that others know by name.
#[derive(Debug, Clone, Copy)]
pub struct Published {
    /// Its short name.
    pub name: &'static str,
    /// The regular expressions, letter for letter. Where there are several, each splits the pieces that the one before
    /// it leaves, seeing each piece as a text of its own.
    pub expressions: &'static [&'static str],
    /// Expressions with the same matches in Oniguruma too, the engine of Hugging Face, which takes `{1,3}+` for a
    /// repetition of a repetition and `$` for the end of a line.
    pub portable: &'static [&'static str],
}

impl Published {
    /// A pattern that all engines read alike.
    const fn new(name: &'static str, expressions: &'static [&'static str]) -> Self {
        Self { name, expressions, portable: expressions }
    }
}

/// How text is cut into pretokens.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Pattern {
    /// One of the published patterns in [`Pattern::NAMED`], by its place there.
    Named(usize),
    /// Any regular expression, or several that split in turn, with [`Pattern::THEN`] between them; each stretch that
    /// they do not match is a pretoken of its own.
    Regex(String),
    /// No cut at all: the whole text is one pretoken.
    Whole,
}

impl Pattern {
    /// Stands between expressions that split in turn: the record separator of ASCII, which an expression can still match
    /// as `\x1e`. So a pattern is one text wherever it is kept.
    pub const THEN: char = '\x1e';

    /// The published patterns.
    ///
    /// `gpt2`: openai/gpt-2, `encoder.py`. `cl100k`, `o200k`: openai/tiktoken, `openai_public.py`. `llama3`:
    /// meta-llama/llama3, `tokenizer.py`. `qwen2`, `deepseek`: the `tokenizer.json` of Qwen2, of `DeepSeek`-V3.
    pub const NAMED: [Published; 6] = [
        Published::new(
            "gpt2",
            &[r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"],
        ),
        Published {
            name: "cl100k",
            expressions: &[concat!(
                r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+",
                r"|\s++$|\s*[\r\n]|\s+(?!\S)|\s"
            )],
            portable: &[concat!(
                r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*",
                r"|\s+\z|\s*[\r\n]|\s+(?!\S)|\s"
            )],
        },
        Published::new(
            "o200k",
            &[concat!(
                r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
                r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
                r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
            )],
        ),
        Published::new(
            "llama3",
            &[concat!(
                r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*",
                r"|\s*[\r\n]+|\s+(?!\S)|\s+"
            )],
        ),
        Published::new(
            "qwen2",
            &[concat!(
                r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*",
                r"|\s*[\r\n]+|\s+(?!\S)|\s+"
            )],
        ),
        // It contains carriage returns and line feeds as such, not as escapes.
        Published::new(
            "deepseek",
            &[
                r"\p{N}{1,3}",
                "[一-龥぀-ゟ゠-ヿ]+",
                concat!(
                    r##"[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+"##,
                    "|[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+",
                    "| ?[\\p{P}\\p{S}]+[\r\n]*|\\s*[\r\n]+",
                    r"|\s+(?!\S)|\s+"
                ),
            ],
        ),
    ];

    /// The pattern that `text` stands for in a file: a name, or else regular expressions; `None` is no cut at all.
    ///
    /// Expressions that are those of a published pattern, letter for letter, are that pattern.
    pub fn new(text: Option<&str>) -> Self {
        let Some(text) = text else { return Pattern::Whole };
        let expressions: Vec<&str> = text.split(Self::THEN).collect();
        let is_meant = |known: &Published| {
            known.name == text || [known.expressions, known.portable].contains(&&*expressions)
        };
        match Self::NAMED.iter().position(is_meant) {
            Some(index) => Pattern::Named(index),
            None => Pattern::Regex(text.to_owned()),
        }
    }

    /// The names of tiktoken's encodings, and the patterns that these split with.
    const ENCODINGS: [(&str, &str); 6] = [
        ("r50k_base", "gpt2"),
        ("p50k_base", "gpt2"),
        ("p50k_edit", "gpt2"),
        ("cl100k_base", "cl100k"),
        ("o200k_base", "o200k"),
        ("o200k_harmony", "o200k"),
    ];

    /// The pattern that a user means by `text`: that of the tiktoken encoding of this name, else what [`Pattern::new`]
    /// makes of it. A text of nothing but letters, digits, `_` and `-` is taken for a name, so an unknown one is an
    /// error; to mean an expression, write `(?:text)`.
    pub fn from_argument(text: Option<&str>) -> Result<Self> {
        let encoding = Self::ENCODINGS.iter().find(|(name, _)| Some(*name) == text);
        let pattern = Self::new(encoding.map(|&(_, split)| split).or(text));
        match &pattern {
            Pattern::Regex(text)
                if text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte)) =>
            {
                let names = Self::NAMED.map(|known| known.name).join(", ");
                let encodings = Self::ENCODINGS.map(|(name, _)| name).join(", ");
                let message = format!(
                    "{text:?} is no known name; expected {names}, an encoding with one of these splits \
                     ({encodings}), or a regular expression, which without any operator is written (?:{text})"
                );
                Err(Error::argument("pattern", message))
            }
            _ => Ok(pattern),
        }
    }

    /// The regular expressions that are applied in turn; none for no cut.
    pub fn expressions(&self) -> Vec<&str> {
        match self {
            Pattern::Named(index) => Self::NAMED[*index].expressions.to_vec(),
            Pattern::Regex(expressions) => expressions.split(Self::THEN).collect(),
            Pattern::Whole => Vec::new(),
        }
    }

    /// The regular expressions as Oniguruma reads them; none for no cut.
    pub fn portable_expressions(&self) -> Vec<Cow<'_, str>> {
        match self {
            Pattern::Named(index) => {
                Self::NAMED[*index].portable.iter().copied().map(Cow::Borrowed).collect()
            }
            Pattern::Regex(_) | Pattern::Whole => self.expressions().into_iter().map(to_oniguruma).collect(),
        }
    }

    /// An error if a `tokenizer.json` cannot hold this, so that Hugging Face and [`Tokenizer`](crate::encode::Tokenizer)
    /// read the same split.
    pub fn check_portable(&self) -> Result<()> {
        let Self::Regex(_) = self else { return Ok(()) };
        self.expressions().into_iter().try_for_each(|expression| {
            check_portable(expression).map_err(|what| {
                let message = format!("{expression:?} has {what}, which a tokenizer.json cannot hold");
                Error::argument("pattern", message)
            })
        })
    }

    /// The text from which [`Pattern::new`] makes this pattern: its name if it has one, else the expressions.
    pub fn text(&self) -> Option<&str> {
        match self {
            Pattern::Named(index) => Some(Self::NAMED[*index].name),
            Pattern::Regex(expressions) => Some(expressions),
            Pattern::Whole => None,
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text().unwrap_or("no pattern"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_user_writes_is_a_known_name_or_an_expression() {
        let meant = |text| Pattern::from_argument(text).map(|pattern| pattern.text().map(str::to_owned));
        for known in &Pattern::NAMED {
            assert_eq!(meant(Some(known.name)).expect("a name").as_deref(), Some(known.name));
        }
        for (encoding, split) in Pattern::ENCODINGS {
            assert_eq!(meant(Some(encoding)).expect("an encoding").as_deref(), Some(split));
        }
        for expression in [r"\w+|\W", "a|b", "(?:abc)", "[a-z]", " ", "é", "a\x1eb"] {
            assert_eq!(meant(Some(expression)).expect("an expression").as_deref(), Some(expression));
        }
        assert_eq!(meant(None).expect("no cut"), None);
        for slip in ["GPT2", "gpt4", "cl100k-base", "abc", "5", ""] {
            let message = meant(Some(slip)).expect_err("a slip").to_string();
            assert!(
                message.starts_with(&format!("pattern: {slip:?} is no known name; expected gpt2, cl100k"))
            );
            assert!(message.contains("o200k_base"), "{message}");
            // In a file it is an expression.
            assert_eq!(Pattern::new(Some(slip)), Pattern::Regex(slip.to_owned()));
        }
    }
}
