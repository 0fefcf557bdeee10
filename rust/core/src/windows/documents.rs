//! Windows that stay within documents: each document has the windows it would have alone.
//!
//! Only documents with a window are kept, each with the number of windows before it, so windows are found by binary
//! search: 24 bytes a document, whatever the number of windows.

use std::sync::Arc;

use crate::{Error, Result};

use super::layout::check_sizes;
use super::{Layout, Tail};

/// Where windows lie that never cross from one document to the next. A clone shares the index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Documents {
    tokens: u64,
    max_length: u64,
    stride: u64,
    windows: u64,
    padded: u64,
    parts: Arc<[Part]>,
}

/// A document with at least one window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Part {
    /// How many windows the documents before have.
    first: u64,
    /// The position of its first token.
    start: u64,
    /// The position after its last token.
    end: u64,
}

impl Documents {
    /// The windows of documents that start at `offsets`, the last of which is the end of the last document. An error
    /// if there would be no window, a size is zero, or the offsets do not ascend from 0.
    pub fn new(offsets: &[i64], max_length: u64, stride: u64, tail: Tail) -> Result<Self> {
        check_sizes(max_length, stride)?;
        check_offsets(offsets)?;
        let (mut parts, mut windows, mut padded, mut longest) = (Vec::new(), 0, 0, 0);
        for ends in offsets.windows(2) {
            let (start, end) = (ends[0].cast_unsigned(), ends[1].cast_unsigned());
            let own = Layout::unchecked(end - start, max_length, stride, tail);
            longest = longest.max(end - start);
            if own.windows() > 0 {
                parts.push(Part { first: windows, start, end });
                windows += own.windows();
                padded += own.windows() - own.complete();
            }
        }
        if windows == 0 {
            let needed = if tail == Tail::Drop { max_length.saturating_add(1) } else { 2 };
            let message = format!(
                "a window of {max_length} tokens within a document needs one of {needed} tokens; the longest has \
                 {longest}"
            );
            return Err(Error::argument("max_length", message));
        }
        let tokens = offsets.last().map_or(0, |end| end.cast_unsigned());
        Ok(Self { tokens, max_length, stride, windows, padded, parts: parts.into() })
    }

    /// How many tokens there are, those in no window included.
    pub fn tokens(&self) -> u64 {
        self.tokens
    }

    /// Tokens in a window.
    pub fn max_length(&self) -> u64 {
        self.max_length
    }

    /// Tokens from the start of one window to the start of the next in its document.
    pub fn stride(&self) -> u64 {
        self.stride
    }

    /// How many windows there are, padded ones included.
    pub fn windows(&self) -> u64 {
        self.windows
    }

    /// How many windows need padding.
    pub fn padded(&self) -> u64 {
        self.padded
    }

    /// Where `window`, which must be below [`windows`](Self::windows), starts, and where its document ends.
    pub fn span(&self, window: u64) -> (u64, u64) {
        let after = self.parts.partition_point(|part| part.first <= window);
        let part = self.parts[after - 1];
        (part.start + (window - part.first) * self.stride, part.end)
    }
}

/// An error unless `offsets` ascend from 0.
pub fn check_offsets(offsets: &[i64]) -> Result<()> {
    let fail = |message: String| Err(Error::argument("offsets", message));
    match offsets.first() {
        None => return fail("there are none, expected one more than documents".to_owned()),
        Some(0) => {}
        Some(first) => return fail(format!("the first is {first}, expected 0")),
    }
    match offsets.windows(2).position(|ends| ends[0] > ends[1]) {
        None => Ok(()),
        Some(document) => {
            fail(format!("document {document} ends before it starts, expected ascending numbers"))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The start and the document's end of every window, document by document.
    fn naive(lengths: &[u64], max_length: u64, stride: u64, tail: Tail) -> Vec<(u64, u64)> {
        let (mut spans, mut start) = (Vec::new(), 0);
        for &length in lengths {
            if let Ok(layout) = Layout::new(length, max_length, stride, tail) {
                spans.extend(
                    (0..layout.windows()).map(|window| (start + layout.start(window), start + length)),
                );
            }
            start += length;
        }
        spans
    }

    fn offsets(lengths: &[u64]) -> Vec<i64> {
        let ends = lengths.iter().scan(0, |end, length| {
            *end += length.cast_signed();
            Some(*end)
        });
        std::iter::once(0).chain(ends).collect()
    }

    proptest! {
        #[test]
        fn windows_are_those_of_each_document_alone(
            lengths in prop::collection::vec(0u64..20, 0..12), max_length in 1u64..8, stride in 1u64..10, pad: bool,
        ) {
            let tail = if pad { Tail::Pad } else { Tail::Drop };
            let expected = naive(&lengths, max_length, stride, tail);
            let Ok(documents) = Documents::new(&offsets(&lengths), max_length, stride, tail) else {
                prop_assert!(expected.is_empty());
                return Ok(());
            };
            let spans: Vec<_> = (0..documents.windows()).map(|window| documents.span(window)).collect();
            prop_assert!(!spans.is_empty());
            prop_assert_eq!(spans, expected);
            prop_assert_eq!(documents.tokens(), lengths.iter().sum::<u64>());
        }
    }

    #[test]
    fn errors_name_the_argument() {
        let message = |offsets: &[i64], max_length, stride, tail| {
            Documents::new(offsets, max_length, stride, tail).unwrap_err().to_string()
        };
        assert_eq!(
            message(&[0, 4, 7], 4, 4, Tail::Drop),
            "max_length: a window of 4 tokens within a document needs one of 5 tokens; the longest has 4"
        );
        assert_eq!(
            message(&[0, 1, 1], 4, 4, Tail::Pad),
            "max_length: a window of 4 tokens within a document needs one of 2 tokens; the longest has 1"
        );
        assert_eq!(message(&[0, 9], 4, 0, Tail::Drop), "stride: 0 never moves on, expected at least 1");
        assert_eq!(
            message(&[], 4, 4, Tail::Drop),
            "offsets: there are none, expected one more than documents"
        );
        assert_eq!(message(&[1, 9], 4, 4, Tail::Drop), "offsets: the first is 1, expected 0");
        assert_eq!(
            message(&[0, 9, 8], 4, 4, Tail::Drop),
            "offsets: document 1 ends before it starts, expected ascending numbers"
        );
    }
}
