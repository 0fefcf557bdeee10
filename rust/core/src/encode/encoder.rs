//! Text → ids, for text without special tokens: split, look each pretoken up, merge where that fails.

use std::sync::{Mutex, TryLockError};

use super::bpe::Merger;
use super::cache::{Cache, KEY_BYTES, Key, LANES, Lanes, NO_KEY, Place, key_of};
use super::merges::{Merge, MergeTable};
use super::vocabulary::Vocabulary;
use crate::split::Splitter;
use crate::{Error, Result};

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
    merges: MergeTable,
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
    /// Of each pretoken.
    keys: Vec<(Key, Place)>,
    /// Of all pretokens so far.
    ids: Vec<u32>,
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
        Self { splitter, vocabulary, whole_pretokens, merges, byte_ids, workspaces: Mutex::default() }
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
        workspace: &mut BlockSpace,
        text: &[u8],
        ends: &[usize],
        emit: &mut impl FnMut(&[u32]) -> bool,
    ) -> Result<bool> {
        let BlockSpace { cache, merger, keys, ids } = workspace;
        look_ahead(cache, keys, text, ends);
        // Four lanes are stored for every pretoken, whatever it has, and the next ones begin where its ids end.
        ids.resize((ends.len() + 1) * LANES, 0);
        let mut filled = 0;
        let mut start = 0;
        for (&end, &(key, place)) in ends.iter().zip(&*keys) {
            let mut known = cache.find(key, place);
            if known.is_none() && key != NO_KEY {
                known = self.encode_short(cache, merger, key, &text[start..end]);
            }
            if let Some(lanes) = known {
                ids[filled..filled + LANES].copy_from_slice(&lanes.ids());
                filled += lanes.len();
            } else {
                if !emit(&ids[..filled]) || !emit(self.encode_long(cache, merger, &text[start..end])?) {
                    return Ok(false);
                }
                filled = 0;
            }
            start = end;
        }
        Ok(emit(&ids[..filled]))
    }

    /// The ids of a pretoken that the cache does not know yet, if they are few.
    #[cold]
    fn encode_short(
        &self,
        cache: &mut Cache,
        merger: &mut Merger,
        key: Key,
        pretoken: &[u8],
    ) -> Option<Lanes> {
        let lanes = Lanes::new(self.merge(merger, pretoken))?;
        cache.insert(key, lanes);
        Some(lanes)
    }

    /// The ids of a pretoken that is long, or has many.
    #[cold]
    fn encode_long<'w>(
        &self,
        cache: &'w mut Cache,
        merger: &'w mut Merger,
        pretoken: &[u8],
    ) -> Result<&'w [u32]> {
        if let Some(slot) = cache.find_long(pretoken) {
            return Ok(cache.long_ids(slot));
        }
        if u32::try_from(pretoken.len()).is_err() {
            let message = format!("a pretoken of {} bytes, and 4 GiB is the most", pretoken.len());
            return Err(Error::argument("text", message));
        }
        let ids = self.merge(merger, pretoken);
        cache.insert_long(pretoken, ids);
        Ok(ids)
    }

    /// The ids of a pretoken, worked out.
    fn merge<'m>(&self, merger: &'m mut Merger, pretoken: &[u8]) -> &'m [u32] {
        match self.whole_token(pretoken) {
            Some(id) => merger.take(id),
            None => merger.merge(pretoken, &self.byte_ids, &self.merges),
        }
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
            let (cache, merger) = (Cache::new(), Merger::default());
            let block = BlockSpace { cache, merger, keys: Vec::new(), ids: Vec::new() };
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
fn look_ahead(cache: &Cache, keys: &mut Vec<(Key, Place)>, text: &[u8], ends: &[usize]) {
    keys.clear();
    let mut start = 0;
    keys.extend(ends.iter().map(|&end| {
        let length = end - start;
        let key = if length <= KEY_BYTES { key_of(&text[start..], length) } else { NO_KEY };
        start = end;
        (key, cache.fetch(key))
    }));
}
