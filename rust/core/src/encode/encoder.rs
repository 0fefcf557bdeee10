//! Text → ids, for text without special tokens: split, cut what is long, look each piece up, merge where that fails.

use std::sync::{Mutex, TryLockError};

use super::bpe::Merger;
use super::cache::{Cache, LANES, LONG_BYTES, Lanes, View};
use super::cuts::Cuts;
use super::ids::Ids;
use super::keys::{Extent, KEY_BYTES, Key, Keys, NO_KEY, has_bytes, key_of};
use super::merges::{Merge, MergeTable};
use super::vocabulary::Vocabulary;
use crate::processor::Level;
use crate::split::{Ends, Splitter};
use crate::{Error, Result};

/// How many workspaces wait for the next call; more than this many threads at once make some anew.
const KEPT_WORKSPACES: usize = 16;

/// How many pieces of a long pretoken are found at once: it may be as long as the text.
const MOST_PIECES: usize = 512;

/// What happens to a pretoken that is a token as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WholePretokens {
    /// It is merged like any other. The result is mostly, but in some vocabularies not always, that token.
    Merge,
    /// It is that token: tiktoken's rule, and Hugging Face's `ignore_merges`.
    Take,
}

/// Vocabulary, merges and split at work.
#[derive(Debug)]
pub(super) struct Encoder {
    pub(super) splitter: Splitter,
    pub(super) vocabulary: Vocabulary,
    pub(super) whole_pretokens: WholePretokens,
    merges: MergeTable,
    cuts: Cuts,
    level: Level,
    workspaces: Mutex<Vec<Workspace>>,
}

/// What one thread needs to encode. It outlives the call, for the sake of the cache.
#[derive(Debug, Default)]
struct Workspace {
    ends: Ends,
    block: BlockSpace,
}

/// What it takes to encode a block of pretokens.
#[derive(Debug, Default)]
struct BlockSpace {
    cache: Cache,
    keys: Keys,
    /// Keys in the block that the cache does not have.
    missed: Vec<Key>,
    long: LongSpace,
}

/// What it takes to encode a long pretoken.
#[derive(Debug, Default)]
struct LongSpace {
    merger: Merger,
    /// Where its pieces end, and their places in the cache.
    pieces: Vec<(usize, Key)>,
    /// Its ids.
    ids: Vec<u32>,
    lanes: Vec<Lanes>,
}

impl Encoder {
    pub(super) fn new(
        splitter: Splitter,
        vocabulary: Vocabulary,
        merges: Vec<Merge>,
        byte_ids: &[u32; 256],
        whole_pretokens: WholePretokens,
    ) -> Self {
        let merges = MergeTable::new(merges, byte_ids, vocabulary.id_bound());
        let cuts = Cuts::new(vocabulary.iter().map(|(_, token)| token));
        Self {
            splitter,
            vocabulary,
            whole_pretokens,
            merges,
            cuts,
            level: Level::best(),
            workspaces: Mutex::default(),
        }
    }

    pub(super) fn merges(&self) -> &[Merge] {
        self.merges.merges()
    }

    /// Adds the ids of `text` to `ids`; tells whether more are wanted.
    pub(super) fn encode(&self, text: &[u8], ids: &mut Ids) -> Result<bool> {
        let mut workspace = self.take_workspace();
        let result = self.encode_in(&mut workspace, text, ids);
        self.return_workspace(workspace);
        result
    }

    fn encode_in(&self, workspace: &mut Workspace, text: &[u8], ids: &mut Ids) -> Result<bool> {
        let mut outcome = Ok(true);
        self.splitter.for_each_block(text, &mut workspace.ends, |text, pretokens| {
            outcome = self.encode_block(&mut workspace.block, text, pretokens, ids);
            matches!(outcome, Ok(true))
        })?;
        outcome
    }

    /// Encodes some pretokens of `text`.
    #[inline]
    fn encode_block(
        &self,
        space: &mut BlockSpace,
        text: &[u8],
        pretokens: &Ends,
        ids: &mut Ids,
    ) -> Result<bool> {
        space.keys.find(self.level, text, pretokens, Extent::Pretoken, space.cache.view());
        let count = pretokens.ends().len();
        let mut done = 0;
        while done < count {
            done += emit_known(space.cache.view(), space.keys.first(count), done, ids);
            if ids.is_full() {
                return Ok(false);
            }
            if done < count && !self.encode_unknown(space, text, pretokens, done, ids)? {
                return Ok(false);
            }
            done += 1;
        }
        Ok(true)
    }

    /// Encodes pretoken `number`, for which the cache has no lanes of ids, and makes the cache know what else it misses
    /// in the block.
    #[cold]
    fn encode_unknown(
        &self,
        space: &mut BlockSpace,
        text: &[u8],
        pretokens: &Ends,
        number: usize,
        ids: &mut Ids,
    ) -> Result<bool> {
        let BlockSpace { cache, keys, missed, long } = space;
        let pretoken = &text[pretokens.starts()[number]..pretokens.ends()[number]];
        let (all, places) = keys.first(pretokens.ends().len());
        let view = cache.view();
        let is_missed = |&(&key, &place): &(&Key, &u32)| {
            has_bytes(key) && view.find(key, place).or_else(|| view.find_beside(key, place)).is_none()
        };
        let beside = view.find_beside(all[number], places[number]);
        if let Some(lanes) = beside.filter(|lanes| lanes.len() <= LANES) {
            return Ok(ids.extend(&lanes.ids()[..lanes.len()]));
        }
        if beside.is_none() && is_missed(&(&all[number], &places[number])) {
            missed.clear();
            let rest = all[number..].iter().zip(&places[number..]);
            missed.extend(rest.filter(is_missed).map(|(&key, _)| key));
            let bits = view.bits();
            let lanes = self.resolve(long, cache, missed)[0];
            if cache.view().bits() != bits {
                keys.find_places(cache.view());
            }
            if lanes.len() <= LANES {
                return Ok(ids.extend(&lanes.ids()[..lanes.len()]));
            }
        }
        self.encode_long(long, cache, pretoken, &mut |more| ids.extend(more))
    }

    fn resolve<'s>(&self, space: &'s mut LongSpace, cache: &mut Cache, keys: &[Key]) -> &'s [Lanes] {
        space.lanes.clear();
        for &key in keys {
            let bytes = key.to_le_bytes();
            let lanes = self.encode_short(cache, &mut space.merger, key, &bytes[..(bytes[15] & 15) as usize]);
            space.lanes.push(lanes);
        }
        &space.lanes
    }

    /// Encodes a pretoken that is long, or has many ids.
    #[cold]
    fn encode_long(
        &self,
        space: &mut LongSpace,
        cache: &mut Cache,
        pretoken: &[u8],
        emit: &mut impl FnMut(&[u32]) -> bool,
    ) -> Result<bool> {
        if let Some(ids) = cache.find_long(pretoken) {
            return Ok(emit(ids));
        }
        if let Some(id) = self.whole_token(pretoken) {
            cache.insert_long(pretoken, &[id]);
            return Ok(emit(&[id]));
        }
        if pretoken.len() > LONG_BYTES {
            return self.encode_pieces(space, cache, pretoken, emit);
        }
        let mut ids = std::mem::take(&mut space.ids);
        ids.clear();
        self.encode_pieces(space, cache, pretoken, &mut |more| {
            ids.extend_from_slice(more);
            true
        })?;
        cache.insert_long(pretoken, &ids);
        space.ids = ids;
        Ok(emit(&space.ids))
    }

    /// Encodes a pretoken that is no token, piece by piece; short pieces are looked up like short pretokens.
    fn encode_pieces(
        &self,
        space: &mut LongSpace,
        cache: &mut Cache,
        pretoken: &[u8],
        emit: &mut impl FnMut(&[u32]) -> bool,
    ) -> Result<bool> {
        let LongSpace { merger, pieces, .. } = space;
        // Without a split, a pretoken may be anything.
        let is_text = simdutf8::basic::from_utf8(pretoken).is_ok();
        let mut found = 0;
        while found < pretoken.len() {
            let mut start = found;
            pieces.clear();
            while found < pretoken.len() && pieces.len() < MOST_PIECES {
                let end = if is_text { self.cuts.piece_end(pretoken, found) } else { pretoken.len() };
                let key = if end - found <= KEY_BYTES {
                    key_of(pretoken, found, end - found, Extent::Piece)
                } else {
                    NO_KEY
                };
                pieces.push((end, key));
                found = end;
            }
            for &(end, key) in &*pieces {
                let piece = &pretoken[start..end];
                let mut lanes = cache.view().find(key, cache.view().place_of(key));
                if lanes.is_none() && has_bytes(key) {
                    lanes = Some(self.merge_short(cache, merger, key, piece));
                }
                let wants_more = match lanes {
                    Some(lanes) if lanes.len() <= LANES => emit(&lanes.ids()[..lanes.len()]),
                    _ => emit(self.merge(merger, piece)?),
                };
                if !wants_more {
                    return Ok(false);
                }
                start = end;
            }
        }
        Ok(true)
    }

    /// The ids of a short pretoken that the cache does not know yet, if they are few.
    #[cold]
    fn encode_short(&self, cache: &mut Cache, merger: &mut Merger, key: Key, pretoken: &[u8]) -> Lanes {
        match self.whole_token(pretoken) {
            Some(id) => {
                let lanes = Lanes::new(&[id]);
                cache.insert(key, lanes);
                lanes
            }
            None => self.merge_short(cache, merger, key, pretoken),
        }
    }

    /// The same for a piece of a pretoken, or a pretoken that is no token.
    fn merge_short(&self, cache: &mut Cache, merger: &mut Merger, key: Key, piece: &[u8]) -> Lanes {
        let lanes = Lanes::new(merger.merge(piece, &self.merges));
        cache.insert(key, lanes);
        lanes
    }

    /// The ids that the bytes of a piece merge to.
    fn merge<'m>(&self, merger: &'m mut Merger, piece: &[u8]) -> Result<&'m [u32]> {
        if u32::try_from(piece.len()).is_err() {
            let message = format!("{} bytes that nothing cuts, and 4 GiB is the most", piece.len());
            return Err(Error::argument("text", message));
        }
        Ok(merger.merge(piece, &self.merges))
    }

    /// The token that the whole pretoken is, where such a token counts.
    fn whole_token(&self, pretoken: &[u8]) -> Option<u32> {
        match self.whole_pretokens {
            WholePretokens::Take => self.vocabulary.id_of(pretoken),
            WholePretokens::Merge => None,
        }
    }

    /// A workspace that no other thread has. Never waits: the lock may be held by a thread that a fork left behind.
    fn take_workspace(&self) -> Workspace {
        let kept = match self.workspaces.try_lock() {
            Ok(mut kept) => kept.pop(),
            Err(TryLockError::Poisoned(_) | TryLockError::WouldBlock) => None,
        };
        kept.unwrap_or_default()
    }

    fn return_workspace(&self, workspace: Workspace) {
        if let Ok(mut kept) = self.workspaces.try_lock()
            && kept.len() < KEPT_WORKSPACES
        {
            kept.push(workspace);
        }
    }
}

/// Adds the ids of pretokens from number `from` on, up to the first that `cache` has no lanes of ids for; tells how many
/// pretokens these are.
#[inline(always)]
fn emit_known(cache: View<'_>, (keys, places): (&[Key], &[u32]), from: usize, ids: &mut Ids) -> usize {
    let (keys, places) = (&keys[from..], &places[from..]);
    // Four lanes are stored for every pretoken, whatever it has, and the next ones begin where its ids end.
    let room = ids.room((keys.len() + 1) * LANES);
    let mut filled = 0;
    let mut done = 0;
    for (&key, &place) in keys.iter().zip(places) {
        let Some(lanes) = cache.find(key, place).filter(|lanes| lanes.len() <= LANES) else { break };
        let Some(room) = room[filled..].first_chunk_mut() else { break };
        *room = lanes.ids();
        filled += lanes.len();
        done += 1;
    }
    ids.add(filled);
    done
}
