//! A stream of NATS JetStream.

use std::path::{Path, PathBuf};
use std::time::Duration;

use zlog_core::Result;
use zlog_core::format::Format;
use zlog_core::text::parsers;
use zlog_core::wire::{subject, topic};

use super::common::{
    CERTIFICATE, PRIVATE_KEY, RETRY, TRUST, choice, positive_time, retry, tls, urls,
};
use super::{Class, HandlerTarget, Key, Opening, Reader, RecordInput, Target};
use crate::handler::Handler;
use crate::handler::nats::NatsOptions;
use crate::nats::server::ServerOptions;
use crate::nats::stream::{StreamOptions, typed_name};

/// Where the server is and how to log in. The source has the same keys.
pub const SERVER: &[Key] = &[
    Key::new("stream", "NAME", "Stream").default("ZLOG"),
    Key::new("prefix", "SUBJECT", "Beginning of subjects, before the topic").default("zlog"),
    Key::new("credentials", "FILE", "Login: a credentials file (.creds)"),
    Key::new("nkey", "FILE", "Login: the seed of an NKey"),
    Key::new("token", "FILE", "Login: a token")
        .default("ZLOG_NATS_TOKEN, or ZLOG_NATS_USER and ZLOG_NATS_PASSWORD"),
    TRUST,
    CERTIFICATE,
    PRIVATE_KEY,
];

/// The key that says where the servers are.
pub const SERVERS: Key = Key::new(
    "servers",
    "URL",
    "Servers: nats://HOST:4222, or tls://HOST:4222; several separated by commas",
)
.default("nats://127.0.0.1:4222");

/// Stores each record in a stream.
pub(super) static NATS: Class = Class {
    name: "nats",
    option: "--nats",
    about: "Store in NATS JetStream\n\n\
            nats://HOST:4222, or several servers of a cluster, separated by commas. To read from it: \
            zlog tail nats://HOST:4222.",
    main: Some(SERVERS),
    keys: &[
        SERVER,
        &[
            Key::new("root", "ROOT", "Root of the topic for records without one")
                .default("the logger's name"),
            Key::new("max-age", "TIME", "Age at which a new stream drops records; 0 for never")
                .default("7d"),
            Key::new("max-bytes", "SIZE", "Size of a new stream; 0 for no limit").default("1G"),
            Key::new("replicas", "N", "Servers that store a new stream").default("1"),
            Key::new("storage", "file|memory", "Where they store it").default("file"),
            Key::new(
                "compression",
                "HOW",
                "Compression of a new stream, since NATS 2.10: none or s2",
            )
            .default("none"),
            Key::new("discard", "old|new", "Which record a full stream drops or refuses")
                .default("old"),
            Key::new("duplicates", "TIME", "How long a new stream recognises a record sent twice")
                .default("2m"),
            Key::switch("no-create", "Do not look at the stream or create it, only publish"),
            Key::new("max-pending", "N", "Records sent and not yet confirmed").default("4096"),
        ],
        RETRY,
    ],
    picked_by: None,
    // The body is that of `publish`.
    formatted: false,
    stores: true,
    variables: &[(
        "ZLOG_NATS_TOKEN, or ZLOG_NATS_USER and ZLOG_NATS_PASSWORD",
        "Login for the NATS server",
    )],
    read: |reader, _| {
        let default = NatsOptions::default();
        Some(Target::Nats(NatsOptions {
            server: server(reader),
            prefix: prefix(reader),
            root: reader.read("root", topic::typed_root).unwrap_or_default(),
            stream: stream(reader),
            max_pending: reader
                .read("max-pending", parsers::at_least_one)
                .unwrap_or(default.max_pending),
            timeout: positive_time(reader, "timeout", default.timeout),
            retry: retry(reader),
        }))
    },
};

/// Reads [`SERVERS`] and the logins of [`SERVER`].
pub fn server(reader: &mut dyn Reader) -> ServerOptions {
    let default = ServerOptions::default();
    let parse = |text: &str| ServerOptions::parse(text).map(drop);
    let typed = urls(reader, "servers", parse, ServerOptions::has_login);
    ServerOptions {
        servers: typed.unwrap_or(default.servers),
        credentials: reader.text("credentials").map(PathBuf::from),
        nkey: reader.text("nkey").map(PathBuf::from),
        token: reader.text("token").map(PathBuf::from),
        tls: tls(reader),
    }
}

/// Reads `prefix` of [`SERVER`].
pub fn prefix(reader: &mut dyn Reader) -> String {
    let default = NatsOptions::default().prefix;
    reader.read("prefix", subject::typed_prefix).unwrap_or(default)
}

/// Reads `stream` of [`SERVER`].
pub fn stream_name(reader: &mut dyn Reader) -> String {
    reader.read("stream", typed_name).unwrap_or_else(|| StreamOptions::default().name)
}

fn stream(reader: &mut dyn Reader) -> StreamOptions {
    StreamOptions {
        name: stream_name(reader),
        create: !reader.flag("no-create"),
        max_age: time(reader, "max-age"),
        max_bytes: reader.read("max-bytes", parsers::size_or_zero),
        replicas: reader.read("replicas", parsers::at_least_one),
        storage: reader.read("storage", choice),
        compression: reader.read("compression", choice),
        discard: reader.read("discard", choice),
        duplicates: time(reader, "duplicates"),
    }
}

fn time(reader: &mut dyn Reader, key: &str) -> Option<Duration> {
    reader.read(key, str::parse::<parsers::Seconds>).map(|time| time.0)
}

impl HandlerTarget for NatsOptions {
    #[cfg(feature = "nats")]
    fn open(&self, _: Box<dyn Format>, with: &Opening<'_>) -> Result<Box<dyn Handler + Send>> {
        let reporter = with.reporter.clone();
        let report = Box::new(move |text: &str| reporter.say(text));
        Ok(Box::new(crate::handler::nats::NatsHandler::new(self.clone(), report)?))
    }

    #[cfg(not(feature = "nats"))]
    fn open(&self, _: Box<dyn Format>, _: &Opening<'_>) -> Result<Box<dyn Handler + Send>> {
        Err(crate::nats::missing())
    }

    fn validate(&self) -> Result<()> {
        NatsOptions::validate(self)
    }

    fn default_name(&self) -> String {
        format!("stream {} at {}", self.stream.name, self.server.servers)
    }

    fn inputs(&self) -> Vec<&Path> {
        self.server.inputs().collect()
    }

    fn sends_to(&self, input: &RecordInput) -> bool {
        let RecordInput::Nats { servers, stream, prefix } = input else { return false };
        let parsed = |options: &ServerOptions| ServerOptions::parse(&options.servers);
        let (Ok(read), Ok(own)) = (parsed(servers), parsed(&self.server)) else { return false };
        // Another login may be one of another account, whose streams are others.
        let login = |options: &ServerOptions| {
            let ServerOptions { credentials, nkey, token, .. } = options;
            (credentials.clone(), nkey.clone(), token.clone())
        };
        let behind = self.prefix.strip_prefix(prefix.as_str());
        self.stream.name == *stream
            && behind.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            && login(&self.server) == login(servers)
            && own.iter().any(|server| read.contains(server))
    }

    fn may_block(&self) -> bool {
        true
    }
}
