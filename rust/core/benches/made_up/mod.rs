//! Text for benches: words of a made-up language whose lengths and frequencies follow those of natural text, so that
//! nothing has to be fetched.

const TEXT_BYTES: usize = 1 << 20;
const VOCABULARY: u64 = 20_000;

/// Numbers that look random and are the same in every run (Steele et al. 2014, splitmix64).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut number = self.0;
        number = (number ^ (number >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        number = (number ^ (number >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        number ^ (number >> 31)
    }

    /// A rank from 1 to `last`, small ones far more often, as in Zipf's law: each power of two is equally likely.
    fn rank(&mut self, last: u64) -> u64 {
        let power = 1 << (self.next() % u64::from(last.ilog2() + 1));
        (power + self.next() % power).min(last)
    }
}

/// The word of a rank: always the same, and the longer the rarer it is.
fn word(rank: u64) -> String {
    let mut letters = Numbers(rank);
    let length = 2 + rank.ilog2() / 2 + (letters.next() % 3) as u32;
    (0..length).map(|_| char::from(b"etaoinshrdlucmfwypvbgk"[(letters.rank(22) - 1) as usize])).collect()
}

/// Sentences of such words, with capitals, punctuation, numbers and line ends.
pub(super) fn text() -> Vec<u8> {
    let mut numbers = Numbers(1);
    let mut text = String::with_capacity(TEXT_BYTES + 64);
    while text.len() < TEXT_BYTES {
        match numbers.next() % 64 {
            0..4 => text.push_str(". "),
            4..8 => text.push_str(", "),
            8 => text.extend([" ", &(numbers.next() % 10_000).to_string(), " "]),
            9 => text.push_str("\n\n"),
            10 => text.push_str(" “it’s” — "),
            _ => text.push(' '),
        }
        text.push_str(&word(numbers.rank(VOCABULARY)));
    }
    text.into_bytes()
}
