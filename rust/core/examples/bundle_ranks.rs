//! Writes the compact form of a rank file, and where merges part its tokens, as they come with the library; prints what
//! the library has to know of the latter.
//!
//!     cargo run --release --example bundle_ranks cl100k_base.tiktoken rust/core/data/cl100k_base

use std::error::Error;
use std::path::PathBuf;

use bytestride_core::encode::Tokenizer;
use bytestride_core::encode::files::LoadOptions;
use bytestride_core::split::Pattern;

/// zstd's strongest level.
const LEVEL: i32 = 22;

fn main() -> Result<(), Box<dyn Error>> {
    let paths: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [ranks, bundled] = &*paths else {
        return Err("usage: bundle_ranks RANKS.tiktoken FILES".into());
    };
    // The form holds tokens alone.
    let options = LoadOptions { pattern: Some(Pattern::Whole), special_tokens: Some(Vec::new()) };
    let tokenizer = Tokenizer::load(ranks, &options)?;
    let (left_lengths, hash) = tokenizer.to_left_lengths();
    for (suffix, bytes) in [("zst", tokenizer.to_compact()), ("parts.zst", left_lengths.clone())] {
        std::fs::write(bundled.with_extension(suffix), zstd::encode_all(&*bytes, LEVEL)?)?;
    }
    println!("count: {}, hash: {hash:#034x}", left_lengths.len());
    Ok(())
}
