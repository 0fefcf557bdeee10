//! Any choice of rows, copied into one block of inputs and one of targets, as the integers that training wants.
//!
//! Two blocks and not one of `max_length + 1` columns: a slice of the latter is not contiguous, and every framework
//! would copy it again. Waiting for memory takes most of the time, since the next window may lie anywhere. So the cache
//! lines of later windows are prefetched while one is written, which halves the time for windows of 2 KiB and makes it
//! a fifth for those of 512 bytes. They are prefetched a few at a time, as much as is written meanwhile. Then 32
//! windows of 1024 take 11 µs, the sum of what reading (6.4) and writing (4.8) take by themselves; with all of a
//! window's lines at once they take 15. Stores that bypass the caches were slower, since the output, written again and
//! again, stays in them; so was prefetching the lines of the output.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use crate::memory::table::prefetch;
use crate::processor::Level;
use crate::{Error, Result, available_threads, map_in_order};

use super::convert::{Token, convert};
use super::{Places, Sequence};

/// Output that one thread writes faster than a second thread starts, in bytes.
const BYTES_PER_THREAD: usize = 1 << 20;

/// How far to prefetch, in bytes of tokens: with less, reading waits for memory, and more fills the L1 cache.
const BYTES_AHEAD: usize = 4096;

/// The most rows to prefetch ahead.
const ROWS_AHEAD: usize = 16;

/// How many bytes of one row are prefetched; for the rest the processor sees by itself where reading goes.
const BYTES_OF_A_ROW: usize = 16 << 10;

/// How many tokens are written between two prefetches.
const TOKENS_AT_ONCE: usize = 128;

/// The size of a cache line, in bytes.
const LINE: usize = 64;

/// Something whose rows can be written as `T`, whatever the type of its tokens.
pub trait WriteRow<T>: Sync {
    /// The type that identifies a row.
    type Row: Sync;

    /// Places in a row.
    fn length(&self) -> usize;

    /// Adds to `lines` the memory of a row that will be written soon.
    fn announce(&self, row: &Self::Row, lines: &mut Lines);

    /// Writes one row, and meanwhile prefetches `lines`; inputs and targets have [`length`](Self::length) places each.
    fn write(&self, row: &Self::Row, lines: &mut Lines, inputs: &mut [T], targets: &mut [T]) -> Result<()>;
}

/// Memory that is to be prefetched, in order.
#[derive(Debug, Default)]
pub struct Lines {
    /// Runs of bytes, of which the first may be prefetched in part.
    runs: VecDeque<Range<*const u8>>,
}

impl Lines {
    /// Adds the memory of `tokens`, at most [`BYTES_OF_A_ROW`].
    pub(super) fn add<S>(&mut self, tokens: &[S]) {
        let bytes = size_of_val(tokens).min(BYTES_OF_A_ROW);
        let start = tokens.as_ptr().cast::<u8>();
        self.runs.push_back(start..start.wrapping_add(bytes));
    }

    /// Prefetches the next lines, about `bytes` bytes.
    #[inline]
    fn ask(&mut self, mut bytes: usize) {
        while let Some(run) = self.runs.front_mut()
            && bytes > 0
        {
            prefetch(run.start);
            run.start = run.start.wrapping_add(LINE);
            bytes = bytes.saturating_sub(LINE);
            if run.is_empty() {
                self.runs.pop_front();
            }
        }
    }

    /// Prefetches all that is left.
    fn ask_all(&mut self) {
        self.ask(usize::MAX);
    }
}

/// Writes `rows`, in that order: inputs to one block, targets to the other.
///
/// Uses one more thread for each further MiB of output, as far as there are processors. Fails if a block is not
/// `rows.len()` times as long as a row, or with the error of the first row that has one; the blocks then hold what was
/// written before the error was noticed.
pub fn gather<T: Send, W: WriteRow<T> + ?Sized>(
    source: &W,
    rows: &[W::Row],
    inputs: &mut [T],
    targets: &mut [T],
) -> Result<()> {
    let length = source.length();
    let expected = rows.len().checked_mul(length);
    if Some(inputs.len()) != expected || Some(targets.len()) != expected {
        let message = format!("{} and {} places for {} windows", inputs.len(), targets.len(), rows.len());
        return Err(Error::argument("out", format!("{message} of {length} tokens")));
    }
    let threads = threads_for(2 * size_of_val(inputs)).min(rows.len().max(1));
    if threads == 1 {
        return write_rows(source, rows, inputs, targets);
    }
    let share = rows.len().div_ceil(threads);
    let blocks = inputs.chunks_mut(share * length).zip(targets.chunks_mut(share * length));
    let parts: Vec<_> = rows.chunks(share).zip(blocks).map(|part| Mutex::new(Some(part))).collect();
    let results = map_in_order(threads, parts.len(), |number| {
        let part = parts[number].lock().unwrap_or_else(PoisonError::into_inner).take();
        part.map_or(Ok(()), |(rows, (inputs, targets))| write_rows(source, rows, inputs, targets))
    });
    // In order, so the error is that of the first row that has one.
    results.into_iter().collect()
}

/// Writes `rows` on this thread.
fn write_rows<T, W: WriteRow<T> + ?Sized>(
    source: &W,
    rows: &[W::Row],
    inputs: &mut [T],
    targets: &mut [T],
) -> Result<()> {
    let length = source.length();
    // As if tokens had two bytes, which most stores' have; it need not be exact.
    let ahead = (BYTES_AHEAD / size_of::<u16>()).checked_div(length).unwrap_or(0).clamp(1, ROWS_AHEAD);
    let mut lines = Lines::default();
    rows.iter().take(ahead).for_each(|row| source.announce(row, &mut lines));
    let blocks = inputs.chunks_exact_mut(length).zip(targets.chunks_exact_mut(length));
    for (index, (inputs, targets)) in blocks.enumerate() {
        lines.ask_all();
        if let Some(row) = rows.get(index + ahead) {
            source.announce(row, &mut lines);
        }
        source.write(&rows[index], &mut lines, inputs, targets)?;
    }
    Ok(())
}

/// Fills `inputs` with `tokens` from the first on, and `targets` from the second on; returns whether all fitted.
/// Prefetches about as much of `lines` as it reads.
pub(super) fn write_both<S: Token, T: Token>(
    level: Level,
    tokens: &[S],
    lines: &mut Lines,
    inputs: &mut [T],
    targets: &mut [T],
) -> bool {
    let mut fits = true;
    let mut targets = targets.chunks_mut(TOKENS_AT_ONCE);
    for (inputs, start) in inputs.chunks_mut(TOKENS_AT_ONCE).zip((0..).step_by(TOKENS_AT_ONCE)) {
        let targets = targets.next().unwrap_or_default();
        lines.ask(size_of::<S>() * inputs.len());
        fits &= convert(level, &tokens[start..start + inputs.len()], inputs);
        fits &= convert(level, &tokens[start + 1..start + 1 + targets.len()], targets);
    }
    fits
}

/// Writes the tokens at `shown`, which may lie in several pieces, to `row`, as far as both go; returns whether all
/// fitted, and the places of `row` that are left.
pub(super) fn write_pieces<Q: Sequence, T: Token>(
    level: Level,
    tokens: Q,
    mut shown: Range<u64>,
    mut row: &mut [T],
) -> (bool, &mut [T]) {
    let mut fits = true;
    while !row.is_empty() && !shown.is_empty() {
        let piece = tokens.piece(shown.clone());
        let (own, behind) = row.split_at_mut(piece.len().min(row.len()));
        fits &= convert(level, &piece[..own.len()], own);
        shown.start += own.len() as u64;
        row = behind;
    }
    (fits, row)
}

fn threads_for(bytes: usize) -> usize {
    // Below that, the processors are not even counted: this reads files.
    if bytes < 2 * BYTES_PER_THREAD { 1 } else { (bytes / BYTES_PER_THREAD).min(available_threads()) }
}

/// Windows over tokens in memory.
#[derive(Debug, Clone, Copy)]
pub struct Windows<'t, Q: Sequence> {
    places: &'t Places,
    tokens: Q,
    pad: Q::Token,
    level: Level,
}

impl<'t, Q: Sequence> Windows<'t, Q> {
    /// The windows at `places` of `tokens`; `pad` stands where a padded window has no token.
    pub fn new(places: &'t Places, tokens: Q, pad: Option<i64>) -> Result<Self> {
        if tokens.len() != places.tokens() {
            let message = format!(
                "there are {} tokens now, the windows were laid over {}",
                tokens.len(),
                places.tokens()
            );
            return Err(Error::argument("tokens", message));
        }
        if pad.is_none() && places.padded() > 0 {
            return Err(Error::argument("pad_id", "is needed with tail=\"pad\""));
        }
        let id = pad.unwrap_or(0);
        if !Q::Token::holds(id) {
            let name = Q::Token::NAME;
            return Err(Error::argument("pad_id", format!("{id} does not fit the tokens' type {name}")));
        }
        Ok(Self { places, tokens, pad: Q::Token::truncate(id), level: Level::best() })
    }

    /// The positions of the tokens that `window` shows, the last target included.
    fn shown(&self, window: u64) -> Range<u64> {
        let (start, end) = self.places.span(window);
        start..end.min(start.saturating_add(self.places.max_length()).saturating_add(1))
    }

    /// Fills `row` with the tokens at `shown`, as far as they go, and then with padding; returns whether all fitted.
    fn row<T: Token>(&self, shown: Range<u64>, row: &mut [T]) -> bool {
        let (fits, row) = write_pieces(self.level, self.tokens, shown, row);
        let pad = self.pad.into();
        row.fill(T::truncate(pad));
        fits & (row.is_empty() || T::holds(pad))
    }

    /// The error about the first id of `window` that `T` cannot hold.
    #[cold]
    fn misfit<T: Token>(&self, window: u64) -> Error {
        let ids = self.shown(window).map(|place| (self.tokens.piece(place..place + 1)[0].into(), place));
        let (id, place) = match ids.into_iter().find(|&(id, _)| !T::holds(id)) {
            Some((id, place)) => (id, format!("token {place}")),
            None => (self.pad.into(), "pad_id".to_owned()),
        };
        Error::argument("dtype", format!("{place} is {id}, which {} cannot hold", T::NAME))
    }
}

impl<Q: Sequence, T: Token> WriteRow<T> for Windows<'_, Q> {
    type Row = u64;

    fn length(&self) -> usize {
        self.places.max_length() as usize
    }

    fn announce(&self, &window: &u64, lines: &mut Lines) {
        if window < self.places.windows() {
            lines.add(self.tokens.piece(self.shown(window)));
        }
    }

    fn write(&self, &window: &u64, lines: &mut Lines, inputs: &mut [T], targets: &mut [T]) -> Result<()> {
        if window >= self.places.windows() {
            let windows = self.places.windows();
            return Err(Error::argument("indices", format!("no window {window}, there are {windows}")));
        }
        let Range { start, end } = self.shown(window);
        let piece = self.tokens.piece(start..end);
        let fits = if piece.len() > inputs.len() {
            write_both(self.level, piece, lines, inputs, targets)
        } else {
            // Where shards or padding begin.
            self.row(start..end, inputs) & self.row(start + 1..end, targets)
        };
        if fits { Ok(()) } else { Err(self.misfit::<T>(window)) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::windows::{Documents, Layout, Tail};

    fn naive(tokens: &[i64], layout: &Layout, pad: i64, indices: &[u64]) -> (Vec<i64>, Vec<i64>) {
        let at = |position: u64| tokens.get(position as usize).copied().unwrap_or(pad);
        let rows = |shift: u64| {
            let row = move |&index: &u64| {
                (0..layout.max_length()).map(move |column| at(index * layout.stride() + column + shift))
            };
            indices.iter().flat_map(row).collect()
        };
        (rows(0), rows(1))
    }

    fn check<S: Token, T: Token + Default>(tokens: &[i64], layout: Layout, pad: i64, indices: &[u64]) {
        let stored: Vec<S> = tokens.iter().map(|&id| S::truncate(id)).collect();
        let size = indices.len() * layout.max_length() as usize;
        let (mut inputs, mut targets) = (vec![T::default(); size], vec![T::default(); size]);
        let places = Places::Across(layout);
        let windows = Windows::new(&places, &stored[..], Some(pad)).unwrap();
        gather(&windows, indices, &mut inputs, &mut targets).unwrap();
        let wide = |ids: Vec<T>| ids.into_iter().map(Into::into).collect::<Vec<i64>>();
        assert_eq!((wide(inputs), wide(targets)), naive(tokens, &layout, pad, indices));
    }

    /// A sequence in pieces, found by trying each.
    #[derive(Clone, Copy)]
    struct Cut<'t>(&'t [Vec<u16>]);

    impl Sequence for Cut<'_> {
        type Token = u16;

        fn len(&self) -> u64 {
            self.0.iter().map(|piece| piece.len() as u64).sum()
        }

        fn piece(&self, range: Range<u64>) -> &[u16] {
            let (mut start, mut end) = (range.start as usize, range.end as usize);
            for piece in self.0 {
                if start < piece.len() {
                    return &piece[start..end.min(piece.len())];
                }
                (start, end) = (start - piece.len(), end - piece.len());
            }
            &[]
        }
    }

    proptest! {
        #[test]
        fn windows_run_on_from_one_piece_to_the_next(
            pieces in prop::collection::vec(prop::collection::vec(any::<u16>(), 0..9), 1..9),
            max_length in 1u64..20,
            stride in 1u64..15,
        ) {
            let whole = pieces.concat();
            let Ok(layout) = Layout::new(whole.len() as u64, max_length, stride, Tail::Pad) else {
                return Ok(());
            };
            let (places, indices) = (Places::Across(layout), (0..layout.windows()).collect::<Vec<_>>());
            let size = indices.len() * max_length as usize;
            let (mut inputs, mut targets) = (vec![0i32; size], vec![0i32; size]);
            let windows = Windows::new(&places, Cut(&pieces), Some(3)).unwrap();
            gather(&windows, &indices, &mut inputs, &mut targets).unwrap();
            let (mut expected_inputs, mut expected_targets) = (vec![1i32; size], vec![1i32; size]);
            let windows = Windows::new(&places, &whole[..], Some(3)).unwrap();
            gather(&windows, &indices, &mut expected_inputs, &mut expected_targets).unwrap();
            prop_assert_eq!((inputs, targets), (expected_inputs, expected_targets));
        }

        #[test]
        fn all_types_give_the_tokens_one_by_one(
            tokens in prop::collection::vec(0i64..65_536, 2..60),
            max_length in 1u64..12,
            stride in 1u64..15,
            choice in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
        ) {
            let layout = Layout::new(tokens.len() as u64, max_length, stride, Tail::Pad).unwrap();
            let indices: Vec<u64> = choice.iter().map(|i| i.index(layout.windows() as usize) as u64).collect();
            check::<u16, i64>(&tokens, layout, 7, &indices);
            check::<u16, u16>(&tokens, layout, 7, &indices);
            check::<u16, i32>(&tokens, layout, 7, &indices);
            check::<u32, u16>(&tokens, layout, 7, &indices);
            check::<u32, i64>(&tokens, layout, 7, &indices);
            check::<i32, u32>(&tokens, layout, 7, &indices);
            check::<i64, i32>(&tokens, layout, 7, &indices);
        }
    }

    #[test]
    fn lines_are_asked_for_in_order_and_each_once() {
        let tokens = [0u16; 400];
        let mut lines = Lines::default();
        for tokens in [&tokens[..33], &tokens[..1], &tokens[1..], &[]] {
            lines.add(tokens);
        }
        let mut left = Vec::new();
        while !lines.runs.is_empty() {
            left.push(lines.runs.len());
            lines.ask(1);
        }
        assert_eq!(left, [[4; 2].as_slice(), &[3], &[2; 13], &[1]].concat());
        lines.add(&vec![0u64; BYTES_OF_A_ROW]);
        for _ in 0..BYTES_OF_A_ROW / LINE {
            lines.ask(LINE);
        }
        assert!(lines.runs.is_empty());
        lines.add(&tokens);
        lines.ask_all();
        assert!(lines.runs.is_empty());
    }

    #[test]
    fn windows_within_documents_show_no_token_of_the_next() {
        let documents = Documents::new(&[0, 3, 3, 5, 9], 2, 2, Tail::Pad).unwrap();
        let places = Places::Within(documents);
        let windows = Windows::new(&places, &[1u16, 2, 3, 4, 5, 6, 7, 8, 9][..], Some(0)).unwrap();
        let (mut inputs, mut targets) = ([0i64; 8], [0i64; 8]);
        gather(&windows, &[3, 2, 1, 0], &mut inputs, &mut targets).unwrap();
        assert_eq!(inputs, [8, 9, 6, 7, 4, 5, 1, 2]);
        assert_eq!(targets, [9, 0, 7, 8, 5, 0, 2, 3]);
    }

    #[test]
    fn several_threads_write_what_one_writes() {
        let tokens: Vec<i64> = (0..70_000).map(|position| position % 50_021).collect();
        let layout = Layout::new(70_000, 257, 3, Tail::Pad).unwrap();
        // Some 4 MiB of output; the rows do not divide evenly.
        let indices: Vec<u64> = (0..1_031).map(|row| row * 7_919 % layout.windows()).collect();
        check::<u16, i64>(&tokens, layout, 9, &indices);
    }

    #[test]
    fn an_id_that_does_not_fit_is_named_and_never_wrapped() {
        let tokens = [1u32, 2, 65_541, 4];
        let places = Places::Across(Layout::new(4, 2, 1, Tail::Drop).unwrap());
        let windows = Windows::new(&places, &tokens[..], None).unwrap();
        let (mut inputs, mut targets) = ([0u16; 2], [0u16; 2]);
        let error = gather(&windows, &[0], &mut inputs, &mut targets).unwrap_err();
        assert_eq!(error.to_string(), "dtype: token 2 is 65541, which uint16 cannot hold");

        let windows = Windows::new(&places, &[1i64, -3, 5, 6][..], None).unwrap();
        let (mut inputs, mut targets) = ([0u32; 2], [0u32; 2]);
        let error = gather(&windows, &[1], &mut inputs, &mut targets).unwrap_err();
        assert_eq!(error.to_string(), "dtype: token 1 is -3, which uint32 cannot hold");
    }

    #[test]
    fn padding_must_fit_what_is_read_and_what_is_written() {
        let places = Places::Across(Layout::new(3, 4, 4, Tail::Pad).unwrap());
        let error = Windows::new(&places, &[1u16, 2, 3][..], Some(65_536)).unwrap_err();
        assert_eq!(error.to_string(), "pad_id: 65536 does not fit the tokens' type uint16");

        let error = Windows::new(&places, &[1u16, 2, 3][..], None).unwrap_err();
        assert_eq!(error.to_string(), "pad_id: is needed with tail=\"pad\"");
        let places = Places::Within(Documents::new(&[0, 3], 4, 4, Tail::Pad).unwrap());
        let error = Windows::new(&places, &[1u16, 2, 3][..], None).unwrap_err();
        assert_eq!(error.to_string(), "pad_id: is needed with tail=\"pad\"");

        let windows = Windows::new(&places, &[1i32, 2, 3][..], Some(-1)).unwrap();
        let error = gather(&windows, &[0], &mut [0u16; 4], &mut [0u16; 4]).unwrap_err();
        assert_eq!(error.to_string(), "dtype: pad_id is -1, which uint16 cannot hold");
    }

    #[test]
    fn indices_blocks_and_tokens_of_the_wrong_size_are_errors() {
        let places = Places::Across(Layout::new(9, 2, 2, Tail::Drop).unwrap());
        let windows = Windows::new(&places, &[0u16; 9][..], None).unwrap();
        let error = gather(&windows, &[0, 4], &mut [0i64; 4], &mut [0i64; 4]).unwrap_err();
        assert_eq!(error.to_string(), "indices: no window 4, there are 4");
        let error = gather(&windows, &[0, 1], &mut [0i64; 4], &mut [0i64; 3]).unwrap_err();
        assert_eq!(error.to_string(), "out: 4 and 3 places for 2 windows of 2 tokens");
        let error = Windows::new(&places, &[0u16; 8][..], None).unwrap_err();
        assert_eq!(error.to_string(), "tokens: there are 8 tokens now, the windows were laid over 9");
    }
}
