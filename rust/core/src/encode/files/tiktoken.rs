//! tiktoken's rank files: a line per token, its bytes in base64, a space, and its rank, which is also its id.
//!
//! The file has no merges, because tiktoken merges the pair that spells the token of the lowest rank
//! ([`Merges::Spelled`]). Base64 is read here, four characters at a time by a table, which takes two of twenty
//! milliseconds off loading o200k against a general decoder.

use std::collections::HashMap;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use memchr::memchr;

use super::LoadOptions;
use super::published::Published;
use crate::encode::bpe::ranks::Merges;
use crate::encode::definition::Definition;
use crate::encode::encoder::WholePretokens;
use crate::encode::tokenizer::Tokenizer;
use crate::encode::vocabulary::tokens::Tokens;
use crate::{Error, Place, Result};

/// Longer tokens are refused: no published token comes near.
const LONGEST_TOKEN: usize = 4096;

pub(super) fn read(bytes: &[u8], path: &Path, options: &LoadOptions) -> Result<Tokenizer> {
    let tokens = read_tokens(bytes, path)?;
    let named = path.file_stem().and_then(|stem| Published::find(stem.to_str()?));
    let known = named.filter(|known| tokens.len() == known.ranks);
    let Some(pattern) = options.pattern.clone().or(known.map(Published::pattern)) else {
        let message = format!("needed for {}: a rank file does not say how text is split", path.display());
        return Err(Error::argument("pattern", message));
    };
    let own = known.filter(|_| options.special_tokens.is_none());
    let special_tokens =
        options.special_tokens.clone().or(own.map(Published::special_tokens)).unwrap_or_default();
    let special_names: HashMap<u32, &str> =
        special_tokens.iter().rev().map(|(name, id)| (*id, name.as_str())).collect();
    if let Some((id, name)) = tokens.ids().find_map(|id| special_names.get_key_value(&id)) {
        let message = format!("{name:?} has id {id}, which is another token's in {}", path.display());
        return Err(Error::argument("special_tokens", message));
    }
    let definition = Definition {
        special_tokens,
        bos: own.and_then(|known| known.bos).into(),
        eos: own.and_then(|known| known.eos).into(),
        ..Definition::of_ranks(pattern, tokens)
    };
    Tokenizer::new(definition).map_err(|message| Error::malformed(path, Place::Whole, message))
}

/// Whether a file begins as rank files do, whatever its name is: Meta's and others' are called `tokenizer.model`.
pub(super) fn is_one(file: &[u8]) -> bool {
    let line = file.split(|&byte| byte == b'\n').next().unwrap_or_default();
    read_token(line.trim_ascii(), &mut Vec::new()).is_ok()
}

/// Ids and bytes, as they come.
fn read_tokens(file: &[u8], path: &Path) -> Result<Tokens> {
    // A line has some eighteen bytes; of its base64, three quarters become bytes.
    let mut tokens = Tokens::with_capacity(file.len() / 16, file.len() / 2);
    let mut start = 0;
    let mut number = 0;
    while start < file.len() {
        let end = memchr(b'\n', &file[start..]).map_or(file.len(), |length| start + length);
        let line = file[start..end].trim_ascii();
        start = end + 1;
        number += 1;
        if !line.is_empty() {
            tokens
                .push_with(|bytes| read_token(line, bytes))
                .map_err(|message| Error::malformed(path, Place::Line(number), message))?;
        }
    }
    if tokens.is_empty() {
        return Err(Error::malformed(
            path,
            Place::Whole,
            "no tokens; expected lines of base64, a space and a rank",
        ));
    }
    Ok(tokens)
}

/// Appends the bytes of the token on a line to `bytes`, and returns its rank.
fn read_token(line: &[u8], bytes: &mut Vec<u8>) -> std::result::Result<u32, String> {
    let space = memchr(b' ', line).ok_or("expected base64, a space and a rank")?;
    let (base64, rank) = (&line[..space], line[space..].trim_ascii());
    let length = decode(base64, bytes)?;
    if length > LONGEST_TOKEN {
        return Err(format!("a token of {length} bytes; {LONGEST_TOKEN} is the most"));
    }
    std::str::from_utf8(rank)
        .ok()
        .and_then(|rank| rank.parse().ok())
        .ok_or_else(|| format!("expected a rank, found {:?}", String::from_utf8_lossy(&line[space..])))
}

/// The six bits that a character of base64 stands for, or more than 63.
const BITS: [u8; 256] = {
    let mut bits = [0xFF; 256];
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut at = 0;
    while at < alphabet.len() {
        bits[alphabet[at] as usize] = at as u8;
        at += 1;
    }
    bits
};

/// Appends the bytes that `base64` stands for; returns their number.
fn decode(base64: &[u8], bytes: &mut Vec<u8>) -> std::result::Result<usize, String> {
    let before = bytes.len();
    let (groups, rest) = base64.as_chunks::<4>();
    let (last, groups) = groups.split_last().unwrap_or((b"====", groups));
    // What is not in the alphabet sets bits in `all` that no letter has.
    let number = |group: &[u8; 4]| {
        group.iter().fold(0, |number, &letter| number << 6 | u32::from(BITS[usize::from(letter)]) & 0x3F)
    };
    let mut all = 0;
    let mut see = |group: &[u8; 4]| group.iter().for_each(|&letter| all |= BITS[usize::from(letter)]);
    for group in groups {
        see(group);
        bytes.extend_from_slice(&number(group).to_be_bytes()[1..]);
    }
    let padding = last.iter().rev().take_while(|&&letter| letter == b'=').count();
    let letters = last.map(|letter| if letter == b'=' { b'A' } else { letter });
    see(&letters);
    let number = number(&letters);
    let is_plain = all < 64 && rest.is_empty() && padding <= 2 && number & ((1 << (8 * padding)) - 1) == 0;
    if is_plain && !last[..4 - padding].contains(&b'=') {
        bytes.extend_from_slice(&number.to_be_bytes()[1..4 - padding]);
    } else {
        bytes.truncate(before);
        BASE64.decode_vec(base64, bytes).map_err(|error| format!("invalid base64: {error}"))?;
    }
    Ok(bytes.len() - before)
}

/// The lines of the ordinary tokens; an error if tiktoken would merge them in another way.
pub(super) fn write(tokenizer: &Tokenizer) -> Result<String> {
    let Definition { tokens, merges, whole_pretokens, pipeline, .. } = tokenizer.definition();
    if !pipeline.is_plain() {
        let other = if tokenizer.sentencepiece().is_some() {
            "the .model that it is from"
        } else {
            "a tokenizer.json"
        };
        let message =
            "a .tiktoken file holds tokens of bytes and nothing that happens to a text before; expected";
        return Err(Error::argument("path", format!("{message} {other}")));
    }
    let is_taken_whole = whole_pretokens == WholePretokens::Take;
    // A token that no merge makes is found as a whole pretoken by tiktoken, and only where that is our rule, too.
    let made_by_merges =
        || tokens.iter().filter(|(_, token)| token.len() > 1).count() == tokenizer.merges().len();
    let is_spelled = merges == Merges::Spelled || tokenizer.spelled_merges() == tokenizer.merges();
    if !is_spelled || !is_taken_whole && !made_by_merges() {
        let message = "the ids of this tokenizer are not the ranks of its merges, so a .tiktoken file cannot hold it; \
                       a tokenizer.json can";
        return Err(Error::argument("path", message));
    }
    let line = |(id, token): (u32, &[u8])| format!("{} {id}\n", BASE64.encode(token));
    Ok(tokens.iter().map(line).collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decoded(base64: &[u8]) -> std::result::Result<Vec<u8>, String> {
        let mut bytes = b"before".to_vec();
        let length = decode(base64, &mut bytes)?;
        assert_eq!(bytes.len(), 6 + length);
        Ok(bytes.split_off(6))
    }

    proptest! {
        #[test]
        fn base64_is_what_the_general_decoder_says(bytes in prop::collection::vec(any::<u8>(), 0..40), noise in "[A-D=+/ ]{0,12}") {
            prop_assert_eq!(decoded(BASE64.encode(&bytes).as_bytes()), Ok(bytes));
            let general = BASE64.decode(&noise).map_err(|error| format!("invalid base64: {error}"));
            prop_assert_eq!(decoded(noise.as_bytes()), general);
        }
    }
}
