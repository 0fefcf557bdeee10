//! Changes to a published pattern: numbers in groups of another size, and words in a row as one pretoken.
//!
//! A changed pattern is a regular expression like any other, so files hold it and other libraries read it. From its
//! text, letter for letter, [`Variant::of`] recognises it again, and so it has a scanner.
//!
//! **Numbers.** The one alternative of a pattern that matches numbers is replaced. Grouped from the right, a number is
//! cut wherever only whole groups follow: `12345678` is `12 345 678`.
//!
//! **Words in a row.** An alternative before all others matches words with one space between each two, apostrophes
//! inside words included, as one pretoken; everything else is left to the others. It begins with whatever the pattern
//! lets lead a word. So each pretoken of the changed pattern is one or several of the unchanged one: a run of words
//! ends at a character of a word that is followed neither by another one nor by an apostrophe or a space before one,
//! and there each published pattern ends a pretoken, too. (That is also why GPT-2's may lead with an apostrophe here:
//! then every letter is in such a run.) The tests compare the two.

use super::pattern::Pattern;
use crate::{Error, Result};

/// How digits are grouped into pretokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Digits {
    /// At most this many in a group, counted from the left: the last group of a number is what is left.
    FromLeft(usize),
    /// At most this many in a group, counted from the right, as numbers are written: the first group is what is left.
    FromRight(usize),
}

impl Digits {
    /// The most digits in a group.
    pub const MOST: usize = 9;

    fn size(self) -> usize {
        match self {
            Digits::FromLeft(size) | Digits::FromRight(size) => size,
        }
    }

    fn expression(self) -> String {
        match self {
            Digits::FromLeft(1) => r"\p{N}".to_owned(),
            Digits::FromLeft(size) => format!(r"\p{{N}}{{1,{size}}}"),
            Digits::FromRight(size) => {
                format!(r"\p{{N}}{{1,{size}}}(?=(?:\p{{N}}{{{size}}})*(?!\p{{N}}))")
            }
        }
    }

    /// Every grouping of at most [`MOST`](Self::MOST) digits; groups of one are the same from either side.
    fn all() -> impl Iterator<Item = Self> {
        (1..=Self::MOST).map(Digits::FromLeft).chain((2..=Self::MOST).map(Digits::FromRight))
    }
}

/// A published pattern and what is changed about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Variant {
    /// Its place in [`Pattern::NAMED`].
    pub(super) base: usize,
    pub(super) digits: Option<Digits>,
    /// Whether words in a row are one pretoken.
    pub(super) superwords: bool,
}

/// Words in a row, of letters (and marks, where the pattern has them in words); what may lead them goes before.
const WORDS: &str = r"\p{L}+(?:'\p{L}+)*(?: \p{L}+(?:'\p{L}+)*)*|";
const WORDS_WITH_MARKS: &str = r"[\p{L}\p{M}]+(?:'[\p{L}\p{M}]+)*(?: [\p{L}\p{M}]+(?:'[\p{L}\p{M}]+)*)*|";

/// What may lead words in a row where the pattern is not a published one.
const LEAD: &str = " ?";

impl Variant {
    /// The variant that `pattern` is, if it is a published pattern, changed or unchanged.
    pub(super) fn of(pattern: &Pattern) -> Option<Self> {
        match pattern {
            Pattern::Named(base) => Some(Self { base: *base, digits: None, superwords: false }),
            Pattern::Regex(text) => Self::all().find(|variant| variant.text().as_deref() == Some(text)),
            Pattern::Whole => None,
        }
    }

    fn all() -> impl Iterator<Item = Self> {
        (0..Pattern::NAMED.len()).flat_map(|base| {
            std::iter::once(None)
                .chain(Digits::all().map(Some))
                .flat_map(move |digits| [false, true].map(|superwords| Self { base, digits, superwords }))
        })
    }

    pub(super) fn name(self) -> &'static str {
        Pattern::NAMED[self.base].name
    }

    /// The changed pattern; `None` if it cannot be changed this way.
    fn pattern(self) -> Option<Pattern> {
        let text = self.text()?;
        let unchanged = Self { base: self.base, digits: None, superwords: false };
        let is_unchanged = unchanged.text().as_ref() == Some(&text);
        Some(if is_unchanged { Pattern::Named(self.base) } else { Pattern::new(Some(&text)) })
    }

    /// Its expressions as our engine reads them; what is written for Oniguruma reads back as exactly these.
    fn text(self) -> Option<String> {
        let mut expressions = Pattern::NAMED[self.base].portable.join(&Pattern::THEN.to_string());
        expressions = expressions.replace(r"\z", "$");
        if let Some(digits) = self.digits {
            let group = digits.expression();
            expressions = match self.name() {
                "gpt2" => expressions.replace(r"| ?\p{N}+|", &format!("| ?{group}|")),
                "qwen2" => expressions.replace(r"|\p{N}|", &format!("|{group}|")),
                "deepseek" => expressions.replace("\\p{N}{1,3}\x1e", &format!("{group}\x1e")),
                _ => expressions.replace(r"|\p{N}{1,3}|", &format!("|{group}|")),
            };
        }
        if self.superwords {
            let words = match self.name() {
                "gpt2" => ["[ ']?", WORDS].concat(),
                "o200k" => [r"[^\r\n\p{L}\p{N}]?", WORDS_WITH_MARKS].concat(),
                "deepseek" => return None,
                _ => [r"[^\r\n\p{L}\p{N}]?", WORDS].concat(),
            };
            expressions.insert_str(0, &words);
        }
        Some(expressions)
    }
}

impl Pattern {
    /// The pattern with numbers grouped by `digits`; an error if it is not a published one, or takes words in a row as
    /// one pretoken.
    pub fn with_digits(&self, digits: Digits) -> Result<Self> {
        if !(1..=Digits::MOST).contains(&digits.size()) {
            let message = format!("is {}, expected 1 to {}", digits.size(), Digits::MOST);
            return Err(Error::argument("digits", message));
        }
        let digits = if digits.size() == 1 { Digits::FromLeft(1) } else { digits };
        let variant = Variant::of(self).filter(|variant| !variant.superwords);
        let changed = variant.and_then(|variant| Variant { digits: Some(digits), ..variant }.pattern());
        changed.ok_or_else(|| {
            let message =
                format!("are for published patterns, not for {self}; write them into the expression");
            Error::argument("digits", message)
        })
    }

    /// The pattern with words in a row as one pretoken, for superwords. An error for [`Pattern::Whole`], and for a
    /// pattern that splits in several steps.
    pub fn with_superwords(&self) -> Result<Self> {
        let refuse = |what| {
            let message = format!("reach across pretokens of one expression, and the pattern {what}");
            Err(Error::argument("superwords", message))
        };
        if self.without_superwords().is_some() {
            return Ok(self.clone());
        }
        match (Variant::of(self), self) {
            (Some(variant), _) => match (Variant { superwords: true, ..variant }).pattern() {
                Some(changed) => Ok(changed),
                None => refuse("splits in several steps"),
            },
            (None, Pattern::Regex(text)) if text.contains(Self::THEN) => refuse("splits in several steps"),
            (None, Pattern::Regex(text)) => Ok(Pattern::Regex([LEAD, WORDS, text].concat())),
            (None, _) => refuse("is none"),
        }
    }

    /// The pattern that [`with_superwords`](Self::with_superwords) made this from, if it did.
    pub fn without_superwords(&self) -> Option<Self> {
        if let Some(variant) = Variant::of(self) {
            return variant.superwords.then(|| Variant { superwords: false, ..variant }.pattern())?;
        }
        let inner = self.text()?.strip_prefix(LEAD)?.strip_prefix(WORDS)?;
        (!inner.contains(Self::THEN)).then(|| Pattern::new(Some(inner)))
    }
}

#[cfg(test)]
mod tests {
    use super::Digits::{FromLeft, FromRight};
    use super::*;
    use crate::split::{Splitter, from_oniguruma};

    #[test]
    fn every_variant_is_known_by_its_text_and_by_what_oniguruma_reads() {
        for variant in Variant::all() {
            let Some(pattern) = variant.pattern() else {
                assert_eq!(variant.name(), "deepseek");
                continue;
            };
            let found = Variant::of(&pattern).expect("a variant");
            assert_eq!(found.pattern(), Some(pattern.clone()));
            assert_eq!(Pattern::new(pattern.text()), pattern);
            if let Pattern::Regex(text) = &pattern {
                assert_eq!(found.text(), variant.text());
                let read: Vec<String> = (pattern.portable_expressions().iter())
                    .map(|expression| from_oniguruma(expression).expect("one that is read alike"))
                    .collect();
                assert_eq!(read.join("\x1e"), *text);
            }
        }
    }

    #[test]
    fn numbers_are_grouped_from_either_side() {
        let split = |pattern: &str, digits, text: &'static str| {
            let pattern = Pattern::new(Some(pattern)).with_digits(digits).expect("a published pattern");
            let mut found = Vec::new();
            let splitter = Splitter::new(&pattern).expect("a good expression");
            splitter.for_each(text.as_bytes(), |word| found.push(word)).expect("no runaway");
            found.into_iter().map(|word| str::from_utf8(word).expect("characters")).collect::<Vec<_>>()
        };
        assert_eq!(split("gpt2", FromLeft(3), "in 12345678."), ["in", " 123", "456", "78", "."]);
        assert_eq!(split("gpt2", FromRight(3), "in 12345678."), ["in", " 12", "345", "678", "."]);
        assert_eq!(split("cl100k", FromRight(3), "123456 1234"), ["123", "456", " ", "1", "234"]);
        assert_eq!(split("o200k", FromLeft(2), "x12345"), ["x", "12", "34", "5"]);
        assert_eq!(split("qwen2", FromLeft(4), "12345"), ["1234", "5"]);
        assert_eq!(split("deepseek", FromRight(3), "x12345"), ["x", "12", "345"]);
        assert_eq!(split("llama3", FromRight(3), "١٢٣٤a"), ["١", "٢٣٤", "a"]);
    }

    #[test]
    fn what_is_as_published_has_its_name() {
        let named = |name, size| {
            let pattern = Pattern::new(Some(name)).with_digits(Digits::FromLeft(size)).expect("published");
            pattern.text().map(str::to_owned)
        };
        assert_eq!(named("o200k", 3).as_deref(), Some("o200k"));
        assert_eq!(named("cl100k", 3).as_deref(), Some("cl100k"));
        assert_eq!(named("llama3", 1).as_deref(), Some("qwen2"));
        assert!(Pattern::new(Some("gpt2")).with_digits(Digits::FromLeft(0)).is_err());
        assert!(Pattern::new(Some("a|b")).with_digits(Digits::FromLeft(2)).is_err());
    }

    #[test]
    fn superwords_are_words_with_single_spaces_between() {
        let split = |pattern: &str, text: &'static str| {
            let pattern = Pattern::new(Some(pattern)).with_superwords().expect("one expression");
            let mut found = Vec::new();
            let splitter = Splitter::new(&pattern).expect("a good expression");
            splitter.for_each(text.as_bytes(), |word| found.push(word)).expect("no runaway");
            found.into_iter().map(|word| str::from_utf8(word).expect("characters")).collect::<Vec<_>>()
        };
        let text = "I don't know, by the  way: 3 men's\nO'Neill";
        let cut = ["I don't know", ",", " by the", " ", " way", ":", " ", "3", " men's", "\n", "O'Neill"];
        assert_eq!(split("cl100k", text), cut);
        assert_eq!(split("o200k", text), cut);
        assert_eq!(split("gpt2", "x's 12 'a b"), ["x's", " 12", " '", "a b"]);
        assert_eq!(split(r"\w+|\W", "ab cd, 12"), ["ab cd", ",", " ", "12"]);
        for refused in ["deepseek", "a\x1eb"] {
            assert!(Pattern::new(Some(refused)).with_superwords().is_err());
        }
        assert!(Pattern::Whole.with_superwords().is_err());
        let made = Pattern::new(Some(r"\w+|\W")).with_superwords().expect("one expression");
        assert_eq!(made.without_superwords(), Some(Pattern::new(Some(r"\w+|\W"))));
        assert_eq!(made.with_superwords().expect("it is one"), made);
        assert_eq!(Pattern::new(Some("gpt2")).without_superwords(), None);
    }
}
