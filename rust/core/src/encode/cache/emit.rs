//! Copies the ids of the pretokens that the cache knows to where they stay.
//!
//! This is all that happens to nearly every pretoken of a text, so its time is that of a text seen before. A slot's
//! four lanes are always written whole, and the next ids begin where the used ones end.
//!
//! With AVX-512 four pretokens are handled at once, with half the instructions: a vector of four keys is compared with
//! the keys in both slots of their buckets, the lanes are chosen by what was equal, and those used, moved together, are
//! written at once. Where ids of some of the four stand in the arena, but are not many, the ids of each are written by
//! themselves, still without a branch for each (Chinese with gpt2 is a sixth faster so). Otherwise the four are written
//! up to the first pretoken that has no lanes, and the next four begin after that one and its own ids. With AVX2 four
//! pretokens are handled at once where the cache has the lanes of all.

use std::ops::Range;

use super::probe::GROUP;
use crate::encode::cache::{LANES, View};
use crate::encode::ids::Ids;
use crate::keys::Keys;
use crate::processor::Level;

/// Writes the ids of the pretokens `numbers` to the room after `ids`, up to the first pretoken that is not known, or
/// does not fit. `cache` has most of them. For any other, `elsewhere` is given its number, how many ids were written,
/// and the room after those; it writes the ids and returns how many, if it can.
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

/// Like [`write_known`], to `room`, one pretoken at a time.
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
    use crate::encode::cache::arena::{self, AT_ONCE};
    use crate::encode::cache::probe::find;
    use crate::encode::cache::{Bucket, Lanes};
    use crate::keys::Key;
    use crate::processor::{Avx2, Avx512};

    /// A bit for each lane of four slots.
    type LaneBits = __mmask16;

    /// A bit for each first, and for each last lane of four slots.
    const FIRST_LANES: LaneBits = 0x1111;
    const LAST_LANES: LaneBits = FIRST_LANES << (LANES - 1);

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

    /// Like [`write`](super::write), four at a time.
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
                // The usual case, in which only the place of the next ids has to wait for what was found.
                known.ids += write_used(lanes, used_lanes(lanes), group_room);
                known.pretokens += GROUP;
                continue;
            }
            // With one condition for both, Chinese with gpt2 takes a tenth longer.
            if found.is_all()
                && known.pretokens + GROUP <= count
                && let Some(group_room) = room[known.ids..].first_chunk_mut()
                && let Some(ids) = write_excerpts(lanes, cache.arena, group_room)
            {
                known.ids += ids;
                known.pretokens += GROUP;
                continue;
            }
            let Some(group_room) = room[known.ids..].first_chunk_mut() else { break };
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

    /// Like [`write`](super::write), four at a time where the cache has them all.
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

    /// Writes the ids of four keys if all of them are in the lanes of their buckets, and returns their number.
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
        // Only the mark of ids in the arena has a higher bit than the number of lanes.
        if _mm_testz_si128(differ, differ) == 0 || marks > 2 * LANES - 1 {
            return None;
        }
        let ids_only = _mm_set_epi32((1 << Lanes::COUNT_SHIFT) - 1, -1, -1, -1);
        let mut count = 0;
        for lanes in all_lanes {
            // `count` is at most three times four here; the mask tells the compiler so.
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

    /// The last lanes that say that the ids stand in the arena.
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

    /// Writes the ids of four pretokens, some of which stand in the arena, and arbitrary words after them; returns how
    /// many ids there are. `None` where one has more than [`AT_ONCE`] ids, or has them too near the arena's end for as
    /// many to be loaded, or no longer there.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,bmi1,bmi2,popcnt")]
    fn write_excerpts(
        lanes: __m512i,
        arena: arena::View<'_>,
        room: &mut [u32; GROUP * AT_ONCE],
    ) -> Option<usize> {
        let last_start = arena.words.len().checked_sub(AT_ONCE)?;
        let is_excerpt = (elsewhere_marks(lanes) >> (LANES - 1)) * ((1 << LANES) - 1);
        // The lanes of an excerpt are its start, its count, and its filling, which must be this one.
        let from_filling = _mm512_sub_epi32(lanes, each(0, 0, arena.filling, 0));
        let is_here =
            _mm512_cmple_epu32_mask(from_filling, each(last_start as u32, AT_ONCE as u32, 0, u32::MAX));
        if is_excerpt & !is_here != 0 {
            return None;
        }
        let counts = _mm512_srli_epi32::<{ Lanes::COUNT_SHIFT }>(lanes);
        let counts = _mm512_shuffle_epi32::<0b11_11_11_11>(counts);
        let counts = first_of_each(_mm512_mask_shuffle_epi32::<0b01_01_01_01>(counts, is_excerpt, lanes));
        let starts = first_of_each(_mm512_maskz_mov_epi32(is_excerpt, lanes));
        let mut ids = ids_in(lanes);
        let mut written = 0;
        for pretoken in 0..GROUP {
            let from_arena = if is_excerpt >> (LANES * pretoken) & 1 == 0 { 0 } else { LaneBits::MAX };
            let start = arena.words.as_ptr().wrapping_add(starts[pretoken] as usize);
            // SAFETY: words are loaded only for an excerpt, and the arena has `AT_ONCE` words from its start on, as was
            // just checked.
            let all = unsafe { _mm512_mask_loadu_epi32(ids, from_arena, start.cast()) };
            // SAFETY: no pretoken before this one has more than `AT_ONCE` ids, and `room` is for that many of each of
            // the four.
            unsafe { _mm512_storeu_si512(room.as_mut_ptr().add(written).cast(), all) };
            written += counts[pretoken] as usize;
            ids = _mm512_alignr_epi32::<{ LANES as i32 }>(ids, ids);
        }
        Some(written)
    }

    /// Four numbers, repeated for each of four pretokens.
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn each(first: u32, second: u32, third: u32, fourth: u32) -> __m512i {
        let [first, second, third, fourth] = [first, second, third, fourth].map(u32::cast_signed);
        _mm512_broadcast_i32x4(_mm_set_epi32(fourth, third, second, first))
    }

    /// The first lanes of four pretokens.
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn first_of_each(lanes: __m512i) -> [u32; GROUP] {
        let first = _mm512_castsi512_si128(_mm512_maskz_compress_epi32(FIRST_LANES, lanes));
        bytemuck::must_cast([_mm_cvtsi128_si64(first), _mm_extract_epi64::<1>(first)])
    }

    /// The lanes without the number of those used.
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn ids_in(lanes: __m512i) -> __m512i {
        _mm512_and_si512(lanes, _mm512_set1_epi32((1 << Lanes::COUNT_SHIFT) - 1))
    }

    /// Writes the used lanes one after another, and zeros after them; returns how many are used.
    #[inline]
    #[target_feature(enable = "avx512f,popcnt")]
    fn write_used(lanes: __m512i, used: LaneBits, room: &mut [u32; GROUP * LANES]) -> usize {
        let ids = _mm512_maskz_compress_epi32(used, ids_in(lanes));
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

    /// What the cache of a test has of a piece.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    enum Has {
        Nothing,
        Lanes,
        /// Ids in the arena.
        Excerpt,
    }

    fn has(piece: usize) -> Has {
        match piece {
            _ if piece % 13 == 7 || piece % 41 == 40 => Has::Nothing,
            _ if piece % 7 == 3 || piece / 20 % 5 == 1 => Has::Excerpt,
            _ => Has::Lanes,
        }
    }

    /// The ids that are made up for a piece.
    fn made_up(piece: usize) -> Vec<u32> {
        let count = match has(piece) {
            Has::Nothing => 6,
            Has::Lanes => piece % (LANES + 1),
            Has::Excerpt => LANES + 1 + piece % 14,
        };
        let first = piece as u32 * 20;
        (0..count as u32).map(|at| if at == 3 { 0x00FF_FFFF - first } else { first + at }).collect()
    }

    /// Pieces of a text of which the cache knows most, some with no ids, some with more than a slot holds; some are too long
    /// for a key.
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
        // An excerpt that is forgotten before the others come.
        let old = cache.arena.keep(&made_up(OLD));
        cache.arena.forget();
        for (piece, &key) in keys.first(600).0.iter().enumerate() {
            let ids = made_up(piece);
            let lanes = match has(piece) {
                Has::Nothing => continue,
                Has::Lanes => {
                    Lanes::of(std::array::from_fn(|at| ids.get(at).copied().unwrap_or_default()), ids.len())
                }
                Has::Excerpt if piece == OLD => Lanes::elsewhere(old),
                Has::Excerpt => Lanes::elsewhere(cache.arena.keep(&ids)),
            };
            cache.insert(key, lanes);
        }
        (text, pieces, cache)
    }

    /// A piece whose ids are no longer in the arena.
    const OLD: usize = 129;

    /// What a level writes of these pieces, in as many turns as needed, how many they are, and which others it asked
    /// for; those may be known or not.
    fn written(
        level: Level,
        cache: &Cache,
        keys: &Keys,
        numbers: Range<usize>,
        knows_others: bool,
    ) -> (Vec<u32>, usize, Vec<(usize, usize)>) {
        let mut ids = Ids::keep(0, usize::MAX);
        let mut asked = Vec::new();
        let mut done = numbers.start;
        let mut elsewhere = |number, total, room: &mut [u32]| {
            let (key, place) = keys.at(number);
            match cache.view().find_near(key, place) {
                // There was no room.
                Some(lanes) if lanes.len() <= LANES => return None,
                Some(lanes) if number != OLD => return cache.arena.view().copy(lanes.excerpt(), room),
                _ => {}
            }
            asked.push((number, total));
            let ids = made_up(number);
            room.get_mut(..ids.len()).filter(|_| knows_others)?.copy_from_slice(&ids);
            Some(ids.len())
        };
        loop {
            let len = ids.len();
            let elsewhere = |number, before, room: &mut [u32]| elsewhere(number, len + before, room);
            let known = write_known(level, cache.view(), keys, done..numbers.end, &mut ids, elsewhere);
            ids.add(known.ids);
            done += known.pretokens;
            if done == numbers.end || known.pretokens == 0 {
                asked.dedup();
                return (ids.kept().to_vec(), done - numbers.start, asked);
            }
        }
    }

    #[test]
    fn every_level_writes_the_ids_of_the_slots_and_of_the_arena_in_order() {
        let (text, pieces, cache) = text_and_cache();
        assert!(has(OLD) == Has::Excerpt && (0..600).any(|piece| made_up(piece).len() > 16));
        let mut keys = Keys::default();
        keys.find(Level::Portable, &text, &pieces, Extent::Pretoken, cache.view());
        for numbers in (0..20).flat_map(|start| {
            [start..start, start..start + 5, start + 120..start + 140, start..300 + start, start..600]
        }) {
            for knows_others in [false, true] {
                let portable = written(Level::Portable, &cache, &keys, numbers.clone(), knows_others);
                let (ids, pretokens, asked) = &portable;
                let done = numbers.start..numbers.start + pretokens;
                assert_eq!(*ids, done.clone().flat_map(made_up).collect::<Vec<_>>());
                let is_asked = |&(number, _): &(usize, usize)| has(number) == Has::Nothing || number == OLD;
                assert!(asked.iter().all(is_asked), "{asked:?}");
                assert!(!knows_others || done == numbers);
                for level in Level::available() {
                    let other = written(level, &cache, &keys, numbers.clone(), knows_others);
                    assert_eq!(other, portable, "{level:?}, {numbers:?}");
                }
            }
        }
    }
}
