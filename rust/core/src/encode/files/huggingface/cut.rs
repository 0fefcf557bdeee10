//! How text is cut: by a pattern, where one stands for all pretokenizers, or else by them, step by step.

use serde_json::Value;

use super::added::Ordinary;
use super::{Checked, File, parts};
use crate::encode::characters::affixes::Affixes;
use crate::encode::vocabulary::tokens::Tokens;
use crate::pretokenize::Step;
use crate::split::{Pattern, from_oniguruma};

/// How text is cut, and what that makes of the vocabulary.
pub(super) struct Cut {
    pub(super) pattern: Pattern,
    pub(super) steps: Option<Vec<Step>>,
    /// The tokens as bytes, if the vocabulary is one of bytes.
    pub(super) tokens: Option<Tokens>,
}

impl Cut {
    /// How the file cuts text. `own` is the pattern in the words of this library, where that is known.
    pub(super) fn new(
        file: &File<'_>,
        ordinary: &Ordinary<'_, '_>,
        affixes: &Affixes,
        own: Option<&Pattern>,
    ) -> Checked<Self> {
        let parts = parts::flat("pre_tokenizer", &file.pre_tokenizer, "pretokenizers")?;
        let normalizers = parts::flat("normalizer", &file.normalizer, "normalizers")?;
        let tokens = if ends_in_bytes(&normalizers, &parts) && affixes.is_empty() {
            ordinary.of_bytes()
        } else {
            None
        };
        if tokens.is_some()
            && parts.iter().copied().any(is_byte_level)
            && let Some(pattern) = own.cloned().or_else(|| pattern(&parts))
        {
            return Ok(Self { pattern, steps: None, tokens });
        }
        // Without pretokenizers there is nothing to do but to read characters as bytes, where they stand for some.
        let has_steps = !parts.is_empty() || tokens.is_some();
        let steps = if has_steps { Some(parts::steps(&parts)?) } else { None };
        Ok(Self { pattern: Pattern::Whole, steps, tokens })
    }
}

pub(super) fn is_byte_level(part: &Value) -> bool {
    part["type"] == "ByteLevel"
}

/// Whether all characters stand for bytes in the end: a `ByteLevel` is the last part that writes some, and there is no
/// other `ByteLevel`. All pretokenizers but two only cut.
fn ends_in_bytes(normalizers: &[&Value], parts: &[&Value]) -> bool {
    let parts = parts.iter().filter(|part| is_byte_level(part) || part["type"] == "Metaspace");
    let writers: Vec<&Value> = normalizers.iter().chain(parts).copied().collect();
    let all = writers.iter().filter(|part| is_byte_level(part)).count();
    all == 1 && writers.last().is_some_and(|part| is_byte_level(part))
}

/// The pattern that does what these pretokenizers do: a `ByteLevel`, alone or after `Split`s. `None` if there is none.
fn pattern(parts: &[&Value]) -> Option<Pattern> {
    let (byte_level, splits) = parts.split_last()?;
    if byte_level["type"] != "ByteLevel" || byte_level["add_prefix_space"] != false {
        return None;
    }
    let built_in = Pattern::new((byte_level["use_regex"] != false).then_some("gpt2"));
    match splits {
        [] => Some(built_in),
        [split] if built_in == Pattern::Whole && keeps_matches(split) => {
            // What does not match is dropped; a published pattern of one expression leaves nothing unmatched.
            pattern_of(&[expression(split)?]).filter(|pattern| matches!(pattern, Pattern::Named(_)))
        }
        _ if splits.iter().all(|split| keeps_all(split)) => {
            let built_in = built_in.portable_expressions();
            let built_in = built_in.iter().map(|expression| Some(&**expression));
            let expressions = splits.iter().map(|split| expression(split)).chain(built_in);
            pattern_of(&expressions.collect::<Option<Vec<&str>>>()?)
        }
        _ => None,
    }
}

/// The pattern of expressions that split in turn, as Hugging Face reads them.
fn pattern_of(expressions: &[&str]) -> Option<Pattern> {
    let joined = |expressions: &[&str]| Pattern::new(Some(&expressions.join(&Pattern::THEN.to_string())));
    // Compared with what is written for Hugging Face, not with OpenAI's text: `{1,3}+` is possessive there, but not in
    // Hugging Face's engine.
    let is_portable = |pattern: &Pattern| pattern.portable_expressions() == expressions;
    if let Some(named @ Pattern::Named(_)) = Some(joined(expressions)).filter(is_portable) {
        return Some(named);
    }
    let ours = expressions.iter().map(|expression| from_oniguruma(expression).ok());
    let ours = ours.collect::<Option<Vec<String>>>()?;
    Some(joined(&ours.iter().map(String::as_str).collect::<Vec<_>>()))
}

/// The expression of a `Split`; `None` if it would mean anything else as a pattern.
fn expression(split: &Value) -> Option<&str> {
    let is_one =
        |text: &&str| !text.contains(Pattern::THEN) && Pattern::NAMED.iter().all(|known| known.name != *text);
    split["pattern"]["Regex"].as_str().filter(is_one)
}

/// Whether a pretokenizer is a `Split` that leaves its matches, and what is between them, as pieces.
fn keeps_all(step: &Value) -> bool {
    step["type"] == "Split" && step["behavior"] == "Isolated" && step["invert"] != true
}

/// Whether a pretokenizer is a `Split` that leaves its matches alone.
fn keeps_matches(step: &Value) -> bool {
    step["type"] == "Split" && step["behavior"] == "Removed" && step["invert"] == true
}
