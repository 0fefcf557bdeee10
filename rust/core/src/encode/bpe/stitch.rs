//! Byte-pair encoding of long pieces in linear time, window by window.
//!
//! Let two windows of a text overlap, and let some token X stand at the same place in the encodings of both. Then the
//! encoding of both windows together is the left one's up to and including X, followed by what the right one has after
//! X.
//!
//! *Proof.* Merge both together and look at the first merge that crosses a border of X. Up to it, what is left of X, X
//! itself, and what is right of X merge each by themselves. Which pair of two neighbouring regions, or across
//! their border, comes next does not depend on a third region: the pair is the lowest, and the leftmost of equals, of
//! those that there are. So a merge across X's left border would have taken place in the left window, too, which holds
//! all that is left of X; and one across its right border in the right window. But in both X came out whole.
//!
//! Nothing is assumed of ranks. The same argument holds for a chain of windows: each next one must meet the chain in a
//! token that begins no earlier than the last one in which windows met.
//!
//! Nearly always windows of [`NARROW`] bytes meet, wherever they begin, so they are merged many at a time. If two do
//! not, the first of them is merged anew as a wider one, which begins where a token of the one before begins: runs of
//! spaces, where tokens have 128 bytes, meet only so. If that does not help, all begins again with windows four times
//! as wide, up to the whole piece. So the time is linear, and n log² n where hostile ranks keep windows from ever
//! meeting.
//!
//! What recent windows merged to is kept, so that periodic text runs at the speed at which windows are compared: a
//! megabyte of one letter at 570 MB/s, of spaces at 630, where random letters run at 31 (o200k).

use xxhash_rust::xxh3::xxh3_64;

use super::lockstep::{Lockstep, Piece};
use super::ranks::PairRanks;
use super::{HeapMerger, MANY_LANES};
use crate::utf8::is_tail;

/// The bytes of a narrow window.
const NARROW: usize = MANY_LANES - 1;

/// How far apart narrow windows begin. With 32 they do more than they need (random letters: 40 MB/s, not 46), with 48
/// some do not meet (mixed blanks: 20 MB/s, not 40).
const STRIDE: usize = 40;

/// How many narrow windows are merged at once.
const AHEAD: usize = 32;

/// How much wider windows become where narrower ones do not meet.
const WIDENING: usize = 4;

/// For how many windows a chain stays wide then.
const WIDE_WINDOWS: usize = 4;

/// How many windows are kept with what they merged to.
const KEPT: usize = 128;

/// A token of a window: where it ends there, and its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) end: u32,
    pub(crate) id: u32,
}

/// A stretch of a piece, merged by itself.
#[derive(Debug, Default)]
struct Window {
    start: usize,
    length: usize,
    tokens: Vec<Token>,
}

/// The last window of a chain, and how much of it the chain has already.
#[derive(Debug, Default)]
struct Last {
    window: Window,
    /// The tokens of the window that the chain has, or that are not its own.
    used: usize,
    /// The ids of the chain so far.
    ids: usize,
}

/// Merges long pieces, always by the same ranks, and keeps the scratch space for it.
#[derive(Debug, Default)]
pub(crate) struct Stitcher {
    /// Narrow windows to come, the next one last.
    ahead: Vec<Window>,
    /// Windows whose buffers are free.
    free: Vec<Window>,
    /// What windows merged to, by a hash of their bytes.
    kept: Vec<(Vec<u8>, Vec<Token>)>,
}

/// The ranks, and the scratch space for merging windows.
struct Mergers<'m, R> {
    ranks: &'m R,
    narrow: &'m mut Lockstep<MANY_LANES>,
    wide: &'m mut HeapMerger,
}

impl Stitcher {
    /// Replaces `ids` by those of `piece`.
    pub(crate) fn merge<R: PairRanks>(
        &mut self,
        narrow: &mut Lockstep<MANY_LANES>,
        wide: &mut HeapMerger,
        piece: &[u8],
        ranks: &R,
        ids: &mut Vec<u32>,
    ) {
        let mut mergers = Mergers { ranks, narrow, wide };
        let mut width = NARROW;
        while !self.chain(&mut mergers, piece, width, ids) {
            width *= WIDENING;
        }
    }

    /// Replaces `ids` by those of `piece`, from windows of `width` bytes; `false` if they do not meet.
    fn chain<R: PairRanks>(
        &mut self,
        mergers: &mut Mergers<'_, R>,
        piece: &[u8],
        width: usize,
        ids: &mut Vec<u32>,
    ) -> bool {
        ids.clear();
        self.free.append(&mut self.ahead);
        let window = match width {
            NARROW => self.narrow_window(mergers, piece, 0),
            _ => self.wide_window(mergers, piece, 0, width),
        };
        let mut last = Last { window, used: 0, ids: 0 };
        let mut before = None;
        let mut wide_windows = 0;
        loop {
            let Last { window, used, .. } = &last;
            if window.start + window.length == piece.len() {
                ids.extend(window.tokens[*used..].iter().map(|token| token.id));
                return true;
            }
            let next = if width == NARROW && wide_windows == 0 {
                let start = character_start(piece, window.start + window.length - (NARROW - STRIDE));
                let next = self.narrow_window(mergers, piece, start);
                meet(&last, &next).map(|met| (next, met))
            } else {
                let width = if wide_windows == 0 { width } else { width * WIDENING };
                self.aligned_window(mergers, piece, &last, width)
            };
            if let Some((next, (used, used_of_next))) = next {
                ids.extend(last.window.tokens[last.used..used].iter().map(|token| token.id));
                let next = Last { window: next, used: used_of_next, ids: ids.len() };
                let replaced = before.replace(std::mem::replace(&mut last, next));
                self.free.extend(replaced.map(|last: Last| last.window));
                wide_windows = usize::saturating_sub(wide_windows, 1);
            } else if let Some(one_before) = before.take().filter(|_| wide_windows == 0) {
                last = one_before;
                ids.truncate(last.ids);
                wide_windows = WIDE_WINDOWS;
            } else {
                return false;
            }
        }
    }

    /// The narrow window from `start` on.
    fn narrow_window<R: PairRanks>(
        &mut self,
        mergers: &mut Mergers<'_, R>,
        piece: &[u8],
        start: usize,
    ) -> Window {
        if let Some(next) = self.ahead.pop_if(|next| next.start == start) {
            return next;
        }
        self.free.append(&mut self.ahead);
        let mut unknown = Vec::new();
        let mut start = start;
        for _ in 0..AHEAD {
            let length = NARROW.min(piece.len() - start);
            let (window, is_known) = self.kept_window(piece, start, length);
            if !is_known {
                unknown.push(self.ahead.len());
            }
            self.ahead.push(window);
            if start + length == piece.len() {
                break;
            }
            start = character_start(piece, start + STRIDE);
        }
        let ahead = &mut self.ahead;
        let starts: Vec<usize> = unknown.iter().map(|&index| ahead[index].start).collect();
        let pieces = unknown
            .iter()
            .zip(starts)
            .map(|(&index, start)| Piece::new(&piece[start..piece.len().min(start + NARROW)], index));
        mergers.narrow.merge(mergers.ranks, pieces, |index, word| {
            let tokens = word.tokens(mergers.ranks).map(|(end, id)| Token { end: end as u32, id });
            ahead[index].tokens.extend(tokens);
        });
        for index in unknown {
            self.keep(piece, index);
        }
        self.ahead.reverse();
        self.ahead.pop().expect("there is one at least")
    }

    /// The next window where a token of the last one begins, at three quarters of it or at one third, if it meets the
    /// last one; and where they meet.
    fn aligned_window<R: PairRanks>(
        &mut self,
        mergers: &mut Mergers<'_, R>,
        piece: &[u8],
        last: &Last,
        width: usize,
    ) -> Option<(Window, (usize, usize))> {
        let Window { start, length, tokens } = &last.window;
        for most in [length / 4 * 3, length / 3] {
            let place = tokens.partition_point(|token| token.end as usize <= most).max(last.used);
            let begin = place.checked_sub(1).map_or(0, |before| tokens[before].end as usize);
            let is_end_covered = start + begin + width <= start + length;
            if begin == 0 || begin == *length || is_end_covered {
                continue;
            }
            let next = self.wide_window(mergers, piece, start + begin, width);
            match meet(last, &next) {
                Some(met) => return Some((next, met)),
                None => self.free.push(next),
            }
        }
        None
    }

    /// The window of at most `width` bytes from `start` on.
    fn wide_window<R: PairRanks>(
        &mut self,
        mergers: &mut Mergers<'_, R>,
        piece: &[u8],
        start: usize,
        width: usize,
    ) -> Window {
        let length = width.min(piece.len() - start);
        let (mut window, is_known) = self.kept_window(piece, start, length);
        if !is_known {
            mergers.wide.merge(&piece[start..start + length], mergers.ranks, &mut window.tokens);
            keep(&mut self.kept, piece, &window);
        }
        window
    }

    /// A window, and whether its tokens are known.
    fn kept_window(&mut self, piece: &[u8], start: usize, length: usize) -> (Window, bool) {
        let mut window = self.free.pop().unwrap_or_default();
        (window.start, window.length) = (start, length);
        window.tokens.clear();
        let bytes = &piece[start..start + length];
        let kept = self.kept.get(place_of(bytes)).filter(|(kept, _)| kept == bytes);
        if let Some((_, tokens)) = kept {
            window.tokens.extend_from_slice(tokens);
        }
        (window, kept.is_some())
    }

    fn keep(&mut self, piece: &[u8], ahead: usize) {
        keep(&mut self.kept, piece, &self.ahead[ahead]);
    }
}

fn place_of(bytes: &[u8]) -> usize {
    xxh3_64(bytes) as usize % KEPT
}

fn keep(kept: &mut Vec<(Vec<u8>, Vec<Token>)>, piece: &[u8], window: &Window) {
    kept.resize_with(KEPT, Default::default);
    let bytes = &piece[window.start..window.start + window.length];
    let (kept_bytes, kept_tokens) = &mut kept[place_of(bytes)];
    kept_bytes.clear();
    kept_bytes.extend_from_slice(bytes);
    kept_tokens.clear();
    kept_tokens.extend_from_slice(&window.tokens);
}

/// The last place up to `at` at which a character begins, so that windows of text sooner meet.
fn character_start(piece: &[u8], at: usize) -> usize {
    let is_start = |&at: &usize| piece.get(at).is_none_or(|&byte| !is_tail(byte));
    (at.saturating_sub(3)..=at).rev().find(is_start).unwrap_or(at)
}

/// The first token that stands at the same place in both windows and that the chain does not have yet: how many tokens
/// each window has up to it.
fn meet(last: &Last, next: &Window) -> Option<(usize, usize)> {
    let tokens = &last.window.tokens;
    let offset = next.start.checked_sub(last.window.start)? as u32;
    let mut left = tokens.partition_point(|token| token.end <= offset).max(last.used);
    let mut right = 0;
    let mut left_start = if left == 0 { 0 } else { tokens[left - 1].end };
    let mut right_start = offset;
    loop {
        let left_end = tokens.get(left)?.end;
        let right_end = next.tokens.get(right)?.end + offset;
        if left_start == right_start && left_end == right_end {
            return Some((left + 1, right + 1));
        }
        if left_end <= right_end {
            left += 1;
            left_start = left_end;
        }
        if right_end <= left_end {
            right += 1;
            right_start = right_end;
        }
    }
}
