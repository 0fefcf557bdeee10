//! Translates regular expressions between Oniguruma, the engine of Hugging Face, and ours, which reads some
//! differently.
//!
//! An expression of ours that Oniguruma can match has one form there, and is read back as it was, so that a tokenizer
//! is the same after it was saved, letter for letter. For this, each of our constructs has a form of its own there.
//!
//! | ours | Oniguruma's |
//! |---|---|
//! | `\w` | `[\w…]` with the two joiners, which only ours counts |
//! | `\W` | `[^\w…]` with the two joiners |
//! | `\w` in a class | `\w…` with the two joiners the other way round |
//! | `$`, `^`, of the text | `\z`, `\A` |
//! | `\z`, `\A` | `(?:\z)`, `(?:\A)` |
//! | `(?s:.)` | `(?m:.)` |
//! | `a{1,3}+` | `(?>(?:a{1,3}))` |
//! | `(?:a{1,3})+`, `(?:a{2})?` | the same, and `a{1,3}+`, `a{2}?`, too |

mod read;
mod write;
mod written;

use std::iter::Peekable;
use std::str::Chars;

use read::read;
pub(super) use write::to_oniguruma;

/// Translates an expression of Oniguruma into one with the same matches in our engine; the error names what has no
/// counterpart.
pub fn from_oniguruma(expression: &str) -> Result<String, String> {
    read(expression)
        .map_err(|what| format!("the expression {expression:?} has {what}, which is not supported"))
}

/// An error if Oniguruma could not read our `expression`, or not as our engine does; it names what in it is to blame.
pub(super) fn check_portable(expression: &str) -> Result<(), String> {
    let read_again = read(&to_oniguruma(expression))?;
    if read_again == expression { Ok(()) } else { Err(format!("what would be read as {read_again:?}")) }
}

macro_rules! in_words {
    () => {
        r"\p{Alphabetic}\p{M}\p{Nd}\p{Pc}"
    };
}

/// Letters, marks, decimal digits and connectors: Oniguruma's `\w` in a class.
const IN_WORDS: &str = in_words!();

/// What follows a bracket for Oniguruma's `\w` and `\W` outside classes, where six more characters of Latin-1 count.
const THEIR_WORD: &str = concat!(in_words!(), "²³¹¼½¾]");
const THEIR_NO_WORD: &str = concat!("^", in_words!(), "²³¹¼½¾]");

/// What follows a bracket for our `\w` and our `\W`, which count the two joiners.
const OUR_WORD: &str = "\\w\u{200C}\u{200D}]";
const OUR_NO_WORD: &str = "^\\w\u{200C}\u{200D}]";

/// What follows a `\w` inside a class for our `\w`.
const JOINERS_IN_CLASS: &str = "\u{200D}\u{200C}";

/// What follows a parenthesis for the end of a line, in either engine, and for our `\z` and `\A`.
const OUR_LINE: &str = "?m:$)";
const OUR_END: &str = r"?:\z)";
const OUR_START: &str = r"?:\A)";

fn begins(rest: &Peekable<Chars<'_>>, with: &str) -> bool {
    let mut rest = rest.clone();
    with.chars().all(|character| rest.next() == Some(character))
}

/// Takes `text` from `rest` if it comes next; returns whether it did.
fn take(rest: &mut Peekable<Chars<'_>>, text: &str) -> bool {
    let is_next = begins(rest, text);
    if is_next {
        rest.nth(text.chars().count() - 1);
    }
    is_next
}

/// Whether a brace begins a counted repetition.
fn is_count(rest: &Peekable<Chars<'_>>) -> bool {
    let mut rest = rest.clone();
    let count: String = rest.by_ref().take_while(|&character| character != '}').collect();
    count.contains(|digit: char| digit.is_ascii_digit())
        && count.chars().all(|character| character.is_ascii_digit() || character == ',')
}

/// The flags, possibly none, with which a group begins after its `?`, and what follows them: a colon, or the group's
/// end.
fn flags_of(rest: &Peekable<Chars<'_>>) -> Option<(String, char)> {
    let mut rest = rest.clone();
    rest.next_if_eq(&'?')?;
    let is_flag = |character: &char| character.is_ascii_alphabetic() || *character == '-';
    let flags: String = std::iter::from_fn(|| rest.next_if(is_flag)).collect();
    rest.next().filter(|&end| end == ':' || end == ')').map(|end| (flags, end))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Random expressions, not all of them valid, made of what the two engines read differently.
    fn expressions() -> impl Strategy<Value = String> {
        let pieces = prop::sample::select(vec![
            "a", "|", "(", "(?:", "(?m:", "(?i)", "(?>", "(?>(?:", ")", "))", "[", "[^", "]", "&&", "{2}",
            "{1,3}", "+", "?", "^", "$", "-", r"\w", r"\W", r"\z", r"\A", r"\p{L}", r"\x{41}", r"\\", r"\[",
            "\u{200C}", "\u{200D}", "(?m:$)",
        ]);
        prop::collection::vec(pieces, 0..12).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]

        #[test]
        fn what_was_read_is_written_and_read_back_as_it_was(expression in expressions()) {
            if fancy_regex::Regex::new(&expression).is_ok()
                && let Ok(ours) = from_oniguruma(&expression)
            {
                prop_assert_eq!(check_portable(&ours), Ok(()));
            }
        }
    }

    #[test]
    fn what_both_read_alike_stays() {
        let loops = r"(?:a?b)+(?:a|b*c)*?(?:a*)?(?:a?){0,1}(?:(?=a)b|c){2,}$?(?:a*+b++)*a?+a*?";
        assert_eq!(from_oniguruma(loops).as_deref(), Ok(&*loops.replacen('$', "(?m:$)", 1)));
        let dots = r"(?m)x(?=a).+|(?=a).+?";
        assert_eq!(from_oniguruma(dots).as_deref(), Ok("(?s)x(?=a).+|(?=a).+?"));
        let same = r"x|(?i)(?-i:ss)(?=(?i:x|y))(?>(?i:x|y))((?i:x|y))(?<name>a+)(?i:'s|'t|s+s|s?s|(?:a)s|ʼs)|(?:(?-i)fi)| ?\p{L}+|[^\s\p{L}$^]{1,3}|\s+(?!\S)|(?<=a)b|\p{L}+|(?:c)\$";
        assert_eq!(from_oniguruma(same).as_deref(), Ok(same));
        assert_eq!(to_oniguruma(same), same);
        assert_eq!(from_oniguruma(r"a$").as_deref(), Ok("a(?m:$)"));
        assert_eq!(from_oniguruma(r"a\p{N}{1,3}+b{2}++").as_deref(), Ok(r"a(?:\p{N}{1,3})+(?:b{2})++"));
        assert_eq!(from_oniguruma(r"(?:xa{2}?)+a{2,2}?").as_deref(), Ok(r"(?:x(?:a{2})?)+a{2,2}?"));
        assert_eq!(from_oniguruma(r"[\w-]").as_deref(), Ok(&*format!("[{IN_WORDS}-]")));
    }

    #[test]
    fn what_is_ours_is_written_anew_and_read_back_as_it_was() {
        for (ours, portable) in [
            (r"\w+|\W", "[\\w\u{200C}\u{200D}]+|[^\\w\u{200C}\u{200D}]"),
            (r"[\w]|[^\w\s]", "[\\w\u{200D}\u{200C}]|[^\\w\u{200D}\u{200C}\\s]"),
            (r"[\Wa]", "[[^\\w\u{200C}\u{200D}]a]"),
            (r"[[^\w]&&[\W]]", "[[^\\w\u{200D}\u{200C}]&&[[^\\w\u{200C}\u{200D}]]]"),
            (r"^a|b$|\Ac\z|(?m:$)", r"\Aa|b\z|(?:\A)c(?:\z)|(?m:$)"),
            (r"\$[$^]\\w\[", r"\$[$^]\\w\["),
            (r"(?s)(?i-s:a)(?s:.$)", r"(?m)(?i-m:a)(?m:.\z)"),
            (
                r"(?i:[a-z]|[^\w\s]|\W|\p{L})",
                "(?i:[a-z]|[^\\w\u{200D}\u{200C}\\s]|[^\\w\u{200C}\u{200D}]|\\p{L})",
            ),
            (
                r"(?i:[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}²³¹¼½¾])[^\p{Alphabetic}\p{M}\p{Nd}\p{Pc}²³¹¼½¾]",
                r"(?i:\w)\W",
            ),
            (r"\p{N}{1,3}+|x", r"(?>(?:\p{N}{1,3}))|x"),
            (r"a(?:b|[c\]d]{2,}+){3}+e", r"a(?>(?:(?:b|(?>(?:[c\]d]{2,}))){3}))e"),
            (r"a{1,3}?|a{,3}|a{2}b+|a++|(?:\x{41}+){2}", r"a{1,3}?|a{,3}|a{2}b+|a++|(?:\x{41}+){2}"),
            ("[\\w\u{200C}\u{200D}]", "[\\w\u{200D}\u{200C}\u{200C}\u{200D}]"),
        ] {
            assert_eq!(to_oniguruma(ours), portable);
            assert_eq!(from_oniguruma(portable).as_deref(), Ok(ours));
            assert_eq!(check_portable(ours), Ok(()));
        }
    }

    #[test]
    fn flags_end_with_their_group() {
        for (theirs, ours) in [
            ("((?i)a)b", "((?i:a))b"),
            ("(?>x|(?m)a|b).", "(?>x|(?s:a|b))."),
            ("(?=(?i)(?m)a|(?-i)b)", "(?=(?i:(?s)a|(?-i)b))"),
            ("(?<name>(?i)(?:(?m)a(?:b))+)?", "(?<name>(?i:(?:(?s)a(?:b))+))?"),
            ("(?!(?i)())a", "(?!(?i:()))a"),
        ] {
            assert_eq!(from_oniguruma(theirs).as_deref(), Ok(ours));
            assert_eq!(check_portable(ours), Ok(()));
        }
    }

    #[test]
    fn groups_that_only_look_like_a_possessive_mark_stay() {
        for same in [
            r"(?>(?:ab{2}))",
            r"(?>(?:a{2}b))",
            r"(?>(?:a{2})+)",
            r"(?>(?:a{2,3}?))",
            r"(?>(?:a|b{2}))",
            r"(?>a{2})",
            r"(?>(a{2}))",
            r"(?:(?:a{2}))",
            r"(?>x(?:a{2}))",
            r"(?>(?:a{2})){2}(?>(?:a{2}))?",
        ] {
            assert_eq!(from_oniguruma(same).as_deref(), Ok(same));
        }
    }

    #[test]
    fn what_only_one_of_them_has_is_refused() {
        for refused in [
            r"(?x:a.b)",
            r"[[:alpha:]]",
            r"a\Kb",
            "a\\",
            r"\bx",
            r"[\W]",
            r"\pL",
            r"\p{sc=Latin}",
            "(?P<a>b)",
            r"[a-z--c]",
            r"[a~~b]",
            r"\u{41}",
            "(?i:straße)",
            "(?i:(?:s)s)",
            "(?i:s(?:(?:s)))",
            "(?i:s{1}s)",
            "(?i:ʼn)",
            "(?i:եւ)",
            "a{0}",
            "a{,0}",
            "(?i:first)",
            "(?i)(?-i:first)ss",
            "(?i:[ß])",
            r"(?i:\x{df})",
            r"(?i)[\u00df]",
            r"(?i)[\w]",
            r"(?i:[^\S]|[\p{L}])",
            "(?i)[a[b]]",
            "(?i)[\\w\u{200C}\u{200D}]",
            "x(?i)a|b",
            "(?:x(?i)a|b)",
            r"x\|(?i)a|b",
            "i(?i)a|b",
            "{2}",
            "a|(?:+)",
            "(?:a?)+",
            "(?:a??$|b){2}+",
            "(?:a|){2,}",
            "(?:(?:a*|b)(?=c)){2}",
            "(?:(a?)){1,3}",
            "(?<name>a?)+",
            r"(\d|\A){2,}",
            r"(?:\z|a)+",
            r"(?:\Z)*",
            "(?<name>a|)*",
            "(?m:(?!a).+)",
            "(?m)$.*",
            "(?m:(?=a)(.{2,}))",
            "(?m)(?=a|.{1,2}+)",
            "(?m)(?=a).{1,2}+",
            "(?m)(?:(?<!a))(?:.)++",
            r"(?:(a*)\1)*",
            "(?=a)*",
            "$+",
            "a*{2}",
            "a+?+",
            "a{1,3}?+",
            "a+?{2}",
            "a{2}{,2}",
            "(?>(?:(?:a?){1,3}))+",
            "a{,2}+",
            "(?:i(?i)a|b)",
            "(i)(?i)a|b",
            r"(?>(?:\d{2}))(?i)a|b",
            r"\U0001F600",
        ] {
            assert!(from_oniguruma(refused).is_err(), "{refused}");
        }
        for (refused, what) in [
            (r"\b\w+\b", r"\b"),
            (r"(?x:.)", "a flag other than i and s"),
            (r"(?m:a.b)", "what would be read as \"(?s:a.b)\""),
            (r"(?i:ss)", "ss where case does not count"),
            (r"x(?i)a|b", "(?i) behind other parts"),
            (r"\pL", r"\p without braces"),
            (r"\p{Script=Latin}", r"\p{Script=Latin}"),
            (r"[\w--\d]", "-- in a class"),
            (r"a{2}?", "what would be read as \"(?:a{2})?\""),
            (r"(?>(?:a{1,3}))", "what would be read as \"a{1,3}+\""),
        ] {
            assert_eq!(check_portable(refused), Err(what.to_owned()));
        }
    }
}
