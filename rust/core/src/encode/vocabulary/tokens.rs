//! Tokens as a list, with all bytes in one buffer rather than one each, since a vocabulary is read in less time than
//! hundreds of thousands of small vectors are made and dropped.

/// Ids and bytes of tokens, in any order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tokens {
    bytes: Vec<u8>,
    /// Each token's id and length.
    entries: Vec<(u32, u32)>,
}

impl Tokens {
    /// An empty list with room for `tokens` tokens that have `bytes` bytes together.
    pub fn with_capacity(tokens: usize, bytes: usize) -> Self {
        Self { bytes: Vec::with_capacity(bytes), entries: Vec::with_capacity(tokens) }
    }

    /// The list with the bytes of all tokens, one after another, and each one's id and length.
    pub(crate) fn from_parts(bytes: Vec<u8>, entries: Vec<(u32, u32)>) -> Self {
        Self { bytes, entries }
    }

    /// Adds a token of less than 4 GiB.
    pub fn push(&mut self, id: u32, token: &[u8]) {
        self.bytes.extend_from_slice(token);
        self.entries.push((id, length(token.len())));
    }

    /// Adds a token whose bytes `write` appends to the buffer, and whose id it returns.
    pub(crate) fn push_with<E>(
        &mut self,
        write: impl FnOnce(&mut Vec<u8>) -> Result<u32, E>,
    ) -> Result<(), E> {
        let before = self.bytes.len();
        let id = write(&mut self.bytes)?;
        self.entries.push((id, length(self.bytes.len() - before)));
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

    /// The ids in the order of the list.
    pub(crate) fn ids(&self) -> impl Iterator<Item = u32> {
        self.entries.iter().map(|&(id, _)| id)
    }

    /// Ids and bytes in the order of the list.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &[u8])> {
        let mut rest = &*self.bytes;
        self.entries.iter().map(move |&(id, length)| {
            let (token, behind) = rest.split_at(length as usize);
            rest = behind;
            (id, token)
        })
    }

    /// These tokens in the order of their ids.
    pub(crate) fn by_id(self) -> Self {
        // In files tokens come by id, special ones last; that is quick to see.
        if self.ids().is_sorted() {
            return self;
        }
        let mut tokens: Vec<_> = self.iter().collect();
        tokens.sort_by_key(|&(id, _)| id);
        tokens.into_iter().collect()
    }

    /// The bytes of all tokens, and how long the tokens are, with their ids.
    pub(crate) fn into_parts(self) -> (Vec<u8>, Vec<(u32, u32)>) {
        (self.bytes, self.entries)
    }
}

fn length(length: usize) -> u32 {
    u32::try_from(length).expect("a token of less than 4 GiB")
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
