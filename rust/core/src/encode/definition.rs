//! What a tokenizer is made from, how it is made, and how others are made from it.

use std::collections::HashMap;
use std::sync::OnceLock;

use super::bpe::merges::{MOST_MERGES, Merge};
use super::bpe::ranks::{Merges, Spelled};
use super::characters::affixes::Affixes;
use super::characters::{Characters, Unknown};
use super::encoder::{Encoder, WholePretokens};
use super::pipeline::{Outside, Pipeline};
use super::tokenizer::Tokenizer;
use super::vocabulary::Vocabulary;
use super::vocabulary::end_ids::EndIds;
use super::vocabulary::special::{
    Manner, Specials, check_decoded_name, check_names, first_names, ordinary_specials,
};
use super::vocabulary::tokens::Tokens;
use crate::bytes::{BYTE_OF_ID, bytes_of_text};
use crate::split::{Pattern, Splitter};
use crate::{Error, Result};

/// Everything that decides which ids a text has.
#[derive(Debug, Clone)]
pub struct Definition {
    /// How text is cut before bytes merge.
    pub pattern: Pattern,
    /// Ids and bytes of the ordinary tokens, in any order; each single byte must be among them. A special token may be
    /// among them, too: then text becomes it by its name and by merging.
    pub tokens: Tokens,
    /// Which pairs of tokens merge.
    pub merges: Merges,
    /// What happens to a pretoken that is a token as a whole.
    pub whole_pretokens: WholePretokens,
    /// Names and ids of the special tokens. Of several names of one id the first is the one it decodes to.
    pub special_tokens: Vec<(String, u32)>,
    /// How special tokens are looked for in a text, by id; those not listed, in the default manner.
    pub manners: Vec<(u32, Manner)>,
    /// The other steps, before the split and in decoding.
    pub pipeline: Pipeline,
    /// The tokens that begin a text on request.
    pub bos: EndIds,
    /// The tokens that end a text on request.
    pub eos: EndIds,
}

impl Definition {
    /// Tokens of bytes and merges, with no other step that changes a text, and no special tokens.
    pub(super) fn of_merges(pattern: Pattern, tokens: Tokens, merges: Vec<Merge>) -> Self {
        Self {
            pattern,
            tokens,
            merges: Merges::Listed(merges),
            whole_pretokens: WholePretokens::Merge,
            special_tokens: Vec::new(),
            manners: Vec::new(),
            pipeline: Pipeline::default(),
            bos: EndIds::default(),
            eos: EndIds::default(),
        }
    }

    /// Like [`of_merges`](Self::of_merges), for tokens whose ids are the ranks in which they merge, as tiktoken has
    /// them.
    pub(super) fn of_ranks(pattern: Pattern, tokens: Tokens) -> Self {
        let merges = Merges::Spelled;
        Self { merges, whole_pretokens: WholePretokens::Take, ..Self::of_merges(pattern, tokens, Vec::new()) }
    }
}

impl Tokenizer {
    /// Makes a tokenizer from its definition. An error says what is wrong with it; the reader of a file knows where.
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

    /// Makes a tokenizer from merges just learned: the 256 bytes in GPT-2's order, the merges' tokens, then the special
    /// tokens.
    pub fn from_merges(pattern: Pattern, merges: &[Merge], special_tokens: &[String]) -> Result<Self> {
        // Any error below is about the names.
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
            special_tokens,
            ..Definition::of_merges(pattern, tokens.into_iter().collect(), merges.to_vec())
        };
        Self::new(definition).map_err(|message| {
            Error::argument("special_tokens", format!("{message}; choose names that the text does not hold"))
        })
    }

    /// Checks names of special tokens before a training that would otherwise fail at its end.
    pub fn check_special_names(names: &[String]) -> Result<()> {
        check_names(names.iter().map(String::as_str))
    }

    /// The merges that tiktoken's rule makes of the ordinary tokens.
    pub(super) fn spelled_merges(&self) -> Vec<Merge> {
        let vocabulary = &self.encoder.vocabulary;
        let byte_ids = byte_ids(vocabulary).expect("a tokenizer has all bytes");
        Spelled::new(vocabulary, &byte_ids).merges(vocabulary).to_vec()
    }

    /// The definition from which this tokenizer could be made again; its tokens are in the order of their ids.
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

    /// The tokenizer that the same training run gives for a vocabulary of `size` tokens, special tokens included.
    pub fn truncated(&self, size: usize) -> Result<Self> {
        let whole = self.definition();
        if !is_as_trained(&whole, self.merges()) {
            let message = "only a vocabulary in the order of its training can be truncated";
            return Err(Error::argument("vocab_size", message));
        }
        let specials = self.special_tokens().len();
        let room = size.checked_sub(256 + specials).filter(|_| size <= self.token_count);
        let Some(room) = room else {
            let least = 256 + specials;
            let message = format!("{size} is not between {least} and {}", self.token_count);
            return Err(Error::argument("vocab_size", message));
        };
        let bound = 256 + room as u32;
        // All tokens after those of the merges are special tokens.
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
        // The post-processor holds ids.
        shorter.pipeline.written.post_processor = serde_json::Value::Null;
        Self::new(shorter).map_err(|message| Error::argument("vocab_size", message))
    }

    /// This tokenizer with more merges, which come after its own and make tokens with ids of their own.
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
        // By tiktoken's rule, new tokens need no merges: where the bytes of one are found, all that merges before has
        // been merged alike, so they are found as its two parts.
        if let Merges::Listed(listed) = &mut definition.merges {
            listed.extend_from_slice(merges);
        }
        Self::new(definition).map_err(|message| Error::argument("tokenizer", message))
    }

    /// A tokenizer for pretokens, with this vocabulary and these merges: each text is one pretoken, and none is a
    /// special token. An error where [`plain_pattern`](Self::plain_pattern) is one.
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

/// The encoder of a vocabulary of characters, and that vocabulary as users see it.
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
    if let Merges::Listed(merges) = &merges {
        check_number(merges)?;
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

fn check_number(merges: &[Merge]) -> std::result::Result<(), String> {
    if merges.len() <= MOST_MERGES {
        return Ok(());
    }
    Err(format!("{} merges, and {MOST_MERGES} are the most", merges.len()))
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
    check_number(merges)?;
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
