//! Encodes text where more happens to it than a split by a pattern and merges of bytes.
//!
//! A normalizer changes it, pretokenizers rewrite it or drop parts of it, or the vocabulary is one of characters
//! ([`Characters`]). Each of these is optional; what they leave goes to the same encoder. The work is done on stretches
//! between special tokens, one at a time.

use std::ops::Range;
use std::sync::Arc;

use serde_json::Value;

use super::bpe::merges::Merge;
use super::characters::affixes::{Affixes, mark_at, mark_before};
use super::characters::{Characters, Placed, Unknown};
use super::decode::Spans;
use super::decode::decoders::Decoder;
use super::decode::trims::{Blanks, Trim};
use super::ids::Ids;
use super::tokenizer::Tokenizer;
use super::vocabulary::Vocabulary;
use super::vocabulary::special::{SpecialPolicy, Stage};
use crate::normalize::{Aligned, Normalizer, Origin, Origins};
use crate::pretokenize::{Pieces, Step, bytes_of_piece};
use crate::{Error, Result};

/// What a tokenizer does in addition to splitting by a pattern and merging bytes.
#[derive(Debug, Clone, Default)]
pub struct Pipeline {
    /// What happens to text first.
    pub normalizer: Option<Normalizer>,
    /// How text is cut, if not by the pattern.
    pub steps: Option<Vec<Step>>,
    /// For a vocabulary of characters: what becomes of characters that are not tokens. `None` for one of bytes, for
    /// which the steps leave characters that stand for bytes.
    pub unknown: Option<Unknown>,
    /// Tokens of characters that merge when all others have, the leftmost first.
    pub last: Vec<u32>,
    /// How tokens become text, if not by putting their bytes together.
    pub decoder: Option<Decoder>,
    /// For a vocabulary of characters: how tokens are written by their place in a word.
    pub affixes: Affixes,
    /// What happens to offsets.
    pub trims: Vec<Trim>,
    /// How the file says all this.
    pub written: Written,
}

/// The parts of a `tokenizer.json` that say what a [`Pipeline`] does; null where its default says it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Written {
    /// The part of this name.
    pub normalizer: Value,
    /// The part of this name.
    pub pre_tokenizer: Value,
    /// The part of this name.
    pub post_processor: Value,
    /// The part of this name.
    pub decoder: Value,
    /// The settings of the model.
    pub model: Value,
    /// A whole file of another format instead.
    pub file: Option<Arc<[u8]>>,
}

impl Written {
    /// Calls `visit` with the bytes of all parts that decide about ids and are not null.
    pub(super) fn for_each(&self, visit: &mut impl FnMut(&[u8])) {
        let parts = [&self.normalizer, &self.pre_tokenizer, &self.model];
        let texts = parts.into_iter().filter(|part| !part.is_null()).map(Value::to_string);
        texts.for_each(|text| visit(text.as_bytes()));
        self.file.iter().for_each(|file| visit(file));
    }
}

/// A vocabulary of characters with the ids and merges that users see; the encoder has others (see [`Characters`]).
#[derive(Debug)]
pub(super) struct Outside {
    pub(super) vocabulary: Vocabulary,
    pub(super) merges: Vec<Merge>,
    pub(super) characters: Characters,
}

/// A stretch of a text between special tokens.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stretch<'t> {
    pub(super) bytes: &'t [u8],
    /// Where it begins in the text.
    pub(super) start: usize,
    /// Which names are looked for after the normalizer.
    pub(super) policy: &'t SpecialPolicy,
}

/// Where tokens go.
pub(super) enum Output<'o, 't> {
    /// Their ids alone.
    Ids(&'o mut Ids),
    /// Their ids, and where each stands in the text.
    Spans(&'o mut Placing<'t>),
}

/// Tokens and their spans in the making.
pub(super) struct Placing<'t> {
    pub(super) spans: Spans,
    pub(super) text: &'t [u8],
    pub(super) trims: &'t [Trim],
}

impl Placing<'_> {
    /// Adds a token that came of the bytes in `span`; `blanks` returns the white space in it.
    pub(super) fn push(&mut self, id: u32, span: [i64; 2], blanks: impl FnOnce() -> Blanks) {
        let span = if self.trims.is_empty() {
            span
        } else {
            let (blanks, is_first) = (blanks(), self.spans.ids.is_empty());
            self.trims.iter().fold(span, |span, trim| trim.apply(self.text, span, blanks, is_first))
        };
        self.spans.ids.push(id);
        self.spans.spans.push(span);
    }
}

impl Output<'_, '_> {
    /// Adds a token; returns whether more are wanted.
    fn push(&mut self, id: u32, origin: impl FnOnce() -> Origin, blanks: impl FnOnce() -> Blanks) -> bool {
        match self {
            Self::Ids(ids) => ids.extend(&[id]),
            Self::Spans(placing) => {
                placing.push(id, origin().map(i64::from), blanks);
                true
            }
        }
    }
}

impl Pipeline {
    /// Whether a text reaches the split as it is.
    pub(super) fn is_plain(&self) -> bool {
        self.before_split().next().is_none()
    }

    /// What happens to a text in addition to a split by a pattern and merges of its bytes.
    pub(super) fn before_split(&self) -> impl Iterator<Item = &'static str> {
        let parts = [
            ("a normalizer", self.normalizer.is_some()),
            ("pretokenizers that no pattern stands for", self.steps.is_some()),
            ("a vocabulary of characters", self.unknown.is_some()),
        ];
        parts.into_iter().filter(|&(_, is_there)| is_there).map(|(part, _)| part)
    }

    /// Whether the split and the vocabulary say all that happens, in decoding, too.
    pub(super) fn is_default(&self) -> bool {
        self.is_plain() && self.decoder.is_none()
    }

    /// What the normalizer makes of a name.
    pub(super) fn normalized(&self, name: &str) -> Result<String> {
        let mut text = Aligned::new(name, Origins::Forget);
        match &self.normalizer {
            // SentencePiece's normalizer keeps the pieces that a user defined.
            None | Some(Normalizer::SentencePiece(_)) => {}
            Some(normalizer) => normalizer.apply(&mut text)?,
        }
        Ok(text.text().to_owned())
    }

    /// Whether origins are tracked in a stretch of `bytes` bytes, which begins at `start`; an error if they would be
    /// beyond the first 2 GiB of a text.
    fn origins(&self, start: usize, bytes: usize, output: &Output<'_, '_>) -> Result<Origins> {
        let needs = |steps: &Vec<Step>| steps.len() > 1 || self.normalizer.is_some();
        let asks = |steps: &&Vec<Step>| steps.iter().any(Step::needs_origins);
        let is_needed = self.steps.as_ref().filter(asks).is_some_and(needs);
        if matches!(output, Output::Ids(_)) && !is_needed {
            return Ok(Origins::Forget);
        }
        let is_near = start.saturating_add(bytes) <= (u32::MAX / 2) as usize;
        let start = u32::try_from(start).ok().filter(|_| is_near);
        start
            .map(Origins::Track)
            .ok_or_else(|| Error::argument("text", "has more than 2 GiB; encode it in parts"))
    }
}

impl Tokenizer {
    /// Adds the tokens of a stretch to `output`; returns whether more are wanted.
    pub(super) fn encode_stretch(&self, stretch: Stretch<'_>, output: &mut Output<'_, '_>) -> Result<bool> {
        // The limit on the length holds for bytes that are not UTF-8, too.
        self.pipeline.origins(stretch.start, stretch.bytes.len(), output)?;
        let mut start = stretch.start;
        for chunk in stretch.bytes.utf8_chunks() {
            if !chunk.valid().is_empty()
                && !self.encode_valid(chunk.valid(), start, stretch.policy, output)?
            {
                return Ok(false);
            }
            start += chunk.valid().len();
            for &byte in chunk.invalid() {
                let id = self.id_of_stray_byte(byte)?;
                if !output.push(id, || [start as u32, start as u32 + 1], || self.blanks_of(id)) {
                    return Ok(false);
                }
                start += 1;
            }
        }
        Ok(true)
    }

    fn id_of_stray_byte(&self, byte: u8) -> Result<u32> {
        match &self.outside {
            Some(outside) => outside.characters.byte(byte),
            None => Ok(self.encoder.vocabulary.id_of(&[byte]).unwrap_or_default()),
        }
    }

    fn encode_valid(
        &self,
        text: &str,
        start: usize,
        policy: &SpecialPolicy,
        output: &mut Output<'_, '_>,
    ) -> Result<bool> {
        let mut aligned = Aligned::new(text, self.pipeline.origins(start, text.len(), output)?);
        if let Some(normalizer) = &self.pipeline.normalizer {
            normalizer.apply(&mut aligned)?;
        }
        // In a text that reaches the split as it is, these names were found before it was divided; what stood beside
        // them is gone by now.
        let found = if self.pipeline.is_plain() {
            Vec::new()
        } else {
            self.specials.find(aligned.text().as_bytes(), start, policy, Stage::Normalized)?
        };
        if found.is_empty() {
            return self.encode_normalized(aligned, start == 0, output);
        }
        let mut done = 0;
        for found in found {
            if done < found.start
                && !self.encode_normalized(
                    aligned.part(done..found.start),
                    start == 0 && done == 0,
                    output,
                )?
            {
                return Ok(false);
            }
            let origin = || aligned.origin(found.start, found.end).unwrap_or_default();
            let blanks = || Blanks::of_text(&aligned.text()[found.start..found.end]);
            if !output.push(found.id, origin, blanks) {
                return Ok(false);
            }
            done = found.end;
        }
        if done == aligned.text().len() {
            return Ok(true);
        }
        self.encode_normalized(aligned.part(done..aligned.text().len()), false, output)
    }

    /// Like [`encode_stretch`](Self::encode_stretch), for text after the normalizer, without special tokens.
    fn encode_normalized(&self, text: Aligned, is_first: bool, output: &mut Output<'_, '_>) -> Result<bool> {
        let steps = match &self.pipeline.steps {
            Some(steps) => &**steps,
            None if self.outside.as_ref().is_some_and(|outside| outside.characters.rewrites_pieces()) => &[],
            None => return self.encode_whole(&text, output),
        };
        let mut pieces = Pieces::whole(text);
        for step in steps {
            step.apply(&mut pieces, is_first)?;
        }
        let (bytes, ends) = self.bytes_of_pieces(&mut pieces);
        if let (Output::Ids(ids), None) = (&mut *output, &self.outside) {
            return self.encoder.encode_pretokens(&bytes, &ends, ids);
        }
        let mut inside = Ids::keep(bytes.len(), usize::MAX);
        self.encoder.encode_pretokens(&bytes, &ends, &mut inside)?;
        self.place(&pieces.text, &bytes, &ends, &pieces.places, &inside.into_array(), output)
    }

    /// Like [`encode_normalized`](Self::encode_normalized), for a text that is one piece.
    fn encode_whole(&self, text: &Aligned, output: &mut Output<'_, '_>) -> Result<bool> {
        let whole = 0..text.text().len();
        match output {
            Output::Ids(ids) if self.outside.is_none() => self.encoder.encode(text.text().as_bytes(), ids),
            _ => {
                let mut inside = Ids::keep(whole.end, usize::MAX);
                self.encoder.encode(text.text().as_bytes(), &mut inside)?;
                let bytes = text.text().as_bytes().to_vec();
                self.place(text, &bytes, &[whole.end], &[whole], &inside.into_array(), output)
            }
        }
    }

    /// The bytes of all pieces, one after another, as the encoder wants them, and where each piece ends. Pieces of
    /// which nothing is left are removed.
    fn bytes_of_pieces(&self, pieces: &mut Pieces) -> (Vec<u8>, Vec<usize>) {
        let text = pieces.text.text();
        let mut bytes = Vec::with_capacity(text.len());
        let mut ends = Vec::with_capacity(pieces.places.len());
        pieces.places.retain(|place| {
            let (piece, before) = (&text[place.clone()], bytes.len());
            match &self.outside {
                Some(outside) => outside.characters.write_piece(piece, &mut bytes),
                None => bytes_of_piece(piece, &mut bytes),
            }
            let is_left = bytes.len() > before;
            ends.extend(is_left.then_some(bytes.len()));
            is_left
        });
        (bytes, ends)
    }

    /// Adds the tokens that the encoder made of `bytes` to `output`. The bytes are those of the places in `text`.
    fn place(
        &self,
        text: &Aligned,
        bytes: &[u8],
        ends: &[usize],
        places: &[Range<usize>],
        inside: &[u32],
        output: &mut Output<'_, '_>,
    ) -> Result<bool> {
        let length = |id: u32| self.encoder.vocabulary.bytes_of(id).map_or(0, <[u8]>::len);
        let mut origins = PieceOrigins::new(text, bytes, ends, places, self.is_written_in_bytes());
        let mut goes_on = true;
        let mut visit = |placed: Placed| {
            goes_on = goes_on
                && output.push(
                    placed.id,
                    || origins.of(placed.start, placed.end),
                    || self.blanks_of(placed.id),
                );
        };
        let sized = inside.iter().map(|&id| (id, length(id)));
        match &self.outside {
            Some(outside) => outside.characters.place(bytes, ends, sized, visit)?,
            None => {
                let mut start = 0;
                for (id, length) in sized {
                    visit(Placed { id, start, end: start + length });
                    start += length;
                }
            }
        }
        Ok(goes_on)
    }

    /// The white space of a token.
    pub(super) fn blanks_of(&self, id: u32) -> Blanks {
        let token = self.bytes_of(id).unwrap_or_default();
        if self.outside.is_some() || self.is_special(id) {
            Blanks::of_text(&String::from_utf8_lossy(token))
        } else {
            Blanks::of_bytes(token)
        }
    }

    /// Whether the text after the steps has a character for each byte.
    fn is_written_in_bytes(&self) -> bool {
        self.outside.is_none() && self.pipeline.steps.is_some()
    }
}

/// Where bytes of pieces come from, for places that only go forward.
struct PieceOrigins<'p> {
    text: &'p Aligned,
    bytes: &'p [u8],
    ends: &'p [usize],
    places: &'p [Range<usize>],
    /// Where each byte's character stands, if there is a character for each byte.
    characters: Option<Vec<usize>>,
    piece: usize,
}

impl<'p> PieceOrigins<'p> {
    fn new(
        text: &'p Aligned,
        bytes: &'p [u8],
        ends: &'p [usize],
        places: &'p [Range<usize>],
        in_bytes: bool,
    ) -> Self {
        let of_place = |place: &Range<usize>| {
            let start = place.start;
            text.text()[place.clone()].char_indices().map(move |(at, _)| start + at)
        };
        let characters = in_bytes.then(|| places.iter().flat_map(of_place).collect());
        Self { text, bytes, ends, places, characters, piece: 0 }
    }

    fn of(&mut self, start: usize, end: usize) -> Origin {
        let (first, last) = match &self.characters {
            Some(characters) => (characters[start], characters[end - 1]),
            None => {
                while self.ends[self.piece] <= start {
                    self.piece += 1;
                }
                let before = if self.piece == 0 { 0 } else { self.ends[self.piece - 1] };
                // What was left out of the piece counts as if it came at its end, as with Hugging Face.
                let place = self.places[self.piece].start;
                let mark = mark_at(self.bytes, before);
                let end = end - mark_before(self.bytes, end);
                (place + start.max(before + mark) - before - mark, place + end - 1 - before - mark)
            }
        };
        self.text.origin(first, last + 1).unwrap_or_default()
    }
}
