//! The tokenizer: text with special tokens → ids, ids → bytes.

use std::collections::HashSet;
use std::sync::OnceLock;

use xxhash_rust::xxh3::Xxh3;

use super::bytes::{BYTE_OF_ID, bytes_of_text};
use super::encoder::{Encoder, WholePretokens};
use super::ids::Ids;
use super::merges::{MOST_MERGES, Merge};
use super::ranks::{Merges, Spelled};
use super::special::{SpecialPolicy, Specials, check_names};
use super::tokens::Tokens;
use super::vocabulary::Vocabulary;
use crate::split::{Pattern, Splitter};
use crate::{Error, Result};

/// All that decides about ids.
#[derive(Debug, Clone)]
pub struct Definition {
    /// How text is cut before bytes merge.
    pub pattern: Pattern,
    /// Ids and bytes of the ordinary tokens, in any order; each single byte must be among them.
    pub tokens: Tokens,
    /// Which pairs of them merge.
    pub merges: Merges,
    /// What happens to a pretoken that is a token as a whole.
    pub whole_pretokens: WholePretokens,
    /// Names and ids of the special tokens. Of several names of one id the first is the one it decodes to.
    pub special_tokens: Vec<(String, u32)>,
    /// The ids of those that a `tokenizer.json` adds without the mark of being special. A text holds them as it holds
    /// the others; the mark is for other readers, which leave such tokens in a text that they decode.
    pub unmarked: Vec<u32>,
    /// The special token that begins a text on request.
    pub bos: Option<u32>,
    /// The special token that ends a text on request.
    pub eos: Option<u32>,
}

/// How one call encodes.
#[derive(Debug, Clone, Default)]
pub struct EncodeOptions {
    /// What the names of special tokens in the text are.
    pub special: SpecialPolicy,
    /// An id to begin with.
    pub bos: Option<u32>,
    /// An id to end with.
    pub eos: Option<u32>,
    /// The most ids to return, `bos` and `eos` among them; encoding stops there.
    pub max_tokens: Option<usize>,
}

/// A byte-level BPE tokenizer: immutable, shared between threads by reference.
#[derive(Debug)]
pub struct Tokenizer {
    pub(super) encoder: Encoder,
    specials: Specials,
    unmarked: Vec<u32>,
    bos: Option<u32>,
    eos: Option<u32>,
    token_count: usize,
    fingerprint: OnceLock<String>,
}

/// A part of a text: either an id as it stands, or bytes to encode.
#[derive(Debug, Clone, Copy)]
pub(super) enum Part<'t> {
    Id(u32),
    Text(&'t [u8]),
}

impl Tokenizer {
    /// From its definition. An error is the text of what is wrong with it; who read it knows where.
    pub fn new(definition: Definition) -> std::result::Result<Self, String> {
        let Definition { pattern, tokens, merges, whole_pretokens, special_tokens, unmarked, bos, eos } =
            definition;
        let splitter = Splitter::new(&pattern).map_err(|error| error.to_string())?;
        let once = first_names(&special_tokens);
        let token_count = tokens.len() + once.len();
        let vocabulary = Vocabulary::new(tokens, &once).map_err(|error| error.to_string())?;
        if let Merges::Listed(merges) = &merges {
            check_merges(merges, &vocabulary)?;
        }
        let byte_ids = byte_ids(&vocabulary)?;
        check_written_names(&special_tokens, &vocabulary)?;
        let specials = Specials::new(special_tokens).map_err(|error| error.to_string())?;
        let encoder = Encoder::new(splitter, vocabulary, merges, &byte_ids, whole_pretokens);
        Ok(Self { encoder, specials, unmarked, bos, eos, token_count, fingerprint: OnceLock::new() })
    }

    /// From merges just learned: the 256 bytes in GPT-2's order, the merges' tokens, then the special tokens.
    pub fn from_merges(pattern: Pattern, merges: &[Merge], special_tokens: &[String]) -> Result<Self> {
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
            unmarked: Vec::new(),
            bos: None,
            eos: None,
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
            tokens: self.encoder.vocabulary.iter().filter(|&(id, _)| !self.is_special(id)).collect(),
            merges: self.encoder.ranks.definition(),
            whole_pretokens: self.encoder.whole_pretokens,
            special_tokens: self.specials.tokens().to_vec(),
            unmarked: self.unmarked.clone(),
            bos: self.bos,
            eos: self.eos,
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
        let moved_down = whole.special_tokens[..].first().map_or(0, |&(_, first)| first - bound);
        let shorter = Definition {
            tokens: whole.tokens.iter().filter(|&(id, _)| id < bound).collect(),
            merges: whole.merges.below(bound),
            special_tokens: whole
                .special_tokens
                .into_iter()
                .map(|(name, id)| (name, id - moved_down))
                .collect(),
            unmarked: whole.unmarked.into_iter().map(|id| id - moved_down).collect(),
            bos: whole.bos.map(|id| id - moved_down),
            eos: whole.eos.map(|id| id - moved_down),
            ..whole
        };
        Self::new(shorter).map_err(|message| Error::argument("vocab_size", message))
    }

    /// Cuts text into pretokens.
    pub fn splitter(&self) -> &Splitter {
        &self.encoder.splitter
    }

    /// How many tokens there are: bytes, merges and special tokens.
    pub fn vocab_size(&self) -> usize {
        self.token_count
    }

    /// The largest id that this tokenizer gives.
    pub fn max_id(&self) -> u32 {
        self.encoder.vocabulary.id_bound() as u32 - 1
    }

    /// Ids and bytes of all tokens by id; special tokens have the bytes of their names.
    pub fn vocabulary(&self) -> impl Iterator<Item = (u32, &[u8])> {
        self.encoder.vocabulary.iter()
    }

    /// Names and ids of the special tokens.
    pub fn special_tokens(&self) -> &[(String, u32)] {
        self.specials.tokens()
    }

    /// The merges in the order of their ranks.
    pub fn merges(&self) -> &[Merge] {
        self.encoder.merges()
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

    /// The id that begins a text by the tokenizer's own rule, if it has one.
    pub fn bos(&self) -> Option<u32> {
        self.bos
    }

    /// The id that ends a text by the tokenizer's own rule, if it has one.
    pub fn eos(&self) -> Option<u32> {
        self.eos
    }

    /// Whether `id` is a special token.
    pub fn is_special(&self, id: u32) -> bool {
        self.specials.contains(id)
    }

    /// The id of the token with these bytes; a special token has those of its name.
    pub fn id_of(&self, token: &[u8]) -> Option<u32> {
        let special = || std::str::from_utf8(token).ok().and_then(|name| self.special_id(name));
        self.encoder.vocabulary.id_of(token).or_else(special)
    }

    /// The bytes of token `id`; a special token has those of its name.
    pub fn bytes_of(&self, id: u32) -> Option<&[u8]> {
        self.encoder.vocabulary.bytes_of(id)
    }

    /// A hexadecimal hash of all that decides about ids: vocabulary, merges, pattern, special tokens. 128 bits of
    /// XXH3, which tells versions of a tokenizer apart but is not proof against forgery.
    pub fn fingerprint(&self) -> &str {
        self.fingerprint.get_or_init(|| {
            let mut hash = Xxh3::new();
            let mut add = |bytes: &[u8]| {
                hash.update(&(bytes.len() as u64).to_le_bytes());
                hash.update(bytes);
            };
            add(self.splitter().pattern().expressions().join(&Pattern::THEN.to_string()).as_bytes());
            add(&[u8::from(self.encoder.whole_pretokens == WholePretokens::Take)]);
            for (id, token) in self.encoder.vocabulary.iter() {
                add(&id.to_le_bytes());
                add(token);
            }
            for merge in self.merges() {
                add(&[merge.left.to_le_bytes(), merge.right.to_le_bytes()].concat());
            }
            for (_, id) in self.special_tokens() {
                add(&id.to_le_bytes());
            }
            for id in [self.bos, self.eos] {
                add(&id.unwrap_or(u32::MAX).to_le_bytes());
            }
            format!("{:032x}", hash.digest128())
        })
    }

    /// The parts of `text` as `options` wants them, until `visit` returns `false`.
    pub(super) fn for_each_part<'t>(
        &self,
        text: &'t [u8],
        options: &EncodeOptions,
        mut visit: impl FnMut(Part<'t>) -> Result<bool>,
    ) -> Result<()> {
        if let Some(bos) = options.bos
            && !visit(Part::Id(bos))?
        {
            return Ok(());
        }
        let mut start = 0;
        for found in self.specials.find(text, &options.special)? {
            if !visit(Part::Text(&text[start..found.start]))? || !visit(Part::Id(found.id))? {
                return Ok(());
            }
            start = found.end;
        }
        if !visit(Part::Text(&text[start..]))? {
            return Ok(());
        }
        if let Some(eos) = options.eos {
            visit(Part::Id(eos))?;
        }
        Ok(())
    }

    /// Adds the ids of one part to `ids`; tells whether more are wanted.
    pub(super) fn encode_part(&self, part: Part<'_>, ids: &mut Ids) -> Result<bool> {
        match part {
            Part::Id(id) => Ok(ids.extend(&[id])),
            Part::Text(text) => self.encoder.encode(text, ids),
        }
    }
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

/// Names and ids of special tokens without the second names that ids have.
fn first_names(special_tokens: &[(String, u32)]) -> Vec<(String, u32)> {
    let mut known = HashSet::new();
    special_tokens.iter().filter(|(_, id)| known.insert(*id)).cloned().collect()
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

/// Each merge must be of tokens that exist, and spell the one it makes.
fn check_merges(merges: &[Merge], vocabulary: &Vocabulary) -> std::result::Result<(), String> {
    let bytes_of = |rank: usize, id: u32| {
        vocabulary.bytes_of(id).ok_or_else(|| format!("merge {rank} uses id {id}, which no token has"))
    };
    if merges.len() > MOST_MERGES {
        return Err(format!("{} merges, and {MOST_MERGES} are the most", merges.len()));
    }
    for (rank, merge) in merges.iter().enumerate() {
        let (left, right) = (bytes_of(rank, merge.left)?, bytes_of(rank, merge.right)?);
        let made = bytes_of(rank, merge.id)?;
        if made.len() != left.len() + right.len() || !made.starts_with(left) || !made.ends_with(right) {
            return Err(format!("merge {rank} makes id {}, which does not spell its two parts", merge.id));
        }
    }
    Ok(())
}
