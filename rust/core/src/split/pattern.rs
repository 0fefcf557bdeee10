//! The patterns by name, as their inventors published them, and any other regular expressions.

use std::borrow::Cow;
use std::fmt;

use super::oniguruma::to_oniguruma;

/// A pattern that others know by name.
#[derive(Debug, Clone, Copy)]
pub struct Published {
    /// Its short name.
    pub name: &'static str,
    /// The regular expressions, letter for letter. Where there are several, each splits the pieces that the one before
    /// it leaves, and sees each piece as a text of its own.
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
    /// Any regular expression, or several that split in turn, with [`Pattern::THEN`] between; what they do not match is
    /// kept as pretokens of its own.
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
        // A carriage return and a line feed stand in it as such.
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

    /// The pattern that a user means by `text`: a name, any other text regular expressions, and `None` no cut.
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

    /// What [`Pattern::new`] makes this from: the name where there is one, else the expressions.
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
