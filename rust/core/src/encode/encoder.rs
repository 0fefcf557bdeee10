//! Text → ids, for text without special tokens: split, cut what is long, look each piece up, merge where that fails.

use std::ops::Range;
use std::sync::{Mutex, TryLockError};

use super::bpe::Merger;
use super::cache::{
    Cache, Extent, KEY_BYTES, Key, LANES, Lanes, Place, extent_of, has_bytes, key_of, no_key,
};
use super::cuts::Cuts;
use super::merges::{Merge, MergeTable};
use super::vocabulary::Vocabulary;
use crate::split::Splitter;
use crate::{Error, Result};

/// How many workspaces wait for the next call; more than this many threads at once make some anew.
const KEPT_WORKSPACES: usize = 16;

/// How many pieces of long pretokens may be ahead.
const MOST_AHEAD: usize = 512;

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
    /// What is to be encoded next; its slots are on their way from the cache into near memory.
    ahead: Vec<Ahead>,
    /// Where in the text that begins.
    begun: usize,
    /// The ids of what was ahead.
    ids: Vec<u32>,
}

/// A pretoken, or a piece of a long one, whose slot in the cache has been fetched.
#[derive(Debug, Clone, Copy)]
struct Ahead {
    key: Key,
    place: Place,
    /// Where it ends in the text; it begins where the one before it ends.
    end: usize,
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
            workspace.block.ahead.clear();
            workspace.block.begun = 0;
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
        let mut start = 0;
        for &end in ends {
            let length = end - start;
            if length <= KEY_BYTES {
                let key = key_of(&text[start..], length, Extent::Pretoken);
                space.ahead.push(Ahead { key, place: space.cache.fetch(key), end });
            } else if !self.look_into(space, text, start..end, emit)? {
                return Ok(false);
            }
            start = end;
        }
        self.encode_ahead(space, text, emit)
    }

    /// Appends the pieces of a long pretoken to what lies ahead, and encodes that where it becomes too much.
    fn look_into(
        &self,
        space: &mut BlockSpace,
        text: &[u8],
        range: Range<usize>,
        emit: &mut impl FnMut(&[u32]) -> bool,
    ) -> Result<bool> {
        let pretoken = &text[range.clone()];
        // Without a split, a pretoken may be anything.
        let is_text = simdutf8::basic::from_utf8(pretoken).is_ok();
        let mut start = 0;
        while start < pretoken.len() {
            let end = if is_text { self.cuts.piece_end(pretoken, start) } else { pretoken.len() };
            let length = end - start;
            let extent = if length == pretoken.len() { Extent::Pretoken } else { Extent::Piece };
            let key =
                if length <= KEY_BYTES { key_of(&pretoken[start..], length, extent) } else { no_key(extent) };
            space.ahead.push(Ahead { key, place: space.cache.fetch(key), end: range.start + end });
            start = end;
            if space.ahead.len() >= MOST_AHEAD && !self.encode_ahead(space, text, emit)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Encodes what lies ahead, and leaves nothing there.
    #[inline]
    fn encode_ahead(
        &self,
        space: &mut BlockSpace,
        text: &[u8],
        emit: &mut impl FnMut(&[u32]) -> bool,
    ) -> Result<bool> {
        let BlockSpace { cache, merger, ahead, begun, ids } = space;
        // Four lanes are stored for every piece, whatever it has, and the next ones begin where its ids end.
        ids.resize((ahead.len() + 1) * LANES, 0);
        let mut filled = 0;
        let mut start = *begun;
        for &Ahead { key, place, end } in &*ahead {
            let mut known = cache.find(key, place);
            if known.is_none() && has_bytes(key) {
                known = self.encode_short(cache, merger, key, &text[start..end]);
            }
            if let Some(lanes) = known {
                ids[filled..filled + LANES].copy_from_slice(&lanes.ids());
                filled += lanes.len();
            } else {
                let long = self.encode_long(cache, merger, key, &text[start..end])?;
                if !emit(&ids[..filled]) || !emit(long) {
                    return Ok(false);
                }
                filled = 0;
            }
            start = end;
        }
        *begun = start;
        ahead.clear();
        Ok(emit(&ids[..filled]))
    }

    /// The ids of a piece that the cache does not know yet, if they are few.
    #[cold]
    fn encode_short(&self, cache: &mut Cache, merger: &mut Merger, key: Key, piece: &[u8]) -> Option<Lanes> {
        let lanes = Lanes::new(self.merge(merger, key, piece))?;
        cache.insert(key, lanes);
        Some(lanes)
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
            let block = BlockSpace { cache, merger, ahead: Vec::new(), begun: 0, ids: Vec::new() };
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
