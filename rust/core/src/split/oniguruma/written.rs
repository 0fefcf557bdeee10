//! An expression being written, for either engine: where its parts begin, and whether they may match nothing.

use std::iter::Peekable;
use std::str::Chars;

const UNNUMBERED: &str = "(?:";

const POSSESSIVE: &str = "(?>(?:";

/// The beginnings of groups that take no characters.
const LOOKS_AROUND: [&str; 4] = ["(?=", "(?!", "(?<=", "(?<!"];

/// The text of an expression so far, and where its latest part begins, so that a group can be put around that part, or
/// removed.
#[derive(Default)]
pub(super) struct Written {
    pub(super) text: String,
    /// Where each open group begins, and the alternatives of the group that it stands in.
    groups: Vec<(usize, Alternatives)>,
    /// Where the latest part begins: a character, a class or a group.
    part: usize,
    latest: Latest,
    /// The alternatives of the group that is open.
    pub(super) here: Alternatives,
    /// Whether there is a group whose text may be nothing; a back-reference may match that again.
    pub(super) finds_nothing: bool,
}

/// What is known of the latest part and of what follows it.
#[derive(Default, PartialEq, Eq)]
enum Latest {
    #[default]
    Any,
    /// A repetition follows it, without a mark that says how it repeats.
    Repeated,
    /// A repetition and its mark follow it.
    Marked,
    /// Only a counted repetition follows it.
    Counted,
    /// It is a group without a number that holds one such counted part, and nothing follows it.
    HoldsCounted,
}

/// What is known of the alternatives of a group so far.
#[derive(Clone, Copy, Default)]
pub(super) struct Alternatives {
    /// What the latest part of the open alternative takes.
    pub(super) latest: Option<Takes>,
    /// Whether a part before the latest one takes characters.
    takes: bool,
    /// Whether an earlier alternative may match nothing.
    may_be_nothing: bool,
}

/// What a part takes of a text.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Takes {
    /// Always at least one.
    Characters,
    /// None, or none in some texts.
    Nothing,
}

impl Alternatives {
    /// Begins a part that takes characters.
    fn begin(&mut self) {
        self.takes |= self.latest == Some(Takes::Characters);
        self.latest = Some(Takes::Characters);
    }

    fn may_be_nothing(self) -> bool {
        self.may_be_nothing || !self.takes && self.latest != Some(Takes::Characters)
    }
}

/// How many times a counted repetition repeats its part.
pub(super) struct Count {
    /// One number was given, and not two.
    pub(super) is_fixed: bool,
    least: u32,
    /// `None` if there is no bound.
    pub(super) most: Option<u32>,
}

impl Count {
    fn of(numbers: &str) -> Self {
        let (least, most) = numbers.split_once(',').unwrap_or((numbers, numbers));
        let number = |digits: &str| digits.parse().unwrap_or(u32::MAX);
        Self {
            is_fixed: !numbers.contains(','),
            least: if least.is_empty() { 0 } else { number(least) },
            most: (!most.is_empty()).then(|| number(most)),
        }
    }
}

impl Written {
    /// Begins a part here.
    pub(super) fn begin(&mut self) {
        (self.part, self.latest) = (self.text.len(), Latest::Any);
        self.here.begin();
    }

    /// Adds to the latest part.
    pub(super) fn push(&mut self, texts: &[&str]) {
        self.text.extend(texts.iter().copied());
    }

    pub(super) fn part(&mut self, texts: &[&str]) {
        self.begin();
        self.push(texts);
    }

    /// Adds a part that matches a place in a text, such as its end, and takes no characters.
    pub(super) fn place(&mut self, texts: &[&str]) {
        self.part(texts);
        self.here.latest = Some(Takes::Nothing);
    }

    pub(super) fn alternative(&mut self) {
        self.part(&["|"]);
        let Alternatives { takes, may_be_nothing, .. } = self.here;
        self.here = Alternatives { may_be_nothing: may_be_nothing || !takes, ..Alternatives::default() };
    }

    pub(super) fn open(&mut self) {
        self.begin();
        self.groups.push((self.text.len(), std::mem::take(&mut self.here)));
        self.text.push('(');
    }

    /// Adds what follows the parenthesis of a group with flags, or without a number.
    pub(super) fn flags(&mut self, flags: &str, end: char) {
        self.push(&["?", flags]);
        self.text.push(end);
    }

    pub(super) fn close(&mut self) {
        let holds_counted = self.latest == Latest::Counted
            && self.groups.last().is_some_and(|&(start, _)| {
                self.text[start..].starts_with(UNNUMBERED) && self.part == start + UNNUMBERED.len()
            });
        self.end_group();
        self.text.push(')');
        self.latest = if holds_counted { Latest::HoldsCounted } else { Latest::Any };
    }

    /// Ends the open group, which becomes the latest part.
    fn end_group(&mut self) {
        let inside = self.here;
        (self.part, self.here) = self.groups.pop().unwrap_or_default();
        let looks_around = LOOKS_AROUND.iter().any(|kind| self.text[self.part..].starts_with(kind));
        let is_nothing = looks_around || inside.may_be_nothing();
        self.finds_nothing |= is_nothing;
        self.here.latest = Some(if is_nothing { Takes::Nothing } else { Takes::Characters });
    }

    /// Whether the latest part is the first to take characters, and a mark of a place comes before it.
    pub(super) fn begins_with_place(&self) -> bool {
        let before = &self.text[..self.part];
        let has_place = before.contains(['^', '$']) || LOOKS_AROUND.iter().any(|kind| before.contains(kind));
        let outside = self.groups.iter().map(|(_, outside)| outside);
        has_place && outside.chain([&self.here]).all(|one| !one.takes)
    }

    /// Whether a repetition follows the latest part, without a mark.
    pub(super) fn is_repeated(&self) -> bool {
        [Latest::Repeated, Latest::Counted].contains(&self.latest)
    }

    /// Whether a repetition and its mark follow the latest part.
    pub(super) fn is_marked(&self) -> bool {
        self.latest == Latest::Marked
    }

    /// Adds one of `*`, `+` and `?`; returns whether it is the mark of a repetition.
    pub(super) fn repeat(&mut self, character: char) -> bool {
        let is_mark = self.is_repeated();
        self.latest = if is_mark { Latest::Marked } else { Latest::Repeated };
        if !is_mark && character != '+' {
            self.here.latest = Some(Takes::Nothing);
        }
        self.text.push(character);
        is_mark
    }

    /// Adds the counted repetition whose opening brace was read.
    pub(super) fn count(&mut self, rest: &mut Peekable<Chars<'_>>) -> Count {
        let start = self.text.len();
        self.text.push('{');
        self.in_braces(rest);
        self.latest = Latest::Counted;
        let count = Count::of(&self.text[start + 1..self.text.len() - 1]);
        if count.least == 0 {
            self.here.latest = Some(Takes::Nothing);
        }
        count
    }

    /// Adds everything up to the next closing brace.
    pub(super) fn in_braces(&mut self, rest: &mut Peekable<Chars<'_>>) {
        self.text.extend(rest.by_ref().take_while(|&character| character != '}'));
        self.text.push('}');
    }

    /// Makes the latest part with its counted repetition possessive: it matches as much as it can, and gives nothing
    /// back.
    pub(super) fn make_possessive(&mut self) {
        self.text.insert_str(self.part, POSSESSIVE);
        self.text.push_str("))");
        self.latest = Latest::Any;
    }

    /// Puts the latest part with its counted repetition into a group, and repeats that.
    pub(super) fn repeat_whole(&mut self, mark: char) {
        self.text.insert_str(self.part, UNNUMBERED);
        self.text.push(')');
        self.latest = Latest::Any;
        self.repeat(mark);
    }

    /// Ends the open group if it is one that [`make_possessive`](Self::make_possessive) writes, and turns it into our
    /// form; returns whether it was.
    pub(super) fn close_possessive(&mut self) -> bool {
        let Some(&(start, _)) = self.groups.last() else { return false };
        let is_one = self.latest == Latest::HoldsCounted
            && self.text[start..].starts_with(POSSESSIVE)
            && self.part + UNNUMBERED.len() == start + POSSESSIVE.len();
        if is_one {
            self.end_group();
            self.text.pop();
            self.text.replace_range(start..start + POSSESSIVE.len(), "");
            self.text.push('+');
            self.latest = Latest::Any;
        }
        is_one
    }
}
