//! Reads the parts of a `tokenizer.json` by their types: normalizers, pretokenizers, decoders.
//!
//! Each is understood to the last setting, or refused by name.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::Value;

use super::Checked;
use crate::encode::decode::decoders::Decoder;
use crate::normalize::{Bert, Charsmap, Normalizer};
use crate::pretokenize::{Behavior, Prepend, Step};
use crate::split::{Find, Pattern, from_oniguruma};

/// What Hugging Face's `ByteLevel` splits by if nothing else is said.
const GPT2: &str = "gpt2";

/// What Hugging Face's `Whitespace` keeps.
const WORDS: &str = r"\w+|[^\w\s]+";

/// The error for a part that is not understood.
pub(super) fn unsupported(part: &str, value: &Value) -> String {
    format!("{part}: {} is not supported", brief(value))
}

/// A value as an error shows it.
pub(super) fn brief(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(120) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// A part and, where it is a sequence, the parts of that, all the way down.
pub(super) fn flat<'v>(part: &'static str, value: &'v Value, of_sequence: &str) -> Checked<Vec<&'v Value>> {
    if value.is_null() {
        return Ok(Vec::new());
    }
    if value["type"] != "Sequence" {
        return Ok(vec![value]);
    }
    let steps = value[of_sequence].as_array().ok_or_else(|| unsupported(part, value))?;
    let flat = steps.iter().map(|step| flat(part, step, of_sequence));
    Ok(flat.collect::<Checked<Vec<_>>>()?.concat())
}

pub(super) fn normalizer(value: &Value) -> Checked<Option<Normalizer>> {
    let mut steps = flat("normalizer", value, "normalizers")?
        .into_iter()
        .map(one_normalizer)
        .collect::<Checked<Vec<_>>>()?;
    Ok(match steps.len() {
        0 | 1 => steps.pop(),
        _ => Some(Normalizer::Sequence(steps)),
    })
}

fn one_normalizer(value: &Value) -> Checked<Normalizer> {
    let refuse = || unsupported("normalizer", value);
    let flag = |name: &str| value[name].as_bool().ok_or_else(refuse);
    Ok(match value["type"].as_str().ok_or_else(refuse)? {
        "NFC" => Normalizer::Nfc,
        "NFD" => Normalizer::Nfd,
        "NFKC" => Normalizer::Nfkc,
        "NFKD" => Normalizer::Nfkd,
        "Lowercase" => Normalizer::Lowercase,
        "Nmt" => Normalizer::Nmt,
        "StripAccents" => Normalizer::StripAccents,
        "Strip" => Normalizer::Strip { left: flag("strip_left")?, right: flag("strip_right")? },
        "Replace" => {
            let content = value["content"].as_str().ok_or_else(refuse)?;
            Normalizer::Replace(Arc::new(find("normalizer", value)?), content.to_owned())
        }
        "Prepend" => Normalizer::Prepend(value["prepend"].as_str().ok_or_else(refuse)?.to_owned()),
        "ByteLevel" => Normalizer::Bytes,
        "Precompiled" => {
            let blob = value["precompiled_charsmap"].as_str().ok_or_else(refuse)?;
            let blob = BASE64.decode(blob).map_err(|error| format!("normalizer: invalid base64: {error}"))?;
            Normalizer::Charsmap(Arc::new(
                Charsmap::new(&blob).map_err(|error| format!("normalizer: {error}"))?,
            ))
        }
        "BertNormalizer" => {
            let lowercase = flag("lowercase")?;
            Normalizer::Bert(Bert {
                clean_text: flag("clean_text")?,
                handle_chinese_chars: flag("handle_chinese_chars")?,
                strip_accents: value["strip_accents"].as_bool().unwrap_or(lowercase),
                lowercase,
            })
        }
        _ => return Err(refuse()),
    })
}

/// What the `pattern` of a part finds.
fn find(part: &'static str, value: &Value) -> Checked<Find> {
    let pattern = &value["pattern"];
    if let Some(text) = pattern["String"].as_str().filter(|text| !text.is_empty()) {
        return Ok(Find::Text(text.to_owned()));
    }
    let expression = pattern["Regex"].as_str().ok_or_else(|| unsupported(part, value))?;
    let ours = from_oniguruma(expression).map_err(|message| format!("{part}: {message}"))?;
    Find::regex(&ours).map_err(|error| format!("{part}: {error}"))
}

/// The steps of pretokenizers.
pub(super) fn steps(parts: &[&Value]) -> Checked<Vec<Step>> {
    Ok(parts.iter().map(|part| steps_of_one(part)).collect::<Checked<Vec<_>>>()?.concat())
}

fn steps_of_one(value: &Value) -> Checked<Vec<Step>> {
    let refuse = || unsupported("pre_tokenizer", value);
    let split = |find: Find, behavior: Behavior| Step::Split { find, invert: false, behavior };
    let behavior = || match &value["behavior"] {
        Value::Null => Ok(Behavior::Isolated),
        named => named.as_str().and_then(Behavior::named).ok_or_else(refuse),
    };
    Ok(match value["type"].as_str().ok_or_else(refuse)? {
        "ByteLevel" => byte_level(value),
        "Metaspace" => vec![metaspace(value)?],
        "Split" => vec![Step::Split {
            find: find("pre_tokenizer", value)?,
            invert: value["invert"].as_bool().unwrap_or(false),
            behavior: behavior()?,
        }],
        "Whitespace" => {
            let find = Find::regex(WORDS).map_err(|error| error.to_string())?;
            vec![Step::Split { find, invert: true, behavior: Behavior::Removed }]
        }
        "WhitespaceSplit" => vec![split(Find::Characters(char::is_whitespace), Behavior::Removed)],
        "Punctuation" => vec![split(Find::Characters(Step::is_punctuation), behavior()?)],
        "Digits" => {
            let is_alone = value["individual_digits"].as_bool().ok_or_else(refuse)?;
            let behavior = if is_alone { Behavior::Isolated } else { Behavior::Contiguous };
            vec![split(Find::Characters(Step::is_digit), behavior)]
        }
        "CharDelimiterSplit" => {
            let delimiter = value["delimiter"].as_str().filter(|text| !text.is_empty()).ok_or_else(refuse)?;
            vec![split(Find::Text(delimiter.to_owned()), Behavior::Removed)]
        }
        "BertPreTokenizer" => vec![
            split(Find::Characters(char::is_whitespace), Behavior::Removed),
            split(Find::Characters(Step::is_punctuation), Behavior::Isolated),
        ],
        "UnicodeScripts" => vec![Step::Scripts],
        "FixedLength" => {
            let length = value["length"].as_u64().filter(|&length| length > 0).ok_or_else(refuse)?;
            vec![Step::FixedLength(usize::try_from(length).map_err(|_| refuse())?)]
        }
        _ => return Err(refuse()),
    })
}

fn byte_level(value: &Value) -> Vec<Step> {
    let mut steps = Vec::new();
    if value["add_prefix_space"] != false {
        steps.push(Step::PrefixSpace);
    }
    if value["use_regex"] != false {
        let expression = Pattern::new(Some(GPT2)).portable_expressions().concat();
        let find = Find::regex(&expression).expect("a published pattern");
        steps.push(Step::Split { find, invert: false, behavior: Behavior::Isolated });
    }
    steps.push(Step::Bytes);
    steps
}

fn metaspace(value: &Value) -> Checked<Step> {
    Ok(Step::Metaspace {
        mark: mark("pre_tokenizer", value)?,
        prepend: prepend("pre_tokenizer", value)?,
        splits: value["split"].as_bool().unwrap_or(true),
    })
}

fn mark(part: &'static str, value: &Value) -> Checked<char> {
    let text = value["replacement"].as_str().unwrap_or_default();
    let mut characters = text.chars();
    match (characters.next(), characters.next()) {
        (Some(mark), None) if mark != ' ' => Ok(mark),
        _ => Err(unsupported(part, value)),
    }
}

/// Where a `Metaspace` puts its mark; older files say so by a flag.
fn prepend(part: &'static str, value: &Value) -> Checked<Prepend> {
    let scheme = match &value["prepend_scheme"] {
        Value::Null => Prepend::Always,
        scheme if scheme == "always" => Prepend::Always,
        scheme if scheme == "first" => Prepend::First,
        scheme if scheme == "never" => Prepend::Never,
        _ => return Err(unsupported(part, value)),
    };
    match value["add_prefix_space"].as_bool() {
        Some(false) if scheme != Prepend::Never && !value["prepend_scheme"].is_null() => {
            Err(unsupported(part, value))
        }
        Some(false) => Ok(Prepend::Never),
        _ => Ok(scheme),
    }
}

pub(super) fn decoder(value: &Value) -> Checked<Decoder> {
    let mut steps =
        flat("decoder", value, "decoders")?.into_iter().map(one_decoder).collect::<Checked<Vec<_>>>()?;
    Ok(match (steps.len(), steps.pop()) {
        (1, Some(step)) => step,
        (_, None) if value.is_null() => Decoder::Spaced,
        (_, last) => {
            steps.extend(last);
            Decoder::Sequence(steps)
        }
    })
}

fn one_decoder(value: &Value) -> Checked<Decoder> {
    let refuse = || unsupported("decoder", value);
    let size =
        |name: &str| value[name].as_u64().and_then(|size| usize::try_from(size).ok()).ok_or_else(refuse);
    let text = |name: &str| value[name].as_str().map(str::to_owned).ok_or_else(refuse);
    Ok(match value["type"].as_str().ok_or_else(refuse)? {
        "ByteLevel" => Decoder::ByteLevel,
        "Metaspace" => Decoder::Metaspace {
            mark: mark("decoder", value)?,
            drops_first: prepend("decoder", value)? != Prepend::Never,
        },
        "ByteFallback" => Decoder::ByteFallback,
        "Fuse" => Decoder::Fuse,
        "Replace" => Decoder::Replace(Arc::new(find("decoder", value)?), text("content")?),
        "Strip" => {
            let content = text("content")?;
            let mut characters = content.chars();
            match (characters.next(), characters.next()) {
                (Some(content), None) => {
                    Decoder::Strip { content, start: size("start")?, stop: size("stop")? }
                }
                _ => return Err(refuse()),
            }
        }
        "BPEDecoder" => Decoder::EndOfWord(text("suffix")?),
        "WordPiece" => Decoder::WordPiece {
            prefix: text("prefix")?,
            cleanup: value["cleanup"].as_bool().ok_or_else(refuse)?,
        },
        _ => return Err(refuse()),
    })
}
