//! A tokenizer as a `tokenizer.json` that others read alike.

use std::borrow::Cow;

use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use super::AddedToken;
use crate::encode::bytes::text_of_bytes;
use crate::encode::encoder::WholePretokens;
use crate::encode::special::Manner;
use crate::encode::tokenizer::{Definition, Tokenizer};
use crate::split::Pattern;

/// The whole file, for a tokenizer that others are to read.
pub(in crate::encode::files) fn write(tokenizer: &Tokenizer) -> String {
    let definition = tokenizer.definition();
    let written = &definition.pipeline.written;
    let text_of = |id: u32| text_of_token(&definition, tokenizer.bytes_of(id).unwrap_or_default());
    let merges = tokenizer.merges().iter().map(|merge| [text_of(merge.left), text_of(merge.right)]);
    let as_written = |part: &Value, otherwise: Value| if part.is_null() { otherwise } else { part.clone() };
    let is_own = definition.pipeline.is_default();
    let file = json!({
        "version": "1.0",
        "truncation": null,
        "padding": null,
        "added_tokens": added_tokens(tokenizer, &definition),
        "normalizer": written.normalizer,
        "pre_tokenizer": if is_own { pre_tokenizer(&definition.pattern) } else { written.pre_tokenizer.clone() },
        "post_processor": as_written(&written.post_processor, post_processor(&definition)),
        "decoder": if is_own { byte_level() } else { written.decoder.clone() },
        "model": {
            "type": "BPE",
            "dropout": null,
            "unk_token": written.model["unk_token"],
            "continuing_subword_prefix": null,
            "end_of_word_suffix": null,
            "fuse_unk": written.model["fuse_unk"] == true,
            "byte_fallback": written.model["byte_fallback"] == true,
            "ignore_merges": definition.whole_pretokens == WholePretokens::Take,
            "vocab": null,
            "merges": merges.collect::<Vec<_>>(),
        },
    });
    let vocab = serde_json::to_string(&vocab(&definition)).expect("texts and numbers are JSON");
    let text = serde_json::to_string_pretty(&file).expect("a JSON value is JSON");
    text.replacen("\"vocab\": null", &format!("\"vocab\": {vocab}"), 1)
}

fn added_tokens(tokenizer: &Tokenizer, definition: &Definition) -> Vec<AddedToken> {
    let added = |(content, id): &(String, u32)| {
        let Manner { normalized, single_word, lstrip, rstrip, unmarked } = tokenizer.manner(*id);
        AddedToken {
            id: *id,
            content: content.clone(),
            single_word,
            lstrip,
            rstrip,
            normalized,
            special: !unmarked,
        }
    };
    definition.special_tokens.iter().map(added).collect()
}

/// A token as the file writes it: with a character for each byte, unless the vocabulary is one of characters.
fn text_of_token(definition: &Definition, token: &[u8]) -> String {
    match definition.pipeline.unknown {
        Some(_) => String::from_utf8_lossy(token).into_owned(),
        None => text_of_bytes(token),
    }
}

/// The vocabulary. Hugging Face numbers the added tokens that are not in it one after the other, from the number of its
/// entries on, whatever ids the file gives them. So they are in it unless they have just these ids.
fn vocab(definition: &Definition) -> VocabById {
    let Definition { tokens, special_tokens, .. } = definition;
    let mut entries: Vec<_> =
        tokens.iter().map(|(id, token)| (text_of_token(definition, token), id)).collect();
    if !(tokens.len() as u32..).zip(special_tokens).all(|(id, (_, special))| id == *special) {
        entries.extend_from_slice(special_tokens);
        entries.sort_by_key(|&(_, id)| id);
    }
    VocabById(entries)
}

/// A map whose entries come by id; `serde_json`'s own map sorts by text.
struct VocabById(Vec<(String, u32)>);

impl Serialize for VocabById {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(text, id)| (text, id)))
    }
}

fn byte_level() -> Value {
    json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": false, "use_regex": false})
}

/// The split. Hugging Face has GPT-2's built in, and some readers know it only so.
fn pre_tokenizer(pattern: &Pattern) -> Value {
    if pattern.text() == Some("gpt2") {
        return json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": false, "use_regex": true});
    }
    let split = |expression: Cow<'_, str>| json!({"type": "Split", "pattern": {"Regex": expression}, "behavior": "Isolated", "invert": false});
    let mut steps: Vec<Value> = pattern.portable_expressions().into_iter().map(split).collect();
    if steps.is_empty() {
        return byte_level();
    }
    steps.push(byte_level());
    json!({"type": "Sequence", "pretokenizers": steps})
}

fn post_processor(definition: &Definition) -> Value {
    if definition.bos.is_none() && definition.eos.is_none() {
        return byte_level();
    }
    let name =
        |id: u32| definition.special_tokens.iter().find(|&&(_, other)| other == id).map(|(name, _)| name);
    let special = |id: Option<u32>, type_id: u32| {
        id.and_then(name).map(|name| json!({"SpecialToken": {"id": name, "type_id": type_id}}))
    };
    let around = |text: &str, type_id: u32| -> Vec<Value> {
        let text = json!({"Sequence": {"id": text, "type_id": type_id}});
        let pieces = [special(definition.bos, type_id), Some(text), special(definition.eos, type_id)];
        pieces.into_iter().flatten().collect()
    };
    let single = around("A", 0);
    let pair = [single.clone(), around("B", 1)].concat();
    let ends = [definition.bos, definition.eos].into_iter().flatten();
    let tokens = ends.filter_map(|id| {
        let name = name(id)?;
        Some((name.clone(), json!({"id": name, "ids": [id], "tokens": [name]})))
    });
    let tokens: serde_json::Map<String, Value> = tokens.collect();
    json!({"type": "TemplateProcessing", "single": single, "pair": pair, "special_tokens": tokens})
}
