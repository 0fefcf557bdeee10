//! The one string that matters in a line of JSON.
//!
//! The line is parsed in one pass that checks all of it, and nothing but the wanted field is copied; that one not
//! either, unless it holds escapes. Lone surrogates (`\ud800`), which some programs write, have no UTF-8: they become
//! U+FFFD, as in a Python string, in a second pass, for which they are bytes.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};

/// The string in `field` of the object that `line` is, or what is wrong with it.
pub(super) fn string_in<'l>(line: &'l [u8], field: &str) -> Result<Cow<'l, str>, String> {
    let strict = read(line, Object { field, text: Text });
    let text = strict.or_else(|error| {
        let lossy =
            str::from_utf8(line).ok().and_then(|_| read(line, Object { field, text: LossyText }).ok());
        lossy.ok_or(error)
    });
    text.map_err(|error| {
        // The library counts lines within `line`; the caller knows the real one.
        let message = error.to_string();
        let cause = message.split(" at line 1 column").next().unwrap_or(&message);
        format!(
            "{cause} (column {}); expected one JSON object a line, with a string in {field:?}",
            error.column()
        )
    })
}

fn read<'l>(
    line: &'l [u8],
    object: impl DeserializeSeed<'l, Value = Cow<'l, str>>,
) -> serde_json::Result<Cow<'l, str>> {
    let mut deserializer = serde_json::Deserializer::from_slice(line);
    let text = object.deserialize(&mut deserializer)?;
    deserializer.end().map(|()| text)
}

/// An object of which only `field` is wanted, and how strings in it are read.
struct Object<'f, T> {
    field: &'f str,
    text: T,
}

impl<'de, T: DeserializeSeed<'de, Value = Cow<'de, str>> + Copy> DeserializeSeed<'de> for Object<'_, T> {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, T: DeserializeSeed<'de, Value = Cow<'de, str>> + Copy> Visitor<'de> for Object<'_, T> {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(key) = map.next_key_seed(self.text)? {
            if key != self.field {
                map.next_value::<IgnoredAny>()?;
            } else if found.replace(map.next_value_seed(self.text)?).is_some() {
                return Err(A::Error::custom(format_args!("field {:?} stands twice", self.field)));
            }
        }
        found.ok_or_else(|| A::Error::custom(format_args!("no field {:?}", self.field)))
    }
}

/// A string, borrowed where it has no escapes.
#[derive(Clone, Copy)]
struct Text;

impl<'de> DeserializeSeed<'de> for Text {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Text {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(text))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(text.to_owned()))
    }
}

/// A string in which lone surrogates are U+FFFD. The library gives them as the three bytes that UTF-8 would have for them.
#[derive(Clone, Copy)]
struct LossyText;

impl<'de> DeserializeSeed<'de> for LossyText {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_bytes(self)
    }
}

impl<'de> Visitor<'de> for LossyText {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Self::Value, E> {
        const SURROGATE_BYTES: usize = 3;
        let (mut text, mut rest) = (String::with_capacity(bytes.len()), bytes);
        while let Some(chunk) = rest.utf8_chunks().next() {
            text.push_str(chunk.valid());
            let is_whole = chunk.invalid().is_empty();
            text.extend((!is_whole).then_some(char::REPLACEMENT_CHARACTER));
            rest = &rest[chunk.valid().len() + if is_whole { 0 } else { SURROGATE_BYTES }..];
        }
        Ok(Cow::Owned(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lone_surrogates_are_replacement_characters() {
        let text = |line: &'static str| string_in(line.as_bytes(), "text").expect("a good line");
        assert_eq!(
            text(r#"{"text": "a\ud800b\udc00\ud83d\ude00\ud83d"}"#),
            "a\u{fffd}b\u{fffd}\u{1f600}\u{fffd}"
        );
        assert_eq!(text(r#"{"\ud800": 1, "text": "é"}"#), "é");
        assert!(string_in(b"{\"text\": \"\\ud800\xff\"}", "text").is_err());
        assert!(string_in(br#"{"text": "\ud800", "text": "a"}"#, "text").is_err());
    }

    #[test]
    fn the_field_is_found_among_others_and_unescaped() {
        let text = |line: &'static str| string_in(line.as_bytes(), "text").expect("a good line");
        assert_eq!(text(r#"{"id": [1, {"text": 2}], "text": "plain"}"#), "plain");
        assert!(matches!(text(r#"{"text":"plain"}"#), Cow::Borrowed(_)));
        assert_eq!(text(r#" {"te\u0078t": "a\n\u00e9\ud83d\ude00\"", "x": null} "#), "a\n\u{e9}\u{1f600}\"");
        assert_eq!(text(r#"{"text": "", "other": "\ud800"}"#), "");
    }

    #[test]
    fn other_lines_are_errors_that_say_why() {
        for (line, cause) in [
            (&br#"{"text": 5}"#[..], "invalid type: integer `5`, expected a string (column 10)"),
            (br#"{"text": null}"#, "invalid type: null, expected a string"),
            (br#"{"body": "x"}"#, "no field \"text\""),
            (br#"{"text": "a", "text": "b"}"#, "field \"text\" stands twice"),
            (br#"["text"]"#, "invalid type: sequence, expected an object"),
            (br#"{"text": "cut sho"#, "EOF while parsing a string"),
            (br#"{"text": "a"} {"#, "trailing characters"),
            (br#"{"text": "\ud8"}"#, "invalid escape"),
            (b"{\"text\": \"\xff\"}", "invalid unicode code point"),
            (b"\0", "expected value"),
        ] {
            let message = string_in(line, "text").expect_err("a bad line");
            assert!(message.contains(cause), "{message}");
            assert!(
                message.ends_with("expected one JSON object a line, with a string in \"text\""),
                "{message}"
            );
        }
    }

    #[test]
    fn deep_nesting_outside_the_field_is_no_trouble() {
        let line = format!("{{\"x\": {}{}, \"text\": \"here\"}}", "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(string_in(line.as_bytes(), "text").expect("valid JSON"), "here");
    }
}
