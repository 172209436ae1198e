//! Real NATS servers, each with a directory and a port of its own, and a client that reads what
//! they store.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, pull};
use async_nats::jetstream::{self, Context, stream};
use async_nats::{Client, ConnectOptions, Subscriber};
use futures_util::StreamExt as _;
use serde_json::Value;
use tokio::runtime::Runtime;

use super::clear_environment;
#[cfg(target_os = "linux")]
use super::network::Machine;
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
    host: String,
    port: u16,
    /// Before the program: what runs it on another machine.
    prefix: Vec<OsString>,
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

/// A server with a configuration of its own, at port 4222 of an address. It stores in a directory of
/// its own instead of /var/lib/nats.
#[track_caller]
pub(crate) fn nats_at(host: &str, config: &str) -> Option<Nats> {
    let program = python()?.program().with_file_name("nats-server");
    let mut server = Nats::new(&program, "", "");
    let store = server.path("store");
    server.config = config.replace("/var/lib/nats", store.to_str().unwrap());
    (server.host, server.port) = (host.to_owned(), 4222);
    server.run();
    Some(server)
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
        let mut server = Nats::new(program, jetstream, config);
        server.run();
        server
    }

    fn new(program: &Path, jetstream: &str, config: &str) -> Nats {
        let directory = tempfile::tempdir().unwrap();
        let store = directory.path().join("store");
        let config = format!(
            "jetstream {{ store_dir: '{}'\n max_file_store: 4G\n {jetstream} }}\n\
             ports_file_dir: '{}'\n{config}\n",
            store.display(),
            directory.path().display(),
        );
        let (program, host) = (program.to_owned(), "127.0.0.1".to_owned());
        Nats { program, directory, config, host, port: 0, prefix: Vec::new(), running: None }
    }

    /// Starts it, at the same port as before.
    #[track_caller]
    pub(crate) fn run(&mut self) {
        // -1 takes a free port.
        let port = if self.port == 0 { -1 } else { i32::from(self.port) };
        let file = self.path("server.conf");
        let config = format!("host: {}\nport: {port}\n{}", self.host, self.config);
        fs::write(&file, config).unwrap();
        let mut words = self.prefix.iter().cloned().chain([self.program.clone().into()]);
        let mut command = Command::new(words.next().unwrap());
        clear_environment(&mut command);
        command.args(words).arg("-c").arg(&file);
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

    /// Sends it a signal.
    pub(crate) fn signal(&mut self, signal: rustix::process::Signal) {
        self.running.iter_mut().for_each(|running| running.signal(signal));
    }

    /// A file of its own.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Where it listens.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// Its address: `nats://127.0.0.1:PORT`.
    pub(crate) fn url(&self) -> String {
        format!("nats://{}:{}", self.host, self.port)
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

/// Three servers of one system, each on a machine of its own.
#[cfg(target_os = "linux")]
pub(crate) struct NatsCluster {
    pub(crate) servers: Vec<Nats>,
    machines: Vec<Machine>,
}

/// A cluster in the network of the test; `None`, and a message on standard error, where the server
/// can't be installed.
#[cfg(target_os = "linux")]
#[track_caller]
pub(crate) fn nats_cluster() -> Option<NatsCluster> {
    let program = python()?.program().with_file_name("nats-server");
    let machines: Vec<_> = (1..=3).map(Machine::start).collect();
    let route = |machine: &Machine| format!("nats://{}:6222", machine.address);
    let routes = machines.iter().map(route).collect::<Vec<_>>().join(", ");
    let server = |machine: &Machine| {
        let (address, tools) = (&machine.address, machine.command(""));
        // A broken route is noticed after seconds instead of minutes.
        let config = format!(
            "server_name: '{address}'\nping_interval: 2s\nping_max: 2\n\
             cluster {{ name: c\n listen: '{address}:6222'\n routes: [{routes}] }}"
        );
        let mut server = Nats::new(&program, "", &config);
        let words = tools.get_args().filter(|word| !word.is_empty()).map(OsString::from);
        server.prefix = [tools.get_program().to_owned()].into_iter().chain(words).collect();
        (server.host, server.port) = (address.clone(), 4222);
        server.run();
        server
    };
    let servers = machines.iter().map(server).collect();
    Some(NatsCluster { servers, machines })
}

#[cfg(target_os = "linux")]
impl NatsCluster {
    /// The addresses of all servers, as `--nats` takes them.
    pub(crate) fn urls(&self) -> String {
        self.servers.iter().map(Nats::url).collect::<Vec<_>>().join(",")
    }

    /// The number of the server that leads the stream, once all three store all of its records.
    /// `asked` is the server to ask.
    #[track_caller]
    pub(crate) fn leader(&self, asked: usize, stream: &str) -> usize {
        let client = self.servers[asked].client();
        let until = Instant::now() + super::DEADLINE;
        loop {
            if let Some(leader) = client.leader_of_three(stream) {
                return self.servers.iter().position(|server| server.host == leader).unwrap();
            }
            assert!(Instant::now() < until, "not all servers have the records of {stream}");
            std::thread::sleep(PAUSE);
        }
    }

    /// Drops everything between one server and the others, which clients still reach.
    pub(crate) fn cut(&self, server: usize) {
        let rest = self.machines.iter().enumerate().filter(|(other, _)| *other != server);
        rest.for_each(|(_, other)| self.machines[server].cut(other));
    }

    /// Ends [`NatsCluster::cut`].
    pub(crate) fn heal(&self, server: usize) {
        let rest = self.machines.iter().enumerate().filter(|(other, _)| *other != server);
        rest.for_each(|(_, other)| self.machines[server].heal(other));
    }
}

/// A client, for what the tests themselves ask and do.
pub(crate) struct NatsClient {
    runtime: Runtime,
    client: Client,
    jetstream: Context,
}

impl NatsClient {
    #[track_caller]
    fn connect(url: &str, options: ConnectOptions) -> NatsClient {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let client = runtime.block_on(options.connect(url)).unwrap();
        let jetstream = runtime.block_on(async { jetstream::new(client.clone()) });
        NatsClient { runtime, client, jetstream }
    }

    /// Subscribes to the messages themselves, stored or not.
    pub(crate) fn subscribe(&self, subject: &str) -> Subscriber {
        let subscribe = async {
            let subscriber = self.client.subscribe(subject.to_owned()).await.unwrap();
            self.client.flush().await.unwrap();
            subscriber
        };
        self.runtime.block_on(subscribe)
    }

    /// Where the next `count` messages ask for their answers.
    #[track_caller]
    pub(crate) fn reply_addresses(&self, from: &mut Subscriber, count: usize) -> Vec<String> {
        let all = from.take(count).map(|message| message.reply.expect("an address").to_string());
        let all = async { tokio::time::timeout(super::DEADLINE, all.collect()).await };
        self.runtime.block_on(all).expect("so many messages")
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

    /// The name of the leader of a stream, if two others have all of its records.
    fn leader_of_three(&self, stream: &str) -> Option<String> {
        let stream = self.runtime.block_on(self.jetstream.get_stream(stream)).ok()?;
        let cluster = stream.cached_info().cluster.clone()?;
        let current = cluster.replicas.iter().filter(|replica| replica.current).count();
        cluster.leader.filter(|_| current == 2)
    }

    /// Makes the leader of a stream hand over to another server.
    pub(crate) fn step_down(&self, stream: &str) {
        self.ask(&format!("STREAM.LEADER.STEPDOWN.{stream}"), &Value::Null).unwrap();
    }

    /// The answer of JetStream to a request, if it comes in time: it may be an error.
    pub(crate) fn ask(&self, request: &str, body: &Value) -> Option<Value> {
        self.runtime.block_on(self.jetstream.request(request.to_owned(), body)).ok()
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

    /// All records of a stream, in order. Read again after an error, as of a leader that changes.
    #[track_caller]
    pub(crate) fn stored(&self, stream: &str) -> Vec<Stored> {
        let until = Instant::now() + super::DEADLINE;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let all = async { tokio::time::timeout(left, self.read_all(stream)).await };
            match self.runtime.block_on(all).expect("the stream has as many records as it says") {
                Ok(all) => return all,
                Err(error) => assert!(!left.is_zero(), "{stream}: {error}"),
            }
        }
    }

    async fn read_all(&self, stream: &str) -> Result<Vec<Stored>, async_nats::Error> {
        let stream = self.jetstream.get_stream(stream).await?;
        let count = stream.cached_info().state.messages as usize;
        let config = pull::Config {
            deliver_policy: DeliverPolicy::All,
            ack_policy: AckPolicy::None,
            ..pull::Config::default()
        };
        let consumer = stream.create_consumer(config).await?;
        let mut stored = Vec::with_capacity(count);
        while stored.len() < count {
            let rest = (count - stored.len()).min(10_000);
            let mut messages = consumer.fetch().max_messages(rest).messages().await?;
            while let Some(message) = messages.next().await {
                let message = message?;
                let headers = message.headers.as_ref();
                let id = headers.and_then(|headers| headers.get("Nats-Msg-Id"));
                stored.push(Stored {
                    subject: message.subject.to_string(),
                    id: id.map_or_else(String::new, ToString::to_string),
                    body: message.payload.to_vec(),
                });
            }
        }
        Ok(stored)
    }
}
