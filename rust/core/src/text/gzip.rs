//! Gzip data: members one after another, as in RFC 1952, and zeros after any of them, with which block devices and
//! archives fill up what is left. The gzip program passes over those, too.

use std::io::{self, BufRead, Read};

use flate2::bufread::GzDecoder;

/// The text of all members.
#[derive(Debug)]
pub(super) struct Members<R> {
    /// The member that is being read; `None` after the last.
    member: Option<GzDecoder<R>>,
}

impl<R: BufRead> Members<R> {
    pub(super) fn new(source: R) -> Self {
        Self { member: Some(GzDecoder::new(source)) }
    }
}

impl<R: BufRead> Read for Members<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(member) = &mut self.member {
            let count = member.read(buffer)?;
            if count > 0 || buffer.is_empty() {
                return Ok(count);
            }
            let is_last = pass_over_zeros(member.get_mut())?;
            self.member =
                self.member.take().filter(|_| !is_last).map(|done| GzDecoder::new(done.into_inner()));
        }
        Ok(0)
    }
}

/// Passes over zeros; returns whether the data ends after them.
fn pass_over_zeros(source: &mut impl BufRead) -> io::Result<bool> {
    loop {
        let ahead = source.fill_buf()?;
        let (length, zeros) = (ahead.len(), ahead.iter().take_while(|&&byte| byte == 0).count());
        source.consume(zeros);
        if zeros < length || length == 0 {
            return Ok(length == 0);
        }
    }
}
