//! Hugging Face's `tokenizer.json`, as far as it is byte-level BPE.
//!
//! Every part of the file that decides about ids is either understood or refused by name. The bytes of tokens are
//! written as characters (see [`super::super::bytes`]).

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Value, json};

use super::Fault;
use crate::Place;
use crate::encode::bytes::{bytes_of_text, text_of_bytes};
use crate::encode::encoder::WholePretokens;
use crate::encode::merges::Merge;
use crate::encode::ranks::Merges;
use crate::encode::tokenizer::{Definition, Tokenizer};
use crate::encode::tokens::Tokens;
use crate::split::Pattern;

type Checked<T> = std::result::Result<T, String>;

#[derive(Deserialize)]
#[serde(expecting = "the object that a tokenizer.json is")]
struct File<'f> {
    #[serde(default)]
    truncation: Value,
    #[serde(default)]
    padding: Value,
    #[serde(default)]
    added_tokens: Vec<AddedToken>,
    #[serde(default)]
    normalizer: Value,
    #[serde(default)]
    pre_tokenizer: Value,
    #[serde(default)]
    post_processor: Value,
    #[serde(default)]
    decoder: Value,
    #[serde(borrow)]
    model: Model<'f>,
}

#[derive(Deserialize)]
#[serde(expecting = "a model with vocab and merges")]
struct Model<'f> {
    #[serde(rename = "type", default)]
    kind: Option<String>,
    #[serde(borrow)]
    vocab: Vocab<'f>,
    #[serde(borrow, default)]
    merges: Vec<Pair<'f>>,
    #[serde(default)]
    ignore_merges: bool,
    #[serde(default)]
    byte_fallback: bool,
    #[serde(default)]
    dropout: Option<f64>,
    #[serde(default)]
    continuing_subword_prefix: Option<String>,
    #[serde(default)]
    end_of_word_suffix: Option<String>,
}

#[derive(Deserialize, Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "the fields of the format")]
struct AddedToken {
    id: u32,
    content: String,
    #[serde(default)]
    single_word: bool,
    #[serde(default)]
    lstrip: bool,
    #[serde(default)]
    rstrip: bool,
    #[serde(default)]
    normalized: bool,
    #[serde(default)]
    special: bool,
}

/// The entries of `vocab` as they stand, a key that comes twice included.
struct Vocab<'f>(Vec<(Cow<'f, str>, u32)>);

/// A merge, written `"left right"` or `["left", "right"]`.
struct Pair<'f>(Cow<'f, str>, Cow<'f, str>);

/// A text, borrowed from the file where it has no escapes.
struct Text<'f>(Cow<'f, str>);

/// Reads the file, or says where and what is wrong with it.
pub(super) fn read(json: &[u8]) -> std::result::Result<Tokenizer, Fault> {
    let file: File<'_> = serde_json::from_slice(json).map_err(|error| {
        let line = error.line() as u64;
        let place = if line > 0 { Place::Line(line) } else { Place::Whole };
        (place, format!("not a tokenizer.json: {error}"))
    })?;
    definition(&file).and_then(Tokenizer::new).map_err(|message| (Place::Whole, message))
}

fn definition(file: &File<'_>) -> Checked<Definition> {
    check_model(&file.model)?;
    for (part, value) in
        [("normalizer", &file.normalizer), ("truncation", &file.truncation), ("padding", &file.padding)]
    {
        let is_empty =
            value["type"] == "Sequence" && value["normalizers"].as_array().is_some_and(Vec::is_empty);
        if !value.is_null() && !is_empty {
            return Err(format!("{part}: {} is not supported", brief(value)));
        }
    }
    check_decoder(&file.decoder)?;
    let special_tokens = special_tokens(&file.added_tokens)?;
    let (bos, eos) = bos_and_eos(&file.post_processor, &special_tokens)?;
    let ids: HashMap<&str, u32> = file.model.vocab.0.iter().map(|(text, id)| (&**text, *id)).collect();
    for (name, id) in &special_tokens {
        if let Some(&other) = ids.get(name.as_str())
            && other != *id
        {
            return Err(format!("added token {name:?} has id {id}, and {other} in the vocabulary"));
        }
    }
    Ok(Definition {
        pattern: pattern(&file.pre_tokenizer)?,
        merges: Merges::Listed(merges(&file.model.merges, &ids)?),
        tokens: tokens(&file.model.vocab, &special_tokens)?,
        whole_pretokens: if file.model.ignore_merges { WholePretokens::Take } else { WholePretokens::Merge },
        special_tokens,
        unmarked: file.added_tokens.iter().filter(|token| !token.special).map(|token| token.id).collect(),
        bos,
        eos,
    })
}

fn check_model(model: &Model<'_>) -> Checked<()> {
    if model.kind.as_deref().is_some_and(|kind| kind != "BPE") {
        return Err(format!("model: type {:?} is not supported; expected \"BPE\"", model.kind.as_deref()));
    }
    let is_set = |text: &Option<String>| text.as_deref().is_some_and(|text| !text.is_empty());
    let unsupported = [
        ("byte_fallback", model.byte_fallback),
        ("dropout", model.dropout.is_some_and(|dropout| dropout > 0.0)),
        ("continuing_subword_prefix", is_set(&model.continuing_subword_prefix)),
        ("end_of_word_suffix", is_set(&model.end_of_word_suffix)),
    ];
    match unsupported.iter().find(|(_, is_used)| *is_used) {
        Some((part, _)) => Err(format!("model: {part} is not supported")),
        None => Ok(()),
    }
}

fn special_tokens(added: &[AddedToken]) -> Checked<Vec<(String, u32)>> {
    let check = |token: &AddedToken| {
        let AddedToken { id, content, single_word, lstrip, rstrip, .. } = token;
        if content.is_empty() {
            return Err(format!("added token {id} is empty"));
        }
        let wanted = [("single_word", *single_word), ("lstrip", *lstrip), ("rstrip", *rstrip)];
        match wanted.iter().find(|(_, is_used)| *is_used) {
            Some((option, _)) => Err(format!("added token {content:?}: {option} is not supported")),
            None => Ok((content.clone(), *id)),
        }
    };
    check_normalized(added)?;
    added.iter().map(check).collect()
}

/// Without a normalizer, `normalized` tokens are found in the text as it is, but only where the others leave room. The
/// leftmost of all are the same unless one of them reaches from the left over the start of another.
fn check_normalized(added: &[AddedToken]) -> Checked<()> {
    let (late, early): (Vec<_>, Vec<_>) = added.iter().partition(|token| token.normalized);
    let reaches_over = |left: &str, right: &str| {
        left.contains(right) || left.char_indices().skip(1).any(|(at, _)| right.starts_with(&left[at..]))
    };
    for AddedToken { content: left, .. } in late {
        if let Some(right) = early.iter().find(|right| reaches_over(left, &right.content)) {
            return Err(format!(
                "added token {left:?}: normalized is not supported beside {:?}, which may begin inside it",
                right.content
            ));
        }
    }
    Ok(())
}

fn tokens(vocab: &Vocab<'_>, special_tokens: &[(String, u32)]) -> Checked<Tokens> {
    let special: HashMap<&str, u32> = special_tokens.iter().map(|(name, id)| (name.as_str(), *id)).collect();
    let ordinary = vocab.0.iter().filter(|(text, _)| !special.contains_key(&**text));
    let token = |(text, id): &(Cow<'_, str>, u32)| match bytes_of_text(text) {
        Ok(bytes) => Ok((*id, bytes)),
        Err(character) => {
            Err(format!("vocabulary: {text:?} (id {id}) holds {character:?}, which stands for no byte"))
        }
    };
    ordinary.map(token).collect()
}

fn merges(pairs: &[Pair<'_>], ids: &HashMap<&str, u32>) -> Checked<Vec<Merge>> {
    let mut spelled = String::new();
    let mut merge = |(rank, Pair(left, right)): (usize, &Pair<'_>)| {
        spelled.clear();
        spelled.push_str(left);
        spelled.push_str(right);
        let id = |text: &str| {
            let id = ids.get(text).copied();
            id.ok_or_else(|| format!("merge {rank} ({left:?}, {right:?}): {text:?} is not in the vocabulary"))
        };
        Ok(Merge { left: id(left)?, right: id(right)?, id: id(&spelled)? })
    };
    pairs.iter().enumerate().map(&mut merge).collect()
}

/// The split, from a `ByteLevel` pretokenizer, alone or behind `Split`s.
fn pattern(pre_tokenizer: &Value) -> Checked<Pattern> {
    let steps = match pre_tokenizer["type"].as_str() {
        Some("Sequence") => pre_tokenizer["pretokenizers"].as_array().map_or(&[][..], Vec::as_slice),
        _ => std::slice::from_ref(pre_tokenizer),
    };
    let refuse = || Err(format!("pre_tokenizer: {} is not supported", brief(pre_tokenizer)));
    let Some((byte_level, splits)) = steps.split_last() else { return refuse() };
    if byte_level["type"] != "ByteLevel" || byte_level["add_prefix_space"] == true {
        return refuse();
    }
    let built_in = Pattern::new((byte_level["use_regex"] != false).then_some("gpt2"));
    match splits {
        [] => Ok(built_in),
        [split] if built_in == Pattern::Whole && keeps_matches(split) => {
            // What does not match is dropped; a published pattern of one expression leaves nothing unmatched.
            match Pattern::new(Some(expression(split)?)) {
                named @ Pattern::Named(_) => Ok(named),
                _ => refuse(),
            }
        }
        _ if splits.iter().all(keeps_all) => {
            let built_in = built_in.expressions().into_iter().map(Ok);
            let expressions: Vec<&str> =
                splits.iter().map(expression).chain(built_in).collect::<Checked<_>>()?;
            Ok(Pattern::new(Some(&expressions.join(&Pattern::THEN.to_string()))))
        }
        _ => refuse(),
    }
}

/// The expression of a `Split`. As a pattern it must not mean anything else.
fn expression(split: &Value) -> Checked<&str> {
    let is_one =
        |text: &&str| !text.contains(Pattern::THEN) && Pattern::NAMED.iter().all(|known| known.name != *text);
    let expression = split["pattern"]["Regex"].as_str().filter(is_one);
    expression.ok_or_else(|| format!("pre_tokenizer: {} is not supported", brief(split)))
}

/// Whether a pretokenizer is a `Split` that leaves its matches, and what is between them, as pieces.
fn keeps_all(step: &Value) -> bool {
    step["type"] == "Split" && step["behavior"] == "Isolated" && step["invert"] != true
}

/// Whether a pretokenizer is a `Split` that leaves its matches alone.
fn keeps_matches(step: &Value) -> bool {
    step["type"] == "Split" && step["behavior"] == "Removed" && step["invert"] == true
}

fn check_decoder(decoder: &Value) -> Checked<()> {
    if decoder.is_null() || decoder["type"] == "ByteLevel" {
        return Ok(());
    }
    Err(format!("decoder: {} is not supported; expected ByteLevel", brief(decoder)))
}

/// What the post-processor puts before and behind a single text.
fn bos_and_eos(post_processor: &Value, specials: &[(String, u32)]) -> Checked<(Option<u32>, Option<u32>)> {
    let steps = match post_processor["type"].as_str() {
        Some("Sequence") => post_processor["processors"].as_array().map_or(&[][..], Vec::as_slice),
        None if post_processor.is_null() => &[],
        _ => std::slice::from_ref(post_processor),
    };
    let mut ends = (None, None);
    for step in steps {
        match step["type"].as_str() {
            Some("ByteLevel") => {}
            Some("TemplateProcessing") if ends == (None, None) => ends = template_ends(step, specials)?,
            _ => return Err(format!("post_processor: {} is not supported", brief(step))),
        }
    }
    Ok(ends)
}

fn template_ends(template: &Value, specials: &[(String, u32)]) -> Checked<(Option<u32>, Option<u32>)> {
    let refuse = || format!("post_processor: {} is not supported", brief(&template["single"]));
    let pieces = template["single"].as_array().ok_or_else(refuse)?;
    let text = pieces.iter().position(|piece| piece.get("Sequence").is_some()).ok_or_else(refuse)?;
    let special = |pieces: &[Value]| match pieces {
        [] => Ok(None),
        [piece] => {
            let name = piece["SpecialToken"]["id"].as_str().ok_or_else(refuse)?;
            let id = specials.iter().find(|(other, _)| other == name).map(|&(_, id)| id);
            id.map(Some).ok_or_else(|| format!("post_processor: {name:?} is not among the added tokens"))
        }
        _ => Err(refuse()),
    };
    Ok((special(&pieces[..text])?, special(&pieces[text + 1..])?))
}

/// A value as an error shows it.
fn brief(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(120) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// The whole file, for a tokenizer that others are to read.
pub(super) fn write(tokenizer: &Tokenizer) -> String {
    let definition = tokenizer.definition();
    let text_of = |id: u32| text_of_bytes(tokenizer.bytes_of(id).unwrap_or_default());
    let merges = tokenizer.merges().iter().map(|merge| [text_of(merge.left), text_of(merge.right)]);
    let added = definition.special_tokens.iter().map(|(content, id)| AddedToken {
        id: *id,
        content: content.clone(),
        single_word: false,
        lstrip: false,
        rstrip: false,
        normalized: false,
        special: !definition.unmarked.contains(id),
    });
    let file = json!({
        "version": "1.0",
        "truncation": null,
        "padding": null,
        "added_tokens": added.collect::<Vec<_>>(),
        "normalizer": null,
        "pre_tokenizer": pre_tokenizer(&definition.pattern),
        "post_processor": post_processor(&definition),
        "decoder": byte_level(),
        "model": {
            "type": "BPE",
            "dropout": null,
            "unk_token": null,
            "continuing_subword_prefix": null,
            "end_of_word_suffix": null,
            "fuse_unk": false,
            "byte_fallback": false,
            "ignore_merges": definition.whole_pretokens == WholePretokens::Take,
            "vocab": null,
            "merges": merges.collect::<Vec<_>>(),
        },
    });
    let vocab = serde_json::to_string(&vocab(&definition)).expect("texts and numbers are JSON");
    let text = serde_json::to_string_pretty(&file).expect("a JSON value is JSON");
    text.replacen("\"vocab\": null", &format!("\"vocab\": {vocab}"), 1)
}

/// The vocabulary. Hugging Face numbers the added tokens that are not in it one after the other, from the number of its
/// entries on, whatever ids the file gives them. So they are in it unless they have just these ids.
fn vocab(definition: &Definition) -> VocabById {
    let Definition { tokens, special_tokens, .. } = definition;
    let mut entries: Vec<_> = tokens.iter().map(|(id, token)| (text_of_bytes(token), id)).collect();
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
    let split = |expression: &str| json!({"type": "Split", "pattern": {"Regex": expression}, "behavior": "Isolated", "invert": false});
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

impl<'de: 'f, 'f> Deserialize<'de> for Text<'f> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct TextVisitor;

        impl<'de> Visitor<'de> for TextVisitor {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> std::result::Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> std::result::Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }

        deserializer.deserialize_str(TextVisitor)
    }
}

impl<'de: 'f, 'f> Deserialize<'de> for Vocab<'f> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct VocabVisitor;

        impl<'de> Visitor<'de> for VocabVisitor {
            type Value = Vocab<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map from tokens to ids")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Vocab<'de>, A::Error> {
                let mut entries = Vec::new();
                while let Some((Text(text), id)) = map.next_entry()? {
                    entries.push((text, id));
                }
                Ok(Vocab(entries))
            }
        }

        deserializer.deserialize_map(VocabVisitor)
    }
}

impl<'de: 'f, 'f> Deserialize<'de> for Pair<'f> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct PairVisitor;

        impl<'de> Visitor<'de> for PairVisitor {
            type Value = Pair<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a merge as \"left right\" or [\"left\", \"right\"]")
            }

            fn visit_borrowed_str<E: serde::de::Error>(
                self,
                text: &'de str,
            ) -> std::result::Result<Pair<'de>, E> {
                match text.split_once(' ') {
                    Some((left, right)) => Ok(Pair(left.into(), right.into())),
                    None => Err(E::invalid_value(serde::de::Unexpected::Str(text), &self)),
                }
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> std::result::Result<Pair<'de>, E> {
                match text.split_once(' ') {
                    Some((left, right)) => Ok(Pair(left.to_owned().into(), right.to_owned().into())),
                    None => Err(E::invalid_value(serde::de::Unexpected::Str(text), &self)),
                }
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> std::result::Result<Pair<'de>, A::Error> {
                let missing = |count| serde::de::Error::invalid_length(count, &"two tokens");
                let Text(left) = parts.next_element()?.ok_or_else(|| missing(0))?;
                let Text(right) = parts.next_element()?.ok_or_else(|| missing(1))?;
                match parts.next_element::<Text<'_>>()? {
                    None => Ok(Pair(left, right)),
                    Some(_) => Err(missing(3)),
                }
            }
        }

        deserializer.deserialize_any(PairVisitor)
    }
}
