//! An expression in the making, whoever is to read it: where its parts begin, and whether they may match nothing.

use std::iter::Peekable;
use std::str::Chars;

const UNNUMBERED: &str = "(?:";

const POSSESSIVE: &str = "(?>(?:";

/// With which of them it takes no characters.
const LOOKS_AROUND: [&str; 4] = ["(?=", "(?!", "(?<=", "(?<!"];

/// What is written of an expression, and where its latest part begins, which a group may be put around, or taken from.
#[derive(Default)]
pub(super) struct Written {
    pub(super) text: String,
    /// Where the groups begin that are open, and the alternatives that they stand in.
    groups: Vec<(usize, Alternatives)>,
    /// Where the latest part begins: a character, a class or a group.
    part: usize,
    latest: Latest,
    /// Those of the group that is open.
    pub(super) here: Alternatives,
    /// Whether there is a group whose text, which a number may ask for again, may be nothing.
    pub(super) finds_nothing: bool,
}

/// What is known of the latest part and what stands behind it.
#[derive(Default, PartialEq, Eq)]
enum Latest {
    #[default]
    Any,
    /// A repetition stands behind it, and nothing that marks how it repeats.
    Repeated,
    /// A repetition and its mark.
    Marked,
    /// A counted one, and nothing else.
    Counted,
    /// It is a group without a number that holds one such part, and nothing stands behind it.
    HoldsCounted,
}

/// What the alternatives of a group have so far.
#[derive(Clone, Copy, Default)]
pub(super) struct Alternatives {
    /// The latest part of the one that is open.
    pub(super) latest: Option<Takes>,
    /// Whether a part before that takes characters.
    takes: bool,
    /// Whether an alternative before this may be nothing.
    may_be_nothing: bool,
}

/// What a part takes of a text.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Takes {
    Characters,
    /// Or only in some texts.
    Nothing,
}

impl Alternatives {
    /// A part begins, one that takes characters.
    fn begin(&mut self) {
        self.takes |= self.latest == Some(Takes::Characters);
        self.latest = Some(Takes::Characters);
    }

    fn may_be_nothing(self) -> bool {
        self.may_be_nothing || !self.takes && self.latest != Some(Takes::Characters)
    }
}

/// How many times a counted repetition has what it repeats.
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
    /// A part begins here.
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

    /// Adds a part that is a place in a text, as its end is, and takes no characters.
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

    /// What stands behind the parenthesis of a group with flags, or without a number.
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

    /// The group that is open becomes the latest part.
    fn end_group(&mut self) {
        let inside = self.here;
        (self.part, self.here) = self.groups.pop().unwrap_or_default();
        let looks_around = LOOKS_AROUND.iter().any(|kind| self.text[self.part..].starts_with(kind));
        let is_nothing = looks_around || inside.may_be_nothing();
        self.finds_nothing |= is_nothing;
        self.here.latest = Some(if is_nothing { Takes::Nothing } else { Takes::Characters });
    }

    /// Whether the latest part is the first to take characters, and one stands before it that takes none.
    pub(super) fn begins_with_place(&self) -> bool {
        let before = &self.text[..self.part];
        let has_place = before.contains(['^', '$']) || LOOKS_AROUND.iter().any(|kind| before.contains(kind));
        let outside = self.groups.iter().map(|(_, outside)| outside);
        has_place && outside.chain([&self.here]).all(|one| !one.takes)
    }

    /// Whether a repetition stands behind the latest part.
    pub(super) fn is_repeated(&self) -> bool {
        [Latest::Repeated, Latest::Counted].contains(&self.latest)
    }

    /// Whether its mark stands there, too.
    pub(super) fn is_marked(&self) -> bool {
        self.latest == Latest::Marked
    }

    /// Adds one of `*`, `+` and `?`; tells whether it is the mark of a repetition.
    pub(super) fn repeat(&mut self, character: char) -> bool {
        let is_mark = self.is_repeated();
        self.latest = if is_mark { Latest::Marked } else { Latest::Repeated };
        if !is_mark && character != '+' {
            self.here.latest = Some(Takes::Nothing);
        }
        self.text.push(character);
        is_mark
    }

    /// The counted repetition whose brace was read.
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

    /// All up to the next closing brace.
    pub(super) fn in_braces(&mut self, rest: &mut Peekable<Chars<'_>>) {
        self.text.extend(rest.by_ref().take_while(|&character| character != '}'));
        self.text.push('}');
    }

    /// Has the latest part with its counted repetition match all that it can or nothing.
    pub(super) fn make_possessive(&mut self) {
        self.text.insert_str(self.part, POSSESSIVE);
        self.text.push_str("))");
        self.latest = Latest::Any;
    }

    /// Repeats the latest part with its counted repetition.
    pub(super) fn repeat_whole(&mut self, mark: char) {
        self.text.insert_str(self.part, UNNUMBERED);
        self.text.push(')');
        self.latest = Latest::Any;
        self.repeat(mark);
    }

    /// Ends a group if it is one that [`make_possessive`](Self::make_possessive) puts, and writes it as ours has it.
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
