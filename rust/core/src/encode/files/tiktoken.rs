//! tiktoken's rank files: a line per token, its bytes in base64, a space, and its rank, which is also its id.
//!
//! The file has no merges, because tiktoken merges whatever pair spells the token of the lowest rank. Only one pair
//! ever does for each token: as long as no merge reaches across the borders of a stretch of text, what happens inside
//! depends on the stretch alone, so the two parts from which its last merge makes the token are always the same. They
//! are what merging the token's own bytes comes to; if it gets stuck before, no merge makes the token, and it is found
//! only as a whole pretoken. (Why tiktoken's rule «the pretoken, if it is a token» is part of the format.) The parts
//! may have higher ranks than the token: Llama 3 has such tokens.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::LoadOptions;
use crate::encode::encoder::WholePretokens;
use crate::encode::merges::Merge;
use crate::encode::tokenizer::{Definition, Tokenizer};
use crate::encode::vocabulary::Vocabulary;
use crate::split::Pattern;
use crate::{Error, Place, Result, available_threads, map_in_order};

/// Longer tokens are refused: their merges would take quadratic time to find, and no published token comes near.
const LONGEST_TOKEN: usize = 4096;

/// How many tokens' merges are found in one job.
const JOB_TOKENS: usize = 4096;

/// A published rank file: its name, how many ranks it has, its pattern, and its special tokens.
struct Known {
    name: &'static str,
    ranks: usize,
    pattern: &'static str,
    special_tokens: &'static [(&'static str, u32)],
    /// The special tokens that begin and end a text.
    bos_and_eos: (Option<u32>, Option<u32>),
}

/// From openai/tiktoken, `openai_public.py`, and the `tokenizer.py` of Llama 3 and Qwen.
const KNOWN: [Known; 5] = [
    Known {
        name: "r50k_base",
        ranks: 50_256,
        pattern: "gpt2",
        special_tokens: &[("<|endoftext|>", 50_256)],
        bos_and_eos: (None, None),
    },
    Known {
        name: "cl100k_base",
        ranks: 100_256,
        pattern: "cl100k",
        special_tokens: &[
            ("<|endoftext|>", 100_257),
            ("<|fim_prefix|>", 100_258),
            ("<|fim_middle|>", 100_259),
            ("<|fim_suffix|>", 100_260),
            ("<|endofprompt|>", 100_276),
        ],
        bos_and_eos: (None, None),
    },
    Known {
        name: "o200k_base",
        ranks: 199_998,
        pattern: "o200k",
        special_tokens: &[("<|endoftext|>", 199_999), ("<|endofprompt|>", 200_018)],
        bos_and_eos: (None, None),
    },
    Known {
        name: "llama3",
        ranks: 128_000,
        pattern: "llama3",
        special_tokens: &[
            ("<|begin_of_text|>", 128_000),
            ("<|end_of_text|>", 128_001),
            ("<|start_header_id|>", 128_006),
            ("<|end_header_id|>", 128_007),
            ("<|eot_id|>", 128_009),
        ],
        bos_and_eos: (Some(128_000), Some(128_001)),
    },
    Known {
        name: "qwen2",
        ranks: 151_643,
        pattern: "qwen2",
        special_tokens: &[("<|endoftext|>", 151_643), ("<|im_start|>", 151_644), ("<|im_end|>", 151_645)],
        bos_and_eos: (None, None),
    },
];

pub(super) fn read(bytes: &[u8], path: &Path, options: &LoadOptions) -> Result<Tokenizer> {
    let tokens = read_tokens(bytes, path)?;
    let stem = path.file_stem().unwrap_or_default();
    let known = KNOWN.iter().find(|known| stem == known.name && tokens.len() == known.ranks);
    let Some(pattern) = options.pattern.clone().or(known.map(|known| Pattern::new(Some(known.pattern))))
    else {
        let message = format!("needed for {}: a rank file does not say how text is split", path.display());
        return Err(Error::argument("pattern", message));
    };
    let of_known =
        |known: &Known| known.special_tokens.iter().map(|&(name, id)| (name.to_owned(), id)).collect();
    let (bos, eos) =
        known.filter(|_| options.special_tokens.is_none()).map_or((None, None), |known| known.bos_and_eos);
    let special_tokens = options.special_tokens.clone().or(known.map(of_known)).unwrap_or_default();
    if let Some((name, id)) =
        special_tokens.iter().find(|(_, id)| tokens.binary_search_by_key(id, |&(id, _)| id).is_ok())
    {
        let message = format!("{name:?} has id {id}, which is another token's in {}", path.display());
        return Err(Error::argument("special_tokens", message));
    }
    let merges = find_merges(&tokens).map_err(|message| Error::malformed(path, Place::Whole, message))?;
    let definition = Definition {
        pattern,
        tokens,
        merges,
        whole_pretokens: WholePretokens::Take,
        special_tokens,
        unmarked: Vec::new(),
        bos,
        eos,
    };
    Tokenizer::new(definition).map_err(|message| Error::malformed(path, Place::Whole, message))
}

/// Ids and bytes, by id.
fn read_tokens(bytes: &[u8], path: &Path) -> Result<Vec<(u32, Vec<u8>)>> {
    let mut tokens = Vec::new();
    for (number, line) in (1..).zip(bytes.split(|&byte| byte == b'\n')) {
        let line = line.trim_ascii();
        if !line.is_empty() {
            let token =
                read_token(line).map_err(|message| Error::malformed(path, Place::Line(number), message))?;
            tokens.push(token);
        }
    }
    if tokens.is_empty() {
        return Err(Error::malformed(
            path,
            Place::Whole,
            "no tokens; expected lines of base64, a space and a rank",
        ));
    }
    tokens.sort_unstable_by_key(|&(id, _)| id);
    Ok(tokens)
}

fn read_token(line: &[u8]) -> std::result::Result<(u32, Vec<u8>), String> {
    let space = line.iter().position(|&byte| byte == b' ').ok_or("expected base64, a space and a rank")?;
    let (base64, rank) = (&line[..space], line[space..].trim_ascii());
    let token = BASE64.decode(base64).map_err(|error| format!("invalid base64: {error}"))?;
    if token.len() > LONGEST_TOKEN {
        return Err(format!("a token of {} bytes; {LONGEST_TOKEN} is the most", token.len()));
    }
    let rank = std::str::from_utf8(rank).ok().and_then(|rank| rank.parse().ok());
    let id =
        rank.ok_or_else(|| format!("expected a rank, found {:?}", String::from_utf8_lossy(&line[space..])))?;
    Ok((id, token))
}

/// The merge of each token that merges make, by rank.
fn find_merges(tokens: &[(u32, Vec<u8>)]) -> std::result::Result<Vec<Merge>, String> {
    let all: Vec<_> = tokens.iter().map(|(id, token)| (*id, token.as_slice())).collect();
    let vocabulary = Vocabulary::new(&all, &[]).map_err(|error| error.to_string())?;
    let merges = map_in_order(available_threads(), tokens.len().div_ceil(JOB_TOKENS), |job| {
        let tokens = tokens.iter().skip(job * JOB_TOKENS).take(JOB_TOKENS);
        let merge = |(id, token): &(u32, Vec<u8>)| {
            let (left, right) = last_parts(&vocabulary, token)?;
            Some(Merge { left, right, id: *id })
        };
        tokens.filter_map(merge).collect::<Vec<_>>()
    });
    Ok(merges.concat())
}

/// The two parts that merging the bytes of `token` comes to, unless it gets stuck before.
fn last_parts(vocabulary: &Vocabulary, token: &[u8]) -> Option<(u32, u32)> {
    const NONE: u32 = u32::MAX;
    let mut ends: Vec<usize> = (0..=token.len()).collect();
    let pair_rank = |ends: &[usize], at: usize| match ends.get(at + 2) {
        Some(&end) => vocabulary.id_of(&token[ends[at]..end]).unwrap_or(NONE),
        None => NONE,
    };
    let mut ranks: Vec<u32> = (0..token.len()).map(|at| pair_rank(&ends, at)).collect();
    while ends.len() > 3 {
        let (at, _) =
            ranks.iter().enumerate().min_by_key(|&(_, rank)| rank).filter(|&(_, &rank)| rank != NONE)?;
        ends.remove(at + 1);
        ranks.remove(at);
        for at in at.saturating_sub(1)..=at {
            if let Some(rank) = ranks.get_mut(at) {
                *rank = pair_rank(&ends, at);
            }
        }
    }
    let [start, middle, end] = *ends.as_slice() else { return None };
    Some((vocabulary.id_of(&token[start..middle])?, vocabulary.id_of(&token[middle..end])?))
}

/// The lines of the ordinary tokens; an error if tiktoken would merge them in another way.
pub(super) fn write(tokenizer: &Tokenizer) -> Result<String> {
    let Definition { tokens, merges, whole_pretokens, .. } = tokenizer.definition();
    let found = find_merges(&tokens).map_err(|message| Error::argument("path", message))?;
    // A token that no merge makes is found as a whole pretoken by tiktoken, and only where that is our rule, too.
    let made_by_merges = tokens.iter().filter(|(_, token)| token.len() > 1).count() == found.len();
    if found != merges || whole_pretokens == WholePretokens::Merge && !made_by_merges {
        let message = "the ids of this tokenizer are not the ranks of its merges, so a .tiktoken file cannot hold it; \
                       a tokenizer.json can";
        return Err(Error::argument("path", message));
    }
    let line = |(id, token): &(u32, Vec<u8>)| format!("{} {id}\n", BASE64.encode(token));
    Ok(tokens.iter().map(line).collect())
}
