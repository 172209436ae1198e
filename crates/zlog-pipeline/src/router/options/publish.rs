//! A ZeroMQ socket.

use std::path::{Path, PathBuf};
use std::time::Duration;

use zlog_core::format::Format;
use zlog_core::text::parsers::{self, Seconds};
use zlog_core::wire::topic;
use zlog_core::{Error, Result};

use super::common::choice;
use super::{Class, HandlerTarget, Key, Opening, Reader, RecordInput, Target};
use crate::handler::Handler;
use crate::handler::publish::{OnFull, Publish, PublishOptions, Wire};
use crate::os::thread;
use crate::router::monitor::OutageReporter;
use crate::socket::{
    ConfirmedOptions, DEFAULT_HWM, Endpoint, Engine, InUseHints, Publisher, Role, SocketOptions,
    Stall, host_not_found, open_confirmed, peer_kind, wrong_peer,
};
use crate::spool::{self, SpoolOptions};

/// Publishes on a ZeroMQ socket.
pub(super) static PUBLISH: Class = Class {
    name: "publish",
    option: "--publish",
    about: "Publish on another socket",
    main: Some(Key::new("bind", "ENDPOINT", "Endpoint to bind").repeated()),
    keys: &[&[
        // On the command line this is a switch: the endpoint comes first.
        Key::new("connect", "ENDPOINT", "Connect to the endpoint instead of binding it").repeated(),
        Key::new("root", "ROOT", "Root of the topic for records without one"),
        Key::new("wire", "json|text", "Dialect").default("json"),
        Key::new("hwm", "N", "High-water mark: messages queued per subscriber; 0 for no limit")
            .default("8000"),
        Key::new("stall", "DURATION", "Disconnect a subscriber that takes nothing for this long")
            .default("30s"),
        Key::switch("insecure", "Bind beyond loopback without encryption"),
        Key::new("engine", "native|libzmq", "Engine of the socket (ZLOG_ENGINE sets the default)")
            .default("native"),
        Key::new(
            "spool-dir",
            "DIR",
            "Keep records in DIR until the relay at `connect` confirms them",
        ),
        Key::new("spool-bytes", "SIZE", "Most bytes of the spool").default("1G"),
        Key::new(
            "confirm-at",
            "ENDPOINT",
            "Where it confirms, if that is not next to where it collects",
        ),
    ]],
    picked_by: None,
    // Subscribers format records themselves.
    formatted: false,
    stores: false,
    variables: &[],
    read: |reader, _| {
        let default = PublishTarget::default();
        Some(Target::Publish(PublishTarget {
            bind: endpoints(reader, "bind", Role::Bind),
            connect: endpoints(reader, "connect", Role::Connect),
            root: reader.read("root", topic::typed_root).unwrap_or(default.root),
            wire: reader.read("wire", choice).unwrap_or_default(),
            on_full: default.on_full,
            hwm: reader.read("hwm", parsers::number),
            stall: reader.read("stall", |text| text.parse::<Seconds>()).map(|it| it.0),
            insecure: reader.flag("insecure"),
            engine: reader.read("engine", choice),
            spool: reader.text("spool-dir").map(PathBuf::from),
            spool_bytes: reader.read("spool-bytes", spool::bound),
            confirm_at: reader.read("confirm-at", |text| {
                Endpoint::parse(text, Role::Connect).map(|_| text.to_owned())
            }),
        }))
    },
};

fn endpoints(reader: &mut dyn Reader, key: &str, role: Role) -> Vec<String> {
    reader.list(key, &|text| Endpoint::parse(text, role).map(drop))
}

/// How often what waits in a spool is handed to the disk, at most: a relay that confirms what is
/// handled waits for it.
const SYNC_INTERVAL: Duration = Duration::from_millis(20);

/// Most bytes of a spool.
const SPOOL_BYTES: usize = 1 << 30;

/// The next step if the endpoint of a handler is in use.
const IN_USE: InUseHints = InUseHints {
    publisher: "Another publisher has bound it: publish on a free port (port 0).",
    subscriber: "A subscriber has bound it: connect to it instead of binding.",
    other: "Another program has bound it: publish on a free port (port 0).",
};

/// Where and how records are published.
#[derive(Clone, Debug, PartialEq)]
pub struct PublishTarget {
    /// Endpoints to bind.
    pub bind: Vec<String>,
    /// Endpoints to connect to. At least one endpoint is needed in all.
    pub connect: Vec<String>,
    /// The beginning of the topic of a record without one; may be empty.
    pub root: String,
    /// The format of bodies.
    pub wire: Wire,
    /// The policy while a subscriber's queue is full: with [`OnFull::Block`] this handler waits,
    /// and without a queue in front of it all others do, too.
    pub on_full: OnFull,
    /// High-water mark: messages queued for each subscriber. `None` is [`DEFAULT_HWM`].
    pub hwm: Option<u32>,
    /// While this handler waits for a subscriber that takes nothing: when to disconnect it. Zero is
    /// never; `None` is 30 s, with the native engine.
    pub stall: Option<Duration>,
    /// Whether endpoints that other machines can reach are bound without encryption.
    pub insecure: bool,
    /// The engine of the socket; `None` is that of [`SocketOptions::publisher`].
    pub engine: Option<Engine>,
    /// The directory where records wait until the relay confirms them.
    pub spool: Option<PathBuf>,
    /// Most bytes in it; `None` is 1 GiB.
    pub spool_bytes: Option<usize>,
    /// Where the relay confirms: by default beside where it collects.
    pub confirm_at: Option<String>,
}

impl Default for PublishTarget {
    fn default() -> PublishTarget {
        PublishTarget {
            bind: Vec::new(),
            connect: Vec::new(),
            root: String::new(),
            wire: Wire::default(),
            on_full: OnFull::Drop,
            hwm: None,
            stall: None,
            insecure: false,
            engine: None,
            spool: None,
            spool_bytes: None,
            confirm_at: None,
        }
    }
}

impl PublishTarget {
    fn endpoints(&self) -> Result<Vec<Endpoint>> {
        let endpoints = Endpoint::parse_all(&self.bind, &self.connect)?;
        Ok(endpoints.into_iter().map(|endpoint| endpoint.with_in_use_hints(IN_USE)).collect())
    }
}

impl PublishTarget {
    /// Where the relay confirms, with a spool.
    fn confirms(&self) -> Result<Endpoint> {
        if let Some(at) = &self.confirm_at {
            return Endpoint::parse(at, Role::Connect);
        }
        let one = match (&*self.bind, &*self.connect) {
            ([], [one]) => Endpoint::parse(one, Role::Connect)?.confirm_endpoint(),
            _ => None,
        };
        one.ok_or_else(|| {
            Error::usage("a spool needs one relay to connect to, or confirm-at").hint(
                "Connect to where the relay collects, or set confirm-at to where it confirms.",
            )
        })
    }

    /// Refuses keys that have no effect: those of a spool without one, and with one those of a
    /// socket with subscribers.
    fn check_keys(&self) -> Result<()> {
        let of_spool = [
            ("spool-bytes", self.spool_bytes.is_some()),
            ("confirm-at", self.confirm_at.is_some()),
        ];
        let of_socket = [
            ("hwm", self.hwm.is_some()),
            ("stall", self.stall.is_some()),
            ("engine", self.engine.is_some()),
        ];
        let first = |keys: &[(&'static str, bool)]| keys.iter().find(|key| key.1).map(|key| key.0);
        if self.spool.is_some() {
            let Some(key) = first(&of_socket) else { return Ok(()) };
            return Err(Error::usage(format!("{key} has no effect with spool-dir"))
                .hint(format!("Leave out {key}: spool-bytes bounds what waits for the relay.")));
        }
        let Some(key) = first(&of_spool) else { return Ok(()) };
        Err(Error::usage(format!("{key} has no effect without spool-dir"))
            .hint(format!("Set spool-dir, or leave out {key}.")))
    }

    /// Opens the spool, from which records are sent to the relay that confirms them.
    fn open_spool(
        &self,
        directory: PathBuf,
        with: &Opening<'_>,
    ) -> Result<Box<dyn Handler + Send>> {
        let reporter = with.reporter.clone();
        let socket = SocketOptions { insecure: self.insecure, ..SocketOptions::publisher() };
        let (publisher, confirmation) = open_confirmed(ConfirmedOptions {
            endpoint: self.confirms()?,
            spool: SpoolOptions {
                directory,
                bytes: self.spool_bytes.unwrap_or(SPOOL_BYTES) as u64,
            },
            socket,
            sync_interval: SYNC_INTERVAL,
            holds: false,
            committed: None,
            report: Box::new(move |text| reporter.say(text)),
        })?;
        let publish = Publish::new(publisher, self.options(with));
        Ok(Box::new(publish.with_confirmation(confirmation)))
    }

    fn options(&self, with: &Opening<'_>) -> PublishOptions {
        let reporter = with.reporter.clone();
        PublishOptions {
            root: self.root.clone(),
            logger_in_topic: false,
            wire: self.wire,
            on_full: self.on_full,
            give_up: with.context.give_up(),
            report: Box::new(move |text| reporter.say(text)),
        }
    }
}

/// Reports, from a thread of its own, that nobody can subscribe at an endpoint. Without a thread,
/// nothing is reported.
fn report_wrong_peer(endpoint: String, reporter: OutageReporter) {
    let _ = thread::spawn("publish-peer", move || {
        let Some(kind) = peer_kind(&endpoint) else { return };
        if let Some(text) = wrong_peer(&endpoint, &kind) {
            reporter.say(&format!(
                "{text}. Connect to the side on which a relay collects, or bind instead"
            ));
        }
    });
}

impl HandlerTarget for PublishTarget {
    fn open(&self, _: Box<dyn Format>, with: &Opening<'_>) -> Result<Box<dyn Handler + Send>> {
        if let Some(directory) = &self.spool {
            return self.open_spool(directory.clone(), with);
        }
        let default = SocketOptions::publisher();
        let options = SocketOptions {
            hwm: self.hwm.unwrap_or(DEFAULT_HWM),
            insecure: self.insecure,
            engine: self.engine.or(default.engine),
            stall: Stall::typed(self.stall),
            ..default
        };
        let publisher = Publisher::open(&self.endpoints()?, &options)?;
        for bound in publisher.bound() {
            with.reporter.say(&format!("bound {bound}"));
        }
        for status in publisher.endpoint_status() {
            if let Some(why) = &status.unresolved {
                with.reporter.say(&host_not_found(&status.endpoint, 1, why));
            }
        }
        for endpoint in &self.connect {
            report_wrong_peer(endpoint.clone(), with.reporter.clone());
        }
        Ok(Box::new(Publish::new(publisher, self.options(with))))
    }

    fn validate(&self) -> Result<()> {
        self.check_keys()?;
        if self.spool.is_some() {
            return self.confirms().map(drop);
        }
        if self.endpoints()?.is_empty() {
            return Err(Error::usage("no endpoint to publish on")
                .hint("Set bind or connect: tcp://127.0.0.1:12346."));
        }
        Ok(())
    }

    fn sends_to(&self, input: &RecordInput) -> bool {
        let RecordInput::ZeroMq(input) = input else { return false };
        if self.spool.is_some() {
            let confirms = input.confirm_endpoint();
            let inputs = confirms.iter().chain([input]);
            return self
                .confirms()
                .is_ok_and(|own| inputs.into_iter().any(|it| own.same_address(it)));
        }
        // Two that connect don't reach each other.
        let meets = |own: &Endpoint| {
            own.same_address(input) && [own.role(), input.role()] != [Role::Connect; 2]
        };
        self.endpoints().is_ok_and(|own| own.iter().any(meets))
    }

    fn directory(&self) -> Option<&Path> {
        self.spool.as_deref()
    }

    fn set_on_full(&mut self, on_full: OnFull) -> bool {
        self.on_full = on_full;
        true
    }

    fn default_name(&self) -> String {
        let mut endpoints = self.bind.iter().chain(&self.connect).chain(&self.confirm_at);
        format!("publish {}", endpoints.next().map_or("", String::as_str))
    }
}
