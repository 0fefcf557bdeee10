//! A text divided by the special tokens in it, as one call wants them: what is encoded, and what stands between.

use super::ids::Ids;
use super::pipeline::{Output, Stretch};
use super::tokenizer::Tokenizer;
use super::vocabulary::end_ids::EndIds;
use super::vocabulary::special::{SpecialPolicy, Stage};
use crate::{Error, Result};

/// How one call encodes.
#[derive(Debug, Clone, Default)]
pub struct EncodeOptions {
    /// What the names of special tokens in the text become.
    pub special: SpecialPolicy,
    /// Ids to begin with.
    pub bos: EndIds,
    /// Ids to end with.
    pub eos: EndIds,
    /// The most ids to return, `bos` and `eos` among them; encoding stops there.
    pub max_tokens: Option<usize>,
    /// Which ids those are.
    pub kept: Kept,
    /// By the number of a text: spans with a policy of their own, in place of `special`; none if that holds for all of
    /// the text. Only names that lie within a span count. The rest of the text is not divided by the borders of spans,
    /// so that it is encoded as it would be without them.
    pub spans: Vec<Vec<Span>>,
}

/// Which ids are left where there may not be more than a number of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Kept {
    /// The first ones; the rest of the text is not encoded.
    #[default]
    First,
    /// The last ones; of the text before them only as much is encoded as needed.
    Last,
}

/// A part of a text with a policy of its own. It begins where the one before ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// Where it ends, in bytes of the text.
    pub end: usize,
    /// What the names of special tokens in it become.
    pub special: SpecialPolicy,
}

/// A part of a text: either an id as it stands, or bytes to encode.
#[derive(Debug, Clone, Copy)]
pub(super) enum Part<'t> {
    /// A token, and where it stands in the text.
    Id(u32, [usize; 2]),
    Text(Stretch<'t>),
}

impl Tokenizer {
    /// Calls `visit` with the parts of `text`, number `number` of the call's texts, as `options` wants them, until it
    /// returns `false`.
    pub(super) fn for_each_part<'t>(
        &self,
        text: &'t [u8],
        number: usize,
        options: &'t EncodeOptions,
        mut visit: impl FnMut(Part<'t>) -> Result<bool>,
    ) -> Result<()> {
        let policy = &options.special;
        self.specials.check_policy(policy)?;
        let end = text.len();
        for &bos in options.bos.as_slice() {
            if !visit(Part::Id(bos, [0, 0]))? {
                return Ok(());
            }
        }
        let mut wants_more = match options.spans.get(number).map_or(&[][..], |spans| spans) {
            [] => self.for_each_named(Stretch { bytes: text, start: 0, policy }, &mut visit)?,
            spans => self.for_each_in_spans(text, spans, &mut visit)?,
        };
        for &eos in options.eos.as_slice() {
            wants_more = wants_more && visit(Part::Id(eos, [end, end]))?;
        }
        Ok(())
    }

    /// The parts of a text, divided by the tokens found within spans; returns whether more are wanted.
    fn for_each_in_spans<'t>(
        &self,
        text: &'t [u8],
        spans: &'t [Span],
        visit: &mut impl FnMut(Part<'t>) -> Result<bool>,
    ) -> Result<bool> {
        if !self.pipeline.is_plain() && self.specials.has_normalized() {
            let message =
                "may not change within a text, since this tokenizer looks for some behind its normalizer";
            return Err(Error::argument("special", message));
        }
        // What is between two tokens is visited as one, in however many spans it lies.
        let between = |from: usize, to: usize| {
            let bytes = text.get(from..to).filter(|bytes| !bytes.is_empty())?;
            Some(Part::Text(Stretch { bytes, start: from, policy: &SpecialPolicy::Text }))
        };
        let (mut start, mut done) = (0, 0);
        for span in spans {
            self.specials.check_policy(&span.special)?;
            let stretch = Stretch { bytes: &text[start..span.end], start, policy: &span.special };
            let wants_more = self.for_each_named(stretch, &mut |part| {
                let Part::Id(_, place) = part else { return Ok(true) };
                let wants_more = between(done, place[0]).map_or(Ok(true), &mut *visit)?;
                done = place[1];
                Ok(wants_more && visit(part)?)
            })?;
            if !wants_more {
                return Ok(false);
            }
            start = span.end;
        }
        between(done, text.len()).map_or(Ok(true), visit)
    }

    /// The parts of a stretch, divided by the tokens found before anything happens to the text; returns whether more
    /// are wanted.
    fn for_each_named<'t>(
        &self,
        stretch: Stretch<'t>,
        visit: &mut impl FnMut(Part<'t>) -> Result<bool>,
    ) -> Result<bool> {
        let is_plain = self.pipeline.is_plain() && self.specials.has_normalized();
        self.for_each_found(stretch, Stage::Raw, &mut |part| match part {
            // Without a normalizer, the names of the later stage stand in the text as it is.
            Part::Text(stretch) if is_plain => self.for_each_found(stretch, Stage::Normalized, visit),
            _ => visit(part),
        })
    }

    /// The parts of a stretch, divided by the tokens found at one stage; returns whether more are wanted.
    fn for_each_found<'t>(
        &self,
        stretch: Stretch<'t>,
        stage: Stage,
        visit: &mut impl FnMut(Part<'t>) -> Result<bool>,
    ) -> Result<bool> {
        let Stretch { bytes, start, policy } = stretch;
        let mut done = 0;
        for found in self.specials.find(bytes, start, policy, stage)? {
            let between = bytes.get(done..found.start).filter(|between| !between.is_empty());
            if let Some(between) = between
                && !visit(Part::Text(Stretch { bytes: between, start: start + done, policy }))?
            {
                return Ok(false);
            }
            if !visit(Part::Id(found.id, [start + found.start, start + found.end]))? {
                return Ok(false);
            }
            done = found.end;
        }
        match &bytes[done..] {
            [] => Ok(true),
            rest => visit(Part::Text(Stretch { bytes: rest, start: start + done, policy })),
        }
    }

    /// Adds the ids of one part to `ids`; returns whether more are wanted.
    pub(super) fn encode_part(&self, part: Part<'_>, ids: &mut Ids) -> Result<bool> {
        match part {
            Part::Id(id, _) => Ok(ids.extend(&[id])),
            Part::Text(stretch) if self.pipeline.is_plain() => self.encoder.encode(stretch.bytes, ids),
            Part::Text(stretch) => self.encode_stretch(stretch, &mut Output::Ids(ids)),
        }
    }

    /// `stretch` in parts of about `target` bytes, each of which may be encoded on its own.
    pub(super) fn cut_up<'t>(
        &self,
        stretch: Stretch<'t>,
        target: usize,
    ) -> impl Iterator<Item = Stretch<'t>> + use<'t, '_> {
        let keeps =
            || self.pipeline.steps.is_none() && self.pipeline.unknown.is_none() && self.keeps(stretch.bytes);
        let cutter = if keeps() { self.splitter() } else { &self.cutter };
        let mut start = stretch.start;
        cutter.cut_up(stretch.bytes, target).map(move |bytes| {
            let part = Stretch { bytes, start, policy: stretch.policy };
            start += bytes.len();
            part
        })
    }

    /// Whether the normalizer leaves text, and every stretch of it, as it is, and no names are looked for after it.
    fn keeps(&self, text: &[u8]) -> bool {
        let normalizer = self.pipeline.normalizer.as_ref();
        !self.specials.has_normalized() && normalizer.is_none_or(|normalizer| normalizer.keeps(text))
    }
}
