//! Sixty-four bytes at once: which of them are letters, digits, spaces, …, as bits of 64-bit masks.
//!
//! [`Masks::portable`] defines what the masks of ASCII are; the versions for particular processors give the same, and
//! the tests compare them on every byte at every place. [`wide`](super::wide) adds the other characters.

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
    /// The masks of the ASCII in a block, and of the other bytes only that they are, in plain Rust.
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
            tail_byte: of(|byte| byte & 0xC0 == 0x80),
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

    #[allow(clippy::wildcard_imports, reason = "the names say where they are from")]
    use std::arch::x86_64::*;

    use super::{Masks, WIDTH};

    impl Masks {
        /// The same as [`portable`](Self::portable), by AVX-512.
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

        /// The same as [`portable`](Self::portable), by AVX2, 32 bytes at a time.
        #[inline]
        #[target_feature(enable = "avx2")]
        pub(in super::super) fn avx2(block: &[u8; WIDTH]) -> Self {
            let (low, high) = block.split_at(WIDTH / 2);
            let (low, high) = (Half::of(low), Half::of(high));
            let join = |of: fn(&Half) -> u32| u64::from(of(&low)) | u64::from(of(&high)) << 32;
            Self {
                letter: join(|half| half.letter),
                upper: join(|half| half.upper),
                digit: join(|half| half.digit),
                space: join(|half| half.space),
                blank: join(|half| half.blank),
                newline: join(|half| half.newline),
                apostrophe: join(|half| half.apostrophe),
                slash: join(|half| half.slash),
                high: join(|half| half.high),
                tail_byte: join(|half| half.tail_byte),
                ..Self::default()
            }
        }
    }

    /// The masks of 32 bytes.
    struct Half {
        letter: u32,
        upper: u32,
        digit: u32,
        space: u32,
        blank: u32,
        newline: u32,
        apostrophe: u32,
        slash: u32,
        high: u32,
        tail_byte: u32,
    }

    impl Half {
        #[inline]
        #[target_feature(enable = "avx2")]
        fn of(half: &[u8]) -> Self {
            assert!(half.len() == WIDTH / 2, "half a block");
            // SAFETY: 32 readable bytes, by the assertion, and the load needs no alignment.
            let bytes = unsafe { _mm256_loadu_si256(half.as_ptr().cast()) };
            let bits = |lanes: __m256i| _mm256_movemask_epi8(lanes).cast_unsigned();
            let is = |byte: u8| bits(_mm256_cmpeq_epi8(bytes, _mm256_set1_epi8(byte.cast_signed())));
            let below = |bytes: __m256i, first: u8, count: u8| {
                // Shifted so that the signed comparison, the only one there is, orders as the unsigned one.
                let offset = _mm256_sub_epi8(bytes, _mm256_set1_epi8(first.wrapping_add(128).cast_signed()));
                bits(_mm256_cmpgt_epi8(_mm256_set1_epi8(count.wrapping_sub(128).cast_signed()), offset))
            };
            let lower_case = _mm256_or_si256(bytes, _mm256_set1_epi8(0x20));
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
                high: bits(bytes),
                tail_byte: bits(_mm256_cmpgt_epi8(_mm256_set1_epi8(0xC0_u8.cast_signed()), bytes)),
            }
        }
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

    #[cfg(target_arch = "x86_64")]
    #[test]
    #[expect(unsafe_code, reason = "functions for particular processors")]
    fn vector_masks_are_the_portable_ones() {
        for block in blocks() {
            if std::is_x86_feature_detected!("avx2") {
                // SAFETY: the processor has AVX2, as just asked.
                assert_eq!(unsafe { Masks::avx2(&block) }, Masks::portable(&block));
            }
            if std::is_x86_feature_detected!("avx512bw") {
                // SAFETY: the processor has AVX-512BW, as just asked.
                assert_eq!(unsafe { Masks::avx512(&block) }, Masks::portable(&block));
            }
        }
    }
}
