//! Writes the table of Unicode classes that the scanner reads, `classes.rs`.
//!
//! The classes come from `regex-syntax`, which also feeds the general regex engine: scanner and engine cannot
//! disagree about a character, and a newer Unicode version reaches both at once.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::Path;

use regex_syntax::hir::{Class, HirKind};

/// Code points in one block of the two-level table. With 128 it takes 40 KiB instead of 43, but then 253 of the 256
/// numbers that a block can have are taken, and each version of Unicode takes more.
const BLOCK: usize = 256;

/// Name, character class as a regular expression, and bit.
const CLASSES: [(&str, &str, u8); 8] = [
    ("LETTER", r"\p{L}", 1),
    ("NUMBER", r"\p{N}", 2),
    ("SPACE", r"\s", 4),
    ("NEWLINE", r"[\r\n]", 8),
    ("UPPER", r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", 16),
    ("LOWER", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]", 32),
    ("PUNCTUATION", r"[\p{P}\p{S}]", 64),
    ("HAN_OR_KANA", "[\u{4E00}-\u{9FA5}\u{3040}-\u{309F}\u{30A0}-\u{30FF}]", 128),
];

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let mut classes = vec![0u8; 0x11_0000];
    for (_, expression, bit) in CLASSES {
        for (first, last) in ranges(expression) {
            for class in &mut classes[first as usize..=last as usize] {
                *class |= bit;
            }
        }
    }
    let folder = std::env::var("OUT_DIR").expect("cargo sets OUT_DIR");
    std::fs::write(Path::new(&folder).join("classes.rs"), table(&classes)).expect("OUT_DIR can be written");
}

/// The code points that `expression`, one character class, matches.
fn ranges(expression: &str) -> Vec<(char, char)> {
    let hir = regex_syntax::parse(expression).expect("a valid class");
    let HirKind::Class(Class::Unicode(class)) = hir.kind() else {
        panic!("{expression} is not a class of characters")
    };
    class.iter().map(|range| (range.start(), range.end())).collect()
}

/// Rust source of the bits, the block number of every 128 code points, and the distinct blocks.
fn table(classes: &[u8]) -> String {
    let mut source = String::new();
    for (name, expression, bit) in CLASSES {
        writeln!(source, "/// `{expression}`\npub(super) const {name}: u8 = {bit};").expect("a string");
    }
    let mut blocks: Vec<&[u8]> = Vec::new();
    let mut known: HashMap<&[u8], u8> = HashMap::new();
    let numbers: Vec<u8> = classes
        .chunks(BLOCK)
        .map(|block| {
            *known.entry(block).or_insert_with(|| {
                blocks.push(block);
                u8::try_from(blocks.len() - 1).expect("at most 256 distinct blocks")
            })
        })
        .collect();
    writeln!(source, "const BLOCK: usize = {BLOCK};").expect("a string");
    writeln!(source, "static BLOCK_OF: [u8; {}] = {numbers:?};", numbers.len()).expect("a string");
    writeln!(source, "static BLOCKS: [[u8; BLOCK]; {}] = {blocks:?};", blocks.len()).expect("a string");
    source
}
