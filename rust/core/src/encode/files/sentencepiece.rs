//! SentencePiece's `.model` files of BPE: a protocol buffer with the pieces, their scores, and how text is normalized.
//!
//! SentencePiece merges the two adjacent pieces that make the one of the highest score, the leftmost among equals. That
//! is tiktoken's rule with scores in place of ranks ([`Merges::Spelled`]), on characters
//! ([`Characters`](crate::encode::characters::Characters)). Pieces that a user defined are found before anything
//! merges. (google/sentencepiece, `sentencepiece_model.proto`, `bpe_model.cc`.)

use std::sync::Arc;

use aho_corasick::{AhoCorasick, MatchKind, StartKind};

use super::protobuf::{Field, Reader};
use crate::encode::bpe::ranks::Merges;
use crate::encode::characters::Unknown;
use crate::encode::decode::decoders::{Decoder, Pieces, byte_of_token};
use crate::encode::definition::Definition;
use crate::encode::encoder::WholePretokens;
use crate::encode::pipeline::{Pipeline, Written};
use crate::encode::tokenizer::Tokenizer;
use crate::encode::vocabulary::special::Manner;
use crate::normalize::{Charsmap, Normalizer, SentencePiece};
use crate::split::Pattern;

type Checked<T> = std::result::Result<T, String>;

/// The number of BPE among the kinds of models.
const BPE: u64 = 2;

const KINDS: [&str; 5] = ["", "unigram", "BPE", "word", "char"];

/// A piece, in the order of ids.
#[derive(Debug, Default)]
struct Piece {
    text: String,
    score: f32,
    kind: Kind,
}

/// What a piece is for.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Kind {
    #[default]
    Normal,
    Unknown,
    Control,
    UserDefined,
    Unused,
    Byte,
}

/// What the file says, with the defaults of the format.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "the fields of the format")]
struct Model {
    pieces: Vec<Piece>,
    kind: u64,
    byte_fallback: bool,
    treat_whitespace_as_suffix: bool,
    bos_id: i64,
    eos_id: i64,
    unknown_surface: String,
    charsmap: Vec<u8>,
    add_dummy_prefix: bool,
    remove_extra_whitespaces: bool,
    escape_whitespaces: bool,
    denormalizes: bool,
}

pub(super) fn read(file: &[u8]) -> Checked<Tokenizer> {
    let model = model(file).map_err(|message| format!("not a SentencePiece model: {message}"))?;
    if model.pieces.is_empty() {
        return Err("not a SentencePiece model: it has no pieces".to_owned());
    }
    if model.kind != BPE {
        let kind = usize::try_from(model.kind).ok().and_then(|kind| KINDS.get(kind)).unwrap_or(&"unknown");
        return Err(format!("a model of kind {kind:?} is not supported; expected BPE"));
    }
    for (part, is_used) in [
        ("treat_whitespace_as_suffix", model.treat_whitespace_as_suffix),
        ("a denormalizer", model.denormalizes),
        ("an unused piece", model.pieces.iter().any(|piece| piece.kind == Kind::Unused)),
    ] {
        if is_used {
            return Err(format!("{part} is not supported"));
        }
    }
    Tokenizer::new(definition(&model, file)?)
}

fn definition(model: &Model, file: &[u8]) -> Checked<Definition> {
    let with_ids = || (0..).zip(&model.pieces);
    let unknown = with_ids().find(|(_, piece)| piece.kind == Kind::Unknown);
    let (unknown_id, unknown_piece) = unknown.ok_or("it has no piece for the unknown")?;
    let is_special = |piece: &Piece| matches!(piece.kind, Kind::Control | Kind::Unknown | Kind::UserDefined);
    let special = with_ids().filter(|(_, piece)| is_special(piece));
    let manner = |piece: &Piece| {
        let is_defined = piece.kind == Kind::UserDefined;
        Manner { normalized: is_defined, unmarked: is_defined, ..Manner::default() }
    };
    let mut ordinary: Vec<(u32, &Piece)> = with_ids().filter(|(_, piece)| !is_special(piece)).collect();
    ordinary.sort_by(|(_, left), (_, right)| right.score.total_cmp(&left.score));
    let last = last(&ordinary)?;
    let control = model.pieces.iter().filter(|piece| piece.kind == Kind::Control);
    let decoder = Decoder::SentencePiece(Pieces {
        control: control.map(|piece| piece.text.clone()).collect(),
        unknown: (unknown_piece.text.clone(), model.unknown_surface.clone()),
        drops_prefix: model.add_dummy_prefix || model.remove_extra_whitespaces,
        drops_all: model.remove_extra_whitespaces,
    });
    let end = |id: i64| {
        let id = u32::try_from(id).ok()?;
        model.pieces.get(id as usize).filter(|piece| piece.kind == Kind::Control).map(|_| id)
    };
    Ok(Definition {
        pattern: Pattern::Whole,
        tokens: ordinary.iter().map(|(id, piece)| (*id, piece.text.as_bytes())).collect(),
        merges: Merges::Spelled,
        whole_pretokens: WholePretokens::Merge,
        special_tokens: special.clone().map(|(id, piece)| (piece.text.clone(), id)).collect(),
        manners: special.map(|(id, piece)| (id, manner(piece))).collect(),
        pipeline: Pipeline {
            normalizer: Some(Normalizer::SentencePiece(Arc::new(normalizer(model)?))),
            steps: None,
            unknown: Some(if model.byte_fallback { bytes(&ordinary)? } else { Unknown::Fused(unknown_id) }),
            last,
            decoder: Some(decoder),
            written: Written { file: Some(file.into()), ..Written::default() },
            ..Pipeline::default()
        },
        bos: end(model.bos_id).into(),
        eos: end(model.eos_id).into(),
    })
}

/// The pieces of the lowest score, if there are several, which merge last and by their places. No other score may have
/// more than one piece.
fn last(by_score: &[(u32, &Piece)]) -> Checked<Vec<u32>> {
    let is_merged = |piece: &Piece| piece.kind == Kind::Normal && piece.text.chars().nth(1).is_some();
    let merged: Vec<(u32, f32)> =
        by_score.iter().filter(|(_, piece)| is_merged(piece)).map(|(id, piece)| (*id, piece.score)).collect();
    let groups: Vec<&[(u32, f32)]> =
        merged.chunk_by(|left, right| left.1.total_cmp(&right.1).is_eq()).collect();
    let Some((lowest, others)) = groups.split_last() else { return Ok(Vec::new()) };
    if let Some([(id, _), (other, _), ..]) = others.iter().find(|group| group.len() > 1) {
        return Err(format!("pieces {id} and {other} have the same score, which is not supported"));
    }
    Ok(lowest.iter().map(|&(id, _)| id).filter(|_| lowest.len() > 1).collect())
}

/// The ids of the pieces that stand for bytes.
fn bytes(pieces: &[(u32, &Piece)]) -> Checked<Unknown> {
    let mut ids = [None; 256];
    for (id, piece) in pieces.iter().filter(|(_, piece)| piece.kind == Kind::Byte) {
        let byte = byte_of_token(&piece.text)
            .ok_or_else(|| format!("piece {id}, {:?}, stands for no byte", piece.text))?;
        ids[usize::from(byte)] = Some(*id);
    }
    if let Some(byte) = ids.iter().position(Option::is_none) {
        return Err(format!("byte fallback without a piece for the byte 0x{byte:02X}"));
    }
    Ok(Unknown::Bytes(Box::new(ids.map(Option::unwrap_or_default))))
}

fn normalizer(model: &Model) -> Checked<SentencePiece> {
    let defined = model.pieces.iter().filter(|piece| piece.kind == Kind::UserDefined);
    let defined: Vec<&str> =
        defined.map(|piece| piece.text.as_str()).filter(|text| !text.is_empty()).collect();
    let mut finder = AhoCorasick::builder();
    finder.match_kind(MatchKind::LeftmostLongest).start_kind(StartKind::Anchored);
    let kept = if defined.is_empty() {
        None
    } else {
        Some(finder.build(defined).map_err(|error| error.to_string())?)
    };
    let charsmap = if model.charsmap.is_empty() { None } else { Some(Charsmap::new(&model.charsmap)?) };
    Ok(SentencePiece {
        charsmap,
        add_dummy_prefix: model.add_dummy_prefix,
        remove_extra_whitespaces: model.remove_extra_whitespaces,
        escape_whitespaces: model.escape_whitespaces,
        kept,
    })
}

fn model(file: &[u8]) -> Checked<Model> {
    let mut model = Model {
        pieces: Vec::new(),
        kind: 1,
        byte_fallback: false,
        treat_whitespace_as_suffix: false,
        bos_id: 1,
        eos_id: 2,
        unknown_surface: " \u{2047} ".to_owned(),
        charsmap: Vec::new(),
        add_dummy_prefix: true,
        remove_extra_whitespaces: true,
        escape_whitespaces: true,
        denormalizes: false,
    };
    for field in Reader::new(file) {
        match field? {
            (1, Field::Bytes(bytes)) => model.pieces.push(piece(bytes)?),
            (2, Field::Bytes(bytes)) => model.read_trainer(bytes)?,
            (3, Field::Bytes(bytes)) => model.read_normalizer(bytes)?,
            (5, Field::Bytes(bytes)) => {
                for field in Reader::new(bytes) {
                    model.denormalizes |=
                        matches!(field?, (2, Field::Bytes(charsmap)) if !charsmap.is_empty());
                }
            }
            _ => {}
        }
    }
    Ok(model)
}

fn piece(message: &[u8]) -> Checked<Piece> {
    let mut piece = Piece::default();
    for field in Reader::new(message) {
        match field? {
            (1, Field::Bytes(text)) => piece.text = utf8(text)?,
            (2, Field::Fixed32(bits)) => piece.score = f32::from_bits(bits),
            (3, Field::Number(kind)) => {
                piece.kind = match kind {
                    1 => Kind::Normal,
                    2 => Kind::Unknown,
                    3 => Kind::Control,
                    4 => Kind::UserDefined,
                    5 => Kind::Unused,
                    6 => Kind::Byte,
                    _ => return Err(format!("a piece of kind {kind}")),
                }
            }
            _ => {}
        }
    }
    Ok(piece)
}

impl Model {
    fn read_trainer(&mut self, message: &[u8]) -> Checked<()> {
        for field in Reader::new(message) {
            match field? {
                (3, Field::Number(kind)) => self.kind = kind,
                (24, Field::Number(flag)) => self.treat_whitespace_as_suffix = flag != 0,
                (35, Field::Number(flag)) => self.byte_fallback = flag != 0,
                (41, Field::Number(id)) => self.bos_id = i64::from(id as i32),
                (42, Field::Number(id)) => self.eos_id = i64::from(id as i32),
                (44, Field::Bytes(text)) => self.unknown_surface = utf8(text)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn read_normalizer(&mut self, message: &[u8]) -> Checked<()> {
        for field in Reader::new(message) {
            match field? {
                (2, Field::Bytes(charsmap)) => charsmap.clone_into(&mut self.charsmap),
                (3, Field::Number(flag)) => self.add_dummy_prefix = flag != 0,
                (4, Field::Number(flag)) => self.remove_extra_whitespaces = flag != 0,
                (5, Field::Number(flag)) => self.escape_whitespaces = flag != 0,
                _ => {}
            }
        }
        Ok(())
    }
}

fn utf8(bytes: &[u8]) -> Checked<String> {
    String::from_utf8(bytes.to_owned()).map_err(|error| format!("a text that is not UTF-8: {error}"))
}
