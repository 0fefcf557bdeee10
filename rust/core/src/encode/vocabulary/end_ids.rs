//! The ids that stand before a text, or after it: none, one, or several.
//!
//! Nearly all tokenizers have one BOS and one EOS at most; but Whisper begins a text with two ids, and translators with
//! that of a language. In files, none is null, one a number, and several are a list.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Ids at one end of a text, in the order in which they stand.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EndIds(Vec<u32>);

impl EndIds {
    /// The ids.
    pub fn as_slice(&self) -> &[u32] {
        &self.0
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// These ids, each changed by `change`.
    pub(crate) fn map(&self, change: impl Fn(u32) -> u32) -> Self {
        Self(self.0.iter().map(|&id| change(id)).collect())
    }
}

impl From<Vec<u32>> for EndIds {
    fn from(ids: Vec<u32>) -> Self {
        Self(ids)
    }
}

impl From<u32> for EndIds {
    fn from(id: u32) -> Self {
        Self(vec![id])
    }
}

impl From<Option<u32>> for EndIds {
    fn from(id: Option<u32>) -> Self {
        Self(id.into_iter().collect())
    }
}

/// The ids as files have them.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Written {
    One(u32),
    Several(Vec<u32>),
}

impl Serialize for EndIds {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let written = match *self.0 {
            [] => None,
            [id] => Some(Written::One(id)),
            _ => Some(Written::Several(self.0.clone())),
        };
        written.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for EndIds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        Ok(Self(match Option::deserialize(deserializer)? {
            None => Vec::new(),
            Some(Written::One(id)) => vec![id],
            Some(Written::Several(ids)) => ids,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn none_is_null_one_a_number_and_several_are_a_list() {
        for (ids, written) in [(vec![], "null"), (vec![7], "7"), (vec![7, 9], "[7,9]")] {
            let ends = EndIds::from(ids);
            assert_eq!(serde_json::to_string(&ends).expect("JSON"), written);
            assert_eq!(serde_json::from_str::<EndIds>(written).expect("JSON"), ends);
        }
        assert!(serde_json::from_str::<EndIds>("-1").is_err());
    }
}
