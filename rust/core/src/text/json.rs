//! The one string that matters in a line of JSON.
//!
//! The line is parsed in one pass that checks all of it, and nothing but the wanted field is copied; that one not
//! either, unless it holds escapes. Lone surrogates (`\ud800`) have no UTF-8 and are errors.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};

/// The string in `field` of the object that `line` is, or what is wrong with it.
pub(super) fn string_in<'l>(line: &'l [u8], field: &str) -> Result<Cow<'l, str>, String> {
    let mut deserializer = serde_json::Deserializer::from_slice(line);
    let text = Object { field }.deserialize(&mut deserializer);
    text.and_then(|text| deserializer.end().map(|()| text)).map_err(|error| {
        // The library counts lines within `line`; the caller knows the real one.
        let message = error.to_string();
        let cause = message.split(" at line 1 column").next().unwrap_or(&message);
        format!(
            "{cause} (column {}); expected one JSON object a line, with a string in {field:?}",
            error.column()
        )
    })
}

/// An object of which only `field` is wanted.
struct Object<'f> {
    field: &'f str,
}

impl<'de> DeserializeSeed<'de> for Object<'_> {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Object<'_> {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(key) = map.next_key_seed(Text)? {
            if key != self.field {
                map.next_value::<IgnoredAny>()?;
            } else if found.replace(map.next_value_seed(Text)?).is_some() {
                return Err(A::Error::custom(format_args!("field {:?} stands twice", self.field)));
            }
        }
        found.ok_or_else(|| A::Error::custom(format_args!("no field {:?}", self.field)))
    }
}

/// A string, borrowed where it has no escapes.
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

#[cfg(test)]
mod tests {
    use super::*;

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
            (br#"{"text": "\ud800"}"#, "hex escape"),
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
