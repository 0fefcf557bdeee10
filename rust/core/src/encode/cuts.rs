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
//! The notes are bits of a small table, chosen by a hash. Two notes may share a bit: then a border is taken for one
//! that a token holds, and a possible cut is not made, which is never wrong. With o200k there are 105 thousand notes in 2^21 bits.

/// log2 of the number of bits: 2^21 bits are 256 KiB.
const TABLE_BITS: u32 = 21;

/// Which borders between characters the tokens of a vocabulary hold.
#[derive(Debug)]
pub(super) struct Cuts {
    /// The notes, 64 bits a word.
    table: Vec<u64>,
}

/// A character, or what a token has of it, as a number: different kinds never share one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Side(u64);

impl Side {
    fn character(bytes: &[u8]) -> Self {
        Side(bytes.iter().fold(1, |number, &byte| number << 8 | u64::from(byte)))
    }

    fn first_byte(byte: u8) -> Self {
        Side(1 << 48 | u64::from(byte))
    }

    fn last_byte(byte: u8) -> Self {
        Side(1 << 49 | u64::from(byte))
    }
}

impl Cuts {
    /// From all tokens of which merges may make use.
    pub(super) fn new<'t>(tokens: impl Iterator<Item = &'t [u8]>) -> Self {
        let mut cuts = Self { table: vec![0; 1 << (TABLE_BITS - 6)] };
        for token in tokens {
            cuts.note(token);
        }
        cuts
    }

    /// Notes the borders inside a token.
    fn note(&mut self, token: &[u8]) {
        let mut left = None;
        for (part, kind) in parts(token) {
            let (as_left, as_right) = match kind {
                Part::Whole => (Side::character(part), Side::character(part)),
                Part::Head => (Side::character(part), Side::first_byte(part[0])),
                Part::Tail => (Side::last_byte(part[part.len() - 1]), Side::character(part)),
            };
            if let Some(left) = left {
                self.set(left, as_right);
            }
            left = Some(as_left);
        }
    }

    fn set(&mut self, left: Side, right: Side) {
        let bit = bit_of(left, right);
        self.table[bit >> 6] |= 1 << (bit & 63);
    }

    #[inline(always)]
    fn is_set(&self, left: Side, right: Side) -> bool {
        let bit = bit_of(left, right);
        self.table[bit >> 6] >> (bit & 63) & 1 == 1
    }

    /// Whether some token may hold bytes of both characters.
    #[inline(always)]
    fn holds(&self, left: &[u8], right: &[u8]) -> bool {
        let (whole_left, whole_right) = (Side::character(left), Side::character(right));
        let (last, first) = (Side::last_byte(left[left.len() - 1]), Side::first_byte(right[0]));
        self.is_set(whole_left, whole_right)
            || self.is_set(whole_left, first)
            || self.is_set(last, whole_right)
            || self.is_set(last, first)
    }

    /// The end of the piece that starts at `start`: the first border from there on that no token holds, or the end of
    /// `pretoken`, which is UTF-8.
    #[inline]
    pub(super) fn piece_end(&self, pretoken: &[u8], start: usize) -> usize {
        let mut at = start;
        let mut end = at + character_length(pretoken[at]);
        while end < pretoken.len() {
            let next = end + character_length(pretoken[end]);
            if next > pretoken.len() || !self.holds(&pretoken[at..end], &pretoken[end..next]) {
                break;
            }
            (at, end) = (end, next);
        }
        end.min(pretoken.len())
    }
}

/// What a token has of a character.
enum Part {
    Whole,
    /// Its first bytes, at the end of the token.
    Head,
    /// Its last bytes, at the start of the token.
    Tail,
}

/// The characters and parts of characters in a token. Bytes that cannot be UTF-8 at all never meet a character of a
/// text, so it does not matter what they are taken for.
fn parts(token: &[u8]) -> impl Iterator<Item = (&[u8], Part)> {
    let tail = token.iter().take_while(|&&byte| byte & 0xC0 == 0x80).count();
    let (tail, mut rest) = token.split_at(tail);
    let tail = (!tail.is_empty()).then_some((tail, Part::Tail));
    let others = std::iter::from_fn(move || {
        let length = character_length(*rest.first()?);
        if length > rest.len() {
            let head = std::mem::take(&mut rest);
            return Some((head, Part::Head));
        }
        let (character, more) = rest.split_at(length);
        rest = more;
        Some((character, Part::Whole))
    });
    tail.into_iter().chain(others)
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

#[inline(always)]
fn bit_of(left: Side, right: Side) -> usize {
    let mixed = (left.0 ^ right.0.rotate_left(32)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let mixed = (mixed ^ mixed >> 29 ^ left.0).wrapping_mul(0xD6E8_FEB8_6659_FD93);
    (mixed >> (64 - TABLE_BITS)) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces<'t>(cuts: &Cuts, text: &'t str) -> Vec<&'t [u8]> {
        let text = text.as_bytes();
        let mut pieces = Vec::new();
        let mut start = 0;
        while start < text.len() {
            let end = cuts.piece_end(text, start);
            pieces.push(&text[start..end]);
            start = end;
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
