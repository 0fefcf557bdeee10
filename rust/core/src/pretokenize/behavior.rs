//! What becomes of matches when a text is cut around them.

use std::ops::Range;

use super::Pieces;
use crate::Result;
use crate::split::Find;

/// What becomes of a match: Hugging Face's `SplitDelimiterBehavior`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behavior {
    /// Matches are dropped.
    Removed,
    /// Each is a piece.
    Isolated,
    /// Each is the end of the piece before it.
    MergedWithPrevious,
    /// Each is the beginning of the piece after it.
    MergedWithNext,
    /// Matches with nothing between them are one piece.
    Contiguous,
}

/// A stretch of text, and whether it is a match.
type Stretch = (Range<usize>, bool);

impl Behavior {
    /// The behavior of this name in a `tokenizer.json`.
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "Removed" => Self::Removed,
            "Isolated" => Self::Isolated,
            "MergedWithPrevious" => Self::MergedWithPrevious,
            "MergedWithNext" => Self::MergedWithNext,
            "Contiguous" => Self::Contiguous,
            _ => return None,
        })
    }

    /// Cuts every piece around the matches of `find` in it, or, with `invert`, around the stretches between them.
    pub(super) fn split(self, pieces: &mut Pieces, find: &Find, invert: bool) -> Result<()> {
        let text = pieces.text.text();
        let mut cut = Vec::with_capacity(pieces.places.len());
        let mut stretches: Vec<Stretch> = Vec::new();
        for place in &pieces.places {
            stretches.clear();
            let mut done = place.start;
            find.for_each(&text[place.clone()], |start, end| {
                let (start, end) = (place.start + start, place.start + end);
                if done < start {
                    stretches.push((done..start, invert));
                }
                stretches.push((start..end, !invert));
                done = end;
            })?;
            if done < place.end {
                stretches.push((done..place.end, invert));
            }
            self.join(&mut stretches);
            cut.extend(stretches.iter().map(|(place, _)| place.clone()).filter(|place| !place.is_empty()));
        }
        pieces.places = cut;
        Ok(())
    }

    /// Joins or drops stretches, so that those left are the pieces.
    fn join(self, stretches: &mut Vec<Stretch>) {
        match self {
            Self::Isolated => {}
            Self::Removed => stretches.retain(|(_, is_match)| !is_match),
            Self::Contiguous => join(stretches, |before, this| before == this),
            Self::MergedWithPrevious => join(stretches, |before, this| this && !before),
            Self::MergedWithNext => {
                stretches.reverse();
                join(stretches, |before, this| this && !before);
                stretches.reverse();
            }
        }
    }
}

/// Joins each stretch to the one before it if `joins` returns true; its arguments are whether the one before and this
/// one are matches. The first stretch counts as following one that is not a match.
fn join(stretches: &mut Vec<Stretch>, joins: impl Fn(bool, bool) -> bool) {
    let mut joined: Vec<Stretch> = Vec::with_capacity(stretches.len());
    let mut was_match = false;
    for (place, is_match) in stretches.drain(..) {
        match joined.last_mut() {
            Some((last, _)) if joins(was_match, is_match) => {
                *last = last.start.min(place.start)..last.end.max(place.end);
            }
            _ => joined.push((place, is_match)),
        }
        was_match = is_match;
    }
    *stretches = joined;
}
