//! Writes a tokenizer as a `tokenizer.json` that other programs read alike.

use std::array;
use std::borrow::Cow;
use std::io::{self, Write};
use std::ops::Range;

use serde_json::{Value, json};

use super::added::{Main, turn_names};
use super::processors;
use crate::bytes::char_of_byte;
use crate::encode::bpe::merges::Merge;
use crate::encode::definition::Definition;
use crate::encode::encoder::WholePretokens;
use crate::encode::tokenizer::Tokenizer;
use crate::encode::vocabulary::Vocabulary;
use crate::encode::vocabulary::special::{Manner, only_special};
use crate::split::Pattern;
use crate::tokenizer_json::AddedToken;

/// How many bytes are written at once: so few that they stay in the processor's cache.
const BYTES_AT_ONCE: usize = 64 << 10;

/// Writes the whole file.
pub(in crate::encode::files) fn write(tokenizer: &Tokenizer, file: &mut dyn Write) -> io::Result<()> {
    let definition = tokenizer.definition();
    let written = &definition.pipeline.written;
    let as_written = |part: &Value, otherwise: Value| if part.is_null() { otherwise } else { part.clone() };
    let is_plain = definition.pipeline.is_plain();
    let split = || if is_plain { pre_tokenizer(&definition.pattern) } else { Value::Null };
    let parts = json!({
        "version": "1.0",
        "truncation": null,
        "padding": null,
        "added_tokens": added_tokens(tokenizer, &definition),
        "normalizer": written.normalizer,
        "pre_tokenizer": as_written(&written.pre_tokenizer, split()),
        "post_processor": as_written(&written.post_processor, processors::write(tokenizer, &definition)),
        "decoder": if definition.pipeline.is_default() { byte_level() } else { written.decoder.clone() },
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
    let text = serde_json::to_string_pretty(&parts).expect("a JSON value is JSON");
    // These two, one after the other by their names, are nearly all of the file: a line each, written as they come.
    // They are found by their indentation, which occurs neither in a quoted text nor deeper in a part.
    let model = text.find("\n  \"model\": {").expect("as above");
    let merges = model + text[model..].find("\n    \"merges\": null").expect("as above");
    let (head, rest) = text.split_at(merges + "\n    ".len());
    let rest = &rest["\"merges\": null".len()..];
    let (between, tail) = rest.split_once("\"vocab\": null").expect("as above");
    let texts = Texts::new(tokenizer, &definition);
    let mut out = Out { text: head.as_bytes().to_vec(), file };
    texts.write_merges(tokenizer.merges(), &mut out)?;
    out.text.extend_from_slice(between.as_bytes());
    texts.write_vocab(&definition, &mut out)?;
    out.text.extend_from_slice(tail.as_bytes());
    out.flush()
}

/// A file, and the text that is to be written to it next.
struct Out<'f> {
    text: Vec<u8>,
    file: &'f mut dyn Write,
}

impl Out<'_> {
    /// The buffer for more text, emptied first if it is full; the caller appends some.
    fn room(&mut self) -> io::Result<&mut Vec<u8>> {
        if self.text.len() >= BYTES_AT_ONCE {
            self.flush()?;
        }
        Ok(&mut self.text)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.write_all(&self.text)?;
        self.text.clear();
        Ok(())
    }

    /// Takes the last byte back, if it is a comma.
    fn take_comma(&mut self) {
        self.text.pop_if(|last| *last == b',');
    }
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
    let mut tokens: Vec<AddedToken> = definition.special_tokens.iter().map(added).collect();
    turn_names(&mut tokens, |token| token.id, Main::FirstToLast);
    tokens
}

/// Adds what follows a token in the vocabulary.
fn push_id(out: &mut Vec<u8>, id: u32) {
    out.push(b':');
    out.extend_from_slice(itoa::Buffer::new().format(id).as_bytes());
    out.push(b',');
}

/// Most tokens have at most this many bytes in the file. This many are copied whatever the length is, so that no branch
/// depends on the length, which cannot be predicted.
const MOSTLY: usize = 32;

/// The tokens as the file writes them, in quotes, by id: each is spelled once, for itself and for the merge that makes it.
struct Texts {
    /// The texts, and [`MOSTLY`] bytes after them.
    bytes: Vec<u8>,
    /// Where each id's text starts, and the end of the last.
    starts: Vec<usize>,
}

impl Texts {
    fn new(tokenizer: &Tokenizer, definition: &Definition) -> Self {
        let mut texts = match definition.pipeline.unknown {
            Some(_) => Self::of_characters(tokenizer.tokens()),
            None => Self::of_bytes(tokenizer.tokens()),
        };
        texts.starts.push(texts.bytes.len());
        texts.bytes.extend_from_slice(&[0; MOSTLY]);
        texts
    }

    fn of_characters(tokens: &Vocabulary) -> Self {
        let mut texts = Self { bytes: Vec::new(), starts: Vec::new() };
        for (id, token) in tokens.iter() {
            texts.starts.resize(id as usize + 1, texts.bytes.len());
            texts.bytes.extend_from_slice(quoted(&String::from_utf8_lossy(token)).as_bytes());
        }
        texts
    }

    /// Each byte becomes the character that stands for it.
    fn of_bytes(tokens: &Vocabulary) -> Self {
        let by_byte: [_; 256] = array::from_fn(|byte| byte_in_json(byte as u8));
        let most = tokens.iter().map(|(_, token)| 2 * token.len() + 2).sum::<usize>();
        let mut starts = Vec::with_capacity(tokens.id_bound() + 1);
        // Pages that are never touched cost nothing.
        let mut bytes = vec![0; most + MOSTLY];
        let mut end = 0;
        for (id, token) in tokens.iter() {
            starts.resize(id as usize + 1, end);
            bytes[end] = b'"';
            end += 1;
            for &byte in token {
                // Both bytes are written; where there is only one, the next one takes the second's place.
                let (character, count) = by_byte[usize::from(byte)];
                bytes[end..end + 2].copy_from_slice(&character);
                end += usize::from(count);
            }
            bytes[end] = b'"';
            end += 1;
        }
        bytes.truncate(end);
        Self { bytes, starts }
    }

    fn place(&self, id: u32) -> Range<usize> {
        self.starts[id as usize]..self.starts[id as usize + 1]
    }

    /// Adds token `id`.
    fn push(&self, id: u32, out: &mut Vec<u8>) {
        let place = self.place(id);
        if place.len() <= MOSTLY {
            out.extend_from_slice(&self.bytes[place.start..][..MOSTLY]);
            out.truncate(out.len() - MOSTLY + place.len());
        } else {
            out.extend_from_slice(&self.bytes[place]);
        }
    }

    /// The pairs that merge, in their order.
    fn write_merges(&self, merges: &[Merge], out: &mut Out<'_>) -> io::Result<()> {
        out.text.extend_from_slice(b"\"merges\": [");
        for &Merge { left, right, id } in merges {
            let out = out.room()?;
            let [whole, left_length, right_length] = [id, left, right].map(|id| self.place(id).len());
            // The parts stand far away in memory, but the token that the merge makes has both and is near: tokens come
            // in the order of their merges. This does not hold where the merge takes something off a part.
            if left_length + right_length == whole + 2 && whole <= MOSTLY {
                self.push_pair(id, left_length - 1, out);
                continue;
            }
            out.push(b'[');
            self.push(left, out);
            out.push(b',');
            self.push(right, out);
            out.extend_from_slice(b"],");
        }
        out.take_comma();
        out.text.push(b']');
        Ok(())
    }

    /// Adds the pair of tokens that merges to `id`: the first ends at `cut` in the text of `id`, which has [`MOSTLY`]
    /// bytes at most.
    fn push_pair(&self, id: u32, cut: usize, out: &mut Vec<u8>) {
        const BETWEEN: &[u8; 3] = b"\",\"";
        const BEHIND: &[u8; 2] = b"],";
        let place = self.place(id);
        let mut pair = [b'['; 1 + 2 * MOSTLY + BETWEEN.len() + BEHIND.len()];
        let mut put = |at: usize, bytes: &[u8]| pair[at..][..bytes.len()].copy_from_slice(bytes);
        let second = 1 + cut + BETWEEN.len();
        let end = second + place.len() - cut;
        put(1, &self.bytes[place.start..][..MOSTLY]);
        put(1 + cut, BETWEEN);
        put(second, &self.bytes[place.start + cut..][..MOSTLY]);
        put(end, BEHIND);
        out.extend_from_slice(&pair);
        out.truncate(out.len() - pair.len() + end + BEHIND.len());
    }

    /// The vocabulary by id, with the special tokens that must be in it.
    fn write_vocab(&self, definition: &Definition, out: &mut Out<'_>) -> io::Result<()> {
        let Definition { tokens, .. } = definition;
        let mut special = specials_in_vocabulary(definition);
        special.sort_by_key(|&(_, id)| id);
        let mut special = special.into_iter().peekable();
        let push_special = |out: &mut Vec<u8>, (name, id): (String, u32)| {
            out.extend_from_slice(quoted(&name).as_bytes());
            push_id(out, id);
        };
        out.text.extend_from_slice(b"\"vocab\": {");
        for id in tokens.ids() {
            let out = out.room()?;
            while let Some(before) = special.next_if(|&(_, special)| special < id) {
                push_special(out, before);
            }
            self.push(id, out);
            push_id(out, id);
        }
        for behind in special {
            push_special(out.room()?, behind);
        }
        out.take_comma();
        out.text.push(b'}');
        Ok(())
    }
}

/// The character that stands for a byte, as JSON writes it, and how many bytes that has.
fn byte_in_json(byte: u8) -> ([u8; 2], u8) {
    let mut text = [0; 2];
    match char_of_byte(byte) {
        character @ ('\\' | '"') => ([b'\\', character as u8], 2),
        character => {
            let count = character.encode_utf8(&mut text).len();
            (text, count as u8)
        }
    }
}

/// The special tokens that are not ordinary ones but must be in the vocabulary all the same.
///
/// Hugging Face numbers the added tokens that are not in it one after another, from the number of its entries on,
/// whatever ids the file gives them. So those that have just these ids are left out, for it may take a token of the
/// vocabulary for a whole pretoken. But the tokens that stand for the unknown are looked up there.
fn specials_in_vocabulary(definition: &Definition) -> Vec<(String, u32)> {
    let Definition { tokens, special_tokens, pipeline, .. } = definition;
    let mut special = only_special(special_tokens, tokens);
    let is_needed = |name: &str| {
        pipeline.unknown.is_some() && (pipeline.written.model["unk_token"] == name || name.starts_with("<0x"))
    };
    let mut next = tokens.len() + special.len();
    while let Some((name, id)) = special.last()
        && *id as usize + 1 == next
        && !is_needed(name)
    {
        special.pop();
        next -= 1;
    }
    special
}

/// A text as JSON.
fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// The part that neither splits nor changes a text that is split, nor its offsets.
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
