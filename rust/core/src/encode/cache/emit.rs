//! Ids of the pretokens that the cache knows, copied to where they stay.
//!
//! This is all that happens to nearly every pretoken of a text, so its time is that of a text seen before. A slot's four
//! lanes are written whatever there is in them, and the next ids begin where the used ones end.
//!
//! With AVX-512 four pretokens are handled at once, with half the instructions: a vector of four keys is compared with
//! the keys in both slots of their buckets, the lanes are chosen by what was equal, and those used, moved together,
//! are written at once. Whatever is behind the first pretoken of the four that has no lanes is left out of that, and the
//! next four begin behind it, after its own ids, which stand elsewhere. With AVX2 four pretokens are handled at once where
//! the cache has them all, without a branch for each.

use std::ops::Range;

use super::probe::GROUP;
use crate::encode::cache::{LANES, View};
use crate::encode::ids::Ids;
use crate::keys::Keys;
use crate::processor::Level;

/// Writes the ids of pretokens of these numbers to the room there is among `ids`, up to the first that is not known, or
/// that does not fit. `cache` has those with few ids. `elsewhere` is given the number of another one, how many ids were
/// written, and the room behind; it writes ids and tells how many, if it can.
#[inline(always)]
pub(crate) fn write_known(
    level: Level,
    cache: View<'_>,
    keys: &Keys,
    numbers: Range<usize>,
    ids: &mut Ids,
    elsewhere: impl FnMut(usize, usize, &mut [u32]) -> Option<usize>,
) -> Known {
    let room = ids.room((numbers.len() + GROUP) * LANES);
    match level {
        #[cfg(target_arch = "x86_64")]
        Level::Avx512(avx512) => x86::write_avx512(avx512, cache, keys, numbers, room, elsewhere),
        #[cfg(target_arch = "x86_64")]
        Level::Avx2(avx2) => x86::write_avx2(avx2, cache, keys, numbers, room, elsewhere),
        _ => write(cache, keys, numbers, room, elsewhere),
    }
}

/// How many pretokens were known, and how many ids were written for them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Known {
    pub(crate) pretokens: usize,
    pub(crate) ids: usize,
}

/// Writes the ids to `room`.
#[inline(always)]
fn write(
    cache: View<'_>,
    keys: &Keys,
    numbers: Range<usize>,
    room: &mut [u32],
    mut elsewhere: impl FnMut(usize, usize, &mut [u32]) -> Option<usize>,
) -> Known {
    let mut known = Known { pretokens: 0, ids: 0 };
    let start = numbers.start;
    for (key, place) in keys.fetching(numbers, cache) {
        let room = &mut room[known.ids..];
        known.ids += match (cache.find(key, place), room.first_chunk_mut()) {
            (Some(lanes), Some(room)) if lanes.len() <= LANES => {
                *room = lanes.ids();
                lanes.len()
            }
            _ => match elsewhere(start + known.pretokens, known.ids, room) {
                Some(count) => count,
                None => break,
            },
        };
        known.pretokens += 1;
    }
    known
}

#[cfg(target_arch = "x86_64")]
#[expect(
    unsafe_code,
    reason = "vector loads and stores go through pointers; functions for particular processors"
)]
mod x86 {
    #[allow(clippy::wildcard_imports, reason = "the names say where they are from")]
    use std::arch::x86_64::*;

    use super::{GROUP, Keys, Known, LANES, Range, View};
    use crate::encode::cache::probe::find;
    use crate::encode::cache::{Bucket, Lanes};
    use crate::keys::Key;
    use crate::processor::{Avx2, Avx512};

    /// A bit for each lane of four slots.
    type LaneBits = __mmask16;

    /// A bit for each last lane of four slots.
    const LAST_LANES: LaneBits = 0x8888;

    #[inline]
    pub(super) fn write_avx512(
        _: Avx512,
        cache: View<'_>,
        keys: &Keys,
        numbers: Range<usize>,
        room: &mut [u32],
        elsewhere: impl FnMut(usize, usize, &mut [u32]) -> Option<usize>,
    ) -> Known {
        // SAFETY: the first argument is the proof that the processor has these extensions.
        unsafe { write_groups(cache, keys, numbers, room, elsewhere) }
    }

    /// The same as [`write`](super::write), four at a time.
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,bmi1,bmi2,popcnt")]
    fn write_groups(
        cache: View<'_>,
        keys: &Keys,
        numbers: Range<usize>,
        room: &mut [u32],
        mut elsewhere: impl FnMut(usize, usize, &mut [u32]) -> Option<usize>,
    ) -> Known {
        let mut known = Known { pretokens: 0, ids: 0 };
        let (fours, count) = (keys.fours(numbers.clone(), GROUP - 1), numbers.len());
        while let Some((group, places)) = fours.fetching(known.pretokens, cache) {
            let Some(group_room) = room[known.ids..].first_chunk_mut() else { break };
            let found = find(group, cache.buckets(places));
            let lanes = found.lanes;
            if found.is_all() && elsewhere_marks(lanes) == 0 && known.pretokens + GROUP <= count {
                // The usual case, in which nothing waits for what was found, but for where to write the next ids.
                known.ids += write_used(lanes, used_lanes(lanes), group_room);
                known.pretokens += GROUP;
                continue;
            }
            let here = found.keys() & !_pext_u32(elsewhere_marks(lanes).into(), LAST_LANES.into());
            let wanted = (here.trailing_ones() as usize).min(count - known.pretokens);
            let used = used_lanes(lanes) & _bzhi_u32(0xFFFF, (wanted * LANES) as u32) as LaneBits;
            known.ids += write_used(lanes, used, group_room);
            known.pretokens += wanted;
            if known.pretokens < count {
                let (number, room) = (numbers.start + known.pretokens, &mut room[known.ids..]);
                let Some(count) = elsewhere(number, known.ids, room) else { break };
                known.ids += count;
                known.pretokens += 1;
            }
        }
        known
    }

    #[inline]
    pub(super) fn write_avx2(
        _: Avx2,
        cache: View<'_>,
        keys: &Keys,
        numbers: Range<usize>,
        room: &mut [u32],
        elsewhere: impl FnMut(usize, usize, &mut [u32]) -> Option<usize>,
    ) -> Known {
        // SAFETY: the first argument is the proof that the processor has these extensions.
        unsafe { write_fours(cache, keys, numbers, room, elsewhere) }
    }

    /// The same as [`write`](super::write), four at a time where the cache has them all.
    #[target_feature(enable = "avx2,bmi1,bmi2")]
    fn write_fours(
        cache: View<'_>,
        keys: &Keys,
        numbers: Range<usize>,
        room: &mut [u32],
        mut elsewhere: impl FnMut(usize, usize, &mut [u32]) -> Option<usize>,
    ) -> Known {
        let mut known = Known { pretokens: 0, ids: 0 };
        let fours = keys.fours(numbers.clone(), 0);
        while known.pretokens < numbers.len() {
            let number = numbers.start + known.pretokens;
            let room = &mut room[known.ids..];
            if let Some(room) = room.first_chunk_mut()
                && let Some((group, places)) = fours.fetching(known.pretokens, cache)
                && let Some(ids) = write_four(group, cache.buckets(places), room)
            {
                known.ids += ids;
                known.pretokens += GROUP;
                continue;
            }
            let few = number..numbers.end.min(number + GROUP);
            let before = known.ids;
            let written = super::write(cache, keys, few.clone(), room, |number, ids, room| {
                elsewhere(number, before + ids, room)
            });
            known.ids += written.ids;
            known.pretokens += written.pretokens;
            if written.pretokens < few.len() {
                break;
            }
        }
        known
    }

    /// Writes the ids of four keys if all of them are in the lanes of their buckets, and tells how many there are.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn write_four(
        keys: &[Key; GROUP],
        buckets: [&Bucket; GROUP],
        room: &mut [u32; 2 * GROUP * LANES],
    ) -> Option<usize> {
        let mut differ = _mm_setzero_si128();
        let mut marks = 0;
        let all_lanes: [&Lanes; GROUP] = std::array::from_fn(|at| {
            let key = load(bytemuck::must_cast_ref(&keys[at]));
            let difference =
                |slot: usize| _mm_xor_si128(key, load(bytemuck::must_cast_ref(&buckets[at][slot].key)));
            let from_second = difference(1);
            let slot = _mm_testz_si128(from_second, from_second) as usize & 1;
            differ = _mm_or_si128(differ, difference(slot));
            let lanes = &buckets[at][slot].lanes;
            marks |= lanes.len();
            lanes
        });
        // Ids that stand elsewhere are the only ones whose number has a higher bit than the number of lanes.
        if _mm_testz_si128(differ, differ) == 0 || marks > 2 * LANES - 1 {
            return None;
        }
        let ids_only = _mm_set_epi32((1 << Lanes::COUNT_SHIFT) - 1, -1, -1, -1);
        let mut count = 0;
        for lanes in all_lanes {
            // Which is at most three times four: so the compiler knows it, too.
            let start = count & (GROUP * LANES - 1);
            let room: &mut [u32; LANES] = room[start..].first_chunk_mut().expect("room for four more");
            let ids = _mm_and_si128(load(bytemuck::must_cast_ref(lanes)), ids_only);
            // SAFETY: the reference guarantees sixteen writable bytes, and the store needs no alignment.
            unsafe { _mm_storeu_si128(room.as_mut_ptr().cast(), ids) };
            count += lanes.len();
        }
        Some(count)
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn load(bytes: &[u32; 4]) -> __m128i {
        // SAFETY: the reference guarantees sixteen readable bytes, and the load needs no alignment.
        unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) }
    }

    /// Which last lanes tell that the ids stand elsewhere.
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn elsewhere_marks(lanes: __m512i) -> LaneBits {
        let most = _mm512_set1_epi32(((LANES as i32 + 1) << Lanes::COUNT_SHIFT) - 1);
        _mm512_mask_cmpgt_epu32_mask(LAST_LANES, lanes, most)
    }

    /// The lanes that are ids.
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn used_lanes(lanes: __m512i) -> LaneBits {
        let counts =
            _mm512_shuffle_epi32::<0b11_11_11_11>(_mm512_srli_epi32::<{ Lanes::COUNT_SHIFT }>(lanes));
        let numbers = _mm512_broadcast_i32x4(_mm_set_epi32(3, 2, 1, 0));
        _mm512_cmpgt_epi32_mask(counts, numbers)
    }

    /// Writes the lanes used one after another, and whatever behind them; tells how many are used.
    #[inline]
    #[target_feature(enable = "avx512f,popcnt")]
    fn write_used(lanes: __m512i, used: LaneBits, room: &mut [u32; GROUP * LANES]) -> usize {
        let ids = _mm512_and_si512(lanes, _mm512_set1_epi32((1 << Lanes::COUNT_SHIFT) - 1));
        let ids = _mm512_maskz_compress_epi32(used, ids);
        // SAFETY: the reference guarantees 64 writable bytes, and the store needs no alignment.
        unsafe { _mm512_storeu_si512(room.as_mut_ptr().cast(), ids) };
        used.count_ones() as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encode::cache::{Cache, Lanes};
    use crate::keys::Extent;
    use crate::split::Ends;

    /// The ids from `number` on that are made up for a piece, and how many they are.
    const fn made_up(piece: usize) -> ([u32; LANES], usize) {
        let first = piece as u32 * 10;
        ([first, first + 1, first + 2, 0x00FF_FFFF - first], piece % (LANES + 1))
    }

    /// Pieces of a text of which the cache knows most, some with no ids; some are too long for a key.
    fn text_and_cache() -> (Vec<u8>, Ends, Cache) {
        let (mut text, mut pieces, mut cache) = (Vec::new(), Ends::new(), Cache::new());
        for piece in 0..600 {
            let bytes = format!("{}{piece}", "x".repeat(if piece % 41 == 40 { 20 } else { 0 }));
            text.extend_from_slice(bytes.as_bytes());
            pieces.push(text.len());
        }
        text.extend_from_slice(&[0; 16]);
        let mut keys = Keys::default();
        keys.find(Level::Portable, &text, &pieces, Extent::Pretoken, cache.view());
        for (piece, &key) in keys.first(600).0.iter().enumerate().filter(|&(piece, _)| !is_elsewhere(piece)) {
            let (ids, count) = made_up(piece);
            cache.insert(key, Lanes::of(ids, count));
        }
        (text, pieces, cache)
    }

    #[test]
    fn every_level_writes_the_same() {
        let (text, pieces, cache) = text_and_cache();
        let mut keys = Keys::default();
        keys.find(Level::Portable, &text, &pieces, Extent::Pretoken, cache.view());
        for numbers in
            (0..20).flat_map(|start| [start..start, start..start + 5, start..300 + start, start..600])
        {
            for knows_elsewhere in [false, true] {
                let mut results = Level::available().map(|level| {
                    let mut ids = Ids::keep(0, usize::MAX);
                    let mut asked = Vec::new();
                    let elsewhere = |number, before, room: &mut [u32]| {
                        asked.push((number, before));
                        room[..6].fill(7);
                        knows_elsewhere.then_some(6)
                    };
                    let known = write_known(level, cache.view(), &keys, numbers.clone(), &mut ids, elsewhere);
                    ids.add(known.ids);
                    (known.pretokens, asked, ids.into_array())
                });
                let portable = results.next().expect("there is always one");
                assert!(!knows_elsewhere || portable.0 == numbers.len());
                assert_eq!(portable.1.is_empty(), numbers.len() <= 5 && !numbers.clone().any(is_elsewhere));
                results.for_each(|other| assert_eq!(other, portable, "{numbers:?}"));
            }
        }
    }

    fn is_elsewhere(piece: usize) -> bool {
        piece % 13 == 7 || piece % 41 == 40
    }

    #[test]
    fn ids_are_those_of_the_slots_in_order() {
        let (text, pieces, cache) = text_and_cache();
        let mut keys = Keys::default();
        keys.find(Level::best(), &text, &pieces, Extent::Pretoken, cache.view());
        let mut ids = Ids::keep(0, usize::MAX);
        let none = |_: usize, _: usize, _: &mut [u32]| Some(0);
        let known = write_known(Level::best(), cache.view(), &keys, 0..600, &mut ids, none);
        assert_eq!(known.pretokens, 600);
        ids.add(known.ids);
        let known = (0..600).filter(|&piece| !is_elsewhere(piece)).map(made_up);
        let expected: Vec<u32> = known.flat_map(|(ids, count)| ids.into_iter().take(count)).collect();
        assert_eq!(ids.into_array(), expected);
    }
}
