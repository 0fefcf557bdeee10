//! Where windows lie: exact arithmetic on token positions, without any tokens.
//!
//! For `N` tokens, windows of `L` and a stride of `S`, window `k` is *complete* when its last target exists:
//! `k·S + L ≤ N - 1`. So there are `(N - L - 1) / S + 1` complete windows if `N > L`, else none.
//!
//! A padded tail is one more window, as if padding stood after the last token. It is made only if it shows a pair of
//! input and target that no window before it shows: the windows so far must end before the last token,
//! `(k - 1)·S + L < N - 1`, and the new one must start before it, `k·S ≤ N - 2`. The second condition matters
//! only when the stride jumps over tokens (`S > L`). There is never more than one padded window: with `S ≤ L` the
//! first incomplete window reaches the end; with `S > L` the incomplete ones start within fewer than `S` tokens.

use crate::{Error, Result};

/// What becomes of the tokens after the last complete window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tail {
    /// They are left out.
    Drop,
    /// They make one more window, filled up with padding.
    Pad,
}

/// How many windows there are and where each starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    tokens: u64,
    max_length: u64,
    stride: u64,
    complete: u64,
    padded: u64,
}

impl Layout {
    /// The windows over `tokens` tokens. An error if there would be none, or if a size is zero.
    pub fn new(tokens: u64, max_length: u64, stride: u64, tail: Tail) -> Result<Self> {
        check_sizes(max_length, stride)?;
        let layout = Self::unchecked(tokens, max_length, stride, tail);
        if layout.windows() == 0 {
            return Err(too_few(tokens, max_length, tail));
        }
        Ok(layout)
    }

    /// The windows over `tokens` tokens, which may be none. The sizes must not be zero.
    pub(super) fn unchecked(tokens: u64, max_length: u64, stride: u64, tail: Tail) -> Self {
        let complete = if tokens > max_length { (tokens - max_length - 1) / stride + 1 } else { 0 };
        let mut layout = Self { tokens, max_length, stride, complete, padded: 0 };
        if tail == Tail::Pad && layout.leaves_pairs_behind() {
            layout.padded = 1;
        }
        layout
    }

    /// Whether an incomplete window would show an (input, target) pair that the complete ones do not.
    fn leaves_pairs_behind(&self) -> bool {
        let Some(last_target) = self.tokens.checked_sub(1) else { return false };
        let reaches_end = self.complete > 0 && self.start(self.complete - 1) + self.max_length == last_target;
        let starts_before_end =
            self.complete.checked_mul(self.stride).is_some_and(|start| start < last_target);
        !reaches_end && starts_before_end
    }

    /// How many tokens the windows look at.
    pub fn tokens(&self) -> u64 {
        self.tokens
    }

    /// Tokens in a window.
    pub fn max_length(&self) -> u64 {
        self.max_length
    }

    /// Tokens from the start of one window to the start of the next.
    pub fn stride(&self) -> u64 {
        self.stride
    }

    /// How many windows there are, the padded one included.
    pub fn windows(&self) -> u64 {
        self.complete + self.padded
    }

    /// How many windows, from the first on, need no padding.
    pub fn complete(&self) -> u64 {
        self.complete
    }

    /// The position of the first input token of `window`, which must be below [`windows`](Self::windows).
    pub fn start(&self, window: u64) -> u64 {
        window * self.stride
    }
}

/// An error if a size is zero.
pub(super) fn check_sizes(max_length: u64, stride: u64) -> Result<()> {
    if max_length == 0 {
        return Err(Error::argument("max_length", "0 tokens are no window, expected at least 1"));
    }
    if stride == 0 {
        return Err(Error::argument("stride", "0 never moves on, expected at least 1"));
    }
    Ok(())
}

fn too_few(tokens: u64, max_length: u64, tail: Tail) -> Error {
    let (needed, reason) = match tail {
        Tail::Drop => (u128::from(max_length) + 1, "whose targets stand one token later"),
        Tail::Pad => (2, "even a padded one"),
    };
    Error::argument(
        "max_length",
        format!("a window of {max_length} tokens, {reason}, needs {needed} tokens; there are {tokens}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tries every start in turn and asks what the window there would show.
    fn naive(tokens: u64, max_length: u64, stride: u64, tail: Tail) -> (u64, u64) {
        let (mut complete, mut padded) = (0, 0);
        let mut seen = vec![false; tokens as usize];
        for start in (0..tokens).step_by(stride as usize) {
            let targets = start + 1..=start + max_length;
            let real: Vec<u64> = targets.filter(|&target| target < tokens).collect();
            if real.len() as u64 == max_length {
                complete += 1;
            } else if tail == Tail::Pad && real.iter().any(|&target| !seen[target as usize]) {
                padded += 1;
            }
            for target in real {
                seen[target as usize] = true;
            }
        }
        (complete, padded)
    }

    #[test]
    fn counts_are_those_of_trying_every_start() {
        for tokens in 0..40 {
            for max_length in 1..14 {
                for stride in 1..18 {
                    for tail in [Tail::Drop, Tail::Pad] {
                        let (complete, padded) = naive(tokens, max_length, stride, tail);
                        let layout = Layout::new(tokens, max_length, stride, tail);
                        let Ok(layout) = layout else {
                            assert_eq!(complete + padded, 0, "{tokens} {max_length} {stride} {tail:?}");
                            continue;
                        };
                        let counts = (layout.complete(), layout.windows() - layout.complete());
                        assert_eq!(counts, (complete, padded), "{tokens} {max_length} {stride} {tail:?}");
                        assert!(layout.windows() > 0);
                    }
                }
            }
        }
    }

    #[test]
    fn a_stride_beyond_the_window_makes_no_window_of_padding_alone() {
        // Windows at 0 and 5; one at 10 would lie after the nine tokens.
        assert_eq!(Layout::new(9, 2, 5, Tail::Pad).unwrap().windows(), 2);
    }

    #[test]
    fn the_largest_numbers_do_not_overflow() {
        let layout = Layout::new(u64::MAX, 1, 1, Tail::Pad).unwrap();
        assert_eq!((layout.windows(), layout.complete()), (u64::MAX - 1, u64::MAX - 1));
        assert_eq!(Layout::new(u64::MAX, u64::MAX - 1, u64::MAX, Tail::Pad).unwrap().windows(), 1);
        assert_eq!(Layout::new(10, u64::MAX, u64::MAX, Tail::Pad).unwrap().windows(), 1);
        assert_eq!(Layout::new(10, 3, u64::MAX, Tail::Drop).unwrap().windows(), 1);
    }

    #[test]
    fn errors_name_the_argument_and_the_sizes() {
        let message = |tokens, max_length, stride, tail| {
            Layout::new(tokens, max_length, stride, tail).unwrap_err().to_string()
        };
        assert_eq!(message(9, 0, 1, Tail::Drop), "max_length: 0 tokens are no window, expected at least 1");
        assert_eq!(message(9, 4, 0, Tail::Drop), "stride: 0 never moves on, expected at least 1");
        assert_eq!(
            message(9, 9, 1, Tail::Drop),
            "max_length: a window of 9 tokens, whose targets stand one token later, needs 10 tokens; there are 9"
        );
        assert_eq!(
            message(1, 4, 1, Tail::Pad),
            "max_length: a window of 4 tokens, even a padded one, needs 2 tokens; there are 1"
        );
    }
}
