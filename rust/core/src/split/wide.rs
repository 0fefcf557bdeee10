//! Classes of the characters in a block that are not ASCII.
//!
//! A character's last byte chooses its class from a page of 64, and the bytes before choose the page
//! ([`classes`](super::classes)). On x86-64, since text keeps to few pages, all of a block's characters on one page are
//! looked up at once, by one instruction or a few; Han and Hangul, which have a hundred pages each, nearly all of them
//! letters throughout, are recognised by their first two bytes. Elsewhere, each character is looked up by itself.
//! Trying the pages met last first, whatever the block holds, made Chinese an eighth slower, and 25 languages a little;
//! recognising Cyrillic, Hebrew or Arabic by two bytes as well gains nothing.

use super::classes::{LETTER, LOWER, NUMBER, SPACE, UPPER, class_at};
use super::family::Family;
#[cfg(target_arch = "aarch64")]
use super::masks::arm::bits_with;
use super::masks::{Masks, WIDTH, bits_where};

#[cfg(target_arch = "x86_64")]
pub(super) use x86::{bits_avx2, bits_avx512, classes_avx2, classes_avx512};

/// The most bytes of a character.
const LONGEST: usize = 4;

/// The classes of the bytes of a block, and of the rest of a character that goes on after it.
type Classes = [u8; WIDTH + LONGEST];

/// A block, and the bytes after it that its last character may have.
#[cfg(target_arch = "x86_64")]
type Bytes = [u8; WIDTH + LONGEST - 1];

/// Which bytes of a block are not ASCII, and which of them do not begin a character: two of the [`Masks`].
#[cfg(target_arch = "x86_64")]
#[derive(Debug, Clone, Copy)]
pub(super) struct Places {
    high: u64,
    tail_byte: u64,
}

impl Masks {
    /// The masks of all characters in the block at `text[at..]`, whose ASCII has the masks `self`.
    #[inline(always)]
    pub(super) fn with_wide<F: Family>(self, text: &[u8], at: usize) -> Self {
        let classes = self.classes(text, at);
        self.with_classes::<F>(|class| bits_where(&classes, |bits| bits & class != 0))
    }

    /// Like [`with_wide`](Self::with_wide), but with given steps: `classes` finds the classes of a block's characters
    /// from its bytes and masks, and `bits` the bytes whose class has a given bit. As a closure of the scanner it is
    /// compiled into that; called as a function, which takes and returns a dozen masks through memory, it made Chinese
    /// a twelfth slower.
    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    pub(super) fn with_wide_by<F: Family, C: Copy>(
        self,
        text: &[u8],
        at: usize,
        classes: impl Fn(&Bytes, Places) -> C,
        bits: impl Fn(C, u8) -> u64,
    ) -> Self {
        let Some(bytes) = text[at..].first_chunk() else { return self.with_wide::<F>(text, at) };
        let classes = classes(bytes, Places { high: self.high, tail_byte: self.tail_byte });
        self.with_classes::<F>(|class| bits(classes, class))
    }

    /// Like [`with_wide`](Self::with_wide), by NEON. (The instructions that look up sixteen characters on one page are
    /// not used; nor has this been timed on such a processor.)
    #[cfg(target_arch = "aarch64")]
    #[inline]
    #[target_feature(enable = "neon")]
    pub(super) fn with_wide_neon<F: Family>(self, text: &[u8], at: usize) -> Self {
        let classes = self.classes(text, at);
        self.with_classes::<F>(|class| bits_with(&classes, class))
    }

    /// The class of each byte of the block; arbitrary for ASCII.
    #[inline(always)]
    fn classes(&self, text: &[u8], at: usize) -> [u8; WIDTH] {
        let mut classes: Classes = [0; WIDTH + LONGEST];
        let mut first_bytes = self.high & !self.tail_byte;
        while first_bytes != 0 {
            let place = first_bytes.trailing_zeros() as usize;
            first_bytes &= first_bytes - 1;
            let (class, _) = class_at(text, at + place);
            // What is written after a shorter character is overwritten by the next one, or not in `high`.
            classes[place..place + LONGEST].copy_from_slice(&[class; LONGEST]);
        }
        *classes.first_chunk().expect("it is longer")
    }

    /// These masks of ASCII with all other characters added; `bits` gives the bytes that have a class, and what it
    /// gives for ASCII is ignored.
    #[inline(always)]
    fn with_classes<F: Family>(mut self, bits: impl Fn(u8) -> u64) -> Self {
        let bits = |class| bits(class) & self.high;
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

    use super::super::classes::{Page, page, page_at};
    use super::super::masks::x86::{Halves, bits, load_halves, set};
    use super::{Bytes, LETTER, LONGEST, LOWER, NUMBER, Places, SPACE, UPPER, WIDTH};

    /// The class of a letter without case.
    const UNCASED: u8 = LETTER | UPPER | LOWER;

    /// By the lowest six bits of a first byte: from which second byte on all characters are letters without case, and
    /// for how many second bytes. Where there are several such runs of second bytes, the last one.
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

    /// For each byte of a block, the place of the byte `back` places before it.
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

    /// The class of each byte of a block; 0 for ASCII.
    #[inline]
    #[target_feature(enable = "avx512bw,avx512vbmi")]
    pub(in super::super) fn classes_avx512(bytes: &Bytes, of: Places) -> __m512i {
        let [first, second, third, fourth] = [0, 1, 2, 3]
            .map(|offset| load(bytes[offset..].first_chunk().expect("three more than a block has")));
        let first_bytes = of.high & !of.tail_byte;
        let page_in_letters = _mm512_sub_epi8(second, _mm512_permutexvar_epi8(first, load(&LETTERS_FROM)));
        let letter_pages = _mm512_permutexvar_epi8(first, load(&LETTERS_COUNT));
        let letters = _mm512_mask_cmplt_epu8_mask(first_bytes, page_in_letters, letter_pages);
        let mut classes = _mm512_maskz_set1_epi8(letters, UNCASED.cast_signed());
        let mut left = first_bytes & !letters;
        while left != 0 {
            let place = left.trailing_zeros() as usize;
            let character: &[u8; LONGEST] =
                bytes[place..].first_chunk().expect("three more than a block has");
            let same = |mask, lanes, index: usize| {
                _mm512_mask_cmpeq_epi8_mask(mask, lanes, _mm512_set1_epi8(character[index].cast_signed()))
            };
            let (page, length) = page_at(character, 0);
            let same_first = same(left, first, 0);
            let (on_page, last) = match length {
                2 => (same_first, second),
                3 => (same(same_first, second, 1), third),
                _ => (same(same(same_first, second, 1), third, 2), fourth),
            };
            classes = _mm512_mask_permutexvar_epi8(classes, on_page, last, load(page));
            left &= !on_page;
        }
        // Copies the classes from the first byte of each character to the others.
        let seconds = first_bytes << 1 & of.tail_byte;
        let thirds = seconds << 1 & of.tail_byte;
        let fourths = thirds << 1 & of.tail_byte;
        classes = _mm512_mask_permutexvar_epi8(classes, seconds, load(&ONE_BEFORE), classes);
        _mm512_mask_permutexvar_epi8(classes, thirds | fourths, load(&TWO_BEFORE), classes)
    }

    /// A bit for each byte whose class has some bit of `some`.
    #[inline]
    #[target_feature(enable = "avx512bw")]
    pub(in super::super) fn bits_avx512(classes: __m512i, some: u8) -> u64 {
        _mm512_test_epi8_mask(classes, _mm512_set1_epi8(some.cast_signed()))
    }

    /// Like [`classes_avx512`], in two halves, by AVX2. Looking up a whole page takes some forty instructions, so it is
    /// not done for a character that no mask is about, such as a punctuation mark.
    #[inline]
    #[target_feature(enable = "avx2")]
    pub(in super::super) fn classes_avx2(bytes: &Bytes, of: Places) -> Halves {
        let [first, second, third, fourth] = [0, 1, 2, 3]
            .map(|offset| load_halves(bytes[offset..].first_chunk().expect("three more than a block has")));
        let first_bytes = of.high & !of.tail_byte;
        let letters = are_letters_avx2(first, second);
        let mut classes = letters.map(|letters| _mm256_and_si256(letters, set(UNCASED)));
        let mut left = first_bytes & !bits(letters);
        while left != 0 {
            let place = left.trailing_zeros() as usize;
            let character: &[u8; LONGEST] =
                bytes[place..].first_chunk().expect("three more than a block has");
            let (page, length) = page_at(character, 0);
            if page[usize::from(character[length - 1] & 0x3F)] & (UNCASED | NUMBER | SPACE) == 0 {
                left &= left - 1;
                continue;
            }
            let same = |lanes: Halves, index: usize| {
                lanes.map(|lanes| _mm256_cmpeq_epi8(lanes, set(character[index])))
            };
            let both =
                |one: Halves, other: Halves| [0, 1].map(|half| _mm256_and_si256(one[half], other[half]));
            let (on_page, last) = match length {
                2 => (same(first, 0), second),
                3 => (both(same(first, 0), same(second, 1)), third),
                _ => (both(both(same(first, 0), same(second, 1)), same(third, 2)), fourth),
            };
            let found = both(on_page, look_up(page, last));
            classes = [0, 1].map(|half| _mm256_or_si256(classes[half], found[half]));
            left &= !bits(on_page);
        }
        // Copies the classes from the first byte of each character to the others: three times one byte on.
        let tail_bytes = first.map(|bytes| _mm256_cmpgt_epi8(set(0xC0), bytes));
        for _ in 1..LONGEST {
            let before = one_on(classes);
            classes = [0, 1]
                .map(|half| _mm256_or_si256(classes[half], _mm256_and_si256(before[half], tail_bytes[half])));
        }
        classes
    }

    /// A bit for each byte whose class has the bit `one`.
    #[inline]
    #[target_feature(enable = "avx2")]
    pub(in super::super) fn bits_avx2(classes: Halves, one: u8) -> u64 {
        let one = set(one);
        bits(classes.map(|classes| _mm256_cmpeq_epi8(_mm256_and_si256(classes, one), one)))
    }

    /// For each place, all ones if the first two bytes of a character that begins there make it a letter without case.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn are_letters_avx2(first: Halves, second: Halves) -> Halves {
        // Only those that begin with 0xE0 to 0xEF are.
        let [from, count] = [&LETTERS_FROM, &LETTERS_COUNT].map(|table| twice(&table.as_chunks().0[2]));
        [0, 1].map(|half| {
            let begin = _mm256_and_si256(first[half], set(0x0F));
            let is_of_three = _mm256_cmpeq_epi8(_mm256_and_si256(first[half], set(0xF0)), set(0xE0));
            let page = _mm256_sub_epi8(second[half], _mm256_shuffle_epi8(from, begin));
            let missing = _mm256_subs_epu8(_mm256_shuffle_epi8(count, begin), page);
            _mm256_andnot_si256(_mm256_cmpeq_epi8(missing, _mm256_setzero_si256()), is_of_three)
        })
    }

    /// The entries of a page that the lowest six bits of each byte choose.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn look_up(page: &Page, places: Halves) -> Halves {
        let (quarters, _) = page.as_chunks::<16>();
        let quarters: [__m256i; 4] = std::array::from_fn(|quarter| twice(&quarters[quarter]));
        places.map(|places| {
            let places = _mm256_and_si256(places, set(0x3F));
            let mut found = _mm256_setzero_si256();
            for (number, &quarter) in (0..).zip(&quarters) {
                // Below 16 for the places in this quarter; the others get the highest bit, with which a shuffle gives 0.
                let inside = _mm256_adds_epu8(_mm256_xor_si256(places, set(number << 4)), set(0x70));
                found = _mm256_or_si256(found, _mm256_shuffle_epi8(quarter, inside));
            }
            found
        })
    }

    /// Each byte moved to the next place, and 0 in the first.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn one_on([low, high]: Halves) -> Halves {
        let (carried, middle) =
            (_mm256_permute2x128_si256::<0x08>(low, low), _mm256_permute2x128_si256::<0x21>(low, high));
        [_mm256_alignr_epi8::<15>(low, carried), _mm256_alignr_epi8::<15>(high, middle)]
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn twice(bytes: &[u8; 16]) -> __m256i {
        // SAFETY: the reference guarantees 16 readable bytes, and the load needs no alignment.
        _mm256_broadcastsi128_si256(unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) })
    }

    #[inline]
    #[target_feature(enable = "avx512bw")]
    fn load(bytes: &[u8; WIDTH]) -> __m512i {
        // SAFETY: the reference guarantees 64 readable bytes, and the load needs no alignment.
        unsafe { _mm512_loadu_si512(bytes.as_ptr().cast()) }
    }
}

#[cfg(all(test, any(target_arch = "x86_64", target_arch = "aarch64")))]
mod tests {
    use super::super::family::O200k;
    use super::*;

    /// Every character, in order; and every 97th, each between two copies of one of four others.
    fn texts() -> [String; 2] {
        let between = ['a', 'é', '中', '😀'];
        let all = ('\0'..=char::MAX).collect();
        let mixed = ('\0'..=char::MAX).step_by(97).zip(between.into_iter().cycle());
        [all, mixed.flat_map(|(one, other)| [other, one, other]).collect()]
    }

    /// Compares what `with_wide` gives for blocks of the texts with the portable masks.
    fn check(with_wide: impl Fn(Masks, &[u8], usize) -> Masks) {
        for text in texts() {
            let bytes = text.as_bytes();
            let starts = text.char_indices().map(|(at, _)| at).step_by(5);
            for (at, block) in starts.map_while(|at| Some((at, bytes[at..].first_chunk()?))) {
                let ascii = Masks::portable(block);
                assert_eq!(with_wide(ascii, bytes, at), ascii.with_wide::<O200k>(bytes, at), "at {at}");
            }
        }
    }

    #[cfg(target_arch = "x86_64")]
    #[test]
    #[expect(unsafe_code, reason = "functions for particular processors")]
    fn vector_masks_are_the_portable_ones() {
        if std::is_x86_feature_detected!("avx2") {
            // SAFETY: the processor has AVX2, as just asked.
            let classes = |bytes: &_, of| unsafe { classes_avx2(bytes, of) };
            // SAFETY: as above.
            let bits = |classes, class| unsafe { bits_avx2(classes, class) };
            check(|ascii, text, at| ascii.with_wide_by::<O200k, _>(text, at, classes, bits));
        }
        if std::is_x86_feature_detected!("avx512vbmi") {
            // SAFETY: the processor has AVX-512VBMI, as just asked, and so AVX-512BW.
            let classes = |bytes: &_, of| unsafe { classes_avx512(bytes, of) };
            // SAFETY: as above.
            let bits = |classes, class| unsafe { bits_avx512(classes, class) };
            check(|ascii, text, at| ascii.with_wide_by::<O200k, _>(text, at, classes, bits));
        }
    }

    #[cfg(target_arch = "aarch64")]
    #[test]
    #[expect(unsafe_code, reason = "functions for particular processors")]
    fn vector_masks_are_the_portable_ones() {
        // SAFETY: every processor of 64-bit ARM has NEON.
        check(|ascii, text, at| unsafe { ascii.with_wide_neon::<O200k>(text, at) });
    }
}
