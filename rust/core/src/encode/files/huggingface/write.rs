//! A tokenizer as a `tokenizer.json` that others read alike.

use std::borrow::Cow;
use std::fmt::Write as _;

use serde_json::{Value, json};

use super::processors;
use crate::encode::bytes::char_of_byte;
use crate::encode::encoder::WholePretokens;
use crate::encode::special::Manner;
use crate::encode::tokenizer::{Definition, Tokenizer};
use crate::split::Pattern;
use crate::tokenizer_json::AddedToken;

/// The whole file, for a tokenizer that others are to read.
pub(in crate::encode::files) fn write(tokenizer: &Tokenizer) -> String {
    let definition = tokenizer.definition();
    let written = &definition.pipeline.written;
    let as_written = |part: &Value, otherwise: Value| if part.is_null() { otherwise } else { part.clone() };
    let is_own = definition.pipeline.is_default();
    let file = json!({
        "version": "1.0",
        "truncation": null,
        "padding": null,
        "added_tokens": added_tokens(tokenizer, &definition),
        "normalizer": written.normalizer,
        "pre_tokenizer": if is_own { pre_tokenizer(&definition.pattern) } else { written.pre_tokenizer.clone() },
        "post_processor": as_written(&written.post_processor, processors::write(tokenizer, &definition)),
        "decoder": if is_own { byte_level() } else { written.decoder.clone() },
        "model": {
            "type": "BPE",
            "dropout": null,
            "unk_token": written.model["unk_token"],
            "continuing_subword_prefix": written.model["continuing_subword_prefix"],
            "end_of_word_suffix": written.model["end_of_word_suffix"],
            "fuse_unk": written.model["fuse_unk"] == true,
            "byte_fallback": written.model["byte_fallback"] == true,
            "ignore_merges": definition.whole_pretokens == WholePretokens::Take,
            "vocab": null,
            "merges": null,
        },
    });
    let text = serde_json::to_string_pretty(&file).expect("a JSON value is JSON");
    // These two are nearly all of the file: a line each, and written as they come.
    let written = Texts::new(&definition);
    let text = text.replacen("\"merges\": null", &written.merges(tokenizer), 1);
    text.replacen("\"vocab\": null", &written.vocab(&definition), 1)
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

/// Tokens as the file writes them.
enum Texts {
    /// With a character for each byte, in JSON.
    Bytes(Box<[String; 256]>),
    /// As the text that they are.
    Characters,
}

impl Texts {
    fn new(definition: &Definition) -> Self {
        match definition.pipeline.unknown {
            Some(_) => Self::Characters,
            None => Self::Bytes(Box::new(std::array::from_fn(|byte| {
                char_of_byte(byte as u8).to_string().replace('\\', "\\\\").replace('"', "\\\"")
            }))),
        }
    }

    /// Adds a token to a file, in quotes.
    fn write(&self, token: &[u8], file: &mut String) {
        match self {
            Self::Bytes(texts) => {
                file.push('"');
                for &byte in token {
                    file.push_str(&texts[usize::from(byte)]);
                }
                file.push('"');
            }
            Self::Characters => file.push_str(&quoted(&String::from_utf8_lossy(token))),
        }
    }

    /// The pairs that merge, in their order.
    fn merges(&self, tokenizer: &Tokenizer) -> String {
        let mut file = "\"merges\": [".to_owned();
        for (number, merge) in tokenizer.merges().iter().enumerate() {
            file.push_str(if number == 0 { "[" } else { ",[" });
            self.write(tokenizer.bytes_of(merge.left).unwrap_or_default(), &mut file);
            file.push(',');
            self.write(tokenizer.bytes_of(merge.right).unwrap_or_default(), &mut file);
            file.push(']');
        }
        file.push(']');
        file
    }

    /// The vocabulary by id. Hugging Face numbers the added tokens that are not in it one after the other, from the number
    /// of its entries on, whatever ids the file gives them. So they are in it unless they have just these ids.
    fn vocab(&self, definition: &Definition) -> String {
        let Definition { tokens, special_tokens, .. } = definition;
        let are_numbered =
            (tokens.len() as u32..).zip(special_tokens).all(|(id, (_, special))| id == *special);
        let mut special = if are_numbered { Vec::new() } else { special_tokens.clone() };
        special.sort_by_key(|&(_, id)| id);
        let mut special = special.into_iter().peekable();
        let mut file = "\"vocab\": {".to_owned();
        let end = |file: &mut String, id: u32| write!(file, ":{id},").expect("memory takes all");
        for (id, token) in tokens.iter() {
            while let Some((name, id)) = special.next_if(|&(_, special)| special < id) {
                file.push_str(&quoted(&name));
                end(&mut file, id);
            }
            self.write(token, &mut file);
            end(&mut file, id);
        }
        for (name, id) in special {
            file.push_str(&quoted(&name));
            end(&mut file, id);
        }
        file.truncate(file.trim_end_matches(',').len());
        file.push('}');
        file
    }
}

/// A text as JSON.
fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// What neither splits nor changes a text that is split, nor its offsets.
pub(super) fn byte_level() -> Value {
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
