//! Sixty-four bytes at once: which of them are letters, digits, spaces, …, as bits of 64-bit masks.
//!
//! [`Masks::portable`] defines what the masks of ASCII are; the versions for particular processors give the same, and
//! the tests compare them on every byte at every place. [`wide`](super::wide) adds the other characters.

use crate::utf8::is_tail;

/// One bit per byte of a block of 64, the first byte in the lowest bit. All bytes of a character have its class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Masks {
    /// `\p{L}`
    pub(super) letter: u64,
    /// Letters in upper case, for cased words.
    pub(super) upper: u64,
    /// Letters and marks that count as upper and as lower case, for cased words; none of them is ASCII.
    pub(super) uncased: u64,
    /// `\p{M}`, for cased words; none of them is ASCII.
    pub(super) mark: u64,
    /// `\p{N}`
    pub(super) digit: u64,
    /// `\s`
    pub(super) space: u64,
    /// U+0020.
    pub(super) blank: u64,
    /// Line feed, carriage return.
    pub(super) newline: u64,
    /// `'`
    pub(super) apostrophe: u64,
    /// `/`
    pub(super) slash: u64,
    /// Not ASCII.
    pub(super) high: u64,
    /// Second, third and fourth bytes of characters.
    pub(super) tail_byte: u64,
}

/// How many bytes have masks at once.
pub(super) const WIDTH: usize = 64;

impl Masks {
    /// The masks of the ASCII in a block, and of other bytes only `high` and `tail_byte`, in plain Rust.
    #[inline(always)]
    pub(super) fn portable(block: &[u8; WIDTH]) -> Self {
        let of = |is: fn(u8) -> bool| bits_where(block, is);
        Self {
            letter: of(|byte| byte.is_ascii_alphabetic()),
            upper: of(|byte| byte.is_ascii_uppercase()),
            digit: of(|byte| byte.is_ascii_digit()),
            space: of(|byte| byte == b' ' || byte.wrapping_sub(b'\t') < 5),
            blank: of(|byte| byte == b' '),
            newline: of(|byte| byte == b'\n' || byte == b'\r'),
            apostrophe: of(|byte| byte == b'\''),
            slash: of(|byte| byte == b'/'),
            high: of(|byte| !byte.is_ascii()),
            tail_byte: of(is_tail),
            ..Self::default()
        }
    }
}

/// A bit for each byte that `is` accepts.
#[inline(always)]
pub(super) fn bits_where(block: &[u8; WIDTH], is: impl Fn(u8) -> bool) -> u64 {
    // Eight bytes of 0 and 1 become eight bits by one multiplication.
    block.chunks_exact(8).rev().fold(0, |mask, bytes| {
        let ones = std::array::from_fn(|at| u8::from(is(bytes[at])));
        mask << 8 | u64::from_le_bytes(ones).wrapping_mul(0x0102_0408_1020_4080) >> 56
    })
}

#[cfg(target_arch = "x86_64")]
#[expect(unsafe_code, reason = "vector loads go through pointers")]
pub(super) mod x86 {
    //! Masks by the vector instructions of x86-64.

    use std::arch::asm;
    #[allow(clippy::wildcard_imports, reason = "the names say where they are from")]
    use std::arch::x86_64::*;

    use super::super::family::Family;
    use super::{Masks, WIDTH};

    impl Masks {
        /// Like [`portable`](Self::portable), by AVX-512.
        #[inline]
        #[target_feature(enable = "avx512bw")]
        pub(in super::super) fn avx512(block: &[u8; WIDTH]) -> Self {
            // SAFETY: the reference guarantees 64 readable bytes, and the load needs no alignment.
            let bytes = unsafe { _mm512_loadu_si512(block.as_ptr().cast()) };
            let is = |byte: u8| _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8(byte.cast_signed()));
            let below = |bytes: __m512i, first: u8, count: u8| {
                let offset = _mm512_sub_epi8(bytes, _mm512_set1_epi8(first.cast_signed()));
                _mm512_cmplt_epu8_mask(offset, _mm512_set1_epi8(count.cast_signed()))
            };
            let lower_case = _mm512_or_si512(bytes, _mm512_set1_epi8(0x20));
            let blank = is(b' ');
            Self {
                letter: below(lower_case, b'a', 26),
                upper: below(bytes, b'A', 26),
                digit: below(bytes, b'0', 10),
                space: below(bytes, b'\t', 5) | blank,
                blank,
                newline: is(b'\n') | is(b'\r'),
                apostrophe: is(b'\''),
                slash: is(b'/'),
                high: _mm512_movepi8_mask(bytes),
                tail_byte: _mm512_cmplt_epi8_mask(bytes, _mm512_set1_epi8(0xC0_u8.cast_signed())),
                ..Self::default()
            }
        }

        /// Like [`portable`](Self::portable), by AVX2; without upper case where words are not cased.
        #[inline]
        #[target_feature(enable = "avx2")]
        pub(in super::super) fn avx2<F: Family>(block: &[u8; WIDTH]) -> Self {
            let bytes = load_halves(block);
            let is = |byte: u8| bytes.map(|bytes| _mm256_cmpeq_epi8(bytes, set(byte)));
            let below = |bytes: Halves, first: u8, count: u8| {
                // Shifted so that the signed comparison, the only one there is, orders as the unsigned one.
                let offset = set(first.wrapping_add(128));
                let end = set(count.wrapping_sub(128));
                bytes.map(|bytes| _mm256_cmpgt_epi8(end, _mm256_sub_epi8(bytes, offset)))
            };
            let lower_case = bytes.map(|bytes| _mm256_or_si256(bytes, set(0x20)));
            let blank = bits(is(b' '));
            Self {
                letter: bits(below(lower_case, b'a', 26)),
                upper: if F::CASED { bits(below(bytes, b'A', 26)) } else { 0 },
                digit: bits(below(bytes, b'0', 10)),
                space: bits(below(bytes, b'\t', 5)) | blank,
                blank,
                newline: bits(is(b'\n')) | bits(is(b'\r')),
                apostrophe: bits(is(b'\'')),
                slash: bits(is(b'/')),
                high: bits(bytes),
                tail_byte: bits(bytes.map(|bytes| _mm256_cmpgt_epi8(set(0xC0), bytes))),
                ..Self::default()
            }
        }
    }

    /// A block in two halves.
    pub(in super::super) type Halves = [__m256i; 2];

    #[inline]
    #[target_feature(enable = "avx2")]
    pub(in super::super) fn load_halves(block: &[u8; WIDTH]) -> Halves {
        let (halves, _) = block.as_chunks::<32>();
        // SAFETY: the reference guarantees 32 readable bytes, and the load needs no alignment.
        [0, 1].map(|half| unsafe { _mm256_loadu_si256(halves[half].as_ptr().cast()) })
    }

    /// This byte at every place.
    #[inline]
    #[target_feature(enable = "avx2")]
    pub(in super::super) fn set(byte: u8) -> __m256i {
        _mm256_set1_epi8(byte.cast_signed())
    }

    /// The highest bit of each byte.
    #[inline]
    #[target_feature(enable = "avx2")]
    pub(in super::super) fn bits(bytes: Halves) -> u64 {
        let [low, high] = bytes.map(|bytes| {
            let bits: u32;
            // SAFETY: the instruction only computes. `_mm256_movemask_epi8` is the same, but where two of its results are
            // joined, LLVM 22 makes one vector of 64 bits of it first, byte by byte, in five times the instructions.
            unsafe {
                asm!("vpmovmskb {bits:e}, {bytes}", bits = lateout(reg) bits, bytes = in(ymm_reg) bytes,
                    options(pure, nomem, nostack, preserves_flags));
            }
            u64::from(bits)
        });
        low | high << 32
    }
}

#[cfg(target_arch = "aarch64")]
#[expect(unsafe_code, reason = "vector loads go through pointers")]
pub(super) mod arm {
    //! Masks by NEON, which every processor of 64-bit ARM has.

    #[allow(clippy::wildcard_imports, reason = "the names say where they are from")]
    use std::arch::aarch64::*;

    use super::{Masks, WIDTH};

    /// Sixty-four bytes.
    type Lanes = [uint8x16_t; 4];

    impl Masks {
        /// Like [`portable`](Self::portable), by NEON.
        #[inline]
        #[target_feature(enable = "neon")]
        pub(in super::super) fn neon(block: &[u8; WIDTH]) -> Self {
            let bytes = load(block);
            let is = |byte: u8| bytes.map(|bytes| vceqq_u8(bytes, vdupq_n_u8(byte)));
            let below = |bytes: Lanes, first: u8, count: u8| {
                bytes.map(|bytes| vcltq_u8(vsubq_u8(bytes, vdupq_n_u8(first)), vdupq_n_u8(count)))
            };
            let lower_case = bytes.map(|bytes| vorrq_u8(bytes, vdupq_n_u8(0x20)));
            let blank = bits(is(b' '));
            Self {
                letter: bits(below(lower_case, b'a', 26)),
                upper: bits(below(bytes, b'A', 26)),
                digit: bits(below(bytes, b'0', 10)),
                space: bits(below(bytes, b'\t', 5)) | blank,
                blank,
                newline: bits(is(b'\n')) | bits(is(b'\r')),
                apostrophe: bits(is(b'\'')),
                slash: bits(is(b'/')),
                high: bits(below(bytes, 0x80, 0x80)),
                tail_byte: bits(below(bytes, 0x80, 0x40)),
                ..Self::default()
            }
        }
    }

    /// Like [`bits_where`](super::bits_where), for each byte in which some bit of `class` is set.
    #[inline]
    #[target_feature(enable = "neon")]
    pub(in super::super) fn bits_with(block: &[u8; WIDTH], class: u8) -> u64 {
        bits(load(block).map(|bytes| vtstq_u8(bytes, vdupq_n_u8(class))))
    }

    #[inline]
    #[target_feature(enable = "neon")]
    fn load(block: &[u8; WIDTH]) -> Lanes {
        let (quarters, _) = block.as_chunks::<16>();
        // SAFETY: the reference guarantees 16 readable bytes, and the load needs no alignment.
        std::array::from_fn(|quarter| unsafe { vld1q_u8(quarters[quarter].as_ptr()) })
    }

    /// A bit for each byte, which is all ones or all zeros.
    #[inline]
    #[target_feature(enable = "neon")]
    fn bits(bytes: Lanes) -> u64 {
        // Each byte keeps the bit of its place among eight, and three additions of neighbours join eight bytes to one.
        let places = vreinterpretq_u8_u64(vdupq_n_u64(0x8040_2010_0804_0201));
        let [first, second, third, fourth] = bytes.map(|bytes| vandq_u8(bytes, places));
        let pairs = vpaddq_u8(vpaddq_u8(first, second), vpaddq_u8(third, fourth));
        vgetq_lane_u64::<0>(vreinterpretq_u64_u8(vpaddq_u8(pairs, pairs)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every byte, at every place of a block.
    fn blocks() -> impl Iterator<Item = [u8; WIDTH]> {
        (0..=255_u8).map(|first| std::array::from_fn(|at| first.wrapping_add(at as u8)))
    }

    #[test]
    fn portable_masks_are_what_they_say() {
        for block in blocks() {
            let masks = Masks::portable(&block);
            for (at, &byte) in block.iter().enumerate() {
                let bit = |mask: u64| mask >> at & 1 == 1;
                assert_eq!(bit(masks.letter), byte.is_ascii_alphabetic());
                assert_eq!(bit(masks.upper), byte.is_ascii_uppercase());
                assert_eq!(bit(masks.digit), byte.is_ascii_digit());
                assert_eq!(bit(masks.space), b" \t\n\x0b\x0c\r".contains(&byte));
                assert_eq!(bit(masks.blank), byte == b' ');
                assert_eq!(bit(masks.newline), b"\r\n".contains(&byte));
                assert_eq!(bit(masks.apostrophe), byte == b'\'');
                assert_eq!(bit(masks.slash), byte == b'/');
                assert_eq!(bit(masks.high), byte >= 0x80);
                assert_eq!(bit(masks.tail_byte), byte & 0xC0 == 0x80);
            }
        }
    }

    #[cfg(target_arch = "aarch64")]
    #[test]
    #[expect(unsafe_code, reason = "functions for particular processors")]
    fn vector_masks_are_the_portable_ones() {
        for block in blocks() {
            // SAFETY: every processor of 64-bit ARM has NEON.
            assert_eq!(unsafe { Masks::neon(&block) }, Masks::portable(&block));
            for class in [1, 0x24, 0xFF] {
                // SAFETY: as above.
                let bits = unsafe { arm::bits_with(&block, class) };
                assert_eq!(bits, bits_where(&block, |bits| bits & class != 0));
            }
        }
    }

    #[cfg(target_arch = "x86_64")]
    #[test]
    #[expect(unsafe_code, reason = "functions for particular processors")]
    fn vector_masks_are_the_portable_ones() {
        for block in blocks() {
            if std::is_x86_feature_detected!("avx2") {
                // SAFETY: the processor has AVX2, as just asked.
                let masks = unsafe { Masks::avx2::<super::super::family::O200k>(&block) };
                assert_eq!(masks, Masks::portable(&block));
            }
            if std::is_x86_feature_detected!("avx512bw") {
                // SAFETY: the processor has AVX-512BW, as just asked.
                assert_eq!(unsafe { Masks::avx512(&block) }, Masks::portable(&block));
            }
        }
    }
}
