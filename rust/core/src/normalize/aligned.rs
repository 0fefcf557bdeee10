//! Text that changes, and where in the original each of its bytes comes from.

use std::ops::Range;

/// Start and end of a stretch of the original, in bytes.
pub type Origin = [u32; 2];

/// Whether to keep track of where bytes come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origins {
    /// They are not tracked.
    Forget,
    /// They are tracked, for text that begins at this byte of the original.
    Track(u32),
}

/// A text, with the origin of each of its bytes if those are tracked.
#[derive(Debug, Clone)]
pub struct Aligned {
    text: String,
    origins: Option<Vec<Origin>>,
    /// Where the original begins.
    base: u32,
}

impl Aligned {
    /// A text that is still the original: each byte comes from its character.
    pub fn new(text: &str, origins: Origins) -> Self {
        let of_character = |start: u32| {
            move |(at, character): (usize, char)| {
                let (at, length) = (start + at as u32, character.len_utf8());
                std::iter::repeat_n([at, at + length as u32], length)
            }
        };
        let (origins, base) = match origins {
            Origins::Forget => (None, 0),
            Origins::Track(start) => {
                (Some(text.char_indices().flat_map(of_character(start)).collect()), start)
            }
        };
        Self { text: text.to_owned(), origins, base }
    }

    /// The text as it is now.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Where the bytes from `start` to `end`, at least one, come from; `None` if that is not tracked.
    pub fn origin(&self, start: usize, end: usize) -> Option<Origin> {
        let origins = self.origins.as_ref()?;
        Some([origins[start][0], origins[end - 1][1]])
    }

    /// A part of it as a text of its own.
    pub(crate) fn part(&self, place: Range<usize>) -> Self {
        Self {
            text: self.text[place.clone()].to_owned(),
            base: self.origin(place.start, place.end).map_or(0, |[start, _]| start),
            origins: self.origins.as_ref().map(|origins| origins[place].to_owned()),
        }
    }

    /// Replaces the text by what `write` writes. What it has not taken from the source at the end is dropped.
    pub(crate) fn rewrite(&mut self, write: impl FnOnce(&str, &mut Rewriter<'_>)) {
        let mut out = Rewriter {
            source: &self.text,
            source_origins: self.origins.as_deref(),
            base: self.base,
            at: 0,
            text: String::with_capacity(self.text.len() + 16),
            origins: self.origins.as_ref().map(|origins| Vec::with_capacity(origins.len() + 16)),
        };
        write(&self.text, &mut out);
        let Rewriter { text, origins, .. } = out;
        *self = Self { text, origins, base: self.base };
    }

    /// Puts `prefix` before a text that is not empty. Its origin is that of the first character, as in Hugging Face's
    /// library.
    pub(crate) fn prepend(&mut self, prefix: &str) {
        self.rewrite(|source, out| out.prepend(source, prefix));
    }
}

/// Writes a text anew from a source, character by character.
pub(crate) struct Rewriter<'s> {
    source: &'s str,
    source_origins: Option<&'s [Origin]>,
    base: u32,
    /// How much of the source is used.
    at: usize,
    text: String,
    origins: Option<Vec<Origin>>,
}

impl Rewriter<'_> {
    /// Writes `character` in place of the next one of the source.
    pub(crate) fn replace(&mut self, character: char) {
        self.write(character, self.at);
        self.skip(1);
    }

    /// Writes `character` as a new one. Its origin is that of the source's last byte before it, or empty at the very
    /// start.
    pub(crate) fn insert(&mut self, character: char) {
        match self.at.checked_sub(1) {
            Some(before) => self.write(character, before),
            None => self.push(character, [self.base; 2]),
        }
    }

    /// Writes `character` with the origin of byte `like` of the source.
    pub(crate) fn write(&mut self, character: char, like: usize) {
        let origin = self.source_origins.and_then(|origins| origins.get(like)).copied();
        self.push(character, origin.unwrap_or([self.base; 2]));
    }

    fn push(&mut self, character: char, origin: Origin) {
        self.text.push(character);
        if let Some(origins) = &mut self.origins {
            origins.extend(std::iter::repeat_n(origin, character.len_utf8()));
        }
    }

    /// Leaves out the next `characters` characters of the source.
    pub(crate) fn skip(&mut self, characters: usize) {
        let rest = &self.source[self.at..];
        self.at += rest.char_indices().nth(characters).map_or(rest.len(), |(end, _)| end);
    }

    /// Leaves out the source up to byte `end`.
    pub(crate) fn skip_to(&mut self, end: usize) {
        self.at = end;
    }

    /// Writes the source up to byte `end` as it is.
    pub(crate) fn keep_to(&mut self, end: usize) {
        self.text.push_str(&self.source[self.at..end]);
        if let (Some(origins), Some(source)) = (&mut self.origins, self.source_origins) {
            origins.extend_from_slice(&source[self.at..end]);
        }
        self.at = end;
    }

    /// Writes what is left of the source.
    pub(crate) fn keep_rest(&mut self) {
        self.keep_to(self.source.len());
    }

    /// Writes `prefix` and the next `stretch` of the source, with the origins that Hugging Face gives to a prefix.
    pub(crate) fn prepend(&mut self, stretch: &str, prefix: &str) {
        let end = self.at + stretch.len();
        if let Some(first) = stretch.chars().next() {
            for character in prefix.chars() {
                self.write(character, self.at);
            }
            self.replace(first);
        }
        self.keep_to(end);
    }

    /// How many bytes are written.
    pub(crate) fn written(&self) -> usize {
        self.text.len()
    }
}
