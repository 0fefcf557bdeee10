//! Where windows lie, whether they run across documents or stay within them.

use super::{Documents, Layout};

/// How many windows there are, and where each starts and ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Places {
    /// Evenly over all tokens.
    Across(Layout),
    /// Evenly over each document.
    Within(Documents),
}

impl Places {
    /// How many tokens there are.
    pub fn tokens(&self) -> u64 {
        match self {
            Places::Across(layout) => layout.tokens(),
            Places::Within(documents) => documents.tokens(),
        }
    }

    /// Tokens in a window.
    pub fn max_length(&self) -> u64 {
        match self {
            Places::Across(layout) => layout.max_length(),
            Places::Within(documents) => documents.max_length(),
        }
    }

    /// Tokens from the start of one window to the start of the next.
    pub fn stride(&self) -> u64 {
        match self {
            Places::Across(layout) => layout.stride(),
            Places::Within(documents) => documents.stride(),
        }
    }

    /// How many windows there are, padded ones included.
    pub fn windows(&self) -> u64 {
        match self {
            Places::Across(layout) => layout.windows(),
            Places::Within(documents) => documents.windows(),
        }
    }

    /// How many windows need padding.
    pub fn padded(&self) -> u64 {
        match self {
            Places::Across(layout) => layout.windows() - layout.complete(),
            Places::Within(documents) => documents.padded(),
        }
    }

    /// Where `window` starts, and where the tokens that it may show end.
    pub fn span(&self, window: u64) -> (u64, u64) {
        match self {
            Places::Across(layout) => (layout.start(window), layout.tokens()),
            Places::Within(documents) => documents.span(window),
        }
    }

    /// Whether `window` needs no padding: its last target is within its span.
    pub fn is_complete(&self, window: u64) -> bool {
        let (start, end) = self.span(window);
        end - start > self.max_length()
    }
}
