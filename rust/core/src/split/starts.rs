//! Where pretokens start in 64 bytes of ASCII, by arithmetic on masks instead of a look at each byte.
//!
//! The block begins with a pretoken, so nothing before it matters: no pattern looks behind. Whether another one starts
//! at a byte then follows from classes of bytes inside the block, as far as these decide (see [`scan`](super::scan) for
//! the patterns):
//!
//! * A letter starts one unless a letter is before it, or a character that may lead it. A space, or with
//!   [`ANY_LEAD`](Family::ANY_LEAD) any whitespace but a newline, always leads: `\s+(?!\S)` leaves the last one to what
//!   follows. Punctuation leads a letter if it is alone; after another one or after a space it belongs to these.
//!   In cased words an upper-case letter behind a lower-case one starts one, too.
//! * A digit starts one unless a digit is before it (or a space, where those may lead digits), and at every third digit.
//! * Punctuation starts one unless punctuation or a space is before it.
//! * Whitespace, except for newlines behind punctuation that takes them, starts one behind something else, behind the
//!   last newline of a run, and at the last character of a run, which is left over for what follows, unless it is a
//!   newline and newlines end pretokens.
//! * A contraction, of which there are few, is looked at by itself.
//!
//! Only whitespace and contractions depend on what comes later. So starts are certain up to the first byte that is not
//! ASCII, and not inside whitespace that reaches to it or to the end of the block, nor near an apostrophe there.

use super::family::{Contractions, Family, Tail};
use super::masks::{Masks, WIDTH};
use super::scan::contraction_end;

/// The certain starts in `block`, as bits. The first byte's is not among them.
#[inline(always)]
pub(super) fn pretoken_starts<F: Family>(block: &[u8; WIDTH], masks: Masks) -> u64 {
    let Masks { letter, digit, space, blank, newline, high, .. } = masks;
    let known = below(high.trailing_zeros());
    let other = known & !(letter | digit | space);
    let own_other = other & !(other << 1) & !(blank << 1);
    let tail = tail_newlines::<F>(other, newline);
    let starts = letter_starts::<F>(&masks, own_other)
        | digit_starts::<F>(digit, blank)
        | own_other
        | space_starts::<F>(space, newline, tail);
    let mut certain = known & !trailing_run(space & known, known);
    if F::TAIL == Tail::NewlinesAndSlashes {
        // Slashes may go on with the tail; these places are left to the scanner.
        certain &= below((masks.slash & tail << 1).trailing_zeros());
    }
    let apostrophes = masks.apostrophe & own_other & certain;
    let starts = if apostrophes == 0 {
        starts
    } else {
        let (starts, decided) = with_contractions::<F>(block, starts, apostrophes, letter, known);
        certain &= decided;
        starts
    };
    starts & certain & !1
}

/// The bits below `count`, which is 64 at most.
#[inline(always)]
fn below(count: u32) -> u64 {
    if count >= 64 { !0 } else { (1 << count) - 1 }
}

/// The run of `space` that touches the upper end of `known`, but for its first byte, whose being a start is certain.
#[inline(always)]
fn trailing_run(space: u64, known: u64) -> u64 {
    let gap = known & !space;
    let behind_gap = 64 - gap.leading_zeros();
    known & !below(behind_gap + 1)
}

#[inline(always)]
fn letter_starts<F: Family>(masks: &Masks, own_other: u64) -> u64 {
    let Masks { letter, upper, space, blank, newline, .. } = *masks;
    let leads = if F::ANY_LEAD { own_other | space & !newline } else { blank };
    let first = letter & !(letter << 1) & !(leads << 1);
    if F::CASED { first | upper & (letter & !upper) << 1 } else { first }
}

#[inline(always)]
fn digit_starts<F: Family>(digit: u64, blank: u64) -> u64 {
    if F::DIGITS == 1 {
        return digit;
    }
    let mut starts = digit & !(digit << 1);
    if F::SPACED_DIGITS {
        return starts & !(blank << 1);
    }
    if F::DIGITS == usize::MAX {
        return starts;
    }
    // Digits that have as many digits before them as go into one pretoken.
    let mut further = digit;
    for count in 1..=F::DIGITS {
        further &= digit << count;
    }
    let mut group = starts;
    while group != 0 {
        group = group << F::DIGITS & further;
        starts |= group;
    }
    starts
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
fn space_starts<F: Family>(space: u64, newline: u64, tail: u64) -> u64 {
    let space = space & !tail;
    let first = space & !(space << 1);
    let last = space & space << 1 & !(space >> 1);
    if !F::NEWLINES {
        return first | last;
    }
    let newline = newline & space;
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

/// `starts` with those around contractions put right, and where they are certain. `apostrophes` are those at which
/// punctuation starts.
#[inline(always)]
fn with_contractions<F: Family>(
    block: &[u8; WIDTH],
    mut starts: u64,
    mut apostrophes: u64,
    letter: u64,
    known: u64,
) -> (u64, u64) {
    let mut behind_contraction = None;
    while apostrophes != 0 {
        let at = apostrophes.trailing_zeros();
        apostrophes &= apostrophes - 1;
        if known >> at < 0b1111 {
            // The three bytes behind it are not all known.
            return (starts, below(at));
        }
        let behind_word = at > 0 && letter >> (at - 1) & 1 == 1 && behind_contraction != Some(at as usize);
        if F::CONTRACTIONS == Contractions::Suffix && !behind_word {
            continue;
        }
        if let Some(end) = contraction_end::<F>(block, at as usize) {
            // Nothing starts inside it, and behind it a pretoken starts whatever follows.
            behind_contraction = Some(end);
            let inside = below(end as u32) & !below(at);
            starts &= !inside;
            if F::CONTRACTIONS != Contractions::Suffix {
                starts |= 1 << at;
            }
            starts |= letter & 1_u64.checked_shl(end as u32).unwrap_or(0);
        }
    }
    (starts, !0)
}
