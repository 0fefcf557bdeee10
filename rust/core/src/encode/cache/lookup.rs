//! Looks up many keys in the cache, whose slots are prefetched ahead of their use.

use std::ops::Range;

use super::View;
use crate::keys::{AHEAD, Extent, Key, Keys, has_bytes};
use crate::processor::Level;
use crate::split::Ends;

impl Keys {
    /// Replaces the keys by those of `pieces` of `text`, and prefetches the first [`AHEAD`] places.
    #[inline]
    pub(crate) fn find(&mut self, level: Level, text: &[u8], pieces: &Ends, extent: Extent, cache: View<'_>) {
        self.make(level, text, pieces, extent, cache.bits());
        cache.fetch(&self.places[..AHEAD.min(pieces.ends().len())]);
    }

    /// The keys and places of `numbers`; with each, the place [`AHEAD`] keys later is prefetched. The first [`AHEAD`]
    /// should have been before.
    #[inline(always)]
    pub(crate) fn fetching<'k>(
        &'k self,
        numbers: Range<usize>,
        cache: View<'k>,
    ) -> impl Iterator<Item = (Key, u32)> + 'k {
        let asked = self.list[numbers.clone()].iter().zip(&self.places[numbers.clone()]);
        asked.zip(&self.places[numbers.start + AHEAD..]).map(move |((&key, &place), &later)| {
            cache.prefetch(later);
            (key, place)
        })
    }

    /// Finds the places of the same keys anew if the cache has grown since.
    pub(crate) fn follow(&mut self, cache: View<'_>) {
        if cache.bits() == self.bits {
            return;
        }
        self.bits = cache.bits();
        for (&key, place) in self.list.iter().zip(&mut self.places) {
            *place = cache.place_of(key);
        }
    }

    /// Calls `visit` with the number, key and place of each that has a key which the cache has not.
    pub(crate) fn for_each_missed(
        &self,
        level: Level,
        numbers: Range<usize>,
        cache: View<'_>,
        mut visit: impl FnMut(usize, Key, u32),
    ) {
        let mut look_near = |number: usize| {
            let (key, place) = self.at(number);
            if has_bytes(key) && cache.find_near(key, place).is_none() {
                visit(number, key, place);
            }
        };
        match level {
            #[cfg(target_arch = "x86_64")]
            Level::Avx512(avx512) => x86::for_each_not_at_place(avx512, self, numbers, cache, look_near),
            _ => numbers.clone().zip(self.fetching(numbers, cache)).for_each(|(number, _)| look_near(number)),
        }
    }

    /// The keys of `numbers`, four at a time, and up to `behind` keys after them, at most sixteen, whose values mean
    /// nothing.
    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    pub(crate) fn fours(&self, numbers: Range<usize>, behind: usize) -> Fours<'_> {
        let count = numbers.len() + behind;
        let places = |from: usize| &self.places[from..][..count];
        Fours {
            keys: &self.list[numbers.start..][..count],
            places: places(numbers.start),
            later: places(numbers.start + AHEAD),
        }
    }
}

/// Some of the [`Keys`]. The slices are equally long, so that one comparison does for three.
#[cfg(target_arch = "x86_64")]
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fours<'k> {
    keys: &'k [Key],
    places: &'k [u32],
    /// The places [`AHEAD`] keys later.
    later: &'k [u32],
}

#[cfg(target_arch = "x86_64")]
impl<'k> Fours<'k> {
    /// Four keys from number `from` on, and their places; later places are prefetched, as by [`Keys::fetching`]. `None`
    /// where there are fewer.
    #[inline(always)]
    pub(crate) fn fetching(self, from: usize, cache: View<'_>) -> Option<(&'k [Key; 4], &'k [u32; 4])> {
        cache.fetch(self.later.get(from..)?.first_chunk::<4>()?);
        Some((self.keys[from..].first_chunk()?, self.places[from..].first_chunk()?))
    }
}

#[cfg(target_arch = "x86_64")]
#[expect(unsafe_code, reason = "functions for particular processors")]
mod x86 {
    use std::arch::x86_64::_bzhi_u32;
    use std::ops::Range;

    use super::{Keys, View};
    use crate::encode::cache::probe::{GROUP, find};
    use crate::processor::Avx512;

    /// Calls `visit` with each of `numbers` whose key is not in the cache at its place.
    #[inline]
    pub(super) fn for_each_not_at_place(
        _: Avx512,
        keys: &Keys,
        numbers: Range<usize>,
        cache: View<'_>,
        visit: impl FnMut(usize),
    ) {
        // SAFETY: the first argument is the proof that the processor has these extensions.
        unsafe { look_up_groups(keys, numbers, cache, visit) }
    }

    #[target_feature(enable = "avx512f,avx512dq,avx512vl,bmi1,bmi2")]
    fn look_up_groups(keys: &Keys, numbers: Range<usize>, cache: View<'_>, mut visit: impl FnMut(usize)) {
        let (fours, mut first) = (keys.fours(numbers.clone(), GROUP - 1), 0);
        while let Some((keys, places)) = fours.fetching(first, cache) {
            let mut missing = !find(keys, cache.buckets(places)).keys() & 0xF;
            missing = _bzhi_u32(missing, (numbers.len() - first).min(GROUP) as u32);
            while missing != 0 {
                visit(numbers.start + first + missing.trailing_zeros() as usize);
                missing &= missing - 1;
            }
            first += GROUP;
        }
    }
}
