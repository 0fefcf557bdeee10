//! The encodings that come with the library, so that nothing has to be fetched.
//!
//! A compact file holds the tokens of a rank file in the order of their ranks, compressed: their number in four bytes,
//! little-endian, then a byte for the length of each, then their bytes. (`examples/bundle_ranks.rs` writes it;
//! `data/README.md` says where the ranks are from.) The order of the ids is the order of the tokens, but for one number
//! that GPT-3's second file leaves out.

use super::published::Published;
use crate::encode::definition::Definition;
use crate::encode::tokenizer::Tokenizer;
use crate::encode::vocabulary::tokens::Tokens;

/// The names that [`Tokenizer::bundled`] knows.
pub const BUNDLED: [&str; 7] =
    ["gpt2", "r50k_base", "p50k_base", "p50k_edit", "cl100k_base", "o200k_base", "o200k_harmony"];

/// The id that GPT-3's ranks leave to a special token; GPT-2's end before.
const LEFT_OUT: u32 = 50_256;

impl Tokenizer {
    /// The encoding of this name, if it is one of [`BUNDLED`].
    pub fn bundled(name: &str) -> Option<Self> {
        let definition = definition(name)?;
        Some(Self::new(definition).expect("a file that comes with the library"))
    }

    /// The tokens of a rank file in the compact form.
    pub fn to_compact(&self) -> Vec<u8> {
        let tokens = self.definition().tokens;
        let mut file = (tokens.len() as u32).to_le_bytes().to_vec();
        file.extend(
            tokens.iter().map(|(_, token)| u8::try_from(token.len()).expect("a token of a line at most")),
        );
        tokens.iter().for_each(|(_, token)| file.extend_from_slice(token));
        file
    }

    /// For the tokens before the first gap in the ids: the length of the left of the two parts that a merge joins to
    /// each (0 if none makes it), and a hash of these tokens.
    pub fn to_left_lengths(&self) -> (Vec<u8>, u128) {
        let vocabulary = &self.encoder.vocabulary;
        let bound = vocabulary.id_bound() as u32;
        let count = (0..bound).take_while(|&id| vocabulary.bytes_of(id).is_some()).count();
        let mut lengths = vec![0; count];
        for merge in self.merges() {
            let left = self.bytes_of(merge.left).expect("a merge of tokens");
            if let Some(length) = lengths.get_mut(merge.id as usize) {
                *length = u8::try_from(left.len()).expect("a token of a line at most");
            }
        }
        (lengths, vocabulary.hash_of_first(count).expect("no special tokens"))
    }
}

/// The definition of a bundled encoding.
pub(super) fn definition(name: &str) -> Option<Definition> {
    let published = Published::find(name)?;
    let (compressed, left_out): (&[u8], u32) = match name {
        "gpt2" | "r50k_base" | "p50k_base" | "p50k_edit" => {
            (include_bytes!("../../../data/p50k_base.zst"), LEFT_OUT)
        }
        "cl100k_base" => (include_bytes!("../../../data/cl100k_base.zst"), u32::MAX),
        "o200k_base" | "o200k_harmony" => (include_bytes!("../../../data/o200k_base.zst"), u32::MAX),
        _ => return None,
    };
    let tokens = tokens(compressed, published.ranks, left_out).expect("a file that comes with the library");
    Some(published.definition(tokens))
}

/// The first `count` tokens of a compact file. Ids count up and leave one out.
fn tokens(compressed: &[u8], count: usize, left_out: u32) -> Option<Tokens> {
    let mut file = zstd::decode_all(compressed).ok()?;
    let all = u32::from_le_bytes(*file.first_chunk()?) as usize;
    let entries: Vec<(u32, u32)> = file
        .get(4..4 + count.min(all))?
        .iter()
        .zip((0..).filter(|&id| id != left_out))
        .map(|(&length, id)| (id, u32::from(length)))
        .collect();
    file.drain(..4 + all);
    file.truncate(entries.iter().map(|&(_, length)| length as usize).sum());
    Some(Tokens::from_parts(file, entries))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bundled_encodings_have_all_their_tokens() {
        for name in BUNDLED {
            let tokenizer = Tokenizer::bundled(name).expect("a bundled encoding");
            let published = Published::find(name).expect("a published encoding");
            let specials: std::collections::BTreeSet<u32> =
                published.special_tokens().iter().map(|&(_, id)| id).collect();
            assert_eq!(tokenizer.vocab_size(), published.ranks + specials.len(), "{name}");
            assert_eq!(tokenizer.definition().tokens.len(), published.ranks, "{name}");
        }
        assert!(Tokenizer::bundled("llama3").is_none());
        let p50k = Tokenizer::bundled("p50k_base").expect("a bundled encoding");
        assert_eq!(
            (p50k.bytes_of(50_256), p50k.bytes_of(50_257)),
            (Some(&b"<|endoftext|>"[..]), Some(&b"  "[..]))
        );
        assert_eq!(p50k.max_id(), 50_280);
    }

    #[test]
    fn the_compact_form_holds_the_tokens() {
        let tokenizer = Tokenizer::bundled("gpt2").expect("a bundled encoding");
        let compressed = zstd::encode_all(&*tokenizer.to_compact(), 1).expect("compressed");
        let again = tokens(&compressed, usize::MAX, u32::MAX).expect("a compact file");
        assert_eq!(again, tokenizer.definition().tokens);
    }
}
