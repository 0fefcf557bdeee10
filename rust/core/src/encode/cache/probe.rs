//! Four look-ups in the cache at once, with AVX-512.

/// How many keys are looked up at once.
pub(crate) const GROUP: usize = 4;

#[cfg(target_arch = "x86_64")]
pub(crate) use x86::find;

#[cfg(target_arch = "x86_64")]
#[expect(unsafe_code, reason = "vector loads go through pointers")]
mod x86 {
    #[allow(clippy::wildcard_imports, reason = "the names say where they are from")]
    use std::arch::x86_64::*;

    use super::GROUP;
    use crate::encode::cache::Bucket;
    use crate::keys::Key;

    /// What the cache has of four keys.
    #[derive(Debug, Clone, Copy)]
    pub(crate) struct Found {
        /// Two bits for each key that it has.
        halves: Halves,
        /// The four lanes of each; those of another key where it has none.
        pub(crate) lanes: __m512i,
    }

    impl Found {
        /// Whether it has all of them.
        #[inline(always)]
        pub(crate) fn is_all(self) -> bool {
            self.halves == Halves::MAX
        }

        /// A bit for each key that it has.
        #[inline]
        #[target_feature(enable = "bmi2")]
        pub(crate) fn keys(self) -> u32 {
            _pext_u32(self.halves.into(), FIRST_HALVES)
        }
    }

    /// A bit for each half of four keys.
    type Halves = __mmask8;

    /// The first half of each key.
    const FIRST_HALVES: u32 = 0x55;

    /// Looks keys up in the slots of their buckets, without branches, which could not be predicted.
    #[inline]
    #[target_feature(enable = "avx512f,avx512dq,avx512vl")]
    pub(crate) fn find(keys: &[Key; GROUP], buckets: [&Bucket; GROUP]) -> Found {
        // SAFETY: the reference guarantees 64 readable bytes, and the load needs no alignment.
        let keys = unsafe { _mm512_loadu_si512(keys.as_ptr().cast()) };
        let slot = |number: usize| {
            let slots = buckets.map(|bucket| &bucket[number]);
            let equal = are_equal(keys, four(slots.map(|slot| bytemuck::must_cast_ref(&slot.key))));
            (equal, four(slots.map(|slot| bytemuck::must_cast_ref(&slot.lanes))))
        };
        let (first, second) = (slot(0), slot(1));
        Found { halves: first.0 | second.0, lanes: _mm512_mask_blend_epi64(second.0, first.1, second.1) }
    }

    /// Both halves of each of four keys that are equal.
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn are_equal(some: __m512i, others: __m512i) -> Halves {
        let differ = _mm512_xor_si512(some, others);
        let halves_differ = _mm512_or_si512(differ, _mm512_shuffle_epi32::<0b01_00_11_10>(differ));
        _mm512_testn_epi64_mask(halves_differ, halves_differ)
    }

    /// Four times 128 bits from different places.
    #[inline]
    #[target_feature(enable = "avx512f,avx512vl")]
    fn four(parts: [&[u32; 4]; GROUP]) -> __m512i {
        // SAFETY: each reference guarantees sixteen readable bytes, and the loads need no alignment.
        let [a, b, c, d] = parts.map(|part| unsafe { _mm_loadu_si128(part.as_ptr().cast()) });
        let low = _mm256_inserti128_si256::<1>(_mm256_castsi128_si256(a), b);
        let high = _mm256_inserti128_si256::<1>(_mm256_castsi128_si256(c), d);
        _mm512_inserti64x4::<1>(_mm512_castsi256_si512(low), high)
    }
}
