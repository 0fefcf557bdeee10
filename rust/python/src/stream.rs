//! The class `StreamDecoder`.

use std::sync::{Arc, Mutex, PoisonError};

use bytestride_core::encode::{self, Tokenizer};
use pyo3::prelude::*;

use crate::arguments::clamped;
use crate::errors::IntoPython;

/// Text of token ids that come one at a time, never half a character.
///
/// Made by `Tokenizer.stream_decoder`. Bytes that cannot become a character come out as U+FFFD, so that all
/// pieces together are `decode(ids)`. Decoders of some `tokenizer.json` change what came before (they remove the space
/// before a comma); there `push` is an error, and only all ids at once can be decoded.
///
/// Example:
///     >>> import bytestride as bs
///     >>> tok = bs.train([b"low"], 256)
///     >>> stream = tok.stream_decoder()
///     >>> [stream.push(id) for id in tok.encode("ét")]
///     ['', 'é', 't']
///     >>> stream.finish()
///     ''
#[pyclass(frozen, module = "bytestride")]
pub(crate) struct StreamDecoder {
    tokenizer: Arc<Tokenizer>,
    state: Mutex<encode::StreamDecoder>,
}

impl StreamDecoder {
    pub(crate) fn new(tokenizer: Arc<Tokenizer>) -> Self {
        Self { tokenizer, state: Mutex::default() }
    }
}

#[pymethods]
impl StreamDecoder {
    /// The characters that the token completes, as a `str`, which is often empty.
    ///
    /// Raises:
    ///     KeyError: The id is no token.
    ///     ValueError: The token changes the text before it, which was handed out.
    ///
    /// Example:
    ///     >>> import bytestride as bs
    ///     >>> tok = bs.train([b"low"], 256)
    ///     >>> tok.stream_decoder().push(tok.id_of("l"))
    ///     'l'
    fn push(&self, id: &Bound<'_, PyAny>) -> PyResult<String> {
        let unknown = |_| self.tokenizer.unknown_id(id, None);
        let known = u32::try_from(clamped("id", id)?).map_err(unknown).into_python()?;
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        self.tokenizer.push_to(&mut state, known).into_python()
    }

    /// What is left at the end: nothing, or U+FFFD for a character that never became complete.
    ///
    /// The decoder is then as new.
    ///
    /// Example:
    ///     >>> import bytestride as bs
    ///     >>> tok = bs.train([b"low"], 256)
    ///     >>> stream = tok.stream_decoder()
    ///     >>> stream.push(tok.id_of(b"\xc3")), stream.finish()
    ///     ('', '�')
    fn finish(&self) -> PyResult<String> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        self.tokenizer.finish_stream(&mut state).into_python()
    }

    fn __repr__(&self) -> &'static str {
        "<bytestride.StreamDecoder>"
    }
}
