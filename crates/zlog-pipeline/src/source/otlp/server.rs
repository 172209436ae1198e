//! Serves the peers: connections, bodies, and the limits on them. Runs on a thread of its own.

use std::convert::Infallible;
use std::io::{self, Cursor, Read as _};
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crossbeam_channel::Sender;
use flate2::bufread::GzDecoder;
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Bytes, Incoming};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncReadExt, join};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot, watch};
use tokio::time::{sleep, sleep_until, timeout};

use super::OtlpListenOptions;
use super::outline::{MAX_RECORDS, Outline, Problem};
use super::protocol::{Body, Encoding, Outcome, Protocol, Refusal};
use crate::source::python::{NoticeLimiter, keep_alive};

/// The most bytes of a request, compressed or not: as the collector of the OpenTelemetry project
/// has it.
pub(super) const MAX_BODY: usize = 20 << 20;
/// The most bytes of all requests that are being received or wait to be delivered.
const MAX_BODIES: usize = 128 << 20;
/// The most of these of one connection, so that it leaves others their share.
const MAX_OF_PEER: usize = MAX_BODIES / 4;
/// The most requests that wait to be delivered.
const MAX_WAITING: usize = 1024;
/// How long a request may take to arrive.
const BODY_TIME: Duration = Duration::from_secs(30);
/// How long its peer may pause meanwhile, and keep memory from others.
const BODY_PAUSE: Duration = Duration::from_secs(5);
/// How long a request may wait to be delivered. Senders give up after 10 s, by default.
const PATIENCE: Duration = Duration::from_secs(5);
/// At the end, how long a peer may pause in the middle of a request.
pub(super) const QUIET: Duration = Duration::from_millis(100);
/// How soon to accept again after there was no descriptor.
const ACCEPT_RETRY: Duration = Duration::from_millis(50);
/// The most bytes of a request's head.
const MAX_HEAD: u32 = 16 << 10;
/// The most requests at once of one connection of HTTP/2. Each has a head, which is not part of
/// [`MAX_BODIES`].
const MAX_STREAMS: u32 = 8;
/// The bytes that are decompressed before other peers get their turn.
const PIECE: usize = 64 << 10;

const BUSY: &str = "zlog has more records than it can pass on: send them again later";
const ENDING: &str = "zlog is ending";

/// Records of one request, which wait to be delivered.
pub(super) struct Export {
    pub(super) body: Bytes,
    pub(super) outline: Outline,
    pub(super) peer: SocketAddr,
    /// Whoever sets it first decides: the deliverer takes the records, or the peer is asked to send
    /// them again.
    pub(super) decided: Arc<AtomicBool>,
    /// How many were rejected, and why.
    pub(super) reply: oneshot::Sender<(u64, String)>,
    /// Its part of [`MAX_BODIES`].
    _memory: Memory,
}

/// State of all connections.
pub(super) struct Shared {
    exports: Sender<Export>,
    memory: Arc<Semaphore>,
    places: Arc<Semaphore>,
    ending: watch::Receiver<bool>,
    stall: Duration,
    pub(super) notices: Mutex<NoticeLimiter>,
    /// Requests that are being received or delivered, or wait for their answer.
    pub(super) active: AtomicU64,
    pub(super) clients: AtomicU64,
    pub(super) clients_total: AtomicU64,
    pub(super) refused: AtomicU64,
    pub(super) disconnected: AtomicU64,
    /// Requests that were refused for good and had an unknown number of records.
    pub(super) unreadable: AtomicU64,
}

impl Shared {
    pub(super) fn new(
        exports: Sender<Export>,
        options: &OtlpListenOptions,
        ending: watch::Receiver<bool>,
        notices: NoticeLimiter,
    ) -> Shared {
        Shared {
            exports,
            memory: Arc::new(Semaphore::new(MAX_BODIES)),
            places: Arc::new(Semaphore::new(options.max_clients.min(Semaphore::MAX_PERMITS))),
            ending,
            stall: options.stall,
            notices: Mutex::new(notices),
            active: AtomicU64::new(0),
            clients: AtomicU64::new(0),
            clients_total: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            disconnected: AtomicU64::new(0),
            unreadable: AtomicU64::new(0),
        }
    }

    pub(super) fn notice(&self, text: impl FnOnce() -> String) {
        self.notices.lock().unwrap_or_else(PoisonError::into_inner).report(text);
    }

    /// Ends when the source ends and a peer that pauses must not be waited for any more.
    async fn quiet_at_end(&self) {
        self.end().await;
        sleep(QUIET).await;
    }

    /// Ends when the source ends.
    async fn end(&self) {
        // An error means that it is gone.
        let _ = self.ending.clone().wait_for(|ending| *ending).await;
    }
}

/// Accepts peers until it is aborted.
pub(super) async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    loop {
        // An error is that of a peer, or there is no descriptor.
        let Ok((stream, peer)) = listener.accept().await else {
            sleep(ACCEPT_RETRY).await;
            continue;
        };
        let Ok(place) = Arc::clone(&shared.places).try_acquire_owned() else {
            shared.refused.fetch_add(1, Ordering::Relaxed);
            shared.notice(|| format!("refused {peer} of OTLP: too many clients (--max-clients)"));
            continue;
        };
        shared.clients.fetch_add(1, Ordering::Relaxed);
        shared.clients_total.fetch_add(1, Ordering::Relaxed);
        let shared = Arc::clone(&shared);
        drop(tokio::spawn(async move {
            if let Err(why) = serve(stream, peer, &shared).await {
                shared.disconnected.fetch_add(1, Ordering::Relaxed);
                shared.notice(|| format!("disconnected {peer} of OTLP: {why}"));
            }
            shared.clients.fetch_sub(1, Ordering::Relaxed);
            drop(place);
        }));
    }
}

/// Serves a peer until it disconnects. The error is why it was disconnected.
async fn serve(
    mut stream: TcpStream,
    peer: SocketAddr,
    shared: &Arc<Shared>,
) -> Result<(), String> {
    // Answers are written whole.
    let _ = stream.set_nodelay(true);
    keep_alive(&stream);
    let begun = tokio::select! {
        begun = timeout(shared.stall, first_bytes(&mut stream)) => begun,
        () = shared.quiet_at_end() => return Ok(()),
    };
    let first = match begun {
        Ok(Ok(first)) => first,
        // It broke before anything was sent.
        Ok(Err(_)) => return Ok(()),
        Err(_) => return Err("it sent no request".to_owned()),
    };
    let is_http2 = first == HTTP2;
    let (reader, writer) = stream.into_split();
    let io = TokioIo::new(join(AsyncReadExt::chain(Cursor::new(first), reader), writer));
    let requests = Arc::new(Requests::default());
    let memory = Arc::new(Semaphore::new(MAX_OF_PEER));
    let service = service_fn(|request| {
        let (shared, active) = (Arc::clone(shared), Active::new(&requests, shared));
        let memory = Arc::clone(&memory);
        async move {
            let answer = answer(request, peer, &memory, &shared).await;
            drop(active);
            Ok::<_, Infallible>(answer)
        }
    });
    let served = if is_http2 {
        let mut server = http2::Builder::new(TokioExecutor::new());
        server.timer(TokioTimer::new()).keep_alive_interval(Some(shared.stall / 2));
        server.max_concurrent_streams(MAX_STREAMS).max_header_list_size(MAX_HEAD);
        let connection = server.serve_connection(io, service);
        until_the_end(connection, http2::Connection::graceful_shutdown, shared, &requests).await
    } else {
        let mut server = http1::Builder::new();
        server.timer(TokioTimer::new()).header_read_timeout(shared.stall);
        server.max_buf_size(MAX_HEAD as usize);
        let connection = server.serve_connection(io, service);
        until_the_end(connection, http1::Connection::graceful_shutdown, shared, &requests).await
    };
    match served {
        Err(error) if error.is_parse() => Err(format!("it sends no HTTP ({error})")),
        // It broke off, or was silent: its requests have had their answers, or got none.
        Ok(()) | Err(_) => Ok(()),
    }
}

/// The requests of a connection.
#[derive(Default)]
struct Requests {
    begun: AtomicU64,
    ended: AtomicU64,
}

impl Requests {
    /// The number of requests so far, if none is being received, delivered or answered.
    fn idle(&self) -> Option<u64> {
        let ended = self.ended.load(Ordering::Relaxed);
        (self.begun.load(Ordering::Relaxed) == ended).then_some(ended)
    }

    /// Ends when there was no request for `time`.
    async fn stalled(&self, time: Duration) {
        loop {
            let before = self.idle();
            sleep(time).await;
            if before.is_some() && before == self.idle() {
                return;
            }
        }
    }
}

/// A request that is being received, delivered or answered.
struct Active {
    of_peer: Arc<Requests>,
    shared: Arc<Shared>,
}

impl Active {
    fn new(of_peer: &Arc<Requests>, shared: &Arc<Shared>) -> Active {
        of_peer.begun.fetch_add(1, Ordering::Relaxed);
        shared.active.fetch_add(1, Ordering::Relaxed);
        Active { of_peer: Arc::clone(of_peer), shared: Arc::clone(shared) }
    }
}

impl Drop for Active {
    fn drop(&mut self) {
        self.of_peer.ended.fetch_add(1, Ordering::Relaxed);
        self.shared.active.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Serves a connection until the peer closes it or is silent for too long. When the source ends, it
/// has time for the requests that have begun.
async fn until_the_end<C: Future<Output = hyper::Result<()>>>(
    connection: C,
    shutdown: fn(Pin<&mut C>),
    shared: &Shared,
    requests: &Requests,
) -> hyper::Result<()> {
    let mut connection = pin!(connection);
    tokio::select! {
        served = connection.as_mut() => return served,
        () = shared.end() => {}
        () = requests.stalled(shared.stall) => {}
    }
    shutdown(connection.as_mut());
    loop {
        tokio::select! {
            served = connection.as_mut() => return served,
            // It has sent a part of a head, or reads no answer.
            () = sleep(QUIET) => if requests.idle().is_some() { return Ok(()) },
        }
    }
}

/// How a connection of HTTP/2 begins, and no other does.
const HTTP2: &[u8] = b"PRI";

/// The first bytes: as many as are needed to tell the versions of HTTP apart.
async fn first_bytes(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut bytes = [0; HTTP2.len()];
    let mut length = 0;
    while length < bytes.len() && HTTP2.starts_with(&bytes[..length]) {
        match stream.read(&mut bytes[length..]).await? {
            0 => break,
            count => length += count,
        }
    }
    Ok(bytes[..length].to_vec())
}

async fn answer(
    request: Request<Incoming>,
    peer: SocketAddr,
    of_peer: &Arc<Semaphore>,
    shared: &Arc<Shared>,
) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let protocol = Protocol::of(&parts);
    let checked = protocol.check(&parts);
    // Many heads would take more memory than their bodies may have.
    drop(parts);
    let outcome = async {
        let encoding = checked?;
        if body.size_hint().lower() > MAX_BODY as u64 {
            return Err(too_large());
        }
        let mut memory = Memory::new(&shared.memory, of_peer)?;
        let bytes = receive(body, shared, &mut memory).await?;
        let (bytes, encoding) = protocol.message(bytes, encoding)?;
        let bytes = match encoding {
            Encoding::Identity => bytes,
            Encoding::Gzip => decompress(&bytes, &mut memory).await?,
        };
        deliver(bytes, peer, memory, shared).await
    };
    let outcome = outcome.await.unwrap_or_else(|refused| {
        match &refused {
            Outcome::Refused(kind, why) => {
                if matches!(kind, Refusal::Invalid | Refusal::TooLarge) {
                    // By the specification, its sender drops the records.
                    shared.unreadable.fetch_add(1, Ordering::Relaxed);
                }
                shared.notice(|| format!("refused a request of {peer} by OTLP: {why}"));
            }
            Outcome::Busy(BUSY) => {
                shared.notice(|| format!("asked {peer} of OTLP to send its records again later"));
            }
            _ => {}
        }
        refused
    });
    protocol.answer(outcome)
}

fn too_large() -> Outcome {
    let most = MAX_BODY >> 20;
    let why = format!(
        "a request may have {most} MiB, {MAX_RECORDS} records, and 256 MiB with the resource of \
         each record: send smaller batches"
    );
    Outcome::Refused(Refusal::TooLarge, why)
}

/// The memory of a request, taken from what all requests and those of its connection may have.
struct Memory([OwnedSemaphorePermit; 2]);

impl Memory {
    /// Memory for a request that has nothing yet, out of what `all` requests and those of its
    /// connection may have.
    fn new(all: &Arc<Semaphore>, of_peer: &Arc<Semaphore>) -> Result<Memory, Outcome> {
        let none = |of: &Arc<Semaphore>| Arc::clone(of).try_acquire_many_owned(0);
        match (none(all), none(of_peer)) {
            (Ok(all), Ok(own)) => Ok(Memory([all, own])),
            _ => Err(Outcome::Busy(ENDING)),
        }
    }

    /// Takes memory for more bytes of a request, which has `length` so far.
    fn grow(&mut self, length: usize, more: usize) -> Result<(), Outcome> {
        if length + more > MAX_BODY {
            return Err(too_large());
        }
        let count = u32::try_from(more).unwrap_or(u32::MAX);
        for permit in &mut self.0 {
            let more = Arc::clone(permit.semaphore()).try_acquire_many_owned(count);
            permit.merge(more.map_err(|_| Outcome::Busy(BUSY))?);
        }
        Ok(())
    }
}

/// Receives a body.
async fn receive(
    mut body: Incoming,
    shared: &Shared,
    memory: &mut Memory,
) -> Result<Bytes, Outcome> {
    let mut bytes = Vec::new();
    let until = Instant::now() + BODY_TIME;
    loop {
        let frame = tokio::select! {
            frame = body.frame() => frame,
            () = shared.quiet_at_end() => return Err(Outcome::Busy(ENDING)),
            () = sleep_until(until.into()) => {
                return Err(Outcome::Busy("the request took longer than 30 s to arrive"));
            }
            () = sleep(shared.stall.min(BODY_PAUSE)) => {
                return Err(Outcome::Busy("the request stopped in the middle for 5 s"));
            }
        };
        match frame {
            None => return Ok(bytes.into()),
            Some(Ok(frame)) => {
                let Some(data) = frame.data_ref() else { continue };
                memory.grow(bytes.len(), data.len())?;
                bytes.extend_from_slice(data);
            }
            // Nobody gets the answer.
            Some(Err(_)) => return Err(Outcome::Busy("the connection broke")),
        }
    }
}

/// Decompresses a body, and lets others have their turn meanwhile.
async fn decompress(compressed: &[u8], memory: &mut Memory) -> Result<Bytes, Outcome> {
    // It reads one member, as all senders have it: many empty ones would keep other peers waiting.
    let mut decoder = GzDecoder::new(compressed);
    let mut bytes = Vec::new();
    let mut piece = vec![0; PIECE];
    loop {
        match decoder.read(&mut piece) {
            Ok(0) if decoder.get_ref().is_empty() => return Ok(bytes.into()),
            Ok(0) => {
                let why = "the body is more than one gzip member".to_owned();
                return Err(Outcome::Refused(Refusal::Invalid, why));
            }
            Ok(length) => {
                memory.grow(bytes.len(), length)?;
                bytes.extend_from_slice(&piece[..length]);
            }
            Err(error) => {
                let why = format!("the body is no gzip: {error}");
                return Err(Outcome::Refused(Refusal::Invalid, why));
            }
        }
        tokio::task::yield_now().await;
    }
}

/// Withdraws a request that nobody has begun to deliver, when its peer disconnects.
struct Withdrawal(Arc<AtomicBool>);

impl Drop for Withdrawal {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

/// Waits until the records of a request are delivered.
async fn deliver(
    body: Bytes,
    peer: SocketAddr,
    memory: Memory,
    shared: &Shared,
) -> Result<Outcome, Outcome> {
    let outline = Outline::read(&body).map_err(|problem| match problem {
        Problem::Invalid => {
            let why = "the body is no ExportLogsServiceRequest in Protocol Buffers".to_owned();
            Outcome::Refused(Refusal::Invalid, why)
        }
        Problem::TooLarge => too_large(),
    })?;
    if shared.exports.len() >= MAX_WAITING {
        return Err(Outcome::Busy(BUSY));
    }
    let decided = Arc::new(AtomicBool::new(false));
    let withdrawal = Withdrawal(Arc::clone(&decided));
    let (reply, mut delivered) = oneshot::channel();
    let export = Export { body, outline, peer, decided, reply, _memory: memory };
    shared.exports.send(export).map_err(|_| Outcome::Busy(ENDING))?;
    let answered = match timeout(PATIENCE, &mut delivered).await {
        Ok(answered) => answered,
        Err(_) if !withdrawal.0.swap(true, Ordering::AcqRel) => return Err(Outcome::Busy(BUSY)),
        // Its delivery has begun.
        Err(_) => delivered.await,
    };
    let (rejected, why) = answered.map_err(|_| Outcome::Busy(ENDING))?;
    Ok(Outcome::Delivered { rejected, why })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_of_one_connection_leave_memory_to_others() {
        let all = Arc::new(Semaphore::new(MAX_BODIES));
        let connection = || Arc::new(Semaphore::new(MAX_OF_PEER));
        let (greedy, other) = (connection(), connection());
        let mut held = Vec::new();
        let refused = loop {
            let mut memory = Memory::new(&all, &greedy).unwrap_or_else(|_| panic!("memory"));
            if let Err(refused) = memory.grow(0, MAX_BODY / 4) {
                break refused;
            }
            held.push(memory);
            assert!(held.len() < 100);
        };
        assert!(matches!(refused, Outcome::Busy(_)));
        let mut memory = Memory::new(&all, &other).unwrap_or_else(|_| panic!("memory"));
        assert!(memory.grow(0, MAX_BODY).is_ok());
        held.clear();
        let mut memory = Memory::new(&all, &greedy).unwrap_or_else(|_| panic!("memory"));
        assert!(memory.grow(0, MAX_BODY).is_ok());
        assert!(memory.grow(MAX_BODY, 1).is_err());
    }
}
