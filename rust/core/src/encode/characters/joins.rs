//! Joins tokens that merge last, the leftmost two of them first.
//!
//! In SentencePiece's models, pieces of one score have no order among themselves: of all pairs that make one of them, the
//! leftmost merges first. Published models have one such score, the lowest, for runs of spaces. What the encoder leaves
//! is joined here: a pass from left to right that goes back one token after each merge finds the leftmost pair each
//! time, for what lies further left does not merge. No other token has one of these for a part, so nothing that the
//! encoder does depends on them.

use std::collections::{HashMap, HashSet};

use super::Placed;

/// Tokens that merge last.
#[derive(Debug, Clone, Default)]
pub(crate) struct Joins {
    by_text: HashMap<Vec<u8>, u32>,
    /// The tokens that can be a part of one.
    parts: HashSet<u32>,
}

impl Joins {
    /// The joins that make the tokens `last`, given all others; an error if they would not be the last to merge.
    pub(crate) fn new(last: &[(u32, &[u8])], others: &[(u32, &[u8])]) -> Result<Self, String> {
        let by_text: HashMap<Vec<u8>, u32> = last.iter().map(|&(id, token)| (token.to_vec(), id)).collect();
        let has_part = |token: &[u8]| {
            (1..token.len())
                .any(|at| by_text.contains_key(&token[..at]) || by_text.contains_key(&token[at..]))
        };
        if let Some((id, _)) = others.iter().find(|(_, token)| !last.is_empty() && has_part(token)) {
            return Err(format!(
                "piece {id} begins or ends with one that others have the same score as, which is not supported"
            ));
        }
        let ids: HashMap<&[u8], u32> = others.iter().chain(last).map(|&(id, token)| (token, id)).collect();
        let cuts = last.iter().flat_map(|(_, token)| (1..token.len()).map(|at| token.split_at(at)));
        let parts =
            cuts.flat_map(|(left, right)| [left, right]).filter_map(|part| ids.get(part).copied()).collect();
        Ok(Self { by_text, parts })
    }

    /// Joins tokens as they come, and calls `visit` with those that nothing more happens to.
    pub(crate) fn joiner<'j, V: FnMut(Placed)>(&'j self, text: &'j [u8], visit: V) -> Joiner<'j, V> {
        Joiner { joins: self, text, waiting: Vec::new(), visit }
    }
}

/// The tokens that may still be joined with the next ones.
pub(crate) struct Joiner<'j, V> {
    joins: &'j Joins,
    text: &'j [u8],
    /// Adjacent tokens, no two of which merge.
    waiting: Vec<Placed>,
    visit: V,
}

impl<V: FnMut(Placed)> Joiner<'_, V> {
    /// Takes the next token.
    pub(crate) fn push(&mut self, placed: Placed) {
        if !self.joins.parts.contains(&placed.id) {
            self.finish();
            (self.visit)(placed);
            return;
        }
        let mut placed = placed;
        while let Some(before) = self.waiting.last()
            && let Some(&id) = self.joins.by_text.get(&self.text[before.start..placed.end])
        {
            placed = Placed { id, start: before.start, end: placed.end };
            self.waiting.pop();
        }
        self.waiting.push(placed);
    }

    /// Hands on all tokens that wait.
    pub(crate) fn finish(&mut self) {
        self.waiting.drain(..).for_each(&mut self.visit);
    }
}
