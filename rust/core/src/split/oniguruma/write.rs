//! Our expressions → Oniguruma's.

use std::borrow::Cow;

use super::written::Written;
use super::{
    JOINERS_IN_CLASS, OUR_END, OUR_LINE, OUR_NO_WORD, OUR_START, OUR_WORD, THEIR_NO_WORD, THEIR_WORD,
    flags_of, is_count, take,
};

/// Translates an expression of ours into its form for Oniguruma.
pub(in crate::split) fn to_oniguruma(expression: &str) -> Cow<'_, str> {
    let mut written = Written::default();
    let mut rest = expression.chars().peekable();
    let mut depth = 0_usize;
    while let Some(character) = rest.next() {
        if depth == 0 && "[\\".contains(character) {
            written.begin();
        }
        match character {
            '\\' => match rest.next() {
                Some('w') if depth == 0 => written.push(&["[", OUR_WORD]),
                Some('w') => written.push(&[r"\w", JOINERS_IN_CLASS]),
                Some('W') => written.push(&["[", OUR_NO_WORD]),
                Some('z') if depth == 0 => written.push(&["(", OUR_END]),
                Some('A') if depth == 0 => written.push(&["(", OUR_START]),
                Some(escaped @ ('p' | 'P' | 'x' | 'u')) if rest.peek() == Some(&'{') => {
                    written.text.extend(['\\', escaped]);
                    written.in_braces(&mut rest);
                }
                escaped => written.text.extend(std::iter::once('\\').chain(escaped)),
            },
            '[' if depth == 0 && take(&mut rest, THEIR_WORD) => written.push(&[r"\w"]),
            '[' if depth == 0 && take(&mut rest, THEIR_NO_WORD) => written.push(&[r"\W"]),
            '[' | ']' => {
                depth = if character == '[' { depth + 1 } else { depth.saturating_sub(1) };
                written.text.push(character);
            }
            _ if depth > 0 => written.text.push(character),
            '(' if take(&mut rest, OUR_LINE) => written.part(&["(", OUR_LINE]),
            '(' => {
                let flags = flags_of(&rest);
                if flags.as_ref().is_some_and(|&(_, end)| end == ')') {
                    written.part(&["("]);
                } else {
                    written.open();
                }
                if let Some((flags, end)) = flags {
                    rest.nth(flags.len() + 1);
                    written.flags(&flags.replace('s', "m"), end);
                }
            }
            ')' => written.close(),
            '$' => written.part(&[r"\z"]),
            '^' => written.part(&[r"\A"]),
            '{' if is_count(&rest) => {
                written.count(&mut rest);
                if rest.next_if_eq(&'+').is_some() {
                    written.make_possessive();
                }
            }
            '*' | '+' | '?' => {
                written.repeat(character);
            }
            _ => written.part(&[character.encode_utf8(&mut [0; 4])]),
        }
    }
    if written.text == expression { Cow::Borrowed(expression) } else { Cow::Owned(written.text) }
}
