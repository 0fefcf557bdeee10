//! Writes the table of Unicode classes that the scanner reads, `classes.rs`.
//!
//! The classes come from `regex-syntax`, which also feeds the general regex engine: scanner and engine cannot
//! disagree about a character, and a newer Unicode version reaches both at once.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::Path;

use regex_syntax::hir::{Class, HirKind};

/// Code points in one page of the two-level table: those whose UTF-8 differs in the last byte only.
const PAGE: usize = 64;

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

/// Rust source of the bits, the page number of every 64 code points, and the distinct pages in order of appearance.
fn table(classes: &[u8]) -> String {
    let mut source = String::new();
    for (name, expression, bit) in CLASSES {
        writeln!(source, "/// `{expression}`\npub(super) const {name}: u8 = {bit};").expect("a string");
    }
    let mut pages: Vec<&[u8]> = Vec::new();
    let mut known: HashMap<&[u8], u16> = HashMap::new();
    let numbers: Vec<u16> = classes
        .chunks(PAGE)
        .map(|page| {
            *known.entry(page).or_insert_with(|| {
                pages.push(page);
                u16::try_from(pages.len() - 1).expect("fewer than code points / 64")
            })
        })
        .collect();
    writeln!(source, "static PAGE_OF: [u16; {}] = {numbers:?};", numbers.len()).expect("a string");
    writeln!(source, "static PAGES: [Page; {}] = {pages:?};", pages.len()).expect("a string");
    source
}
