//! The sockets of the relay's queries: a ROUTER that answers, a DEALER that asks. The messages
//! are defined in [`zlog_core::wire::query`].
//!
//! Clients are untrusted. The server never waits for one, and bounds what libzmq queues for
//! one: [`QueryServer::answer`] reports when there is no room, and the caller keeps the rest
//! of the answer. [`QueryServer::disconnect`] ends the connection of a client that does not
//! read.

use std::time::{Duration, Instant};

use super::connection_manager::ConnectionManager;
use super::ffi::Frame;
use super::ipc_cleanup::IpcFiles;
use super::options;
use super::peers::{ADDRESS, CONNECTION};
use crate::socket::connection::ConnectionState;
use crate::socket::endpoint::Endpoint;
use crate::socket::options::SocketOptions;
use zlog_core::Result;
use zlog_core::wire::query::{
    MAX_ANSWER_FRAMES, MAX_MESSAGES, MAX_QUESTION_BYTES, MAX_QUESTION_FRAMES,
};

/// Questions queued per client until they are read. zlog's clients ask one.
const QUESTION_HWM: i32 = 2;
/// Messages of answers that libzmq queues per client, at about 500 bytes each: the frames
/// themselves are shared.
const ANSWER_HWM: u32 = 256;
/// Messages of an answer that libzmq queues at the client: a whole answer, and some more.
const CLIENT_HWM: u32 = MAX_MESSAGES as u32 + 2000;
/// Longest wait between two checks of `stop`.
const SLICE: Duration = Duration::from_millis(50);

/// A client of a [`QueryServer`], for its answers.
#[derive(Clone, Debug)]
pub struct ClientId {
    routing_id: Box<[u8]>,
    /// The number of its connection, which is never reused.
    connection: u64,
    host: String,
}

impl PartialEq for ClientId {
    /// Compares libzmq's routing ids.
    fn eq(&self, other: &ClientId) -> bool {
        self.routing_id == other.routing_id
    }
}

impl ClientId {
    /// The client's host, for messages. Untrusted text.
    pub fn host(&self) -> &str {
        &self.host
    }
}

/// Outcome of [`QueryServer::answer`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AnswerOutcome {
    /// libzmq took the message.
    Sent,
    /// There is no room: the client has not read earlier messages yet.
    Full,
    /// The client has disconnected.
    Gone,
}

/// The socket that answers.
pub struct QueryServer {
    socket: zmq::Socket,
    connections: ConnectionManager,
    bound: Vec<String>,
    _ipc_files: IpcFiles,
}

impl QueryServer {
    /// Opens a server on `endpoints`.
    ///
    /// # Errors
    /// An endpoint can't be bound; the error names it, the cause and the next step.
    pub(super) fn open(context: &zmq::Context, endpoints: &[Endpoint]) -> Result<QueryServer> {
        let mut socket = context.socket(zmq::ROUTER).map_err(options::open_error)?;
        let options = SocketOptions {
            hwm: ANSWER_HWM,
            max_message: MAX_QUESTION_BYTES as u64,
            ..SocketOptions::subscriber()
        };
        options.apply(&mut socket)?;
        socket.set_rcvhwm(QUESTION_HWM).map_err(options::open_error)?;
        // Without it, libzmq silently drops answers for which there is no room.
        socket.set_router_mandatory(true).map_err(options::open_error)?;
        let (connections, bound) = ConnectionManager::open(context, &mut socket, endpoints)?;
        let _ipc_files = IpcFiles::of(&bound);
        Ok(QueryServer { socket, connections, bound, _ipc_files })
    }

    pub(super) fn wait_at_most(&self) -> Option<Duration> {
        self.connections.wait_at_most()
    }

    /// The bound endpoints, with wildcards and port 0 filled in.
    pub fn bound(&self) -> &[String] {
        &self.bound
    }

    /// Processes connection events. Never waits.
    pub fn process_events(&mut self) {
        // Clients that come and go are not reported.
        self.connections.process_events(&mut self.socket, &mut |_| {});
    }

    /// The next question and its client. A message with too many frames is returned without
    /// any, which is not a valid question.
    pub fn recv(&mut self) -> Option<(ClientId, Vec<Vec<u8>>)> {
        let mut id = self.socket.recv_msg(zmq::DONTWAIT).ok()?;
        let frames = rest(&self.socket, MAX_QUESTION_FRAMES);
        let connection = id.gets(CONNECTION).and_then(|number| number.parse().ok());
        let host = id.gets(ADDRESS).unwrap_or("a client").to_owned();
        let connection = connection.unwrap_or_default();
        Some((ClientId { routing_id: (*id).into(), connection, host }, frames))
    }

    /// Sends one message of an answer: `head`, then `more` frames. libzmq borrows the frames
    /// and drops them once they are sent. Never waits.
    pub fn answer<T: AsRef<[u8]> + Send + 'static>(
        &mut self,
        client: &ClientId,
        head: T,
        more: impl IntoIterator<Item = T>,
    ) -> AnswerOutcome {
        match self.socket.send(&*client.routing_id, zmq::DONTWAIT | zmq::SNDMORE) {
            Ok(()) => {}
            Err(zmq::Error::EAGAIN | zmq::Error::EINTR) => return AnswerOutcome::Full,
            Err(_) => return AnswerOutcome::Gone,
        }
        // libzmq checks for room at the first frame, for the whole message.
        let mut more = more.into_iter();
        let mut next = Some(head);
        while let Some(frame) = next {
            next = more.next();
            let sent = Frame::shared(frame)
                .and_then(|mut frame| frame.send(&mut self.socket, next.is_some()));
            if sent.is_err() {
                return AnswerOutcome::Gone;
            }
        }
        AnswerOutcome::Sent
    }

    /// Ends the connection of a client, and drops what libzmq has queued for it.
    pub fn disconnect(&self, client: &ClientId) {
        zmq_sys::zlog_end_connection(client.connection);
    }

    pub(super) fn poll_items(&self) -> [zmq::PollItem<'_>; 2] {
        [self.socket.as_poll_item(zmq::POLLIN), self.connections.poll_item()]
    }
}

/// The remaining frames of the message whose first frame was received; none if there are more
/// than `most`.
fn rest(socket: &zmq::Socket, most: usize) -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    let mut count = 0;
    while socket.get_rcvmore().unwrap_or(false) {
        let Ok(frame) = socket.recv_bytes(zmq::DONTWAIT) else { break };
        count += 1;
        if count <= most {
            frames.push(frame);
        }
    }
    if count > most { Vec::new() } else { frames }
}

/// Outcome of [`QueryClient::next`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Reply {
    /// The frames of one message of the answer.
    Frames(Vec<Vec<u8>>),
    /// Nothing listens at the endpoint, or the peer has disconnected.
    NoPeer,
    /// No message arrived in time.
    TimedOut,
    /// `stop` returned true.
    Stopped,
}

/// The socket that asks.
pub struct QueryClient {
    socket: zmq::Socket,
    connections: ConnectionManager,
    /// The question, until a peer is connected: libzmq can't queue it before it knows the
    /// address, and drops it when the address of a host name is replaced.
    question: Option<Vec<u8>>,
    _context: zmq::Context,
}

impl QueryClient {
    /// Starts to ask `question` at `endpoint`. Does not wait.
    ///
    /// # Errors
    /// A socket can't be created.
    pub fn ask(
        endpoint: &Endpoint,
        question: &[u8],
        options: &SocketOptions,
    ) -> Result<QueryClient> {
        let context = zmq::Context::new();
        let mut socket = context.socket(zmq::DEALER).map_err(options::open_error)?;
        SocketOptions { hwm: CLIENT_HWM, ..options.clone() }.apply(&mut socket)?;
        let endpoints = std::slice::from_ref(endpoint);
        let (connections, _) = ConnectionManager::open(&context, &mut socket, endpoints)?;
        let question = Some(question.to_vec());
        Ok(QueryClient { socket, connections, question, _context: context })
    }

    /// Whether something listens at the endpoint.
    pub fn is_reached(&self) -> bool {
        self.connections.table.status().iter().any(|endpoint| endpoint.reached)
    }

    /// Whether the question was sent: a peer that speaks ZeroMQ has connected.
    pub fn is_asked(&self) -> bool {
        self.question.is_none()
    }

    /// The next message of the answer, or why there is none. Calls `stop` at least every
    /// 50 ms.
    pub fn next(&mut self, wait: Duration, stop: &dyn Fn() -> bool) -> Reply {
        let until = Instant::now() + wait;
        loop {
            if let Ok(frame) = self.socket.recv_bytes(zmq::DONTWAIT) {
                let mut frames = vec![frame];
                frames.extend(rest(&self.socket, MAX_ANSWER_FRAMES));
                return Reply::Frames(frames);
            }
            let mut changed = false;
            self.connections.process_events(&mut self.socket, &mut |_| changed = true);
            let failed = |state: &ConnectionState| {
                matches!(
                    state,
                    ConnectionState::NotConnected | ConnectionState::HandshakeRefused(_)
                )
            };
            let status = self.connections.table.status();
            if changed && status.iter().any(|endpoint| failed(&endpoint.state)) {
                return Reply::NoPeer;
            }
            let connected = status.iter().any(|it| it.state == ConnectionState::Connected);
            if connected && let Some(question) = self.question.take() {
                // There is room: it is the first message.
                let _ = self.socket.send(question, zmq::DONTWAIT);
            }
            if stop() {
                return Reply::Stopped;
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Reply::TimedOut;
            }
            self.connections.wait(&self.socket, None, left.min(SLICE));
        }
    }
}
