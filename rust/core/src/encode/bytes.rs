//! The ids of the 256 single bytes, in GPT-2's order.
//!
//! GPT-2 writes every byte as a printable character: bytes that are printable in Latin-1 as themselves, the others as
//! U+0100 and up. Sorted by those characters the printable bytes come first, `!` is 0 and the space is 220. Every
//! byte-level tokenizer of that descent has this order, and ties between merges are decided by it.

/// The byte that each of the first 256 ids stands for.
pub const BYTE_OF_ID: [u8; 256] = byte_of_id();

/// The id of each byte: the inverse of [`BYTE_OF_ID`].
pub const ID_OF_BYTE: [u8; 256] = inverse(&BYTE_OF_ID);

const fn is_printable(byte: u8) -> bool {
    matches!(byte, 0x21..=0x7E | 0xA1..=0xAC | 0xAE..=0xFF)
}

const fn byte_of_id() -> [u8; 256] {
    let mut order = [0; 256];
    let mut printable = 0;
    let mut other = 0;
    while printable + other < 256 {
        let byte = (printable + other) as u8;
        if is_printable(byte) {
            order[printable] = byte;
            printable += 1;
        } else {
            order[PRINTABLE + other] = byte;
            other += 1;
        }
    }
    order
}

/// How many bytes are printable.
const PRINTABLE: usize = (0x7E - 0x21 + 1) + (0xAC - 0xA1 + 1) + (0xFF - 0xAE + 1);

const fn inverse(order: &[u8; 256]) -> [u8; 256] {
    let mut inverse = [0; 256];
    let mut id = 0;
    while id < 256 {
        inverse[order[id] as usize] = id as u8;
        id += 1;
    }
    inverse
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_follow_the_characters_that_gpt2_writes_for_bytes() {
        assert_eq!(BYTE_OF_ID[..3], *b"!\"#");
        assert_eq!(ID_OF_BYTE[b' ' as usize], 220);
        assert_eq!([BYTE_OF_ID[94], BYTE_OF_ID[105], BYTE_OF_ID[106]], [0xA1, 0xAC, 0xAE]);
        assert_eq!([BYTE_OF_ID[187], BYTE_OF_ID[188], BYTE_OF_ID[255]], [0xFF, 0x00, 0xAD]);
    }

    #[test]
    fn every_byte_has_one_id() {
        for byte in 0..=255 {
            assert_eq!(BYTE_OF_ID[usize::from(ID_OF_BYTE[usize::from(byte)])], byte);
        }
    }
}
