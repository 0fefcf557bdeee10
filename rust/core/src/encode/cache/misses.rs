//! What becomes of text that the cache does not know.
//!
//! Tokens as a whole are looked up, if they count as such. Long pretokens are cut where no token can reach across, and
//! the cache may know the pieces. Whatever is left merges, many at once ([`lockstep`](crate::encode::bpe::lockstep)),
//! and the cache knows it from then on. That is done for all the [`holes`](super::holes) among some ids together; only
//! a pretoken so long that its ids are not kept is encoded on the spot, some pieces at a time.

use std::ops::Range;

use super::arena::{Arena, Hash};
use super::emit::write_known;
use super::holes::{Holes, LongMisses, Miss, ShortMisses};
use crate::Error;
use crate::encode::bpe::lockstep::{self, Lockstep, Word};
use crate::encode::bpe::ranks::{PairRanks, Ranks};
use crate::encode::bpe::slots::Asked;
use crate::encode::bpe::{MANY_LANES, Merger};
use crate::encode::cache::{Cache, LANES, Lanes};
use crate::encode::encoder::{Encoder, WholePretokens};
use crate::encode::ids::Ids;
use crate::encode::vocabulary::NO_ID;
use crate::keys::{Extent, Key, Keys, NO_KEY, length_of};
use crate::split::{BLOCK, Ends};

/// A key's bytes, of which the last tells the length, as lanes.
const KEY_LANES: usize = 16;

/// The cache, and scratch space for encoding what it does not have.
#[derive(Debug, Default)]
pub(crate) struct MissSpace {
    pub(crate) cache: Cache,
    merger: Merger,
    pieces: Pieces,
    resolved: Resolved,
    long: LongIds,
    pub(crate) content: Content,
}

/// What the long pretokens of a text are known to hold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Content {
    /// Whole characters: they are split from UTF-8.
    Characters,
    /// Any bytes.
    #[default]
    Bytes,
}

/// Pieces of long pretokens.
#[derive(Debug, Default)]
struct Pieces {
    ends: Ends,
    keys: Keys,
    /// For each piece the number of its miss, or [`KNOWN`] if the cache has it.
    misses: Vec<usize>,
    /// The misses of a pretoken that leaves no hole.
    short: ShortMisses,
    /// The ids of those without a key, in order.
    long: LongIds,
}

/// In `misses`: the cache has the piece.
const KNOWN: usize = usize::MAX;

/// The ids of long pretokens or pieces, one behind another.
#[derive(Debug)]
struct LongIds {
    ids: Ids,
    /// Those of each.
    places: Vec<Range<usize>>,
}

impl Default for LongIds {
    fn default() -> Self {
        Self { ids: Ids::keep_in(Vec::new(), 0), places: Vec::new() }
    }
}

impl LongIds {
    fn of(&self, number: usize) -> &[u32] {
        &self.ids.kept()[self.places[number].clone()]
    }

    fn clear(&mut self) {
        self.ids.clear();
        self.places.clear();
    }
}

/// Scratch space for encoding short pieces, and the ids of each.
#[derive(Debug, Default)]
struct Resolved {
    asked: Vec<Result<Asked, u32>>,
    /// The misses that are not tokens and are merged: number and key.
    merged: Vec<(usize, Key)>,
    lanes: Vec<Lanes>,
    lockstep: Lockstep<KEY_LANES>,
}

/// Which ids of long pieces are kept: none where those of the whole pretoken are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Keep {
    Nothing,
    Pieces,
}

impl Encoder {
    /// Fills the holes among `ids`. The cache has the ids of their pretokens from now on.
    pub(crate) fn fill(&self, space: &mut MissSpace, holes: &mut Holes, ids: &mut Ids) -> crate::Result<()> {
        if holes.list().is_empty() {
            return Ok(());
        }
        let Holes { short, long, .. } = holes;
        let wholes = self.cut_long(&mut space.pieces.ends, long, space.content);
        self.find_pieces(space, long.bytes(), short);
        self.merge_long_pieces(space, long.bytes(), Keep::Nothing);
        let known = self.put_together(space, long, &wholes);
        let MissSpace { cache, merger, resolved, long, .. } = space;
        let filled = known.and_then(|()| {
            ids.fill(holes.list(), |miss, room| {
                let ids = match miss {
                    Miss::Long(number) => long.of(number),
                    Miss::Short(number) => match resolved.lanes[number] {
                        lanes if lanes.len() <= LANES => return Ok(write_lanes(lanes, room)),
                        lanes => self.recall(merger, cache, holes.short.keys()[number], lanes)?,
                    },
                };
                room[..ids.len()].copy_from_slice(ids);
                Ok(ids.len())
            })
        });
        holes.clear();
        filled
    }

    /// Cuts long pretokens into pieces; returns for each the token that it is as a whole, which is not cut, or `None`.
    fn cut_long(&self, pieces: &mut Ends, misses: &LongMisses, content: Content) -> Vec<Option<u32>> {
        pieces.restart(0);
        let ends = misses.entries().iter().map(|&(end, _)| end);
        ends.map(|end| {
            let pretoken = &misses.bytes()[pieces.end()..end];
            let whole = self.whole_token(pretoken);
            if whole.is_none() && is_text(pretoken, content) {
                self.cuts.push_ends(&misses.bytes()[..end], pieces, usize::MAX);
            } else {
                pieces.push(end);
            }
            whole
        })
        .collect()
    }

    /// Makes the cache know the short ones among the pieces of `text`, and what is in `misses` already.
    fn find_pieces(&self, space: &mut MissSpace, text: &[u8], misses: &mut ShortMisses) {
        let MissSpace { cache, pieces, resolved, .. } = space;
        let count = pieces.ends.len();
        pieces.keys.find(self.level, text, &pieces.ends, Extent::Piece, cache.view());
        pieces.misses.clear();
        pieces.misses.resize(count, KNOWN);
        pieces.keys.for_each_missed(self.level, 0..count, cache.view(), |number, key, place| {
            pieces.misses[number] = misses.number(key, place);
        });
        self.resolve(resolved, cache, misses.keys());
        pieces.keys.follow(cache.view());
    }

    /// Puts the ids of long pretokens together, of which the pieces are found; the arena has them from now on.
    fn put_together(
        &self,
        space: &mut MissSpace,
        misses: &LongMisses,
        wholes: &[Option<u32>],
    ) -> crate::Result<()> {
        let mut long = std::mem::take(&mut space.long);
        long.clear();
        let (mut start, mut piece) = (0, 0);
        for (&(end, hash), &whole) in misses.entries().iter().zip(wholes) {
            let (first_id, first_piece) = (long.ids.len(), piece);
            piece += space.pieces.ends.ends()[piece..].partition_point(|&piece_end| piece_end <= end);
            match whole {
                Some(id) => {
                    long.ids.extend(&[id]);
                }
                None => {
                    let pieces = first_piece..piece;
                    self.write_pieces(space, misses.bytes(), pieces, Keep::Nothing, &mut long.ids)?;
                }
            }
            let ids = first_id..long.ids.len();
            let pretoken = &misses.bytes()[start..end];
            space.cache.arena.insert(hash, pretoken, Extent::Pretoken, &long.ids.kept()[ids.clone()]);
            long.places.push(ids);
            start = end;
        }
        space.long = long;
        Ok(())
    }

    /// Adds the ids of a pretoken so long that they are not kept: piece by piece, unless it is a token.
    pub(crate) fn encode_huge(
        &self,
        space: &mut MissSpace,
        pretoken: &[u8],
        ids: &mut Ids,
    ) -> crate::Result<()> {
        if let Some(id) = self.whole_token(pretoken) {
            ids.extend(&[id]);
            return Ok(());
        }
        let is_text = is_text(pretoken, space.content);
        let mut start = 0;
        while start < pretoken.len() && !ids.is_full() {
            space.pieces.ends.restart(start);
            if is_text {
                self.cuts.push_ends(pretoken, &mut space.pieces.ends, BLOCK);
            } else {
                space.pieces.ends.push(pretoken.len());
            }
            start = space.pieces.ends.end();
            let mut misses = std::mem::take(&mut space.pieces.short);
            self.find_pieces(space, pretoken, &mut misses);
            misses.clear();
            space.pieces.short = misses;
            self.merge_long_pieces(space, pretoken, Keep::Pieces);
            self.write_pieces(space, pretoken, 0..space.pieces.ends.len(), Keep::Pieces, ids)?;
        }
        Ok(())
    }

    /// Merges those pieces of `text` that have no key, but merge together.
    fn merge_long_pieces(&self, space: &mut MissSpace, text: &[u8], keep: Keep) {
        let MissSpace { merger, pieces: Pieces { ends, keys, long, .. }, .. } = space;
        long.clear();
        long.places.resize(keys.long().len(), 0..0);
        let piece = |&number: &u32| &text[ends.place(number as usize)];
        let pieces = keys.long().iter().map(piece).enumerate();
        let pieces = pieces.filter(|&(_, piece)| merges_together(piece, keep));
        self.merge_together(merger, pieces, |number, tokens| {
            let start = long.ids.len();
            tokens.for_each(|id| {
                long.ids.extend(&[id]);
            });
            long.places[number] = start..long.ids.len();
        });
    }

    /// Adds the ids of these pieces of `text`, as far as they are wanted.
    fn write_pieces(
        &self,
        space: &mut MissSpace,
        text: &[u8],
        numbers: Range<usize>,
        keep: Keep,
        ids: &mut Ids,
    ) -> crate::Result<()> {
        let MissSpace { cache, merger, pieces: Pieces { ends, keys, misses, long, .. }, resolved, .. } =
            space;
        let mut next_long = keys.long().partition_point(|&number| (number as usize) < numbers.start);
        let mut number = numbers.start;
        while number < numbers.end && !ids.is_full() {
            let none = |_, _, _: &mut [u32]| None;
            let known = write_known(self.level, cache.view(), keys, number..numbers.end, ids, none);
            ids.add(known.ids);
            number += known.pretokens;
            if number == numbers.end {
                break;
            }
            let (key, place) = keys.at(number);
            if key == NO_KEY {
                let piece = &text[ends.place(number)];
                if merges_together(piece, keep) {
                    ids.extend(long.of(next_long));
                } else {
                    ids.extend(self.merge_long(merger, &mut cache.arena, piece, keep)?);
                }
                next_long += 1;
            } else {
                let lanes = match misses[number] {
                    KNOWN => cache.view().find_near(key, place),
                    miss => Some(resolved.lanes[miss]),
                };
                match lanes {
                    Some(lanes) if lanes.len() <= LANES => ids.extend_first(lanes.ids(), lanes.len()),
                    Some(lanes) => ids.extend(self.recall(merger, cache, key, lanes)?),
                    // Others have taken its place since it was looked up.
                    None => ids.extend(self.merge(merger, &bytes_of(key)[..length_of(key)])?),
                };
            }
            number += 1;
        }
        Ok(())
    }

    /// Finds the ids of short pretokens or pieces, as the keys say: lanes for each, in order. The cache has them from now on.
    fn resolve(&self, space: &mut Resolved, cache: &mut Cache, keys: &[Key]) {
        let Resolved { asked, merged, lanes, .. } = space;
        let vocabulary = self.vocabulary.view();
        let takes_whole = self.whole_pretokens == WholePretokens::Take;
        asked.clear();
        asked.extend(keys.iter().map(|&key| match extent_of(key) {
            Extent::Pretoken if takes_whole => vocabulary.ask(&bytes_of(key), 0, length_of(key)),
            _ => Err(NO_ID),
        }));
        lanes.clear();
        merged.clear();
        for (index, (&asked, &key)) in asked.iter().zip(keys).enumerate() {
            if let Some(known) = cache.find_later(key) {
                lanes.push(known);
                continue;
            }
            let id = asked.map_or_else(|id| id, |asked| vocabulary.answer(asked));
            if id == NO_ID {
                merged.push((index, key));
            }
            lanes.push(Lanes::one(id));
        }
        match &self.ranks {
            Ranks::Spelled(spelled) => {
                resolve_merged(space, &mut cache.arena, &spelled.ranks(&self.vocabulary));
            }
            Ranks::Listed(listed) => resolve_merged(space, &mut cache.arena, &listed.ranks()),
        }
        for (&key, &lanes) in keys.iter().zip(&space.lanes) {
            cache.insert(key, lanes);
        }
    }

    /// The ids of a short pretoken or piece, from where the lanes say they are; if they are gone, they are made anew.
    fn recall<'s>(
        &self,
        merger: &'s mut Merger,
        cache: &'s mut Cache,
        key: Key,
        lanes: Lanes,
    ) -> crate::Result<&'s [u32]> {
        let excerpt = lanes.excerpt();
        if cache.arena.ids(excerpt).is_some() {
            return Ok(cache.arena.ids(excerpt).unwrap_or_default());
        }
        let ids = self.merge(merger, &bytes_of(key)[..length_of(key)])?;
        let kept = cache.arena.keep(ids);
        cache.insert(key, Lanes::elsewhere(kept));
        Ok(ids)
    }

    /// The ids that a long piece of a pretoken merges to.
    fn merge_long<'m>(
        &self,
        merger: &'m mut Merger,
        arena: &'m mut Arena,
        piece: &[u8],
        keep: Keep,
    ) -> crate::Result<&'m [u32]> {
        let Some(hash) = Hash::of(piece).filter(|_| keep == Keep::Pieces) else {
            return self.merge(merger, piece);
        };
        if let Some(excerpt) = arena.find(hash, piece, Extent::Piece) {
            return Ok(arena.ids(excerpt).unwrap_or_default());
        }
        let ids = self.merge(merger, piece)?;
        arena.insert(hash, piece, Extent::Piece, ids);
        Ok(ids)
    }

    /// The ids that the bytes of a piece merge to.
    fn merge<'m>(&self, merger: &'m mut Merger, piece: &[u8]) -> crate::Result<&'m [u32]> {
        if u32::try_from(piece.len()).is_err() {
            let message = format!("{} bytes that nothing cuts, and 4 GiB is the most", piece.len());
            return Err(Error::argument("text", message));
        }
        Ok(match &self.ranks {
            Ranks::Spelled(spelled) => merger.merge(piece, &spelled.ranks(&self.vocabulary)),
            Ranks::Listed(listed) => merger.merge(piece, &listed.ranks()),
        })
    }

    /// Calls `done` with the number and the ids of each of these pieces of fewer than [`MANY_LANES`] bytes, in any order.
    fn merge_together<'p>(
        &self,
        merger: &mut Merger,
        pieces: impl Iterator<Item = (usize, &'p [u8])>,
        done: impl FnMut(usize, &mut dyn Iterator<Item = u32>),
    ) {
        match &self.ranks {
            Ranks::Spelled(spelled) => {
                merger.merge_together(pieces, &spelled.ranks(&self.vocabulary), done);
            }
            Ranks::Listed(listed) => merger.merge_together(pieces, &listed.ranks(), done),
        }
    }

    /// The token that the whole pretoken is, where such a token counts.
    fn whole_token(&self, pretoken: &[u8]) -> Option<u32> {
        match self.whole_pretokens {
            WholePretokens::Take => self.vocabulary.id_of(pretoken),
            WholePretokens::Merge => None,
        }
    }
}

/// Writes the ids in `lanes` to `room`, all lanes at once if they fit; returns how many ids there are.
#[inline(always)]
fn write_lanes(lanes: Lanes, room: &mut [u32]) -> usize {
    let (ids, count) = (lanes.ids(), lanes.len());
    match room.first_chunk_mut() {
        Some(room) => *room = ids,
        None => room[..count].copy_from_slice(&ids[..count]),
    }
    count
}

/// Whether a piece without a key merges together with others.
fn merges_together(piece: &[u8], keep: Keep) -> bool {
    piece.len() < MANY_LANES && keep == Keep::Nothing
}

/// Whether a pretoken may be cut between characters.
fn is_text(pretoken: &[u8], content: Content) -> bool {
    content == Content::Characters || simdutf8::basic::from_utf8(pretoken).is_ok()
}

/// Merges those of `keys` that are no tokens.
fn resolve_merged<R: PairRanks>(space: &mut Resolved, arena: &mut Arena, ranks: &R) {
    let Resolved { merged, lanes, lockstep, .. } = space;
    let pieces = merged.iter().map(|&(index, key)| lockstep::Piece {
        bytes: bytes_of(key),
        length: length_of(key),
        index,
    });
    lockstep.merge(ranks, pieces, |index: usize, word: &Word<KEY_LANES>| {
        lanes[index] = match word.count() {
            count @ ..=LANES => Lanes::of(word.first_ids(ranks), count),
            count => {
                let ids = word.first_ids::<KEY_LANES, _>(ranks);
                Lanes::elsewhere(arena.keep(&ids[..count]))
            }
        };
    });
}

/// The bytes of a key's piece, and others behind them.
#[inline(always)]
fn bytes_of(key: Key) -> [u8; 16] {
    key.to_le_bytes()
}

#[inline(always)]
fn extent_of(key: Key) -> Extent {
    if key >> 127 == 0 { Extent::Pretoken } else { Extent::Piece }
}
