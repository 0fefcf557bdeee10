//! Memory for large things: tables that are looked up at random, mapped files, and buffers that are used again.

pub(crate) mod map;
pub(crate) mod pages;
pub(crate) mod reuse;
pub(crate) mod table;

pub use reuse::Reuse;
