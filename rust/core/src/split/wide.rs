//! Classes of the characters in a block that are not ASCII.
//!
//! A character's last byte chooses its class from a page of 64, and the bytes before choose the page
//! ([`classes`](super::classes)). Text keeps to few pages: all of a block's characters on one page are looked up by one
//! instruction, where there are such. Han and Hangul, which have a hundred pages each, nearly all of them letters
//! throughout, are told by their first two bytes. Elsewhere, each character is looked up by itself. That the pages met
//! last were tried first, whatever the block holds, made Chinese an eighth slower, and 25 languages a little; to tell
//! Cyrillic, Hebrew or Arabic by two bytes as well gains nothing.

use super::classes::{LETTER, LOWER, NUMBER, SPACE, UPPER, class_at};
use super::family::Family;
use super::masks::{Masks, WIDTH, bits_where};

/// The most bytes of a character.
const LONGEST: usize = 4;

/// The classes of the bytes of a block, and of the rest of a character that goes on behind it.
type Classes = [u8; WIDTH + LONGEST];

impl Masks {
    /// The masks of all characters in the block at `text[at..]`, whose ASCII has the masks `self`.
    #[inline(always)]
    pub(super) fn with_wide<F: Family>(self, text: &[u8], at: usize) -> Self {
        let mut classes: Classes = [0; WIDTH + LONGEST];
        let mut first_bytes = self.high & !self.tail_byte;
        while first_bytes != 0 {
            let place = first_bytes.trailing_zeros() as usize;
            first_bytes &= first_bytes - 1;
            let (class, _) = class_at(text, at + place);
            // What is written behind a shorter character is overwritten by the next one, or not in `high`.
            classes[place..place + LONGEST].copy_from_slice(&[class; LONGEST]);
        }
        let classes = classes.first_chunk().expect("it is longer");
        self.with_classes::<F>(|class| bits_where(classes, |bits| bits & class != 0) & self.high)
    }

    /// These masks of ASCII, with the characters added whose bytes with a class `bits` gives.
    #[inline(always)]
    fn with_classes<F: Family>(mut self, bits: impl Fn(u8) -> u64) -> Self {
        let letter = bits(LETTER);
        self.letter |= letter;
        self.digit |= bits(NUMBER);
        self.space |= bits(SPACE);
        if F::CASED {
            let (upper, lower) = (bits(UPPER), bits(LOWER));
            self.upper |= upper & !lower;
            self.uncased = upper & lower;
            self.mark = self.uncased & !letter;
        }
        self
    }
}

#[cfg(target_arch = "x86_64")]
#[expect(unsafe_code, reason = "vector loads go through pointers")]
mod x86 {
    #[allow(clippy::wildcard_imports, reason = "the names say where they are from")]
    use std::arch::x86_64::*;

    use super::super::classes::{Page, page};
    use super::{Family, LETTER, LONGEST, LOWER, Masks, NUMBER, SPACE, UPPER, WIDTH};

    /// What there is to know of a letter without case.
    const UNCASED: u8 = LETTER | UPPER | LOWER;

    /// By the lowest six bits of a first byte: from which second byte on all characters are letters without case, and
    /// for how many second bytes. Where it could be said twice, of the last ones.
    const LETTERS: [[u8; 64]; 2] = {
        let [mut from, mut count] = [[0; 64]; 2];
        let mut first = 0xE0;
        while first < 0xF0_usize {
            let mut second = 0xC0;
            while second > 0x80 && (count[first & 0x3F] == 0 || are_letters(first, second - 1)) {
                second -= 1;
                if are_letters(first, second) {
                    from[first & 0x3F] = second as u8;
                    count[first & 0x3F] += 1;
                }
            }
            first += 1;
        }
        [from, count]
    };

    /// Whether all characters of three bytes that begin with these two are letters without case.
    const fn are_letters(first: usize, second: usize) -> bool {
        let page = page((first & 0x0F) << 6 | second & 0x3F);
        let mut at = 0;
        while at < page.len() {
            if page[at] & (UNCASED | NUMBER | SPACE) != UNCASED {
                return false;
            }
            at += 1;
        }
        true
    }

    /// For each byte of a block, the place of the one `back` before it.
    const fn places_before(back: u8) -> [u8; WIDTH] {
        let mut places = [0; WIDTH];
        let mut at = 0;
        while at < WIDTH {
            places[at] = (at as u8).wrapping_sub(back);
            at += 1;
        }
        places
    }

    static LETTERS_FROM: [u8; 64] = LETTERS[0];
    static LETTERS_COUNT: [u8; 64] = LETTERS[1];
    static ONE_BEFORE: [u8; WIDTH] = places_before(1);
    static TWO_BEFORE: [u8; WIDTH] = places_before(2);

    impl Masks {
        /// The same as [`with_wide`](Self::with_wide), by AVX-512.
        #[inline]
        #[target_feature(enable = "avx512bw,avx512vbmi")]
        pub(in super::super) fn with_wide_avx512<F: Family>(self, text: &[u8], at: usize) -> Self {
            let Some(bytes) = text[at..].first_chunk() else { return self.with_wide::<F>(text, at) };
            let classes = classes::<F>(bytes, &self);
            self.with_classes::<F>(|class| {
                _mm512_test_epi8_mask(classes, _mm512_set1_epi8(class.cast_signed()))
            })
        }
    }

    /// The class of each byte of a block; 0 for ASCII.
    #[inline]
    #[target_feature(enable = "avx512bw,avx512vbmi")]
    fn classes<F>(bytes: &[u8; WIDTH + LONGEST - 1], ascii: &Masks) -> __m512i {
        let [first, second, third, fourth] = [0, 1, 2, 3]
            .map(|offset| load(bytes[offset..].first_chunk().expect("three more than a block has")));
        let first_bytes = ascii.high & !ascii.tail_byte;
        let page_in_letters = _mm512_sub_epi8(second, _mm512_permutexvar_epi8(first, load(&LETTERS_FROM)));
        let letter_pages = _mm512_permutexvar_epi8(first, load(&LETTERS_COUNT));
        let letters = _mm512_mask_cmplt_epu8_mask(first_bytes, page_in_letters, letter_pages);
        let mut classes = _mm512_maskz_set1_epi8(letters, UNCASED.cast_signed());
        let mut left = first_bytes & !letters;
        while left != 0 {
            let place = left.trailing_zeros() as usize;
            let character: &[u8; LONGEST] =
                bytes[place..].first_chunk().expect("three more than a block has");
            let number = |index: usize| usize::from(character[index] & 0x3F);
            let same = |mask, lanes, index: usize| {
                _mm512_mask_cmpeq_epi8_mask(mask, lanes, _mm512_set1_epi8(character[index].cast_signed()))
            };
            let mut on_page = same(left, first, 0);
            let (last, page): (_, &Page) = match character[0] {
                ..0xE0 => (second, page(number(0) & 0x1F)),
                0xE0..0xF0 => {
                    on_page = same(on_page, second, 1);
                    (third, page((number(0) & 0x0F) << 6 | number(1)))
                }
                0xF0.. => {
                    on_page = same(same(on_page, second, 1), third, 2);
                    (fourth, page((number(0) & 0x07) << 12 | number(1) << 6 | number(2)))
                }
            };
            classes = _mm512_mask_permutexvar_epi8(classes, on_page, last, load(page));
            left &= !on_page;
        }
        // From the first byte of each character to the others.
        let seconds = first_bytes << 1 & ascii.tail_byte;
        let thirds = seconds << 1 & ascii.tail_byte;
        let fourths = thirds << 1 & ascii.tail_byte;
        classes = _mm512_mask_permutexvar_epi8(classes, seconds, load(&ONE_BEFORE), classes);
        _mm512_mask_permutexvar_epi8(classes, thirds | fourths, load(&TWO_BEFORE), classes)
    }

    #[inline]
    #[target_feature(enable = "avx512bw")]
    fn load(bytes: &[u8; WIDTH]) -> __m512i {
        // SAFETY: the reference guarantees 64 readable bytes, and the load needs no alignment.
        unsafe { _mm512_loadu_si512(bytes.as_ptr().cast()) }
    }
}

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    use super::super::family::O200k;
    use super::*;

    /// Every character, in order, and every 97th behind each of four others.
    fn texts() -> [String; 2] {
        let between = ['a', 'é', '中', '😀'];
        let all = ('\0'..=char::MAX).collect();
        let mixed = ('\0'..=char::MAX).step_by(97).zip(between.into_iter().cycle());
        [all, mixed.flat_map(|(one, other)| [other, one, other]).collect()]
    }

    #[test]
    #[expect(unsafe_code, reason = "functions for particular processors")]
    fn vector_masks_are_the_portable_ones() {
        if !std::is_x86_feature_detected!("avx512vbmi") {
            return;
        }
        for text in texts() {
            let bytes = text.as_bytes();
            let starts = text.char_indices().map(|(at, _)| at).step_by(5);
            for (at, block) in starts.map_while(|at| Some((at, bytes[at..].first_chunk()?))) {
                let ascii = Masks::portable(block);
                // SAFETY: the processor has AVX-512VBMI, as just asked, and so AVX-512BW.
                let masks = unsafe { ascii.with_wide_avx512::<O200k>(bytes, at) };
                assert_eq!(masks, ascii.with_wide::<O200k>(bytes, at), "at {at}");
            }
        }
    }
}
