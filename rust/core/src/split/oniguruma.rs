//! Regular expressions as Oniguruma reads them, the engine of Hugging Face, for ours, which reads some differently.
//!
//! What is written in one way for ours is written in one way for Oniguruma, too, and read back as it was: a tokenizer is
//! the same after it was saved, letter for letter. So each of our words has a form of its own there.
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

use std::borrow::Cow;
use std::iter::Peekable;
use std::str::Chars;

/// An expression with the same matches in our engine; an error names what has none.
pub fn from_oniguruma(expression: &str) -> Result<String, String> {
    read(expression)
        .map_err(|what| format!("the expression {expression:?} has {what}, which is not supported"))
}

/// An error if Oniguruma could not read an expression of ours, or not as ours: what it has.
pub(super) fn check_portable(expression: &str) -> Result<(), String> {
    let read_again = read(&to_oniguruma(expression))?;
    if read_again == expression { Ok(()) } else { Err(format!("what would be read as {read_again:?}")) }
}

/// What [`from_oniguruma`] gives; an error is what the expression has that ours does not.
fn read(expression: &str) -> Result<String, String> {
    let mut reader = Reader {
        rest: expression.chars().peekable(),
        written: Written::default(),
        depth: 0,
        insensitive: vec![false],
        expands: false,
        letter: None,
    };
    while let Some(character) = reader.rest.next() {
        match character {
            '\\' => reader.escape()?,
            '[' | ']' => reader.bracket(character)?,
            _ if reader.depth > 0 => reader.in_class(character)?,
            _ => reader.outside_of_classes(character)?,
        }
    }
    Ok(reader.written.text)
}

/// An expression of Oniguruma's on its way to one of ours.
struct Reader<'e> {
    rest: Peekable<Chars<'e>>,
    written: Written,
    /// In how many classes, one inside the other, the next character is.
    depth: usize,
    /// Whether case does not count, in the whole and in each group that is open.
    insensitive: Vec<bool>,
    /// Whether the class that is open stands for several characters, too, if it has any that is the same as these where
    /// case does not count. A class of what it does not hold does not.
    expands: bool,
    /// The character before the next one, if that is all that it is.
    letter: Option<char>,
}

impl Reader<'_> {
    /// What stands behind a backslash.
    fn escape(&mut self) -> Result<(), String> {
        let Some(escaped) = self.rest.next() else { return Err("a backslash at its end".to_owned()) };
        let has_braces = self.rest.peek() == Some(&'{');
        let is_strange = "GKXRyYNOgkQEUbB".contains(escaped)
            || escaped == 'W' && self.depth > 0
            || escaped == 'u' && has_braces;
        if is_strange {
            return Err(format!("\\{escaped}"));
        }
        if self.depth > 0 && self.expands && "wpPSDH".contains(escaped) {
            return Err(WIDE_CLASS.to_owned());
        }
        if "xu".contains(escaped) && self.is_insensitive() {
            return Err(format!("\\{escaped} where case does not count"));
        }
        self.letter = None;
        if self.depth == 0 {
            self.written.begin();
        }
        match escaped {
            // Ours counts two joiners and enclosed letters, too.
            'z' if self.depth == 0 => self.written.push(&["$"]),
            'A' if self.depth == 0 => self.written.push(&["^"]),
            'w' if self.depth == 0 => self.written.push(&["[", THEIR_WORD]),
            'W' if self.depth == 0 => self.written.push(&["[", THEIR_NO_WORD]),
            'w' if take(&mut self.rest, JOINERS_IN_CLASS) => self.written.push(&[r"\w"]),
            'w' => self.written.push(&[IN_WORDS]),
            'p' | 'P' => self.property(escaped)?,
            'x' if has_braces => {
                self.written.text.extend(['\\', escaped]);
                self.written.in_braces(&mut self.rest);
            }
            _ => self.written.text.extend(['\\', escaped]),
        }
        Ok(())
    }

    /// A class by name, as `\p{L}`.
    fn property(&mut self, escaped: char) -> Result<(), String> {
        if self.rest.peek() != Some(&'{') {
            return Err(format!("\\{escaped} without braces"));
        }
        let name: String = self.rest.by_ref().take_while(|&character| character != '}').collect();
        if name.contains('=') {
            return Err(format!("\\{escaped}{name}}}"));
        }
        self.written.text.extend(['\\', escaped]);
        self.written.push(&[&name, "}"]);
        Ok(())
    }

    /// The beginning or the end of a class.
    fn bracket(&mut self, bracket: char) -> Result<(), String> {
        self.letter = None;
        if bracket == '[' && self.depth == 0 {
            self.written.begin();
            self.expands = self.is_insensitive() && self.rest.peek() != Some(&'^');
        } else if bracket == '[' && self.expands {
            return Err(WIDE_CLASS.to_owned());
        }
        if bracket == ']' {
            self.depth = self.depth.saturating_sub(1);
        } else if self.depth == 0 && !self.expands && take(&mut self.rest, OUR_WORD) {
            self.written.push(&[r"\w"]);
            return Ok(());
        } else if take(&mut self.rest, OUR_NO_WORD) {
            self.written.push(&[r"\W"]);
            return Ok(());
        } else if self.depth > 0 && self.rest.peek() == Some(&':') {
            return Err("a class such as [:alpha:]".to_owned());
        } else {
            self.depth += 1;
        }
        self.written.text.push(bracket);
        Ok(())
    }

    /// Operators between sets are ours alone, but for `&&`.
    fn in_class(&mut self, character: char) -> Result<(), String> {
        if "-~".contains(character) && self.rest.peek() == Some(&character) {
            return Err(format!("{character}{character} in a class"));
        }
        if self.expands && !character.is_ascii() {
            return Err(WIDE_CLASS.to_owned());
        }
        self.written.text.push(character);
        Ok(())
    }

    fn outside_of_classes(&mut self, character: char) -> Result<(), String> {
        let before = self.letter.take();
        match character {
            '(' if take(&mut self.rest, OUR_LINE) => self.written.part(&["(", OUR_LINE]),
            '(' if take(&mut self.rest, OUR_END) => self.written.part(&[r"\z"]),
            '(' if take(&mut self.rest, OUR_START) => self.written.part(&[r"\A"]),
            '(' => self.group()?,
            ')' => {
                if self.insensitive.len() > 1 {
                    self.insensitive.pop();
                }
                let is_repeated = self.rest.peek().is_some_and(|next| "*+?{".contains(*next));
                if is_repeated || !self.written.close_possessive() {
                    self.written.close();
                }
            }
            // Both are about lines there.
            '$' => self.written.part(&["(?m:$)"]),
            '^' => self.written.part(&[r"(?:^|(?<=\n)(?!$))"]),
            '*' | '+' | '?' | '{'
                if !self.written.has_parts && (character != '{' || is_count(&self.rest)) =>
            {
                return Err("a repetition of nothing".to_owned());
            }
            '{' if is_count(&self.rest) => {
                let is_fixed = self.written.count(&mut self.rest);
                // Neither is a mark of the repetition there, but another one.
                let is_again = |&next: &char| next == '+' || next == '?' && is_fixed;
                if let Some(mark) = self.rest.next_if(is_again) {
                    self.written.repeat_whole(mark);
                }
            }
            '*' | '+' | '?' => self.written.repeat(character),
            '|' => {
                self.written.part(&["|"]);
                self.written.begin_alternative();
            }
            _ => {
                self.check_case(before, character)?;
                self.letter = Some(character);
                self.written.part(&[character.encode_utf8(&mut [0; 4])]);
            }
        }
        Ok(())
    }

    /// The beginning of a group, or flags for the rest of one.
    fn group(&mut self) -> Result<(), String> {
        let was = self.is_insensitive();
        let Some((flags, end)) = flags_of(&self.rest) else {
            if begins(&self.rest, "?P") {
                return Err("a group named by (?P".to_owned());
            }
            self.insensitive.push(was);
            self.written.open();
            if let Some(kind) = KINDS_OF_GROUPS.into_iter().find(|kind| take(&mut self.rest, kind)) {
                self.written.push(&[kind]);
            }
            self.written.begin_alternative();
            return Ok(());
        };
        let (on, off) = flags.split_once('-').unwrap_or((&flags, ""));
        if [on, off].iter().any(|flags| flags.contains(|flag| flag != 'i' && flag != 'm')) {
            return Err("a flag other than i and s".to_owned());
        }
        let is = on.contains('i') || was && !off.contains('i');
        let ours = flags.replace('m', "s");
        if end == ':' {
            self.insensitive.push(is);
            self.written.open();
        } else if !self.written.has_parts {
            self.insensitive.pop();
            self.insensitive.push(is);
            self.written.part(&["("]);
        } else {
            // There, all alternatives that follow are its own.
            return Err(format!("(?{ours}) behind other parts"));
        }
        self.rest.nth(flags.len() + 1);
        self.written.flags(&ours, end);
        self.written.begin_alternative();
        Ok(())
    }

    fn is_insensitive(&self) -> bool {
        self.insensitive.last() == Some(&true)
    }

    /// Where case does not count, one character may be several there, and the other way round, as `ß` and `ss`. Not in
    /// ours.
    fn check_case(&self, before: Option<char>, character: char) -> Result<(), String> {
        if !self.is_insensitive() {
            return Ok(());
        }
        let is_several = character.to_uppercase().count() > 1 || character.to_lowercase().count() > 1;
        let before = before.filter(|_| !is_several);
        let text: String = before.into_iter().chain([character]).flat_map(char::to_lowercase).collect();
        if is_several || ["ss", "ff", "fi", "fl", "st"].contains(&&*text) {
            return Err(format!("{text} where case does not count"));
        }
        Ok(())
    }
}

/// An expression of ours as Oniguruma is to read it.
pub(super) fn to_oniguruma(expression: &str) -> Cow<'_, str> {
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
            '*' | '+' | '?' => written.repeat(character),
            _ => written.part(&[character.encode_utf8(&mut [0; 4])]),
        }
    }
    if written.text == expression { Cow::Borrowed(expression) } else { Cow::Owned(written.text) }
}

/// What is written of an expression, and where its latest part begins, which a group may be put around, or taken from.
#[derive(Default)]
struct Written {
    text: String,
    /// Where the groups begin that are open.
    groups: Vec<usize>,
    /// Where the latest part begins: a character, a class or a group.
    part: usize,
    latest: Latest,
    /// Whether there is any in the alternative that is open.
    has_parts: bool,
}

/// What is known of the latest part and what stands behind it.
#[derive(Default, PartialEq, Eq)]
enum Latest {
    #[default]
    Any,
    /// A counted repetition, and nothing else, stands behind it.
    Counted,
    /// It is a group without a number that holds one such part, and nothing stands behind it.
    HoldsCounted,
}

impl Written {
    /// A part begins here.
    fn begin(&mut self) {
        (self.part, self.latest, self.has_parts) = (self.text.len(), Latest::Any, true);
    }

    /// Adds to the latest part.
    fn push(&mut self, texts: &[&str]) {
        self.text.extend(texts.iter().copied());
    }

    fn part(&mut self, texts: &[&str]) {
        self.begin();
        self.push(texts);
    }

    fn open(&mut self) {
        self.groups.push(self.text.len());
        self.part(&["("]);
    }

    /// What stands behind the parenthesis of a group with flags, or without a number.
    fn flags(&mut self, flags: &str, end: char) {
        self.push(&["?", flags]);
        self.text.push(end);
    }

    /// An alternative begins here.
    fn begin_alternative(&mut self) {
        self.has_parts = false;
    }

    fn close(&mut self) {
        let start = self.groups.pop().unwrap_or(0);
        let holds_counted = self.latest == Latest::Counted
            && self.text[start..].starts_with(UNNUMBERED)
            && self.part == start + UNNUMBERED.len();
        self.text.push(')');
        self.has_parts = true;
        (self.part, self.latest) = (start, if holds_counted { Latest::HoldsCounted } else { Latest::Any });
    }

    fn repeat(&mut self, mark: char) {
        self.latest = Latest::Any;
        self.text.push(mark);
    }

    /// The counted repetition whose brace was read; tells whether it is of one number.
    fn count(&mut self, rest: &mut Peekable<Chars<'_>>) -> bool {
        let start = self.text.len();
        self.text.push('{');
        self.in_braces(rest);
        self.latest = Latest::Counted;
        !self.text[start..].contains(',')
    }

    /// All up to the next closing brace.
    fn in_braces(&mut self, rest: &mut Peekable<Chars<'_>>) {
        self.text.extend(rest.by_ref().take_while(|&character| character != '}'));
        self.text.push('}');
    }

    /// Has the latest part with its counted repetition match all that it can or nothing.
    fn make_possessive(&mut self) {
        self.text.insert_str(self.part, POSSESSIVE);
        self.text.push_str("))");
        self.latest = Latest::Any;
    }

    /// Repeats the latest part with its counted repetition.
    fn repeat_whole(&mut self, mark: char) {
        self.text.insert_str(self.part, UNNUMBERED);
        self.text.extend([')', mark]);
        self.latest = Latest::Any;
    }

    /// Ends a group if it is one that [`make_possessive`](Self::make_possessive) puts, and writes it as ours has it.
    fn close_possessive(&mut self) -> bool {
        let Some(&start) = self.groups.last() else { return false };
        let is_one = self.latest == Latest::HoldsCounted
            && self.text[start..].starts_with(POSSESSIVE)
            && self.part + UNNUMBERED.len() == start + POSSESSIVE.len();
        if is_one {
            self.groups.pop();
            self.text.pop();
            self.text.replace_range(start..start + POSSESSIVE.len(), "");
            self.text.push('+');
            (self.part, self.latest) = (start, Latest::Any);
        }
        is_one
    }
}

const UNNUMBERED: &str = "(?:";

/// What may stand behind a parenthesis besides flags.
const KINDS_OF_GROUPS: [&str; 6] = ["?=", "?!", "?<=", "?<!", "?>", "?<"];

const POSSESSIVE: &str = "(?>(?:";

/// What stands behind a bracket for our `\w` and our `\W`, which count the two joiners.
const OUR_WORD: &str = "\\w\u{200C}\u{200D}]";
const OUR_NO_WORD: &str = "^\\w\u{200C}\u{200D}]";

/// Letters, marks, decimal digits and connectors: Oniguruma's `\w` in a class.
const IN_WORDS: &str = r"\p{Alphabetic}\p{M}\p{Nd}\p{Pc}";

/// What stands behind a bracket for its `\w` and `\W` elsewhere: what its table of Latin-1 has besides counts there, too.
const THEIR_WORD: &str = r"\p{Alphabetic}\p{M}\p{Nd}\p{Pc}²³¹¼½¾]";
const THEIR_NO_WORD: &str = r"^\p{Alphabetic}\p{M}\p{Nd}\p{Pc}²³¹¼½¾]";

const WIDE_CLASS: &str = "a class of more than ASCII where case does not count";

/// What stands behind a `\w` in a class for ours.
const JOINERS_IN_CLASS: &str = "\u{200D}\u{200C}";

/// What stands behind a parenthesis for the end of a line, whoever reads it, and for our marks of the text's ends.
const OUR_LINE: &str = "?m:$)";
const OUR_END: &str = r"?:\z)";
const OUR_START: &str = r"?:\A)";

fn begins(rest: &Peekable<Chars<'_>>, with: &str) -> bool {
    let mut rest = rest.clone();
    with.chars().all(|character| rest.next() == Some(character))
}

/// Reads `text`, if that comes next.
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

/// The flags that a group begins with, none of them too, and what stands behind: a colon, or the group's end.
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

    /// Expressions that may be none, of what is read in different ways.
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
        let same = r"x|(?i)(?-i:ss)(?=(?i)x|y)(?>(?i)x|y)((?i)x|y)(?<name>a+)(?i:'s|'t|s+s|(?:s)s)|(?:(?-i)fi)| ?\p{L}+|[^\s\p{L}$^]{1,3}|\s+(?!\S)|(?<=a)b|\p{L}+|(?:c)\$";
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
            (r"a{1,3}?|a{,3}|a{2}b+|a++|\x{41}+{2}", r"a{1,3}?|a{,3}|a{2}b+|a++|\x{41}+{2}"),
            ("[\\w\u{200C}\u{200D}]", "[\\w\u{200D}\u{200C}\u{200C}\u{200D}]"),
        ] {
            assert_eq!(to_oniguruma(ours), portable);
            assert_eq!(from_oniguruma(portable).as_deref(), Ok(ours));
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
