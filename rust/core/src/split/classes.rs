//! What the patterns ask of a character, as bits of one byte per code point.
//!
//! The table has two levels, the number of a page for every 64 code points and the distinct pages, 60 KiB in all; it is made
//! at build time from the tables of the general regex engine (see `build.rs`), so both know the same Unicode.

include!(concat!(env!("OUT_DIR"), "/classes.rs"));

/// The class bits of the 64 characters whose UTF-8 differs in the last byte only, by the six lowest bits of that byte.
pub(super) type Page = [u8; 64];

/// The page of the characters from `64 * number` on.
#[inline(always)]
pub(super) const fn page(number: usize) -> &'static Page {
    &PAGES[PAGE_OF[number] as usize]
}

/// The class bits of the character that starts at `text[at]`, and its length in bytes.
///
/// `text` is valid UTF-8 and `at` a character's start inside it; anything else gives a wrong class, or panics.
#[inline(always)]
pub(super) fn class_at(text: &[u8], at: usize) -> (u8, usize) {
    let first = text[at];
    // ASCII has two pages of its own, the first ones.
    if first < 0x80 { (PAGES.as_flattened()[first as usize], 1) } else { multibyte_class_at(text, at) }
}

#[inline]
fn multibyte_class_at(text: &[u8], at: usize) -> (u8, usize) {
    let (page, length) = page_at(text, at);
    (page[usize::from(text[at + length - 1] & 0x3F)], length)
}

/// The page of the character at `text[at]`, which is not ASCII, and its length in bytes, the last of which chooses its
/// class on the page.
#[inline(always)]
pub(super) fn page_at(text: &[u8], at: usize) -> (&'static Page, usize) {
    let tail = |index: usize| usize::from(text[at + index] & 0x3F);
    let first = usize::from(text[at]);
    let (number, length) = match first {
        ..0xE0 => (first & 0x1F, 2),
        0xE0..0xF0 => ((first & 0x0F) << 6 | tail(1), 3),
        _ => ((first & 0x07) << 12 | tail(1) << 6 | tail(2), 4),
    };
    (page(number), length)
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
