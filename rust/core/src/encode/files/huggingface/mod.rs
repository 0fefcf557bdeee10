//! Hugging Face's `tokenizer.json`, as far as its model is BPE.
//!
//! Every part of the file that decides about ids is either understood or refused by name. Most files are of byte-level
//! BPE, split by a pattern: their tokens are written with a character for each byte (see [`crate::bytes`]), and
//! nothing happens to a text but what the encoder does. For all others the parts become a [`Pipeline`].

mod merges;
mod names;
mod parts;
mod processors;
mod write;

pub(super) use write::write;

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};

use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};

use super::Fault;
use crate::Place;
use crate::bytes::{bytes_of_text, is_of_other_bytes, push_bytes_of_text};
use crate::encode::bpe::merges::Merge;
use crate::encode::bpe::ranks::Merges;
use crate::encode::characters::Unknown;
use crate::encode::characters::affixes::Affixes;
use crate::encode::encoder::WholePretokens;
use crate::encode::pipeline::{Pipeline, Written};
use crate::encode::tokenizer::{Definition, Tokenizer};
use crate::encode::vocabulary::special::Manner;
use crate::encode::vocabulary::tokens::Tokens;
use crate::pretokenize::Step;
use crate::split::{Pattern, from_oniguruma};
use crate::tokenizer_json::{self, AddedToken, Vocab};
use merges::Pair;
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
    /// Of `WordPiece`.
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
    // All at once is quicker than text by text; where it is no UTF-8, the error says where.
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

/// What a file is that is none with a model of BPE, if it is JSON of another kind.
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
        // They are decoded neither to their names nor to the bytes that merge to them.
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

fn manner(token: &AddedToken) -> Manner {
    let &AddedToken { single_word, lstrip, rstrip, normalized, special, .. } = token;
    Manner { normalized, single_word, lstrip, rstrip, unmarked: !special }
}

/// Names and ids of the added tokens. Hugging Face gives those that are not in the vocabulary the numbers behind it,
/// whatever the file says; where that is not the same, one of the two would be wrong.
fn special_tokens(added: &[AddedToken], names: &Names<'_>) -> Checked<Vec<(String, u32)>> {
    let mut next = names.count() as u32;
    let mut known = HashSet::new();
    let mut check = |token: &AddedToken| {
        let AddedToken { id, content, .. } = token;
        if !known.insert(content.clone()) {
            return Err(format!("added token {content:?} stands twice"));
        }
        if content.is_empty() {
            return Err(format!("added token {id} is empty"));
        }
        match names.id_of(content) {
            Some(other) if other != *id => {
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
    let mut tokens = added.iter().map(&mut check).collect::<Checked<Vec<_>>>()?;
    turn_names(&mut tokens, |&(_, id)| id, Main::LastToFirst);
    Ok(tokens)
}

/// Where the main one of several names goes.
#[derive(Clone, Copy)]
enum Main {
    FirstToLast,
    LastToFirst,
}

/// Turns the names that an id has, in the places that they have: ours decodes it to the first one, Hugging Face to the
/// last, which is the only one that it looks for in a text.
fn turn_names<T>(tokens: &mut [T], id: impl Fn(&T) -> u32, main: Main) {
    let mut places: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
    for (place, token) in tokens.iter().enumerate() {
        places.entry(id(token)).or_default().push(place);
    }
    for places in places.values() {
        let pairs = places.windows(2);
        match main {
            Main::FirstToLast => pairs.for_each(|pair| tokens.swap(pair[0], pair[1])),
            Main::LastToFirst => pairs.rev().for_each(|pair| tokens.swap(pair[0], pair[1])),
        }
    }
}

/// The entries of the vocabulary that text may become by merging.
///
/// They may be added tokens, too: a name may stand in a word where it does not count, or come out of a normalizer, or only
/// be on the way to a longer token. But text that looks like a token with the mark of being special becomes that only where
/// the file's own merges make it.
struct Ordinary<'v, 'f> {
    vocab: &'v Vocab<'f>,
    /// The added tokens by id, and whether text may become them.
    added: Vec<(u32, &'v AddedToken, bool)>,
}

impl<'v, 'f> Ordinary<'v, 'f> {
    fn new(vocab: &'v Vocab<'f>, added: &'v [AddedToken], merges: &[Merge]) -> Self {
        let marked = || added.iter().filter(|token| token.special).map(|token| token.id);
        let ids = marked().min().unwrap_or(1)..=marked().max().unwrap_or(0);
        let mut made: Vec<u32> = merges.iter().map(|merge| merge.id).filter(|id| ids.contains(id)).collect();
        // Merges mostly come by id; then there is nothing to sort.
        made.sort_unstable();
        let is_made = |id: u32| made.binary_search(&id).is_ok();
        let is_ordinary = |token: &AddedToken| {
            !token.special || is_made(token.id) || token.content.chars().nth(1).is_none()
        };
        let mut added: Vec<_> = added.iter().map(|token| (token.id, token, is_ordinary(token))).collect();
        added.sort_by_key(|&(id, ..)| id);
        Self { vocab, added }
    }

    /// Whether text may become an entry that is an added token; `None` if it is none. One that is in the vocabulary has
    /// its id there, and few entries do have one of these.
    fn added(&self, (text, id): &(Cow<'_, str>, u32)) -> Option<bool> {
        let first = self.added.partition_point(|&(other, ..)| other < *id);
        let mut same = self.added[first..].iter().take_while(|&&(other, ..)| other == *id);
        same.find(|&&(_, token, _)| token.content == *text).map(|&(.., is_ordinary)| is_ordinary)
    }

    fn entries(&self) -> impl Iterator<Item = &'v (Cow<'f, str>, u32)> {
        self.vocab.0.iter().filter(|entry| self.added(entry) != Some(false))
    }

    /// Whether an entry is an added token that the normalizer makes another name of.
    fn has_renamed(&self, pipeline: &Pipeline) -> Checked<bool> {
        let is_entry = |id: u32| self.vocab.0.iter().any(|&(_, other)| other == id);
        for &(id, token, _) in self.added.iter().filter(|(_, token, _)| token.normalized) {
            let name = pipeline.normalized(&token.content).map_err(|error| error.to_string())?;
            if name != token.content && is_entry(id) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The entries as tokens of bytes, if all bytes are among them. An added token is one only where its name is written as
    /// it is.
    fn of_bytes(&self) -> Option<Tokens> {
        let mut has = [false; 256];
        let mut tokens = Tokens::with_capacity(self.vocab.0.len(), self.vocab.0.len() * 8);
        for entry in &self.vocab.0 {
            let (text, id) = entry;
            if self.added(entry).is_some_and(|is_ordinary| !is_ordinary || !is_written_as_it_is(text)) {
                continue;
            }
            let write = |bytes: &mut Vec<u8>| {
                let before = bytes.len();
                push_bytes_of_text(text, bytes)?;
                if let [byte] = bytes[before..] {
                    has[usize::from(byte)] = true;
                }
                Ok::<u32, char>(*id)
            };
            tokens.push_with(write).ok()?;
        }
        has.iter().all(|&has| has).then_some(tokens)
    }
}

/// Whether the characters of a text stand for the bytes that they have.
fn is_written_as_it_is(text: &str) -> bool {
    bytes_of_text(text).is_ok_and(|bytes| bytes == text.as_bytes())
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
    fn new(
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

fn is_byte_level(part: &Value) -> bool {
    part["type"] == "ByteLevel"
}

/// Whether all characters stand for bytes in the end: what writes some last is a `ByteLevel`, and there is no other. All
/// pretokenizers but two only cut.
fn ends_in_bytes(normalizers: &[&Value], parts: &[&Value]) -> bool {
    let parts = parts.iter().filter(|part| is_byte_level(part) || part["type"] == "Metaspace");
    let writers: Vec<&Value> = normalizers.iter().chain(parts).copied().collect();
    let all = writers.iter().filter(|part| is_byte_level(part)).count();
    all == 1 && writers.last().is_some_and(|part| is_byte_level(part))
}

/// What becomes of characters that are no tokens.
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

/// The parts as they are, for whoever writes the file again.
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

/// How many merges' parts are on their way from memory at once.
const AHEAD: usize = 32;

fn merges(pairs: &[Pair<'_>], names: &Names<'_>, affixes: &Affixes) -> Checked<Vec<Merge>> {
    let mut merges = Vec::with_capacity(pairs.len());
    let mut asked = Vec::with_capacity(AHEAD);
    // What merges make mostly stands one behind the other.
    let mut next = 0;
    for few in pairs.chunks(AHEAD) {
        asked.clear();
        asked.extend(few.iter().map(|Pair(left, right)| [names.ask(left), names.ask(right)]));
        for (Pair(left, right), hashes) in few.iter().zip(&asked) {
            let fault = |text: &str| {
                format!("merge {} ({left:?}, {right:?}): {text:?} is not in the vocabulary", merges.len())
            };
            let part = |text: &str, hash: u64| names.answer(text, hash).ok_or_else(|| fault(text));
            let (left_id, right_id) = (part(left, hashes[0])?.1, part(right, hashes[1])?.1);
            // As Hugging Face does, whatever the right part begins with.
            let rest = right.get(affixes.prefix.len()..).ok_or_else(|| {
                format!(
                    "merge {} ({left:?}, {right:?}): {right:?} has no prefix {:?}",
                    merges.len(),
                    affixes.prefix
                )
            })?;
            let id = if let Some(id) = names.id_at(next, [left, rest]) {
                id
            } else {
                let made = format!("{left}{rest}");
                let found = names.answer(&made, names.ask(&made)).ok_or_else(|| fault(&made))?;
                next = found.0;
                found.1
            };
            next += 1;
            merges.push(Merge { left: left_id, right: right_id, id });
        }
    }
    Ok(merges)
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
    // Not as OpenAI writes it: what is possessive there, `{1,3}+`, is not here.
    let is_portable = |pattern: &Pattern| pattern.portable_expressions() == expressions;
    if let Some(named @ Pattern::Named(_)) = Some(joined(expressions)).filter(is_portable) {
        return Some(named);
    }
    let ours = expressions.iter().map(|expression| from_oniguruma(expression).ok());
    let ours = ours.collect::<Option<Vec<String>>>()?;
    Some(joined(&ours.iter().map(String::as_str).collect::<Vec<_>>()))
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
