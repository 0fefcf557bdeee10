//! What the processor can do, so that hot loops can be compiled for it and chosen at run time.

/// Which instructions may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Level {
    Portable,
    #[cfg(target_arch = "x86_64")]
    Avx2(Avx2),
    #[cfg(target_arch = "x86_64")]
    Avx512(Avx512),
    /// What every processor of 64-bit ARM has.
    #[cfg(target_arch = "aarch64")]
    Neon,
}

/// The proof that this processor has AVX2, BMI1, BMI2, LZCNT and POPCNT: only [`Level::available`] makes one.
#[cfg(target_arch = "x86_64")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Avx2(());

/// The proof that it also has what Ice Lake and Zen 4 have: AVX-512 F, BW, DQ, VL, VBMI and VBMI2.
#[cfg(target_arch = "x86_64")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Avx512(Avx2);

impl Level {
    /// The levels that this processor has, the fastest last.
    pub(crate) fn available() -> impl Iterator<Item = Self> {
        #[cfg(target_arch = "x86_64")]
        let levels = {
            use std::is_x86_feature_detected as has;
            // A virtual machine may hide any of them.
            let has_bits = has!("bmi1") && has!("bmi2") && has!("lzcnt") && has!("popcnt");
            let avx2 = (has!("avx2") && has_bits).then_some(Avx2(()));
            let has_avx512 = has!("avx512f") && has!("avx512bw") && has!("avx512dq") && has!("avx512vl");
            let has_vbmi = has!("avx512vbmi") && has!("avx512vbmi2");
            let avx512 = avx2.filter(|_| has_avx512 && has_vbmi).map(Avx512);
            [Some(Level::Portable), avx2.map(Level::Avx2), avx512.map(Level::Avx512)]
        };
        #[cfg(target_arch = "aarch64")]
        let levels = [Some(Level::Portable), Some(Level::Neon)];
        #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
        let levels = [Some(Level::Portable)];
        levels.into_iter().flatten()
    }

    /// The fastest level that this processor has.
    pub(crate) fn best() -> Self {
        Self::available().last().unwrap_or(Level::Portable)
    }

    /// The proof that AVX2 may be used, if this level has it.
    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    pub(crate) fn avx2(self) -> Option<Avx2> {
        match self {
            Self::Portable => None,
            Self::Avx2(avx2) | Self::Avx512(Avx512(avx2)) => Some(avx2),
        }
    }
}
