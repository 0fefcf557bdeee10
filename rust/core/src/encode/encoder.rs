//! Text → ids, for text without special tokens: split, cut what is long, look each piece up, merge where that fails.

use std::sync::{Mutex, TryLockError};

use super::cache::{Cache, Extent, KEY_BYTES, Key, LANES, Lanes, NO_KEY, Place, View, has_bytes, key_of};
use super::cuts::Cuts;
use super::merges::Merge;
use super::misses::MissSpace;
use super::ranks::{Merges, Ranks};
use super::vocabulary::Vocabulary;
use crate::Result;
use crate::split::Splitter;

/// How many workspaces wait for the next call; more than this many threads at once make some anew.
const KEPT_WORKSPACES: usize = 16;

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
    pub(super) ranks: Ranks,
    pub(super) cuts: Cuts,
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
    /// Of each pretoken in the block.
    ahead: Vec<Ahead>,
    /// The ids of the block so far.
    ids: Vec<u32>,
    misses: MissSpace,
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
        merges: Merges,
        byte_ids: &[u32; 256],
        whole_pretokens: WholePretokens,
    ) -> Self {
        let ranks = Ranks::new(merges, byte_ids, &vocabulary);
        let cuts = Cuts::new(vocabulary.iter().map(|(_, token)| token));
        Self { splitter, vocabulary, whole_pretokens, ranks, cuts, workspaces: Mutex::default() }
    }

    pub(super) fn merges(&self) -> &[Merge] {
        self.ranks.merges(&self.vocabulary)
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
        let BlockSpace { cache, ahead, ids, misses } = space;
        look_ahead(cache.view(), ahead, text, ends);
        // Four lanes are stored for every pretoken, whatever it has, and the next ones begin where its ids end.
        ids.resize((ends.len() + 1) * LANES, 0);
        let mut filled = 0;
        let mut start = 0;
        for (&Ahead { key, place }, &end) in ahead.iter().zip(ends) {
            let lanes = match cache.view().find(key, place) {
                Some(lanes) => lanes,
                None if has_bytes(key) => self.resolve(misses, cache, &[key])[0],
                None => Lanes::MANY,
            };
            if lanes.len() > LANES {
                if !emit(&ids[..filled]) || !self.encode_long(misses, cache, &text[start..end], emit)? {
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

    /// A workspace that no other thread has. Never waits: the lock may be held by a thread that a fork left behind.
    fn take_workspace(&self) -> Workspace {
        let kept = match self.workspaces.try_lock() {
            Ok(mut kept) => kept.pop(),
            Err(TryLockError::Poisoned(_) | TryLockError::WouldBlock) => None,
        };
        kept.unwrap_or_else(|| {
            let (cache, misses) = (Cache::new(), MissSpace::default());
            Workspace {
                ends: Vec::new(),
                block: BlockSpace { cache, ahead: Vec::new(), ids: Vec::new(), misses },
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
