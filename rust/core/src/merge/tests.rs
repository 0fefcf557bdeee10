//! The learner against a naive one that recounts every pair before every merge.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::bytes::bytes_of_text;
use crate::encode::{EncodeOptions, ID_OF_BYTE};
use crate::split::Pattern;

/// All merges, from the definition alone.
fn learn_naively(counts: &WordCounts, options: &MergeOptions) -> Vec<Merge> {
    let words = counts.iter().map(|(word, count)| (byte_ids(word), count)).collect();
    learn_naively_from(words, (0..256).map(|id| vec![id]).collect(), usize::MAX, options)
}

/// The id of a space.
const SPACE: u32 = 220;

fn byte_ids(word: &[u8]) -> Vec<u32> {
    word.iter().map(|&byte| u32::from(ID_OF_BYTE[usize::from(byte)])).collect()
}

/// Like [`learn_naively`], but with given words and tokens to begin with, all tokens as ids of bytes; tokens reach into
/// `most_words` words at most.
fn learn_naively_from(
    mut words: Vec<(Vec<u32>, u64)>,
    mut tokens: Vec<Vec<u32>>,
    most_words: usize,
    options: &MergeOptions,
) -> Vec<Merge> {
    let mut merges = Vec::new();
    while options.merges.is_none_or(|limit| merges.len() < limit) {
        let mut pairs = BTreeMap::<(u32, u32), u64>::new();
        for (word, count) in &words {
            for pair in word.windows(2) {
                *pairs.entry((pair[0], pair[1])).or_default() += count;
            }
        }
        let reserved = options.special_tokens.iter().filter_map(|name| bytes_of_text(name).ok());
        let reserved: Vec<_> = reserved.map(|token| byte_ids(&token)).collect();
        let may_be = |(left, right): (u32, u32)| {
            let token = [&tokens[left as usize][..], &tokens[right as usize]].concat();
            let begins = token[1..].windows(2).filter(|pair| pair[0] == SPACE && pair[1] != SPACE).count();
            options.max_token_bytes.is_none_or(|max| token.len() <= max)
                && begins < most_words
                && !reserved.contains(&token)
        };
        let possible = pairs.iter().filter(|(pair, _)| may_be(**pair));
        // `max_by_key` takes the last of the largest, so in reverse order the smallest pair.
        let Some(((left, right), &count)) = possible.rev().max_by_key(|(_, count)| **count) else { break };
        if count < options.min_frequency.max(1) {
            break;
        }
        let (left, right) = (*left, *right);
        let token = [&tokens[left as usize][..], &tokens[right as usize]].concat();
        let id = tokens.iter().position(|other| *other == token).unwrap_or(tokens.len()) as u32;
        if id as usize == tokens.len() {
            tokens.push(token);
        }
        for (word, _) in &mut words {
            join_naively(word, left, right, id);
        }
        merges.push(Merge { left, right, id });
    }
    merges
}

fn join_naively(word: &mut Vec<u32>, left: u32, right: u32, id: u32) {
    let mut at = 0;
    while at + 1 < word.len() {
        if word[at] == left && word[at + 1] == right {
            word.splice(at..at + 2, [id]);
        }
        at += 1;
    }
}

fn counts<'w>(words: impl IntoIterator<Item = (&'w str, u64)>) -> WordCounts {
    let words: Vec<_> = words.into_iter().collect();
    WordCounts::from_words(Pattern::Whole, words.iter().map(|&(word, count)| (word.as_bytes(), count)))
        .expect("small counts")
}

const ALL: MergeOptions = MergeOptions {
    merges: None,
    min_frequency: 1,
    max_token_bytes: None,
    special_tokens: Vec::new(),
    threads: 1,
};

fn learned(counts: &WordCounts, options: &MergeOptions) -> Vec<Merge> {
    learn(counts, options, &Monitor::default()).expect("counts that do not overflow")
}

/// Names of special tokens, most of which some pair would spell; `Ġ` is how files write a space.
fn reserved_names() -> impl Strategy<Value = Vec<String>> {
    let names = ["ab", "bc", "Ġa", "aab", "Ã©", "é"].map(str::to_owned).to_vec();
    prop_oneof![Just(Vec::new()), prop::sample::subsequence(names, 0..=6)]
}

/// The tokens that merges spell, as text.
fn spelled(merges: &[Merge]) -> Vec<String> {
    let mut tokens: Vec<Vec<u8>> = crate::encode::BYTE_OF_ID.iter().map(|&byte| vec![byte]).collect();
    for merge in merges {
        assert_eq!(merge.id as usize, tokens.len());
        tokens.push([&tokens[merge.left as usize][..], &tokens[merge.right as usize]].concat());
    }
    tokens.split_off(256).into_iter().map(|token| String::from_utf8_lossy(&token).into_owned()).collect()
}

fn assert_as_naive(words: &[(&str, u64)], tokens: &[&str]) {
    let counts = counts(words.iter().copied());
    let merges = learned(&counts, &ALL);
    assert_eq!(merges, learn_naively(&counts, &ALL));
    assert_eq!(spelled(&merges), tokens);
}

#[test]
fn runs_of_one_letter_join_from_the_left() {
    assert_as_naive(&[("aa", 1)], &["aa"]);
    assert_as_naive(&[("aaa", 1)], &["aa", "aaa"]);
    assert_as_naive(&[("aaaa", 1)], &["aa", "aaaa"]);
    assert_as_naive(&[("aaaaa", 2), ("baaa", 1)], &["aa", "aaa", "aaaaa", "baaa"]);
}

#[test]
fn the_left_neighbour_may_be_the_token_just_made() {
    assert_as_naive(&[("abab", 1), ("ababab", 3)], &["ab", "abab", "ababab"]);
    assert_as_naive(&[("xababa", 2), ("aba", 3)], &["ab", "aba", "xab", "xababa"]);
}

#[test]
fn equal_counts_merge_in_the_order_of_ids() {
    assert_as_naive(&[("cd", 5), ("ab", 5), ("ac", 5)], &["ab", "ac", "cd"]);
    // The space has id 220, after all printable ASCII.
    assert_as_naive(&[(" a", 5), ("za", 5)], &["za", " a"]);
}

#[test]
fn words_without_a_pair_are_of_no_account() {
    assert_as_naive(&[], &[]);
    assert_as_naive(&[("a", 100), ("b", 1)], &[]);
}

#[test]
fn merging_ends_at_the_frequency_asked_for() {
    let counts = counts([("ab", 3), ("cd", 2), ("ef", 1)]);
    let merges = |min_frequency| learned(&counts, &MergeOptions { min_frequency, ..ALL }).len();
    assert_eq!([0, 1, 2, 3, 4].map(merges), [3, 3, 2, 1, 0]);
}

#[test]
fn merging_ends_at_the_number_asked_for() {
    let counts = counts([("abcd", 3)]);
    let merges = |limit| learned(&counts, &MergeOptions { merges: Some(limit), ..ALL }).len();
    assert_eq!([0, 1, 2, 3, 4].map(merges), [0, 1, 2, 3, 3]);
}

#[test]
fn no_token_is_longer_than_asked_for() {
    let counts = counts([("aaaaaaaa", 3), ("abcabc", 2)]);
    for max in 1..10 {
        let options = MergeOptions { max_token_bytes: Some(max), ..ALL };
        let merges = learned(&counts, &options);
        assert_eq!(merges, learn_naively(&counts, &options));
        assert!(spelled(&merges).iter().all(|token| token.len() <= max));
    }
    let none = learn(&counts, &MergeOptions { max_token_bytes: Some(0), ..ALL }, &Monitor::default());
    assert!(none.is_err());
}

#[test]
fn counts_beyond_32_bits_keep_their_order() {
    let large = |power: u32, more: u64| (1_u64 << power) + more;
    assert_as_naive(&[("ab", large(31, 1)), ("cd", large(32, 1)), ("ef", large(33, 0))], &["ef", "cd", "ab"]);
    assert_as_naive(&[("ab", large(32, 1)), ("cd", large(32, 2)), ("ef", 3)], &["cd", "ab", "ef"]);
    assert!(learn(&counts([("abc", 1 << 63)]), &ALL, &Monitor::default()).is_err());
}

#[test]
fn a_word_of_a_megabyte_is_no_trouble() {
    // In debug mode a quadratic learner would need hours for either.
    let runs = counts([(&*"a".repeat(1_000_000), 1)]);
    assert_eq!(spelled(&learned(&runs, &ALL)).last().map(String::len), Some(1_000_000));
    let mut state = 1_u32;
    let mut letter = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        b"acgt"[(state >> 30) as usize] as char
    };
    let genome: String = (0..1_000_000).map(|_| letter()).collect();
    let options = MergeOptions { merges: Some(1000), ..ALL };
    assert_eq!(learned(&counts([(&*genome, 1)]), &options).len(), 1000);
}

#[test]
fn learning_stops_when_asked_and_says_how_far_it_is() {
    let counts = counts([("abcd", 3)]);
    let monitor = Monitor::default();
    learn(&counts, &MergeOptions { merges: Some(9), ..ALL }, &monitor).expect("small counts");
    assert_eq!(monitor.state(), Some((Phase::Merge, 3, 9)));
    monitor.cancel();
    assert!(matches!(learn(&counts, &ALL, &monitor), Err(crate::Error::Interrupted)));
}

#[test]
fn narrow_cells_are_for_what_fits() {
    let fits = |cells, weights: usize, tokens| fits::<u32>(cells, weights, tokens);
    assert!(fits(1 << 32, 65_534, 65_534));
    assert!(!fits(9, 65_535, 300) && !fits(9, 2, 65_535) && !fits((1 << 32) + 1, 2, 300));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn extending_goes_on_where_the_tokenizer_ends(
        old in prop::collection::vec(("[abc]{0,12}|[ab]{0,20}", 1_u64..6), 0..8),
        new in prop::collection::vec(("[abcd]{0,12}|[ab]{0,20}", 1_u64..6), 0..12),
        [before, after] in [0_usize..12, 0..20],
        specials in 0_usize..3,
        threads in 1_usize..3,
    ) {
        let [old, new] = [&old, &new].map(|words| {
            counts(words.iter().filter(|(word, _)| !word.is_empty()).map(|(word, count)| (&**word, *count)))
        });
        let first = learned(&old, &MergeOptions { merges: Some(before), ..ALL });
        let names: Vec<String> = (0..specials).map(|number| format!("<{number}>")).collect();
        let tokenizer = Tokenizer::from_merges(Pattern::Whole, &first, &names).expect("a tokenizer");
        let options = MergeOptions { merges: Some(after), max_token_bytes: Some(9), threads, ..ALL };
        let extended = extend(&tokenizer, &new, &options, &Monitor::default()).expect("small counts");

        let apply = |word: &mut Vec<u32>, merges: &[Merge]| {
            for merge in merges {
                join_naively(word, merge.left, merge.right, merge.id);
            }
        };
        let words = new.iter().map(|(word, count)| {
            let mut ids = byte_ids(word);
            apply(&mut ids, &first);
            (ids, count)
        });
        // No text has what stands for the special tokens.
        let spelled = |id| tokenizer.bytes_of(id).map_or(vec![u32::MAX], byte_ids);
        let tokens = (0..=tokenizer.max_id()).map(spelled).collect();
        let more = learn_naively_from(words.collect(), tokens, usize::MAX, &options);
        let all = [&first[..], &more].concat();
        prop_assert_eq!(extended.merges(), &all[..]);
        prop_assert_eq!(extended.special_tokens(), tokenizer.special_tokens());
        for (word, _) in new.iter().chain(old.iter()) {
            let mut ids = byte_ids(word);
            apply(&mut ids, &all);
            prop_assert_eq!(extended.encode(word, &EncodeOptions::default(), 1).expect("short"), ids);
        }
    }

    #[test]
    fn superwords_are_learned_from_what_the_first_merges_make_of_runs_of_words(
        runs in prop::collection::vec(("[ab]{1,4}( [ab]{1,3}|'[ab]| a){0,6}|[ .a1]{1,6}", 1_u64..6), 0..12),
        within in 0_usize..12,
        merges in prop::option::of(0_usize..40),
        max_token_bytes in prop::option::of(1_usize..12),
        special_tokens in reserved_names(),
        threads in 1_usize..3,
    ) {
        let inner = Splitter::new(&Pattern::new(Some("gpt2"))).expect("a pattern");
        let pattern = inner.pattern().with_superwords().expect("one expression");
        let words = runs.iter().map(|(run, count)| (run.as_bytes(), *count));
        let counts = WordCounts::from_words(pattern, words).expect("small counts");
        let options = MergeOptions { merges, max_token_bytes, special_tokens, threads, ..ALL };
        let found = learn_superwords(&counts, within, &options, &Monitor::default()).expect("small counts");

        let mut parts = Vec::new();
        for (run, count) in counts.iter() {
            inner.for_each(run, |word| parts.push((word, count))).expect("no runaway");
        }
        let parts = WordCounts::from_words(Pattern::Named(0), parts).expect("small counts");
        let limit = merges.map_or(within, |merges| merges.min(within));
        let within = MergeOptions { merges: Some(limit), ..options.clone() };
        let mut expected = learn_naively(&parts, &within);
        let mut tokens: Vec<Vec<u32>> = (0..256).map(|id| vec![id]).collect();
        for merge in &expected {
            tokens.push([&tokens[merge.left as usize][..], &tokens[merge.right as usize]].concat());
        }
        let encoded = counts.iter().map(|(run, count)| {
            let mut ids = byte_ids(run);
            for merge in &expected {
                join_naively(&mut ids, merge.left, merge.right, merge.id);
            }
            (ids, count)
        });
        let rest = MergeOptions { merges: merges.map(|all| all - expected.len()), ..options };
        let more = learn_naively_from(encoded.collect(), tokens, 4, &rest);
        expected.extend(more);
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn random_words_give_the_merges_of_the_naive_learner(
        words in prop::collection::vec(("[abc]{0,12}|[ab]{0,20}|[a-e é]{1,9}", 1_u64..6), 0..12),
        merges in prop::option::of(0_usize..40),
        min_frequency in 0_u64..4,
        max_token_bytes in prop::option::of(1_usize..9),
        weight in prop::sample::select(vec![1, 1 << 31, 1 << 33]),
        floor in prop::sample::select(vec![0, 2, 5, 20, 1000]),
        special_tokens in reserved_names(),
        threads in 1_usize..5,
    ) {
        let words = words.iter().filter(|(word, _)| !word.is_empty());
        let counts = counts(words.map(|(word, count)| (&**word, count * weight)));
        let options = MergeOptions { merges, min_frequency, max_token_bytes, special_tokens, threads };
        let found = learned(&counts, &options);
        prop_assert_eq!(&found, &learn_naively(&counts, &options));
        let (monitor, floor) = (Monitor::default(), floor * weight);
        let start = Start::from_bytes(&options);
        let wide = learn_in_cells::<u64>(start, &counts, Weights::new(&counts), &options, floor, &monitor);
        prop_assert_eq!(&found, &wide.expect("small counts"));
        // What the head of the module proves.
        let tokens = spelled(&found);
        prop_assert_eq!(tokens.iter().collect::<BTreeSet<_>>().len(), tokens.len());
    }
}
