//! Ids from one integer type to another, as vector code.
//!
//! One plain loop, compiled for each processor level that gains by it; the compiler vectorises it, and where the type
//! written holds every value of the type read, the range check vanishes. (AVX-512 was not faster than AVX2, nor was one
//! loop that writes inputs and targets from the same vectors: memory is the limit.)

use crate::processor::Level;

/// An integer type in which token ids are read or written.
pub trait Token: Copy + Send + Sync + Into<i64> + 'static {
    /// The type's name in numpy.
    const NAME: &'static str;

    /// The low bits of `id`; equal to `id` if the type holds it.
    fn truncate(id: i64) -> Self;

    /// Whether the type holds `id`.
    fn holds(id: i64) -> bool {
        Self::truncate(id).into() == id
    }
}

macro_rules! token_types {
    ($($type:ident $name:literal),*) => {$(
        impl Token for $type {
            const NAME: &'static str = $name;

            #[expect(clippy::allow_attributes, reason = "not every type of the list needs every one")]
            #[allow(clippy::cast_sign_loss, clippy::unnecessary_cast, reason = "checked by whoever truncates")]
            #[inline(always)]
            fn truncate(id: i64) -> Self {
                id as $type
            }
        }
    )*};
}

token_types!(u16 "uint16", u32 "uint32", i32 "int32", i64 "int64");

/// Writes `from` to `to`, which has the same length; returns whether all ids fitted.
#[cfg_attr(not(target_arch = "x86_64"), expect(unused_variables, reason = "there is one way only"))]
pub(super) fn convert<S: Token, T: Token>(level: Level, from: &[S], to: &mut [T]) -> bool {
    #[cfg(target_arch = "x86_64")]
    if let Some(avx2) = level.avx2() {
        return x86::convert(avx2, from, to);
    }
    convert_here(from, to)
}

#[inline(always)]
fn convert_here<S: Token, T: Token>(from: &[S], to: &mut [T]) -> bool {
    let mut fits = true;
    for (to, &from) in to.iter_mut().zip(from) {
        let id: i64 = from.into();
        *to = T::truncate(id);
        fits &= (*to).into() == id;
    }
    fits
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    #![expect(unsafe_code, reason = "a function for particular processors")]

    use super::{Token, convert_here};
    use crate::processor::Avx2;

    pub(super) fn convert<S: Token, T: Token>(_: Avx2, from: &[S], to: &mut [T]) -> bool {
        #[target_feature(enable = "avx2")]
        fn avx2<S: Token, T: Token>(from: &[S], to: &mut [T]) -> bool {
            convert_here(from, to)
        }
        // SAFETY: the first argument is the proof that the processor has AVX2.
        unsafe { avx2(from, to) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Each id by the standard library's checked conversion.
    fn check<S: Token + TryFrom<i64>, T: Token + TryFrom<i64> + PartialEq + std::fmt::Debug>(ids: &[i64]) {
        let stored: Vec<S> = ids.iter().filter_map(|&id| S::try_from(id).ok()).collect();
        let expected: Vec<Option<T>> = stored.iter().map(|&id| T::try_from(id.into()).ok()).collect();
        for level in Level::available() {
            let mut written = vec![T::truncate(-1); stored.len()];
            let fitted = convert(level, &stored, &mut written);
            assert_eq!(fitted, expected.iter().all(Option::is_some), "{level:?}");
            for (&expected, written) in expected.iter().zip(written) {
                assert!(expected.is_none_or(|expected| expected == written), "{level:?}: {written:?}");
            }
        }
    }

    proptest! {
        #[test]
        fn every_pair_of_types_and_every_level_converts_as_the_standard_library_does(
            small in prop::collection::vec(0i64..32_768, 0..150),
            other in prop::collection::vec((0u32..64, any::<i64>()), 0..3),
        ) {
            // Few ids that do not fit: where there are many, no one notices one that is missed.
            let mut ids = small;
            for (shift, id) in other {
                ids.insert(id.unsigned_abs() as usize % (ids.len() + 1), id >> shift);
            }
            check::<u16, i64>(&ids);
            check::<u16, i32>(&ids);
            check::<u16, u16>(&ids);
            check::<u32, u16>(&ids);
            check::<u32, i32>(&ids);
            check::<u32, i64>(&ids);
            check::<i32, u16>(&ids);
            check::<i32, u32>(&ids);
            check::<i64, u16>(&ids);
            check::<i64, u32>(&ids);
            check::<i64, i32>(&ids);
            check::<i64, i64>(&ids);
        }
    }
}
