//! The published patterns as points in one small space of parameters.
//!
//! All of them try, at each position and in this order: contractions, letters with one character before them,
//! digits, punctuation with an optional space before it, and whitespace. They differ in the details below, each a
//! constant, so that the one scanner compiles to straight code for each family.

use std::marker::PhantomData;

/// Where English contractions (`'s 't 're 've 'm 'll 'd`) are recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Contractions {
    /// As pretokens of their own, in lower case only: `'s|'t|…`.
    Lowercase,
    /// As pretokens of their own, in any case: `(?i:'s|'t|…)`; `ſ` is an `s` there.
    AnyCase,
    /// At the end of a word, in any case: `…(?i:'s|'t|…)?`.
    Suffix,
}

/// What may follow punctuation, a run of neither whitespace, letters nor numbers, in the same pretoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tail {
    /// Nothing.
    None,
    /// `[\r\n]*`
    Newlines,
    /// `[\r\n/]*`
    NewlinesAndSlashes,
}

/// The parameters of one family of patterns; the defaults are Llama 3's.
pub(super) trait Family {
    /// Where contractions are recognised.
    const CONTRACTIONS: Contractions = Contractions::AnyCase;
    /// Whether any character but a newline, letter or number may lead letters (`[^\r\n\p{L}\p{N}]?`), not only a space.
    const ANY_LEAD: bool = true;
    /// Whether words are a run of upper-case and then a run of lower-case letters, marks among them.
    const CASED: bool = false;
    /// The most digits in one pretoken.
    const DIGITS: usize = 3;
    /// Whether a space may lead digits (` ?\p{N}+`).
    const SPACED_DIGITS: bool = false;
    /// What may follow punctuation in its pretoken.
    const TAIL: Tail = Tail::Newlines;
    /// Whether whitespace is cut after its last newline (`\s*[\r\n]+`).
    const NEWLINES: bool = true;
    /// Whether whitespace at the end of the text is one pretoken, newlines included (`\s++$` before the newline rule).
    const TRAILING_SPACE: bool = false;

    /// Whether a pretoken may hold more than one digit, but not arbitrarily many.
    fn counts_digits() -> bool {
        Self::DIGITS > 1 && Self::DIGITS < usize::MAX
    }
}

/// Family `F` with at most `N` digits in one pretoken.
pub(super) struct Grouped<F, const N: usize>(PhantomData<F>);

impl<F: Family, const N: usize> Family for Grouped<F, N> {
    const CONTRACTIONS: Contractions = F::CONTRACTIONS;
    const ANY_LEAD: bool = F::ANY_LEAD;
    const CASED: bool = F::CASED;
    const DIGITS: usize = N;
    const SPACED_DIGITS: bool = F::SPACED_DIGITS;
    const TAIL: Tail = F::TAIL;
    const NEWLINES: bool = F::NEWLINES;
    const TRAILING_SPACE: bool = F::TRAILING_SPACE;
}

pub(super) struct Llama3;
pub(super) struct Qwen2;
pub(super) struct Cl100k;
pub(super) struct O200k;
pub(super) struct Gpt2;

impl Family for Llama3 {}

impl Family for Qwen2 {
    const DIGITS: usize = 1;
}

impl Family for Cl100k {
    const TRAILING_SPACE: bool = true;
}

impl Family for O200k {
    const CONTRACTIONS: Contractions = Contractions::Suffix;
    const CASED: bool = true;
    const TAIL: Tail = Tail::NewlinesAndSlashes;
}

impl Family for Gpt2 {
    const CONTRACTIONS: Contractions = Contractions::Lowercase;
    const ANY_LEAD: bool = false;
    const DIGITS: usize = usize::MAX;
    const SPACED_DIGITS: bool = true;
    const TAIL: Tail = Tail::None;
    const NEWLINES: bool = false;
}
