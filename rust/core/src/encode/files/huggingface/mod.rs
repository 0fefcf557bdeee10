//! Hugging Face's `tokenizer.json`, as far as its model is BPE.
//!
//! Every part of the file that decides about ids is either understood or refused by name. Most files are of byte-level
//! BPE, split by a pattern: their tokens are written with a character for each byte (see [`crate::bytes`]), and
//! nothing happens to a text but what the encoder does. For all others the parts become a [`Pipeline`].

mod added;
mod cut;
mod merges;
mod names;
mod parts;
mod processors;
mod write;

pub(super) use write::write;

use std::borrow::Cow;

use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

use super::Fault;
use crate::Place;
use crate::bytes::is_of_other_bytes;
use crate::encode::bpe::merges::Merge;
use crate::encode::bpe::ranks::Merges;
use crate::encode::characters::Unknown;
use crate::encode::characters::affixes::Affixes;
use crate::encode::definition::Definition;
use crate::encode::encoder::WholePretokens;
use crate::encode::pipeline::{Pipeline, Written};
use crate::encode::tokenizer::Tokenizer;
use crate::split::Pattern;
use crate::tokenizer_json::{self, Vocab};
use added::{Ordinary, manner, special_tokens};
use cut::Cut;
use merges::{Pair, merges};
use names::Names;
use parts::unsupported;
use processors::Processed;
use write::byte_level;

type Checked<T> = std::result::Result<T, String>;

/// The file, with a model of BPE.
type File<'f> = tokenizer_json::File<Model<'f>>;

#[derive(Deserialize)]
#[serde(expecting = "a model with vocab and merges")]
struct Model<'f> {
    #[serde(rename = "type", default)]
    kind: Option<String>,
    #[serde(borrow)]
    vocab: Vocab<'f>,
    #[serde(borrow)]
    merges: Option<Vec<Pair<'f>>>,
    #[serde(default, deserialize_with = "null_is_default")]
    ignore_merges: bool,
    #[serde(default, deserialize_with = "null_is_default")]
    byte_fallback: bool,
    #[serde(default)]
    unk_token: Option<String>,
    #[serde(default, deserialize_with = "null_is_default")]
    fuse_unk: bool,
    #[serde(default)]
    dropout: Option<f64>,
    #[serde(default)]
    continuing_subword_prefix: Option<String>,
    #[serde(default)]
    end_of_word_suffix: Option<String>,
    /// A setting of `WordPiece`, which files without a type are recognised by.
    #[serde(default)]
    max_input_chars_per_word: Value,
}

fn null_is_default<'d, D: Deserializer<'d>, T: Deserialize<'d> + Default>(
    value: D,
) -> std::result::Result<T, D::Error> {
    Ok(Option::deserialize(value)?.unwrap_or_default())
}

/// The entries of a `vocab.json`.
pub(super) fn read_vocab(json: &[u8]) -> std::result::Result<Vec<(Cow<'_, str>, u32)>, Fault> {
    let vocab: std::result::Result<Vocab<'_>, _> = serde_json::from_slice(json);
    vocab.map(|vocab| vocab.0).map_err(|error| (place_of(&error), format!("not a vocab.json: {error}")))
}

fn place_of(error: &serde_json::Error) -> Place {
    let line = error.line() as u64;
    if line > 0 { Place::Line(line) } else { Place::Whole }
}

/// Reads the file, or says where and what is wrong with it.
pub(super) fn read(json: &[u8], pattern: Option<&Pattern>) -> std::result::Result<Tokenizer, Fault> {
    // Checking all of it at once is quicker than text by text; where it is not UTF-8, the error says where.
    let file: std::result::Result<File<'_>, _> = match simdutf8::basic::from_utf8(json) {
        Ok(json) => serde_json::from_str(json),
        Err(_) => serde_json::from_slice(json),
    };
    let file = file.map_err(|error| {
        other_kind(json).map_or_else(
            || (place_of(&error), format!("not a tokenizer.json: {error}")),
            |message| (Place::Whole, message),
        )
    })?;
    definition(&file, pattern).and_then(Tokenizer::new).map_err(|message| (Place::Whole, message))
}

/// What a file is that has no model of BPE, if it is JSON of another kind.
fn other_kind(json: &[u8]) -> Option<String> {
    let file: Value = serde_json::from_slice(json).ok()?;
    let model = file.as_object()?.get("model");
    let Some(model) = model else {
        return Some(
            "not a tokenizer.json, which has a model: this may be one of the files beside it".to_owned(),
        );
    };
    let kind = match &model["type"] {
        Value::String(kind) => kind,
        _ if model["vocab"].is_array() => "Unigram",
        _ => return None,
    };
    (kind != "BPE").then(|| refused_kind(kind))
}

fn refused_kind(kind: &str) -> String {
    let hint = if kind == "WordLevel" { "; WordTokenizer.load reads those that it saved" } else { "" };
    format!("model: type {kind:?} is not supported; expected \"BPE\"{hint}")
}

fn definition(file: &File<'_>, own: Option<&Pattern>) -> Checked<Definition> {
    let listed = check_model(&file.model)?;
    for (part, value, instead) in [
        ("truncation", &file.truncation, "max_tokens and truncation_side"),
        ("padding", &file.padding, "Ragged.padded"),
    ] {
        if !value.is_null() {
            let refused = unsupported(part, value);
            return Err(format!("{refused}; set it to null and say so at each call by {instead}"));
        }
    }
    let names = Names::new(&file.model.vocab);
    let special_tokens = special_tokens(&file.added_tokens, &names)?;
    let has = |id: u32| {
        let entries = &file.model.vocab.0;
        special_tokens.iter().any(|&(_, special)| special == id)
            || entries.iter().any(|&(_, entry)| entry == id)
    };
    let Processed { bos, eos, trims } = processors::read(&file.post_processor, &special_tokens, has)?;
    let normalizer = parts::normalizer(&file.normalizer)?;
    let affixes = affixes(&file.model);
    let merges = merges(listed, &names, &affixes)?;
    let ordinary = Ordinary::new(&file.model.vocab, &file.added_tokens, &merges);
    let Cut { pattern, steps, tokens } = Cut::new(file, &ordinary, &affixes, own)?;
    let (tokens, unknown) = match tokens {
        Some(tokens) => (tokens, None),
        None => {
            let tokens = ordinary.entries().map(|(text, id)| (*id, text.as_bytes())).collect();
            (tokens, Some(unknown(&file.model, &names, &merges)?))
        }
    };
    let decoder = match &file.decoder {
        decoder if decoder["type"] == "ByteLevel" && unknown.is_none() => None,
        decoder => Some(parts::decoder(decoder)?),
    };
    let is_plain = normalizer.is_none() && steps.is_none() && unknown.is_none() && decoder.is_none();
    let written = if is_plain { Written::default() } else { written(file) };
    let mut pipeline =
        Pipeline { normalizer, steps, unknown, last: Vec::new(), decoder, affixes, trims, written };
    let is_read_as_bytes = || file.added_tokens.iter().any(|token| is_of_other_bytes(&token.content));
    if pipeline.decoder.is_none() && (is_read_as_bytes() || ordinary.has_renamed(&pipeline)?) {
        // Such tokens are decoded neither to their names nor to the bytes that merge to them.
        pipeline.decoder = Some(parts::decoder(&file.decoder)?);
        pipeline.written.decoder.clone_from(&file.decoder);
    }
    Ok(Definition {
        pattern,
        tokens,
        merges: Merges::Listed(merges),
        whole_pretokens: if file.model.ignore_merges { WholePretokens::Take } else { WholePretokens::Merge },
        manners: file.added_tokens.iter().map(|token| (token.id, manner(token))).collect(),
        pipeline,
        special_tokens,
        bos,
        eos,
    })
}

/// How tokens are written by their place in a word.
fn affixes(model: &Model<'_>) -> Affixes {
    Affixes {
        prefix: model.continuing_subword_prefix.clone().unwrap_or_default(),
        suffix: model.end_of_word_suffix.clone().unwrap_or_default(),
    }
}

/// The merges of a model that is one of BPE, whether it says so or, as older files, does not.
fn check_model<'m, 'f>(model: &'m Model<'f>) -> Checked<&'m [Pair<'f>]> {
    let guessed = match &model.merges {
        Some(_) => "BPE",
        None if model.max_input_chars_per_word.is_null() => "WordLevel",
        None => "WordPiece",
    };
    let kind = model.kind.as_deref().unwrap_or(guessed);
    if kind != "BPE" {
        return Err(refused_kind(kind));
    }
    let has_affixes = !affixes(model).is_empty();
    let unsupported = [
        ("dropout", model.dropout.is_some_and(|dropout| dropout > 0.0)),
        ("ignore_merges in words with a prefix or suffix", model.ignore_merges && has_affixes),
    ];
    if let Some((part, _)) = unsupported.iter().find(|(_, is_used)| *is_used) {
        return Err(format!("model: {part} is not supported"));
    }
    model.merges.as_deref().ok_or_else(|| "model: it has no merges".to_owned())
}

/// What becomes of characters that are not tokens.
fn unknown(model: &Model<'_>, names: &Names<'_>, merges: &[Merge]) -> Checked<Unknown> {
    if model.byte_fallback {
        let bytes: Vec<Option<u32>> =
            (0..=255).map(|byte: u8| names.id_of(&format!("<0x{byte:02X}>"))).collect();
        if let Some(ids) = bytes.iter().copied().collect::<Option<Vec<u32>>>() {
            let ids = ids.into_boxed_slice().try_into().expect("one for each byte");
            return Ok(Unknown::Bytes(ids));
        }
        if let Some(byte) =
            bytes.iter().position(Option::is_none).filter(|_| bytes.iter().any(Option::is_some))
        {
            return Err(format!(
                "model: byte_fallback without the token \"<0x{byte:02X}>\" is not supported"
            ));
        }
    }
    let id = model.unk_token.as_deref().and_then(|token| names.id_of(token));
    if let Some(rank) =
        merges.iter().position(|merge| id.is_some_and(|id| [merge.left, merge.right].contains(&id)))
    {
        return Err(format!("model: merge {rank} is of the unknown token, which is not supported"));
    }
    Ok(match id {
        Some(id) if model.fuse_unk => Unknown::Fused(id),
        Some(id) => Unknown::Token(id),
        None if model.unk_token.is_none() && !model.ignore_merges => Unknown::Dropped,
        None => Unknown::Refused,
    })
}

/// The parts as they are, for writing the file again.
fn written(file: &File<'_>) -> Written {
    let Model { unk_token, fuse_unk, byte_fallback, .. } = &file.model;
    let mut model = json!({"unk_token": unk_token, "fuse_unk": fuse_unk, "byte_fallback": byte_fallback});
    let Affixes { prefix, suffix } = affixes(&file.model);
    for (name, affix) in [("continuing_subword_prefix", prefix), ("end_of_word_suffix", suffix)] {
        if !affix.is_empty() {
            model[name] = Value::String(affix);
        }
    }
    Written {
        normalizer: file.normalizer.clone(),
        pre_tokenizer: file.pre_tokenizer.clone(),
        post_processor: file.post_processor.clone(),
        decoder: file.decoder.clone(),
        model,
        file: None,
    }
}
