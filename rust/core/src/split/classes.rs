//! What the patterns ask of a character, as bits of one byte per code point.
//!
//! The table has two levels, a block number for every 256 code points and the distinct blocks, 43 KiB in all; it is
//! made at build time from the tables of the general regex engine (see `build.rs`), so both know the same Unicode.

include!(concat!(env!("OUT_DIR"), "/classes.rs"));

/// The class bits of the character that starts at `text[at]`, and its length in bytes.
///
/// `text` is valid UTF-8 and `at` a character's start inside it; anything else gives a wrong class, or panics.
#[inline(always)]
pub(super) fn class_at(text: &[u8], at: usize) -> (u8, usize) {
    let first = text[at];
    if first < 0x80 { (BLOCKS[0][first as usize], 1) } else { multibyte_class_at(text, at, first) }
}

#[inline]
fn multibyte_class_at(text: &[u8], at: usize, first: u8) -> (u8, usize) {
    let tail = |index: usize| u32::from(text[at + index] & 0x3F);
    let first = u32::from(first);
    let (code_point, length) = match first {
        ..0xE0 => ((first & 0x1F) << 6 | tail(1), 2),
        0xE0..0xF0 => ((first & 0x0F) << 12 | tail(1) << 6 | tail(2), 3),
        _ => ((first & 0x07) << 18 | tail(1) << 12 | tail(2) << 6 | tail(3), 4),
    };
    let block = BLOCK_OF[code_point as usize / BLOCK];
    (BLOCKS[block as usize][code_point as usize % BLOCK], length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_those_of_the_regex_engine_for_every_character() {
        let engine = [
            (LETTER, r"\p{L}"),
            (NUMBER, r"\p{N}"),
            (SPACE, r"\s"),
            (NEWLINE, r"[\r\n]"),
            (UPPER, r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]"),
            (LOWER, r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"),
            (PUNCTUATION, r"[\p{P}\p{S}]"),
            (HAN_OR_KANA, "[一-龥぀-ゟ゠-ヿ]"),
        ]
        .map(|(bit, class)| (bit, fancy_regex::Regex::new(class).expect("a valid class")));
        let mut buffer = [0; 4];
        for character in '\0'..=char::MAX {
            let text = character.encode_utf8(&mut buffer);
            let (class, length) = class_at(text.as_bytes(), 0);
            assert_eq!(length, text.len());
            for (bit, regex) in &engine {
                let expected = regex.is_match(text).expect("no backtracking");
                assert_eq!(class & bit != 0, expected, "{character:?} and {regex}");
            }
        }
    }
}
