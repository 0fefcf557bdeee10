//! Where a long pretoken may be cut before it is merged, without a change of the result.
//!
//! A merge makes a token of the vocabulary, so no merge reaches across the border between two adjacent characters if
//! no token holds bytes of both, and the parts on either side are merged independently. Chinese, Japanese or Thai,
//! written without spaces, fall apart in this way into pieces of one to five characters, which repeat and so are found
//! in the cache; the pretokens themselves hardly ever repeat.
//!
//! A token that holds bytes of both characters `x` and `y` ends, or goes on, in one of four ways, and each is noted
//! when the vocabulary is read:
//!
//! * all of `x` and all of `y`: the pair itself;
//! * all of `x` and the first bytes of `y`: `x` and the first byte of `y`;
//! * the last bytes of `x` and all of `y`: the last byte of `x`, and `y`;
//! * the last bytes of `x` and the first of `y`: the last byte of `x` and the first of `y`.
//!
//! A note on two ASCII characters, or on a last and a first byte, is a bit of its own. The others are bits chosen by a
//! hash. Two notes may share a bit: then a border is taken for one that a token holds, and a possible cut is not made,
//! which is never wrong. With o200k there are 24,878 pairs with a character beyond ASCII in 2^20 bits, and 612 notes
//! of the second and third kind in 2^16.

use crate::split::Ends;
use crate::utf8::is_tail;

/// log2 of the numbers of bits: 128 KiB for pairs of characters, and 8 KiB for characters and bytes.
const PAIR_BITS: u32 = 20;
const EDGE_BITS: u32 = 16;

/// How many borders between ASCII characters are looked up at once: a megabyte of one letter spent half of its time on
/// one after another.
const AT_ONCE: usize = 8;

/// Which borders between characters the tokens of a vocabulary hold.
#[derive(Debug)]
pub(crate) struct Cuts {
    /// For each ASCII character left of a border, a bit for each one right of it: set if some token holds both.
    ascii: Box<[[u64; 2]; 128]>,
    /// Pairs of characters of which one is not ASCII.
    pairs: Vec<u64>,
    /// Characters before first bytes, and last bytes before characters.
    edges: Vec<u64>,
    /// For each last byte of a character of several bytes, by its lower six bits, a bit for each first byte of such a
    /// character, by its.
    bytes: [u64; 64],
}

/// A character of a text, as the tables want it.
#[derive(Debug, Clone, Copy)]
struct Character {
    length: usize,
    first: u8,
    last: u8,
    /// Hashes of it, as the left one of a pair and as the right one.
    as_left: u64,
    as_right: u64,
}

impl Character {
    /// A character from its bytes, one to four, in the lower bits of a number.
    #[inline(always)]
    fn new(bytes: u32, length: usize) -> Self {
        Self {
            length,
            first: bytes as u8,
            last: (bytes >> (8 * (length - 1))) as u8,
            as_left: u64::from(bytes).wrapping_mul(0x9E37_79B9_7F4A_7C15),
            as_right: u64::from(bytes).wrapping_mul(0xD6E8_FEB8_6659_FD93),
        }
    }

    /// The character at byte `at` of `text`, which is UTF-8.
    #[inline(always)]
    fn at(text: &[u8], at: usize) -> Self {
        let length = character_length(text[at]);
        let rest = &text[at..];
        let bytes = rest.first_chunk().map_or_else(|| number(rest), |bytes| u32::from_le_bytes(*bytes));
        let bytes = bytes & u32::MAX >> (32 - 8 * length);
        Self::new(bytes, length)
    }

    #[inline(always)]
    fn is_ascii(self) -> bool {
        self.first < 0x80
    }

    /// The bit in `pairs` for this character followed by `right`.
    #[inline(always)]
    fn pair_bit(self, right: Self) -> usize {
        ((self.as_left ^ right.as_right) >> (64 - PAIR_BITS)) as usize
    }

    /// The bit in `edges` for this character before the first byte `first`.
    #[inline(always)]
    fn bit_before(self, first: u8) -> usize {
        ((self.as_left ^ u64::from(first) << 57) >> (64 - EDGE_BITS)) as usize
    }

    /// The bit in `edges` for this character after the last byte `last`.
    #[inline(always)]
    fn bit_behind(self, last: u8) -> usize {
        ((self.as_right ^ u64::from(last) << 57) >> (64 - EDGE_BITS)) as usize
    }
}

/// The first four bytes as a number, the first in its lowest bits.
#[inline(always)]
fn number(bytes: &[u8]) -> u32 {
    bytes.iter().take(4).rev().fold(0, |number, &byte| number << 8 | u32::from(byte))
}

/// The characters from byte `at` on, if there are so many and all of them are ASCII.
#[inline(always)]
fn ascii_at(text: &[u8], at: usize) -> Option<&[u8; AT_ONCE + 1]> {
    let bytes: &[u8; AT_ONCE + 1] = text[at..].first_chunk()?;
    bytes.is_ascii().then_some(bytes)
}

/// How many bytes from `at` on equal those [`AT_ONCE`] places before them, counted in whole steps: the borders among
/// them are those just looked up.
#[inline]
fn repeated(text: &[u8], at: usize) -> usize {
    /// How many are compared at once.
    const STEP: usize = 32;
    let around = |at: usize| text[at - 1..].first_chunk::<{ STEP + 1 }>();
    let mut end = at;
    while around(end).is_some() && around(end) == around(end - AT_ONCE) {
        end += STEP;
    }
    end - at
}

/// The word with bit number `bit`, shifted so that this is the lowest; the bits above it are others.
#[inline(always)]
fn bit_at(table: &[u64], bit: usize) -> u64 {
    table[bit >> 6] >> (bit & 63)
}

fn set(table: &mut [u64], bit: usize) {
    table[bit >> 6] |= 1 << (bit & 63);
}

impl Cuts {
    /// The table for `tokens`, which are all that merges may use.
    pub(crate) fn new<'t>(tokens: impl Iterator<Item = &'t [u8]>) -> Self {
        let mut cuts = Self {
            ascii: Box::new([[0; 2]; 128]),
            pairs: vec![0; 1 << (PAIR_BITS - 6)],
            edges: vec![0; 1 << (EDGE_BITS - 6)],
            bytes: [0; 64],
        };
        for token in tokens {
            if token.is_ascii() {
                token.windows(2).for_each(|pair| cuts.note_ascii(pair[0], pair[1]));
            } else {
                cuts.note(token);
            }
        }
        cuts
    }

    /// Notes the borders inside a token.
    fn note(&mut self, token: &[u8]) {
        let mut left = None;
        for right in parts(token) {
            match (left, right) {
                (Some(Part::Whole(left)), Part::Whole(right)) if left.is_ascii() && right.is_ascii() => {
                    self.note_ascii(left.first, right.first);
                }
                (Some(Part::Whole(left)), Part::Whole(right)) => set(&mut self.pairs, left.pair_bit(right)),
                (Some(Part::Whole(left)), Part::Head(first)) => set(&mut self.edges, left.bit_before(first)),
                (Some(Part::Tail(last)), Part::Whole(right)) => set(&mut self.edges, right.bit_behind(last)),
                (Some(Part::Tail(last)), Part::Head(first)) => {
                    self.bytes[usize::from(last & 63)] |= 1 << (first & 63);
                }
                // Nothing comes behind a head or before a tail.
                _ => {}
            }
            left = Some(right);
        }
    }

    fn note_ascii(&mut self, left: u8, right: u8) {
        self.ascii[usize::from(left)][usize::from(right / 64)] |= 1 << (right % 64);
    }

    /// Whether some token holds both of these ASCII characters.
    #[inline(always)]
    fn holds_ascii(&self, left: u8, right: u8) -> bool {
        self.ascii[usize::from(left & 127)][usize::from((right / 64) & 1)] >> (right % 64) & 1 == 1
    }

    /// Whether some token may hold bytes of both characters.
    #[inline(always)]
    fn holds(&self, left: Character, right: Character) -> bool {
        if left.is_ascii() & right.is_ascii() {
            return self.holds_ascii(left.first, right.first);
        }
        // All four bits are read, since a branch for each costs more. No token has only a part of an ASCII character,
        // so for one some of these bits can be set only by other notes; then a possible cut is not made.
        let edges = &self.edges;
        let bits = bit_at(&self.pairs, left.pair_bit(right))
            | bit_at(edges, left.bit_before(right.first))
            | bit_at(edges, right.bit_behind(left.last))
            | self.bytes[usize::from(left.last & 63)] >> (right.first & 63);
        bits & 1 == 1
    }

    /// The borders between ASCII characters that no token holds, as bits from the first one on.
    #[inline(always)]
    fn ascii_borders(&self, ascii: &[u8; AT_ONCE + 1]) -> u32 {
        let is_border = |at: usize| u32::from(!self.holds_ascii(ascii[at], ascii[at + 1]));
        (0..AT_ONCE).fold(0, |borders, at| borders | is_border(at) << at)
    }

    /// Adds the pieces of `pretoken`, which is UTF-8, from where the last of `ends` is: up to the borders that no token
    /// holds, and to the end. Stops when there are `most`.
    #[inline]
    pub(crate) fn push_ends(&self, pretoken: &[u8], ends: &mut Ends, most: usize) {
        let start = ends.end();
        let mut left = Character::at(pretoken, start);
        let mut border = start + left.length;
        while border < pretoken.len() {
            if let Some(ascii) = ascii_at(pretoken, border - 1) {
                let borders = self.ascii_borders(ascii);
                let mut rest = borders;
                while rest != 0 {
                    ends.push(border + rest.trailing_zeros() as usize);
                    if ends.len() >= most {
                        return;
                    }
                    rest &= rest - 1;
                }
                border += AT_ONCE;
                if borders == 0 {
                    border += repeated(pretoken, border);
                }
                left = Character::at(pretoken, border - 1);
                continue;
            }
            let right = Character::at(pretoken, border);
            // Without a branch, since nothing tells which borders are cuts (25 languages: 1 to 2 % of a first pass).
            ends.push_if(!self.holds(left, right), border);
            if ends.len() >= most {
                return;
            }
            border += right.length;
            left = right;
        }
        ends.push(pretoken.len());
    }
}

/// What a token has of a character.
#[derive(Debug, Clone, Copy)]
enum Part {
    Whole(Character),
    /// Its first bytes, at the end of the token: the first of them.
    Head(u8),
    /// Its last bytes, at the start of the token: the last of them.
    Tail(u8),
}

/// The characters and parts of characters in a token. Bytes that cannot be UTF-8 at all never meet a character of a
/// text, so it does not matter what they are taken for.
fn parts(token: &[u8]) -> impl Iterator<Item = Part> {
    let tail = token.iter().take_while(|&&byte| is_tail(byte)).count();
    let (tail, mut rest) = token.split_at(tail);
    let others = std::iter::from_fn(move || {
        let &first = rest.first()?;
        let length = character_length(first);
        if length > rest.len() {
            rest = &[];
            return Some(Part::Head(first));
        }
        let (character, more) = rest.split_at(length);
        rest = more;
        Some(Part::Whole(Character::new(number(character), length)))
    });
    tail.last().map(|&last| Part::Tail(last)).into_iter().chain(others)
}

/// The length in bytes of a character by its first byte.
#[inline(always)]
fn character_length(first: u8) -> usize {
    match first {
        ..0xC0 => 1,
        0xC0..0xE0 => 2,
        0xE0..0xF0 => 3,
        0xF0.. => 4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces<'t>(cuts: &Cuts, text: &'t str) -> Vec<&'t [u8]> {
        let text = text.as_bytes();
        let mut ends = Ends::new();
        let mut pieces = Vec::new();
        while ends.end() < text.len() {
            ends.restart(ends.end());
            cuts.push_ends(text, &mut ends, 3);
            pieces.extend(ends.starts().iter().zip(ends.ends()).map(|(&start, &end)| &text[start..end]));
        }
        pieces
    }

    #[test]
    fn borders_that_a_token_holds_are_kept() {
        let tokens = ["中国", "国人x", "ab"];
        let cuts = Cuts::new(tokens.into_iter().map(str::as_bytes));
        let expected = ["人", "中国人x", "中", "人", "ab", "b", "a", "中国"];
        assert_eq!(pieces(&cuts, "人中国人x中人abba中国"), expected.map(str::as_bytes));
    }

    #[test]
    fn text_that_repeats_itself_is_cut_like_any_other() {
        let cuts = Cuts::new(["ab", "ba", "aa", "bc"].into_iter().map(str::as_bytes));
        for period in ["a", "ab", "aab", "aabb", "aaaaaaab", "aaaaaaaab", "bbaa"] {
            for (length, end) in
                (0..150).flat_map(|length| ["", "c", "bc", "ac", "é"].map(|end| (length, end)))
            {
                let text: String = period.chars().cycle().take(length).chain(end.chars()).collect();
                let mut expected = Vec::new();
                let mut start = 0;
                for (border, right) in text.char_indices().skip(1) {
                    let left = text[..border].chars().next_back().expect("a character before");
                    if !cuts.holds(character(left), character(right)) {
                        expected.push(&text.as_bytes()[start..border]);
                        start = border;
                    }
                }
                expected.extend((start < text.len()).then(|| &text.as_bytes()[start..]));
                assert_eq!(pieces(&cuts, &text), expected, "{text}");
            }
        }
    }

    fn character(character: char) -> Character {
        Character::at(character.to_string().as_bytes(), 0)
    }

    #[test]
    fn tokens_that_end_inside_a_character_hold_its_border() {
        // 中 is e4 b8 ad, 国 is e5 9b bd, 人 is e4 ba ba.
        let after = Cuts::new([&b"\xe4\xb8\xad\xe5\x9b"[..]].into_iter());
        assert_eq!(pieces(&after, "中国人"), ["中国".as_bytes(), "人".as_bytes()]);
        let before = Cuts::new([&b"\xad\xe5\x9b\xbd"[..]].into_iter());
        assert_eq!(pieces(&before, "中国人"), ["中国".as_bytes(), "人".as_bytes()]);
        let both = Cuts::new([&b"\xbd\xe4"[..]].into_iter());
        assert_eq!(pieces(&both, "中国人"), ["中".as_bytes(), "国人".as_bytes()]);
    }
}
