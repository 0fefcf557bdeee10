//! Words whose first or last tokens are written differently: `</w>` after the last one, as GPT-1 and CLIP have it, or
//! `##` before all but the first.
//!
//! In such a model a word begins as its characters, each written with the prefix unless it is the first, and with the
//! suffix if it is the last; a merge writes its two parts one after the other, without the prefix of the second. So the
//! writing of every token is that of its characters, after a prefix if it does not begin the word and before a suffix
//! if it ends it — by induction, since the second part of a merge never begins the word and the first never ends it.
//! The encoder gets words between two marks, bytes that no text has: what the first character begins with becomes one
//! with the mark before it, and what the last ends with one with the mark after it, before anything else merges. From
//! then on a token inside ([`Characters`](crate::encode::characters)) has its characters and a place in the word, and
//! stands for the token outside that is written so.
//!
//! The other way round, a token outside may be several inside: text may spell `##` or `</w>`. Only those count that a
//! text can come to, which a search from the characters on finds ([`Search`]). A merge outside is then several merges
//! inside, which follow each other in rank, and the result is the same as if they had one rank: what a merge makes
//! takes part in later ones only (or the tokenizer is refused), so all places of one rank merge before anything else
//! happens, and they do not overlap unless both parts are the same token. Of those, the one that begins the word is the
//! leftmost, so its merge is the first, and one that ends the word is the last of its run, so its merge is the last.

use std::collections::HashMap;

use crate::encode::bpe::merges::Merge;
use crate::encode::characters::{Builder, Outside};
use crate::encode::vocabulary::tokens::Tokens;

/// How tokens are written by their place in a word; both are empty in most vocabularies.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Affixes {
    /// Stands before all tokens of a word but the first.
    pub prefix: String,
    /// Stands after the last token of a word.
    pub suffix: String,
}

/// The mark before a word. No text in UTF-8 has this byte.
const FIRST: u8 = 0xFE;

/// The mark after a word.
const LAST: u8 = 0xFF;

/// Where in its word a token stands. Where there is no prefix, none counts as the first, and without a suffix none as the
/// last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Stand {
    is_first: bool,
    is_last: bool,
}

impl Affixes {
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.prefix.is_empty() && self.suffix.is_empty()
    }

    /// Where a character stands, by whether it is the first and the last of its word.
    pub(crate) fn stand(&self, is_first: bool, is_last: bool) -> Stand {
        Stand { is_first: is_first && !self.prefix.is_empty(), is_last: is_last && !self.suffix.is_empty() }
    }

    /// Adds a character of a word, with the marks for where it stands.
    pub(crate) fn write(character: &str, stand: Stand, bytes: &mut Vec<u8>) {
        bytes.extend(stand.is_first.then_some(FIRST));
        bytes.extend_from_slice(character.as_bytes());
        bytes.extend(stand.is_last.then_some(LAST));
    }

    /// The characters of a token that stands so, if it can.
    pub(crate) fn characters<'t>(&self, token: &'t str, stand: Stand) -> Option<&'t str> {
        let rest = if stand.is_first { token } else { token.strip_prefix(&*self.prefix)? };
        let rest = if stand.is_last { rest.strip_suffix(&*self.suffix)? } else { rest };
        (!rest.is_empty()).then_some(rest)
    }

    /// The ways in which a token can stand.
    pub(crate) fn stands(&self) -> impl Iterator<Item = Stand> + use<> {
        let (has_prefix, has_suffix) = (!self.prefix.is_empty(), !self.suffix.is_empty());
        let all = [(true, false), (true, true), (false, false), (false, true)];
        all.into_iter()
            .filter(move |&(is_first, is_last)| (has_prefix || !is_first) && (has_suffix || !is_last))
            .map(|(is_first, is_last)| Stand { is_first, is_last })
    }
}

/// How many bytes before the first character of a word, at `start`, are no text.
pub(crate) fn mark_at(word: &[u8], start: usize) -> usize {
    usize::from(word.get(start) == Some(&FIRST))
}

/// How many bytes after the last character of a word that ends at `end` are no text.
pub(crate) fn mark_before(word: &[u8], end: usize) -> usize {
    usize::from(end > 0 && word[end - 1] == LAST)
}

/// What the encoder is to be made of, for words between marks: its tokens, and all merges.
pub(crate) fn inside(
    tokens: &Tokens,
    listed: &[Merge],
    affixes: &Affixes,
) -> std::result::Result<(Builder, Vec<Merge>), String> {
    let written: HashMap<u32, &str> =
        tokens.iter().filter_map(|(id, token)| Some((id, std::str::from_utf8(token).ok()?))).collect();
    let characters = characters(tokens, &written, affixes);
    let mut builder = Builder::default();
    add_bytes(&mut builder, &characters, affixes);
    let mut search = Search::new(listed, affixes, &written);
    for &(ref bytes, outside, stand) in &characters {
        let id = builder.add_character(&units(bytes), Outside::Token(outside))?;
        search.reach(outside, Found { stand, id });
    }
    search.run(&mut builder);
    let merges = search.merges()?;
    let all = [std::mem::take(&mut builder.merges), merges].concat();
    Ok((builder, all))
}

/// The tokens of one character, between their marks, by where they stand.
fn characters(
    tokens: &Tokens,
    written: &HashMap<u32, &str>,
    affixes: &Affixes,
) -> Vec<(Vec<u8>, u32, Stand)> {
    let mut characters = Vec::new();
    for (id, _) in tokens.iter() {
        let Some(token) = written.get(&id) else { continue };
        for stand in affixes.stands() {
            let text = affixes.characters(token, stand).filter(|text| text.chars().nth(1).is_none());
            if let Some(text) = text {
                let mut bytes = Vec::new();
                Affixes::write(text, stand, &mut bytes);
                characters.push((bytes, id, stand));
            }
        }
    }
    characters
}

/// Adds the bytes, alone and with the marks beside them, and the merges that join these.
fn add_bytes(builder: &mut Builder, characters: &[(Vec<u8>, u32, Stand)], affixes: &Affixes) {
    let known: HashMap<&[u8], u32> = characters.iter().map(|(bytes, id, _)| (&**bytes, *id)).collect();
    let outside = |bytes: &[u8]| known.get(bytes).map_or(Outside::PART, |&id| Outside::Token(id));
    for byte in 0..=255 {
        builder.add(&[byte], outside(&[byte]));
    }
    let mut join = |left: &[u8], right: &[u8]| {
        let joined = [left, right].concat();
        builder.join(left, right, outside(&joined));
    };
    for byte in 0..FIRST {
        if !affixes.suffix.is_empty() {
            join(&[byte], &[LAST]);
        }
    }
    for byte in 0..FIRST {
        if !affixes.prefix.is_empty() {
            join(&[FIRST], &[byte]);
            if !affixes.suffix.is_empty() {
                join(&[FIRST], &[byte, LAST]);
            }
        }
    }
}

/// The bytes of a character, those beside a mark together with it.
fn units(bytes: &[u8]) -> Vec<&[u8]> {
    let mut units = Vec::with_capacity(4);
    let mut rest = bytes;
    while let Some(&byte) = rest.first() {
        let before = usize::from(byte == FIRST);
        let behind = usize::from(rest.get(before + 1) == Some(&LAST));
        let (unit, others) = rest.split_at(before + 1 + behind);
        units.push(unit);
        rest = others;
    }
    units
}

/// The search for all tokens that a text can come to.
struct Search<'t> {
    listed: &'t [Merge],
    affixes: &'t Affixes,
    written: &'t HashMap<u32, &'t str>,
    /// The merges of which a token is the left part, and the right one.
    as_left: HashMap<u32, Vec<usize>>,
    as_right: HashMap<u32, Vec<usize>>,
    /// The tokens inside that were found for each token outside: at most one for each way to stand.
    found: HashMap<u32, Vec<Found>>,
    /// Those of them that were not looked at yet.
    fresh: Vec<(u32, Found)>,
    /// By rank: the merges inside, each with its two parts.
    pairs: Vec<Vec<[Found; 3]>>,
}

/// A token inside, and where in a word it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Found {
    stand: Stand,
    id: u32,
}

impl<'t> Search<'t> {
    fn new(listed: &'t [Merge], affixes: &'t Affixes, written: &'t HashMap<u32, &'t str>) -> Self {
        let (mut as_left, mut as_right) =
            (HashMap::<u32, Vec<usize>>::new(), HashMap::<u32, Vec<usize>>::new());
        for (rank, merge) in listed.iter().enumerate() {
            as_left.entry(merge.left).or_default().push(rank);
            as_right.entry(merge.right).or_default().push(rank);
        }
        let pairs = vec![Vec::new(); listed.len()];
        let (found, fresh) = (HashMap::new(), Vec::new());
        Self { listed, affixes, written, as_left, as_right, found, fresh, pairs }
    }

    /// Notes that a text can come to a token.
    fn reach(&mut self, outside: u32, found: Found) {
        self.found.entry(outside).or_default().push(found);
        self.fresh.push((outside, found));
    }

    fn found(&self, outside: u32) -> Vec<Found> {
        self.found.get(&outside).cloned().unwrap_or_default()
    }

    fn run(&mut self, builder: &mut Builder) {
        while let Some((outside, part)) = self.fresh.pop() {
            for rank in self.as_left.get(&outside).cloned().unwrap_or_default() {
                for right in self.found(self.listed[rank].right) {
                    self.join(rank, part, right, builder);
                }
            }
            for rank in self.as_right.get(&outside).cloned().unwrap_or_default() {
                for left in self.found(self.listed[rank].left) {
                    self.join(rank, left, part, builder);
                }
            }
        }
    }

    /// Notes a merge of two tokens inside, unless one of them does not stand where the other is.
    fn join(&mut self, rank: usize, left: Found, right: Found, builder: &mut Builder) {
        let made = self.listed[rank].id;
        let stand = Stand { is_first: left.stand.is_first, is_last: right.stand.is_last };
        let is_known = self.pairs[rank].iter().any(|parts| parts[..2] == [left, right]);
        if left.stand.is_last || right.stand.is_first || is_known {
            return;
        }
        let known = self.found(made).into_iter().find(|found| found.stand == stand);
        let found = known.or_else(|| {
            let mut bytes = Vec::new();
            Affixes::write(self.affixes.characters(self.written.get(&made)?, stand)?, stand, &mut bytes);
            let found = Found { stand, id: builder.push(&bytes, Outside::Token(made)) };
            self.reach(made, found);
            Some(found)
        });
        // What is no ordinary token is found before anything merges.
        if let Some(found) = found {
            self.pairs[rank].push([left, right, found]);
        }
    }

    /// All merges inside, in the order of their ranks.
    fn merges(mut self) -> std::result::Result<Vec<Merge>, String> {
        let first =
            |ranks: &HashMap<u32, Vec<usize>>, id: u32| ranks.get(&id).map_or(usize::MAX, |ranks| ranks[0]);
        for (rank, pairs) in self.pairs.iter().enumerate() {
            let made = self.listed[rank].id;
            if pairs.len() > 1 && first(&self.as_left, made).min(first(&self.as_right, made)) < rank {
                return Err(format!(
                    "merge {rank} makes a part of an earlier merge, which is not supported where a text can spell \
                     prefix or suffix"
                ));
            }
        }
        for pairs in &mut self.pairs {
            pairs.sort_by_key(|[left, right, _]| (!left.stand.is_first, right.stand.is_last));
        }
        let merge = |[left, right, made]: [Found; 3]| Merge { left: left.id, right: right.id, id: made.id };
        Ok(self.pairs.into_iter().flatten().map(merge).collect())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::encode::bpe::ranks::Merges;
    use crate::encode::characters::Unknown;
    use crate::encode::definition::Definition;
    use crate::encode::encoder::WholePretokens;
    use crate::encode::parts::EncodeOptions;
    use crate::encode::pipeline::{Pipeline, Written};
    use crate::encode::tokenizer::Tokenizer;
    use crate::encode::vocabulary::end_ids::EndIds;
    use crate::pretokenize::{Behavior, Step};
    use crate::split::{Find, Pattern};

    /// A model as Hugging Face has it: tokens by what they are written as, merges in the order of their ranks.
    #[derive(Debug, Clone)]
    struct Model {
        affixes: Affixes,
        tokens: Vec<String>,
        merges: Vec<Merge>,
        unknown: Unknown,
    }

    impl Model {
        fn id(&self, token: &str) -> Option<u32> {
            self.tokens.iter().position(|other| other == token).map(|id| id as u32)
        }

        /// Merges chosen by `picks` among the tokens so far, which begin with some of the characters.
        fn new(affixes: Affixes, left_out: usize, picks: &[(usize, usize)], unknown: Unknown) -> Self {
            let mut model = Self { affixes, tokens: vec!["?".to_owned()], merges: Vec::new(), unknown };
            for (number, character) in ["a", "b", "#", "é", "/"].into_iter().enumerate() {
                for (place, stand) in
                    [(false, false), (false, true), (true, false), (true, true)].into_iter().enumerate()
                {
                    let token = model.written(character, stand.0, stand.1);
                    if number * 4 + place != left_out && model.id(&token).is_none() {
                        model.tokens.push(token);
                    }
                }
            }
            for &(left, right) in picks {
                let pick = |number: usize| 1 + number % (model.tokens.len() - 1);
                let (left, right) = (pick(left), pick(right));
                let Some(rest) = model.tokens[right].get(model.affixes.prefix.len()..) else { continue };
                let made = model.tokens[left].clone() + rest;
                if rest.is_empty() || made.len() > 24 {
                    continue;
                }
                let id = model.id(&made).unwrap_or(model.tokens.len() as u32);
                if id as usize == model.tokens.len() {
                    model.tokens.push(made);
                }
                model.merges.push(Merge { left: left as u32, right: right as u32, id });
            }
            model
        }

        fn written(&self, character: &str, is_first: bool, is_last: bool) -> String {
            let prefix = if is_first { "" } else { &*self.affixes.prefix };
            let suffix = if is_last { &*self.affixes.suffix } else { "" };
            format!("{prefix}{character}{suffix}")
        }

        /// The ids of a word: the leftmost pair of the lowest rank merges, until none has a rank.
        fn naive_ids(&self, word: &str) -> Vec<u32> {
            let last = word.chars().count() - 1;
            let mut ids: Vec<u32> = Vec::new();
            for (number, character) in word.chars().enumerate() {
                match (
                    self.id(&self.written(&character.to_string(), number == 0, number == last)),
                    &self.unknown,
                ) {
                    (Some(id), _) => ids.push(id),
                    (None, Unknown::Token(unknown)) => ids.push(*unknown),
                    _ => {}
                }
            }
            let rank =
                |pair: &[u32]| self.merges.iter().rposition(|merge| [merge.left, merge.right] == *pair);
            while let Some((rank, at)) =
                (0..ids.len().saturating_sub(1)).filter_map(|at| Some((rank(&ids[at..at + 2])?, at))).min()
            {
                ids.splice(at..at + 2, [self.merges[rank].id]);
            }
            ids
        }

        fn tokenizer(&self) -> Result<Tokenizer, String> {
            let spaces = Find::Characters(char::is_whitespace);
            Tokenizer::new(Definition {
                pattern: Pattern::Whole,
                tokens: (0..).zip(&self.tokens).collect(),
                merges: Merges::Listed(self.merges.clone()),
                whole_pretokens: WholePretokens::Merge,
                special_tokens: Vec::new(),
                manners: Vec::new(),
                pipeline: Pipeline {
                    steps: Some(vec![Step::Split {
                        find: spaces,
                        invert: false,
                        behavior: Behavior::Removed,
                    }]),
                    unknown: Some(self.unknown.clone()),
                    affixes: self.affixes.clone(),
                    written: Written::default(),
                    ..Pipeline::default()
                },
                bos: EndIds::default(),
                eos: EndIds::default(),
            })
        }
    }

    fn any_model() -> impl Strategy<Value = Model> {
        let affixes =
            prop::sample::select(vec![("", "/"), ("#", ""), ("#", "/"), ("##", "</w>"), ("", "</w>")]);
        let picks = prop::collection::vec((0_usize..60, 0_usize..60), 0..40);
        let unknown = prop::sample::select(vec![Unknown::Token(0), Unknown::Dropped]);
        (affixes, 0_usize..30, picks, unknown).prop_map(|((prefix, suffix), left_out, picks, unknown)| {
            let affixes = Affixes { prefix: prefix.to_owned(), suffix: suffix.to_owned() };
            Model::new(affixes, left_out, &picks, unknown)
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn words_have_the_ids_of_the_model(model in any_model(), words in prop::collection::vec("[ab#/é漢<w>]{1,14}", 1..12)) {
            // Some models are refused, none is wrong.
            let Ok(tokenizer) = model.tokenizer() else { return Ok(()) };
            let expected: Vec<u32> = words.iter().flat_map(|word| model.naive_ids(word)).collect();
            let text = words.join(" ");
            let found = tokenizer.encode(text.as_bytes(), &EncodeOptions::default(), 1).expect("encodes");
            prop_assert_eq!(found, expected, "{}", text);
        }
    }

    #[test]
    fn what_a_text_spells_is_told_from_an_affix_or_refused() {
        let affixes = Affixes { prefix: String::new(), suffix: "/".to_owned() };
        let mut model = Model::new(affixes, usize::MAX, &[], Unknown::Token(0));
        model.tokens.extend(["ab/", "ab/a"].map(str::to_owned));
        let merge = |left: &str, right: &str| {
            let id = |token: &str| model.id(token).expect("a token");
            Merge { left: id(left), right: id(right), id: id(&format!("{left}{right}")) }
        };
        // `ab/` ends a word, or is spelled in one.
        let (spelled, both, longer) = (merge("b", "/"), merge("a", "b/"), merge("ab/", "a"));
        model.merges = vec![spelled, both, longer];
        let tokenizer = model.tokenizer().expect("a good model");
        let encode =
            |text: &str| tokenizer.encode(text.as_bytes(), &EncodeOptions::default(), 1).expect("encodes");
        assert_eq!(encode("ab"), [both.id]);
        assert_eq!(encode("ab/aa"), [longer.id, model.id("a/").expect("a token")]);
        for word in ["ab/aa", "ab/ab", "ab/ab/a/", "ab/a"] {
            assert_eq!(encode(word), model.naive_ids(word), "{word}");
        }
        // Here one of the two would have to merge with what is made later.
        model.merges = vec![spelled, longer, both];
        let error = model.tokenizer().expect_err("not supported");
        assert!(error.contains("merge 2 makes a part of an earlier merge"), "{error}");
    }
}
