//! Token ids → strided windows of inputs and targets.
//!
//! Window `k` of `max_length` tokens has the inputs `tokens[k·stride ..][..max_length]` and the targets one token
//! later. [`Layout`] is that arithmetic and nothing else, so a caller can make views of it; [`Windows`] copies any
//! choice of windows into two blocks; [`Order`] says which window stands where in an epoch, and [`Plan`] cuts that
//! order into batches and ranks. An epoch is a pure function of a few integers: no list of indices exists anywhere,
//! and to resume is to know a position.

mod batches;
mod gather;
mod layout;
mod order;

pub use batches::{Plan, Remainder, Step};
pub use gather::{Token, Windows};
pub use layout::{Layout, Tail};
pub use order::{Order, Permutation};
