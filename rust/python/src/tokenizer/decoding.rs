//! Ids → text.

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};

use super::Tokenizer;
use super::arguments::decoded_text;
use crate::errors::placed;
use crate::named;
use crate::stream::StreamDecoder;

#[pymethods]
impl Tokenizer {
    /// The text of token ids, as a `str`.
    ///
    /// Args:
    ///     ids: An integer array `[n]` or any iterable of integers.
    ///     errors: What to do with bytes that are not UTF-8, as in `bytes.decode`: `"replace"` makes them U+FFFD,
    ///         `"strict"` raises, `"ignore"` leaves them out.
    ///
    /// Raises:
    ///     KeyError: An id is no token; names it and its position.
    ///     UnicodeDecodeError: `errors="strict"` and the bytes are not UTF-8.
    ///
    /// Example:
    ///     >>> import bytestride as bs
    ///     >>> tok = bs.train([b"low lower lowest"] * 2, 260)
    ///     >>> tok.decode(tok.encode("slow"))
    ///     'slow'
    #[pyo3(signature = (ids, errors="replace"))]
    fn decode<'py>(
        &self,
        py: Python<'py>,
        ids: &Bound<'py, PyAny>,
        errors: &str,
    ) -> PyResult<Bound<'py, PyString>> {
        decoded_text(py, self.bytes_of_ids(py, ids)?, errors)
    }

    /// The bytes of token ids, exactly: `decode_bytes(encode(x)) == x` for any bytes `x`.
    ///
    /// Args:
    ///     ids: An integer array `[n]` or any iterable of integers.
    ///
    /// Raises:
    ///     KeyError: An id is no token; names it and its position.
    ///
    /// Example:
    ///     >>> import bytestride as bs
    ///     >>> tok = bs.train([b"low lower lowest"] * 2, 260)
    ///     >>> tok.decode_bytes(tok.encode(b"low\xff"))
    ///     b'low\xff'
    fn decode_bytes<'py>(&self, py: Python<'py>, ids: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyBytes>> {
        Ok(PyBytes::new(py, &self.bytes_of_ids(py, ids)?))
    }

    /// The texts of many sequences of token ids, as a list of `str`.
    ///
    /// Args:
    ///     batch: A `Ragged`, or any iterable of what `decode` takes.
    ///     errors: As for `decode`.
    ///
    /// Raises:
    ///     KeyError: As for `decode`.
    ///     UnicodeDecodeError: As for `decode`.
    ///
    /// Example:
    ///     >>> import bytestride as bs
    ///     >>> tok = bs.train([b"low lower lowest"] * 2, 260)
    ///     >>> tok.decode_batch(tok.encode_batch(["low", "lowest"]))
    ///     ['low', 'lowest']
    #[pyo3(signature = (batch, errors="replace"))]
    fn decode_batch<'py>(
        &self,
        py: Python<'py>,
        batch: &Bound<'py, PyAny>,
        errors: &str,
    ) -> PyResult<Vec<Bound<'py, PyString>>> {
        let batch = named::items("batch", "a Ragged or an iterable of ids", batch)?;
        let texts = batch.enumerate().map(|(number, ids)| {
            let place = |error| placed(py, error, format_args!("sequence {number}"));
            decoded_text(py, self.bytes_of_ids(py, &ids?).map_err(place)?, errors)
        });
        texts.collect()
    }

    /// A new `StreamDecoder`, which makes text of ids that come one at a time.
    ///
    /// Example:
    ///     >>> import bytestride as bs
    ///     >>> stream = bs.train([b"low lower lowest"] * 2, 260).stream_decoder()
    ///     >>> [stream.push(id) for id in [257, 68]], stream.finish()
    ///     (['low', 'e'], '')
    fn stream_decoder(&self) -> StreamDecoder {
        StreamDecoder::new(Arc::clone(&self.inner))
    }
}
