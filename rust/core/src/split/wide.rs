//! Classes of the characters in a block that are not ASCII.
//!
//! Each of them is looked up by itself, which is quick, because no look-up waits for another: its class is written to
//! all of its bytes, and the masks are read off these bytes, 64 at once.

use super::classes::{LETTER, LOWER, NUMBER, SPACE, UPPER, class_at};
use super::family::Family;
use super::masks::{Masks, WIDTH};

/// The most bytes of a character.
const LONGEST: usize = 4;

/// The classes of the bytes of a block, and of the rest of a character that goes on behind it.
type Classes = [u8; WIDTH + LONGEST];

/// `masks` of the ASCII in the block at `text[at..]`, with the other characters added. `bits_with` gives the bytes that
/// have a bit of a class.
#[inline(always)]
pub(super) fn with_wide<F: Family>(
    mut masks: Masks,
    text: &[u8],
    at: usize,
    bits_with: impl Fn(&[u8; WIDTH], u8) -> u64,
) -> Masks {
    let mut classes: Classes = [0; WIDTH + LONGEST];
    let mut first_bytes = masks.high & !masks.tail_byte;
    while first_bytes != 0 {
        let place = first_bytes.trailing_zeros() as usize;
        first_bytes &= first_bytes - 1;
        let (class, _) = class_at(text, at + place);
        // What is written behind a shorter character is overwritten by the next one, or not in `high`.
        classes[place..place + LONGEST].copy_from_slice(&[class; LONGEST]);
    }
    let classes = classes.first_chunk().expect("it is longer");
    let bits = |class| bits_with(classes, class) & masks.high;
    let letter = bits(LETTER);
    masks.letter |= letter;
    masks.digit |= bits(NUMBER);
    masks.space |= bits(SPACE);
    if F::CASED {
        let (upper, lower) = (bits(UPPER), bits(LOWER));
        masks.upper |= upper & !lower;
        masks.uncased = upper & lower;
        masks.mark = upper & lower & !letter;
    }
    masks
}
