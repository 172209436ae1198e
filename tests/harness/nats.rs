//! Real NATS servers, each with a directory and a port of its own, and a client that reads what
//! they store.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use async_nats::ConnectOptions;
use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, pull};
use async_nats::jetstream::{self, Context, stream};
use futures_util::StreamExt as _;
use serde_json::Value;
use tokio::runtime::Runtime;

use super::clear_environment;
use super::peer::left_out;
use super::python::python;
use super::running::{Input, Running};

/// How long to wait for an answer before asking again.
const PAUSE: Duration = Duration::from_millis(10);

/// Where `.ci/install-peers` puts the server of the system's distribution.
const OLD_SERVER: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/target/peers/nats-server/usr/sbin/nats-server");

/// A server.
pub(crate) struct Nats {
    program: PathBuf,
    directory: tempfile::TempDir,
    /// More of its configuration.
    config: String,
    port: u16,
    running: Option<Running>,
}

/// A record as a server stores it.
#[derive(Debug)]
pub(crate) struct Stored {
    pub(crate) subject: String,
    /// Its `Nats-Msg-Id`.
    pub(crate) id: String,
    pub(crate) body: Vec<u8>,
}

impl Stored {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// A server of the current version, which flushes each record to the disk before it confirms it;
/// `None`, and a message on standard error, where it can't be installed.
#[track_caller]
pub(crate) fn nats() -> Option<Nats> {
    nats_with("")
}

/// The same with more configuration.
#[track_caller]
pub(crate) fn nats_with(config: &str) -> Option<Nats> {
    let program = python()?.program().with_file_name("nats-server");
    Some(Nats::start(&program, "sync_interval: always", config))
}

/// The server of the system's distribution; `None`, and a message on standard error, where it is
/// missing.
#[track_caller]
pub(crate) fn old_nats() -> Option<Nats> {
    let program = Path::new(OLD_SERVER);
    match program.exists() {
        true => Some(Nats::start(program, "", "")),
        false => left_out("Debian's nats-server", ".ci/install-peers fetches it"),
    }
}

impl Nats {
    #[track_caller]
    fn start(program: &Path, jetstream: &str, config: &str) -> Nats {
        let directory = tempfile::tempdir().unwrap();
        let store = directory.path().join("store");
        let config = format!(
            "jetstream {{ store_dir: '{}'\n max_file_store: 4G\n {jetstream} }}\n\
             ports_file_dir: '{}'\n{config}\n",
            store.display(),
            directory.path().display(),
        );
        let mut server =
            Nats { program: program.to_owned(), directory, config, port: 0, running: None };
        server.run();
        server
    }

    /// Starts it, at the same port as before.
    #[track_caller]
    pub(crate) fn run(&mut self) {
        // -1 takes a free port.
        let port = if self.port == 0 { -1 } else { i32::from(self.port) };
        let file = self.path("server.conf");
        fs::write(&file, format!("host: 127.0.0.1\nport: {port}\n{}", self.config)).unwrap();
        let mut command = Command::new(&self.program);
        clear_environment(&mut command);
        command.arg("-c").arg(&file);
        let mut running = Running::start(command, Input::Empty);
        running.expect_stderr("Server is ready");
        let ports = self.path(&format!("nats-server_{}.ports", running.id()));
        let until = Instant::now() + super::DEADLINE;
        while self.port == 0 {
            let text = fs::read_to_string(&ports).unwrap_or_default();
            let known: Value = serde_json::from_str(&text).unwrap_or_default();
            let url = known["nats"][0].as_str().unwrap_or_default();
            self.port = url.rsplit(':').next().and_then(|port| port.parse().ok()).unwrap_or(0);
            if Instant::now() >= until {
                running.fail("it does not say its port");
            }
            std::thread::sleep(PAUSE);
        }
        self.running = Some(running);
    }

    /// Kills it, as a power failure would.
    pub(crate) fn kill(&mut self) {
        if let Some(mut running) = self.running.take() {
            running.signal(rustix::process::Signal::KILL);
            let _ = running.wait();
        }
    }

    /// A file of its own.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Its address: `nats://127.0.0.1:PORT`.
    pub(crate) fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// A client of it.
    #[track_caller]
    pub(crate) fn client(&self) -> NatsClient {
        self.client_with(ConnectOptions::new())
    }

    /// A client with a login.
    #[track_caller]
    pub(crate) fn client_with(&self, options: ConnectOptions) -> NatsClient {
        NatsClient::connect(&self.url(), options)
    }
}

/// A client, for what the tests themselves ask and do.
pub(crate) struct NatsClient {
    runtime: Runtime,
    jetstream: Context,
}

impl NatsClient {
    #[track_caller]
    fn connect(url: &str, options: ConnectOptions) -> NatsClient {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let client = runtime.block_on(options.connect(url)).unwrap();
        let jetstream = runtime.block_on(async { jetstream::new(client) });
        NatsClient { runtime, jetstream }
    }

    /// Publishes a message that is not from `zlog`, and waits until it is stored.
    pub(crate) fn publish(&self, subject: &str, body: &str) {
        let (subject, body) = (subject.to_owned(), body.to_owned().into());
        self.runtime.block_on(async {
            self.jetstream.publish(subject, body).await.unwrap().await.unwrap();
        });
    }

    /// Creates a stream.
    pub(crate) fn create(&self, config: stream::Config) {
        self.runtime.block_on(self.jetstream.create_stream(config)).unwrap();
    }

    /// Deletes a stream.
    pub(crate) fn delete(&self, stream: &str) {
        self.runtime.block_on(self.jetstream.delete_stream(stream)).unwrap();
    }

    /// Deletes a consumer.
    pub(crate) fn delete_consumer(&self, stream: &str, name: &str) {
        self.runtime.block_on(self.jetstream.delete_consumer_from_stream(name, stream)).unwrap();
    }

    /// Removes all records of a stream.
    pub(crate) fn purge(&self, stream: &str) {
        self.runtime.block_on(async {
            self.jetstream.get_stream(stream).await.unwrap().purge().await.unwrap();
        });
    }

    /// The settings of a stream, if it exists.
    pub(crate) fn config(&self, stream: &str) -> Option<stream::Config> {
        let stream = self.runtime.block_on(self.jetstream.get_stream(stream)).ok()?;
        Some(stream.cached_info().config.clone())
    }

    /// How many records a stream has; 0 without a stream.
    pub(crate) fn count(&self, stream: &str) -> u64 {
        let stream = self.runtime.block_on(self.jetstream.get_stream(stream));
        stream.map_or(0, |stream| stream.cached_info().state.messages)
    }

    /// Waits until the stream has at least so many records.
    #[track_caller]
    pub(crate) fn wait_for(&self, stream: &str, count: u64) {
        let until = Instant::now() + super::DEADLINE;
        while self.count(stream) < count {
            let found = self.count(stream);
            assert!(Instant::now() < until, "{stream} has {found} records, not {count}");
            std::thread::sleep(PAUSE);
        }
    }

    /// All records of a stream, in order.
    pub(crate) fn stored(&self, stream: &str) -> Vec<Stored> {
        self.runtime.block_on(async {
            let stream = self.jetstream.get_stream(stream).await.unwrap();
            let count = stream.cached_info().state.messages as usize;
            let config = pull::Config {
                deliver_policy: DeliverPolicy::All,
                ack_policy: AckPolicy::None,
                ..pull::Config::default()
            };
            let consumer = stream.create_consumer(config).await.unwrap();
            let mut stored = Vec::with_capacity(count);
            while stored.len() < count {
                let rest = (count - stored.len()).min(10_000);
                let mut messages = consumer.fetch().max_messages(rest).messages().await.unwrap();
                while let Some(message) = messages.next().await {
                    let message = message.unwrap();
                    let headers = message.headers.as_ref();
                    let id = headers.and_then(|headers| headers.get("Nats-Msg-Id"));
                    stored.push(Stored {
                        subject: message.subject.to_string(),
                        id: id.map_or_else(String::new, ToString::to_string),
                        body: message.payload.to_vec(),
                    });
                }
            }
            stored
        })
    }
}
