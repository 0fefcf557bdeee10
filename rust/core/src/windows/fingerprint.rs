//! A number that tells the tokens of some rows from others, whatever their number is: the state of an epoch carries it.
//!
//! It is a hash of a sample: of evenly spaced rows, where they start and the tokens there. So it takes the same time for
//! any corpus, sees documents in another order and shards that were swapped, and depends neither on the type of the
//! tokens nor on the shards that they lie in.

use xxhash_rust::xxh3::Xxh3Default;

use super::Sequence;

/// How many rows are looked at.
const ROWS: u64 = 32;

/// How many tokens of each.
const TOKENS: u64 = 8;

/// The fingerprint, below 2^63, of `rows` rows over `sequence`, of which each starts where `start` says.
pub fn fingerprint(sequence: impl Sequence, rows: u64, start: impl Fn(u64) -> u64) -> u64 {
    let mut hash = Xxh3Default::new();
    let looked_at = rows.min(ROWS);
    for number in 0..looked_at {
        let row = u128::from(number) * u128::from(rows - 1) / u128::from((looked_at - 1).max(1));
        let start = start(row as u64);
        hash.update(&start.to_le_bytes());
        for at in start..(start + TOKENS).min(sequence.len()) {
            let [token, ..] = sequence.piece(at..at + 1) else { continue };
            let token: i64 = (*token).into();
            hash.update(&token.to_le_bytes());
        }
    }
    hash.digest() >> 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_that_of_the_tokens_and_their_order() {
        let tokens: Vec<u16> = (0..4_000).map(|at| (at * 7 % 997) as u16).collect();
        let wide: Vec<i64> = tokens.iter().map(|&token| token.into()).collect();
        let of = |tokens: &[u16]| fingerprint(tokens, 100, |row| row * 40);
        assert_eq!(of(&tokens), fingerprint(&wide[..], 100, |row| row * 40));
        assert!(of(&tokens) < 1 << 63);
        let mut swapped = tokens.clone();
        swapped.rotate_left(1_000);
        let mut other_end = tokens.clone();
        other_end[3_960] += 1;
        for other in [of(&swapped), of(&other_end), fingerprint(&tokens[..], 100, |row| row * 39)] {
            assert_ne!(of(&tokens), other);
        }
        for rows in 0..3 {
            fingerprint(&tokens[..rows as usize], rows, |row| row);
        }
    }
}
