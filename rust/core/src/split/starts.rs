//! Where pretokens start in 64 bytes of text, by arithmetic on masks instead of a look at each character.
//!
//! A pretoken starts at the block's first byte, so nothing before it matters: no pattern has look-behind. Whether
//! another one starts at a character then follows from the classes of the characters inside the block, as far as these
//! decide (see [`scan`](super::scan) for the patterns):
//!
//! * A letter starts one unless a letter is before it, or a character that may lead it. A space, or with
//!   [`ANY_LEAD`](Family::ANY_LEAD) any whitespace but a newline, always leads: `\s+(?!\S)` leaves the last one to what
//!   follows. Punctuation leads a letter if it is alone; after other punctuation or a space it belongs to that. In
//!   cased words, to which marks belong as well, an upper-case letter after a lower-case one starts one, too.
//! * A digit starts one unless a digit is before it (or a space, where spaces may lead digits). Inside a number,
//!   another one starts after each group of three digits, or of whatever size the family has.
//! * Punctuation starts one unless punctuation or a space is before it.
//! * Whitespace starts one after anything else (but for newlines that the punctuation before them takes), after the
//!   last newline of a run, and at the last character of a run, which is left over for what follows, unless it is a
//!   newline and newlines end pretokens.
//! * Contractions are few, and each is looked at by itself.
//!
//! All bytes of a character have the bits of its class. So the first byte of a run is a character's first byte, and
//! only two rules need to distinguish bytes from characters: whether punctuation is alone, and which character of
//! whitespace is the last.
//!
//! Only whitespace and contractions depend on what comes later. So starts are certain except inside whitespace that
//! reaches to the end of the block, and near an apostrophe there. Three rare things, not worth their arithmetic, are in
//! doubt as well, and nothing from there on is certain: slashes after the newlines of punctuation, digits that are not
//! ASCII where digits are counted, and in cased words upper case after a letter without case (whether that letter
//! counts as upper or lower case depends on the end of the word) and marks after punctuation.

use super::family::{Contractions, Family, Tail};
use super::masks::Masks;
use super::scan::contraction_end;

/// What is known of the starts in a block.
#[derive(Debug, Clone, Copy)]
pub(super) struct Starts {
    /// The starts that are certain: all of them up to some place, except the block's first byte.
    pub(super) places: u64,
    /// The last place that is a start regardless of what comes before the block, as one bit, or 0. It may lie after a
    /// place in doubt, and then is not in `places`.
    pub(super) last_sure: u64,
    /// Places inside the block's first pretoken. If no other pretoken starts in the block, then from each of these
    /// places on the text is split as if a pretoken started there.
    pub(super) inside: u64,
}

/// The starts in the block at `text[at..]`.
#[inline(always)]
pub(super) fn pretoken_starts<F: Family>(text: &[u8], at: usize, masks: &Masks) -> Starts {
    let Masks { digit, space, blank, newline, tail_byte, .. } = *masks;
    let word = masks.letter | masks.mark;
    let other = !(word | digit | space);
    let own_other = other & !(other << 1) & !(blank << 1);
    let tail = tail_newlines::<F>(other, newline);
    let starts = letter_starts::<F>(masks, word, own_other)
        | digit_starts::<F>(digit & !tail_byte, digit, blank)
        | own_other
        | space_starts::<F>(masks, tail);
    let mut certain = !trailing_run(space);
    let doubtful = doubtful::<F>(masks, other, tail);
    certain &= !doubtful & doubtful.wrapping_sub(1);
    let apostrophes = masks.apostrophe & own_other & certain;
    let starts = if apostrophes == 0 {
        starts
    } else {
        let (starts, decided) = with_contractions::<F>(&text[at..], starts, apostrophes, word);
        certain &= decided;
        starts
    };
    let inside = inside_words::<F>(masks, word) & certain;
    Starts { places: starts & certain & !1, last_sure: highest(sure_starts(masks, word)), inside }
}

/// Places inside the block's first word where it could begin and still end where it does: after a letter, since the end
/// of a run of letters does not depend on its beginning. For a cased word this holds only in its lower case, or while
/// no letter so far has case. Letters after the first word, as in a contraction, do not count.
#[inline(always)]
fn inside_words<F: Family>(masks: &Masks, word: u64) -> u64 {
    // Adding its first bit to a run of ones clears the run.
    let first_word = word & !word.wrapping_add(word & word.wrapping_neg());
    let inside = first_word & first_word << 1 & !masks.tail_byte;
    if F::CASED {
        let cased = word & !masks.uncased;
        let lower = cased & !masks.upper;
        let before_cased = !cased & cased.wrapping_sub(1);
        return inside & (lower | before_cased);
    }
    inside
}

/// Places where a pretoken starts regardless of what comes before the block: a space after anything but whitespace, and
/// what is neither a letter nor an apostrophe after a letter. (See [`cut`](super::cut) for the reason.)
#[inline(always)]
fn sure_starts(masks: &Masks, word: u64) -> u64 {
    masks.blank & !(masks.space << 1) & !1 | word << 1 & !(word | masks.apostrophe)
}

/// The highest bit that is set, alone, or 0.
#[inline(always)]
fn highest(bits: u64) -> u64 {
    // Shifted down and up again because there may be none.
    (1_u64 << 63).checked_shr(bits.leading_zeros()).unwrap_or(0)
}

/// The bits below `count`, which is 64 at most.
#[inline(always)]
fn below(count: u32) -> u64 {
    if count >= 64 { !0 } else { (1 << count) - 1 }
}

/// The run of whitespace that touches the end of the block, without its first byte: whether that is a start is certain.
#[inline(always)]
fn trailing_run(space: u64) -> u64 {
    !below(65 - (!space).leading_zeros())
}

/// Places in doubt: from the first of them on, nothing is certain.
#[inline(always)]
fn doubtful<F: Family>(masks: &Masks, other: u64, tail: u64) -> u64 {
    let mut doubtful = 0;
    if F::TAIL == Tail::NewlinesAndSlashes {
        // Slashes may go on with the tail.
        doubtful |= masks.slash & tail << 1;
    }
    if F::CASED {
        doubtful |= masks.upper & masks.uncased << 1 | masks.mark & other << 1;
    }
    if F::counts_digits() {
        doubtful |= masks.digit & masks.high;
    }
    doubtful
}

#[inline(always)]
fn letter_starts<F: Family>(masks: &Masks, word: u64, own_other: u64) -> u64 {
    let Masks { upper, space, blank, newline, tail_byte, .. } = *masks;
    let leads = if F::ANY_LEAD { whole(own_other, tail_byte) | space & !newline } else { blank };
    let first = word & !(word << 1) & !(leads << 1);
    if F::CASED { first | upper & (word & !upper) << 1 } else { first }
}

/// All bytes of the characters that begin at `first`.
#[inline(always)]
fn whole(first: u64, tail_byte: u64) -> u64 {
    let second = first << 1 & tail_byte;
    let third = second << 1 & tail_byte;
    first | second | third | third << 1 & tail_byte
}

/// The first bytes of the characters of at most three bytes that end at `last`.
#[inline(always)]
fn first_bytes(last: u64, tail_byte: u64) -> u64 {
    let one_before = last & !tail_byte | (last & tail_byte) >> 1;
    one_before & !tail_byte | (one_before & tail_byte) >> 1
}

#[inline(always)]
fn digit_starts<F: Family>(first_bytes: u64, digit: u64, blank: u64) -> u64 {
    let led = if F::SPACED_DIGITS { blank << 1 } else { 0 };
    if F::DIGITS == 1 {
        return first_bytes & !led;
    }
    let mut starts = digit & !(digit << 1);
    if F::DIGITS == usize::MAX {
        return starts & !led;
    }
    // Digits that have a full group of digits directly before them.
    let mut further = digit;
    for count in 1..=F::DIGITS {
        further &= digit << count;
    }
    if further != 0 {
        let mut group = starts;
        while group != 0 {
            group = group << F::DIGITS & further;
            starts |= group;
        }
    }
    starts & !led
}

/// The newlines that punctuation takes with it.
#[inline(always)]
fn tail_newlines<F: Family>(other: u64, newline: u64) -> u64 {
    if F::TAIL == Tail::None {
        return 0;
    }
    // Adding its first bit to a run of ones clears the run.
    let first = newline & other << 1;
    newline & !newline.wrapping_add(first)
}

#[inline(always)]
fn space_starts<F: Family>(masks: &Masks, tail: u64) -> u64 {
    let space = masks.space & !tail;
    let first = space & !(space << 1);
    // The last character of each run, except for runs of a single one.
    let last = first_bytes(space & !(space >> 1), masks.tail_byte) & space << 1;
    if !F::NEWLINES {
        return first | last;
    }
    let newline = masks.newline & space;
    let line = space & !newline;
    let mut behind_newline = line & newline << 1;
    // A run of blanks between two newlines goes with the second one.
    let mut inner = line.wrapping_add(behind_newline) & newline & line << 1;
    while inner != 0 {
        let end = inner.trailing_zeros();
        let start = 64 - (below(end) & !line).leading_zeros();
        behind_newline &= !(1 << start);
        inner &= inner - 1;
    }
    first | last & !newline | behind_newline
}

/// `starts` corrected around contractions, and the places where they are certain. `apostrophes` are those at which
/// punctuation starts.
#[inline(always)]
fn with_contractions<F: Family>(
    block: &[u8],
    mut starts: u64,
    mut apostrophes: u64,
    word: u64,
) -> (u64, u64) {
    let mut behind_contraction = None;
    while apostrophes != 0 {
        let at = apostrophes.trailing_zeros();
        apostrophes &= apostrophes - 1;
        if at > 60 {
            // The three bytes after it are not all known.
            return (starts, below(at));
        }
        let behind_word = at > 0 && word >> (at - 1) & 1 == 1 && behind_contraction != Some(at as usize);
        if F::CONTRACTIONS == Contractions::Suffix && !behind_word {
            continue;
        }
        if let Some(end) = contraction_end::<F>(block, at as usize) {
            // Nothing starts inside it, and after it a pretoken starts, whatever follows.
            behind_contraction = Some(end);
            let inside = below(end as u32) & !below(at);
            starts &= !inside;
            if F::CONTRACTIONS != Contractions::Suffix {
                starts |= 1 << at;
            }
            starts |= word & 1_u64.checked_shl(end as u32).unwrap_or(0);
        }
    }
    (starts, !0)
}
