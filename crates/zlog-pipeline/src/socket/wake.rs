//! Wakes a thread that waits for descriptors.

#[cfg(unix)]
use std::io::{PipeReader, PipeWriter, Read as _, Write as _};
use std::time::Duration;

use zlog_core::{Error, Result};

/// Ends the wait of the thread that has the [`WakeSignal`].
pub(super) struct Waker {
    #[cfg(unix)]
    pipe: PipeWriter,
}

/// What a thread waits for, besides its sockets.
pub(super) struct WakeSignal {
    #[cfg(unix)]
    pipe: PipeReader,
}

/// The longest wait where nothing is due.
#[cfg(unix)]
pub(super) const LONGEST: Duration = Duration::from_secs(3600);
/// Pipes can't be waited for here.
#[cfg(not(unix))]
pub(super) const LONGEST: Duration = Duration::from_millis(50);

/// A pair of both.
///
/// # Errors
/// No more descriptors.
#[cfg(unix)]
pub(super) fn pair() -> Result<(Waker, WakeSignal)> {
    let open = || {
        let (reader, writer) = std::io::pipe()?;
        rustix::io::ioctl_fionbio(&reader, true)?;
        rustix::io::ioctl_fionbio(&writer, true)?;
        Ok((Waker { pipe: writer }, WakeSignal { pipe: reader }))
    };
    open().map_err(|error: std::io::Error| Error::io("can't open a pipe", &error))
}

#[cfg(not(unix))]
pub(super) fn pair() -> Result<(Waker, WakeSignal)> {
    Ok((Waker {}, WakeSignal {}))
}

impl Waker {
    pub(super) fn wake(&self) {
        // A full pipe wakes as well.
        #[cfg(unix)]
        let _ = (&self.pipe).write(&[0]);
    }
}

impl WakeSignal {
    /// Readable after a wake-up.
    #[cfg(unix)]
    pub(super) fn descriptor(&self) -> std::os::fd::BorrowedFd<'_> {
        use std::os::fd::AsFd as _;
        self.pipe.as_fd()
    }

    /// Takes the wake-ups so far.
    pub(super) fn drain(&self) {
        #[cfg(unix)]
        while matches!((&self.pipe).read(&mut [0; 64]), Ok(64)) {}
    }
}
