//! Writes the compact form of a rank file, as it comes with the library.
//!
//!     cargo run --release --example bundle_ranks cl100k_base.tiktoken rust/core/data/cl100k_base.zst

use std::error::Error;
use std::path::PathBuf;

use bytestride_core::encode::Tokenizer;
use bytestride_core::encode::files::LoadOptions;
use bytestride_core::split::Pattern;

/// zstd's strongest level.
const LEVEL: i32 = 22;

fn main() -> Result<(), Box<dyn Error>> {
    let paths: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let [ranks, compact] = &*paths else {
        return Err("usage: bundle_ranks RANKS.tiktoken COMPACT.zst".into());
    };
    // The form holds tokens alone.
    let options = LoadOptions { pattern: Some(Pattern::Whole), special_tokens: Some(Vec::new()) };
    let tokenizer = Tokenizer::load(ranks, &options)?;
    std::fs::write(compact, zstd::encode_all(&*tokenizer.to_compact(), LEVEL)?)?;
    Ok(())
}
