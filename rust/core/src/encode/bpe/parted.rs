//! Knows the two parts from which merges make each token of the bundled encodings.
//!
//! A rank file holds no merges, and to find the one that makes each token takes 33 ms (o200k): a tenth of the time of
//! 100 MB. So beside the tokens of a bundled encoding there is a byte for each: the length of the left of the two parts
//! that its merge joins, or 0 if no merge makes it. Then 6 ms go into looking the parts up.
//!
//! What is known of some tokens holds for every vocabulary that begins with them, as Llama 3's begins with cl100k's:
//! all its other tokens have higher ids, and merges that make those only take what lower ones leave. So merges that
//! make one of the first tokens make it there, too, in the same steps; only a token that no merge makes here may have
//! one there.

use crate::encode::vocabulary::Vocabulary;

/// The first tokens of a published encoding.
struct Known {
    count: usize,
    /// [`Vocabulary::hash_of_first`] of them.
    hash: u128,
    /// The length of each one's left part, compressed.
    left_lengths: &'static [u8],
}

/// What `examples/bundle_ranks.rs` wrote and printed.
const KNOWN: [Known; 3] = [
    Known {
        count: 50_256,
        hash: 0xf1b5_2e84_6d28_1725_0e68_be00_d965_5a4f,
        left_lengths: include_bytes!("../../../data/p50k_base.parts.zst"),
    },
    Known {
        count: 100_256,
        hash: 0xa81a_705d_e25f_058d_c84e_ad37_f551_34ec,
        left_lengths: include_bytes!("../../../data/cl100k_base.parts.zst"),
    },
    Known {
        count: 199_998,
        hash: 0x06ab_e57c_6fee_9807_5a9b_caf0_3240_2d14,
        left_lengths: include_bytes!("../../../data/o200k_base.parts.zst"),
    },
];

/// How long the left parts of a vocabulary's first tokens are, by id; 0 where that is not known.
pub(crate) fn known_left_lengths(vocabulary: &Vocabulary) -> Vec<u8> {
    let is_known = |known: &&Known| vocabulary.hash_of_first(known.count) == Some(known.hash);
    let Some(known) = KNOWN.iter().find(is_known) else { return Vec::new() };
    let lengths = zstd::decode_all(known.left_lengths).expect("a file that comes with the library");
    assert_eq!(lengths.len(), known.count, "as many as there are tokens");
    lengths
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encode::Tokens;
    use crate::encode::bpe::ranks::Spelled;
    use crate::encode::tokenizer::Tokenizer;

    fn bundled(name: &str) -> Tokens {
        Tokenizer::bundled(name).expect("a bundled encoding").definition().tokens
    }

    /// What is known makes the merges that are found without it.
    fn check(tokens: Tokens, count: usize) {
        let vocabulary = Vocabulary::new(tokens, &[]).expect("good tokens");
        let byte_ids = std::array::from_fn(|byte| vocabulary.id_of(&[byte as u8]).expect("all bytes"));
        let lengths = known_left_lengths(&vocabulary);
        assert_eq!(lengths.len(), count);
        let spelled = Spelled::new(&vocabulary, &byte_ids);
        let found = spelled.find_merges(&vocabulary, &[]);
        assert!(found.len() >= count - 256);
        assert!(spelled.find_merges(&vocabulary, &lengths) == found);
    }

    #[test]
    fn what_is_known_of_bundled_encodings_is_what_is_found() {
        for (name, count) in
            [("gpt2", 50_256), ("p50k_base", 50_256), ("cl100k_base", 100_256), ("o200k_base", 199_998)]
        {
            check(bundled(name), count);
        }
    }

    #[test]
    fn more_tokens_behind_change_nothing() {
        let mut tokens = bundled("gpt2");
        let first: Vec<Vec<u8>> = tokens.iter().map(|(_, token)| token.to_vec()).collect();
        let mut known: std::collections::HashSet<Vec<u8>> = first.iter().cloned().collect();
        for (number, id) in (0..3_000).zip(50_256..) {
            let token = [&*first[number * 7_919 % 50_256], &*first[number * 104_729 % 50_256]].concat();
            if known.insert(token.clone()) {
                tokens.push(id, &token);
            }
        }
        check(tokens, 50_256);
    }

    #[test]
    fn other_tokens_are_not_taken_for_known_ones() {
        let lengths = |tokens: Tokens, special: &[(String, u32)]| {
            known_left_lengths(&Vocabulary::new(tokens, special).expect("good tokens")).len()
        };
        let tokens = bundled("gpt2");
        assert_eq!(lengths(tokens.clone(), &[("<|end|>".to_owned(), 50_256)]), 50_256);
        let without = |left_out: u32| tokens.iter().filter(move |&(id, _)| id != left_out);
        assert_eq!(lengths(without(50_255).collect(), &[]), 0);
        assert_eq!(lengths(without(700).collect(), &[("other".to_owned(), 700)]), 0);
        let name = String::from_utf8(tokens.iter().nth(700).expect("many").1.to_vec()).expect("text");
        assert_eq!(lengths(without(700).collect(), &[(name, 700)]), 0);
    }
}
