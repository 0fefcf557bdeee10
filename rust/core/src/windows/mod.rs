//! Token ids → strided windows of inputs and targets.
//!
//! Window `k` of `max_length` tokens has the inputs `tokens[k·stride ..][..max_length]` and the targets one token
//! later. [`Layout`] is that arithmetic and nothing else, so a caller can make views of it; [`Documents`] is the same
//! for each document alone, and [`Places`] is either; [`gather`] copies any choice of [`Windows`] into two blocks;
//! [`Order`] says which window stands where in an epoch, [`Plan`] cuts that order into batches and ranks, and [`Ahead`]
//! makes them on a thread before they are asked for. An epoch is a pure function of a few integers: no list of indices
//! exists anywhere, and a position is all it takes to resume. [`Mixture`] draws from several sources in fixed shares,
//! and [`Packing`] fills rows with whole documents instead.

mod ahead;
mod batches;
mod convert;
mod documents;
mod fingerprint;
mod gather;
mod layout;
mod mixture;
mod order;
mod packing;
mod places;
mod rooms;
mod sequence;

pub use ahead::Ahead;
pub use batches::{Plan, Remainder, Step};
pub use convert::Token;
pub use documents::{Documents, check_offsets};
pub use fingerprint::fingerprint;
pub use gather::{Lines, Windows, WriteRow, gather};
pub use layout::{Layout, Tail};
pub use mixture::{Draw, Mixed, Mixture};
pub use order::{Blocks, Order, Permutation, Shuffle};
pub use packing::{NO_TARGET, Packed, Packing, Piece, Strategy};
pub use places::Places;
pub use sequence::Sequence;
