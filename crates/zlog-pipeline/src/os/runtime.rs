//! The thread of an asynchronous connection.

use std::future::Future;
use std::time::Instant;

use crossbeam_channel::bounded;
use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::thread;
use zlog_core::{Error, Result};

/// Runs the tasks of one connection on a thread of its own. Dropping it ends them at once, so that
/// nothing is sent any more.
pub(crate) struct Runtime {
    handle: Handle,
    /// Dropped to end the thread.
    _running: oneshot::Sender<()>,
}

impl Runtime {
    /// Starts the thread `name`.
    ///
    /// # Errors
    /// The system has no thread or no descriptor to give.
    pub(crate) fn start(name: &str) -> Result<Runtime> {
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime =
            runtime.map_err(|error| Error::io(format_args!("a connection ({name})"), &error))?;
        let handle = runtime.handle().clone();
        let (running, ended) = oneshot::channel::<()>();
        thread::spawn(name, move || {
            // An error means that the other end was dropped.
            let _ = runtime.block_on(ended);
            // A look-up of a host name may still run; nobody waits for it.
            runtime.shutdown_background();
        })?;
        Ok(Runtime { handle, _running: running })
    }

    /// Runs `work` on the thread, and waits for it until `deadline`. `None` if it takes longer: it
    /// is then ended.
    pub(crate) fn run<T: Send + 'static>(
        &self,
        deadline: Instant,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Option<T> {
        let (done, result) = bounded(1);
        let task = self.handle.spawn(async move {
            // The caller may have gone.
            let _ = done.send(work.await);
        });
        let result = result.recv_deadline(deadline).ok();
        if result.is_none() {
            task.abort();
        }
        result
    }

    /// Runs `work` on the thread, and does not wait for it.
    #[cfg_attr(not(feature = "nats"), allow(dead_code, reason = "the source of NATS needs it"))]
    pub(crate) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
        self.handle.spawn(work)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn work_that_takes_too_long_is_ended() {
        let runtime = Runtime::start("test").unwrap();
        let soon = || Instant::now() + Duration::from_millis(20);
        let (alive, ended) = bounded::<()>(0);
        let endless = async move {
            let _alive = alive;
            std::future::pending::<()>().await;
        };
        assert_eq!(runtime.run(soon(), endless), None);
        assert_eq!(ended.recv(), Err(crossbeam_channel::RecvError));
        let later = Instant::now() + Duration::from_secs(60);
        assert_eq!(runtime.run(later, async { 3 }), Some(3));
    }

    #[test]
    fn dropping_it_ends_its_tasks() {
        let runtime = Runtime::start("test").unwrap();
        let (alive, ended) = bounded::<()>(0);
        drop(runtime.spawn(async move {
            let _alive = alive;
            std::future::pending::<()>().await;
        }));
        drop(runtime);
        assert_eq!(ended.recv(), Err(crossbeam_channel::RecvError));
    }
}
