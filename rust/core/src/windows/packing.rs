//! Whole documents packed into rows of a fixed length.
//!
//! Every token is an input exactly once. Its target is the next token of its document, also where a document longer than a
//! row is cut; the last token of a document has none, and [`NO_TARGET`] stands there as it does at padding.
//!
//! Best fit is that of Ding et al., *Fewer Truncations Improve Language Modeling* (2024, arXiv 2404.10830): pieces from
//! long to short, each into the fullest row that still has room. Lengths are sorted by counting; rows with equal room
//! form a stack, and a tree of bits says which rooms exist, so a piece takes some five steps whatever the number of
//! rows. Equal lengths keep the order of the documents: the result is a function of the offsets alone.

use std::ops::Range;

use crate::processor::Level;
use crate::{Error, Result};

use super::convert::Token;
use super::documents::check_offsets;
use super::gather::{write_both, write_pieces};
use super::rooms::Rooms;
use super::{Lines, Sequence, WriteRow};

/// The target where there is none: `ignore_index` of the usual losses.
pub const NO_TARGET: i64 = -100;

/// Which pieces share a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strategy {
    /// Documents are cut only if longer than a row, and fill rows as well as possible.
    BestFit,
    /// Documents follow each other and are cut where a row ends; only the last row has padding.
    Concat,
    /// One document, or piece of a longer one, in each row.
    Pad,
}

/// Adjacent tokens of one document in one row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece {
    /// The position of its first token.
    pub start: u64,
    /// How many tokens it has, at least one.
    pub length: u32,
    /// Whether its last token is the document's last.
    pub closes: bool,
}

impl Piece {
    /// The positions of its tokens, and of the next one if that belongs to the same document.
    fn shown(&self) -> Range<u64> {
        self.start..self.start + u64::from(self.length) + u64::from(!self.closes)
    }
}

/// Which pieces each row has. Takes 16 bytes a piece and 8 a row.
#[derive(Debug, Clone)]
pub struct Packing {
    tokens: u64,
    max_length: u32,
    pieces: Vec<Piece>,
    /// Where the pieces of each row start, and the end of the last.
    firsts: Vec<usize>,
}

impl Packing {
    /// Packs documents that start at `offsets`, the last of which is the end of the last document, into rows of
    /// `max_length` tokens. An error if there is no token, or the length is 0 or beyond 2^31 - 1.
    pub fn new(offsets: &[i64], max_length: u64, strategy: Strategy) -> Result<Self> {
        check_offsets(offsets)?;
        // The ends of rows are signed 32-bit numbers, as kernels want them.
        let is_length = |&length: &u32| (1..=i32::MAX as u32).contains(&length);
        let Some(length) = u32::try_from(max_length).ok().filter(is_length) else {
            return Err(Error::argument(
                "max_length",
                format!("{max_length} is out of range, expected 1 to 2**31 - 1"),
            ));
        };
        let tokens = offsets.last().map_or(0, |end| end.cast_unsigned());
        if tokens == 0 {
            return Err(Error::argument("store", "has no tokens, expected at least one to pack"));
        }
        let (pieces, firsts) = match strategy {
            Strategy::BestFit => {
                best_fit(&cut(offsets, length, Borders::Own), length.min(saturated(tokens)))?
            }
            Strategy::Concat => {
                let pieces = cut(offsets, length, Borders::Shared);
                let firsts = ends_of_full_rows(&pieces, length);
                (pieces, firsts)
            }
            Strategy::Pad => {
                let pieces = cut(offsets, length, Borders::Own);
                let firsts = (0..=pieces.len()).collect();
                (pieces, firsts)
            }
        };
        Ok(Self { tokens, max_length: length, pieces, firsts })
    }

    /// How many tokens there are, each in one row.
    pub fn tokens(&self) -> u64 {
        self.tokens
    }

    /// Places in a row.
    pub fn max_length(&self) -> u64 {
        self.max_length.into()
    }

    /// How many rows there are.
    pub fn rows(&self) -> u64 {
        self.firsts.len() as u64 - 1
    }

    /// The pieces of `row`, which must be below [`rows`](Self::rows), in order.
    pub fn pieces(&self, row: u64) -> &[Piece] {
        &self.pieces[self.firsts[row as usize]..self.firsts[row as usize + 1]]
    }

    /// Writes to `positions`, one row long, how far each place is from the start of its piece; padding counts as a
    /// piece.
    pub fn write_positions<T: Token>(&self, row: u64, positions: &mut [T]) {
        let mut rest = positions;
        for piece in self.pieces(row) {
            let (own, behind) = rest.split_at_mut(piece.length as usize);
            count_up(own);
            rest = behind;
        }
        count_up(rest);
    }

    /// Where pieces end, padding included, when `rows` lie one after the other: 0, then one number for each. An error
    /// if these do not fit 32 bits.
    pub fn cumulative_lengths(&self, rows: &[u64]) -> Result<Vec<i32>> {
        let row_length = u64::from(self.max_length);
        let places = (rows.len() as u64).checked_mul(row_length);
        if places.is_none_or(|places| places > i32::MAX as u64) {
            let message =
                format!("{} rows of {row_length} tokens are beyond the int32 of cu_seqlens", rows.len());
            return Err(Error::argument("indices", message));
        }
        let mut ends = vec![0];
        for (&row, start) in rows.iter().zip((0..).step_by(row_length as usize)) {
            let mut end: u64 = start;
            for piece in self.pieces(row) {
                end += u64::from(piece.length);
                ends.push(end as i32);
            }
            if end < start + row_length {
                ends.push((start + row_length) as i32);
            }
        }
        Ok(ends)
    }
}

fn count_up<T: Token>(positions: &mut [T]) {
    positions.iter_mut().zip(0..).for_each(|(position, count)| *position = T::truncate(count));
}

/// The rows of a packing, to be written.
#[derive(Debug, Clone, Copy)]
pub struct Packed<'p, Q> {
    packing: &'p Packing,
    tokens: Q,
    pad: i64,
    level: Level,
}

impl<'p, Q: Sequence> Packed<'p, Q> {
    /// The rows of `packing`, with `pad` as the input after their pieces. An error if it was made for another number of
    /// tokens.
    pub fn new(packing: &'p Packing, tokens: Q, pad: i64) -> Result<Self> {
        if tokens.len() != packing.tokens {
            let message = format!("there are {} tokens now, {} were packed", tokens.len(), packing.tokens);
            return Err(Error::argument("tokens", message));
        }
        Ok(Self { packing, tokens, pad, level: Level::best() })
    }

    /// Writes `piece`; returns whether all ids fitted.
    fn write_piece<T: Token>(
        &self,
        piece: &Piece,
        lines: &mut Lines,
        inputs: &mut [T],
        targets: &mut [T],
    ) -> bool {
        let Range { start, end } = piece.shown();
        let tokens = self.tokens.piece(start..end);
        let (targets, closing) = targets.split_at_mut((end - start) as usize - 1);
        closing.fill(T::truncate(NO_TARGET));
        if tokens.len() as u64 == end - start {
            return write_both(self.level, tokens, lines, inputs, targets);
        }
        // Where a document lies in several shards.
        let row = |shown, row| write_pieces(self.level, self.tokens, shown, row).0;
        row(start..end, inputs) & row(start + 1..end, targets)
    }

    #[cold]
    fn misfit<T: Token>(&self, piece: &Piece) -> Error {
        let mut ids = piece.shown().map(|place| (self.tokens.piece(place..place + 1)[0].into(), place));
        let wrong = ids.find(|&(id, _)| !T::holds(id));
        let (id, place) = wrong.expect("only a piece with an id that does not fit gets here");
        Error::argument("dtype", format!("token {place} is {id}, which {} cannot hold", T::NAME))
    }
}

impl<Q: Sequence, T: Token> WriteRow<T> for Packed<'_, Q> {
    type Row = u64;

    fn length(&self) -> usize {
        self.packing.max_length as usize
    }

    fn announce(&self, &row: &u64, lines: &mut Lines) {
        self.packing.pieces(row).iter().for_each(|piece| lines.add(self.tokens.piece(piece.shown())));
    }

    fn write(&self, &row: &u64, lines: &mut Lines, inputs: &mut [T], targets: &mut [T]) -> Result<()> {
        for (id, what) in [(NO_TARGET, "the target of padding"), (self.pad, "pad_id")] {
            if !T::holds(id) {
                let message = format!("{what} is {id}, which {} cannot hold", T::NAME);
                return Err(Error::argument("dtype", message));
            }
        }
        let (mut inputs, mut targets) = (inputs, targets);
        for piece in self.packing.pieces(row) {
            let (own_inputs, other_inputs) = inputs.split_at_mut(piece.length as usize);
            let (own_targets, other_targets) = targets.split_at_mut(piece.length as usize);
            if !self.write_piece(piece, lines, own_inputs, own_targets) {
                return Err(self.misfit::<T>(piece));
            }
            (inputs, targets) = (other_inputs, other_targets);
        }
        inputs.fill(T::truncate(self.pad));
        targets.fill(T::truncate(NO_TARGET));
        Ok(())
    }
}

fn saturated(tokens: u64) -> u32 {
    u32::try_from(tokens).unwrap_or(u32::MAX)
}

/// Where a document longer than a row is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Borders {
    /// At each multiple of a row's length from the document's start.
    Own,
    /// Where the rows end that all documents fill one after the other.
    Shared,
}

/// The documents in pieces, in order.
fn cut(offsets: &[i64], length: u32, borders: Borders) -> Vec<Piece> {
    let length = u64::from(length);
    let mut pieces = Vec::new();
    for ends in offsets.windows(2) {
        let (mut start, end) = (ends[0].cast_unsigned(), ends[1].cast_unsigned());
        while start < end {
            let room = match borders {
                Borders::Own => length,
                Borders::Shared => length - start % length,
            };
            let own = room.min(end - start);
            pieces.push(Piece { start, length: own as u32, closes: start + own == end });
            start += own;
        }
    }
    pieces
}

/// The numbers of the pieces with which rows start, where pieces fill all rows but the last; and the number of pieces.
fn ends_of_full_rows(pieces: &[Piece], length: u32) -> Vec<usize> {
    let starts_row = |&index: &usize| pieces[index].start.is_multiple_of(length.into());
    (0..pieces.len()).filter(starts_row).chain([pieces.len()]).collect()
}

/// The pieces row by row, and where each row starts.
fn best_fit(pieces: &[Piece], length: u32) -> Result<(Vec<Piece>, Vec<usize>)> {
    if u32::try_from(pieces.len()).is_err() {
        let message = format!("{} pieces of documents are beyond the 2^32 that can be packed", pieces.len());
        return Err(Error::argument("store", message));
    }
    let by_length = |index: usize| (length - pieces[index].length) as usize;
    let (pieces, _) = sorted(pieces, by_length, length as usize);
    let mut rooms = Rooms::new(length);
    let rows: Vec<u32> = pieces.iter().map(|piece| rooms.place(piece.length)).collect();
    Ok(sorted(&pieces, |index| rows[index] as usize, rooms.rows()))
}

/// `pieces` sorted by their keys, which are below `keys`, equal ones in the order they had; and where each key starts,
/// and the end of the last.
fn sorted(pieces: &[Piece], key: impl Fn(usize) -> usize, keys: usize) -> (Vec<Piece>, Vec<usize>) {
    let mut starts = vec![0; keys + 1];
    (0..pieces.len()).for_each(|index| starts[key(index) + 1] += 1);
    (0..keys).for_each(|key| starts[key + 1] += starts[key]);
    let mut order = pieces.to_vec();
    let mut next = starts.clone();
    for (index, &piece) in pieces.iter().enumerate() {
        order[next[key(index)]] = piece;
        next[key(index)] += 1;
    }
    (order, starts)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    // By name, for proptest has a `Strategy` too.
    use super::{Lines, NO_TARGET, Packed, Packing, Strategy, WriteRow};

    const STRATEGIES: [Strategy; 3] = [Strategy::BestFit, Strategy::Concat, Strategy::Pad];

    fn offsets(lengths: &[u32]) -> Vec<i64> {
        let ends = lengths.iter().scan(0, |end, &length| {
            *end += i64::from(length);
            Some(*end)
        });
        std::iter::once(0).chain(ends).collect()
    }

    /// How many tokens each row has, by trying every row for each piece.
    fn naive_best_fit(lengths: &[u32], row: u32) -> Vec<u32> {
        let cut = |&length: &u32| (0..length).step_by(row as usize).map(move |start| row.min(length - start));
        let mut pieces: Vec<u32> = lengths.iter().flat_map(cut).collect();
        pieces.sort_unstable_by(|a, b| b.cmp(a));
        let mut rows: Vec<u32> = Vec::new();
        for piece in pieces {
            match rows.iter_mut().filter(|used| **used + piece <= row).max() {
                Some(fullest) => *fullest += piece,
                None => rows.push(piece),
            }
        }
        rows.sort_unstable();
        rows
    }

    fn lengths_of(packing: &Packing) -> Vec<Vec<u32>> {
        let mut rows: Vec<Vec<u32>> = (0..packing.rows())
            .map(|row| packing.pieces(row).iter().map(|piece| piece.length).collect())
            .collect();
        rows.sort_unstable();
        rows
    }

    /// For each token of the documents its number, and that of the next of the same document, as rows show them.
    fn shown(packing: &Packing) -> Vec<(i64, i64)> {
        let tokens: Vec<i64> = (0..packing.tokens() as i64).collect();
        let (mut pairs, row) = (Vec::new(), packing.max_length() as usize);
        for index in 0..packing.rows() {
            let (mut inputs, mut targets, mut positions) =
                (vec![0i64; row], vec![0i64; row], vec![0i64; row]);
            let packed = Packed::new(packing, &tokens[..], -1).unwrap();
            packed.write(&index, &mut Lines::default(), &mut inputs, &mut targets).unwrap();
            packing.write_positions(index, &mut positions);
            let ends = packing.cumulative_lengths(&[index]).unwrap();
            let starts: Vec<i32> = (0..row as i32).filter(|&place| positions[place as usize] == 0).collect();
            assert_eq!(starts, ends[..ends.len() - 1]);
            assert_eq!(ends.last(), Some(&(row as i32)));
            for piece in ends.windows(2).map(|ends| ends[0] as usize..ends[1] as usize) {
                let own = &inputs[piece.clone()];
                assert!(own.iter().all(|&id| id == -1) || own.windows(2).all(|ids| ids[1] == ids[0] + 1));
                assert!(positions[piece].iter().zip(0..).all(|(&position, count)| position == count));
            }
            pairs.extend(inputs.into_iter().zip(targets).filter(|&pair| pair != (-1, NO_TARGET)));
        }
        pairs.sort_unstable();
        pairs
    }

    proptest! {
        #[test]
        fn every_token_is_shown_once_with_the_next_of_its_document(
            lengths in prop::collection::vec(0u32..40, 1..20), row in 1u64..50,
        ) {
            prop_assume!(lengths.iter().any(|&length| length > 0));
            let ends = offsets(&lengths);
            let target = |token| if ends.contains(&(token + 1)) { NO_TARGET } else { token + 1 };
            let expected: Vec<_> = (0..ends[lengths.len()]).map(|token| (token, target(token))).collect();
            for strategy in STRATEGIES {
                let packing = Packing::new(&ends, row, strategy).unwrap();
                prop_assert_eq!(&shown(&packing), &expected);
                prop_assert!((0..packing.rows()).all(|row| !packing.pieces(row).is_empty()));
            }
        }

        #[test]
        fn best_fit_is_that_of_trying_every_row(
            lengths in prop::collection::vec(0u32..200, 1..60), row in 1u32..220,
        ) {
            prop_assume!(lengths.iter().any(|&length| length > 0));
            let packing = Packing::new(&offsets(&lengths), row.into(), Strategy::BestFit).unwrap();
            // Which of two equally full rows takes a piece is open; how full rows become is not.
            let mut used: Vec<u32> = lengths_of(&packing).iter().map(|pieces| pieces.iter().sum()).collect();
            used.sort_unstable();
            prop_assert_eq!(used, naive_best_fit(&lengths, row));
        }
    }

    #[test]
    fn documents_are_cut_as_the_strategy_says() {
        let rows = |strategy| lengths_of(&Packing::new(&offsets(&[3, 0, 7, 1]), 4, strategy).unwrap());
        assert_eq!(rows(Strategy::Pad), [vec![1], vec![3], vec![3], vec![4]]);
        assert_eq!(rows(Strategy::BestFit), [vec![3], vec![3, 1], vec![4]]);
        assert_eq!(rows(Strategy::Concat), [vec![2, 1], vec![3, 1], vec![4]]);
    }

    #[test]
    fn a_row_longer_than_all_documents_takes_no_memory() {
        let packing = Packing::new(&offsets(&[3, 4]), (1 << 31) - 1, Strategy::BestFit).unwrap();
        assert_eq!(lengths_of(&packing), [[4, 3]]);
    }

    #[test]
    fn errors_name_the_argument() {
        let message = |offsets: &[i64], length| {
            Packing::new(offsets, length, Strategy::BestFit).unwrap_err().to_string()
        };
        assert_eq!(message(&[0, 2], 0), "max_length: 0 is out of range, expected 1 to 2**31 - 1");
        assert_eq!(
            message(&[0, 2], 1 << 31),
            "max_length: 2147483648 is out of range, expected 1 to 2**31 - 1"
        );
        assert_eq!(
            message(&[0, 2], 1 << 32),
            "max_length: 4294967296 is out of range, expected 1 to 2**31 - 1"
        );
        assert_eq!(message(&[0, 0], 4), "store: has no tokens, expected at least one to pack");
        assert_eq!(
            message(&[0, 2, 1], 4),
            "offsets: document 1 ends before it starts, expected ascending numbers"
        );

        let packing = Packing::new(&[0, 2], 4, Strategy::BestFit).unwrap();
        let packed = Packed::new(&packing, &[1i64, 1 << 40][..], 0).unwrap();
        let error = packed.write(&0, &mut Lines::default(), &mut [0i32; 4], &mut [0i32; 4]).unwrap_err();
        assert_eq!(error.to_string(), "dtype: token 1 is 1099511627776, which int32 cannot hold");
        let packed = Packed::new(&packing, &[1i64, 2][..], 0).unwrap();
        let error = packed.write(&0, &mut Lines::default(), &mut [0u32; 4], &mut [0u32; 4]).unwrap_err();
        assert_eq!(error.to_string(), "dtype: the target of padding is -100, which uint32 cannot hold");
        let packing = Packing::new(&[0, 2], 1 << 30, Strategy::BestFit).unwrap();
        let error = packing.cumulative_lengths(&[0, 0]).unwrap_err();
        assert!(error.to_string().starts_with("indices: 2 rows of 1073741824 tokens are beyond"), "{error}");
    }
}
