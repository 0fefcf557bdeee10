//! One job over several processes or machines: which inputs each of them reads, and what it calls its part.

use std::path::{Path, PathBuf};

use crate::text::Input;
use crate::{Error, Result};

use super::shard_set::shard_prefix;

/// The part of one process in a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// Which of the processes this is, from 0.
    pub rank: usize,
    /// How many processes there are.
    pub world_size: usize,
}

impl Default for Share {
    fn default() -> Self {
        Self { rank: 0, world_size: 1 }
    }
}

impl Share {
    /// The prefix and the inputs of this process; those of all processes, in order, are `inputs`.
    ///
    /// A process gets neighbouring inputs with about its part of the bytes: which process gets an input is decided by
    /// where its middle lies, so all find the same without communication. With fewer inputs than processes, some get
    /// none.
    pub(super) fn of(self, prefix: &Path, inputs: Vec<Input>) -> Result<(PathBuf, Vec<Input>)> {
        let Self { rank, world_size } = self;
        if world_size == 0 {
            return Err(Error::argument("world_size", "is 0, expected at least 1"));
        }
        if rank >= world_size {
            let message = format!("{rank}; expected less than world_size, which is {world_size}");
            return Err(Error::argument("rank", message));
        }
        if world_size == 1 {
            return Ok((prefix.to_path_buf(), inputs));
        }
        let unshared = |input: &Input| {
            let message =
                format!("{} cannot be shared; expected files for world_size > 1", input.path().display());
            Error::argument("inputs", message)
        };
        // An empty file takes a place, too: it has a line in the manifest.
        let size = |input: &Input| Ok(u128::from(input.bytes().ok_or_else(|| unshared(input))?.max(1)));
        let sizes = inputs.iter().map(size).collect::<Result<Vec<_>>>()?;
        let total: u128 = sizes.iter().sum();
        let mut start = 0;
        let mut own = Vec::new();
        for (input, size) in inputs.into_iter().zip(sizes) {
            let doubled_middle = 2 * start + size;
            if doubled_middle * world_size as u128 / (2 * total) == rank as u128 {
                own.push(input);
            }
            start += size;
        }
        Ok((shard_prefix(prefix, rank, world_size), own))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use proptest::prelude::*;

    use crate::text::{OnError, TEXT_SUFFIXES, expand_inputs};

    use super::*;

    fn inputs(sizes: &[usize]) -> (tempfile::TempDir, Vec<Input>) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for (number, &size) in sizes.iter().enumerate() {
            let path = folder.path().join(format!("{number:03}.txt"));
            fs::write(path, vec![b'x'; size]).expect("a writable folder");
        }
        let inputs = expand_inputs(&[folder.path().display().to_string()], TEXT_SUFFIXES, OnError::Raise)
            .expect("files");
        (folder, inputs)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn every_input_has_one_reader_and_all_of_them_are_in_order(
            sizes in prop::collection::vec(0_usize..50, 1..30), world_size in 1_usize..9,
        ) {
            let (_folder, all) = inputs(&sizes);
            let mut read = Vec::new();
            for rank in 0..world_size {
                let share = Share { rank, world_size };
                read.extend(share.of(Path::new("x"), all.clone()).expect("files").1);
            }
            prop_assert_eq!(read, all);
        }
    }

    #[test]
    fn shares_are_about_equal_in_bytes() {
        let (_folder, all) = inputs(&[30, 10, 10, 10, 20, 10]);
        let counts = [0, 1, 2].map(|rank| {
            let (prefix, own) = Share { rank, world_size: 3 }.of(Path::new("x"), all.clone()).expect("files");
            assert_eq!(prefix, PathBuf::from(format!("x-0000{rank}-of-00003")));
            own.iter().map(|input| input.bytes().expect("a file")).sum::<u64>()
        });
        assert_eq!(counts, [30, 30, 30]);
    }

    #[test]
    fn what_cannot_be_shared_is_an_error() {
        let (_folder, all) = inputs(&[1]);
        let error = Share { rank: 3, world_size: 3 }.of(Path::new("x"), all).expect_err("no such process");
        assert_eq!(error.to_string(), "rank: 3; expected less than world_size, which is 3");
        let error = Share { rank: 0, world_size: 0 }.of(Path::new("x"), Vec::new()).expect_err("no process");
        assert_eq!(error.to_string(), "world_size: is 0, expected at least 1");
        let stdin = expand_inputs(&["-".to_owned()], TEXT_SUFFIXES, OnError::Raise).expect("standard input");
        let error = Share { rank: 0, world_size: 2 }.of(Path::new("x"), stdin).expect_err("a stream");
        assert!(error.to_string().starts_with("inputs: - cannot be shared"), "{error}");
    }
}
