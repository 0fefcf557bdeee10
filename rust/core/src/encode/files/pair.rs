//! GPT-2's pair of files: `vocab.json`, the ids of tokens written with a character for each byte, and `merges.txt`, a
//! merge per line.
//!
//! They say nothing of the split, which is GPT-2's unless told otherwise, nor of special tokens. Those are the entries
//! that are neither bytes nor made by a merge: no text becomes them otherwise.

use std::collections::HashMap;
use std::path::Path;

use serde_json::Value;

use super::huggingface::read_vocab;
use super::{LoadOptions, read_file};
use crate::bytes::{bytes_of_text, is_of_other_bytes, text_of_bytes};
use crate::encode::bpe::merges::Merge;
use crate::encode::definition::Definition;
use crate::encode::encoder::WholePretokens;
use crate::encode::tokenizer::Tokenizer;
use crate::encode::vocabulary::special::only_special;
use crate::encode::vocabulary::tokens::Tokens;
use crate::split::Pattern;
use crate::{Error, Place, Result};

pub(super) const VOCAB: &str = "vocab.json";
pub(super) const MERGES: &str = "merges.txt";

/// The split of the text that files of these names encode.
const SPLIT: &str = "gpt2";

/// The line with which GPT-2's merges begin.
const VERSION: &str = "#version: 0.2";

pub(super) fn read(folder: &Path, options: &LoadOptions) -> Result<Tokenizer> {
    let (vocab_path, merges_path) = (folder.join(VOCAB), folder.join(MERGES));
    let json = read_file(&vocab_path)?;
    let vocab =
        read_vocab(&json).map_err(|(place, message)| Error::malformed(&vocab_path, place, message))?;
    let ids: HashMap<&str, u32> = vocab.iter().map(|(text, id)| (&**text, *id)).collect();
    if ids.contains_key("!</w>") || ids.contains_key("a</w>") {
        let message =
            "its tokens end words with </w>, of which these two files do not say how; a tokenizer.json does";
        return Err(Error::malformed(&vocab_path, Place::Whole, message.to_owned()));
    }
    let merges = merges(&read_file(&merges_path)?, &ids)
        .map_err(|(line, message)| Error::malformed(&merges_path, Place::Line(line), message))?;
    let malformed = |message| Error::malformed(&vocab_path, Place::Whole, message);
    let mut tokens = Tokens::with_capacity(vocab.len(), json.len() / 2);
    let mut special_tokens = Vec::new();
    let made: std::collections::HashSet<u32> = merges.iter().map(|merge| merge.id).collect();
    for (text, id) in &vocab {
        match bytes_of_text(text) {
            // A text that only bytes are written as is not a name, even if no merge makes it.
            Ok(bytes) if bytes.len() == 1 || made.contains(id) || is_of_other_bytes(text) => {
                tokens.push(*id, &bytes);
            }
            _ => special_tokens.push((text.to_string(), *id)),
        }
    }
    if let Some(given) = &options.special_tokens {
        let is_given = |(name, id): &(String, u32)| {
            special_tokens.iter().any(|(other, known)| other == name && known == id)
                || !ids.values().any(|known| known == id)
        };
        if let Some((name, id)) = given.iter().find(|token| !is_given(token)) {
            return Err(Error::argument(
                "special_tokens",
                format!("{name:?} has id {id}, which is another token's"),
            ));
        }
        for token in given {
            if !special_tokens.contains(token) {
                special_tokens.push(token.clone());
            }
        }
    }
    let pattern = options.pattern.clone().unwrap_or_else(|| Pattern::new(Some(SPLIT)));
    let definition = Definition { special_tokens, ..Definition::of_merges(pattern, tokens, merges) };
    Tokenizer::new(definition).map_err(malformed)
}

/// The merges of a file; an error is a line and what is wrong with it.
fn merges(file: &[u8], ids: &HashMap<&str, u32>) -> std::result::Result<Vec<Merge>, (u64, String)> {
    let mut merges = Vec::new();
    for (number, line) in (1..).zip(file.split(|&byte| byte == b'\n')) {
        let line = std::str::from_utf8(line).map_err(|error| (number, format!("not UTF-8: {error}")))?;
        let line = line.trim_end_matches('\r');
        if line.is_empty() || number == 1 && line.starts_with("#version") {
            continue;
        }
        let parts = line.split_once(' ').filter(|(_, right)| !right.contains(' '));
        let (left, right) = parts
            .ok_or_else(|| (number, format!("expected two tokens and a space between, found {line:?}")))?;
        let id = |text: &str| {
            ids.get(text).copied().ok_or_else(|| (number, format!("{text:?} is not in {VOCAB}")))
        };
        merges.push(Merge { left: id(left)?, right: id(right)?, id: id(&format!("{left}{right}"))? });
    }
    Ok(merges)
}

/// Writes both files into a folder.
pub(super) fn write(tokenizer: &Tokenizer, folder: &Path) -> Result<()> {
    let definition = tokenizer.definition();
    let unmade =
        || definition.tokens.iter().filter(|(_, token)| token.len() > 1).count() != tokenizer.merges().len();
    if !definition.pipeline.is_plain() || definition.whole_pretokens == WholePretokens::Take && unmade() {
        let message = format!(
            "{VOCAB} and {MERGES} hold merges of bytes alone, which is not all of this tokenizer; a tokenizer.json can hold it"
        );
        return Err(Error::argument("path", message));
    }
    if definition.pattern.text() != Some(SPLIT) {
        let message = format!(
            "readers of {VOCAB} and {MERGES} split as GPT-2 does, and this tokenizer by {}; a tokenizer.json can hold it",
            definition.pattern
        );
        return Err(Error::argument("path", message));
    }
    let text_of = |id: u32| text_of_bytes(tokenizer.bytes_of(id).unwrap_or_default());
    let ordinary = definition.tokens.iter().map(|(id, token)| (text_of_bytes(token), id));
    let special = only_special(&definition.special_tokens, &definition.tokens);
    let mut entries: Vec<(String, u32)> = ordinary.chain(special).collect();
    entries.sort_by_key(|&(_, id)| id);
    let entries: Vec<String> =
        entries.into_iter().map(|(text, id)| format!("{}: {id}", Value::String(text))).collect();
    let merges =
        tokenizer.merges().iter().map(|merge| format!("{} {}\n", text_of(merge.left), text_of(merge.right)));
    let merges = format!("{VERSION}\n{}", merges.collect::<String>());
    super::write_text(&folder.join(VOCAB), &format!("{{{}}}", entries.join(", ")))?;
    super::write_text(&folder.join(MERGES), &merges)
}
