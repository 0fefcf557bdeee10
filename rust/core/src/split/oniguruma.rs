//! Regular expressions as Oniguruma reads them, the engine of Hugging Face, for ours, which reads some differently.

use std::borrow::Cow;
use std::iter::Peekable;
use std::str::Chars;

/// An expression with the same matches in our engine; an error names what has none.
pub fn from_oniguruma(expression: &str) -> Result<String, String> {
    let mut reader = Reader {
        expression,
        rest: expression.chars().peekable(),
        written: String::with_capacity(expression.len()),
        depth: 0,
    };
    while let Some(character) = reader.rest.next() {
        match character {
            '\\' => reader.escape()?,
            '[' | ']' => reader.bracket(character)?,
            _ if reader.depth > 0 => reader.written.push(character),
            _ => reader.outside_of_classes(character)?,
        }
    }
    Ok(reader.written)
}

/// An expression of Oniguruma's on its way to one of ours.
struct Reader<'e> {
    expression: &'e str,
    rest: Peekable<Chars<'e>>,
    written: String,
    /// In how many classes, one inside the other, the next character is.
    depth: usize,
}

impl Reader<'_> {
    fn refuse<T>(&self, what: &str) -> Result<T, String> {
        Err(format!("the expression {:?} has {what}, which is not supported", self.expression))
    }

    /// What stands behind a backslash.
    fn escape(&mut self) -> Result<(), String> {
        let Some(escaped) = self.rest.next() else { return self.refuse("a backslash at its end") };
        if "GKXRyYNOgkQE".contains(escaped) {
            return self.refuse(&format!("\\{escaped}"));
        }
        match escaped {
            // Ours counts two joiners and enclosed letters, too.
            'z' if self.depth == 0 => self.written.push('$'),
            'A' if self.depth == 0 => self.written.push('^'),
            'w' if self.depth == 0 => self.written.extend(["[", IN_WORDS, IN_WORDS_OUTSIDE_OF_CLASSES, "]"]),
            'W' if self.depth == 0 => self.written.extend(["[^", IN_WORDS, IN_WORDS_OUTSIDE_OF_CLASSES, "]"]),
            'w' => self.written.push_str(IN_WORDS),
            'W' | 'b' | 'B' => return self.refuse(&format!("\\{escaped}")),
            'p' | 'P' if self.rest.peek() == Some(&'{') => {
                self.written.extend(['\\', escaped]);
                self.written.extend(self.rest.by_ref().take_while(|&character| character != '}'));
                self.written.push('}');
            }
            _ => self.written.extend(['\\', escaped]),
        }
        Ok(())
    }

    /// The beginning or the end of a class.
    fn bracket(&mut self, bracket: char) -> Result<(), String> {
        if bracket == ']' {
            self.depth = self.depth.saturating_sub(1);
        } else if self.depth == 0 && begins(&self.rest, OUR_WORD) {
            self.rest.nth(OUR_WORD.chars().count() - 1);
            self.written.push_str(r"\w");
            return Ok(());
        } else if self.depth > 0 && self.rest.peek() == Some(&':') {
            return self.refuse("a class such as [:alpha:]");
        } else {
            self.depth += 1;
        }
        self.written.push(bracket);
        Ok(())
    }

    fn outside_of_classes(&mut self, character: char) -> Result<(), String> {
        match character {
            '(' if begins(&self.rest, OUR_LINE) => {
                self.rest.nth(OUR_LINE.chars().count() - 1);
                self.written.push_str("(?m:$)");
            }
            // Both are about lines there.
            '$' => self.written.push_str("(?m:$)"),
            '^' => self.written.push_str(r"(?:^|(?<=\n)(?!$))"),
            '}' if self.rest.peek() == Some(&'+')
                && self.written.ends_with(|digit: char| digit.is_ascii_digit() || digit == ',') =>
            {
                return self.refuse("a possessive mark behind a counted repetition, which repeats it there");
            }
            '(' if is_flag(&self.rest) => return self.refuse("a flag other than i"),
            _ => self.written.push(character),
        }
        Ok(())
    }
}

/// An expression of ours as Oniguruma is to read it. A possessive mark behind a counted repetition stays, though it is
/// another thing there.
pub(super) fn to_oniguruma(expression: &str) -> Cow<'_, str> {
    let mut written = String::with_capacity(expression.len());
    let mut rest = expression.chars().peekable();
    let mut depth = 0_usize;
    while let Some(character) = rest.next() {
        match character {
            '\\' => match rest.next() {
                Some('w') if depth == 0 => written.extend(["[", OUR_WORD]),
                escaped => written.extend(std::iter::once('\\').chain(escaped)),
            },
            '(' if begins(&rest, OUR_LINE) => {
                rest.nth(OUR_LINE.chars().count() - 1);
                written.extend(["(", OUR_LINE]);
            }
            '$' if depth == 0 => written.push_str(r"\z"),
            '^' if depth == 0 => written.push_str(r"\A"),
            _ => {
                depth = match character {
                    '[' => depth + 1,
                    ']' => depth.saturating_sub(1),
                    _ => depth,
                };
                written.push(character);
            }
        }
    }
    if written == expression { Cow::Borrowed(expression) } else { Cow::Owned(written) }
}

/// What stands behind a bracket for our `\w`, which counts the two joiners.
const OUR_WORD: &str = "\\w\u{200C}\u{200D}]";

/// What stands behind a parenthesis for the end of a line, whoever reads it.
const OUR_LINE: &str = "?m:$)";

fn begins(rest: &Peekable<Chars<'_>>, with: &str) -> bool {
    let mut rest = rest.clone();
    with.chars().all(|character| rest.next() == Some(character))
}

/// Letters, marks, decimal digits and connectors.
const IN_WORDS: &str = r"\p{Alphabetic}\p{M}\p{Nd}\p{Pc}";

/// And what Oniguruma's table of Latin-1 has besides, which it uses for all but classes.
const IN_WORDS_OUTSIDE_OF_CLASSES: &str = "²³¹¼½¾";

/// Whether a group begins with flags among which are others than `i`.
fn is_flag(rest: &Peekable<Chars<'_>>) -> bool {
    let mut group = rest.clone();
    if group.next() != Some('?') {
        return false;
    }
    let flags: String =
        group.take_while(|&character| character.is_ascii_alphabetic() || character == '-').collect();
    flags.contains(|flag| flag != 'i' && flag != '-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_both_read_alike_stays_and_the_rest_is_written_anew_or_refused() {
        let same = r"(?i:'s|'t)| ?\p{L}+|[^\s\p{L}$^]{1,3}|\s+(?!\S)|(?<=a)b|\p{L}+|(?:c)\$";
        assert_eq!(from_oniguruma(same).as_deref(), Ok(same));
        assert_eq!(from_oniguruma(r"a$").as_deref(), Ok("a(?m:$)"));
        for ours in [r"\w+|\s", r"^a|b$", "(?m:$)", r"\$[$^]\\w", r"[\w-]"] {
            assert_eq!(
                from_oniguruma(&to_oniguruma(ours)).as_deref().map(|text| text.replace(IN_WORDS, r"\w")),
                Ok(ours.to_owned())
            );
        }
        for refused in [r"\p{N}{1,3}+", r"(?m:a.b)", r"[[:alpha:]]", r"a\Kb", "a\\"] {
            assert!(from_oniguruma(refused).is_err(), "{refused}");
        }
    }
}
