//! Reads the merges of a `tokenizer.json`, without a copy of each text.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, SeqAccess, Visitor};

use super::Checked;
use super::names::Names;
use crate::encode::bpe::merges::Merge;
use crate::encode::characters::affixes::Affixes;
use crate::tokenizer_json::Text;

/// A merge, written `"left right"` or `["left", "right"]`.
pub(super) struct Pair<'f>(pub(super) Cow<'f, str>, pub(super) Cow<'f, str>);

impl<'de: 'f, 'f> Deserialize<'de> for Pair<'f> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct PairVisitor;

        impl<'de> Visitor<'de> for PairVisitor {
            type Value = Pair<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a merge as \"left right\" or [\"left\", \"right\"]")
            }

            fn visit_borrowed_str<E: serde::de::Error>(
                self,
                text: &'de str,
            ) -> std::result::Result<Pair<'de>, E> {
                match text.split_once(' ') {
                    Some((left, right)) => Ok(Pair(left.into(), right.into())),
                    None => Err(E::invalid_value(serde::de::Unexpected::Str(text), &self)),
                }
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> std::result::Result<Pair<'de>, E> {
                match text.split_once(' ') {
                    Some((left, right)) => Ok(Pair(left.to_owned().into(), right.to_owned().into())),
                    None => Err(E::invalid_value(serde::de::Unexpected::Str(text), &self)),
                }
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> std::result::Result<Pair<'de>, A::Error> {
                let missing = |count| serde::de::Error::invalid_length(count, &"two tokens");
                let Text(left) = parts.next_element()?.ok_or_else(|| missing(0))?;
                let Text(right) = parts.next_element()?.ok_or_else(|| missing(1))?;
                match parts.next_element::<Text<'_>>()? {
                    None => Ok(Pair(left, right)),
                    Some(_) => Err(missing(3)),
                }
            }
        }

        deserializer.deserialize_any(PairVisitor)
    }
}

/// How many merges' parts are prefetched at once.
const AHEAD: usize = 32;

/// The merges by the ids of `names`.
pub(super) fn merges(pairs: &[Pair<'_>], names: &Names<'_>, affixes: &Affixes) -> Checked<Vec<Merge>> {
    let mut merges = Vec::with_capacity(pairs.len());
    let mut asked = Vec::with_capacity(AHEAD);
    // The tokens that merges make are mostly in the order of the merges.
    let mut next = 0;
    for few in pairs.chunks(AHEAD) {
        asked.clear();
        asked.extend(few.iter().map(|Pair(left, right)| [names.ask(left), names.ask(right)]));
        for (Pair(left, right), hashes) in few.iter().zip(&asked) {
            let fault = |text: &str| {
                format!("merge {} ({left:?}, {right:?}): {text:?} is not in the vocabulary", merges.len())
            };
            let part = |text: &str, hash: u64| names.answer(text, hash).ok_or_else(|| fault(text));
            let (left_id, right_id) = (part(left, hashes[0])?.1, part(right, hashes[1])?.1);
            // As Hugging Face does, whatever the right part begins with.
            let rest = right.get(affixes.prefix.len()..).ok_or_else(|| {
                format!(
                    "merge {} ({left:?}, {right:?}): {right:?} has no prefix {:?}",
                    merges.len(),
                    affixes.prefix
                )
            })?;
            let id = if let Some(id) = names.id_at(next, [left, rest]) {
                id
            } else {
                let made = format!("{left}{rest}");
                let found = names.answer(&made, names.ask(&made)).ok_or_else(|| fault(&made))?;
                next = found.0;
                found.1
            };
            next += 1;
            merges.push(Merge { left: left_id, right: right_id, id });
        }
    }
    Ok(merges)
}
