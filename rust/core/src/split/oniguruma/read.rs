//! Oniguruma's expressions → ours.

use std::iter::Peekable;
use std::str::Chars;

use super::written::{Count, Takes, Written};
use super::{
    IN_WORDS, JOINERS_IN_CLASS, OUR_END, OUR_LINE, OUR_NO_WORD, OUR_START, OUR_WORD, THEIR_NO_WORD,
    THEIR_WORD, begins, flags_of, is_count, take,
};

/// What may follow a parenthesis, apart from flags.
const KINDS_OF_GROUPS: [&str; 6] = ["?=", "?!", "?<=", "?<!", "?>", NAMED];

/// What comes before a group's name.
const NAMED: &str = "?<";

const WIDE_CLASS: &str = "a class of more than ASCII where case does not count";

/// What [`from_oniguruma`](super::from_oniguruma) returns; the error is what the expression has that our engine lacks.
pub(super) fn read(expression: &str) -> Result<String, String> {
    let mut reader = Reader {
        rest: expression.chars().peekable(),
        written: Written::default(),
        depth: 0,
        flags: vec![Flags::default()],
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

/// The flags that hold for a part of an expression.
#[derive(Clone, Copy, Default)]
struct Flags {
    /// Case does not count.
    insensitive: bool,
    /// A dot also matches the end of a line.
    dot_is_all: bool,
    until: Until,
}

/// How far flags that change inside a group hold in our engine.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Until {
    /// To the group's end: for the whole expression and for `(?:…)`, with flags or without.
    #[default]
    End,
    /// Beyond the group's end: for all other groups.
    Beyond,
    /// To the end of a group that was opened inside it for this reason, and ends with it.
    InnerEnd,
}

/// An expression of Oniguruma's on its way to one of ours.
struct Reader<'e> {
    rest: Peekable<Chars<'e>>,
    written: Written,
    /// In how many nested classes the next character is.
    depth: usize,
    /// The flags of the whole expression and of each open group.
    flags: Vec<Flags>,
    /// Whether the open class also matches several characters in a row, if one of its own equals these where case does
    /// not count. A negated class does not.
    expands: bool,
    /// The part before the next one, if it is a single character.
    letter: Option<char>,
}

impl Reader<'_> {
    /// Reads what follows a backslash.
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
            if "zAZ".contains(escaped) || escaped.is_ascii_digit() && self.written.finds_nothing {
                self.written.here.latest = Some(Takes::Nothing);
            }
        }
        match escaped {
            // Ours also counts the two joiners and enclosed letters.
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

    /// Reads a class by name, such as `\p{L}`.
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

    /// Reads the beginning or the end of a class.
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

    /// Reads a character in a class. Only our engine has operators between sets other than `&&`.
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
            '(' if take(&mut self.rest, OUR_LINE) => self.written.place(&["(", OUR_LINE]),
            '(' if take(&mut self.rest, OUR_END) => self.written.place(&[r"\z"]),
            '(' if take(&mut self.rest, OUR_START) => self.written.place(&[r"\A"]),
            // Letters on both sides of a parenthesis may match together, and so may those around a counted repetition:
            // s{1}s.
            '(' => {
                self.letter = before;
                self.group()?;
            }
            ')' => {
                self.letter = before;
                if self.flags.len() > 1
                    && self.flags.pop().is_some_and(|ended| ended.until == Until::InnerEnd)
                {
                    self.written.close();
                }
                let is_repeated = self.rest.peek().is_some_and(|next| "*+?{".contains(*next));
                if is_repeated || !self.written.close_possessive() {
                    self.written.close();
                }
            }
            // In Oniguruma both are about lines.
            '$' => self.written.place(&["(?m:$)"]),
            '^' => self.written.place(&[r"(?:^|(?<=\n)(?!$))"]),
            '*' | '+' | '?' | '{' if character != '{' || is_count(&self.rest) => {
                self.letter = before.filter(|_| character == '{');
                self.repetition(character, before == Some('.'))?;
            }
            '|' => self.written.alternative(),
            _ => {
                self.check_case(before, character)?;
                self.letter = Some(character);
                self.written.part(&[character.encode_utf8(&mut [0; 4])]);
            }
        }
        Ok(())
    }

    /// Reads what repeats the latest part, or the mark that says how. Repetitions of what may be nothing are refused,
    /// since the engines differ in what they match.
    fn repetition(&mut self, character: char, is_dot: bool) -> Result<(), String> {
        let Some(takes) = self.written.here.latest else { return Err("a repetition of nothing".to_owned()) };
        if self.written.is_marked() || character == '{' && self.written.is_repeated() {
            return Err("a repetition behind another".to_owned());
        }
        let is_of_nothing = if character == '{' {
            let Count { is_fixed, most, .. } = self.written.count(&mut self.rest);
            if most == Some(0) {
                return Err("a part that stands there no times".to_owned());
            }
            let counted = self.written.here.latest;
            // In Oniguruma this `+` or `?` is not a mark but repeats once more.
            let is_again = |&next: &char| next == '+' || next == '?' && is_fixed;
            let again = self.rest.next_if(is_again);
            self.check_dots(is_dot && (most.is_none() || again == Some('+')))?;
            if let Some(mark) = again {
                self.written.repeat_whole(mark);
            }
            most != Some(1) && takes == Takes::Nothing
                || again == Some('+') && counted == Some(Takes::Nothing)
        } else {
            let is_mark = self.written.repeat(character);
            self.check_dots(is_dot && !is_mark && character != '?')?;
            !is_mark && character != '?' && takes == Takes::Nothing
        };
        if is_of_nothing { Err("a repetition of what may be nothing".to_owned()) } else { Ok(()) }
    }

    /// Refuses an endless repetition of a dot for all characters after nothing but marks of places: Oniguruma tries
    /// such an expression only at the first place, as if it had to match there, though the mark may hold only later.
    fn check_dots(&self, are_endless: bool) -> Result<(), String> {
        if are_endless
            && self.latest_flags().dot_is_all
            && self.rest_is_greedy()
            && self.written.begins_with_place()
        {
            return Err("a repeated dot for all characters behind what takes none".to_owned());
        }
        Ok(())
    }

    fn rest_is_greedy(&self) -> bool {
        self.rest.clone().next() != Some('?')
    }

    /// Reads the beginning of a group, or flags for the rest of one.
    fn group(&mut self) -> Result<(), String> {
        if let Some((flags, end)) = flags_of(&self.rest) {
            return self.flags(&flags, end);
        }
        if begins(&self.rest, "?P") {
            return Err("a group named by (?P".to_owned());
        }
        self.flags.push(Flags { until: Until::Beyond, ..self.latest_flags() });
        self.written.open();
        if let Some(kind) = KINDS_OF_GROUPS.into_iter().find(|kind| take(&mut self.rest, kind)) {
            self.written.push(&[kind]);
            if kind == NAMED {
                let name: String = self.rest.by_ref().take_while(|&character| character != '>').collect();
                self.written.push(&[&name, ">"]);
            }
        }
        Ok(())
    }

    /// Reads flags: those of a group that begins, if they end with a colon, else those for the rest of the open group.
    fn flags(&mut self, flags: &str, end: char) -> Result<(), String> {
        let (on, off) = flags.split_once('-').unwrap_or((flags, ""));
        if [on, off].iter().any(|flags| flags.contains(|flag| flag != 'i' && flag != 'm')) {
            return Err("a flag other than i and s".to_owned());
        }
        let ours = flags.replace('m', "s");
        let was = self.latest_flags();
        let is = |flag: char, was: bool| on.contains(flag) || was && !off.contains(flag);
        let mut is = Flags {
            insensitive: is('i', was.insensitive),
            dot_is_all: is('m', was.dot_is_all),
            ..Flags::default()
        };
        if end == ')' {
            if self.written.here.latest.is_some() {
                // In Oniguruma these flags also take in all alternatives that follow.
                return Err(format!("(?{ours}) behind other parts"));
            }
            is.until = if was.until == Until::End { Until::End } else { Until::InnerEnd };
            self.flags.pop();
        }
        self.flags.push(is);
        self.rest.nth(flags.len() + 1);
        if end == ':' || was.until == Until::Beyond {
            self.written.open();
            self.written.flags(&ours, ':');
        } else {
            self.written.push(&["("]);
            self.written.flags(&ours, end);
        }
        Ok(())
    }

    fn latest_flags(&self) -> Flags {
        self.flags.last().copied().unwrap_or_default()
    }

    fn is_insensitive(&self) -> bool {
        self.latest_flags().insensitive
    }

    /// Refuses letters with which Oniguruma, where case does not count, matches one character with several, or several
    /// with one, such as `ß` and `ss`. Our engine does not.
    fn check_case(&self, before: Option<char>, character: char) -> Result<(), String> {
        if !self.is_insensitive() {
            return Ok(());
        }
        let is_several = character.to_uppercase().count() > 1 || character.to_lowercase().count() > 1;
        let before = before.filter(|_| !is_several);
        let text: String = before.into_iter().chain([character]).flat_map(char::to_lowercase).collect();
        if is_several || before.is_some() && is_part_of_one(&text) {
            return Err(format!("{text} where case does not count"));
        }
        Ok(())
    }
}

/// Whether two lower-case letters are part of what one character equals where case does not count, as `ss` of `ß`.
fn is_part_of_one(letters: &str) -> bool {
    if letters.is_ascii() {
        return ["ss", "ff", "fi", "fl", "st"].contains(&letters);
    }
    let folded = |one: char| one.to_uppercase().flat_map(char::to_lowercase).collect::<String>();
    ('\u{80}'..='\u{FFFF}')
        .filter(|one| one.to_uppercase().count() > 1)
        .any(|one| folded(one).contains(letters))
}
