//! What becomes of text that the cache does not know: tokens as a whole are looked up, short pieces merge many at once,
//! long pretokens are cut.

use super::arena::{Arena, Hash};
use super::bpe::Merger;
use super::cache::{Cache, LANES, Lanes};
use super::encoder::{Encoder, WholePretokens};
use super::holes::Holes;
use super::ids::Ids;
use super::keys::{Extent, Key, Keys, length_of};
use super::lockstep::{self, Lockstep, Word};
use super::ranks::{PairRanks, Ranks};
use super::slots::Asked;
use super::vocabulary::NO_ID;
use crate::Error;
use crate::split::Ends;

/// A key's bytes, of which the last tells the length, as lanes.
const KEY_LANES: usize = 16;

/// The cache, and what it takes to encode what it does not know.
#[derive(Debug, Default)]
pub(super) struct MissSpace {
    pub(super) cache: Cache,
    merger: Merger,
    /// Some pieces of a long pretoken, which may be as long as the text.
    pieces: Ends,
    keys: Keys,
    /// Those of them that the cache does not know.
    missed: Vec<Key>,
    /// Ids of a long pretoken.
    ids: Vec<u32>,
    resolved: Resolved,
}

/// What it takes to encode short pieces, and what comes of it.
#[derive(Debug, Default)]
struct Resolved {
    asked: Vec<Result<Asked, u32>>,
    /// Those that are no tokens, by number.
    merged: Vec<(usize, Key)>,
    lanes: Vec<Lanes>,
    lockstep: Lockstep<KEY_LANES>,
}

impl Encoder {
    /// Fills the holes that short pretokens left among `ids`. The cache has them from now on.
    pub(super) fn fill(&self, space: &mut MissSpace, holes: &mut Holes, ids: &mut Ids) -> crate::Result<()> {
        let MissSpace { cache, merger, resolved, .. } = space;
        self.resolve(resolved, cache, holes.keys());
        let filled = ids.fill(holes.list(), |miss, room| {
            let lanes = resolved.lanes[miss];
            let ids = match lanes.len() {
                count @ ..=LANES => &lanes.ids()[..count],
                _ => self.recall(merger, cache, holes.keys()[miss], lanes)?,
            };
            room[..ids.len()].copy_from_slice(ids);
            Ok(ids.len())
        });
        holes.clear();
        filled
    }

    /// The ids of short pretokens or pieces that the cache does not know, as the keys say: lanes for each, in order.
    /// The cache has them from now on.
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

    /// Encodes a long pretoken, which may have a hash: piece by piece, unless it is a token. To merge those of a block that
    /// are unknown together, or first all their pieces, made first passes of 25 languages slower.
    pub(super) fn encode_long(
        &self,
        space: &mut MissSpace,
        pretoken: &[u8],
        hash: Option<Hash>,
        emit: &mut impl FnMut(&[u32]) -> bool,
    ) -> crate::Result<bool> {
        if let Some(ids) = hash.and_then(|hash| space.cache.arena.find_ids(hash, pretoken, Extent::Pretoken))
        {
            return Ok(emit(ids));
        }
        let whole = self.whole_token(pretoken);
        let Some(hash) = hash else {
            return match whole {
                Some(id) => Ok(emit(&[id])),
                None => self.encode_pieces(space, pretoken, emit),
            };
        };
        let mut ids = std::mem::take(&mut space.ids);
        ids.clear();
        ids.extend(whole);
        if whole.is_none() {
            self.encode_pieces(space, pretoken, &mut |more| {
                ids.extend_from_slice(more);
                true
            })?;
        }
        space.cache.arena.insert(hash, pretoken, Extent::Pretoken, &ids);
        space.ids = ids;
        Ok(emit(&space.ids))
    }

    /// Encodes a pretoken that is no token, piece by piece; short pieces are looked up like short pretokens.
    fn encode_pieces(
        &self,
        space: &mut MissSpace,
        pretoken: &[u8],
        emit: &mut impl FnMut(&[u32]) -> bool,
    ) -> crate::Result<bool> {
        // Without a split, a pretoken may be anything.
        let is_text = simdutf8::basic::from_utf8(pretoken).is_ok();
        space.pieces.restart(0);
        while space.pieces.end() < pretoken.len() {
            space.pieces.restart(space.pieces.end());
            if is_text {
                self.cuts.push_ends(pretoken, &mut space.pieces);
            } else {
                space.pieces.push(pretoken.len());
            }
            if !self.encode_found(space, pretoken, emit)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Encodes the pieces in `space`.
    fn encode_found(
        &self,
        space: &mut MissSpace,
        pretoken: &[u8],
        emit: &mut impl FnMut(&[u32]) -> bool,
    ) -> crate::Result<bool> {
        let MissSpace { cache, merger, pieces, keys, missed, resolved, .. } = space;
        keys.find(self.level, pretoken, pieces, Extent::Piece, cache.view());
        let count = pieces.ends().len();
        keys.find_missed(self.level, 0..count, cache.view(), missed);
        if !missed.is_empty() {
            self.resolve(resolved, cache, missed);
            keys.follow(cache.view());
        }
        let (all, places) = keys.first(count);
        let mut missed = missed.iter().zip(&resolved.lanes).peekable();
        for (number, (&key, &place)) in all.iter().zip(places).enumerate() {
            let lanes = match missed.next_if(|&(&other, _)| other == key) {
                Some((_, &lanes)) => Some(lanes),
                None => cache.view().find_near(key, place),
            };
            let wants_more = match lanes {
                Some(lanes) if lanes.len() <= LANES => emit(&lanes.ids()[..lanes.len()]),
                Some(lanes) => emit(self.recall(merger, cache, key, lanes)?),
                None => {
                    let piece = &pretoken[pieces.starts()[number]..pieces.ends()[number]];
                    emit(self.merge_long(merger, &mut cache.arena, pretoken, piece)?)
                }
            };
            if !wants_more {
                return Ok(false);
            }
        }
        Ok(true)
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

    /// The ids that a long piece of a pretoken merges to. They are kept if those of the whole pretoken are not.
    fn merge_long<'m>(
        &self,
        merger: &'m mut Merger,
        arena: &'m mut Arena,
        pretoken: &[u8],
        piece: &[u8],
    ) -> crate::Result<&'m [u32]> {
        let Some(hash) = Hash::of(piece).filter(|_| !Hash::is_for(pretoken)) else {
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

    /// The token that the whole pretoken is, where such a token counts.
    fn whole_token(&self, pretoken: &[u8]) -> Option<u32> {
        match self.whole_pretokens {
            WholePretokens::Take => self.vocabulary.id_of(pretoken),
            WholePretokens::Merge => None,
        }
    }
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
