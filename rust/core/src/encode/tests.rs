//! The encoder against a naive one, on vocabularies and texts made at random.

use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::Monitor;
use crate::processor::Level;
use crate::split::{Pattern, Splitter};

/// Merges as a list of pairs among the tokens so far, chosen by `picks`, of the letters a to d and the space.
fn merges_from(picks: &[(usize, usize)]) -> Vec<Merge> {
    let mut ids: Vec<u32> = b"abcd ".iter().map(|&byte| u32::from(ID_OF_BYTE[byte as usize])).collect();
    let mut spelled: Vec<Vec<u32>> = ids.iter().map(|&id| vec![id]).collect();
    let mut merges: Vec<Merge> = Vec::new();
    for &(left, right) in picks {
        let (left, right) = (left % ids.len(), right % ids.len());
        let token = [spelled[left].clone(), spelled[right].clone()].concat();
        let known_pair = merges.iter().any(|merge| (merge.left, merge.right) == (ids[left], ids[right]));
        if known_pair || token.len() > 12 {
            continue;
        }
        let id = match spelled.iter().position(|other| *other == token) {
            Some(known) => ids[known],
            None => 256 + (ids.len() - 5) as u32,
        };
        merges.push(Merge { left: ids[left], right: ids[right], id });
        if !ids.contains(&id) {
            ids.push(id);
            spelled.push(token);
        }
    }
    merges
}

fn tokenizer(pattern: Option<&str>, merges: &[Merge], whole_pretokens: WholePretokens) -> Tokenizer {
    let specials = ["<|x|>".to_owned(), "<|x|>y".to_owned()];
    let made = Tokenizer::from_merges(Pattern::new(pattern), merges, &specials).expect("good merges");
    Tokenizer::new(Definition { whole_pretokens, ..made.definition() }).expect("a good definition")
}

/// The ids of one pretoken: the leftmost pair of the lowest rank merges, until none has a rank.
fn naive_ids(tokenizer: &Tokenizer, pretoken: &[u8]) -> Vec<u32> {
    let whole = tokenizer.id_of(pretoken).filter(|&id| !tokenizer.is_special(id));
    if let (WholePretokens::Take, Some(id)) = (tokenizer.definition().whole_pretokens, whole) {
        return vec![id];
    }
    let mut ids: Vec<u32> = pretoken.iter().map(|&byte| u32::from(ID_OF_BYTE[byte as usize])).collect();
    let merges = tokenizer.merges();
    let rank = |pair: &[u32]| merges.iter().rposition(|merge| [merge.left, merge.right] == *pair);
    while let Some((rank, at)) =
        (0..ids.len().saturating_sub(1)).filter_map(|at| Some((rank(&ids[at..at + 2])?, at))).min()
    {
        ids.splice(at..at + 2, [merges[rank].id]);
    }
    ids
}

fn naive_encode(tokenizer: &Tokenizer, text: &[u8]) -> Vec<u32> {
    let mut ids = Vec::new();
    let visit = |pretoken: &[u8]| ids.extend(naive_ids(tokenizer, pretoken));
    tokenizer.splitter().for_each(text, visit).expect("no runaway");
    ids
}

#[test]
fn a_full_cache_forgets_but_is_never_wrong() {
    let picks: Vec<_> = (0..60).map(|pick| (pick * 7 % 13, pick * 5 % 11)).collect();
    // All words of two to seven letters, more than a cache in tests holds, and some of them again and again.
    let words = (4..4_usize.pow(7)).map(|number| {
        let letters = (0..7).map(|at| b"abcd"[number >> (2 * at) & 3]);
        letters.take(2 + number % 6).chain([b' ']).collect::<Vec<u8>>()
    });
    let often = [&b"ab "[..], b"dcba ", b"abcdabc "].into_iter().cycle();
    let text = words.zip(often).flat_map(|(word, often)| [&word[..], often].concat()).collect::<Vec<u8>>();
    for whole in [WholePretokens::Take, WholePretokens::Merge] {
        let tokenizer = tokenizer(Some("gpt2"), &merges_from(&picks), whole);
        let expected = naive_encode(&tokenizer, &text);
        for _ in 0..2 {
            assert!(tokenizer.encode(&text, &options(), 1).expect("encodes") == expected);
        }
    }
}

/// Compares all but the merges, which here are always those of this processor; `lockstep` compares them.
#[test]
fn processors_of_every_level_encode_alike() {
    let characters = ('\0'..=char::MAX).step_by(41);
    let text: String = characters.flat_map(|one| ['a', one, 'b', ' ', one, one, 'c', '1', '\'']).collect();
    let picks: Vec<_> = (0..60).map(|pick| (pick * 7 % 13, pick * 5 % 11)).collect();
    for pattern in ["gpt2", "cl100k", "o200k", "deepseek"] {
        let mut results = Level::available().map(|level| {
            let mut tokenizer = tokenizer(Some(pattern), &merges_from(&picks), WholePretokens::Take);
            tokenizer.encoder.level = level;
            tokenizer.encoder.splitter =
                Splitter::at_level(&Pattern::new(Some(pattern)), level).expect("a pattern");
            [(); 2].map(|()| tokenizer.encode(text.as_bytes(), &options(), 1).expect("encodes"))
        });
        let portable = results.next().expect("there is always one");
        assert!(portable[0] == portable[1] && portable[0].len() > 100_000);
        results.for_each(|other| assert!(other == portable, "{pattern}"));
    }
}

fn options() -> EncodeOptions {
    EncodeOptions::default()
}

fn any_tokenizer() -> impl Strategy<Value = Tokenizer> {
    let pattern = prop::sample::select(vec![Some("gpt2"), Some("o200k"), Some("[ab]+"), None]);
    let whole = prop::sample::select(vec![WholePretokens::Take, WholePretokens::Merge]);
    let picks = prop::collection::vec((0_usize..60, 0_usize..60), 0..60);
    (pattern, picks, whole)
        .prop_map(|(pattern, picks, whole)| tokenizer(pattern, &merges_from(&picks), whole))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn ids_are_those_of_the_naive_encoder(tokenizer in any_tokenizer(), texts in prop::collection::vec("[abcd ]{0,200}", 1..5)) {
        for text in &texts {
            let expected = naive_encode(&tokenizer, text.as_bytes());
            // Twice, for the cache knows the pretokens then.
            for _ in 0..2 {
                let ids = tokenizer.encode(text.as_bytes(), &options(), 1).expect("encodes");
                prop_assert_eq!(&ids, &expected);
            }
            prop_assert_eq!(tokenizer.count(text.as_bytes(), &options(), 1).expect("encodes"), expected.len());
            prop_assert_eq!(tokenizer.decode(&expected).expect("known ids"), text.as_bytes());
        }
    }

    #[test]
    fn any_bytes_come_back(tokenizer in any_tokenizer(), text in prop::collection::vec(any::<u8>(), 0..300)) {
        let ids = tokenizer.encode(&text, &options(), 1).expect("encodes");
        prop_assert_eq!(&ids, &naive_encode(&tokenizer, &text));
        prop_assert_eq!(tokenizer.decode(&ids).expect("known ids"), text);
    }

    #[test]
    fn long_words_of_any_script_are_cut_only_where_nothing_merges(
        letters in prop::collection::vec(prop::sample::select("abc中国人éèсл".chars().collect::<Vec<_>>()), 0..120),
        picks in prop::collection::vec((0_usize..400, 0_usize..400), 0..80),
    ) {
        let mut merges: Vec<Merge> = Vec::new();
        let mut ids: Vec<u32> = "abc中国人éèсл".bytes().map(|byte| u32::from(ID_OF_BYTE[byte as usize])).collect();
        for (left, right) in picks {
            let (left, right) = (ids[left % ids.len()], ids[right % ids.len()]);
            if merges.iter().all(|merge| (merge.left, merge.right) != (left, right)) {
                merges.push(Merge { left, right, id: 256 + merges.len() as u32 });
                ids.push(255 + merges.len() as u32);
            }
        }
        let spelled = |merges: &[Merge]| Tokenizer::from_merges(Pattern::Whole, merges, &[]);
        while spelled(&merges).is_err() {
            merges.pop();
        }
        let text: String = letters.into_iter().collect();
        for whole in [WholePretokens::Take, WholePretokens::Merge] {
            let tokenizer = tokenizer(Some("o200k"), &merges, whole);
            let ids = tokenizer.encode(text.as_bytes(), &options(), 1).expect("encodes");
            prop_assert_eq!(ids, naive_encode(&tokenizer, text.as_bytes()));
        }
    }

    #[test]
    fn max_tokens_cuts_what_would_come(tokenizer in any_tokenizer(), text in "[abcd ]{0,80}", most in 0_usize..40) {
        let whole = EncodeOptions { bos: 1.into(), eos: 2.into(), ..options() };
        let cut = EncodeOptions { max_tokens: Some(most), ..whole.clone() };
        let mut expected = tokenizer.encode(text.as_bytes(), &whole, 1).expect("encodes").into_vec();
        expected.truncate(most);
        prop_assert_eq!(tokenizer.encode(text.as_bytes(), &cut, 2).expect("encodes"), expected);
    }

    #[test]
    fn files_hold_the_whole_tokenizer(tokenizer in any_tokenizer(), text in "[abcd ]{0,80}") {
        let again = Tokenizer::from_json(&tokenizer.to_json(), Path::new("memory")).expect("own file");
        prop_assert_eq!(again.fingerprint(), tokenizer.fingerprint());
        let ids = |tokenizer: &Tokenizer| tokenizer.encode(text.as_bytes(), &options(), 1).expect("encodes");
        prop_assert_eq!(ids(&again), ids(&tokenizer));
    }
}

#[test]
fn any_number_of_threads_gives_the_same_ids() {
    let merges = merges_from(&(0..200).map(|index| (index * 7, index * 3)).collect::<Vec<_>>());
    let tokenizer = tokenizer(Some("cl100k"), &merges, WholePretokens::Merge);
    let text = "abcd dcba aabbccdd <|x|>y  ab\n".repeat(40_000);
    let texts: Vec<&[u8]> = vec![text.as_bytes(), b"", b"ab", &text.as_bytes()[..300_000], b"<|x|>"];
    for special in [SpecialPolicy::Text, SpecialPolicy::Encode] {
        let options = EncodeOptions { special, eos: 9.into(), ..options() };
        let expected = tokenizer.encode_batch(&texts, &options, 1).expect("encodes");
        for (ids, text) in expected.iter().zip(&texts) {
            assert_eq!(tokenizer.encode(text, &options, 1).expect("encodes"), *ids);
        }
        for threads in [2, 5, 16] {
            assert_eq!(tokenizer.encode_batch(&texts, &options, threads).expect("encodes"), expected);
            assert_eq!(
                tokenizer.encode(texts[0], &options, threads).expect("encodes"),
                expected.iter().next().expect("one")
            );
            let counts = tokenizer.count_batch(&texts, &options, threads).expect("encodes");
            assert_eq!(counts, expected.iter().map(<[u32]>::len).collect::<Vec<_>>());
        }
    }
}

#[test]
fn long_pretokens_are_merged_like_short_ones() {
    let merges = merges_from(&(0..100).map(|index| (index * 5, index * 11)).collect::<Vec<_>>());
    let tokenizer = tokenizer(None, &merges, WholePretokens::Merge);
    let text: Vec<u8> =
        (0..3000_u32).map(|at| b"abcd"[(at.wrapping_mul(2_654_435_761) >> 30) as usize]).collect();
    for length in [16, 63, 64, 65, 255, 256, 257, 3000] {
        let ids = tokenizer.encode(&text[..length], &options(), 1).expect("encodes");
        assert_eq!(ids, naive_encode(&tokenizer, &text[..length]), "{length} bytes");
    }
}

#[test]
fn special_tokens_are_what_the_call_says() {
    let tokenizer = tokenizer(Some("gpt2"), &[], WholePretokens::Merge);
    let encode = |policy: SpecialPolicy| {
        tokenizer.encode(b"a<|x|>y", &EncodeOptions { special: policy, ..options() }, 1)
    };
    let a = u32::from(ID_OF_BYTE[b'a' as usize]);
    assert_eq!(encode(SpecialPolicy::Text).expect("encodes").len(), 7);
    assert_eq!(encode(SpecialPolicy::Encode).expect("encodes"), [a, 257]);
    let only_short = encode(SpecialPolicy::EncodeOnly(vec!["<|x|>".to_owned()])).expect("encodes");
    assert_eq!(only_short, [a, 256, u32::from(ID_OF_BYTE[b'y' as usize])]);
    let error = encode(SpecialPolicy::Raise).expect_err("there is one").to_string();
    assert!(error.contains("\"<|x|>y\" at byte 1"), "{error}");
    let error = encode(SpecialPolicy::EncodeOnly(vec!["<|z|>".to_owned()])).expect_err("unknown").to_string();
    assert!(error.contains("\"<|z|>\" is no special token"), "{error}");
}

#[test]
fn a_truncated_vocabulary_is_the_shorter_training() {
    let merges = merges_from(&(0..40).map(|index| (index * 7, index * 3)).collect::<Vec<_>>());
    let whole = tokenizer(Some("gpt2"), &merges, WholePretokens::Merge);
    for size in [258, 260, whole.vocab_size()] {
        let shorter = whole.truncated(size).expect("within range");
        assert_eq!((shorter.vocab_size(), shorter.special_tokens().len()), (size, 2));
        assert_eq!(shorter.merges(), &whole.merges()[..shorter.merges().len()]);
    }
    for size in [257, whole.vocab_size() + 1] {
        assert!(whole.truncated(size).is_err());
    }
}

/// Merges that double: a token for each power of two of the letter a up to `longest`, and one of `ab` in the middle of
/// their ranks.
fn doubling_merges(longest: usize) -> Vec<Merge> {
    let [a, b] = [b'a', b'b'].map(|byte| u32::from(ID_OF_BYTE[byte as usize]));
    let mut merges = vec![Merge { left: a, right: a, id: 256 }];
    while 2 << merges.len() <= longest {
        let half = 255 + merges.len() as u32;
        merges.push(Merge { left: half, right: half, id: half + 1 });
    }
    let id = 256 + merges.len() as u32;
    merges.insert(merges.len() / 2, Merge { left: a, right: b, id });
    merges
}

#[test]
fn windows_meet_or_widen() {
    for longest in [4, 32, 64, 256, 4096] {
        let merges = doubling_merges(longest);
        let definition = tokenizer(None, &[], WholePretokens::Merge).definition();
        let mut tokens: Vec<(u32, Vec<u8>)> =
            definition.tokens.iter().map(|(id, token)| (id, token.to_vec())).collect();
        tokens.extend((1..merges.len()).map(|power| (255 + power as u32, vec![b'a'; 1 << power])));
        tokens.push((255 + merges.len() as u32, b"ab".to_vec()));
        let definition = Definition {
            tokens: tokens.into_iter().collect(),
            merges: Merges::Listed(merges),
            special_tokens: Vec::new(),
            ..definition
        };
        let tokenizer = Tokenizer::new(definition).expect("a good definition");
        for length in [62, 63, 64, 65, 102, 103, 104, 251, 252, 253, 1007, 1008, 1009, 5000] {
            let mut text = vec![b'a'; length];
            for at in [length / 3, length - 1] {
                let ids = tokenizer.encode(&text, &options(), 1).expect("encodes");
                assert_eq!(ids, naive_ids(&tokenizer, &text), "{length} bytes, tokens of {longest}");
                text[at] = b'b';
            }
            let ids = tokenizer.encode(&text, &options(), 1).expect("encodes");
            assert_eq!(ids, naive_ids(&tokenizer, &text), "{length} bytes, tokens of {longest}");
        }
    }
}

/// The ids of a pretoken by tiktoken's rule: the pair whose bytes are the token of the lowest id merges, the leftmost
/// first.
fn naive_spelled_ids(tokens: &[Vec<u8>], pretoken: &[u8]) -> Vec<u32> {
    let id = |bytes: &[u8]| tokens.iter().position(|token| token == bytes);
    if let Some(id) = id(pretoken) {
        return vec![id as u32];
    }
    let mut parts: Vec<Vec<u8>> = pretoken.iter().map(|&byte| vec![byte]).collect();
    while let Some((_, at)) =
        (1..parts.len()).filter_map(|at| Some((id(&parts[at - 1..=at].concat())?, at))).min()
    {
        let right = parts.remove(at);
        parts[at - 1].extend(right);
    }
    parts.iter().map(|part| id(part).expect("parts are tokens") as u32).collect()
}

fn rank_file(tokens: &[Vec<u8>]) -> tempfile::NamedTempFile {
    use base64::Engine as _;
    let base64 = |token: &Vec<u8>| base64::engine::general_purpose::STANDARD.encode(token);
    let lines: Vec<String> =
        (0..).zip(tokens).map(|(id, token)| format!("{} {id}\n", base64(token))).collect();
    let file = tempfile::Builder::new().suffix(".tiktoken").tempfile().expect("a temporary file");
    std::fs::write(file.path(), lines.concat()).expect("written");
    file
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn long_pretokens_are_stitched_from_windows(
        picks in prop::collection::vec((0_usize..60, 0_usize..60), 0..60),
        order in prop::collection::vec(any::<u32>(), 60),
        runs in prop::collection::vec((0_usize..6, 1_usize..90), 1..12),
    ) {
        // Ranks in any order, so that parts may have higher ones than what they make.
        let mut merges: Vec<(u32, Merge)> = order.into_iter().zip(merges_from(&picks)).collect();
        let made = tokenizer(None, &merges.iter().map(|&(_, merge)| merge).collect::<Vec<_>>(), WholePretokens::Merge);
        merges.sort_by_key(|&(order, _)| order);
        let merges = Merges::Listed(merges.into_iter().map(|(_, merge)| merge).collect());
        let shuffled = Tokenizer::new(Definition { merges, ..made.definition() }).expect("a good definition");
        let patterns = ["a", "ab", "abc", "dcba ", "aab", "abcd cab"];
        let text: String = runs.iter().map(|&(pattern, times)| patterns[pattern].repeat(times)).collect();
        for tokenizer in [&made, &shuffled] {
            let ids = tokenizer.encode(text.as_bytes(), &options(), 1).expect("encodes");
            prop_assert_eq!(ids, naive_ids(tokenizer, text.as_bytes()));
        }
    }

    #[test]
    fn rank_files_merge_by_spelling(
        words in prop::collection::btree_set("[abc ]{2,20}", 0..60),
        shuffle in any::<u64>(),
        texts in prop::collection::vec("[abc ]{0,120}", 1..4),
    ) {
        let mut tokens: Vec<Vec<u8>> = (0..=255).map(|byte| vec![byte]).chain(words.into_iter().map(String::into_bytes)).collect();
        // Any order: bytes need not come first, nor shorter tokens before longer ones.
        tokens.sort_by_key(|token| xxhash_rust::xxh3::xxh3_64_with_seed(token, shuffle));
        let file = rank_file(&tokens);
        let load = |pattern: Pattern| {
            let options = files::LoadOptions { pattern: Some(pattern), special_tokens: None };
            Tokenizer::load(file.path(), &options).expect("a good file")
        };
        let spelled = load(Pattern::Whole);
        for text in &texts {
            let expected = naive_spelled_ids(&tokens, text.as_bytes());
            prop_assert_eq!(&spelled.encode(text.as_bytes(), &options(), 1).expect("encodes"), &expected);
            // Given as a list, the merges give the same ids.
            let again = Tokenizer::from_json(&spelled.to_json(), Path::new("memory")).expect("own file");
            prop_assert_eq!(&again.encode(text.as_bytes(), &options(), 1).expect("encodes"), &expected);
            prop_assert_eq!(again.fingerprint(), spelled.fingerprint());
        }
        let split = load(Pattern::new(Some("gpt2")));
        for text in &texts {
            let mut expected = Vec::new();
            split.splitter().for_each(text.as_bytes(), |pretoken| expected.extend(naive_spelled_ids(&tokens, pretoken))).expect("no runaway");
            prop_assert_eq!(split.encode(text.as_bytes(), &options(), 1).expect("encodes"), expected);
        }
        let saved = tempfile::Builder::new().suffix(".tiktoken").tempfile().expect("a temporary file");
        spelled.save(saved.path()).expect("written");
        prop_assert_eq!(std::fs::read(saved.path()).expect("read"), std::fs::read(file.path()).expect("read"));
    }

    #[test]
    fn documents_of_a_text_are_encoded_like_each_alone(
        tokenizer in any_tokenizer(),
        documents in prop::collection::vec("[abcd ]{0,400}", 0..20),
        ends in prop::sample::select(vec![(vec![], vec![]), (vec![1], vec![]), (vec![2, 5], vec![3])]),
        threads in 1_usize..4,
    ) {
        let (bos, eos) = (EndIds::from(ends.0), EndIds::from(ends.1));
        let text: String = documents.iter().flat_map(|document| [document, ";"]).collect();
        let separated = DocumentOptions { separator: Some(b";"), bos: bos.clone(), eos: eos.clone() };
        let found = tokenizer.encode_documents(text.as_bytes(), &separated, threads, &Monitor::default()).expect("encodes");
        let texts: Vec<&[u8]> = documents.iter().map(String::as_bytes).collect();
        let expected = tokenizer.encode_batch(&texts, &EncodeOptions { bos, eos, ..options() }, 1).expect("encodes");
        prop_assert_eq!((found.ids, found.offsets), (expected.ids, expected.offsets));
    }

    #[test]
    fn pieces_that_take_turns_merge_like_each_alone(
        tokenizer in any_tokenizer(),
        words in prop::collection::vec("[abcd ]{1,15}", 0..120),
    ) {
        use super::cache::LANES;
        use super::cache::holes::Holes;
        use super::ids::Ids;
        use crate::keys::{Extent, key_of};
        let mut space = super::cache::misses::MissSpace::default();
        let (mut ids, mut holes) = (Ids::keep(0, usize::MAX), Holes::default());
        let mut expected_ids = Vec::new();
        let keys: Vec<_> = words.iter().map(|word| key_of(word.as_bytes(), 0, word.len(), Extent::Pretoken)).collect();
        for (number, (word, &key)) in (0..).zip(words.iter().zip(&keys)) {
            let (start, most) = (ids.len(), ids.room(word.len()).len());
            let room = holes.leave_short(start, key, space.cache.view().place_of(key), most).expect("enough room");
            ids.add_with(room, &holes);
            ids.extend(&[number, 7]);
            expected_ids.extend(naive_ids(&tokenizer, word.as_bytes()).into_iter().chain([number, 7]));
        }
        tokenizer.encoder.fill(&mut space, &mut holes, &mut ids).expect("fills");
        prop_assert_eq!(ids.into_array(), expected_ids);
        for (word, &key) in words.iter().zip(&keys) {
            let expected = naive_ids(&tokenizer, word.as_bytes());
            let view = space.cache.view();
            let lanes = view.find_near(key, view.place_of(key)).expect("the cache has room");
            if expected.len() <= LANES {
                prop_assert_eq!(&lanes.ids()[..lanes.len()], &*expected);
            } else {
                prop_assert_eq!(space.cache.arena.ids(lanes.excerpt()), Some(&*expected));
            }
        }
    }
}
