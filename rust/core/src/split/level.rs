//! The scanner for the published patterns, compiled for what the processor can do.
//!
//! Blocks of ASCII are handled 64 bytes at once ([`pretoken_starts`]); where that finds no start (long pretokens, other
//! scripts, the end of the text) [`pretoken_end`] takes one pretoken. A block begins where a pretoken does, so it needs
//! to know nothing of the block before, at the price of looking twice at the bytes of its last pretoken: measured on
//! English, 11 % of the bytes.

use super::BLOCK;
use super::family::Family;
use super::masks::{Masks, WIDTH};
use super::scan::pretoken_end;
use super::starts::pretoken_starts;

/// Appends the ends of the next pretokens of `text`, which start at `from`: some hundreds, fewer at the text's end.
/// `text` is valid UTF-8.
pub(super) type Scanner = fn(text: &[u8], from: usize, ends: &mut Vec<usize>);

/// Which instructions the scanner may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    Portable,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl Level {
    /// The levels that this processor has, the fastest last.
    pub(super) fn available() -> impl Iterator<Item = Self> {
        let levels = [
            Some(Level::Portable),
            #[cfg(target_arch = "x86_64")]
            (std::is_x86_feature_detected!("avx2") && std::is_x86_feature_detected!("bmi2"))
                .then_some(Level::Avx2),
            #[cfg(target_arch = "x86_64")]
            (std::is_x86_feature_detected!("avx512bw") && std::is_x86_feature_detected!("bmi2"))
                .then_some(Level::Avx512),
        ];
        levels.into_iter().flatten()
    }

    /// The fastest level that this processor has.
    pub(super) fn best() -> Self {
        Self::available().last().unwrap_or(Level::Portable)
    }

    /// The scanner of family `F`. Only for a level that this processor has.
    pub(super) fn scanner<F: Family>(self) -> Scanner {
        assert!(Self::available().any(|level| level == self), "{self:?} is not for this processor");
        match self {
            Level::Portable => |text, from, ends| scan::<F>(text, from, ends, Masks::portable),
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => x86::scanner_avx2::<F>(),
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 => x86::scanner_avx512::<F>(),
        }
    }
}

/// The scanner, by whatever computes masks.
#[inline(always)]
fn scan<F: Family>(text: &[u8], from: usize, ends: &mut Vec<usize>, masks: impl Fn(&[u8; WIDTH]) -> Masks) {
    let mut at = from;
    while at < text.len() && ends.len() < BLOCK {
        let starts = match text[at..].first_chunk::<WIDTH>() {
            Some(block) => pretoken_starts::<F>(block, masks(block)),
            None => 0,
        };
        if starts == 0 {
            at = pretoken_end::<F>(text, at);
            ends.push(at);
        } else {
            push_bits(ends, starts, at);
            at += 63 - starts.leading_zeros() as usize;
        }
    }
}

/// Appends the places of all bits, counted from `base`.
#[inline(always)]
fn push_bits(ends: &mut Vec<usize>, mut bits: u64, base: usize) {
    let before = ends.len();
    ends.resize(before + bits.count_ones() as usize, 0);
    for end in &mut ends[before..] {
        *end = base + bits.trailing_zeros() as usize;
        bits &= bits - 1;
    }
}

#[cfg(target_arch = "x86_64")]
#[expect(unsafe_code, reason = "functions for particular processors")]
mod x86 {
    use super::{Family, Masks, Scanner, scan};

    /// Only for processors with AVX2 and BMI2.
    pub(super) fn scanner_avx2<F: Family>() -> Scanner {
        #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
        fn avx2<F: Family>(text: &[u8], from: usize, ends: &mut Vec<usize>) {
            scan::<F>(text, from, ends, |block| Masks::avx2(block));
        }
        // SAFETY: the caller of `scanner_avx2` guarantees a processor with AVX2 and BMI2; each one that has these has
        // the older extensions named here, too.
        |text, from, ends| unsafe { avx2::<F>(text, from, ends) }
    }

    /// Only for processors with AVX-512BW and BMI2.
    pub(super) fn scanner_avx512<F: Family>() -> Scanner {
        #[target_feature(enable = "avx512bw,bmi1,bmi2,lzcnt,popcnt")]
        fn avx512<F: Family>(text: &[u8], from: usize, ends: &mut Vec<usize>) {
            scan::<F>(text, from, ends, |block| Masks::avx512(block));
        }
        // SAFETY: the caller of `scanner_avx512` guarantees a processor with AVX-512BW and BMI2; each one that has these
        // has the older extensions named here, too.
        |text, from, ends| unsafe { avx512::<F>(text, from, ends) }
    }
}
