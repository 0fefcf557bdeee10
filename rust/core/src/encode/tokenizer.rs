//! The tokenizer: text with special tokens → ids, ids → bytes.

use std::collections::HashMap;
use std::sync::OnceLock;

use xxhash_rust::xxh3::Xxh3;

use super::bpe::merges::{MOST_MERGES, Merge};
use super::bpe::ranks::{Merges, Spelled};
use super::characters::affixes::Affixes;
use super::characters::{Characters, Unknown};
use super::encoder::{Encoder, WholePretokens};
use super::ids::Ids;
use super::pipeline::{Output, Outside, Pipeline, Stretch};
use super::vocabulary::Vocabulary;
use super::vocabulary::end_ids::EndIds;
use super::vocabulary::special::{
    Manner, SpecialPolicy, Specials, Stage, check_decoded_name, check_names, first_names, ordinary_specials,
};
use super::vocabulary::tokens::Tokens;
use crate::bytes::{BYTE_OF_ID, bytes_of_text};
use crate::memory::reuse::get_or_compute;
use crate::split::{Pattern, Splitter};
use crate::{Error, Result};

/// How many bytes of a tokenizer are hashed at once.
const HASHED_AT_ONCE: usize = 16 << 10;

/// All that decides about ids.
#[derive(Debug, Clone)]
pub struct Definition {
    /// How text is cut before bytes merge.
    pub pattern: Pattern,
    /// Ids and bytes of the ordinary tokens, in any order; each single byte must be among them. A special token may be one,
    /// too: then text becomes it by its name and by merging.
    pub tokens: Tokens,
    /// Which pairs of them merge.
    pub merges: Merges,
    /// What happens to a pretoken that is a token as a whole.
    pub whole_pretokens: WholePretokens,
    /// Names and ids of the special tokens. Of several names of one id the first is the one it decodes to.
    pub special_tokens: Vec<(String, u32)>,
    /// How special tokens stand in a text, by id; those that are not here, just so.
    pub manners: Vec<(u32, Manner)>,
    /// What happens besides.
    pub pipeline: Pipeline,
    /// The tokens that begin a text on request.
    pub bos: EndIds,
    /// The tokens that end a text on request.
    pub eos: EndIds,
}

/// How one call encodes.
#[derive(Debug, Clone, Default)]
pub struct EncodeOptions {
    /// What the names of special tokens in the text are.
    pub special: SpecialPolicy,
    /// Ids to begin with.
    pub bos: EndIds,
    /// Ids to end with.
    pub eos: EndIds,
    /// The most ids to return, `bos` and `eos` among them; encoding stops there.
    pub max_tokens: Option<usize>,
    /// Which ids those are.
    pub kept: Kept,
    /// By the number of a text: the spans in which special tokens are looked for in different ways, in place of `special`;
    /// none if it holds for all of the text. Only names count that lie within a span. All else of the text is one, so
    /// that it is encoded as it would be without the borders of spans.
    pub spans: Vec<Vec<Span>>,
}

/// Which ids are left where there may not be more than a number of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Kept {
    /// The first ones; the rest of the text is not encoded.
    #[default]
    First,
    /// The last ones; of the text before them only so much is encoded as needed.
    Last,
}

/// A part of a text with a policy of its own. It begins where the one before ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// Where it ends, in bytes of the text.
    pub end: usize,
    /// What the names of special tokens in it are.
    pub special: SpecialPolicy,
}

/// A byte-level BPE tokenizer: immutable, shared between threads by reference.
#[derive(Debug)]
pub struct Tokenizer {
    pub(super) encoder: Encoder,
    pub(super) specials: Specials,
    manners: Vec<(u32, Manner)>,
    pub(super) pipeline: Pipeline,
    /// For a vocabulary of characters.
    pub(super) outside: Option<Outside>,
    /// Where text may be cut before it is encoded.
    cutter: Splitter,
    bos: EndIds,
    eos: EndIds,
    token_count: usize,
    fingerprint: OnceLock<String>,
}

/// A part of a text: either an id as it stands, or bytes to encode.
#[derive(Debug, Clone, Copy)]
pub(super) enum Part<'t> {
    /// A token, and where it stands in the text.
    Id(u32, [usize; 2]),
    Text(Stretch<'t>),
}

impl Tokenizer {
    /// From its definition. An error is the text of what is wrong with it; the reader of a file knows where.
    pub fn new(definition: Definition) -> std::result::Result<Self, String> {
        let Definition {
            pattern,
            tokens,
            merges,
            whole_pretokens,
            special_tokens,
            manners,
            pipeline,
            bos,
            eos,
        } = definition;
        let splitter = Splitter::new(&pattern).map_err(|error| error.to_string())?;
        // Tokens without a mark are part of any text, and a cut could fall into one.
        let is_cut = pipeline.is_plain() && !manners.iter().any(|(_, manner)| manner.unmarked);
        let cutter = if is_cut { splitter.clone() } else { whole_splitter() };
        let specials = Specials::new(special_tokens, manner_of(&manners), |name| pipeline.normalized(name))
            .map_err(|error| error.to_string())?;
        let both = ordinary_specials(specials.tokens(), &tokens);
        let mut apart = first_names(specials.written_tokens());
        apart.retain(|(_, id)| !both.contains(id));
        let token_count = tokens.len() + apart.len();
        let (encoder, outside) = match &pipeline.unknown {
            None => {
                if pipeline.decoder.is_none() {
                    apart.iter().try_for_each(|(name, _)| check_decoded_name(name))?;
                }
                (byte_encoder(splitter, tokens, merges, whole_pretokens, &apart)?, None)
            }
            Some(unknown) => {
                let characters = CharacterVocabulary { tokens, merges, unknown, pipeline: &pipeline };
                let (encoder, outside) = character_encoder(splitter, characters, whole_pretokens, &apart)?;
                (encoder, Some(outside))
            }
        };
        let fingerprint = OnceLock::new();
        Ok(Self { encoder, specials, manners, pipeline, outside, cutter, bos, eos, token_count, fingerprint })
    }

    /// From merges just learned: the 256 bytes in GPT-2's order, the merges' tokens, then the special tokens.
    pub fn from_merges(pattern: Pattern, merges: &[Merge], special_tokens: &[String]) -> Result<Self> {
        // Whatever is wrong below is wrong with the names.
        Splitter::new(&pattern)?;
        let mut tokens: Vec<(u32, Vec<u8>)> = (0..).zip(BYTE_OF_ID.map(|byte| vec![byte])).collect();
        for merge in merges {
            if merge.id as usize == tokens.len() {
                let token = [&*tokens[merge.left as usize].1, &*tokens[merge.right as usize].1].concat();
                tokens.push((merge.id, token));
            }
        }
        let special_tokens = special_tokens.iter().cloned().zip(tokens.len() as u32..).collect();
        let definition = Definition {
            pattern,
            tokens: tokens.into_iter().collect(),
            merges: Merges::Listed(merges.to_vec()),
            whole_pretokens: WholePretokens::Merge,
            special_tokens,
            manners: Vec::new(),
            pipeline: Pipeline::default(),
            bos: EndIds::default(),
            eos: EndIds::default(),
        };
        Self::new(definition).map_err(|message| {
            Error::argument("special_tokens", format!("{message}; choose names that the text does not hold"))
        })
    }

    /// Checks names of special tokens before a training that would otherwise fail at its end.
    pub fn check_special_names(names: &[String]) -> Result<()> {
        check_names(names.iter().map(String::as_str))
    }

    /// The definition this could be made from again; the tokens come by id.
    pub fn definition(&self) -> Definition {
        Definition {
            pattern: self.splitter().pattern().clone(),
            tokens: self.tokens().to_ordinary(),
            merges: match (&self.outside, self.encoder.ranks.definition()) {
                (Some(outside), Merges::Listed(_)) => Merges::Listed(outside.merges.clone()),
                (_, merges) => merges,
            },
            whole_pretokens: self.encoder.whole_pretokens,
            special_tokens: self.specials.tokens().to_vec(),
            manners: self.manners.clone(),
            pipeline: self.pipeline.clone(),
            bos: self.bos.clone(),
            eos: self.eos.clone(),
        }
    }

    /// The same training run with a vocabulary of `size` tokens, special tokens included.
    pub fn truncated(&self, size: usize) -> Result<Self> {
        let specials = self.special_tokens().len();
        let room = size.checked_sub(256 + specials).filter(|_| size <= self.token_count);
        let Some(room) = room else {
            let least = 256 + specials;
            let message = format!("{size} is not between {least} and {}", self.token_count);
            return Err(Error::argument("vocab_size", message));
        };
        let whole = self.definition();
        if !is_as_trained(&whole, self.merges()) {
            let message = "only a vocabulary in the order of its training can be truncated";
            return Err(Error::argument("vocab_size", message));
        }
        let bound = 256 + room as u32;
        // All behind the merges are special tokens.
        let first = 256 + self.merges().len() as u32;
        let moved = |id: u32| if id < first { id } else { id - first + bound };
        if let Some(end) = [&whole.bos, &whole.eos]
            .into_iter()
            .flat_map(EndIds::as_slice)
            .find(|&&id| (bound..first).contains(&id))
        {
            let message = format!("{size} leaves out token {end}, which stands before or behind texts");
            return Err(Error::argument("vocab_size", message));
        }
        let mut shorter = Definition {
            tokens: whole.tokens.iter().filter(|&(id, _)| id < bound).collect(),
            merges: whole.merges.below(bound),
            special_tokens: whole.special_tokens.into_iter().map(|(name, id)| (name, moved(id))).collect(),
            manners: whole.manners.into_iter().map(|(id, manner)| (moved(id), manner)).collect(),
            bos: whole.bos.map(moved),
            eos: whole.eos.map(moved),
            ..whole
        };
        // It holds ids.
        shorter.pipeline.written.post_processor = serde_json::Value::Null;
        Self::new(shorter).map_err(|message| Error::argument("vocab_size", message))
    }

    /// With more merges, which come after its own and make tokens with ids of their own.
    pub(crate) fn extended(&self, merges: &[Merge]) -> Result<Self> {
        let mut definition = self.definition();
        let first = self.max_id() + 1;
        let mut made: Vec<Vec<u8>> = Vec::with_capacity(merges.len());
        for merge in merges {
            let token = [merge.left, merge.right].map(|part| match part.checked_sub(first) {
                Some(number) => &*made[number as usize],
                None => self.bytes_of(part).unwrap_or_default(),
            });
            let token = token.concat();
            definition.tokens.push(merge.id, &token);
            made.push(token);
        }
        // By tiktoken's rule, new tokens come about by themselves: where the bytes of one are found, all that merges
        // before has been merged alike, so they are found as its two parts.
        if let Merges::Listed(listed) = &mut definition.merges {
            listed.extend_from_slice(merges);
        }
        Self::new(definition).map_err(|message| Error::argument("tokenizer", message))
    }

    /// The pattern that cuts text. An error if more than that and merges are between a text and its ids.
    pub fn plain_pattern(&self) -> Result<&Pattern> {
        if !self.pipeline.is_plain() {
            let parts: Vec<_> = self.pipeline.before_split().collect();
            let message =
                format!("it has {}; expected one that only splits and merges", parts.join(", and "));
            return Err(Error::argument("tokenizer", message));
        }
        Ok(self.splitter().pattern())
    }

    /// The same vocabulary and merges for pretokens: each text is one, and none is a special token. An error where
    /// [`plain_pattern`](Self::plain_pattern) is one.
    pub fn for_pretokens(&self) -> Result<Self> {
        self.plain_pattern()?;
        let pretokens = Definition {
            pattern: Pattern::Whole,
            special_tokens: Vec::new(),
            manners: Vec::new(),
            pipeline: Pipeline::default(),
            bos: EndIds::default(),
            eos: EndIds::default(),
            ..self.definition()
        };
        Self::new(pretokens).map_err(|message| Error::argument("tokenizer", message))
    }

    /// Cuts text into pretokens.
    pub fn splitter(&self) -> &Splitter {
        &self.encoder.splitter
    }

    /// What tells where a text may be cut so that its parts can be encoded on their own: the splitter, or one that never
    /// cuts where the text that is split is not the text as it is.
    pub fn cutter(&self) -> &Splitter {
        &self.cutter
    }

    /// `stretch` in parts of about `target` bytes that may be encoded each on its own.
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

    /// Whether the normalizer leaves text, and every stretch of it, as it is; and nothing else is looked for there.
    fn keeps(&self, text: &[u8]) -> bool {
        let normalizer = self.pipeline.normalizer.as_ref();
        !self.specials.has_normalized() && normalizer.is_none_or(|normalizer| normalizer.keeps(text))
    }

    /// The tokens as others see them.
    pub(super) fn tokens(&self) -> &Vocabulary {
        self.outside.as_ref().map_or(&self.encoder.vocabulary, |outside| &outside.vocabulary)
    }

    /// How many tokens there are: bytes, merges and special tokens.
    pub fn vocab_size(&self) -> usize {
        self.token_count
    }

    /// The largest id that this tokenizer gives.
    pub fn max_id(&self) -> u32 {
        (self.tokens().id_bound() as u32).saturating_sub(1)
    }

    /// The largest id that text may become where names of special tokens are text.
    pub fn max_id_in_text(&self) -> u32 {
        let may_come = |&(id, token): &(u32, &[u8])| self.is_ordinary(id, token) || !self.is_marked(id);
        self.tokens().iter().filter(may_come).map(|(id, _)| id).max().unwrap_or(0)
    }

    /// Ids and bytes of all tokens by id; special tokens have the bytes of their names.
    pub fn vocabulary(&self) -> impl Iterator<Item = (u32, &[u8])> {
        self.tokens().iter()
    }

    /// Names and ids of the special tokens.
    pub fn special_tokens(&self) -> &[(String, u32)] {
        self.specials.tokens()
    }

    /// The merges in the order of their ranks.
    pub fn merges(&self) -> &[Merge] {
        match &self.outside {
            Some(outside) => &outside.merges,
            None => self.encoder.merges(),
        }
    }

    /// The merges that tiktoken's rule makes of the ordinary tokens.
    pub(super) fn spelled_merges(&self) -> Vec<Merge> {
        let vocabulary = &self.encoder.vocabulary;
        let byte_ids = byte_ids(vocabulary).expect("a tokenizer has all bytes");
        Spelled::new(vocabulary, &byte_ids).merges(vocabulary).to_vec()
    }

    /// The id of a special token by its text.
    pub fn special_id(&self, text: &str) -> Option<u32> {
        self.specials.id_of(text)
    }

    /// The id of a special token by its text; an error that names those there are.
    pub fn require_special(&self, text: &str) -> Result<u32> {
        self.specials.require(text)
    }

    /// The ids that begin a text by the tokenizer's own rule.
    pub fn bos(&self) -> &EndIds {
        &self.bos
    }

    /// The ids that end a text by the tokenizer's own rule.
    pub fn eos(&self) -> &EndIds {
        &self.eos
    }

    /// Whether `id` is a special token.
    pub fn is_special(&self, id: u32) -> bool {
        self.specials.contains(id)
    }

    /// Whether text becomes the token with this id and these bytes by merging.
    fn is_ordinary(&self, id: u32, token: &[u8]) -> bool {
        !self.is_special(id) || self.tokens().id_of(token) == Some(id)
    }

    /// The id of the token with these bytes; a special token has those of its name.
    pub fn id_of(&self, token: &[u8]) -> Option<u32> {
        let special = || std::str::from_utf8(token).ok().and_then(|name| self.special_id(name));
        self.tokens().id_of(token).or_else(special)
    }

    /// Whether `id` is a special token with the mark of being special, and not just an added one.
    pub fn is_marked(&self, id: u32) -> bool {
        self.is_special(id) && !self.specials.manner(id).unmarked
    }

    /// How a special token stands in a text.
    pub(super) fn manner(&self, id: u32) -> Manner {
        self.specials.manner(id)
    }

    /// The bytes of token `id`; a special token has those of its name.
    pub fn bytes_of(&self, id: u32) -> Option<&[u8]> {
        self.tokens().bytes_of(id)
    }

    /// A hexadecimal hash of all that decides about ids: vocabulary, merges, pattern, special tokens. 128 bits of
    /// XXH3, which tells versions of a tokenizer apart but is not proof against forgery.
    pub fn fingerprint(&self) -> &str {
        get_or_compute::<String>(&self.fingerprint, || {
            let mut hash = Xxh3::new();
            // To hash few bytes takes longer than to put them beside others.
            let mut waiting = Vec::with_capacity(2 * HASHED_AT_ONCE);
            let mut add = |bytes: &[u8]| {
                waiting.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
                waiting.extend_from_slice(bytes);
                if waiting.len() >= HASHED_AT_ONCE {
                    hash.update(&waiting);
                    waiting.clear();
                }
            };
            add(self.splitter().pattern().expressions().join(&Pattern::THEN.to_string()).as_bytes());
            add(&[u8::from(self.encoder.whole_pretokens == WholePretokens::Take)]);
            for (id, token) in self.tokens().iter() {
                add(&id.to_le_bytes());
                add(token);
            }
            for merge in self.merges() {
                add(&(u64::from(merge.right) << 32 | u64::from(merge.left)).to_le_bytes());
            }
            for (_, id) in self.special_tokens() {
                add(&id.to_le_bytes());
            }
            for end in [&self.bos, &self.eos] {
                let ids = if end.is_empty() { &[u32::MAX] } else { end.as_slice() };
                add(&ids.iter().flat_map(|id| id.to_le_bytes()).collect::<Vec<_>>());
            }
            self.pipeline.written.for_each(&mut add);
            for (id, manner) in self.manners.iter().filter(|(_, manner)| *manner != Manner::default()) {
                add(format!("{id} {manner:?}").as_bytes());
            }
            hash.update(&waiting);
            format!("{:032x}", hash.digest128())
        })
    }

    /// The parts of `text`, which has this number among others, as `options` wants them, until `visit` returns `false`.
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

    /// The parts of a text, divided by the tokens found within spans; tells whether more are wanted.
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

    /// The parts of a stretch, divided by the tokens found before anything happens to the text; tells whether more are
    /// wanted.
    fn for_each_named<'t>(
        &self,
        stretch: Stretch<'t>,
        visit: &mut impl FnMut(Part<'t>) -> Result<bool>,
    ) -> Result<bool> {
        let is_plain = self.pipeline.is_plain() && self.specials.has_normalized();
        self.for_each_found(stretch, Stage::Raw, &mut |part| match part {
            // Behind no normalizer, the rest of the names stand in the text as it is.
            Part::Text(stretch) if is_plain => self.for_each_found(stretch, Stage::Normalized, visit),
            _ => visit(part),
        })
    }

    /// The parts of a stretch, divided by the tokens found at one stage; tells whether more are wanted.
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

    /// Adds the ids of one part to `ids`; tells whether more are wanted.
    pub(super) fn encode_part(&self, part: Part<'_>, ids: &mut Ids) -> Result<bool> {
        match part {
            Part::Id(id, _) => Ok(ids.extend(&[id])),
            Part::Text(stretch) if self.pipeline.is_plain() => self.encoder.encode(stretch.bytes, ids),
            Part::Text(stretch) => self.encode_stretch(stretch, &mut Output::Ids(ids)),
        }
    }
}

fn whole_splitter() -> Splitter {
    Splitter::new(&Pattern::Whole).expect("no pattern is a good one")
}

fn manner_of(manners: &[(u32, Manner)]) -> impl Fn(u32) -> Manner {
    let first: HashMap<u32, Manner> = manners.iter().rev().copied().collect();
    move |id| first.get(&id).copied().unwrap_or_default()
}

/// The encoder of a vocabulary of bytes.
fn byte_encoder(
    splitter: Splitter,
    tokens: Tokens,
    merges: Merges,
    whole_pretokens: WholePretokens,
    special_tokens: &[(String, u32)],
) -> std::result::Result<Encoder, String> {
    let vocabulary = Vocabulary::new(tokens, special_tokens).map_err(|error| error.to_string())?;
    if let Merges::Listed(merges) = &merges {
        check_merges(merges, &vocabulary, &Affixes::default())?;
    }
    let byte_ids = byte_ids(&vocabulary)?;
    check_written_names(special_tokens, &vocabulary)?;
    Ok(Encoder::new(splitter, vocabulary, merges, &byte_ids, whole_pretokens))
}

/// What makes a vocabulary of characters.
struct CharacterVocabulary<'p> {
    tokens: Tokens,
    merges: Merges,
    unknown: &'p Unknown,
    pipeline: &'p Pipeline,
}

/// The encoder of a vocabulary of characters, and what that is outside.
fn character_encoder(
    splitter: Splitter,
    characters: CharacterVocabulary<'_>,
    whole_pretokens: WholePretokens,
    special_tokens: &[(String, u32)],
) -> std::result::Result<(Encoder, Outside), String> {
    let CharacterVocabulary { tokens, merges, unknown, pipeline } = characters;
    let affixes = &pipeline.affixes;
    let (inside, of_words) = match &merges {
        Merges::Listed(listed) if !affixes.is_empty() => {
            let (inside, merges) = Characters::inside_affixes(&tokens, listed, unknown, affixes)?;
            (inside, Some(merges))
        }
        _ => (Characters::inside(&tokens, unknown.clone(), &pipeline.last)?, None),
    };
    let vocabulary = Vocabulary::new(tokens, special_tokens).map_err(|error| error.to_string())?;
    let (merges, listed) = match merges {
        Merges::Spelled => (Merges::Spelled, Vec::new()),
        Merges::Listed(listed) => {
            check_merges(&listed, &vocabulary, affixes)?;
            let merges = of_words.map_or_else(|| inside.merges(&listed, special_tokens), Ok)?;
            (Merges::Listed(merges), listed)
        }
    };
    if let Merges::Listed(merges) = &merges
        && merges.len() > MOST_MERGES
    {
        return Err(format!("{} merges, and {MOST_MERGES} are the most", merges.len()));
    }
    let of_inside = Vocabulary::new(inside.tokens, &[]).map_err(|error| error.to_string())?;
    let byte_ids = byte_ids(&of_inside)?;
    let encoder = Encoder::new(splitter, of_inside, merges, &byte_ids, whole_pretokens);
    Ok((encoder, Outside { vocabulary, merges: listed, characters: inside.characters }))
}

/// Whether ids are the 256 bytes, then the tokens of the merges in their order, then the special tokens.
fn is_as_trained(definition: &Definition, merges: &[Merge]) -> bool {
    let Definition { tokens, special_tokens, .. } = definition;
    let in_order = |(id, merge): (u32, &Merge)| merge.id == id && merge.left < id && merge.right < id;
    let specials_begin = 256 + merges.len() as u32;
    tokens.len() == specials_begin as usize
        && tokens.iter().take(256).all(|(id, token)| id < 256 && token.len() == 1)
        && (256..).zip(merges).all(in_order)
        && (specials_begin..).zip(special_tokens).all(|(id, &(_, special))| special == id)
}

/// The ids of the 256 single bytes.
fn byte_ids(vocabulary: &Vocabulary) -> std::result::Result<Box<[u32; 256]>, String> {
    let mut ids = Box::new([0; 256]);
    for (byte, id) in (0..=255).zip(&mut *ids) {
        let found = vocabulary.id_of(&[byte]);
        *id = found
            .ok_or_else(|| format!("no token for the byte 0x{byte:02X}; byte-level BPE needs all 256"))?;
    }
    Ok(ids)
}

/// In files, ordinary tokens are written with a character for each byte; a special token must not look like one.
fn check_written_names(
    special_tokens: &[(String, u32)],
    vocabulary: &Vocabulary,
) -> std::result::Result<(), String> {
    for (name, id) in special_tokens {
        let written = bytes_of_text(name).ok().and_then(|bytes| vocabulary.id_of(&bytes));
        if let Some(other) = written {
            return Err(format!(
                "the special token {name:?} (id {id}) is what files write for token {other}"
            ));
        }
    }
    Ok(())
}

/// Each merge must be of tokens that exist, and spell the one it makes, without the prefix of its second part.
fn check_merges(
    merges: &[Merge],
    vocabulary: &Vocabulary,
    affixes: &Affixes,
) -> std::result::Result<(), String> {
    let bytes_of = |rank: usize, id: u32| {
        vocabulary.bytes_of(id).ok_or_else(|| format!("merge {rank} uses id {id}, which no token has"))
    };
    if merges.len() > MOST_MERGES {
        return Err(format!("{} merges, and {MOST_MERGES} are the most", merges.len()));
    }
    for (rank, merge) in merges.iter().enumerate() {
        let (left, right) = (bytes_of(rank, merge.left)?, bytes_of(rank, merge.right)?);
        let made = bytes_of(rank, merge.id)?;
        let right = right.get(affixes.prefix.len()..).unwrap_or_default();
        if made.len() != left.len() + right.len() || !made.starts_with(left) || !made.ends_with(right) {
            return Err(format!("merge {rank} makes id {}, which does not spell its two parts", merge.id));
        }
    }
    Ok(())
}
