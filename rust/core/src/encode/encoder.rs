//! Text → ids, for text without special tokens: split, cut what is long, look each piece up, merge where that fails.

use std::sync::{Mutex, TryLockError};

use super::bpe::Merger;
use super::cache::{
    Cache, Extent, KEY_BYTES, Key, LANES, Lanes, Place, View, extent_of, has_bytes, key_of, no_key,
};
use super::cuts::Cuts;
use super::merges::{Merge, MergeTable};
use super::vocabulary::Vocabulary;
use crate::split::Splitter;
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
    byte_ids: Box<[u32; 256]>,
    workspaces: Mutex<Vec<Workspace>>,
}

/// What one thread needs to encode. It outlives the call, for the sake of the cache.
#[derive(Debug)]
struct Workspace {
    ends: Vec<usize>,
    block: BlockSpace,
}

/// What it takes to encode a block of pretokens.
#[derive(Debug)]
struct BlockSpace {
    cache: Cache,
    merger: Merger,
    /// Of each pretoken in the block.
    ahead: Vec<Ahead>,
    /// Where the pieces of a long pretoken end.
    pieces: Vec<usize>,
    /// The ids of the block so far.
    ids: Vec<u32>,
}

/// A pretoken whose slot in the cache is on its way into near memory.
#[derive(Debug, Clone, Copy)]
struct Ahead {
    key: Key,
    place: Place,
}

impl Encoder {
    pub(super) fn new(
        splitter: Splitter,
        vocabulary: Vocabulary,
        merges: Vec<Merge>,
        byte_ids: Box<[u32; 256]>,
        whole_pretokens: WholePretokens,
    ) -> Self {
        let merges = MergeTable::new(merges, &byte_ids);
        let cuts = Cuts::new(vocabulary.iter().map(|(_, token)| token));
        Self { splitter, vocabulary, whole_pretokens, merges, cuts, byte_ids, workspaces: Mutex::default() }
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
        let BlockSpace { cache, merger, ahead, pieces, ids } = space;
        look_ahead(cache.view(), ahead, text, ends);
        // Four lanes are stored for every pretoken, whatever it has, and the next ones begin where its ids end.
        ids.resize((ends.len() + 1) * LANES, 0);
        let mut filled = 0;
        let mut start = 0;
        for (&Ahead { key, place }, &end) in ahead.iter().zip(ends) {
            let lanes = match cache.view().find(key, place) {
                Some(lanes) => lanes,
                None if has_bytes(key) => self.encode_short(cache, merger, key, &text[start..end]),
                None => Lanes::MANY,
            };
            if lanes.len() > LANES {
                let pretoken = &text[start..end];
                if !emit(&ids[..filled])
                    || !self.encode_long_pretoken(cache, merger, pieces, pretoken, emit)?
                {
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

    /// Encodes a pretoken that is long, or has many ids, piece by piece.
    #[cold]
    fn encode_long_pretoken(
        &self,
        cache: &mut Cache,
        merger: &mut Merger,
        ends: &mut Vec<usize>,
        pretoken: &[u8],
        emit: &mut impl FnMut(&[u32]) -> bool,
    ) -> Result<bool> {
        // Without a split, a pretoken may be anything.
        let is_text = simdutf8::basic::from_utf8(pretoken).is_ok();
        let mut start = 0;
        while start < pretoken.len() {
            ends.clear();
            let mut end = start;
            while end < pretoken.len() && ends.len() < MOST_PIECES {
                end = if is_text { self.cuts.piece_end(pretoken, end) } else { pretoken.len() };
                ends.push(end);
            }
            for &end in &*ends {
                let piece = &pretoken[start..end];
                let extent = if piece.len() == pretoken.len() { Extent::Pretoken } else { Extent::Piece };
                if !self.encode_piece(cache, merger, piece, extent, emit)? {
                    return Ok(false);
                }
                start = end;
            }
        }
        Ok(true)
    }

    /// Encodes a piece of a long pretoken, which may be all of it.
    fn encode_piece(
        &self,
        cache: &mut Cache,
        merger: &mut Merger,
        piece: &[u8],
        extent: Extent,
        emit: &mut impl FnMut(&[u32]) -> bool,
    ) -> Result<bool> {
        let mut lanes = Lanes::MANY;
        let mut key = no_key(extent);
        if piece.len() <= KEY_BYTES {
            key = key_of(piece, 0, piece.len(), extent);
            let view = cache.view();
            lanes = match view.find(key, view.fetch(key)) {
                Some(lanes) => lanes,
                None => self.encode_short(cache, merger, key, piece),
            };
        }
        if lanes.len() <= LANES {
            return Ok(emit(&lanes.ids()[..lanes.len()]));
        }
        Ok(emit(self.encode_long(cache, merger, key, piece)?))
    }

    /// The ids of a piece that the cache does not know yet, if they are few.
    #[cold]
    fn encode_short(&self, cache: &mut Cache, merger: &mut Merger, key: Key, piece: &[u8]) -> Lanes {
        let lanes = Lanes::new(self.merge(merger, key, piece));
        cache.insert(key, lanes);
        lanes
    }

    /// The ids of a piece that is long, or has many.
    #[cold]
    fn encode_long<'w>(
        &self,
        cache: &'w mut Cache,
        merger: &'w mut Merger,
        key: Key,
        piece: &[u8],
    ) -> Result<&'w [u32]> {
        let extent = extent_of(key);
        if let Some(slot) = cache.find_long(piece, extent) {
            return Ok(cache.long_ids(slot));
        }
        if u32::try_from(piece.len()).is_err() {
            let message = format!("{} bytes that nothing cuts, and 4 GiB is the most", piece.len());
            return Err(Error::argument("text", message));
        }
        let ids = self.merge(merger, key, piece);
        cache.insert_long(piece, extent, ids);
        Ok(ids)
    }

    /// The ids of a pretoken or a piece of one, worked out.
    fn merge<'m>(&self, merger: &'m mut Merger, key: Key, piece: &[u8]) -> &'m [u32] {
        let takes_whole = self.whole_pretokens == WholePretokens::Take && extent_of(key) == Extent::Pretoken;
        match takes_whole.then(|| self.vocabulary.id_of(piece)).flatten() {
            Some(id) => merger.take(id),
            None => merger.merge(piece, &self.byte_ids, &self.merges),
        }
    }

    /// A workspace that no other thread has. Never waits: the lock may be held by a thread that a fork left behind.
    fn take_workspace(&self) -> Workspace {
        let kept = match self.workspaces.try_lock() {
            Ok(mut kept) => kept.pop(),
            Err(TryLockError::Poisoned(_) | TryLockError::WouldBlock) => None,
        };
        kept.unwrap_or_else(|| {
            let (cache, merger) = (Cache::new(), Merger::default());
            let block = BlockSpace { cache, merger, ahead: Vec::new(), pieces: Vec::new(), ids: Vec::new() };
            Workspace { ends: Vec::new(), block }
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
        let key = if length <= KEY_BYTES {
            key_of(text, start, length, Extent::Pretoken)
        } else {
            no_key(Extent::Pretoken)
        };
        start = end;
        Ahead { key, place: cache.fetch(key) }
    }));
}
