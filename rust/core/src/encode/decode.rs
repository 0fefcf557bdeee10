//! Ids → bytes, and bytes → characters where they come a few at a time.

use super::bytes::text_of_bytes;
use super::pipeline::Output;
use super::tokenizer::{EncodeOptions, Part, Tokenizer};
use crate::{Error, Result};

/// Tokens, and where each stands in its text, in bytes.
#[derive(Debug, Default)]
pub struct Spans {
    /// Their ids.
    pub ids: Vec<u32>,
    /// Start and end of each.
    pub spans: Vec<[i64; 2]>,
}

impl Spans {
    pub(super) fn push(&mut self, id: u32, span: [i64; 2]) {
        self.ids.push(id);
        self.spans.push(span);
    }
}

impl Tokenizer {
    /// The bytes of `ids`, one token after another, or the text that the tokenizer's decoder makes of them; special tokens
    /// have the bytes of their names.
    pub fn decode(&self, ids: &[u32]) -> Result<Vec<u8>> {
        let Some(decoder) = &self.pipeline.decoder else {
            let mut bytes = Vec::with_capacity(ids.len() * 4);
            for (position, &id) in ids.iter().enumerate() {
                let token = self.bytes_of(id).ok_or_else(|| self.unknown_id(i64::from(id), position))?;
                bytes.extend_from_slice(token);
            }
            return Ok(bytes);
        };
        let token = |(position, &id): (usize, &u32)| {
            self.written(id).ok_or_else(|| self.unknown_id(i64::from(id), position))
        };
        let tokens = ids.iter().enumerate().map(token).collect::<Result<Vec<_>>>()?;
        Ok(decoder.decode(tokens)?.into_bytes())
    }

    /// A token as files write it.
    fn written(&self, id: u32) -> Option<String> {
        if let Some(name) = self.specials.written(id) {
            return Some(name.to_owned());
        }
        let bytes = self.bytes_of(id)?;
        Some(match &self.outside {
            Some(_) => String::from_utf8_lossy(bytes).into_owned(),
            None => text_of_bytes(bytes),
        })
    }

    /// The error for an id that no token has.
    pub fn unknown_id(&self, id: i64, position: usize) -> Error {
        let last = self.max_id();
        Error::Unknown(format!("id {id} at position {position} is no token of this tokenizer (0 to {last})"))
    }

    /// The tokens of `text` and where each stands in it, in bytes.
    pub fn encode_with_spans(&self, text: &[u8], options: &EncodeOptions, threads: usize) -> Result<Spans> {
        if self.pipeline.is_plain() && self.specials.keep_to_themselves() {
            let ids = self.encode(text, options, threads)?;
            let spans = self.byte_spans(&ids);
            return Ok(Spans { ids, spans });
        }
        let mut spans = Spans::default();
        self.for_each_part(text, options, |part| match part {
            Part::Id(id, place) => {
                spans.push(id, place.map(|at| at as i64));
                Ok(true)
            }
            Part::Text(stretch) => self.encode_stretch(stretch, &mut Output::Spans(&mut spans)),
        })?;
        if let Some(most) = options.max_tokens {
            spans.ids.truncate(most);
            spans.spans.truncate(most);
        }
        Ok(spans)
    }

    /// Where each of `ids` stands in the bytes they decode to, as start and end.
    fn byte_spans(&self, ids: &[u32]) -> Vec<[i64; 2]> {
        let mut end = 0;
        let length = |id| self.bytes_of(id).map_or(0, <[u8]>::len) as i64;
        ids.iter()
            .map(|&id| {
                let start = end;
                end += length(id);
                [start, end]
            })
            .collect()
    }
}

/// Spans in characters from spans in bytes: a token that begins or ends inside a character covers it. The work is that
/// of going from each place to the next.
///
/// A byte that is not UTF-8 counts as a character.
pub fn char_spans(text: &[u8], byte_spans: &[[i64; 2]]) -> Vec<[i64; 2]> {
    // `started` characters begin before byte `at`.
    let mut at = 0;
    let mut started = 0;
    let mut started_before = |position: i64| {
        while at < position as usize {
            started += i64::from(starts_character(text, at));
            at += 1;
        }
        while at > position as usize {
            at -= 1;
            started -= i64::from(starts_character(text, at));
        }
        started
    };
    let mut spans = Vec::with_capacity(byte_spans.len());
    for &[start, end] in byte_spans {
        let before = started_before(start);
        let inside = (start as usize) < text.len() && !starts_character(text, start as usize);
        spans.push([before - i64::from(inside), started_before(end)]);
    }
    spans
}

/// Whether a character begins at byte `at`: everything but a continuation byte that continues one.
fn starts_character(text: &[u8], at: usize) -> bool {
    if text[at] & 0xC0 != 0x80 {
        return true;
    }
    let first = (at.saturating_sub(3)..at).rev().find(|&start| text[start] & 0xC0 != 0x80);
    let Some(first) = first else { return true };
    let whole = text[first..text.len().min(first + 4)].utf8_chunks().next();
    whole
        .and_then(|chunk| chunk.valid().chars().next())
        .is_none_or(|character| first + character.len_utf8() <= at)
}

/// Makes text of tokens that come one at a time, and never half a character.
#[derive(Debug, Clone, Default)]
pub struct StreamDecoder {
    /// The beginning of a character that is not complete yet: at most three bytes.
    pending: Vec<u8>,
}

impl StreamDecoder {
    /// The characters that `token` completes. Bytes that cannot become a character come out as U+FFFD.
    pub fn push(&mut self, token: &[u8]) -> String {
        self.pending.extend_from_slice(token);
        let mut text = String::new();
        let mut rest = 0;
        for chunk in self.pending.utf8_chunks() {
            text.push_str(chunk.valid());
            rest += chunk.valid().len();
            let is_last = rest + chunk.invalid().len() == self.pending.len();
            if is_last && may_go_on(chunk.invalid()) {
                break;
            }
            if !chunk.invalid().is_empty() {
                text.push(char::REPLACEMENT_CHARACTER);
            }
            rest += chunk.invalid().len();
        }
        self.pending.drain(..rest);
        text
    }

    /// What is left at the end: nothing, or U+FFFD for a character that never became complete.
    pub fn finish(&mut self) -> String {
        let left = if self.pending.is_empty() { "" } else { "\u{FFFD}" };
        self.pending.clear();
        left.to_owned()
    }
}

/// Whether more bytes can make a character of these.
fn may_go_on(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_err_and(|error| error.error_len().is_none())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn spans_cover_the_characters_that_tokens_touch() {
        let text = "a\u{e9}\u{1f600}b".as_bytes();
        let bytes: Vec<[i64; 2]> = (0..8).map(|at| [at, at + 1]).collect();
        let expected = [[0, 1], [1, 2], [1, 2], [2, 3], [2, 3], [2, 3], [2, 3], [3, 4]];
        assert_eq!(char_spans(text, &bytes), expected);
        assert_eq!(char_spans(b"\xff\x80a", &[[0, 1], [1, 2], [2, 3]]), [[0, 1], [1, 2], [2, 3]]);
    }

    proptest! {
        #[test]
        fn a_stream_says_what_lossy_decoding_says(bytes in prop::collection::vec(any::<u8>(), 0..40), step in 1_usize..5) {
            let mut stream = StreamDecoder::default();
            let mut text: String = bytes.chunks(step).map(|token| stream.push(token)).collect();
            text.push_str(&stream.finish());
            prop_assert_eq!(text, String::from_utf8_lossy(&bytes));
        }

        #[test]
        fn a_stream_of_text_holds_back_only_what_is_incomplete(text in any::<String>()) {
            let mut stream = StreamDecoder::default();
            let mut streamed = String::new();
            for (at, byte) in text.bytes().enumerate() {
                streamed += &stream.push(&[byte]);
                let complete = (0..=at + 1).rev().find(|&end| text.is_char_boundary(end)).expect("0 is one");
                prop_assert_eq!(&streamed, &text[..complete]);
            }
            prop_assert_eq!(stream.finish(), "");
        }
    }
}
