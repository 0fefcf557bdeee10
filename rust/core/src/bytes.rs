//! The order of the 256 bytes in a byte-level vocabulary: GPT-2's.
//!
//! GPT-2 writes each byte as a printable character. The 188 bytes that are printable in Latin-1 stand for themselves
//! and come first, in ascending order; the others follow, as the characters from U+0100 on.
//! (openai/gpt-2, `encoder.py`, `bytes_to_unicode`.)

/// The byte that each of the ids 0 to 255 of a freshly trained vocabulary stands for.
pub const BYTE_OF_ID: [u8; 256] = {
    let mut order = [0; 256];
    let mut id = 0;
    let mut printable = 2;
    while printable > 0 {
        printable -= 1;
        let mut byte = 0;
        while byte < 256 {
            if is_printable(byte as u8) == (printable == 1) {
                order[id] = byte as u8;
                id += 1;
            }
            byte += 1;
        }
    }
    order
};

/// The inverse of [`BYTE_OF_ID`].
pub const ID_OF_BYTE: [u8; 256] = {
    let mut ids = [0; 256];
    let mut id = 0;
    while id < 256 {
        ids[BYTE_OF_ID[id] as usize] = id as u8;
        id += 1;
    }
    ids
};

/// Whether GPT-2 writes the byte as the Latin-1 character of the same number.
const fn is_printable(byte: u8) -> bool {
    matches!(byte, 0x21..=0x7E | 0xA1..=0xAC | 0xAE..=0xFF)
}

/// The character that stands for `byte` in the files of byte-level tokenizers.
pub(crate) fn char_of_byte(byte: u8) -> char {
    let code =
        if is_printable(byte) { u32::from(byte) } else { 0x100 + u32::from(ID_OF_BYTE[byte as usize]) - 188 };
    char::from_u32(code).expect("U+0021 to U+0143 are characters")
}

/// The byte that `character` stands for, if it is one of the 256.
pub(crate) fn byte_of_char(character: char) -> Option<u8> {
    u8::try_from(*BYTE_OF_CHAR.get(character as usize)?).ok()
}

/// The byte that each character stands for, up to the last one that does; `u16::MAX` for those in between that do not.
static BYTE_OF_CHAR: [u16; 0x144] = {
    let mut bytes = [u16::MAX; 0x144];
    let mut id = 0;
    while id < 256 {
        let byte = BYTE_OF_ID[id];
        bytes[if is_printable(byte) { byte as usize } else { 0x100 + id - 188 }] = byte as u16;
        id += 1;
    }
    bytes
};

/// `bytes` as text in which each character stands for one.
pub(super) fn text_of_bytes(bytes: &[u8]) -> String {
    bytes.iter().map(|&byte| char_of_byte(byte)).collect()
}

/// Bytes from text in which each character stands for one; `Err` holds the first character that does not.
pub(super) fn bytes_of_text(text: &str) -> Result<Vec<u8>, char> {
    let mut bytes = Vec::with_capacity(text.len());
    push_bytes_of_text(text, &mut bytes).map(|()| bytes)
}

/// Like [`bytes_of_text`], but appends the bytes to `bytes`.
pub(super) fn push_bytes_of_text(text: &str, bytes: &mut Vec<u8>) -> Result<(), char> {
    text.chars().try_for_each(|character| {
        bytes.push(byte_of_char(character).ok_or(character)?);
        Ok(())
    })
}

/// Whether every character of `text` stands for a byte, and these bytes are not those of `text` itself.
pub(super) fn is_of_other_bytes(text: &str) -> bool {
    !text.is_ascii() && bytes_of_text(text).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_has_its_id_and_its_character() {
        for byte in 0..=255 {
            assert_eq!(BYTE_OF_ID[ID_OF_BYTE[byte as usize] as usize], byte);
            assert_eq!(byte_of_char(char_of_byte(byte)), Some(byte));
        }
        assert_eq!((BYTE_OF_ID[0], BYTE_OF_ID[188], ID_OF_BYTE[b' ' as usize]), (b'!', 0, 220));
        assert_eq!(text_of_bytes(b" caf\xc3\xa9\n"), "\u{120}caf\u{c3}\u{a9}\u{10a}");
        let others = ['\0', ' ', '\u{7F}', '\u{A0}', '\u{AD}', '\u{144}', '漢'];
        assert!(others.into_iter().all(|other| byte_of_char(other).is_none()));
    }
}
