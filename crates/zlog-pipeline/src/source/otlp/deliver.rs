//! Decodes the records of requests, and delivers them.

use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, unbounded};
use prost::Message as _;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::outline::{Group, Place, slice};
use super::server::{Export, QUIET, Shared, accept};
use super::{DEFAULT_PORT, OtlpListenOptions};
use crate::os::clock::now;
use crate::os::fd_limit;
use crate::os::runtime::Runtime;
use crate::otlp::proto::{InstrumentationScope, LogRecord, Resource};
use crate::otlp::read;
use crate::source::ListenStats;
use crate::source::python::{ListenAddr, NoticeLimiter, listen_tcp};
use crate::source::{Notice, PollStatus, Sink, Source, SourceCounts};
use zlog_core::text::json;
use zlog_core::text::plural::{counted, were};
use zlog_core::{Error, RawJson, Record, Result};

/// The most records of one poll, so that the caller can flush and check signals.
const RECORDS: usize = 1024;
/// How long answers may take to leave, at the end.
const ANSWERS: Duration = Duration::from_secs(1);
/// At the end, how often to look whether all peers are gone.
const PAUSE: Duration = Duration::from_millis(10);

/// OpenTelemetry's log records.
pub(super) struct OtlpSource {
    /// Dropped to end all connections.
    _runtime: Runtime,
    shared: Arc<Shared>,
    accepting: Vec<JoinHandle<()>>,
    ending: watch::Sender<bool>,
    exports: Receiver<Export>,
    /// The request whose records are being delivered.
    current: Option<Delivery>,
    /// Requests whose records were delivered, and which are answered by [`Source::checkpoint`].
    delivered: Vec<Delivery>,
    options: OtlpListenOptions,
    hostname: String,
    stats: ListenStats,
}

/// A request, as far as it was delivered.
struct Delivery {
    export: Export,
    /// The number of the next record.
    next: usize,
    rejected: u64,
    /// Why the first of these was.
    why: String,
    /// Resource and scope of the last record that was decoded, and where they stand.
    group: Group,
    resource: Result<Resource, String>,
    scope: Result<InstrumentationScope, String>,
}

impl OtlpSource {
    pub(super) fn open(options: &OtlpListenOptions) -> Result<OtlpSource> {
        let runtime = Runtime::start("zlog-otlp")?;
        let (sender, exports) = unbounded();
        let (ending, ended) = watch::channel(false);
        let listeners = listen(options, &runtime)?;
        let named = |listener: &TcpListener| match listener.local_addr() {
            Ok(address) => format!("listening on {address} for OpenTelemetry (OTLP)"),
            Err(_) => "listening for OpenTelemetry (OTLP)".to_owned(),
        };
        let notices = listeners.iter().map(named).chain(fd_limit::too_few_for(options.max_clients));
        let notices = NoticeLimiter::new(Instant::now(), notices, "senders of OTLP");
        let shared = Arc::new(Shared::new(sender, options, ended, notices));
        let serve = |listener| accept(listener, Arc::clone(&shared));
        let accepting =
            listeners.into_iter().map(|listener| runtime.spawn(serve(listener))).collect();
        Ok(OtlpSource {
            _runtime: runtime,
            shared,
            accepting,
            ending,
            exports,
            current: None,
            delivered: Vec::new(),
            options: options.clone(),
            hostname: gethostname::gethostname().to_string_lossy().into_owned(),
            stats: ListenStats::default(),
        })
    }

    /// Delivers what waits, up to a number of records, and not after the sink has stopped it. Returns
    /// how many came.
    fn deliver(&mut self, sink: &mut Sink<'_>) -> Result<usize> {
        for count in 0..RECORDS {
            self.take_next();
            let Some(delivery) = &mut self.current else { return Ok(count) };
            match delivery.next_record(&self.options) {
                Some(Ok((mut record, is_cut))) => {
                    self.stats.records += 1;
                    self.stats.shortened += u64::from(is_cut);
                    if record.hostname.is_none() && delivery.export.peer.ip().is_loopback() {
                        record.hostname = Some(self.hostname.clone().into());
                    }
                    if sink(&mut record)?.is_break() {
                        return Ok(count + 1);
                    }
                }
                Some(Err(Rejected::TooLarge)) => self.stats.too_large += 1,
                Some(Err(Rejected::Unreadable)) => self.stats.unreadable += 1,
                None => self.delivered.extend(self.current.take()),
            }
        }
        Ok(RECORDS)
    }

    /// Begins with the next request that still waits, unless another is being delivered.
    fn take_next(&mut self) {
        while self.current.is_none()
            && let Ok(export) = self.exports.try_recv()
        {
            self.begin(export);
        }
    }

    /// Begins with a request, unless its peer was asked to send it again.
    fn begin(&mut self, export: Export) {
        if !export.decided.swap(true, Ordering::AcqRel) {
            self.current = Some(Delivery::new(export));
        }
    }

    /// Waits for a request.
    fn wait(&mut self, wait: Duration) {
        if self.current.is_none()
            && let Ok(export) = self.exports.recv_timeout(wait)
        {
            self.begin(export);
        }
    }

    fn has_clients(&self) -> bool {
        self.shared.clients.load(Ordering::Relaxed) > 0
    }

    /// Whether requests are being received or delivered, beside those that wait for their answer.
    fn has_more(&self) -> bool {
        // The peers of others have gone.
        let waiting = self.delivered.iter().filter(|it| !it.export.reply.is_closed()).count();
        self.current.is_some() || self.shared.active.load(Ordering::Relaxed) > waiting as u64
    }

    /// At the end: lets the answers leave.
    fn await_answers(&self) {
        let until = Instant::now() + ANSWERS;
        while self.has_clients() && Instant::now() < until {
            // Those that came too late get the answer that zlog is ending.
            drop(self.exports.recv_timeout(PAUSE));
        }
        self.shared.notices.lock().unwrap_or_else(PoisonError::into_inner).end_window();
    }
}

/// Why a record was not delivered.
enum Rejected {
    TooLarge,
    Unreadable,
}

impl Delivery {
    fn new(export: Export) -> Delivery {
        Delivery {
            export,
            next: 0,
            rejected: 0,
            why: String::new(),
            group: Group::default(),
            resource: Ok(Resource::default()),
            scope: Ok(InstrumentationScope::default()),
        }
    }

    /// The next record, and whether attributes are missing in it; `None` after the last one.
    fn next_record(
        &mut self,
        options: &OtlpListenOptions,
    ) -> Option<Result<(Record<'static>, bool), Rejected>> {
        let Export { body, outline, .. } = &self.export;
        let (group, place) = outline.record(self.next)?;
        self.next += 1;
        let rejected = if let Some(why) = too_long(group, place, options.max_record) {
            (Rejected::TooLarge, why)
        } else {
            if self.group.resource != group.resource {
                let bytes = group.resource.as_ref().map_or(&[][..], |place| slice(body, place));
                self.resource = Resource::decode(bytes).map_err(|error| error.to_string());
            }
            if self.group.scope != group.scope {
                let bytes = group.scope.as_ref().map_or(&[][..], |place| slice(body, place));
                self.scope = InstrumentationScope::decode(bytes).map_err(|error| error.to_string());
            }
            self.group.clone_from(group);
            let log = LogRecord::decode(slice(body, place)).map_err(|error| error.to_string());
            match (&self.resource, &self.scope, log) {
                (Ok(resource), Ok(scope), Ok(log)) => {
                    let (record, dropped) = read::record(&options.root, resource, scope, &log);
                    return Some(Ok((received(record), dropped > 0)));
                }
                (Err(why), ..) | (_, Err(why), _) => {
                    (Rejected::Unreadable, format!("a record can't be read: {why}"))
                }
                (.., Err(why)) => (Rejected::Unreadable, format!("a record can't be read: {why}")),
            }
        };
        self.rejected += 1;
        if self.why.is_empty() {
            self.why = rejected.1;
        }
        Some(Err(rejected.0))
    }

    /// Answers the peer, which may have gone.
    fn answer(self, shared: &Shared) {
        let Delivery { export, rejected, why, .. } = self;
        if rejected > 0 {
            let (records, were) = (counted(rejected, "record"), were(rejected));
            shared.notice(|| format!("{records} of {} {were} not taken: {why}", export.peer));
        }
        let _ = export.reply.send((rejected, why));
    }
}

/// Why a record is too long: itself, or what it shares with others. Decoded, each of these takes many
/// times its bytes.
fn too_long(group: &Group, place: &Place, most: usize) -> Option<String> {
    let parts = [
        ("a record", Some(place)),
        ("the resource of a record", group.resource.as_ref()),
        ("the scope of a record", group.scope.as_ref()),
    ];
    parts.into_iter().find_map(|(name, place)| {
        let length = place?.len();
        (length > most)
            .then(|| format!("{name} has {length} bytes, more than --max-record ({most})"))
    })
}

/// The record, as the sender of this process numbers and sends it on. The name of its first sender
/// would be lost.
fn received(mut record: Record<'static>) -> Record<'static> {
    record.received = Some(now());
    if let Some(source) = record.source.take() {
        let json = RawJson(json::quoted(&source).into());
        record.extras.push(("service.instance.id".into(), json));
    }
    record
}

/// Listens on each address.
fn listen(options: &OtlpListenOptions, runtime: &Runtime) -> Result<Vec<TcpListener>> {
    let mut found = Vec::new();
    for address in &options.addresses {
        let open = |addr: &ListenAddr| match addr {
            ListenAddr::Net(address) => listen_tcp(*address),
            ListenAddr::Unix(_) => Err(io::ErrorKind::Unsupported.into()),
        };
        found.extend(address.open(DEFAULT_PORT, options.allow_remote, open)?);
    }
    // The runtime of the thread has to know the sockets.
    let soon = Instant::now() + Duration::from_secs(10);
    let registered = runtime.run(soon, async move {
        found.into_iter().map(TcpListener::from_std).collect::<io::Result<Vec<_>>>()
    });
    let registered = registered.unwrap_or_else(|| Err(io::ErrorKind::TimedOut.into()));
    registered.map_err(|error| Error::io("listening for OpenTelemetry", &error))
}

impl Source for OtlpSource {
    fn poll(&mut self, wait: Duration, sink: &mut Sink<'_>) -> Result<PollStatus> {
        self.wait(wait);
        let count = self.deliver(sink)?;
        let mut notices = self.shared.notices.lock().unwrap_or_else(PoisonError::into_inner);
        notices.tick(Instant::now());
        Ok(if count > 0 { PollStatus::Delivered } else { PollStatus::Idle })
    }

    /// Accepts no more peers, and delivers requests that arrive before `within` is over. They are
    /// answered by the next [`Source::checkpoint`]; the others get no answer, or are refused for now: their
    /// senders keep the records.
    fn finish(&mut self, within: Duration, sink: &mut Sink<'_>) -> Result<()> {
        let until = Instant::now() + within;
        self.accepting.drain(..).for_each(|task| task.abort());
        self.ending.send_replace(true);
        // A peer without a request is disconnected meanwhile.
        let mut quiet_at = Instant::now() + QUIET * 2;
        while Instant::now() < until.min(quiet_at) && (self.has_clients() || self.current.is_some())
        {
            let left = until.saturating_duration_since(Instant::now());
            self.wait(left.min(PAUSE));
            self.deliver(sink)?;
            if self.has_more() {
                quiet_at = Instant::now() + QUIET * 2;
            }
        }
        // A request that was delivered in part is sent again: its sender gets no answer.
        if let Some(delivery) = self.current.take() {
            let rest = delivery.export.outline.len() - delivery.next;
            let peer = delivery.export.peer;
            self.shared.notice(|| {
                let (rest, were) = (counted(rest as u64, "record"), were(rest as u64));
                format!("{rest} of {peer} {were} not delivered when --linger was over")
            });
        }
        self.shared.notices.lock().unwrap_or_else(PoisonError::into_inner).end_window();
        Ok(())
    }

    fn checkpoint(&mut self, _at_end: bool) {
        for delivery in self.delivered.drain(..) {
            delivery.answer(&self.shared);
        }
        if *self.ending.borrow() {
            self.await_answers();
        }
    }

    fn take_notices(&mut self) -> Vec<Notice> {
        self.shared.notices.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn counts(&self) -> SourceCounts {
        let of = |count: &std::sync::atomic::AtomicU64| count.load(Ordering::Relaxed);
        let listen = ListenStats {
            clients: of(&self.shared.clients),
            clients_total: of(&self.shared.clients_total),
            refused: of(&self.shared.refused),
            disconnected: of(&self.shared.disconnected),
            unreadable: self.stats.unreadable + of(&self.shared.unreadable),
            ..self.stats
        };
        SourceCounts { listen, ..SourceCounts::default() }
    }
}
