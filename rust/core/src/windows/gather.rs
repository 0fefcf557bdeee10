//! Any choice of windows, copied into one block of inputs and one of targets, as the integers that training wants.
//!
//! Two blocks and not one of `max_length + 1` columns: a slice of the latter is not contiguous, and every framework
//! would copy it again. The inner loop widens one window at a time; compilers turn it into vector code, and where the
//! type it writes holds every value of the type it reads, the check of the range vanishes.

use std::ops::Range;
use std::thread;

use crate::{Error, Result, available_threads};

use super::Places;

/// Output that one thread writes faster than a second thread starts, in bytes.
const BYTES_PER_THREAD: usize = 1 << 20;

/// An integer type that token ids come in or go out as.
pub trait Token: Copy + Send + Sync + Into<i64> + 'static {
    /// The type's name as numpy has it.
    const NAME: &'static str;

    /// The low bits of `id`; equal to `id` if the type holds it.
    fn truncate(id: i64) -> Self;
}

macro_rules! token_types {
    ($($type:ident $name:literal),*) => {$(
        impl Token for $type {
            const NAME: &'static str = $name;

            #[expect(clippy::allow_attributes, reason = "not every type of the list needs every one")]
            #[allow(clippy::cast_sign_loss, clippy::unnecessary_cast, reason = "checked by whoever truncates")]
            fn truncate(id: i64) -> Self {
                id as $type
            }
        }
    )*};
}

token_types!(u16 "uint16", u32 "uint32", i32 "int32", i64 "int64");

/// Windows over tokens in memory.
#[derive(Debug, Clone, Copy)]
pub struct Windows<'t, S> {
    places: &'t Places,
    tokens: &'t [S],
    pad: S,
}

/// Something whose windows can be written as `T`, whatever the type of its tokens.
pub trait WriteWindow<T>: Sync {
    /// Writes one window; both rows have `max_length` places.
    fn write(&self, window: u64, inputs: &mut [T], targets: &mut [T]) -> Result<()>;
}

impl<'t, S: Token> Windows<'t, S> {
    /// The windows at `places` of `tokens`; `pad` stands where a padded window has no token.
    pub fn new(places: &'t Places, tokens: &'t [S], pad: Option<i64>) -> Result<Self> {
        if tokens.len() as u64 != places.tokens() {
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
        let pad = S::truncate(id);
        if pad.into() != id {
            return Err(Error::argument("pad_id", format!("{id} does not fit the tokens' type {}", S::NAME)));
        }
        Ok(Self { places, tokens, pad })
    }

    /// Writes the windows `indices`, in that order, row by row: inputs to one block, targets to the other.
    ///
    /// Threads and errors are those of [`gather`]. An error if an index is out of range or an id does not fit `T`.
    pub fn gather<T: Token>(&self, indices: &[u64], inputs: &mut [T], targets: &mut [T]) -> Result<()> {
        let row = self.places.max_length() as usize;
        gather(indices, row, inputs, targets, |&window, inputs, targets| self.write(window, inputs, targets))
    }

    /// Fills `row` with the tokens of `range`, as far as they go, and then with padding; whether all fitted.
    fn row<T: Token>(&self, range: Range<usize>, row: &mut [T]) -> bool {
        let tokens = &self.tokens[range];
        let (real, padded) = row.split_at_mut(tokens.len().min(row.len()));
        let pad = T::truncate(self.pad.into());
        padded.fill(pad);
        convert(&tokens[..real.len()], real) & (padded.is_empty() || pad.into() == self.pad.into())
    }

    /// The error about the first id of `window` that `T` cannot hold.
    #[cold]
    fn misfit<T: Token>(&self, window: u64) -> Error {
        let (start, end) = self.places.span(window);
        let (start, end) = (start as usize, end as usize);
        let end = end.min(start + self.places.max_length() as usize + 1);
        let misfit = (start..end).find(|&place| !fits::<T>(self.tokens[place].into()));
        let (id, place) = match misfit {
            Some(place) => (self.tokens[place].into(), format!("token {place}")),
            None => (self.pad.into(), "pad_id".to_owned()),
        };
        Error::argument("dtype", format!("{place} is {id}, which {} cannot hold", T::NAME))
    }
}

impl<S: Token, T: Token> WriteWindow<T> for Windows<'_, S> {
    fn write(&self, window: u64, inputs: &mut [T], targets: &mut [T]) -> Result<()> {
        if window >= self.places.windows() {
            let windows = self.places.windows();
            return Err(Error::argument("indices", format!("no window {window}, there are {windows}")));
        }
        let (start, end) = self.places.span(window);
        let (start, end) = (start as usize, end as usize);
        if self.row(start..end, inputs) & self.row(start + 1..end, targets) {
            return Ok(());
        }
        Err(self.misfit::<T>(window))
    }
}

/// Calls `write` with each of `items` and its rows of the two blocks, `row` places each.
///
/// Uses one more thread for each further MiB of output, as far as there are processors. An error if a block is not
/// `items.len() · row` long, or that of the first item that has one; the blocks then hold whatever was written before
/// it was noticed.
pub fn gather<I: Sync, T: Send>(
    items: &[I],
    row: usize,
    inputs: &mut [T],
    targets: &mut [T],
    write: impl Fn(&I, &mut [T], &mut [T]) -> Result<()> + Sync,
) -> Result<()> {
    let expected = items.len().checked_mul(row);
    if Some(inputs.len()) != expected || Some(targets.len()) != expected {
        let message = format!("{} and {} places for {} windows", inputs.len(), targets.len(), items.len());
        return Err(Error::argument("out", format!("{message} of {row} tokens")));
    }
    let write_rows = |items: &[I], inputs: &mut [T], targets: &mut [T]| {
        let rows = inputs.chunks_exact_mut(row).zip(targets.chunks_exact_mut(row));
        items.iter().zip(rows).try_for_each(|(item, (inputs, targets))| write(item, inputs, targets))
    };
    let threads = threads_for(2 * size_of_val(inputs)).min(items.len().max(1));
    let share = items.len().div_ceil(threads).max(1);
    let (first, others) = items.split_at(share.min(items.len()));
    let (first_inputs, other_inputs) = inputs.split_at_mut(first.len() * row);
    let (first_targets, other_targets) = targets.split_at_mut(first.len() * row);
    thread::scope(|scope| {
        let write_rows = &write_rows;
        let jobs: Vec<_> = others
            .chunks(share)
            .zip(other_inputs.chunks_mut(share * row).zip(other_targets.chunks_mut(share * row)))
            .map(|(items, (inputs, targets))| scope.spawn(move || write_rows(items, inputs, targets)))
            .collect();
        let result = write_rows(first, first_inputs, first_targets);
        // Joined in order, so the error is that of the first item that has one.
        jobs.into_iter().fold(result, |result, job| {
            let joined = job.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            result.and(joined)
        })
    })
}

fn fits<T: Token>(id: i64) -> bool {
    T::truncate(id).into() == id
}

/// Writes `from` to `to`; whether all fitted.
pub(super) fn convert<S: Token, T: Token>(from: &[S], to: &mut [T]) -> bool {
    let mut fits = true;
    for (to, &from) in to.iter_mut().zip(from) {
        let id: i64 = from.into();
        *to = T::truncate(id);
        fits &= (*to).into() == id;
    }
    fits
}

fn threads_for(bytes: usize) -> usize {
    // Below that, do not even ask: counting processors reads files.
    if bytes < 2 * BYTES_PER_THREAD { 1 } else { (bytes / BYTES_PER_THREAD).min(available_threads()) }
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
        let windows = Windows::new(&places, &stored, Some(pad)).unwrap();
        windows.gather(indices, &mut inputs, &mut targets).unwrap();
        let wide = |ids: Vec<T>| ids.into_iter().map(Into::into).collect::<Vec<i64>>();
        assert_eq!((wide(inputs), wide(targets)), naive(tokens, &layout, pad, indices));
    }

    proptest! {
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
    fn windows_within_documents_show_no_token_of_the_next() {
        let documents = Documents::new(&[0, 3, 3, 5, 9], 2, 2, Tail::Pad).unwrap();
        let places = Places::Within(documents);
        let windows = Windows::new(&places, &[1u16, 2, 3, 4, 5, 6, 7, 8, 9], Some(0)).unwrap();
        let (mut inputs, mut targets) = ([0i64; 8], [0i64; 8]);
        windows.gather(&[3, 2, 1, 0], &mut inputs, &mut targets).unwrap();
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
        let windows = Windows::new(&places, &tokens, None).unwrap();
        let (mut inputs, mut targets) = ([0u16; 2], [0u16; 2]);
        let error = windows.gather(&[0], &mut inputs, &mut targets).unwrap_err();
        assert_eq!(error.to_string(), "dtype: token 2 is 65541, which uint16 cannot hold");

        let windows = Windows::new(&places, &[1i64, -3, 5, 6], None).unwrap();
        let (mut inputs, mut targets) = ([0u32; 2], [0u32; 2]);
        let error = windows.gather(&[1], &mut inputs, &mut targets).unwrap_err();
        assert_eq!(error.to_string(), "dtype: token 1 is -3, which uint32 cannot hold");
    }

    #[test]
    fn padding_must_fit_what_is_read_and_what_is_written() {
        let places = Places::Across(Layout::new(3, 4, 4, Tail::Pad).unwrap());
        let error = Windows::new(&places, &[1u16, 2, 3], Some(65_536)).unwrap_err();
        assert_eq!(error.to_string(), "pad_id: 65536 does not fit the tokens' type uint16");

        let error = Windows::new(&places, &[1u16, 2, 3], None).unwrap_err();
        assert_eq!(error.to_string(), "pad_id: is needed with tail=\"pad\"");
        let places = Places::Within(Documents::new(&[0, 3], 4, 4, Tail::Pad).unwrap());
        let error = Windows::new(&places, &[1u16, 2, 3], None).unwrap_err();
        assert_eq!(error.to_string(), "pad_id: is needed with tail=\"pad\"");

        let windows = Windows::new(&places, &[1i32, 2, 3], Some(-1)).unwrap();
        let error = windows.gather(&[0], &mut [0u16; 4], &mut [0u16; 4]).unwrap_err();
        assert_eq!(error.to_string(), "dtype: pad_id is -1, which uint16 cannot hold");
    }

    #[test]
    fn indices_blocks_and_tokens_of_the_wrong_size_are_errors() {
        let places = Places::Across(Layout::new(9, 2, 2, Tail::Drop).unwrap());
        let windows = Windows::new(&places, &[0u16; 9], None).unwrap();
        let error = windows.gather(&[0, 4], &mut [0i64; 4], &mut [0i64; 4]).unwrap_err();
        assert_eq!(error.to_string(), "indices: no window 4, there are 4");
        let error = windows.gather(&[0, 1], &mut [0i64; 4], &mut [0i64; 3]).unwrap_err();
        assert_eq!(error.to_string(), "out: 4 and 3 places for 2 windows of 2 tokens");
        let error = Windows::new(&places, &[0u16; 8], None).unwrap_err();
        assert_eq!(error.to_string(), "tokens: there are 8 tokens now, the windows were laid over 9");
    }
}
