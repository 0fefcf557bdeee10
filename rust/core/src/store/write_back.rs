//! Makes the disk take what is written while more is being written, so that there is little to wait for in the end.
//!
//! The system keeps what is written in memory for many seconds, and hands the disk all of it only when it must: then
//! the wait for a gigabyte begins when all other work is done. Here a thread waits for the disk now and then, beside
//! the work; on 100 MB of books that takes 40 of 45 ms off the end.

use std::fs::File;
use std::io;
use std::mem;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

/// After how many bytes the disk is asked to take them. Tests have little to write.
const BYTES_AT_ONCE: usize = if cfg!(test) { 64 } else { 8 << 20 };

/// The writing of a file to disk.
#[derive(Debug, Default)]
pub(super) struct WriteBack {
    /// Bytes that the disk was not asked to take yet.
    waiting: usize,
    /// `None` until it is needed.
    thread: Option<Asking>,
}

impl WriteBack {
    /// Takes account of `bytes` bytes that were written to `file`, always the same one.
    pub(super) fn wrote(&mut self, bytes: usize, file: &File) -> io::Result<()> {
        self.waiting += bytes;
        if self.waiting < BYTES_AT_ONCE {
            return Ok(());
        }
        let (ask, _) = match &mut self.thread {
            Some(thread) => thread,
            none => match start(file.try_clone()?) {
                Ok(thread) => none.insert(thread),
                // The system has no thread left, so the disk takes everything in the end.
                Err(_) => return Ok(()),
            },
        };
        // While the disk is busy, bytes wait and it gets more at once the next time. Its errors are returned at the
        // end.
        if ask.try_send(()).is_ok() {
            self.waiting = 0;
        }
        Ok(())
    }

    /// Waits until the disk has what it was asked to take, and returns its error, if any. The file must still be synced
    /// for the rest.
    pub(super) fn finish(&mut self) -> io::Result<()> {
        let Some((ask, thread)) = mem::take(&mut self.thread) else { return Ok(()) };
        drop(ask);
        thread.join().unwrap_or_else(|_| Err(io::Error::other("the thread that waits for the disk panicked")))
    }
}

impl Drop for WriteBack {
    fn drop(&mut self) {
        // This waits for the thread, which has the file open, and with it the lock on it. Its errors do not matter for
        // files that are not kept.
        let _ = self.finish();
    }
}

/// The thread that waits for the disk, and what asks it to.
type Asking = (SyncSender<()>, JoinHandle<io::Result<()>>);

fn start(file: File) -> io::Result<Asking> {
    let (ask, asked) = sync_channel(0);
    let wait = move || asked.iter().try_for_each(|()| file.sync_data());
    Ok((ask, thread::Builder::new().spawn(wait)?))
}
