//! Mistral's `tekken.json`: tiktoken's ranks with their pattern, after the ids of the special tokens.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::Deserialize;

use super::Fault;
use crate::Place;
use crate::encode::definition::Definition;
use crate::encode::tokenizer::Tokenizer;
use crate::encode::vocabulary::tokens::Tokens;
use crate::split::Pattern;

#[derive(Deserialize)]
struct File<'f> {
    config: Config,
    #[serde(borrow)]
    vocab: Vec<Token<'f>>,
    #[serde(default)]
    special_tokens: Option<Vec<Special>>,
}

#[derive(Deserialize)]
struct Config {
    pattern: String,
    default_vocab_size: u32,
    default_num_special_tokens: u32,
}

#[derive(Deserialize)]
struct Token<'f> {
    rank: u32,
    #[serde(borrow)]
    token_bytes: std::borrow::Cow<'f, str>,
}

#[derive(Deserialize)]
struct Special {
    rank: u32,
    token_str: String,
}

/// The special tokens of files that do not list them, by id.
const SPECIAL: [&str; 20] = [
    "<unk>",
    "<s>",
    "</s>",
    "[INST]",
    "[/INST]",
    "[AVAILABLE_TOOLS]",
    "[/AVAILABLE_TOOLS]",
    "[TOOL_RESULTS]",
    "[/TOOL_RESULTS]",
    "[TOOL_CALLS]",
    "[IMG]",
    "<pad>",
    "[IMG_BREAK]",
    "[IMG_END]",
    "[PREFIX]",
    "[MIDDLE]",
    "[SUFFIX]",
    "[SYSTEM_PROMPT]",
    "[/SYSTEM_PROMPT]",
    "[TOOL_CONTENT]",
];

pub(super) fn read(json: &[u8]) -> std::result::Result<Tokenizer, Fault> {
    let file: File<'_> = serde_json::from_slice(json).map_err(|error| {
        let line = error.line() as u64;
        (if line > 0 { Place::Line(line) } else { Place::Whole }, format!("not a tekken.json: {error}"))
    })?;
    definition(&file).and_then(Tokenizer::new).map_err(|message| (Place::Whole, message))
}

fn definition(file: &File<'_>) -> std::result::Result<Definition, String> {
    let Config { pattern, default_vocab_size, default_num_special_tokens: special } = &file.config;
    let ranks = default_vocab_size.checked_sub(*special).ok_or_else(|| {
        format!("default_vocab_size: {default_vocab_size} is less than the {special} special tokens")
    })?;
    let mut tokens = Tokens::with_capacity(file.vocab.len(), file.vocab.len() * 8);
    for token in file.vocab.iter().filter(|token| token.rank < ranks) {
        let bytes = BASE64.decode(&*token.token_bytes);
        let bytes = bytes.map_err(|error| format!("token_bytes of rank {}: {error}", token.rank))?;
        tokens.push(token.rank + special, &bytes);
    }
    let special_tokens = special_tokens(file)?;
    let id_of = |wanted: &str| special_tokens.iter().find(|(name, _)| name == wanted).map(|&(_, id)| id);
    Ok(Definition {
        bos: id_of("<s>").into(),
        eos: id_of("</s>").into(),
        special_tokens,
        ..Definition::of_ranks(Pattern::new(Some(pattern)), tokens)
    })
}

/// Names and ids of the special tokens; ids without a name have one made of the id.
fn special_tokens(file: &File<'_>) -> std::result::Result<Vec<(String, u32)>, String> {
    let count = file.config.default_num_special_tokens;
    if count > MOST_SPECIAL {
        return Err(format!("default_num_special_tokens: {count}; {MOST_SPECIAL} is the most"));
    }
    let mut names: Vec<Option<String>> = vec![None; count as usize];
    let listed: Vec<(u32, String)> = match &file.special_tokens {
        Some(special) => special.iter().map(|token| (token.rank, token.token_str.clone())).collect(),
        None => (0..).zip(SPECIAL.map(str::to_owned)).collect(),
    };
    for (rank, name) in listed {
        let Some(place) = names.get_mut(rank as usize) else {
            return Err(format!("special token {name:?} has rank {rank}, beyond the {count} there are"));
        };
        *place = Some(name);
    }
    let with_ids = names.into_iter().zip(0..);
    Ok(with_ids.map(|(name, id)| (name.unwrap_or_else(|| format!("<SPECIAL_{id}>")), id)).collect())
}

/// Far more than the thousand that files have.
const MOST_SPECIAL: u32 = 1 << 16;
