//! Publishes what a Rust program logs over ZeroMQ, where `zlog tail`, `zlog relay` and every other
//! reader of zlog's records get it.
//!
//! A [`Handler`] owns the socket and a thread. [`Handler::layer`] takes the events of `tracing`,
//! [`Handler::logger`] the records of `log`:
//!
//! ```no_run
//! use tracing_subscriber::prelude::*;
//!
//! let handler = zlog_tracing::Handler::builder()
//!     .root("shop")
//!     .connect("tcp://127.0.0.1:12344") // a zlog relay
//!     .start()?;
//! tracing_subscriber::registry().with(handler.layer()).init();
//!
//! tracing::error!(user = 17, "no connection");
//!
//! handler.close(); // or drop it: sends what is queued
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! - A call encodes the record, puts it into a queue and returns. It never waits for the network. When
//!   the queue is full, the record is dropped and counted.
//! - Fields of an event, and of the spans around it, become extras; `span` has the names of the spans,
//!   as `request:query`. A field `subtopic` sets the end of the topic, `root.LEVEL.subtopic`.
//! - `source` and `seq` number the records of each topic. A dropped record leaves a gap, which readers
//!   report, and a WARNING record tells how many there were.
//! - Before the first subscriber is there, records wait in the queue, for [`Builder::wait`] at most.
//!   [`Handler::close`] sends what is queued, within [`Builder::linger`].

mod fields;
mod layer;
mod logger;
mod publish;
mod queue;

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use zmtp::{Address, Options, Publisher, WhenFull};

pub use self::layer::Layer;
pub use self::logger::Logger;
pub use self::publish::Report;
use self::queue::Queue;
pub use zmtp::{KeyPair, Security};

/// Publishes records from a thread of its own, until it is closed or dropped.
#[derive(Debug)]
pub struct Handler {
    queue: Arc<Queue>,
    thread: Option<JoinHandle<Report>>,
}

/// Options of a [`Handler`].
#[derive(Debug)]
pub struct Builder {
    root: Option<String>,
    bind: Vec<String>,
    connect: Vec<String>,
    security: Security,
    queue_size: usize,
    wait: Duration,
    linger: Duration,
}

impl Handler {
    /// Options to set before [`Builder::start`].
    pub fn builder() -> Builder {
        Builder {
            root: None,
            bind: Vec::new(),
            connect: Vec::new(),
            security: Security::Null,
            queue_size: 10_000,
            wait: Duration::from_secs(1),
            linger: Duration::from_secs(5),
        }
    }

    /// A layer for `tracing_subscriber`. Levels are chosen there: a filter before it, or
    /// `Layer::with_filter`.
    pub fn layer(&self) -> Layer {
        Layer::new(Arc::clone(&self.queue))
    }

    /// A logger for `log::set_boxed_logger`. Levels are chosen by `log::set_max_level`.
    pub fn logger(&self) -> Logger {
        Logger::new(Arc::clone(&self.queue))
    }

    /// Waits until everything that was logged before is sent, for `wait` at most. Returns whether
    /// it is.
    pub fn flush(&self, wait: Duration) -> bool {
        self.queue.flush(wait)
    }

    /// Sends what is queued, within [`Builder::linger`], and ends the thread. Says what was not sent.
    pub fn close(mut self) -> Report {
        self.end()
    }

    fn end(&mut self) -> Report {
        self.queue.close();
        let thread = self.thread.take().and_then(|thread| thread.join().ok());
        thread.unwrap_or_default()
    }
}

/// Closes it. Records that were not sent are reported on stderr.
impl Drop for Handler {
    fn drop(&mut self) {
        if self.thread.is_some() {
            self.end().print();
        }
    }
}

impl Builder {
    /// The first part of topics. By default the target of each event, `shop::db`.
    #[must_use]
    pub fn root(mut self, root: impl Into<String>) -> Builder {
        self.root = Some(root.into());
        self
    }

    /// Binds an endpoint, `tcp://127.0.0.1:12345` or `ipc:///run/shop/log`. Readers connect to it.
    #[must_use]
    pub fn bind(mut self, endpoint: impl Into<String>) -> Builder {
        self.bind.push(endpoint.into());
        self
    }

    /// Connects to an endpoint: a `zlog relay`, or a `zlog tail --bind`. It need not run yet.
    #[must_use]
    pub fn connect(mut self, endpoint: impl Into<String>) -> Builder {
        self.connect.push(endpoint.into());
        self
    }

    /// Encrypts all connections by CURVE. By default they are not encrypted.
    #[must_use]
    pub fn security(mut self, security: Security) -> Builder {
        self.security = security;
        self
    }

    /// Records that may wait to be sent; 10,000 by default. Further ones are dropped and counted.
    #[must_use]
    pub fn queue_size(mut self, records: usize) -> Builder {
        self.queue_size = records.max(1);
        self
    }

    /// How long records wait for the first subscriber; a second by default. ZeroMQ drops what
    /// nobody has subscribed to.
    #[must_use]
    pub fn wait(mut self, wait: Duration) -> Builder {
        self.wait = wait;
        self
    }

    /// How long closing waits for records to be sent; 5 seconds by default.
    #[must_use]
    pub fn linger(mut self, linger: Duration) -> Builder {
        self.linger = linger;
        self
    }

    /// Opens the socket, and starts the thread.
    ///
    /// # Errors
    /// An endpoint is wrong or can't be bound, there is none, or no thread can be started.
    pub fn start(self) -> io::Result<Handler> {
        if self.bind.is_empty() && self.connect.is_empty() {
            return Err(invalid("no endpoint: call bind or connect"));
        }
        // A subscriber that is slow loses records alone, and its reader reports them.
        let when_full = WhenFull::Drop;
        let options = Options { security: self.security, when_full, ..Options::publisher() };
        let publisher = Publisher::new(options)?;
        for endpoint in &self.bind {
            publisher.bind(&address(endpoint)?)?;
        }
        for endpoint in &self.connect {
            publisher.connect(&address(endpoint)?);
        }
        let (queue, items) = Queue::new(self.root, self.queue_size);
        let (wait, linger) = (self.wait, self.linger);
        let queue = Arc::new(queue);
        let own = Arc::clone(&queue);
        let thread = std::thread::Builder::new().name("zlog-publish".to_owned());
        let run = move || publish::run(publisher, &own, &items, wait, linger);
        Ok(Handler { queue, thread: Some(thread.spawn(run)?) })
    }
}

fn address(endpoint: &str) -> io::Result<Address> {
    let why = || format!("{endpoint:?} is not an endpoint; write tcp://host:port or ipc:///path");
    Address::parse(endpoint).ok_or_else(|| invalid(why()))
}

fn invalid(why: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, why.into())
}
