//! The integers that ids are stored as, and runs of them in place.

use std::fmt;
use std::ops::Range;

use crate::{Error, Result};

/// How many ids are checked and written at once.
const IDS_AT_ONCE: usize = 2048;

/// The integers that ids are stored as, always little-endian.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Dtype {
    /// 16 bits: ids up to 65,535.
    #[serde(rename = "uint16")]
    U16,
    /// 32 bits: ids below 2^31, because Megatron, which has no unsigned 32 bits, reads them as signed.
    #[serde(rename = "uint32")]
    U32,
}

impl Dtype {
    /// The smallest type that holds ids up to `max_id`.
    pub fn for_max_id(max_id: u32) -> Self {
        if max_id <= Dtype::U16.max_id() { Dtype::U16 } else { Dtype::U32 }
    }

    /// The type that numpy calls `name`.
    pub fn named(name: &str) -> Result<Self> {
        match name {
            "uint16" => Ok(Dtype::U16),
            "uint32" => Ok(Dtype::U32),
            _ => Err(Error::argument("dtype", format!("{name:?} is neither \"uint16\" nor \"uint32\""))),
        }
    }

    /// The name in numpy.
    pub fn name(self) -> &'static str {
        match self {
            Dtype::U16 => "uint16",
            Dtype::U32 => "uint32",
        }
    }

    /// Bytes per id.
    pub fn width(self) -> usize {
        match self {
            Dtype::U16 => 2,
            Dtype::U32 => 4,
        }
    }

    /// The largest id that may be written.
    pub fn max_id(self) -> u32 {
        match self {
            Dtype::U16 => u16::MAX.into(),
            Dtype::U32 => i32::MAX as u32,
        }
    }

    /// Appends `ids` to `bytes`; every one is checked to fit.
    pub(super) fn write(self, ids: &[u32], bytes: &mut Vec<u8>) -> Result<()> {
        bytes.reserve(ids.len() * self.width());
        // Few at a time, so that they are still in the L1 cache after the check.
        ids.chunks(IDS_AT_ONCE).try_for_each(|ids| self.write_some(ids, bytes))
    }

    /// An error if there is an id that does not fit.
    pub(super) fn check(self, ids: &[u32]) -> Result<()> {
        // The largest id of a type is all ones, so an id is larger exactly if the OR of all ids is, which takes half
        // the time to find.
        if ids.iter().fold(0, |bits, id| bits | id) > self.max_id() {
            let max_id = ids.iter().copied().fold(0, u32::max);
            let message = format!("id {max_id} does not fit in {self}; expected at most {}", self.max_id());
            return Err(Error::argument("dtype", message));
        }
        Ok(())
    }

    fn write_some(self, ids: &[u32], bytes: &mut Vec<u8>) -> Result<()> {
        self.check(ids)?;
        match self {
            Dtype::U16 => {
                let start = bytes.len();
                bytes.resize(start + ids.len() * self.width(), 0);
                let (places, _) = bytes[start..].as_chunks_mut();
                places.iter_mut().zip(ids).for_each(|(place, &id)| *place = (id as u16).to_le_bytes());
            }
            // As everywhere in stores, the machine is little-endian.
            Dtype::U32 => bytes.extend_from_slice(bytemuck::cast_slice(ids)),
        }
        Ok(())
    }
}

impl fmt::Display for Dtype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Ids in place, as wide as they are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tokens<'s> {
    /// 16 bits each.
    U16(&'s [u16]),
    /// 32 bits each.
    U32(&'s [u32]),
}

impl Tokens<'_> {
    /// How many ids there are.
    pub fn len(&self) -> usize {
        match self {
            Tokens::U16(tokens) => tokens.len(),
            Tokens::U32(tokens) => tokens.len(),
        }
    }

    /// Whether there are no ids.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The ids of `range`, which must lie within.
    pub(super) fn slice(self, range: Range<usize>) -> Self {
        match self {
            Tokens::U16(tokens) => Tokens::U16(&tokens[range]),
            Tokens::U32(tokens) => Tokens::U32(&tokens[range]),
        }
    }

    /// A copy, each id as 32 bits.
    pub fn to_vec(&self) -> Vec<u32> {
        match self {
            Tokens::U16(tokens) => tokens.iter().map(|&id| id.into()).collect(),
            Tokens::U32(tokens) => tokens.to_vec(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_little_endian_and_checked() {
        let mut bytes = vec![9];
        Dtype::U16.write(&[1, 0xffff], &mut bytes).expect("they fit");
        Dtype::U32.write(&[0x7fff_ffff], &mut bytes).expect("it fits");
        assert_eq!(bytes, [9, 1, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]);
        let error = Dtype::U16.write(&[1, 65_541], &mut bytes).expect_err("too large").to_string();
        assert_eq!(error, "dtype: id 65541 does not fit in uint16; expected at most 65535");
        assert!(Dtype::U32.write(&[1 << 31], &mut bytes).is_err());
    }

    #[test]
    fn the_smallest_type_is_chosen() {
        assert_eq!(Dtype::for_max_id(65_535), Dtype::U16);
        assert_eq!(Dtype::for_max_id(65_536), Dtype::U32);
        assert_eq!(Dtype::named("uint16").expect("a name"), Dtype::U16);
        assert!(Dtype::named("int64").is_err());
    }
}
