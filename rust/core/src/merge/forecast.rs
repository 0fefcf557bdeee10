//! A forecast of the count of the last pair to merge: rarer pairs need not be listed.
//!
//! From each power of two of merges to the next, the count of the merging pair falls to a half or a third, and faster
//! the further it goes. So the last fall, repeated up to the last merge, ends too high, but not by much: from a 32nd of
//! 32,512 merges on, at most 2.5 times in books, C, Chinese, and 25 languages. A quarter of that is a floor that holds
//! in ordinary text, and where it does not, the learner finds out: no floor changes what is learned. Tokens that were
//! there before the first merge, except for the bytes, count as merges.

/// A forecast of the last merge's count.
pub(super) struct Forecast {
    /// How many tokens there are before the first merge, without the 256 bytes.
    known: usize,
    /// How many there will be after the last merge; 0 gives no floors, since the number is unknown or they were given
    /// up.
    merges: usize,
    /// The count of the pair that merged when there were half as many merges.
    before: u64,
}

/// How many times rarer the last pair to merge is guessed to be than a token if the bytes were shared out equally among
/// all tokens. With 32,512 merges it is 31 times in 25 languages, 85 in English books, 228 in Chinese.
const RARER: u64 = 256;

/// No forecast is made before one part in this many of all merges is done.
const FIRST_PART: usize = 32;

/// The first forecast is made after this many merges at the earliest: the first falls are too small to go by. (From 128
/// on, the floor was too high for 4,096 merges of C.)
const FIRST_MERGES: usize = if cfg!(test) { 2 } else { 512 };

/// How many times lower than forecast the floor is.
const CAUTION: f64 = 4.0;

impl Forecast {
    /// A forecast for `merges` merges (`None`: as many as there can be) on top of `tokens` tokens.
    pub(super) fn new(tokens: usize, merges: Option<usize>) -> Self {
        let known = tokens.saturating_sub(256);
        Self { known, merges: merges.map_or(0, |merges| known.saturating_add(merges)), before: 0 }
    }

    /// A floor before the first merge, for words of `total_bytes` bytes and `tokens` tokens in the end.
    pub(super) fn first_floor(&self, total_bytes: u64, tokens: usize) -> u64 {
        if self.merges == 0 { 0 } else { total_bytes / tokens.max(1) as u64 / RARER }
    }

    /// Notes the count of the pair that makes merge `number`, counted from 1; now and then returns a new floor.
    pub(super) fn note(&mut self, number: usize, count: u64) -> Option<u64> {
        let number = self.known + number;
        if !number.is_power_of_two() {
            return None;
        }
        let before = std::mem::replace(&mut self.before, count);
        let is_early = before == 0 || number < FIRST_MERGES.max(self.merges / FIRST_PART);
        if is_early || number >= self.merges {
            return None;
        }
        let fall = count as f64 / before as f64;
        let doublings = (self.merges as f64 / number as f64).log2();
        Some((count as f64 * fall.powf(doublings) / CAUTION) as u64)
    }

    /// Gives no more floors.
    pub(super) fn give_up(&mut self) {
        self.merges = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_fall_goes_on_to_the_last_merge() {
        let mut forecast = Forecast::new(256, Some(4096));
        let floors: Vec<_> = (1..=4096)
            .filter_map(|number| Some((number, forecast.note(number, (1 << 30) / (number * number) as u64)?)))
            .collect();
        // 2^30 / 2^24 is 64 at the last merge.
        assert_eq!(floors, [128, 256, 512, 1024, 2048].map(|number| (number, 16)));
    }

    #[test]
    fn tokens_that_were_there_before_count_as_merges() {
        let mut forecast = Forecast::new(256 + 1000, Some(3096));
        let count = |number: usize| (1 << 30) / ((number + 1000) * (number + 1000)) as u64;
        let floors: Vec<_> =
            (1..=3096).filter_map(|number| Some((number, forecast.note(number, count(number))?))).collect();
        // There is nothing to compare the count at 1,024 with.
        assert_eq!(floors, [(1048, 16)]);
    }

    #[test]
    fn nothing_is_forecast_where_the_end_is_unknown() {
        let mut forecast = Forecast::new(256, None);
        assert_eq!(forecast.first_floor(1 << 40, 300), 0);
        assert!((1..=4096).all(|number| forecast.note(number, 1 << 30).is_none()));
        let mut forecast = Forecast::new(256, Some(4096));
        forecast.give_up();
        assert!((1..=4096).all(|number| forecast.note(number, 1 << 30).is_none()));
    }
}
