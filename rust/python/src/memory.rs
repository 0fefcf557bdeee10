//! Memory that batches are written into: aligned, and used again once no array looks at it.
//!
//! A fresh page costs more time than filling it, so memory that an array gives up goes back to the pool that it is from.
//! Two blocks of half a MiB from the general allocator would be new pages each time: it gives back to the system
//! what is free at the end of the heap.
#![expect(unsafe_code, reason = "memory shared with numpy")]

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::ptr::NonNull;
use std::sync::Arc;

use bytestride_core::Reuse;
use bytestride_core::windows::Token;
use numpy::PyUntypedArray;
use pyo3::exceptions::PyMemoryError;
use pyo3::prelude::*;

use crate::arguments::Integer;
use crate::view::{Access, strided_view};

/// A line of the caches, and what JAX wants for arrays that it takes over without a copy.
const ALIGNMENT: usize = 64;

/// Pieces of memory that a pool keeps: one that a consumer dropped late, and those of batches made ahead.
const KEPT: usize = 4;

/// The most that a pool keeps, in bytes; what is larger goes back to the system.
const KEPT_BYTES: usize = 128 << 20;

/// What several blocks in one piece of memory look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) blocks: usize,
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    pub(crate) integer: Integer,
}

impl Shape {
    /// The memory it takes; `None` if no machine has as much.
    fn layout(self) -> Option<Layout> {
        let places = self.blocks.checked_mul(self.rows)?.checked_mul(self.columns)?;
        // With room to align by hand: asked for more than its usual alignment, the allocator would write the zeros that
        // new pages have anyway.
        let bytes = places.checked_mul(self.integer.width())?.checked_add(ALIGNMENT)?;
        Layout::from_size_align(bytes, align_of::<u64>()).ok()
    }
}

/// A piece of memory by itself.
#[derive(Debug)]
struct Piece {
    start: NonNull<u8>,
    layout: Layout,
}

// SAFETY: a piece is the only owner of its memory and cannot be cloned; what it points to is reached only through the
// `Memory` that owns the piece, by `&mut self`.
unsafe impl Send for Piece {}
// SAFETY: as above; a shared piece gives no access to its memory.
unsafe impl Sync for Piece {}

impl Piece {
    fn new(layout: Layout) -> Option<Self> {
        // SAFETY: the size is at least `ALIGNMENT`.
        let start = NonNull::new(unsafe { alloc_zeroed(layout) })?;
        Some(Self { start, layout })
    }

    /// The first aligned address.
    fn aligned(&self) -> *mut u8 {
        let start = self.start.as_ptr();
        start.wrapping_add(start.align_offset(ALIGNMENT))
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        // SAFETY: it came from `alloc_zeroed` with this layout, and its owner is gone.
        unsafe { dealloc(self.start.as_ptr(), self.layout) }
    }
}

/// Where memory comes from, and goes back to. A clone is the same pool.
#[derive(Debug, Clone)]
pub(crate) struct Pool(Arc<Reuse<Piece>>);

impl Default for Pool {
    fn default() -> Self {
        Self(Arc::new(Reuse::new(KEPT, KEPT_BYTES)))
    }
}

impl Pool {
    /// Memory for `shape`, with arbitrary contents.
    pub(crate) fn take(&self, shape: Shape) -> Result<Memory, NoMemory> {
        let layout = shape.layout().ok_or(NoMemory(shape))?;
        let kept = self.0.take(|piece| piece.layout == layout);
        let piece = kept.or_else(|| Piece::new(layout)).ok_or(NoMemory(shape))?;
        Ok(Memory { piece: Some(piece), shape, pool: self.clone() })
    }

    fn give_back(&self, piece: Piece) {
        self.0.keep(piece, |piece| piece.layout.size());
    }
}

/// Several blocks `[rows, columns]` of one type, one behind the other.
#[derive(Debug)]
pub(crate) struct Memory {
    /// Always some, but while it is dropped.
    piece: Option<Piece>,
    shape: Shape,
    pool: Pool,
}

impl Memory {
    /// What it is memory for.
    pub(crate) fn shape(&self) -> Shape {
        self.shape
    }

    fn start(&self) -> *mut u8 {
        self.piece.as_ref().expect("some as long as it lives").aligned()
    }

    /// The blocks as `T`, which must be the Rust type of the shape's.
    pub(crate) fn blocks_mut<T: Token>(&mut self) -> impl Iterator<Item = &mut [T]> {
        assert_eq!(T::NAME, self.shape.integer.name(), "the type of the blocks");
        let length = self.shape.rows * self.shape.columns;
        // SAFETY: from its first aligned address on, the piece is as long as the shape needs, it was zero at first, any bits
        // are an integer, and it is borrowed from its only owner.
        let all =
            unsafe { std::slice::from_raw_parts_mut(self.start().cast::<T>(), self.shape.blocks * length) };
        let (blocks, mut rest) = (self.shape.blocks, all);
        (0..blocks).map(move |_| {
            let (block, behind) = std::mem::take(&mut rest).split_at_mut(length);
            rest = behind;
            block
        })
    }

    /// Arrays `[rows, columns]` over the blocks; the memory goes back to its pool when the last of them is gone.
    pub(crate) fn into_arrays(self, py: Python<'_>) -> PyResult<Vec<Bound<'_, PyUntypedArray>>> {
        let (shape, start) = (self.shape, self.start());
        let width = shape.integer.width();
        let strides = [(shape.columns * width).cast_signed(), width.cast_signed()];
        let owner = Bound::new(py, Owner { _memory: self })?.into_any();
        let array = |block: usize| {
            let dtype = shape.integer.descriptor(py);
            // SAFETY: the block lies within the memory, which the owner keeps as long as it lives and never touches; any
            // bits are an integer. The blocks are disjoint, and whoever had the memory has given it to the owner, so that
            // nothing else refers to it.
            unsafe {
                let block = start.add(block * shape.rows * shape.columns * width).cast_const().cast();
                let dimensions = [shape.rows, shape.columns];
                strided_view(&owner, block, dtype, &dimensions, &strides, Access::Writeable)
            }
        };
        (0..shape.blocks).map(array).collect()
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        if let Some(piece) = self.piece.take() {
            self.pool.give_back(piece);
        }
    }
}

/// The object that arrays have as their base.
#[pyclass(frozen, module = "bytestride", name = "BatchMemory")]
struct Owner {
    _memory: Memory,
}

/// There is not as much memory.
#[derive(Debug)]
pub(crate) struct NoMemory(Shape);

impl NoMemory {
    /// The error about blocks of this shape.
    pub(crate) fn for_shape(shape: Shape) -> Self {
        Self(shape)
    }
}

impl From<NoMemory> for PyErr {
    fn from(NoMemory(shape): NoMemory) -> Self {
        let (blocks, rows, columns) = (shape.blocks, shape.rows, shape.columns);
        let message = format!("{blocks} arrays of {rows} x {columns} {} do not fit", shape.integer.name());
        PyMemoryError::new_err(message)
    }
}
