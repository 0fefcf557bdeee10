//! Text → ids, for text without special tokens: split, cut what is long, look each piece up, merge where that fails.

use std::sync::{Mutex, TryLockError};

use super::bpe::Merger;
use super::cache::{
    Cache, Extent, KEY_BYTES, Key, LANES, LONG_BYTES, Lanes, NO_KEY, Place, View, has_bytes, key_of,
};
use super::cuts::Cuts;
use super::merges::{Merge, MergeTable};
use super::vocabulary::Vocabulary;
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
    workspaces: Mutex<Vec<Workspace>>,
}

/// What one thread needs to encode. It outlives the call, for the sake of the cache.
#[derive(Debug)]
struct Workspace {
    ends: Ends,
    block: BlockSpace,
}

/// What it takes to encode a block of pretokens.
#[derive(Debug)]
struct BlockSpace {
    cache: Cache,
    /// Of each pretoken in the block.
    ahead: Vec<Ahead>,
    /// The ids of the block so far.
    ids: Vec<u32>,
    long: LongSpace,
}

/// What it takes to encode a long pretoken.
#[derive(Debug, Default)]
struct LongSpace {
    merger: Merger,
    /// Where its pieces end, and their places in the cache.
    pieces: Vec<(usize, Ahead)>,
    /// Its ids.
    ids: Vec<u32>,
}

/// A pretoken, or a piece of one, whose slot in the cache is on its way into near memory.
#[derive(Debug, Clone, Copy)]
struct Ahead {
    key: Key,
    place: Place,
}

impl Ahead {
    #[inline(always)]
    fn new(cache: View<'_>, text: &[u8], start: usize, length: usize, extent: Extent) -> Self {
        let key = if length <= KEY_BYTES { key_of(text, start, length, extent) } else { NO_KEY };
        Self { key, place: cache.fetch(key) }
    }
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
        Self { splitter, vocabulary, whole_pretokens, merges, cuts, workspaces: Mutex::default() }
    }

    pub(super) fn merges(&self) -> &[Merge] {
        self.merges.merges()
    }

    /// Calls `emit` with the ids of `text`, some hundreds at a time, until it returns `false`; tells whether it
    /// wanted more to the end.
    pub(super) fn encode(&self, text: &[u8], mut emit: impl FnMut(&[u32]) -> bool) -> Result<bool> {
        let mut workspace = self.take_workspace();
        let result = self.encode_in(&mut workspace, text, &mut emit);
        self.return_workspace(workspace);
        result
    }

    fn encode_in(
        &self,
        workspace: &mut Workspace,
        text: &[u8],
        emit: &mut impl FnMut(&[u32]) -> bool,
    ) -> Result<bool> {
        let mut outcome = Ok(true);
        self.splitter.for_each_block(text, &mut workspace.ends, |text, ends| {
            outcome = self.encode_block(&mut workspace.block, text, ends, emit);
            matches!(outcome, Ok(true))
        })?;
        outcome
    }

    /// Encodes the pretokens of `text` that end at `ends`.
    #[inline]
    fn encode_block(
        &self,
        space: &mut BlockSpace,
        text: &[u8],
        ends: &[usize],
        emit: &mut impl FnMut(&[u32]) -> bool,
    ) -> Result<bool> {
        let BlockSpace { cache, ahead, ids, long } = space;
        look_ahead(cache.view(), ahead, text, ends);
        // Four lanes are stored for every pretoken, whatever it has, and the next ones begin where its ids end.
        ids.resize((ends.len() + 1) * LANES, 0);
        let mut filled = 0;
        let mut start = 0;
        for (&Ahead { key, place }, &end) in ahead.iter().zip(ends) {
            let lanes = match cache.view().find(key, place) {
                Some(lanes) => lanes,
                None if has_bytes(key) => self.encode_short(cache, &mut long.merger, key, &text[start..end]),
                None => Lanes::MANY,
            };
            if lanes.len() > LANES {
                if !emit(&ids[..filled]) || !self.encode_long(long, cache, &text[start..end], emit)? {
                    return Ok(false);
                }
                filled = 0;
            } else {
                ids[filled..filled + LANES].copy_from_slice(&lanes.ids());
                filled += lanes.len();
            }
            start = end;
        }
        Ok(emit(&ids[..filled]))
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
                let ahead = Ahead::new(cache.view(), pretoken, found, end - found, Extent::Piece);
                pieces.push((end, ahead));
                found = end;
            }
            for &(end, Ahead { key, place }) in &*pieces {
                let piece = &pretoken[start..end];
                let mut lanes = cache.view().find(key, place);
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
        kept.unwrap_or_else(|| {
            let (cache, long) = (Cache::new(), LongSpace::default());
            Workspace {
                ends: Ends::new(),
                block: BlockSpace { cache, ahead: Vec::new(), ids: Vec::new(), long },
            }
        })
    }

    fn return_workspace(&self, workspace: Workspace) {
        if let Ok(mut kept) = self.workspaces.try_lock()
            && kept.len() < KEPT_WORKSPACES
        {
            kept.push(workspace);
        }
    }
}

/// The keys of the pretokens of `text` that end at `ends`, and their places in the cache, which are on their way into
/// near memory when this returns.
#[inline(always)]
fn look_ahead(cache: View<'_>, ahead: &mut Vec<Ahead>, text: &[u8], ends: &[usize]) {
    ahead.clear();
    let mut start = 0;
    ahead.extend(ends.iter().map(|&end| {
        let length = end - start;
        let begun = start;
        start = end;
        Ahead::new(cache, text, begun, length, Extent::Pretoken)
    }));
}
