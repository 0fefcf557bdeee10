//! Text → ids, for text without special tokens: split, cut what is long, look each piece up, merge where that fails.

use super::bpe::cuts::Cuts;
use super::bpe::merges::Merge;
use super::bpe::ranks::{Merges, Ranks};
use super::cache::arena::{Hash, MOST_BYTES};
use super::cache::emit::write_known;
use super::cache::holes::Holes;
use super::cache::misses::{Content, MissSpace};
use super::cache::seats::Usher;
use super::cache::{Cache, LANES};
use super::ids::Ids;
use super::vocabulary::Vocabulary;
use crate::keys::{Extent, Keys, has_bytes};
use crate::processor::Level;
use crate::split::{Ends, Splitter};
use crate::{Result, Reuse};

/// How many workspaces wait for the next call; more than this many threads at once make some anew.
const KEPT_WORKSPACES: usize = 16;

/// How many pretokens make a block, where they are known beforehand.
const PIECES_AT_ONCE: usize = 256;

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
    pub(super) level: Level,
    workspaces: Reuse<Box<Workspace>>,
}

/// Scratch space of one thread for encoding. It outlives the call, for the sake of the cache. When two threads told
/// each other what they learned, by a list, code and 25 languages were 5 to 10 % slower: most words come once.
#[derive(Debug, Default)]
struct Workspace {
    ends: Ends,
    block: BlockSpace,
}

/// Scratch space for encoding a block of pretokens.
#[derive(Debug, Default)]
struct BlockSpace {
    keys: Keys,
    usher: Usher,
    holes: Holes,
    misses: MissSpace,
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
        Self {
            splitter,
            vocabulary,
            whole_pretokens,
            ranks,
            cuts,
            level: Level::best(),
            workspaces: Reuse::new(KEPT_WORKSPACES, usize::MAX),
        }
    }

    pub(super) fn merges(&self) -> &[Merge] {
        self.ranks.merges(&self.vocabulary)
    }

    /// Adds the ids of `text` to `ids`; returns whether more are wanted.
    pub(super) fn encode(&self, text: &[u8], ids: &mut Ids) -> Result<bool> {
        let mut workspace = self.take_workspace();
        let result = self.encode_in(&mut workspace, text, ids);
        self.return_workspace(workspace);
        result
    }

    /// Like [`encode`](Self::encode), for text whose pretokens are known: they end at `ends`.
    pub(super) fn encode_pretokens(&self, text: &[u8], ends: &[usize], ids: &mut Ids) -> Result<bool> {
        let mut workspace = self.take_workspace();
        let Workspace { ends: block_ends, block } = &mut *workspace;
        block.misses.content = Content::Bytes;
        let mut start = 0;
        let mut outcome = Ok(true);
        for few in ends.chunks(PIECES_AT_ONCE) {
            block_ends.restart(start);
            for &end in few {
                block_ends.push(end);
            }
            start = block_ends.end();
            outcome = self.encode_block(block, text, block_ends, ids);
            if !matches!(outcome, Ok(true)) {
                break;
            }
        }
        let filled = self.fill(&mut block.misses, &mut block.holes, ids);
        self.return_workspace(workspace);
        outcome.and(filled.map(|()| !ids.is_full()))
    }

    fn encode_in(&self, workspace: &mut Workspace, text: &[u8], ids: &mut Ids) -> Result<bool> {
        let Workspace { ends, block } = workspace;
        block.misses.content = if self.splitter.splits() { Content::Characters } else { Content::Bytes };
        let mut outcome = Ok(true);
        let split = self.splitter.for_each_block(text, ends, |text, pretokens| {
            outcome = self.encode_block(block, text, pretokens, ids);
            matches!(outcome, Ok(true))
        });
        let filled = self.fill(&mut block.misses, &mut block.holes, ids);
        split.and(outcome).and(filled.map(|()| !ids.is_full()))
    }

    /// Encodes some pretokens of `text`; returns whether more ids are wanted. There may be holes among the ids then.
    #[inline]
    fn encode_block(
        &self,
        space: &mut BlockSpace,
        text: &[u8],
        pretokens: &Ends,
        ids: &mut Ids,
    ) -> Result<bool> {
        space.keys.find(self.level, text, pretokens, Extent::Pretoken, space.misses.cache.view());
        space.usher.seat(text, pretokens, &mut space.keys, &mut space.misses.cache);
        let mut done = 0;
        while done < pretokens.len() {
            let BlockSpace { keys, holes, misses: MissSpace { cache, .. }, .. } = space;
            let start = ids.len();
            let elsewhere = |number, before, room: &mut [u32]| {
                let pretoken = Pretoken { number, text, pretokens, keys };
                write_kept(cache, pretoken, room)
                    .or_else(|| leave_hole(holes, pretoken, start + before, room.len()))
            };
            let numbers = done..pretokens.len();
            let known = write_known(self.level, cache.view(), keys, numbers, ids, elsewhere);
            ids.add_with(known.ids, holes);
            done += known.pretokens;
            if done < pretokens.len() && self.encode_huge_at(space, text, pretokens, done, ids)? {
                done += 1;
            }
            if ids.is_full() {
                return Ok(false);
            }
        }
        if space.holes.are_enough(ids) {
            self.fill(&mut space.misses, &mut space.holes, ids)?;
        }
        Ok(true)
    }

    /// Encodes pretoken `number`, whose ids were not written, if it is too long to leave a hole; otherwise makes room.
    #[cold]
    fn encode_huge_at(
        &self,
        space: &mut BlockSpace,
        text: &[u8],
        pretokens: &Ends,
        number: usize,
        ids: &mut Ids,
    ) -> Result<bool> {
        let pretoken = &text[pretokens.place(number)];
        if Hash::is_for(pretoken) {
            ids.room(MOST_BYTES);
            return Ok(false);
        }
        self.encode_huge(&mut space.misses, pretoken, ids)?;
        space.keys.follow(space.misses.cache.view());
        Ok(true)
    }

    /// A workspace that no other thread has.
    fn take_workspace(&self) -> Box<Workspace> {
        self.workspaces.take(|_| true).unwrap_or_default()
    }

    fn return_workspace(&self, workspace: Box<Workspace>) {
        self.workspaces.keep(workspace, |_| 0);
    }
}

/// One of a block's pretokens.
#[derive(Clone, Copy)]
struct Pretoken<'b> {
    number: usize,
    text: &'b [u8],
    pretokens: &'b Ends,
    keys: &'b Keys,
}

impl<'b> Pretoken<'b> {
    fn bytes(self) -> &'b [u8] {
        &self.text[self.pretokens.place(self.number)]
    }
}

/// Copies the ids of a pretoken to `room`, from the cache's slots or its arena, if they are known and there is room;
/// returns how many there are.
#[inline(never)]
fn write_kept(cache: &Cache, pretoken: Pretoken<'_>, room: &mut [u32]) -> Option<usize> {
    let (key, place) = pretoken.keys.at(pretoken.number);
    let lanes = if has_bytes(key) {
        cache.find_now(key, place)?
    } else {
        cache.find_long(pretoken.bytes(), place)?
    };
    if lanes.len() > LANES {
        return cache.arena.view().copy(lanes.excerpt(), room);
    }
    *room.first_chunk_mut()? = lanes.ids();
    Some(lanes.len())
}

/// Leaves a hole at `start` for the ids of a pretoken, unless it is too long or takes more than `most` ids; returns how
/// many ids the hole has room for.
#[inline(never)]
fn leave_hole(holes: &mut Holes, pretoken: Pretoken<'_>, start: usize, most: usize) -> Option<usize> {
    let (key, place) = pretoken.keys.at(pretoken.number);
    if has_bytes(key) {
        return holes.leave_short(start, key, place, most);
    }
    holes.leave_long(start, pretoken.bytes(), Hash::of(pretoken.bytes())?, most)
}
