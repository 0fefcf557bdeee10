//! Word tokenizers as Hugging Face's `tokenizer.json`: model `WordLevel`, our split as its pre-tokenizer.
//!
//! Hugging Face's `tokenizers` reads the file and gives the same ids, except that it takes the text of a special token
//! for that token unless told not to (`encode_special_tokens`). Files of others are read only if they mean exactly what
//! this tokenizer does; the error about any other says what differs.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fs;
use std::io::Write as _;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::split::PATTERN;
use super::{UNKNOWN, WordTokenizer};
use crate::tokenizer_json::{self, AddedToken, Vocab};
use crate::whole_file::write_whole;
use crate::{Error, Place, Result};

/// The file, with a model of words.
type File<'f> = tokenizer_json::File<Model<'f>>;

#[derive(Serialize, Deserialize)]
struct Model<'f> {
    #[serde(rename = "type")]
    kind: String,
    #[serde(borrow)]
    vocab: Vocab<'f>,
    unk_token: Option<String>,
}

fn pre_tokenizer() -> Value {
    json!({"type": "Split", "pattern": {"Regex": PATTERN}, "behavior": "Removed", "invert": true})
}

impl WordTokenizer {
    /// The tokenizer as the text of a `tokenizer.json`.
    pub fn to_json(&self) -> String {
        let added_token = |(content, id): (&str, u32)| AddedToken {
            id,
            content: content.into(),
            single_word: false,
            lstrip: false,
            rstrip: false,
            normalized: false,
            special: true,
        };
        let file = File {
            version: "1.0".to_owned(),
            truncation: Value::Null,
            padding: Value::Null,
            added_tokens: self.special_tokens().map(added_token).collect(),
            normalizer: Value::Null,
            pre_tokenizer: pre_tokenizer(),
            post_processor: Value::Null,
            decoder: Value::Null,
            model: Model {
                kind: "WordLevel".to_owned(),
                vocab: Vocab(self.tokens().map(Cow::Borrowed).zip(0..).collect()),
                unk_token: Some(self.unknown().unwrap_or(UNKNOWN).to_owned()),
            },
        };
        serde_json::to_string_pretty(&file).expect("strings and numbers are JSON")
    }

    /// Reads the text of a `tokenizer.json`; `path` is for messages.
    pub fn from_json(text: &[u8], path: &Path) -> Result<Self> {
        let file: File<'_> = serde_json::from_slice(text).map_err(|error| {
            Error::malformed(path, Place::Line(error.line() as u64), format!("not a word tokenizer: {error}"))
        })?;
        check(&file)
            .and_then(|()| into_tokenizer(file))
            .map_err(|message| Error::malformed(path, Place::Whole, message))
    }

    /// Writes a `tokenizer.json`: under a temporary name first, then renamed, so that nobody ever sees half of it.
    pub fn save(&self, path: &Path) -> Result<()> {
        write_whole(path, |file| file.write_all(self.to_json().as_bytes()))
    }

    /// Reads a `tokenizer.json`.
    pub fn load(path: &Path) -> Result<Self> {
        let text = fs::read(path).map_err(|error| Error::io(path, error))?;
        Self::from_json(&text, path)
    }
}

/// Checks that the file means what this tokenizer does; the error says what differs.
fn check(file: &File<'_>) -> std::result::Result<(), String> {
    if file.model.kind != "WordLevel" {
        return Err(format!(
            "the model is {}, expected WordLevel; Tokenizer.load reads others",
            file.model.kind
        ));
    }
    if file.pre_tokenizer != pre_tokenizer() {
        let expected = pre_tokenizer();
        return Err(format!("the pre_tokenizer is {}, expected {expected}", file.pre_tokenizer));
    }
    let steps = [
        ("truncation", &file.truncation),
        ("padding", &file.padding),
        ("normalizer", &file.normalizer),
        ("post_processor", &file.post_processor),
        ("decoder", &file.decoder),
    ];
    match steps.into_iter().find(|(_, step)| !step.is_null()) {
        Some((name, step)) => Err(format!("the {name} is {step}, expected none")),
        None => Ok(()),
    }
}

fn into_tokenizer(file: File<'_>) -> std::result::Result<WordTokenizer, String> {
    let mut special = Vec::with_capacity(file.added_tokens.len());
    let vocabulary: HashSet<(&str, u32)> =
        file.model.vocab.0.iter().map(|(token, id)| (&**token, *id)).collect();
    let mut beyond = Vec::new();
    for AddedToken { id, content, single_word, lstrip, rstrip, normalized: _, special: is_special } in
        file.added_tokens
    {
        if !is_special || single_word || lstrip || rstrip {
            return Err(format!("the added token \"{content}\" is not a plain special token"));
        }
        if !vocabulary.contains(&(&*content, id)) {
            beyond.push((content.into_boxed_str(), id));
        }
        special.push(id);
    }
    special.sort_unstable();
    let count = special.len();
    special.dedup();
    if special.len() < count {
        return Err("two added tokens have one id".to_owned());
    }
    drop(vocabulary);
    let listed = file.model.vocab.0.into_iter().map(|(token, id)| (Box::from(token), id));
    let tokens = by_id(listed.chain(beyond).collect())?;
    let unknown = file.model.unk_token.ok_or("the model has no unk_token")?;
    Ok(WordTokenizer::from_tokens(tokens, special, &unknown))
}

/// The tokens in the order of their ids, if the ids are 0, 1, 2 … and the tokens distinct.
fn by_id(mut entries: Vec<(Box<str>, u32)>) -> std::result::Result<Vec<Box<str>>, String> {
    let count = entries.len();
    entries.sort_unstable_by_key(|&(_, id)| id);
    if let Some((place, (token, id))) =
        entries.iter().enumerate().find(|&(place, (_, id))| place != *id as usize)
    {
        let ids = format!("expected the ids 0 to {}, each once", count - 1);
        return Err(format!("\"{token}\" has the id {id} where {place} comes next; {ids}"));
    }
    let mut seen = HashSet::with_capacity(count);
    if let Some((token, _)) = entries.iter().find(|(token, _)| !seen.insert(token)) {
        return Err(format!("\"{token}\" has two ids"));
    }
    drop(seen);
    Ok(entries.into_iter().map(|(token, _)| token).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokenizer() -> WordTokenizer {
        WordTokenizer::new(vec!["!".into(), "\"".into(), "é".into()], &["[BOS]", "[UNK]"]).unwrap()
    }

    fn changed(change: impl FnOnce(&mut Value)) -> String {
        let mut file: Value = serde_json::from_str(&tokenizer().to_json()).unwrap();
        change(&mut file);
        let path = Path::new("x.json");
        WordTokenizer::from_json(file.to_string().as_bytes(), path).unwrap_err().to_string()
    }

    #[test]
    fn what_is_written_is_what_is_read() {
        for tokenizer in [tokenizer(), WordTokenizer::new(vec![], &[]).unwrap()] {
            let again = WordTokenizer::from_json(tokenizer.to_json().as_bytes(), Path::new("x")).unwrap();
            assert_eq!(again, tokenizer);
        }
    }

    #[test]
    fn special_tokens_beyond_the_model_count_too() {
        let mut file: Value = serde_json::from_str(&tokenizer().to_json()).unwrap();
        file["model"]["vocab"].as_object_mut().unwrap().remove("[UNK]");
        let again = WordTokenizer::from_json(file.to_string().as_bytes(), Path::new("x")).unwrap();
        assert_eq!(again, tokenizer());
    }

    #[test]
    fn files_that_are_cut_or_of_the_wrong_types_are_errors_with_a_line() {
        let json = tokenizer().to_json();
        let read = |text: &str| {
            WordTokenizer::from_json(text.as_bytes(), Path::new("x.json")).unwrap_err().to_string()
        };
        assert!(read("").starts_with("x.json:1: not a word tokenizer: EOF"), "{}", read(""));
        for end in (1..json.len()).filter(|&end| json.is_char_boundary(end)) {
            assert!(read(&json[..end]).starts_with("x.json:"));
        }
        assert!(changed(|file| file["model"]["vocab"]["!"] = json!("one")).contains("invalid type: string"));
        assert!(
            changed(|file| file["model"]["vocab"]["!"] = json!(1u64 << 32))
                .contains("invalid value: integer")
        );
        assert!(changed(|file| file["model"] = json!([])).starts_with("x.json:1: not a word tokenizer"));
    }

    #[test]
    fn ids_and_tokens_must_be_distinct_and_without_gaps() {
        let message = changed(|file| file["model"]["vocab"]["é"] = json!(4_000_000_000u32));
        assert_eq!(
            message,
            "x.json: \"[BOS]\" has the id 3 where 2 comes next; expected the ids 0 to 4, each once"
        );
        let message = changed(|file| file["model"]["vocab"]["é"] = json!(1));
        assert!(message.contains("has the id 1 where 2 comes next"), "{message}");
        let message = changed(|file| file["added_tokens"][0]["id"] = json!(4));
        assert_eq!(message, "x.json: two added tokens have one id");
        let twice = tokenizer().to_json().replace("\"é\": 2", "\"!\": 2");
        let error = WordTokenizer::from_json(twice.as_bytes(), Path::new("x.json")).unwrap_err();
        assert_eq!(error.to_string(), "x.json: \"!\" has two ids");
    }

    #[test]
    fn files_that_mean_something_else_are_refused() {
        let message = changed(|file| file["model"]["type"] = json!("BPE"));
        assert_eq!(message, "x.json: the model is BPE, expected WordLevel; Tokenizer.load reads others");
        let message = changed(|file| file["pre_tokenizer"] = json!({"type": "Whitespace"}));
        assert!(message.starts_with("x.json: the pre_tokenizer is {\"type\":\"Whitespace\"}, expected {"));
        let message = changed(|file| file["normalizer"] = json!({"type": "Lowercase"}));
        assert_eq!(message, "x.json: the normalizer is {\"type\":\"Lowercase\"}, expected none");
        let message = changed(|file| file["added_tokens"][0]["special"] = json!(false));
        assert_eq!(message, "x.json: the added token \"[BOS]\" is not a plain special token");
    }
}
