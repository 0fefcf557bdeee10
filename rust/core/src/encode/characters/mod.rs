//! Encodes by vocabularies of characters, on the machinery that merges bytes.
//!
//! The BPE of SentencePiece, and of Hugging Face without its `ByteLevel`, begins with characters: those that are
//! tokens, and for each other one its bytes, or one token for all that is unknown. Here everything begins with bytes.
//! So the encoder gets, in addition to the vocabulary, tokens of its own: the bytes, and the beginnings of every
//! character of several bytes that is a token; and merges that make each such character out of its bytes, before all
//! others.
//!
//! The result is the same. Every beginning starts with the first byte of a character, and in UTF-8 no other character
//! has that byte sequence inside it, so only the bytes of one character ever become one, whatever stands beside it; and
//! since these merges come first, all characters that are tokens are made before any of them merges with another.
//! Merges of the vocabulary are of its own tokens, so what is left of a character that is not a token — bytes and
//! beginnings, side by side — takes no part in them. At the end it becomes the tokens that stand for its bytes, or the
//! one for the unknown, which its first byte stands for.

pub(crate) mod affixes;
pub(crate) mod joins;

use std::collections::{HashMap, HashSet};

use crate::encode::bpe::merges::Merge;
use crate::encode::vocabulary::tokens::Tokens;
use crate::{Error, Result};
use affixes::{Affixes, Stand};
use joins::Joins;

/// What becomes of characters that are not tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unknown {
    /// Each of their bytes becomes a token: these, by byte.
    Bytes(Box<[u32; 256]>),
    /// Each becomes this token.
    Token(u32),
    /// All in a row become this token once.
    Fused(u32),
    /// They are left out, as if the text did not have them.
    Dropped,
    /// The text cannot be encoded.
    Refused,
}

/// What a token of the encoder stands for outside, in the vocabulary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outside {
    /// This token.
    Token(u32),
    /// A part of a character that is no token: these bytes.
    Part { bytes: [u8; 3], length: u8 },
}

impl Outside {
    /// A part whose bytes nobody asks for, since none is a token.
    pub(crate) const PART: Self = Self::Part { bytes: [0; 3], length: 0 };
}

/// A token as it stands in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Placed {
    pub(crate) id: u32,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// Maps the encoder's ids to those of the vocabulary.
#[derive(Debug, Clone)]
pub(crate) struct Characters {
    /// By the encoder's id.
    outside: Vec<Outside>,
    unknown: Unknown,
    joins: Joins,
    affixes: Affixes,
    /// All characters that are tokens, if others are left out.
    known: Option<HashSet<(char, Stand)>>,
}

/// What the encoder is to be made of.
pub(crate) struct Inside {
    pub(crate) tokens: Tokens,
    /// The merges that make characters; those of the vocabulary follow.
    pub(crate) merges: Vec<Merge>,
    pub(crate) characters: Characters,
    /// The encoder's ids of the vocabulary's tokens.
    pub(crate) ids: HashMap<u32, u32>,
}

impl Inside {
    /// The merges that make characters, then those of `listed`. Merges of special tokens, which the encoder does not
    /// have, are left out.
    pub(crate) fn merges(
        &self,
        listed: &[Merge],
        special: &[(String, u32)],
    ) -> std::result::Result<Vec<Merge>, String> {
        let special: HashSet<u32> = special.iter().map(|&(_, id)| id).collect();
        let mut merges = self.merges.clone();
        for (rank, merge) in listed.iter().enumerate() {
            let all = [merge.left, merge.right, merge.id];
            match all.map(|id| self.ids.get(&id).copied()) {
                [Some(left), Some(right), Some(id)] => merges.push(Merge { left, right, id }),
                found if all.iter().zip(found).all(|(id, found)| found.is_some() || special.contains(id)) => {
                }
                _ => {
                    return Err(format!(
                        "merge {rank} is of a token that stands for a byte or for the unknown"
                    ));
                }
            }
        }
        Ok(merges)
    }
}

impl Characters {
    /// What the encoder is to be made of, from the vocabulary's tokens, which are in the order of the ranks of their
    /// merges if merging goes by spelling. Those in `last` merge when all others have, the leftmost first.
    pub(crate) fn inside(
        tokens: &Tokens,
        unknown: Unknown,
        last: &[u32],
    ) -> std::result::Result<Inside, String> {
        // A token that stands for a byte, or for the unknown, is no text.
        let own: HashSet<u32> = match &unknown {
            Unknown::Bytes(ids) => ids.iter().copied().collect(),
            &(Unknown::Token(id) | Unknown::Fused(id)) => HashSet::from([id]),
            Unknown::Dropped | Unknown::Refused => HashSet::new(),
        };
        let is_own = |&(id, token): &(u32, &[u8])| own.contains(&id) && !is_character(token);
        let last: HashSet<u32> = last.iter().copied().collect();
        let all = tokens.iter().filter(|token| !is_own(token));
        let (last, others): (Vec<_>, Vec<_>) = all.partition(|(id, _)| last.contains(id));
        let joins = Joins::new(&last, &others)?;
        let vocabulary = || others.iter().copied();
        let mut inside = Builder::default();
        let ascii: HashMap<u8, u32> =
            vocabulary().filter(|(_, token)| token.len() == 1).map(|(id, token)| (token[0], id)).collect();
        for byte in 0..=255 {
            let part = Outside::Part { bytes: [byte, 0, 0], length: 1 };
            inside.add(&[byte], ascii.get(&byte).map_or(part, |&id| Outside::Token(id)));
        }
        for (id, token) in vocabulary().filter(|(_, token)| token.len() > 1 && is_character(token)) {
            let bytes: Vec<&[u8]> = token.chunks(1).collect();
            inside.add_character(&bytes, Outside::Token(id))?;
        }
        for (id, token) in vocabulary().filter(|(_, token)| !is_character(token)) {
            inside.push(token, Outside::Token(id));
        }
        let Builder { tokens: made, merges, outside, .. } = inside;
        let ids = (0..).zip(&outside).filter_map(|(inside, outside)| match outside {
            Outside::Token(id) => Some((*id, inside)),
            Outside::Part { .. } => None,
        });
        let ids = ids.collect();
        let affixes = Affixes::default();
        let known = known_characters(tokens, &affixes, &unknown);
        let characters = Self { outside, unknown, joins, affixes, known };
        Ok(Inside { tokens: made, merges, ids, characters })
    }

    /// Like [`inside`](Self::inside), for words whose first or last tokens are written differently; returns all merges,
    /// too, which come from `listed`.
    pub(crate) fn inside_affixes(
        tokens: &Tokens,
        listed: &[Merge],
        unknown: &Unknown,
        affixes: &Affixes,
    ) -> std::result::Result<(Inside, Vec<Merge>), String> {
        if matches!(unknown, Unknown::Bytes(_)) {
            return Err("byte_fallback in words with a prefix or suffix is not supported".to_owned());
        }
        let (builder, merges) = affixes::inside(tokens, listed, affixes)?;
        let Builder { tokens: made, outside, .. } = builder;
        let known = known_characters(tokens, affixes, unknown);
        let (unknown, affixes) = (unknown.clone(), affixes.clone());
        let characters = Self { outside, unknown, joins: Joins::default(), affixes, known };
        let inside = Inside { tokens: made, merges: Vec::new(), ids: HashMap::new(), characters };
        Ok((inside, merges))
    }

    /// Whether the encoder gets more than the text of pieces, or less: with marks, or without unknown characters.
    pub(crate) fn rewrites_pieces(&self) -> bool {
        !self.affixes.is_empty() || self.known.is_some()
    }

    /// Adds the bytes of a piece as the encoder wants them.
    pub(crate) fn write_piece(&self, piece: &str, bytes: &mut Vec<u8>) {
        if !self.rewrites_pieces() {
            bytes.extend_from_slice(piece.as_bytes());
            return;
        }
        for (at, character) in piece.char_indices() {
            let end = at + character.len_utf8();
            let stand = self.affixes.stand(at == 0, end == piece.len());
            if self.known.as_ref().is_none_or(|known| known.contains(&(character, stand))) {
                Affixes::write(&piece[at..end], stand, bytes);
            }
        }
    }

    /// Calls `visit` with the vocabulary's tokens of some pieces of text, from those of the encoder: ids, and how long
    /// each is. `ends` are where the pieces end.
    pub(crate) fn place(
        &self,
        text: &[u8],
        ends: &[usize],
        inside: impl Iterator<Item = (u32, usize)>,
        visit: impl FnMut(Placed),
    ) -> Result<()> {
        let mut joiner = self.joins.joiner(text, visit);
        let placed = self.place_apart(text, ends, inside, |placed| joiner.push(placed));
        joiner.finish();
        placed
    }

    /// Like [`place`](Self::place), before any join.
    fn place_apart(
        &self,
        text: &[u8],
        ends: &[usize],
        inside: impl Iterator<Item = (u32, usize)>,
        mut visit: impl FnMut(Placed),
    ) -> Result<()> {
        let mut fused: Option<Placed> = None;
        let mut ends = ends.iter().peekable();
        let mut start = 0;
        for (id, length) in inside {
            let end = start + length;
            while ends.next_if(|&&end| end <= start).is_some() {
                fused.take().into_iter().for_each(&mut visit);
            }
            match self.outside[id as usize] {
                Outside::Token(id) => {
                    fused.take().into_iter().for_each(&mut visit);
                    visit(Placed { id, start, end });
                }
                Outside::Part { bytes, length } => {
                    self.place_part(text, start, &bytes[..usize::from(length)], &mut fused, &mut visit)?;
                }
            }
            start = end;
        }
        fused.into_iter().for_each(visit);
        Ok(())
    }

    /// Like [`place_apart`](Self::place_apart), for a part of a character that begins at byte `start` of the text.
    fn place_part(
        &self,
        text: &[u8],
        start: usize,
        bytes: &[u8],
        fused: &mut Option<Placed>,
        visit: &mut impl FnMut(Placed),
    ) -> Result<()> {
        if let Unknown::Bytes(ids) = &self.unknown {
            for (at, &byte) in (start..).zip(bytes) {
                visit(Placed { id: ids[usize::from(byte)], start: at, end: at + 1 });
            }
            return Ok(());
        }
        let start = start + affixes::mark_at(text, start);
        let window = &text[start..text.len().min(start + 4)];
        let Some(character) = window.utf8_chunks().next().and_then(|chunk| chunk.valid().chars().next())
        else {
            // After the first byte of a character, which stood for all of it.
            return Ok(());
        };
        let end = start + character.len_utf8();
        match self.unknown {
            Unknown::Token(id) => visit(Placed { id, start, end }),
            Unknown::Fused(id) => match fused {
                Some(run) => run.end = end,
                None => *fused = Some(Placed { id, start, end }),
            },
            // Those that are dropped were not given to the encoder.
            Unknown::Dropped => {}
            Unknown::Bytes(_) | Unknown::Refused => {
                return Err(no_token(&format!("{character:?} (U+{:04X})", character as u32)));
            }
        }
        Ok(())
    }

    /// The token for a byte that is not UTF-8.
    pub(crate) fn byte(&self, byte: u8) -> Result<u32> {
        match &self.unknown {
            Unknown::Bytes(ids) => Ok(ids[usize::from(byte)]),
            &(Unknown::Token(id) | Unknown::Fused(id)) => Ok(id),
            Unknown::Dropped | Unknown::Refused => {
                Err(no_token(&format!("the byte 0x{byte:02X}, which is no UTF-8")))
            }
        }
    }
}

/// All characters that are tokens, if others are left out.
fn known_characters(tokens: &Tokens, affixes: &Affixes, unknown: &Unknown) -> Option<HashSet<(char, Stand)>> {
    let known = |(_, token)| {
        let stands = affixes.stands().filter_map(move |stand| {
            let text = affixes.characters(std::str::from_utf8(token).ok()?, stand)?;
            let mut characters = text.chars();
            Some((characters.next()?, stand)).filter(|_| characters.next().is_none())
        });
        stands.collect::<Vec<_>>()
    };
    (*unknown == Unknown::Dropped).then(|| tokens.iter().flat_map(known).collect())
}

/// Whether a token is a single character.
fn is_character(token: &[u8]) -> bool {
    std::str::from_utf8(token).is_ok_and(|text| text.chars().nth(1).is_none())
}

fn no_token(what: &str) -> Error {
    Error::argument(
        "text",
        format!("holds {what}, for which this tokenizer has no token, nor one for the unknown"),
    )
}

/// The encoder's vocabulary in the making.
#[derive(Debug, Default)]
pub(crate) struct Builder {
    pub(crate) tokens: Tokens,
    /// The merges that make characters.
    pub(crate) merges: Vec<Merge>,
    pub(crate) outside: Vec<Outside>,
    /// Bytes, characters and beginnings of characters.
    known: HashMap<Vec<u8>, u32>,
}

impl Builder {
    /// Adds a token that is not part of a character; returns its id.
    pub(crate) fn push(&mut self, token: &[u8], outside: Outside) -> u32 {
        let id = self.outside.len() as u32;
        self.tokens.push(id, token);
        self.outside.push(outside);
        id
    }

    /// Adds a byte, a character or a beginning of one.
    pub(crate) fn add(&mut self, token: &[u8], outside: Outside) -> u32 {
        let id = self.push(token, outside);
        self.known.insert(token.to_owned(), id);
        id
    }

    /// Adds what two of those make, with the merge that makes it.
    pub(crate) fn join(&mut self, left: &[u8], right: &[u8], outside: Outside) -> u32 {
        let id = self.add(&[left, right].concat(), outside);
        self.merges.push(Merge { left: self.known[left], right: self.known[right], id });
        id
    }

    /// Adds a character made of parts that are there, and those of its beginnings that are not; returns its id. A
    /// character of a single part is there already.
    pub(crate) fn add_character(
        &mut self,
        parts: &[&[u8]],
        outside: Outside,
    ) -> std::result::Result<u32, String> {
        let character = parts.concat();
        let mut length = parts[0].len();
        for (number, part) in parts.iter().enumerate().skip(1) {
            let is_whole = number + 1 == parts.len();
            let (left, longer) = (&character[..length], length + part.len());
            match self.known.get(&character[..longer]) {
                Some(_) if is_whole => {
                    return Err(format!("{:?} is a token twice", String::from_utf8_lossy(&character)));
                }
                Some(_) => {}
                None => {
                    let outside = if is_whole { outside } else { beginning(&character[..longer]) };
                    self.join(left, part, outside);
                }
            }
            length = longer;
        }
        Ok(self.known[&character])
    }
}

/// What the beginning of a character stands for outside: no token, but its bytes may be tokens.
fn beginning(of_character: &[u8]) -> Outside {
    let mut bytes = [0; 3];
    match bytes.get_mut(..of_character.len()) {
        Some(all) => {
            all.copy_from_slice(of_character);
            Outside::Part { bytes, length: of_character.len() as u8 }
        }
        // With a mark, which no tokens of bytes have.
        None => Outside::PART,
    }
}
