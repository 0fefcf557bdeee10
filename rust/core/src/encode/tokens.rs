//! Tokens as a list: all bytes in one buffer, since a hundred thousand small vectors take longer to make than the rest
//! of loading a vocabulary (o200k: 9 ms).

/// Ids and bytes of tokens, in any order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tokens {
    bytes: Vec<u8>,
    /// Each token's id, and where its bytes end; they begin where those of the one before end.
    entries: Vec<(u32, usize)>,
}

impl Tokens {
    /// An empty list with room for so many tokens and bytes.
    pub fn with_capacity(tokens: usize, bytes: usize) -> Self {
        Self { bytes: Vec::with_capacity(bytes), entries: Vec::with_capacity(tokens) }
    }

    /// Adds a token.
    pub fn push(&mut self, id: u32, token: &[u8]) {
        self.bytes.extend_from_slice(token);
        self.entries.push((id, self.bytes.len()));
    }

    /// Adds a token whose bytes `write` appends to the buffer.
    pub(super) fn push_with<E>(
        &mut self,
        write: impl FnOnce(&mut Vec<u8>) -> Result<u32, E>,
    ) -> Result<(), E> {
        let id = write(&mut self.bytes)?;
        self.entries.push((id, self.bytes.len()));
        Ok(())
    }

    /// How many tokens there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How many bytes all tokens have together.
    pub(super) fn byte_count(&self) -> usize {
        self.bytes.len()
    }

    /// Ids and bytes in the order of the list.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &[u8])> {
        let mut start = 0;
        self.entries.iter().map(move |&(id, end)| {
            let token = &self.bytes[start..end];
            start = end;
            (id, token)
        })
    }
}

impl<T: AsRef<[u8]>> FromIterator<(u32, T)> for Tokens {
    fn from_iter<I: IntoIterator<Item = (u32, T)>>(tokens: I) -> Self {
        let mut list = Self::default();
        for (id, token) in tokens {
            list.push(id, token.as_ref());
        }
        list
    }
}
