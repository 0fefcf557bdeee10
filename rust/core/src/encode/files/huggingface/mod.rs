//! Hugging Face's `tokenizer.json`, as far as its model is BPE.
//!
//! Every part of the file that decides about ids is either understood or refused by name. Most files are of byte-level
//! BPE, split by a pattern: their tokens are written with a character for each byte (see [`super::super::bytes`]), and
//! nothing happens to a text but what the encoder does. For all others the parts become a [`Pipeline`].

mod json;
mod parts;
mod write;

pub(super) use write::write;

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Fault;
use crate::Place;
use crate::encode::bytes::bytes_of_text;
use crate::encode::characters::Unknown;
use crate::encode::encoder::WholePretokens;
use crate::encode::merges::Merge;
use crate::encode::pipeline::{Pipeline, Written};
use crate::encode::ranks::Merges;
use crate::encode::special::Manner;
use crate::encode::tokenizer::{Definition, Tokenizer};
use crate::encode::tokens::Tokens;
use crate::pretokenize::Step;
use crate::split::{Find, Pattern, from_oniguruma};
use json::{Pair, Vocab};
use parts::unsupported;

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
    unk_token: Option<String>,
    #[serde(default)]
    fuse_unk: bool,
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
    let file: File<'_> = serde_json::from_slice(json)
        .map_err(|error| (place_of(&error), format!("not a tokenizer.json: {error}")))?;
    definition(&file, pattern).and_then(Tokenizer::new).map_err(|message| (Place::Whole, message))
}

fn definition(file: &File<'_>, own: Option<&Pattern>) -> Checked<Definition> {
    check_model(&file.model)?;
    for (part, value) in [("truncation", &file.truncation), ("padding", &file.padding)] {
        if !value.is_null() {
            return Err(unsupported(part, value));
        }
    }
    let ids: HashMap<&str, u32> = file.model.vocab.0.iter().map(|(text, id)| (&**text, *id)).collect();
    let special_tokens = special_tokens(&file.added_tokens, &ids)?;
    let (bos, eos) = bos_and_eos(&file.post_processor, &special_tokens)?;
    let normalizer = parts::normalizer(&file.normalizer)?;
    let merges = Merges::Listed(merges(&file.model.merges, &ids)?);
    let ordinary = ordinary(&file.model.vocab, &special_tokens);
    let Cut { pattern, steps, tokens } = Cut::new(file, &ordinary, own)?;
    let (tokens, unknown) = match tokens {
        Some(tokens) => (tokens, None),
        None => {
            let tokens = ordinary.iter().map(|(text, id)| (*id, text.as_bytes())).collect();
            (tokens, Some(unknown(&file.model, &ids)?))
        }
    };
    let decoder = match &file.decoder {
        // Without any, Hugging Face puts spaces between tokens, which nobody wants of bytes.
        Value::Null if unknown.is_none() => None,
        decoder if decoder["type"] == "ByteLevel" && unknown.is_none() => None,
        decoder => Some(parts::decoder(decoder)?),
    };
    let is_plain = normalizer.is_none() && steps.is_none() && unknown.is_none() && decoder.is_none();
    let written = if is_plain { Written::default() } else { written(file) };
    Ok(Definition {
        pattern,
        tokens,
        merges,
        whole_pretokens: if file.model.ignore_merges { WholePretokens::Take } else { WholePretokens::Merge },
        manners: file.added_tokens.iter().map(|token| (token.id, token.manner())).collect(),
        pipeline: Pipeline { normalizer, steps, unknown, last: Vec::new(), decoder, written },
        special_tokens,
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
        ("dropout", model.dropout.is_some_and(|dropout| dropout > 0.0)),
        ("continuing_subword_prefix", is_set(&model.continuing_subword_prefix)),
        ("end_of_word_suffix", is_set(&model.end_of_word_suffix)),
    ];
    match unsupported.iter().find(|(_, is_used)| *is_used) {
        Some((part, _)) => Err(format!("model: {part} is not supported")),
        None => Ok(()),
    }
}

impl AddedToken {
    fn manner(&self) -> Manner {
        let &Self { single_word, lstrip, rstrip, normalized, special, .. } = self;
        Manner { normalized, single_word, lstrip, rstrip, unmarked: !special }
    }
}

/// Names and ids of the added tokens. Hugging Face gives those that are not in the vocabulary the numbers behind it,
/// whatever the file says; where that is not the same, one of the two would be wrong.
fn special_tokens(added: &[AddedToken], ids: &HashMap<&str, u32>) -> Checked<Vec<(String, u32)>> {
    let mut next = ids.len() as u32;
    let mut known = HashSet::new();
    let mut check = |token: &AddedToken| {
        let AddedToken { id, content, .. } = token;
        if !known.insert(content.clone()) {
            return Err(format!("added token {content:?} stands twice"));
        }
        if content.is_empty() {
            return Err(format!("added token {id} is empty"));
        }
        match ids.get(content.as_str()) {
            Some(other) if other != id => {
                Err(format!("added token {content:?} has id {id}, and {other} in the vocabulary"))
            }
            None if *id != next => Err(format!(
                "added token {content:?} has id {id}, and Hugging Face would give it {next}, the next one behind the \
                 vocabulary"
            )),
            found => {
                next += u32::from(found.is_none());
                Ok((content.clone(), *id))
            }
        }
    };
    added.iter().map(&mut check).collect()
}

/// The entries of the vocabulary that are no added tokens.
fn ordinary<'v, 'f>(vocab: &'v Vocab<'f>, special_tokens: &[(String, u32)]) -> Vec<&'v (Cow<'f, str>, u32)> {
    let special: HashMap<&str, u32> = special_tokens.iter().map(|(name, id)| (name.as_str(), *id)).collect();
    vocab.0.iter().filter(|(text, _)| !special.contains_key(&**text)).collect()
}

/// How text is cut, and what that makes of the vocabulary.
struct Cut {
    pattern: Pattern,
    steps: Option<Vec<Step>>,
    /// The tokens as bytes, if the vocabulary is one of bytes.
    tokens: Option<Tokens>,
}

impl Cut {
    /// `own` is the pattern in our words, where that is known.
    fn new(file: &File<'_>, ordinary: &[&(Cow<'_, str>, u32)], own: Option<&Pattern>) -> Checked<Self> {
        let parts = parts::flat("pre_tokenizer", &file.pre_tokenizer, "pretokenizers")?;
        let normalizers = parts::flat("normalizer", &file.normalizer, "normalizers")?;
        let count = |parts: &[&Value]| parts.iter().filter(|part| part["type"] == "ByteLevel").count();
        let writes_bytes = count(&parts) + count(&normalizers) == 1;
        let tokens = if writes_bytes { tokens_of_bytes(ordinary) } else { None };
        if tokens.is_some()
            && count(&parts) == 1
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

/// The vocabulary as one of bytes: all of its tokens, and all bytes among them.
fn tokens_of_bytes(ordinary: &[&(Cow<'_, str>, u32)]) -> Option<Tokens> {
    let mut has = [false; 256];
    let mut tokens = Tokens::with_capacity(ordinary.len(), ordinary.len() * 8);
    for (text, id) in ordinary {
        let bytes = bytes_of_text(text).ok()?;
        if let [byte] = *bytes {
            has[usize::from(byte)] = true;
        }
        tokens.push(*id, &bytes);
    }
    has.iter().all(|&has| has).then_some(tokens)
}

/// What becomes of characters that are no tokens.
fn unknown(model: &Model<'_>, ids: &HashMap<&str, u32>) -> Checked<Unknown> {
    if model.byte_fallback {
        let bytes: Vec<Option<u32>> =
            (0..=255).map(|byte: u8| ids.get(&*format!("<0x{byte:02X}>")).copied()).collect();
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
    let id = model.unk_token.as_deref().and_then(|token| ids.get(token).copied());
    Ok(match id {
        Some(id) if model.fuse_unk => Unknown::Fused(id),
        Some(id) => Unknown::Token(id),
        None => Unknown::Refused,
    })
}

/// The parts as they are, for whoever writes the file again.
fn written(file: &File<'_>) -> Written {
    let Model { unk_token, fuse_unk, byte_fallback, .. } = &file.model;
    Written {
        normalizer: file.normalizer.clone(),
        pre_tokenizer: file.pre_tokenizer.clone(),
        post_processor: file.post_processor.clone(),
        decoder: file.decoder.clone(),
        model: json!({"unk_token": unk_token, "fuse_unk": fuse_unk, "byte_fallback": byte_fallback}),
        file: None,
    }
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

/// The pattern that does what these pretokenizers do: a `ByteLevel`, alone or behind `Split`s. `None` if there is none.
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
            let pattern = Pattern::new(Some(expression(split)?));
            matches!(pattern, Pattern::Named(_)).then_some(pattern)
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
    if let named @ Pattern::Named(_) = joined(expressions) {
        return Some(named);
    }
    let ours =
        expressions.iter().map(|expression| our_expression(expression)).collect::<Option<Vec<String>>>()?;
    Some(joined(&ours.iter().map(String::as_str).collect::<Vec<_>>()))
}

/// What Hugging Face reads, as a pattern, for which empty matches are none. An expression that has some is left to the
/// steps.
fn our_expression(expression: &str) -> Option<String> {
    let ours = from_oniguruma(expression).ok()?;
    let find = Find::regex(&ours).ok()?;
    let mut has_empty = false;
    for text in ["", "a", "A", "a b", "1\n", "x.y"] {
        find.for_each(text, |start, end| has_empty |= start == end).ok()?;
    }
    (!has_empty).then_some(ours)
}

/// The expression of a `Split`. As a pattern it must not mean anything else.
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

/// What the post-processor puts before and behind a single text.
fn bos_and_eos(post_processor: &Value, specials: &[(String, u32)]) -> Checked<(Option<u32>, Option<u32>)> {
    let mut ends = (None, None);
    for step in parts::flat("post_processor", post_processor, "processors")? {
        match step["type"].as_str() {
            Some("ByteLevel") => {}
            Some("TemplateProcessing") if ends == (None, None) => ends = template_ends(step, specials)?,
            Some("RobertaProcessing" | "BertProcessing") if ends == (None, None) => {
                ends = (Some(named_end(step, "cls", specials)?), Some(named_end(step, "sep", specials)?));
            }
            _ => return Err(unsupported("post_processor", step)),
        }
    }
    Ok(ends)
}

/// One of the two tokens that BERT's and RoBERTa's processors put around a text.
fn named_end(step: &Value, end: &str, specials: &[(String, u32)]) -> Checked<u32> {
    let id = step[end][1].as_u64().and_then(|id| u32::try_from(id).ok());
    let id = id.filter(|id| specials.iter().any(|(_, special)| special == id));
    id.ok_or_else(|| format!("post_processor: {} is not among the added tokens", parts::brief(&step[end])))
}

fn template_ends(template: &Value, specials: &[(String, u32)]) -> Checked<(Option<u32>, Option<u32>)> {
    let refuse = || unsupported("post_processor", &template["single"]);
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
