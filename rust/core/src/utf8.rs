//! Characters in bytes that need not be valid UTF-8.

/// Whether a byte is the second or a later one of a character.
#[inline(always)]
pub(crate) fn is_tail(byte: u8) -> bool {
    byte & 0xC0 == 0x80
}

/// The last place in `text` where a character may begin; 0 where there is none.
pub(crate) fn last_start(text: &[u8]) -> usize {
    text.iter().rposition(|&byte| !is_tail(byte)).unwrap_or(0)
}

/// The character with which `text` begins, if it begins with a valid one.
pub(crate) fn first_character(text: &[u8]) -> Option<char> {
    text[..text.len().min(4)].utf8_chunks().next()?.valid().chars().next()
}

/// The character with which `text` ends, if it ends with a valid one.
pub(crate) fn last_character(text: &[u8]) -> Option<char> {
    std::str::from_utf8(&text[last_start(text)..]).ok()?.chars().next_back()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_at_the_ends_are_those_of_the_text() {
        for (text, first, last) in [
            ("aé中😀".as_bytes(), Some('a'), Some('😀')),
            ("😀中éa".as_bytes(), Some('😀'), Some('a')),
            (b"", None, None),
            (b"\x80\x80", None, None),
            (b"a\x80", Some('a'), None),
            (b"\xF0\x9F\x98", None, None),
        ] {
            assert_eq!((first_character(text), last_character(text)), (first, last), "{text:?}");
        }
        assert_eq!((last_start("a中".as_bytes()), last_start(b"\x80\x80"), last_start(b"")), (1, 0, 0));
    }
}
