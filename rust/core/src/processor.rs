//! What the processor can do, so that hot loops can be compiled for it and chosen at run time.

/// Which instructions may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Level {
    Portable,
    /// AVX2, BMI1 and BMI2.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// What Ice Lake and Zen 4 have: AVX-512 F, BW, DQ, VL, VBMI and VBMI2; BMI1 and BMI2.
    #[cfg(target_arch = "x86_64")]
    Avx512,
    /// What every processor of 64-bit ARM has.
    #[cfg(target_arch = "aarch64")]
    Neon,
}

impl Level {
    /// The levels that this processor has, the fastest last.
    pub(crate) fn available() -> impl Iterator<Item = Self> {
        #[cfg(target_arch = "x86_64")]
        let levels = {
            use std::is_x86_feature_detected as has;
            let has_avx2 = has!("avx2") && has!("bmi1") && has!("bmi2");
            let has_avx512 = has!("avx512f") && has!("avx512bw") && has!("avx512dq") && has!("avx512vl");
            let has_vbmi = has!("avx512vbmi") && has!("avx512vbmi2");
            [
                Some(Level::Portable),
                has_avx2.then_some(Level::Avx2),
                (has_avx2 && has_avx512 && has_vbmi).then_some(Level::Avx512),
            ]
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
}
