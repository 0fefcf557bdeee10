//! Text → words and punctuation marks.
//!
//! A word is a run of letters, digits and underscores; anything else that is not white space stands alone. In terms of
//! Python's `re`: `re.findall(r"\w+|[^\w\s]", text)`. Python's `\w` is the Unicode categories L and N and the
//! underscore, without the combining marks that most other engines count in; its `\s` is Unicode's white space and the
//! four separators U+001C to U+001F.

use std::sync::LazyLock;

/// The words and marks that [`split`] gives, as a regular expression that means the same in every engine.
pub(super) const PATTERN: &str = r"[\p{L}\p{N}_]+|[^\p{L}\p{N}_\s\x1c-\x1f]";

/// The words and punctuation marks of `text`, in order.
pub fn split(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        rest = rest.trim_start_matches(is_space);
        let first = rest.chars().next()?;
        let end = if is_word(first) {
            rest.find(|character| !is_word(character)).unwrap_or(rest.len())
        } else {
            first.len_utf8()
        };
        let (piece, others) = rest.split_at(end);
        rest = others;
        Some(piece)
    })
}

fn is_space(character: char) -> bool {
    character.is_whitespace() || matches!(character, '\x1c'..='\x1f')
}

fn is_word(character: char) -> bool {
    if character.is_ascii() {
        return character.is_ascii_alphanumeric() || character == '_';
    }
    WORD_RANGES
        .binary_search_by(|&(first, last)| {
            if last < character {
                std::cmp::Ordering::Less
            } else if first > character {
                std::cmp::Ordering::Greater
            } else {
                std::cmp::Ordering::Equal
            }
        })
        .is_ok()
}

/// The letters and digits of Unicode, as ascending ranges.
static WORD_RANGES: LazyLock<Vec<(char, char)>> = LazyLock::new(|| {
    let class = regex_syntax::parse(r"[\p{L}\p{N}]").expect("a valid class");
    match class.kind() {
        regex_syntax::hir::HirKind::Class(regex_syntax::hir::Class::Unicode(class)) => {
            class.iter().map(|range| (range.start(), range.end())).collect()
        }
        _ => unreachable!("a class of characters"),
    }
});

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pieces(text: &str) -> Vec<&str> {
        split(text).collect()
    }

    #[test]
    fn words_and_marks_stand_alone_and_spaces_go() {
        assert_eq!(pieces("Hello, world!"), ["Hello", ",", "world", "!"]);
        assert_eq!(pieces("  don't\tstop--ever…\r\n"), ["don", "'", "t", "stop", "-", "-", "ever", "…"]);
        assert_eq!(
            pieces("snake_case2 ½ Übergröße 東京都。"),
            ["snake_case2", "½", "Übergröße", "東京都", "。"]
        );
        assert_eq!(pieces("a\x1cb\u{a0}c\u{3000}d"), ["a", "b", "c", "d"]);
        assert_eq!(pieces("नि"), ["न", "\u{93f}"]);
        assert!(pieces(" \n\u{2029}").is_empty());
        assert!(pieces("").is_empty());
    }

    proptest! {
        #[test]
        fn the_pieces_are_those_of_the_regular_expression(text in "(?s).{0,40}", ascii in "[ -~\n\x1b-\x1f]{0,40}") {
            let regex = fancy_regex::Regex::new(PATTERN).unwrap();
            for text in [text, ascii] {
                let expected: Vec<&str> = regex.find_iter(&text).map(|found| found.unwrap().as_str()).collect();
                prop_assert_eq!(pieces(&text), expected);
            }
        }
    }
}
