//! Text → pretokens, the units inside which byte pairs merge.
//!
//! A published pattern has a scanner; any other regular expression goes to a backtracking engine. Every pretoken is a
//! run of bytes of the text, and together they are the text: nothing is dropped, not even where an expression does not
//! match (such a stretch is a pretoken of its own). Bytes that are not UTF-8 stand alone, one pretoken each, and the
//! text on either side of them is split on its own.

mod classes;
mod cut;
mod deepseek;
mod ends;
mod family;
mod find;
mod masks;
mod numbers;
mod oniguruma;
mod pattern;
mod regex;
mod scan;
mod scanner;
mod starts;
mod superwords;
mod variant;
mod wide;

pub use ends::Ends;
pub use find::Find;
pub use oniguruma::from_oniguruma;
pub use pattern::{Pattern, Published};
pub use variant::Digits;

use crate::Result;
use crate::processor::Level;
use family::{Cl100k, Gpt2, Grouped, Llama3, O200k, Qwen2};
use numbers::Numbers;
use regex::RegexSplitter;
use scanner::{Scanner, scanner_for};
use superwords::{LETTERS, LETTERS_AND_MARKS, Superwords};
use variant::Variant;

/// How many pretokens are found at once: enough to hide the memory latency of what is done with them, few enough
/// that their ends and the text itself stay in the L1 cache.
pub(crate) const BLOCK: usize = 1024;

/// A compiled [`Pattern`]: immutable, cheap to clone, and safe to share between threads.
#[derive(Debug, Clone)]
pub struct Splitter {
    pattern: Pattern,
    engine: Engine,
    /// How the engine's pretokens join, for a pattern that takes words in a row as one pretoken.
    superwords: Option<Superwords>,
}

#[derive(Debug, Clone)]
enum Engine {
    /// The whole text is one pretoken.
    Whole,
    /// A published pattern, by the function that finds the next pretokens.
    Scan(Scanner),
    /// A published pattern with numbers grouped in a way for which there is no scanner.
    Numbers(Numbers),
    Regex(RegexSplitter),
}

impl Splitter {
    /// Compiles `pattern`; an error if it is not a valid regular expression.
    pub fn new(pattern: &Pattern) -> Result<Self> {
        Self::at_level(pattern, Level::best())
    }

    /// Like [`new`](Self::new), but with the scanner for `level`, where the pattern has one.
    pub(crate) fn at_level(pattern: &Pattern, level: Level) -> Result<Self> {
        if let Some(variant) = Variant::of(pattern)
            && let Some(engine) = engine_for(variant, level)
        {
            let superwords = Superwords {
                word: if variant.name() == "o200k" { LETTERS_AND_MARKS } else { LETTERS },
                lone_apostrophes: variant.name() == "gpt2",
            };
            let superwords = variant.superwords.then_some(superwords);
            return Ok(Self { pattern: pattern.clone(), engine, superwords });
        }
        let engine = match pattern {
            Pattern::Whole => Engine::Whole,
            _ => Engine::Regex(RegexSplitter::new(&pattern.expressions())?),
        };
        Ok(Self { pattern: pattern.clone(), engine, superwords: None })
    }

    /// The pattern this was made from.
    pub fn pattern(&self) -> &Pattern {
        &self.pattern
    }

    /// Replaces `ends` by the next pretokens of `text` from `from` on: at least one, and some hundreds if the text has
    /// them.
    ///
    /// `from < text.len()` is 0 or the last end of the call before. Fails only when a regular expression gives up
    /// on the text because it backtracks without end.
    #[inline]
    pub fn next_ends(&self, text: &str, from: usize, ends: &mut Ends) -> Result<()> {
        ends.restart(from);
        match (&self.engine, self.superwords) {
            (Engine::Scan(scan), None) => scan(text.as_bytes(), from, ends),
            (Engine::Scan(scan), Some(superwords)) => {
                superwords
                    .next_ends(text.as_bytes(), from, ends, |from, ends| scan(text.as_bytes(), from, ends));
            }
            (Engine::Numbers(numbers), None) => numbers.next_ends(text.as_bytes(), from, ends),
            (Engine::Numbers(numbers), Some(superwords)) => {
                let next = |from, ends: &mut Ends| numbers.next_ends(text.as_bytes(), from, ends);
                superwords.next_ends(text.as_bytes(), from, ends, next);
            }
            (Engine::Whole, _) => ends.push(text.len()),
            (Engine::Regex(regex), _) => regex.next_ends(text, from, ends)?,
        }
        Ok(())
    }

    /// Calls `visit` with each pretoken of `text`, in order; fails as [`next_ends`](Self::next_ends) does.
    pub fn for_each<'t>(&self, text: &'t [u8], mut visit: impl FnMut(&'t [u8])) -> Result<()> {
        self.for_each_block(text, &mut Ends::new(), |run, ends| {
            ends.starts().iter().zip(ends.ends()).for_each(|(&start, &end)| visit(&run[start..end]));
            true
        })
    }

    /// Calls `visit` with the pretokens of `text`, some hundreds at a time, until it returns `false`: each time with a
    /// run of the text, and where in it the pretokens start and end. `ends` is scratch space.
    ///
    /// A run may reach further than the pretokens given with it, so that the bytes after a pretoken can be read.
    #[inline]
    pub fn for_each_block<'t>(
        &self,
        text: &'t [u8],
        ends: &mut Ends,
        mut visit: impl FnMut(&'t [u8], &Ends) -> bool,
    ) -> Result<()> {
        if let Engine::Whole = self.engine {
            if !text.is_empty() {
                ends.restart(0);
                ends.push(text.len());
                visit(text, ends);
            }
            return Ok(());
        }
        if let Ok(text) = simdutf8::basic::from_utf8(text) {
            self.for_each_valid_block(text, ends, &mut visit)?;
            return Ok(());
        }
        for chunk in text.utf8_chunks() {
            if !self.for_each_valid_block(chunk.valid(), ends, &mut visit)? {
                return Ok(());
            }
            for byte in chunk.invalid().chunks(1) {
                ends.restart(0);
                ends.push(1);
                if !visit(byte, ends) {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Like [`for_each_block`](Self::for_each_block), but for text known to be UTF-8; returns whether `visit` wants
    /// more.
    #[inline]
    fn for_each_valid_block<'t>(
        &self,
        text: &'t str,
        ends: &mut Ends,
        visit: &mut impl FnMut(&'t [u8], &Ends) -> bool,
    ) -> Result<bool> {
        let mut from = 0;
        while from < text.len() {
            self.next_ends(text, from, ends)?;
            if !visit(text.as_bytes(), ends) {
                return Ok(false);
            }
            from = ends.end();
        }
        Ok(true)
    }

    /// The last place where `text` may be cut so that splitting the two parts gives the pretokens of the whole,
    /// whatever text follows. `None` if there is no such place, as with [`Pattern::Whole`] and with every pattern that
    /// the regex engine splits.
    pub fn last_cut(&self, text: &[u8]) -> Option<usize> {
        match self.engine {
            Engine::Scan(_) | Engine::Numbers(_) => cut::last_cut(text, self.superwords.is_some()),
            Engine::Whole | Engine::Regex(_) => None,
        }
    }

    /// Whether text is split at all. Then pretokens are whole characters, but for bytes that are not UTF-8, which stand
    /// alone.
    pub(crate) fn splits(&self) -> bool {
        !matches!(self.engine, Engine::Whole)
    }

    /// Whether [`last_cut`](Self::last_cut) can find a place at all.
    fn has_cuts(&self) -> bool {
        matches!(self.engine, Engine::Scan(_) | Engine::Numbers(_))
    }

    /// Cuts `text` into stretches of about `target` bytes, each of which may be split on its own. A stretch is longer
    /// where there is no place to cut; then it may be the whole text.
    pub fn cut_up<'t>(&self, text: &'t [u8], target: usize) -> impl Iterator<Item = &'t [u8]> {
        let mut rest = text;
        std::iter::from_fn(move || {
            let mut window = target.max(1);
            let mut cut = None;
            while cut.is_none() && window < rest.len() && self.has_cuts() {
                cut = self.last_cut(&rest[..window]);
                window *= 2;
            }
            let (stretch, more) = rest.split_at(cut.unwrap_or(rest.len()));
            rest = more;
            (!stretch.is_empty()).then_some(stretch)
        })
    }
}

/// The engine for a published pattern, changed or unchanged; `None` if only the regex engine can split it.
fn engine_for(variant: Variant, level: Level) -> Option<Engine> {
    use Digits::FromLeft;
    let scanner = match (variant.name(), variant.digits) {
        ("gpt2", None) => scanner_for::<Gpt2>(level),
        ("gpt2", Some(FromLeft(1))) => scanner_for::<Grouped<Gpt2, 1>>(level),
        ("gpt2", Some(FromLeft(2))) => scanner_for::<Grouped<Gpt2, 2>>(level),
        ("gpt2", Some(FromLeft(3))) => scanner_for::<Grouped<Gpt2, 3>>(level),
        ("cl100k", None) => scanner_for::<Cl100k>(level),
        ("cl100k", Some(FromLeft(1))) => scanner_for::<Grouped<Cl100k, 1>>(level),
        ("cl100k", Some(FromLeft(2))) => scanner_for::<Grouped<Cl100k, 2>>(level),
        ("o200k", None) => scanner_for::<O200k>(level),
        ("o200k", Some(FromLeft(1))) => scanner_for::<Grouped<O200k, 1>>(level),
        ("o200k", Some(FromLeft(2))) => scanner_for::<Grouped<O200k, 2>>(level),
        ("llama3", None) => scanner_for::<Llama3>(level),
        ("qwen2", None) => scanner_for::<Qwen2>(level),
        ("llama3" | "qwen2", Some(FromLeft(2))) => scanner_for::<Grouped<Llama3, 2>>(level),
        ("deepseek", None) => deepseek::scan,
        ("gpt2", Some(digits)) => return Some(Engine::Numbers(Numbers::of::<Gpt2>(digits))),
        ("cl100k", Some(digits)) => return Some(Engine::Numbers(Numbers::of::<Cl100k>(digits))),
        ("o200k", Some(digits)) => return Some(Engine::Numbers(Numbers::of::<O200k>(digits))),
        ("llama3" | "qwen2", Some(digits)) => return Some(Engine::Numbers(Numbers::of::<Llama3>(digits))),
        _ => return None,
    };
    Some(Engine::Scan(scanner))
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use proptest::prelude::*;

    use super::*;

    fn pretokens<'t>(splitter: &Splitter, text: &'t [u8]) -> Vec<&'t [u8]> {
        let mut all = Vec::new();
        splitter.for_each(text, |pretoken| all.push(pretoken)).expect("no runaway");
        all
    }

    fn splitter(pattern: &str) -> Splitter {
        Splitter::new(&Pattern::new(Some(pattern))).expect("a valid pattern")
    }

    /// Each named pattern as a scanner, at every level that this processor has, and as the regex engine, which reads
    /// both its expressions.
    static TWINS: LazyLock<Vec<(Splitter, Splitter)>> = LazyLock::new(|| {
        let mut twins = Vec::new();
        for known in &Pattern::NAMED {
            for (level, expressions) in
                Level::available().zip([known.expressions, known.portable].iter().cycle())
            {
                let regex = Engine::Regex(RegexSplitter::new(expressions).expect("a valid pattern"));
                let scanner =
                    Splitter::at_level(&Pattern::new(Some(known.name)), level).expect("a named pattern");
                let pattern = Pattern::new(Some(known.name));
                twins.push((scanner, Splitter { pattern, engine: regex, superwords: None }));
            }
        }
        twins
    });

    /// Like [`TWINS`], but for changed patterns, each at one level.
    static CHANGED: LazyLock<Vec<(Splitter, Splitter)>> = LazyLock::new(|| {
        use Digits::{FromLeft, FromRight};
        let groups = [FromLeft(1), FromLeft(2), FromLeft(3), FromLeft(4), FromRight(2), FromRight(3)];
        let levels: Vec<Level> = Level::available().collect();
        let mut twins = Vec::new();
        for known in &Pattern::NAMED[..5] {
            let named = Pattern::new(Some(known.name));
            let grouped = groups.map(|digits| named.with_digits(digits).expect("a published pattern"));
            for pattern in [&[named][..], &grouped].concat() {
                let superwords = pattern.with_superwords().expect("one expression");
                for pattern in [pattern, superwords] {
                    let regex =
                        Engine::Regex(RegexSplitter::new(&pattern.expressions()).expect("a valid pattern"));
                    let scanner = Splitter::at_level(&pattern, levels[twins.len() % levels.len()])
                        .expect("a valid pattern");
                    assert!(scanner.has_cuts(), "{pattern} has a scanner");
                    twins.push((scanner, Splitter { pattern, engine: regex, superwords: None }));
                }
            }
        }
        twins
    });

    /// Checks that cutting `text`, followed by `more`, at its [`last_cut`](Splitter::last_cut) changes no pretokens.
    fn assert_cuts_change_nothing(twins: &[(Splitter, Splitter)], text: &str, more: &str) {
        let whole = text.to_owned() + more;
        for (scanner, _) in twins {
            let Some(cut) = scanner.last_cut(text.as_bytes()) else { continue };
            let (left, right) = whole.as_bytes().split_at(cut);
            let parts = [pretokens(scanner, left), pretokens(scanner, right)].concat();
            assert_eq!(parts, pretokens(scanner, whole.as_bytes()), "{} cut at {cut}", scanner.pattern());
        }
    }

    fn assert_twins_agree(text: &str) {
        assert_agree(&TWINS, text);
    }

    fn assert_agree(twins: &[(Splitter, Splitter)], text: &str) {
        for (scanner, regex) in twins {
            let (got, expected) = (pretokens(scanner, text.as_bytes()), pretokens(regex, text.as_bytes()));
            assert_eq!(got, expected, "{} on {text:?}", scanner.pattern());
        }
    }

    /// Text from characters on which the patterns' alternatives differ, several of each class.
    fn boundary_text() -> impl Strategy<Value = String> {
        let characters = "aZ\u{e9}\u{c9}\u{17f}stmdlrveSTLRVE'' 's'll'RE \u{1c5}\u{2b0}\u{4e2d}\u{301}\u{903}\u{20dd}09\u{661}\u{bd}\u{2167}\
            \t\r\n\n \u{a0}\u{85}\u{2028}\u{3000}.,-/!\u{200d}\u{1f600}\u{1f1e6}_\u{10400}\u{10428}\u{1d7d8}\0\
            $+^\u{7f}\u{feff}\u{e000}\u{378}\u{303f}\u{3040}あ\u{3097}\u{3099}\u{309b}\u{309f}\u{30a0}ア・ー\u{3100}\u{4dff}一\u{9fa5}\u{9fa6}";
        let characters: Vec<char> = characters.chars().collect();
        prop::collection::vec(prop::sample::select(characters), 0..100).prop_map(String::from_iter)
    }

    /// Longer text of ASCII alone, or nearly, for the scanners that look at 64 bytes at once.
    fn ascii_text() -> impl Strategy<Value = String> {
        let pieces = [
            "a", "Z", "s", "t", "ll", "RE", "hello", "World", "XML", "'", "'s", "'T", "'ll", "'re", "don't",
            "''", "0", "12", "2024", "1234567", " ", "  ", "    ", "\t", "\n", "\n\n", "\r\n", "\n    ",
            "\t\t", " \n", ".", ",", "...", ";\n", "\n/", "//", "/*", "/", "-", "--", "(", ")\n\n", "\x0b",
            "\x0c", "\0", "\x7f", "é", "中", "\u{301}", "\u{a0}", "\u{17f}",
        ];
        prop::collection::vec(prop::sample::select(pieces.to_vec()), 0..120)
            .prop_map(|pieces| pieces.concat())
    }

    /// Text of runs of one character each, some of them longer than the 64 bytes of a scanner's block.
    fn text_of_runs() -> impl Strategy<Value = String> {
        let characters: Vec<char> =
            "aaZZé\u{c9}中中中я\u{2b0}\u{301}1\u{661} \n.'/s\u{3000}😀".chars().collect();
        let length = prop_oneof![1_usize..4, 1_usize..90];
        prop::collection::vec((prop::sample::select(characters), length), 0..12)
            .prop_map(|runs| runs.iter().flat_map(|&(one, count)| std::iter::repeat_n(one, count)).collect())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]

        #[test]
        fn scanner_and_regex_engine_agree_on_long_runs(text in text_of_runs()) {
            assert_twins_agree(&text);
        }

        #[test]
        fn scanner_and_regex_engine_agree_at_boundaries(text in boundary_text()) {
            assert_twins_agree(&text);
        }

        #[test]
        fn scanner_and_regex_engine_agree_on_ascii(text in ascii_text()) {
            assert_twins_agree(&text);
        }

        #[test]
        fn scanner_and_regex_engine_agree_on_any_text(text in any::<String>()) {
            assert_twins_agree(&text);
        }

        #[test]
        fn a_cut_leaves_the_pretokens_as_they_are(text in boundary_text(), more in boundary_text()) {
            assert_cuts_change_nothing(&TWINS, &text, &more);
        }

        #[test]
        fn cut_up_text_has_the_pretokens_of_the_whole(text in boundary_text(), target in 1_usize..9) {
            for (scanner, _) in TWINS.iter() {
                let stretches: Vec<&[u8]> = scanner.cut_up(text.as_bytes(), target).collect();
                let parts: Vec<&[u8]> = stretches.iter().flat_map(|part| pretokens(scanner, part)).collect();
                prop_assert_eq!(parts, pretokens(scanner, text.as_bytes()));
            }
        }

        #[test]
        fn cuts_of_superwords_are_cuts_of_the_pattern(text in boundary_text()) {
            for (scanner, _) in CHANGED.iter() {
                let Some(pattern) = scanner.pattern().without_superwords() else { continue };
                let inner = Splitter::new(&pattern).expect("a valid pattern");
                let parts: Vec<&[u8]> =
                    pretokens(scanner, text.as_bytes()).into_iter().flat_map(|word| pretokens(&inner, word)).collect();
                prop_assert_eq!(parts, pretokens(&inner, text.as_bytes()), "{} on {:?}", scanner.pattern(), text);
            }
        }

        #[test]
        fn pretokens_together_are_the_text(text in prop::collection::vec(any::<u8>(), 0..64)) {
            for (scanner, regex) in TWINS.iter() {
                prop_assert_eq!(pretokens(scanner, &text).concat(), text.clone());
                prop_assert_eq!(pretokens(scanner, &text), pretokens(regex, &text));
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]

        #[test]
        fn changed_patterns_agree_with_their_expressions(
            text in prop_oneof![boundary_text(), ascii_text(), any::<String>()],
            more in boundary_text(),
        ) {
            assert_agree(&CHANGED, &text);
            assert_cuts_change_nothing(&CHANGED, &text, &more);
        }
    }

    #[test]
    fn runs_of_words_and_digits_may_be_longer_than_a_block() {
        for pieces in [" word", "7", " a 1", "'a", "é "] {
            let text = pieces.repeat(3 * BLOCK) + "!";
            assert_agree(&CHANGED, &text);
        }
    }

    #[test]
    fn what_follows_a_long_word_does_not_depend_on_where_blocks_end() {
        let behind = [
            "'Ll'Ll", "'s's's", "'S", "B", "Bb中", "中B", "\u{301}a", "1234", "  x", ".\n/", "'", "''ll",
            "é'd'd",
        ];
        for letter in ["a", "é", "中", "A", "\u{2b0}"] {
            for (behind, count) in behind.iter().flat_map(|behind| (0..140).map(move |count| (behind, count)))
            {
                for before in ["", " ", "."] {
                    assert_twins_agree(&format!("{before}{}{behind}{behind} end", letter.repeat(count)));
                }
            }
        }
    }

    #[test]
    fn unmatched_text_is_kept_as_pretokens_of_its_own() {
        assert_eq!(pretokens(&splitter(r"\w+"), b"ab, cd!"), [&b"ab"[..], b", ", b"cd", b"!"]);
        assert_eq!(pretokens(&splitter(r"x*"), b"axxb"), [&b"a"[..], b"xx", b"b"]);
    }

    #[test]
    fn empty_matches_cut() {
        let thousands = splitter(r"(?=(?:[0-9]{3})+(?![0-9]))");
        assert_eq!(
            pretokens(&thousands, b"in 1234567 or 123456"),
            [&b"in 1"[..], b"234", b"567 or ", b"123", b"456"]
        );
        assert_eq!(pretokens(&splitter(r"(?=b)|c*"), b"abbccd"), [&b"a"[..], b"b", b"b", b"cc", b"d"]);
        assert_eq!(pretokens(&splitter("$"), "é中".as_bytes()), ["é中".as_bytes()]);
        assert_eq!(
            pretokens(&splitter("(?=a)\x1e$|(?=中)"), "éa中".as_bytes()),
            ["é", "a", "中"].map(str::as_bytes)
        );
    }

    #[test]
    fn several_expressions_split_in_turn() {
        let digits_then_words = splitter("[0-9]+\x1e\\w+$");
        assert_eq!(
            pretokens(&digits_then_words, b"ab cd12ef gh"),
            [&b"ab "[..], b"cd", b"12", b"ef ", b"gh"]
        );
        let written = Pattern::NAMED.map(|known| known.expressions.join("\x1e"));
        let names = written.each_ref().map(|text| Pattern::new(Some(text)).text().map(str::to_owned));
        assert_eq!(names, Pattern::NAMED.map(|known| Some(known.name.to_owned())));
        assert!(Splitter::new(&Pattern::new(Some("a\x1e("))).is_err());
    }

    #[test]
    fn bytes_that_are_not_utf8_stand_alone() {
        assert_eq!(pretokens(&splitter("gpt2"), b"ab\xff\xfe cd"), [&b"ab"[..], b"\xff", b"\xfe", b" cd"]);
    }

    #[test]
    fn families_differ_where_they_should() {
        let split = |pattern: &str, text: &'static str| -> Vec<&str> {
            let bytes = pretokens(&splitter(pattern), text.as_bytes());
            bytes.into_iter().map(|bytes| std::str::from_utf8(bytes).expect("whole characters")).collect()
        };
        assert_eq!(split("cl100k", "a\n  "), ["a", "\n  "]);
        assert_eq!(split("llama3", "a\n  "), ["a", "\n", "  "]);
        assert_eq!(split("o200k", "don't HTTPServer"), ["don't", " HTTPServer"]);
        assert_eq!(split("cl100k", "don't HTTPServer"), ["don", "'t", " HTTPServer"]);
        assert_eq!(split("gpt2", "in 2024"), ["in", " 2024"]);
        assert_eq!(split("cl100k", "in 2024"), ["in", " ", "202", "4"]);
        assert_eq!(split("qwen2", "24"), ["2", "4"]);
        assert_eq!(split("llama3", "a  1 中"), ["a", " ", " ", "1", " 中"]);
        assert_eq!(split("deepseek", "a  1 中"), ["a", "  ", "1", " ", "中"]);
    }

    #[test]
    fn a_pattern_that_backtracks_without_end_is_an_error() {
        let runaway =
            Splitter::new(&Pattern::new(Some(r"(?=(a+)+\1b)x|(a|aa)+$(?<=b)"))).expect("a valid pattern");
        let error = runaway.for_each(&[b'a'; 64], |_| ()).expect_err("a runaway");
        assert!(error.to_string().starts_with("pattern: "), "{error}");
    }
}
