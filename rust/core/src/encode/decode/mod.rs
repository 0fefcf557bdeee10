//! Decodes ids to bytes, and bytes to characters where they come a few at a time.

pub(crate) mod decoders;
pub(crate) mod trims;

use std::fmt::Display;
use std::ops::Range;

use crate::bytes::text_of_bytes;
use crate::encode::ids::Ids;
use crate::encode::parts::{EncodeOptions, Part};
use crate::encode::pipeline::{Output, Placing};
use crate::encode::tokenizer::Tokenizer;
use crate::utf8::is_tail;
use crate::{Error, Result};
use decoders::{Decoder, byte_of_token};
use trims::Blanks;

/// How many tokens a stream looks back at before it forgets some.
const LONGEST_WINDOW: usize = 32;

/// Tokens, and where each stands in its text, in bytes.
#[derive(Debug, Default)]
pub struct Spans {
    /// Their ids.
    pub ids: Vec<u32>,
    /// Start and end of each.
    pub spans: Vec<[i64; 2]>,
}

impl Tokenizer {
    /// The bytes of `ids`, one token after another, or the text that the tokenizer's decoder makes of them; special tokens
    /// have the bytes of their names.
    pub fn decode(&self, ids: &[u32]) -> Result<Vec<u8>> {
        let Some(decoder) = &self.pipeline.decoder else {
            let mut bytes = Vec::with_capacity(ids.len() * 4);
            for (position, &id) in ids.iter().enumerate() {
                let token = self.bytes_of(id).ok_or_else(|| self.unknown_id(id, Some(position)))?;
                bytes.extend_from_slice(token);
            }
            return Ok(bytes);
        };
        let token = |(position, &id): (usize, &u32)| {
            self.written(id).ok_or_else(|| self.unknown_id(id, Some(position)))
        };
        let tokens = ids.iter().enumerate().map(token).collect::<Result<Vec<_>>>()?;
        Ok(decoder.decode(tokens)?.into_bytes())
    }

    /// The text of tokens as files write them; they need not be any of this tokenizer's.
    pub fn decode_written(&self, tokens: Vec<String>) -> Result<String> {
        self.pipeline.decoder.as_ref().unwrap_or(&Decoder::ByteLevel).decode(tokens)
    }

    /// A token as files write it.
    pub fn written(&self, id: u32) -> Option<String> {
        if let Some(name) = self.specials.written(id) {
            return Some(name.to_owned());
        }
        let bytes = self.bytes_of(id)?;
        Some(match &self.outside {
            Some(_) => String::from_utf8_lossy(bytes).into_owned(),
            None => text_of_bytes(bytes),
        })
    }

    /// The text that a token adds to those that `stream` has seen.
    ///
    /// A decoder of the tokenizer's own sees the tokens since one that stands for some text by itself: what came before
    /// that changes nothing. While the text ends in U+FFFD, a character may be incomplete; then this waits, also if that
    /// changes what was handed out, since byte tokens before it may be U+FFFD until it is complete. Otherwise a decoder
    /// that changes what was handed out, as one that removes the space before a comma, is an error; the stream then stays
    /// as it was.
    pub fn push_to(&self, stream: &mut StreamDecoder, id: u32) -> Result<String> {
        let token = self.bytes_of(id).ok_or_else(|| self.unknown_id(id, None))?;
        if self.pipeline.decoder.is_none() {
            return Ok(stream.push(token));
        }
        stream.ids.push(id);
        let text = self.decode_lossily(&stream.ids)?;
        let complete = text.trim_end_matches(char::REPLACEMENT_CHARACTER);
        let is_complete = complete.len() == text.len();
        let Some(more) = complete.strip_prefix(&*stream.said) else {
            if !is_complete {
                return Ok(String::new());
            }
            stream.ids.pop();
            return Err(changed_text(&stream.said, &text));
        };
        let more = more.to_owned();
        stream.said.push_str(&more);
        if is_complete {
            stream.settled = stream.ids.len();
            if stream.settled > LONGEST_WINDOW {
                self.shorten(stream)?;
            }
        }
        Ok(more)
    }

    /// Forgets the tokens before the last one that stands for some text by itself.
    fn shorten(&self, stream: &mut StreamDecoder) -> Result<()> {
        for at in (0..stream.ids.len()).rev() {
            let id = stream.ids[at];
            let is_byte = self.written(id).is_some_and(|token| byte_of_token(&token).is_some());
            if !is_byte && !self.decode_lossily(&[id])?.is_empty() {
                stream.ids.drain(..at);
                stream.said = self.decode_lossily(&stream.ids)?;
                stream.settled = stream.ids.len();
                break;
            }
        }
        Ok(())
    }

    /// What is left at the end of a stream, which is then as new.
    pub fn finish_stream(&self, stream: &mut StreamDecoder) -> Result<String> {
        let mut stream = std::mem::take(stream);
        if self.pipeline.decoder.is_none() {
            return Ok(stream.finish());
        }
        let text = self.decode_lossily(&stream.ids)?;
        match text.strip_prefix(&*stream.said) {
            Some(rest) => Ok(rest.to_owned()),
            // A character that is not complete has changed what was handed out; its own bytes are left.
            None => self.decode_lossily(&stream.ids[stream.settled..]),
        }
    }

    fn decode_lossily(&self, ids: &[u32]) -> Result<String> {
        Ok(String::from_utf8_lossy(&self.decode(ids)?).into_owned())
    }

    /// The error for an id that no token has, which stands at `position` if there are several.
    pub fn unknown_id(&self, id: impl Display, position: Option<usize>) -> Error {
        let last = self.max_id();
        let place = position.map(|position| format!(" at position {position}")).unwrap_or_default();
        Error::Unknown(format!("id {id}{place} is no token of this tokenizer (0 to {last})"))
    }

    /// The tokens of `text` and where each stands in it, in bytes.
    pub fn encode_with_spans(&self, text: &[u8], options: &EncodeOptions, threads: usize) -> Result<Spans> {
        let trims = &*self.pipeline.trims;
        let mut placing = Placing { spans: Spans::default(), text, trims };
        if self.pipeline.is_plain() && self.specials.keep_to_themselves() {
            let ids = self.encode(text, options, threads)?;
            if trims.is_empty() {
                return Ok(Spans { spans: self.byte_spans(&ids, 0), ids: ids.into_vec() });
            }
            self.place_bytes(&ids, 0, &mut placing);
            return Ok(placing.spans);
        }
        self.for_each_part(text, 0, options, |part| match part {
            Part::Id(id, place) => {
                let found = || String::from_utf8_lossy(&text[place[0]..place[1]]);
                placing.push(id, place.map(|at| at as i64), || Blanks::of_text(&found()));
                Ok(true)
            }
            Part::Text(stretch) if self.pipeline.is_plain() => {
                let mut inside = Ids::keep(stretch.bytes.len(), usize::MAX);
                self.encode_part(part, &mut inside)?;
                self.place_bytes(&inside.into_array(), stretch.start, &mut placing);
                Ok(true)
            }
            Part::Text(stretch) => self.encode_stretch(stretch, &mut Output::Spans(&mut placing)),
        })?;
        let mut spans = placing.spans;
        if let Some(most) = options.max_tokens {
            spans.ids.truncate(most);
            spans.spans.truncate(most);
        }
        Ok(spans)
    }

    /// Adds `ids`, each with the place of the bytes that it decodes to; these begin at `start`.
    fn place_bytes(&self, ids: &[u32], start: usize, placing: &mut Placing<'_>) {
        for (&id, span) in ids.iter().zip(self.byte_spans(ids, start)) {
            placing.push(id, span, || self.blanks_of(id));
        }
    }

    /// Where each of `ids` stands in a text that has the bytes that they decode to from `start` on: start and end.
    fn byte_spans(&self, ids: &[u32], start: usize) -> Vec<[i64; 2]> {
        let mut end = start as i64;
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

/// Spans in characters from spans in bytes: a token that begins or ends inside a character covers it. The work is
/// proportional to the way from each place to the next.
///
/// A byte that is not UTF-8 counts as a character.
pub fn char_spans(text: &[u8], byte_spans: Vec<[i64; 2]>) -> Vec<[i64; 2]> {
    match std::str::from_utf8(text) {
        Ok(_) if text.is_ascii() => byte_spans,
        Ok(_) => {
            let is_inside = |at: usize| text.get(at).is_some_and(|&byte| is_tail(byte));
            char_spans_by(byte_spans, is_inside, |bytes| starts_of_characters(text, bytes))
        }
        Err(_) => one_by_one(text, byte_spans),
    }
}

/// Like [`char_spans`], looking at each byte; the text need not be UTF-8.
fn one_by_one(text: &[u8], byte_spans: Vec<[i64; 2]>) -> Vec<[i64; 2]> {
    let is_inside = |at| at < text.len() && !starts_character(text, at);
    char_spans_by(byte_spans, is_inside, |bytes| {
        bytes.filter(|&at| starts_character(text, at)).count() as i64
    })
}

/// Like [`char_spans`], where `is_inside` says whether a place is inside a character, and `starts` counts the
/// characters that begin in a range of bytes.
#[inline]
fn char_spans_by(
    mut spans: Vec<[i64; 2]>,
    is_inside: impl Fn(usize) -> bool,
    starts: impl Fn(Range<usize>) -> i64,
) -> Vec<[i64; 2]> {
    // `started` characters begin before byte `at`.
    let (mut at, mut started) = (0, 0);
    for span in &mut spans {
        let [start, end] = span.map(|place| place as usize);
        if at != start {
            started += if at < start { starts(at..start) } else { -starts(start..at) };
        }
        let more = starts(start..end);
        *span = [started - i64::from(is_inside(start)), started + more];
        (at, started) = (end, started + more);
    }
    spans
}

/// How many characters begin in a range of a text in UTF-8: its bytes but for those that continue one. Eight bytes at
/// once: tokens are too short for vectors to pay.
#[inline]
fn starts_of_characters(text: &[u8], mut range: Range<usize>) -> i64 {
    const LOWEST_BITS: u64 = 0x0101_0101_0101_0101;
    let mut starts = range.len() as i64;
    while !range.is_empty() {
        let word = match text[range.start..].first_chunk() {
            Some(word) => u64::from_le_bytes(*word),
            None => text[range.start..].iter().rev().fold(0, |word, &byte| word << 8 | u64::from(byte)),
        };
        let bytes = range.len().min(8);
        let continuing = (word >> 7) & !(word >> 6) & LOWEST_BITS & (u64::MAX >> (64 - 8 * bytes));
        // The sum of all bytes comes out in the highest.
        starts -= (continuing.wrapping_mul(LOWEST_BITS) >> 56).cast_signed();
        range.start += bytes;
    }
    starts
}

/// Whether a character begins at byte `at`: everything but a continuation byte that continues one.
fn starts_character(text: &[u8], at: usize) -> bool {
    if !is_tail(text[at]) {
        return true;
    }
    let first = (at.saturating_sub(3)..at).rev().find(|&start| !is_tail(text[start]));
    let Some(first) = first else { return true };
    let whole = text[first..text.len().min(first + 4)].utf8_chunks().next();
    whole
        .and_then(|chunk| chunk.valid().chars().next())
        .is_none_or(|character| first + character.len_utf8() <= at)
}

/// The error where a decoder no longer gives the text that was handed out, but `text`.
fn changed_text(said: &str, text: &str) -> Error {
    let same = said.chars().zip(text.chars()).take_while(|(one, other)| one == other).count();
    let [said, text] = [said, text].map(|text| text.chars().skip(same).take(12).collect::<String>());
    let message = format!(
        "changes the text before it from {said:?} to {text:?}; expected to add to it: decode all at once"
    );
    Error::argument("id", message)
}

/// Makes text of tokens that come one at a time, and never half a character.
#[derive(Debug, Clone, Default)]
pub struct StreamDecoder {
    /// The beginning of a character that is not complete yet: at most three bytes.
    pending: Vec<u8>,
    /// Tokens so far, for a decoder that needs them.
    ids: Vec<u32>,
    /// The part of their text that was handed out.
    said: String,
    /// How many of them had been pushed when all of their text was.
    settled: usize,
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
        assert_eq!(char_spans(text, bytes), expected);
        assert_eq!(char_spans(b"\xff\x80a", vec![[0, 1], [1, 2], [2, 3]]), [[0, 1], [1, 2], [2, 3]]);
    }

    proptest! {
        #[test]
        fn eight_bytes_at_once_say_what_one_says(text in "[a-cé漢👋]{0,24}", cuts in prop::collection::vec(0_usize..40, 0..12)) {
            let text = text.as_bytes();
            let places: Vec<i64> = cuts.iter().map(|&cut| cut.min(text.len()) as i64).collect();
            // In any order, also empty, also overlapping.
            let spans: Vec<[i64; 2]> = places.chunks_exact(2).map(|ends| [ends[0].min(ends[1]), ends[0].max(ends[1])]).collect();
            let expected = one_by_one(text, spans.clone());
            for (&[start, end], &got) in spans.iter().zip(&expected) {
                let before = |place: i64| (0..place as usize).filter(|&at| starts_character(text, at)).count() as i64;
                let inside = (start as usize) < text.len() && !starts_character(text, start as usize);
                prop_assert_eq!(got, [before(start) - i64::from(inside), before(end)]);
            }
            prop_assert_eq!(char_spans(text, spans), expected);
        }

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
