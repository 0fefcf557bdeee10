//! Long jobs: they run on a thread of their own without the GIL, while the caller's thread answers Ctrl-C and
//! reports progress.

use std::panic::resume_unwind;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use bytestride_core::{Error, Monitor, Result};
use pyo3::prelude::*;

use crate::errors::IntoPython;
use crate::named::check_progress;

/// How often signals are looked at and progress is reported.
const TICK: Duration = Duration::from_millis(50);

/// Runs `job`; calls `progress(phase, done, total)` some twenty times a second, with `total` `None` where it is not
/// known; what cannot be called is refused before. When a signal handler or `progress` raises, the job is cancelled,
/// awaited, and the exception returned.
pub(crate) fn run_watched<T: Send>(
    py: Python<'_>,
    progress: Option<&Bound<'_, PyAny>>,
    job: impl FnOnce(&Monitor) -> Result<T> + Send,
) -> PyResult<T> {
    check_progress(progress)?;
    let monitor = Monitor::default();
    // Nothing is ever sent: the channel closes when the job is over, also when it panicked.
    let (running, over) = channel::<()>();
    let over = Mutex::new(over);
    let wait = || over.lock().unwrap_or_else(PoisonError::into_inner).recv_timeout(TICK);
    thread::scope(|scope| {
        let monitor = &monitor;
        let work = move || {
            let _running = running;
            job(monitor)
        };
        let worker = thread::Builder::new().spawn_scoped(scope, work).map_err(Error::Thread).into_python()?;
        let mut failure = None;
        while let Err(RecvTimeoutError::Timeout) = py.detach(wait) {
            if failure.is_none()
                && let Err(error) = py.check_signals().and_then(|()| report(monitor, progress))
            {
                monitor.cancel();
                failure = Some(error);
            }
        }
        let result = py.detach(|| worker.join()).unwrap_or_else(|panic| resume_unwind(panic));
        match failure {
            Some(error) => Err(error),
            None => {
                let result = result.into_python()?;
                report(monitor, progress)?;
                Ok(result)
            }
        }
    })
}

fn report(monitor: &Monitor, progress: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
    let (Some(progress), Some((phase, done, total))) = (progress, monitor.state()) else { return Ok(()) };
    progress.call1((phase.name(), done, (total > 0).then_some(total)))?;
    Ok(())
}
