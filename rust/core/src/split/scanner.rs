//! The scanner for the published patterns, compiled for what the processor can do.
//!
//! Text is handled in blocks of 64 bytes ([`pretoken_starts`]), each of which begins with a pretoken, so that nothing
//! needs to be known of the block before. The next block begins at the last place of this one where a pretoken starts
//! regardless of what comes before it. A few masks give that place, long before the other starts are known, so the
//! processor works on several blocks at once. Waiting for the last start of each block instead takes half as long again
//! (books with o200k, 2.0 against 1.4 ns a pretoken), and so do overlapping blocks at a fixed distance, since there are
//! more of them. If that place turns out not to be certain, the next block begins at the last start that is. Where no
//! start is certain (long pretokens, the end of the text), it begins inside the word if that changes nothing
//! (`Starts::inside`), else [`pretoken_end`] takes one pretoken. Guessing the place before the classes of Chinese
//! characters are known, right in 98 of 100 blocks, gains nothing: such a block has more instructions than a processor
//! looks ahead.

use super::ends::Ends;
use super::family::Family;
use super::masks::{Masks, WIDTH};
use super::scan::pretoken_end;
use super::starts::pretoken_starts;
use crate::processor::Level;

/// Appends the ends of the next pretokens of `text`, which start at `from`: some hundreds, fewer at the text's end.
/// `text` is valid UTF-8.
pub(super) type Scanner = fn(text: &[u8], from: usize, ends: &mut Ends);

/// The scanner of family `F`, for this level.
pub(super) fn scanner_for<F: Family>(level: Level) -> Scanner {
    match level {
        Level::Portable => |text, from, ends| {
            let by = Instructions { masks: Masks::portable, with_wide: Masks::with_wide::<F>, push_bits };
            scan::<F>(text, from, ends, &by);
        },
        #[cfg(target_arch = "aarch64")]
        Level::Neon => arm::scanner_neon::<F>(),
        #[cfg(target_arch = "x86_64")]
        Level::Avx2(avx2) => x86::scanner_avx2::<F>(avx2),
        #[cfg(target_arch = "x86_64")]
        Level::Avx512(avx512) => x86::scanner_avx512::<F>(avx512),
    }
}

/// The steps for which a level has instructions of its own. A closure written inside a function for that level is
/// compiled for it, but a function that is only named there is called as compiled for any processor.
struct Instructions<M, W, P> {
    /// [`Masks::portable`]
    masks: M,
    /// [`Masks::with_wide`]
    with_wide: W,
    /// [`push_bits`]
    push_bits: P,
}

/// The scanner of family `F`, with the instructions of some level.
#[inline(always)]
fn scan<F: Family>(
    text: &[u8],
    from: usize,
    ends: &mut Ends,
    by: &Instructions<
        impl Fn(&[u8; WIDTH]) -> Masks,
        impl Fn(Masks, &[u8], usize) -> Masks,
        impl Fn(&mut Ends, u64, usize),
    >,
) {
    let mut at = from;
    while let Some(block) = text.get(at..).and_then(|rest| rest.first_chunk::<WIDTH>())
        && !ends.is_full()
    {
        let ascii = (by.masks)(block);
        let found = if ascii.high == 0 {
            pretoken_starts::<F>(text, at, &Masks { high: 0, tail_byte: 0, ..ascii })
        } else {
            pretoken_starts::<F>(text, at, &(by.with_wide)(ascii, text, at))
        };
        if found.places == 0 && found.inside != 0 {
            at += found.inside.ilog2() as usize;
        } else if found.places == 0 {
            at = pretoken_end::<F>(text, at);
            ends.push(at);
        } else if found.places & found.last_sure != 0 {
            // The usual case.
            (by.push_bits)(ends, found.places & (found.last_sure << 1).wrapping_sub(1), at);
            at += found.last_sure.trailing_zeros() as usize;
        } else {
            (by.push_bits)(ends, found.places, at);
            at += found.places.ilog2() as usize;
        }
    }
    while at < text.len() && !ends.is_full() {
        at = pretoken_end::<F>(text, at);
        ends.push(at);
    }
}

/// Appends the places of all bits that are set, counted from `base`; eight at a time, so that hardly any branch depends
/// on how many there are.
#[inline(always)]
fn push_bits(ends: &mut Ends, bits: u64, base: usize) {
    let mut left = bits;
    for group in ends.room().as_chunks_mut::<8>().0 {
        for place in group {
            *place = base + left.trailing_zeros() as usize;
            left &= left.wrapping_sub(1);
        }
        if left == 0 {
            break;
        }
    }
    ends.grow(bits.count_ones() as usize);
}

#[cfg(target_arch = "aarch64")]
#[expect(unsafe_code, reason = "functions for particular processors")]
mod arm {
    use super::{Ends, Family, Instructions, Masks, Scanner, push_bits, scan};

    pub(super) fn scanner_neon<F: Family>() -> Scanner {
        #[target_feature(enable = "neon")]
        fn neon<F: Family>(text: &[u8], from: usize, ends: &mut Ends) {
            let by = Instructions {
                masks: |block: &_| Masks::neon(block),
                with_wide: |ascii: Masks, text: &_, at| ascii.with_wide_neon::<F>(text, at),
                push_bits: |ends: &mut Ends, bits, base| push_bits(ends, bits, base),
            };
            scan::<F>(text, from, ends, &by);
        }
        // SAFETY: every processor of 64-bit ARM has NEON.
        |text, from, ends| unsafe { neon::<F>(text, from, ends) }
    }
}

#[cfg(target_arch = "x86_64")]
#[expect(unsafe_code, reason = "functions for particular processors")]
mod x86 {
    #[allow(clippy::wildcard_imports, reason = "the names say where they are from")]
    use std::arch::x86_64::*;

    use super::super::wide::{bits_avx2, bits_avx512, classes_avx2, classes_avx512};
    use super::{Ends, Family, Instructions, Masks, Scanner, WIDTH, push_bits, scan};
    use crate::processor::{Avx2, Avx512};

    pub(super) fn scanner_avx2<F: Family>(_: Avx2) -> Scanner {
        #[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
        fn avx2<F: Family>(text: &[u8], from: usize, ends: &mut Ends) {
            let by = Instructions {
                masks: |block: &_| Masks::avx2::<F>(block),
                with_wide: |ascii: Masks, text: &_, at| {
                    let classes = |bytes: &_, of| classes_avx2(bytes, of);
                    ascii.with_wide_by::<F, _>(text, at, classes, |classes, class| bits_avx2(classes, class))
                },
                push_bits: |ends: &mut Ends, bits, base| push_bits(ends, bits, base),
            };
            scan::<F>(text, from, ends, &by);
        }
        // SAFETY: the argument is the proof that the processor has these extensions.
        |text, from, ends| unsafe { avx2::<F>(text, from, ends) }
    }

    pub(super) fn scanner_avx512<F: Family>(_: Avx512) -> Scanner {
        #[target_feature(enable = "avx512bw,avx512vbmi,avx512vbmi2,bmi1,bmi2,lzcnt,popcnt")]
        fn avx512<F: Family>(text: &[u8], from: usize, ends: &mut Ends) {
            let by = Instructions {
                masks: |block: &_| Masks::avx512(block),
                with_wide: |ascii: Masks, text: &_, at| {
                    let classes = |bytes: &_, of| classes_avx512(bytes, of);
                    ascii
                        .with_wide_by::<F, _>(text, at, classes, |classes, class| bits_avx512(classes, class))
                },
                push_bits: |ends: &mut Ends, bits, base| push_bits_avx512(ends, bits, base),
            };
            scan::<F>(text, from, ends, &by);
        }
        // SAFETY: the argument is the proof that the processor has these extensions.
        |text, from, ends| unsafe { avx512::<F>(text, from, ends) }
    }

    /// 0, 1, 2, …
    static NUMBERS: [u8; WIDTH] = {
        let mut numbers = [0; WIDTH];
        let mut at = 0;
        while at < WIDTH {
            numbers[at] = at as u8;
            at += 1;
        }
        numbers
    };

    /// Like [`push_bits`], by AVX-512: the numbers 0 to 63, packed by the mask `bits`, are the places. Sixteen, more
    /// than most blocks have, are always written, so that hardly any branch depends on how many there are.
    #[inline]
    #[target_feature(enable = "avx512bw,avx512vbmi2,popcnt")]
    fn push_bits_avx512(ends: &mut Ends, bits: u64, base: usize) {
        const { assert!(size_of::<usize>() == size_of::<i64>(), "places are stored as 64 bits") }
        // SAFETY: the reference guarantees 64 readable bytes, and the load needs no alignment.
        let numbers = unsafe { _mm512_loadu_si512((&raw const NUMBERS).cast()) };
        let numbers = _mm512_maskz_compress_epi8(bits, numbers);
        let base = _mm512_set1_epi64(base as i64);
        let room = ends.room();
        let store = |numbers: __m128i, to: &mut [usize; 8]| {
            let places = _mm512_add_epi64(_mm512_cvtepu8_epi64(numbers), base);
            // SAFETY: the reference guarantees 64 writable bytes, and the store needs no alignment.
            unsafe { _mm512_storeu_si512(to.as_mut_ptr().cast(), places) };
        };
        let (groups, _) = room.as_chunks_mut::<8>();
        let [first, second, third, fourth, fifth, sixth, seventh, eighth] = groups else {
            unreachable!("64 places are eight groups of eight")
        };
        let numbers_from_0 = _mm512_castsi512_si128(numbers);
        store(numbers_from_0, first);
        store(_mm_bsrli_si128::<8>(numbers_from_0), second);
        let count = bits.count_ones() as usize;
        if count > 16 {
            let numbers_from_16 = _mm512_extracti32x4_epi32::<1>(numbers);
            store(numbers_from_16, third);
            store(_mm_bsrli_si128::<8>(numbers_from_16), fourth);
        }
        if count > 32 {
            let numbers_from_32 = _mm512_extracti32x4_epi32::<2>(numbers);
            let numbers_from_48 = _mm512_extracti32x4_epi32::<3>(numbers);
            store(numbers_from_32, fifth);
            store(_mm_bsrli_si128::<8>(numbers_from_32), sixth);
            store(numbers_from_48, seventh);
            store(_mm_bsrli_si128::<8>(numbers_from_48), eighth);
        }
        ends.grow(count);
    }
}
