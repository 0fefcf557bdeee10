//! The merges of a `tokenizer.json`, without a copy of each text.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, SeqAccess, Visitor};

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
