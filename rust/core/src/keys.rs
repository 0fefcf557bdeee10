//! Turns short pieces of text into numbers, their keys, and finds a key's place in a table of 2^n.
//!
//! A piece of at most fifteen bytes is its own key: the bytes, zeros, and in the sixteenth byte the length and the
//! [`Extent`]. Equal keys are equal pieces. The place is the upper bits of a sum of products, one of each half of the
//! key with an odd number (Dietzfelbinger et al. 1997, «A reliable randomized algorithm for the closest-pair problem»);
//! unlike a product of both halves, which needs 128 bits, four of these fit into a vector.
//!
//! With AVX-512 sixteen pieces become keys at once, at five instructions each; with AVX2 one after another, at twenty,
//! and without a branch that depends on the text; the portable code takes some thirty-five.

use crate::processor::Level;
use crate::split::Ends;

/// The longest piece that is its own key: 15 bytes, for the length is in the sixteenth.
pub(crate) const KEY_BYTES: usize = 15;

/// How many keys ahead of its use a place is prefetched: early enough for its cache line to come from far memory, and
/// not so early that it is gone again from the L1 cache, 512 lines on some processors.
pub(crate) const AHEAD: usize = 128;

/// How many keys after the last one may be read, by code that reads several at once.
const ROOM: usize = 16;

/// A piece's bytes and length as one number; 0 is no piece's.
pub(crate) type Key = u128;

/// Whether a key's bytes are a pretoken or only a piece of one, which a vocabulary may treat differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    Pretoken = 0,
    Piece = 0x80,
}

/// The key of a piece that is too long to have one: no piece has this length, so no slot that a hash leads to holds it.
pub(crate) const NO_KEY: Key = (NO_LENGTH as Key) << LENGTH_SHIFT;

const NO_LENGTH: u8 = 0x40;
const LENGTH_SHIFT: u32 = 120;

/// Whether the key is that of a piece, not [`NO_KEY`].
#[inline(always)]
pub(crate) fn has_bytes(key: Key) -> bool {
    key != NO_KEY
}

/// The length in bytes of the piece whose key this is.
#[inline(always)]
pub(crate) fn length_of(key: Key) -> usize {
    (key >> LENGTH_SHIFT) as usize & 0xF
}

/// The mask of the first n bytes of a key, by n.
const BITS_OF_BYTES: [Key; KEY_BYTES + 1] = {
    let mut bits = [0; KEY_BYTES + 1];
    let mut length = 1;
    while length <= KEY_BYTES {
        bits[length] = u128::MAX >> (128 - 8 * length);
        length += 1;
    }
    bits
};

/// The key of the `length` ≤ [`KEY_BYTES`] bytes of `text` from `start` on.
#[inline(always)]
pub(crate) fn key_of(text: &[u8], start: usize, length: usize, extent: Extent) -> Key {
    let bytes = match text[start..].first_chunk::<16>() {
        Some(bytes) => u128::from_le_bytes(*bytes),
        None => last_bytes(&text[start..]),
    };
    bytes & BITS_OF_BYTES[length] | ((length | extent as usize) as Key) << LENGTH_SHIFT
}

/// The bytes of `text`, fewer than sixteen, as a number: its first half and its last, which may overlap.
#[inline]
fn last_bytes(text: &[u8]) -> u128 {
    let length = text.len();
    if let (Some(first), Some(last)) = (text.first_chunk::<8>(), text.last_chunk::<8>()) {
        let behind = u128::from(u64::from_le_bytes(*last)) << 64 >> (8 * (16 - length));
        return u128::from(u64::from_le_bytes(*first)) | behind >> 64 << 64;
    }
    if let (Some(first), Some(last)) = (text.first_chunk::<4>(), text.last_chunk::<4>()) {
        let behind = u64::from(u32::from_le_bytes(*last)) << 32 >> (8 * (8 - length));
        return u128::from(u64::from(u32::from_le_bytes(*first)) | behind >> 32 << 32);
    }
    text.iter().rev().fold(0, |number, &byte| number << 8 | u128::from(byte))
}

/// Odd factors for the lower and the upper half of a key.
const FACTORS: [u64; 2] = [0x9E37_79B9_7F4A_7C15, 0xD6E8_FEB8_6659_FD93];

/// The place of a key among 2^`bits`; `bits` is from 1 to 32.
#[inline(always)]
pub(crate) fn bucket_of(key: Key, bits: u32) -> usize {
    bucket_of_halves([key as u64, (key >> 64) as u64], bits)
}

#[inline(always)]
fn bucket_of_halves([low, high]: [u64; 2], bits: u32) -> usize {
    let sum = low.wrapping_mul(FACTORS[0]).wrapping_add(high.wrapping_mul(FACTORS[1]));
    (sum >> (64 - bits)) as usize
}

/// The keys of a run of pretokens or pieces, and their places in a table.
#[derive(Debug, Default)]
pub(crate) struct Keys {
    /// The keys, and at least [`ROOM`] more after the last.
    pub(crate) list: Vec<Key>,
    /// The places of the keys in the table, and at least [`ROOM`] + [`AHEAD`] more after the last.
    pub(crate) places: Vec<u32>,
    /// The numbers of the pieces that are too long to have a key, in ascending order.
    long: Vec<u32>,
    /// log2 of the number of places from which a hash chooses.
    pub(crate) bits: u32,
}

impl Keys {
    /// Replaces the keys by those of `pieces` of `text`, and the places by theirs among 2^`bits`.
    #[inline]
    pub(crate) fn make(&mut self, level: Level, text: &[u8], pieces: &Ends, extent: Extent, bits: u32) {
        let count = pieces.ends().len();
        self.bits = bits;
        if self.list.len() < count + ROOM {
            self.list.resize(count + ROOM, NO_KEY);
            self.places.resize(count + ROOM + AHEAD, 0);
        }
        let (keys, places) = (&mut self.list[..count], &mut self.places[..count]);
        self.long.clear();
        let done = match level {
            #[cfg(target_arch = "x86_64")]
            Level::Avx512(avx512) => {
                x86::find_avx512(avx512, text, pieces, extent, bits, (keys, places, &mut self.long))
            }
            #[cfg(target_arch = "x86_64")]
            Level::Avx2(avx2) => {
                x86::find_avx2(avx2, text, pieces, extent, bits, (keys, places, &mut self.long))
            }
            _ => 0,
        };
        for number in done..count {
            let (start, end) = (pieces.starts()[number], pieces.ends()[number]);
            keys[number] = if end - start <= KEY_BYTES {
                key_of(text, start, end - start, extent)
            } else {
                self.long.push(number as u32);
                NO_KEY
            };
            places[number] = bucket_of(keys[number], bits) as u32;
        }
    }

    /// The numbers of the pieces that are too long to have a key, in ascending order.
    #[inline(always)]
    pub(crate) fn long(&self) -> &[u32] {
        &self.long
    }

    /// Like [`long`](Self::long), with the places of all pieces, so that the long ones may be given others.
    #[inline(always)]
    pub(crate) fn long_and_places(&mut self) -> (&[u32], &mut [u32]) {
        (&self.long, &mut self.places)
    }

    /// The key and the place of a piece.
    #[inline(always)]
    pub(crate) fn at(&self, number: usize) -> (Key, u32) {
        (self.list[number], self.places[number])
    }

    /// The keys and the places of the first `count` pieces.
    #[inline(always)]
    pub(crate) fn first(&self, count: usize) -> (&[Key], &[u32]) {
        (&self.list[..count], &self.places[..count])
    }
}

#[cfg(target_arch = "x86_64")]
#[expect(
    unsafe_code,
    reason = "vector loads and stores go through pointers; functions for particular processors"
)]
mod x86 {
    #[allow(clippy::wildcard_imports, reason = "the names say where they are from")]
    use std::arch::x86_64::*;

    use super::{
        BITS_OF_BYTES, Ends, Extent, FACTORS, KEY_BYTES, Key, LENGTH_SHIFT, NO_KEY, NO_LENGTH,
        bucket_of_halves,
    };
    use crate::processor::{Avx2, Avx512};

    const _: () = assert!(size_of::<usize>() == 8, "places are loaded as 64 bits");

    /// How many keys are made at once: with AVX-512 in four vectors of four.
    const GROUP: usize = 16;

    /// Where keys, their places, and the numbers of pieces that are too long go.
    type Found<'f> = (&'f mut [Key], &'f mut [u32], &'f mut Vec<u32>);

    /// Writes the first keys and places, and returns how many; the rest are few, or near the end of the text.
    #[inline]
    pub(super) fn find_avx512(
        _: Avx512,
        text: &[u8],
        pieces: &Ends,
        extent: Extent,
        bits: u32,
        found: Found<'_>,
    ) -> usize {
        #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi")]
        fn avx512(text: &[u8], pieces: &Ends, extent: Extent, bits: u32, found: Found<'_>) -> usize {
            let are_within = |starts: &[usize; GROUP], last| are_within_avx512(starts, last);
            find_groups(text, pieces, found, are_within, |starts, ends, keys, places| {
                // SAFETY: what `find_groups` promises.
                unsafe { find_group_avx512(text, starts, ends, extent, bits, keys, places) }
            })
        }
        // SAFETY: the first argument is the proof that the processor has these extensions.
        unsafe { avx512(text, pieces, extent, bits, found) }
    }

    /// Like [`find_avx512`], by AVX2.
    #[inline]
    pub(super) fn find_avx2(
        _: Avx2,
        text: &[u8],
        pieces: &Ends,
        extent: Extent,
        bits: u32,
        found: Found<'_>,
    ) -> usize {
        #[target_feature(enable = "avx2,bmi2")]
        fn avx2(text: &[u8], pieces: &Ends, extent: Extent, bits: u32, found: Found<'_>) -> usize {
            // Counted, which is faster than to stop at the first.
            let are_within =
                |starts: &[usize; GROUP], last| starts.iter().filter(|&&start| start > last).count() == 0;
            find_groups(text, pieces, found, are_within, |starts, ends, keys, places| {
                // SAFETY: what `find_groups` promises.
                unsafe { find_group_avx2(text, starts, ends, extent, bits, keys, places) }
            })
        }
        // SAFETY: the first argument is the proof that the processor has these extensions.
        unsafe { avx2(text, pieces, extent, bits, found) }
    }

    /// Writes keys and places sixteen at a time, as `find_group` makes them, and returns how many; `find_group` is
    /// called only if there are at least sixteen bytes of `text` from each start on.
    #[inline(always)]
    fn find_groups(
        text: &[u8],
        pieces: &Ends,
        (keys, places, long): Found<'_>,
        are_within: impl Fn(&[usize; GROUP], usize) -> bool,
        find_group: impl Fn(&[usize; GROUP], &[usize; GROUP], &mut [Key; GROUP], &mut [u32; GROUP]) -> u16,
    ) -> usize {
        let (starts, _) = pieces.starts().as_chunks::<GROUP>();
        let (ends, _) = pieces.ends().as_chunks::<GROUP>();
        let (keys, _) = keys.as_chunks_mut::<GROUP>();
        let (places, _) = places.as_chunks_mut::<GROUP>();
        let Some(last_start) = text.len().checked_sub(16) else { return 0 };
        let mut done = 0;
        for (((starts, ends), keys), places) in starts.iter().zip(ends).zip(keys).zip(places) {
            // Only if sixteen bytes from each start on are text. Starts ascend in any text, but memory safety does not rest
            // on that.
            if !are_within(starts, last_start) {
                break;
            }
            let mut too_long = find_group(starts, ends, keys, places);
            while too_long != 0 {
                long.push(done as u32 + too_long.trailing_zeros());
                too_long &= too_long - 1;
            }
            done += GROUP;
        }
        done
    }

    /// Whether none of the starts is beyond `last`.
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn are_within_avx512(starts: &[usize; GROUP], last: usize) -> bool {
        let last = _mm512_set1_epi64(last as i64);
        // SAFETY: the reference guarantees twice 64 readable bytes, and the loads need no alignment.
        let beyond = |first: usize| unsafe {
            _mm512_cmpgt_epu64_mask(_mm512_loadu_si512(starts.as_ptr().add(first).cast()), last)
        };
        beyond(0) | beyond(8) == 0
    }

    /// By length, the mask of the bytes that belong to a key; no byte where the piece is too long.
    static BYTES: [Key; KEY_BYTES + 2] = {
        let mut bytes = [0; KEY_BYTES + 2];
        let mut length = 0;
        while length <= KEY_BYTES {
            bytes[length] = BITS_OF_BYTES[length];
            length += 1;
        }
        bytes
    };

    /// By extent and length, what a key has in its sixteenth byte; [`NO_KEY`] where the piece is too long.
    static TAGS: [[Key; KEY_BYTES + 2]; 2] = {
        let mut tags = [[NO_KEY; KEY_BYTES + 2]; 2];
        let mut length = 0;
        while length <= KEY_BYTES {
            tags[0][length] = ((length | Extent::Pretoken as usize) as Key) << LENGTH_SHIFT;
            tags[1][length] = ((length | Extent::Piece as usize) as Key) << LENGTH_SHIFT;
            length += 1;
        }
        tags
    };

    /// Keys and places of sixteen pieces; returns a bit for each that is too long.
    ///
    /// # Safety
    /// `text` has at least sixteen bytes from each of `starts` on.
    #[inline]
    #[target_feature(enable = "avx2,bmi2")]
    unsafe fn find_group_avx2(
        text: &[u8],
        starts: &[usize; GROUP],
        ends: &[usize; GROUP],
        extent: Extent,
        bits: u32,
        keys: &mut [Key; GROUP],
        places: &mut [u32; GROUP],
    ) -> u16 {
        let tags = &TAGS[usize::from(extent == Extent::Piece)];
        let load = |key: &Key| {
            // SAFETY: the reference guarantees 16 readable bytes, and the load needs no alignment.
            unsafe { _mm_loadu_si128((&raw const *key).cast()) }
        };
        let mut too_long = 0;
        for at in (0..GROUP).rev() {
            let length = (ends[at] - starts[at]).min(KEY_BYTES + 1);
            too_long = too_long << 1 | u16::from(length > KEY_BYTES);
            // SAFETY: the caller promises sixteen bytes of `text` from each start on.
            let bytes = unsafe { _mm_loadu_si128(text.as_ptr().add(starts[at]).cast()) };
            let key = _mm_or_si128(_mm_and_si128(bytes, load(&BYTES[length])), load(&tags[length]));
            // SAFETY: the reference guarantees 16 writable bytes, and the store needs no alignment.
            unsafe { _mm_storeu_si128((&raw mut keys[at]).cast(), key) };
            let halves = [_mm_cvtsi128_si64(key), _mm_extract_epi64::<1>(key)];
            places[at] = bucket_of_halves(halves.map(i64::cast_unsigned), bits) as u32;
        }
        too_long
    }

    /// For each byte of the four keys in vector `number`, which byte among sixteen lengths of 32 bits has its key's
    /// length.
    const fn length_bytes(number: usize) -> [u8; 64] {
        let mut bytes = [0; 64];
        let mut at = 0;
        while at < 64 {
            bytes[at] = (4 * (4 * number + at / 16)) as u8;
            at += 1;
        }
        bytes
    }

    static LENGTH_BYTES: [[u8; 64]; 4] = [length_bytes(0), length_bytes(1), length_bytes(2), length_bytes(3)];

    /// Keys and places of sixteen pieces; returns a bit for each that is too long.
    ///
    /// # Safety
    /// `text` has at least sixteen bytes from each of `starts` on.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi")]
    unsafe fn find_group_avx512(
        text: &[u8],
        starts: &[usize; GROUP],
        ends: &[usize; GROUP],
        extent: Extent,
        bits: u32,
        keys: &mut [Key; GROUP],
        places: &mut [u32; GROUP],
    ) -> u16 {
        let lengths = lengths(starts, ends);
        let is_short = _mm512_cmple_epu32_mask(lengths, _mm512_set1_epi32(KEY_BYTES as i32));
        let counts = _mm512_maskz_mov_epi32(is_short, lengths);
        let tags = _mm512_or_si512(lengths, _mm512_set1_epi32(extent as i32));
        let tags = _mm512_mask_mov_epi32(_mm512_set1_epi32(i32::from(NO_LENGTH)), is_short, tags);
        let in_key =
            _mm512_broadcast_i32x4(_mm_set_epi8(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0));
        let factors = _mm512_broadcast_i32x4(_mm_set_epi64x(FACTORS[1] as i64, FACTORS[0] as i64));
        let shift = _mm_cvtsi32_si128((64 - bits) as i32);
        let mut all = _mm512_setzero_si512();
        for (number, keys) in keys.as_chunks_mut::<4>().0.iter_mut().enumerate() {
            let begun = starts.as_chunks::<4>().0[number];
            // SAFETY: the caller promises sixteen bytes of `text` from each start on.
            let bytes = begun.map(|start| unsafe { _mm_loadu_si128(text.as_ptr().add(start).cast()) });
            let low = _mm256_inserti128_si256::<1>(_mm256_castsi128_si256(bytes[0]), bytes[1]);
            let high = _mm256_inserti128_si256::<1>(_mm256_castsi128_si256(bytes[2]), bytes[3]);
            let bytes = _mm512_inserti64x4::<1>(_mm512_castsi256_si512(low), high);
            // SAFETY: the reference guarantees 64 readable bytes, and the load needs no alignment.
            let length_bytes = unsafe { _mm512_loadu_si512((&raw const LENGTH_BYTES[number]).cast()) };
            let inside = _mm512_cmplt_epu8_mask(in_key, _mm512_permutexvar_epi8(length_bytes, counts));
            let bytes = _mm512_maskz_mov_epi8(inside, bytes);
            let made = _mm512_mask_permutexvar_epi8(bytes, 0x8000_8000_8000_8000, length_bytes, tags);
            // SAFETY: the reference guarantees 64 writable bytes, and the store needs no alignment.
            unsafe { _mm512_storeu_si512(keys.as_mut_ptr().cast(), made) };
            let products = _mm512_mullo_epi64(made, factors);
            let sums = _mm512_add_epi64(products, _mm512_shuffle_epi32::<0b01_00_11_10>(products));
            let found = _mm512_srl_epi64(sums, shift);
            // Moves the four places, one per key, to where they belong among the sixteen.
            let first_words = _mm512_set_epi32(12, 8, 4, 0, 12, 8, 4, 0, 12, 8, 4, 0, 12, 8, 4, 0);
            all = _mm512_mask_permutexvar_epi32(all, 0xF << (4 * number), first_words, found);
        }
        // SAFETY: the reference guarantees 64 writable bytes, and the store needs no alignment.
        unsafe { _mm512_storeu_si512(places.as_mut_ptr().cast(), all) };
        !is_short
    }

    /// The lengths of the pieces; one that does not fit in 32 bits saturates, so it is longer than any short piece.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi")]
    fn lengths(starts: &[usize; GROUP], ends: &[usize; GROUP]) -> __m512i {
        // SAFETY: the references guarantee twice 64 readable bytes each, and the loads need no alignment.
        let half = |first: usize| unsafe {
            let starts = _mm512_loadu_si512(starts.as_ptr().add(first).cast());
            let ends = _mm512_loadu_si512(ends.as_ptr().add(first).cast());
            _mm512_cvtusepi64_epi32(_mm512_sub_epi64(ends, starts))
        };
        _mm512_inserti64x4::<1>(_mm512_castsi256_si512(half(0)), half(8))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(piece: &[u8]) -> Key {
        key_of(piece, 0, piece.len(), Extent::Pretoken)
    }

    #[test]
    fn keys_tell_pieces_apart() {
        let alphabet = b"\xffbcdefghijklmno";
        for length in 1..=KEY_BYTES {
            let bytes: [u8; 16] = std::array::from_fn(|at| if at < length { alphabet[at] } else { 0 });
            assert_eq!(key(&alphabet[..length]), u128::from_le_bytes(bytes) | (length as u128) << 120);
        }
        let pieces: [&[u8]; 6] = [b"a", b"a\0", b"\0a", b"a\0\0", b"fifteen bytes..", b"fifteen bytes."];
        for (at, piece) in pieces.iter().enumerate() {
            let longer = [piece, &b"and sixteen more"[..]].concat();
            assert_eq!(key_of(&longer, 0, piece.len(), Extent::Pretoken), key(piece));
            assert_eq!(key_of(&[b"x", *piece].concat(), 1, piece.len(), Extent::Pretoken), key(piece));
            assert_ne!(key_of(piece, 0, piece.len(), Extent::Piece), key(piece));
            assert!(pieces[..at].iter().all(|other| key(other) != key(piece)));
        }
        assert!(has_bytes(key(b"\x01")) && !has_bytes(NO_KEY));
    }

    #[test]
    fn keys_and_places_are_the_same_at_every_level() {
        let text: Vec<u8> = (0..4000_u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        let mut pieces = Ends::new();
        for number in 0..40 {
            pieces.restart(number);
            while !pieces.is_full() && pieces.end() + 20 < text.len() - number {
                pieces.push(pieces.end() + 1 + usize::from(text[pieces.end()] % 18));
            }
            for extent in [Extent::Pretoken, Extent::Piece] {
                let at = |level| {
                    let mut keys = Keys::default();
                    keys.make(level, &text, &pieces, extent, 10);
                    let (list, places) = keys.first(pieces.ends().len());
                    let is_long = |&number: &usize| !has_bytes(list[number]);
                    let long: Vec<_> = (0..list.len()).filter(is_long).map(|number| number as u32).collect();
                    assert_eq!(keys.long(), long);
                    (list.to_vec(), places.to_vec())
                };
                let expected = at(Level::Portable);
                assert!(expected.0.contains(&NO_KEY));
                Level::available().for_each(|level| assert_eq!(at(level), expected, "{level:?}"));
            }
        }
    }
}
