//! Finds the one string that matters in a line of JSON.
//!
//! The line is parsed in one pass that checks all of it; the wanted field and the keys are copied only if they hold
//! escapes, and nothing else is. Lone surrogates (`\ud800`), which some programs write, have no UTF-8: a line with some
//! is parsed again with U+FFFD in their place, which is what they become from a Python string, too.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};

/// The string in `field` of the object that `line` is, or what is wrong with it.
pub(super) fn string_in<'l>(line: &'l [u8], field: &str) -> Result<Cow<'l, str>, String> {
    let expected = |cause: &str, column: usize| {
        format!("{cause} (column {column}); expected one JSON object a line, with a string in {field:?}")
    };
    // The whole line is checked here, once: the parser checks only the strings that are wanted.
    let line = simdutf8::compat::from_utf8(line)
        .map_err(|error| expected("invalid unicode code point", error.valid_up_to() + 1))?;
    let text = read(line, field).or_else(|error| match without_lone_surrogates(line) {
        Some(line) => read(&line, field).map(|text| Cow::Owned(text.into_owned())),
        None => Err(error),
    });
    text.map_err(|error| {
        // The library counts lines within `line`; the caller knows the real one.
        let message = error.to_string();
        let cause = message.split(" at line 1 column").next().unwrap_or(&message);
        // What Python's `json` writes for floats, and what files that are put together keep of each other.
        let rest = line.get(error.column().saturating_sub(1)..).unwrap_or_default();
        let strange = ["NaN", "Infinity", "\u{feff}"].into_iter().find(|&strange| rest.starts_with(strange));
        match strange {
            Some("\u{feff}") => expected("a byte order mark inside the file", error.column()),
            Some(number) => expected(&format!("{number} is no JSON"), error.column()),
            None => expected(cause, error.column()),
        }
    })
}

fn read<'l>(line: &'l str, field: &str) -> serde_json::Result<Cow<'l, str>> {
    let mut deserializer = serde_json::Deserializer::from_str(line);
    let text = Object { field }.deserialize(&mut deserializer)?;
    deserializer.end().map(|()| text)
}

/// The line with U+FFFD instead of each escaped surrogate that has no other half; `None` if there is none.
fn without_lone_surrogates(line: &str) -> Option<String> {
    /// `\ud800`
    const ESCAPE: usize = 6;
    let escaped = |at: usize| {
        let digits = line.get(at..at + ESCAPE)?.strip_prefix("\\u")?;
        u32::from_str_radix(digits, 16).ok()
    };
    let is_high = |code: u32| (0xD800..0xDC00).contains(&code);
    let is_low = |code: u32| (0xDC00..0xE000).contains(&code);
    let mut changed = String::with_capacity(line.len());
    let (mut done, mut at) = (0, 0);
    while let Some(found) = memchr::memchr(b'\\', &line.as_bytes()[at..]) {
        at += found;
        match escaped(at) {
            Some(code) if is_high(code) && escaped(at + ESCAPE).is_some_and(is_low) => at += 2 * ESCAPE,
            Some(code) if is_high(code) || is_low(code) => {
                changed.push_str(&line[done..at]);
                changed.push_str("\\ufffd");
                at += ESCAPE;
                done = at;
            }
            // What is escaped may be a backslash.
            _ => at = line.len().min(at + 2),
        }
    }
    (done > 0).then(|| changed + &line[done..])
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
    fn lone_surrogates_are_replacement_characters() {
        let text = |line: &'static str| string_in(line.as_bytes(), "text").expect("a good line");
        assert_eq!(
            text(r#"{"text": "a\ud800b\udc00\ud83d\ude00\ud83d"}"#),
            "a\u{fffd}b\u{fffd}\u{1f600}\u{fffd}"
        );
        assert_eq!(text(r#"{"\ud800": 1, "text": "é"}"#), "é");
        assert_eq!(
            text(r#"{"text": "\\ud800\uDBFF\\\udc00\uD800\ud800\uDC00"}"#),
            "\\ud800\u{fffd}\\\u{fffd}\u{fffd}\u{10000}"
        );
        assert!(string_in(b"{\"text\": \"\\ud800\x01\"}", "text").is_err());
        assert!(string_in(br#"{"text": "\ud800"#, "text").is_err());
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
            (b"{\"text\": \"\xff\"}", "invalid unicode code point (column 11)"),
            (b"{\"text\": \"a\", \"other\": \"\xc3\"}", "invalid unicode code point (column 25)"),
            (b"{\"text\": \"a\tb\"}", "control character"),
            (b"{\"text\": \"a\0b\"}", "control character"),
            (b"{\"te\txt\": 1, \"text\": \"a\"}", "control character"),
            (b"{\"other\": \"a\tb\", \"text\": \"a\"}", "control character"),
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
