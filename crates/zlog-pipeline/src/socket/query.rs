//! Questions and answers beside a stream: a ROUTER that is asked, a DEALER that asks.
//!
//! What may be here: frames and connections. What is asked and answered is `wire`'s.
//!
//! Whoever asks is a stranger. Nothing here waits for one, and what libzmq holds for one
//! is bounded: [`QueryServer::answer`] says when there is no room, and the rest of an answer
//! stays with who gives it. [`QueryServer::disconnect`] ends the connection of one who does not read.

use std::time::{Duration, Instant};

use super::connection::{ConnectionState, EndpointStatus};
use super::connection_manager::ConnectionManager;
use super::endpoint::Endpoint;
use super::ffi::Frame;
use super::ipc_cleanup::IpcFiles;
use super::options::SocketOptions;
use super::peers::{ADDRESS, CONNECTION};
use super::proxy::Proxy;
use zlog_core::error::{Error, Result};

/// Largest frame of a question, in bytes. zlog's are far smaller.
const LARGEST_QUESTION: u64 = 256 << 10;
/// Most frames of a question; one with more is no question of zlog's.
const MOST_QUESTION_FRAMES: usize = 4;
/// Most frames of an answer that are kept.
const MOST_ANSWER_FRAMES: usize = 16;
/// Questions that are held for each client until they are read. zlog asks one.
const QUESTIONS: i32 = 2;
/// Messages of an answer that libzmq holds for one client. Their bytes are shared, so this
/// bounds some 500 bytes for each of them.
const ROOM: u32 = 256;
/// Messages of an answer that are held where it is read.
const ANSWERS: u32 = 12_000;
/// Longest that a wait for an answer goes without a look at signals.
const SLICE: Duration = Duration::from_millis(50);

/// Who has asked; answers go back there.
#[derive(Clone, Debug)]
pub struct ClientId {
    id: Box<[u8]>,
    /// The number of its connection, which is never used again.
    connection: u64,
    host: String,
}

impl PartialEq for ClientId {
    /// By the name that libzmq has for the peer.
    fn eq(&self, other: &ClientId) -> bool {
        self.id == other.id
    }
}

impl ClientId {
    /// The host that asks, for a message to people: text from outside.
    pub fn host(&self) -> &str {
        &self.host
    }
}

/// Outcome of [`QueryServer::answer`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AnswerOutcome {
    /// libzmq took it.
    Taken,
    /// There is no room: the client has still to read what went before.
    Full,
    /// The client has gone.
    Gone,
}

/// The socket that is asked.
pub struct QueryServer {
    socket: zmq::Socket,
    connections: ConnectionManager,
    bound: Vec<String>,
    _ipc_files: IpcFiles,
}

impl QueryServer {
    /// Opens a server on `endpoints`, to be waited for together with `proxy`.
    ///
    /// # Errors
    /// An endpoint can't be bound; the error names it, the cause and the next step.
    pub fn open(proxy: &Proxy, endpoints: &[Endpoint]) -> Result<QueryServer> {
        let context = proxy.context();
        let cant = |error| Error::new(format!("can't open a ZeroMQ socket: {error}"));
        let mut socket = context.socket(zmq::ROUTER).map_err(cant)?;
        let options = SocketOptions {
            hwm: ROOM,
            max_message: LARGEST_QUESTION,
            ..SocketOptions::subscriber()
        };
        options.apply(&mut socket)?;
        // Strangers' questions wait in this process's memory.
        socket.set_rcvhwm(QUESTIONS).map_err(cant)?;
        // Without it, an answer for which there is no room would vanish without a word.
        socket.set_router_mandatory(true).map_err(cant)?;
        let (connections, bound) = ConnectionManager::open(context, &mut socket, endpoints)?;
        let _ipc_files = IpcFiles::of(&bound);
        Ok(QueryServer { socket, connections, bound, _ipc_files })
    }

    /// The endpoints that were really bound: wildcards and port 0 are filled in.
    pub fn bound(&self) -> &[String] {
        &self.bound
    }

    /// Looks after connections. Never waits.
    pub fn process_events(&mut self) {
        // Who comes and goes here is nobody's concern.
        self.connections.process_events(&mut self.socket, &mut |_| {});
    }

    /// The next question that has come, with who asked it. What has more frames than
    /// a question of zlog's comes without any.
    pub fn take(&mut self) -> Option<(ClientId, Vec<Vec<u8>>)> {
        let mut id = self.socket.recv_msg(zmq::DONTWAIT).ok()?;
        let frames = rest(&self.socket, MOST_QUESTION_FRAMES);
        let connection = id.gets(CONNECTION).and_then(|number| number.parse().ok());
        let host = id.gets(ADDRESS).unwrap_or("a client").to_owned();
        let connection = connection.unwrap_or_default();
        Some((ClientId { id: (*id).into(), connection, host }, frames))
    }

    /// Sends a message of an answer: `head`, and `more` frames, which libzmq reads where
    /// they are and drops once they are sent. Never waits.
    pub fn answer<T: AsRef<[u8]> + Send + 'static>(
        &mut self,
        client: &ClientId,
        head: T,
        more: impl IntoIterator<Item = T>,
    ) -> AnswerOutcome {
        match self.socket.send(&*client.id, zmq::DONTWAIT | zmq::SNDMORE) {
            Ok(()) => {}
            Err(zmq::Error::EAGAIN | zmq::Error::EINTR) => return AnswerOutcome::Full,
            Err(_) => return AnswerOutcome::Gone,
        }
        // Room is found by the first frame, for the whole message.
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
        AnswerOutcome::Taken
    }

    /// Ends the connection of a client, with what libzmq holds for it.
    pub fn disconnect(&self, client: &ClientId) {
        zmq_sys::zlog_end_connection(client.connection);
    }

    fn poll_items(&self) -> [zmq::PollItem<'_>; 2] {
        [self.socket.as_poll_item(zmq::POLLIN), self.connections.poll_item()]
    }
}

/// Waits until something is there for the proxy or the query server, or the time is up. A
/// signal ends the wait, too. Returns whether there is something besides messages to
/// send on: connections, subscriptions, questions.
pub fn wait(proxy: &Proxy, server: Option<&QueryServer>, wait: Duration) -> bool {
    let server = server.into_iter().flat_map(QueryServer::poll_items);
    // Messages last, so that the others are those before.
    let mut items: Vec<zmq::PollItem<'_>> = server.chain(proxy.poll_items()).collect();
    let others = items.len() - usize::from(proxy.takes_messages());
    // Rounded up, or the last part of a millisecond would be spent spinning.
    let millis = wait.as_micros().div_ceil(1000);
    // Fails on a signal; whoever waits looks at its reasons again anyway.
    let _ = zmq::poll(&mut items, i64::try_from(millis).unwrap_or(i64::MAX));
    items[..others].iter().any(|item| item.is_readable())
}

/// The other frames of a message of which one has been received; none when there are
/// more than `most`.
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

/// What became of an [`QueryClient::next`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Answer {
    /// A message of the answer.
    Frames(Vec<Vec<u8>>),
    /// Nobody is there: nothing listens at the endpoint, or what does hangs up.
    Nobody,
    /// Nothing came within the wait.
    Nothing,
    /// The caller wanted to stop.
    Stopped,
}

/// The socket that asks.
pub struct QueryClient {
    socket: zmq::Socket,
    connections: ConnectionManager,
    /// What is asked, until somebody is there to be asked: libzmq takes nothing before it
    /// has an address, and forgets what it holds for one that is replaced by another.
    question: Option<Vec<u8>>,
    _context: zmq::Context,
}

impl QueryClient {
    /// Asks `question` of whoever is at `endpoint`. Does not wait.
    ///
    /// # Errors
    /// No socket is to be had.
    pub fn ask(
        endpoint: &Endpoint,
        question: &[u8],
        options: &SocketOptions,
    ) -> Result<QueryClient> {
        let context = zmq::Context::new();
        let cant = |error| Error::new(format!("can't open a ZeroMQ socket: {error}"));
        let mut socket = context.socket(zmq::DEALER).map_err(cant)?;
        SocketOptions { hwm: ANSWERS, ..options.clone() }.apply(&mut socket)?;
        let (connections, _) =
            ConnectionManager::open(&context, &mut socket, std::slice::from_ref(endpoint))?;
        let question = Some(question.to_vec());
        Ok(QueryClient { socket, connections, question, _context: context })
    }

    /// The next message of the answer, or why there is none. Asks `stop` at least
    /// every 50 ms.
    pub fn next(&mut self, wait: Duration, stop: &dyn Fn() -> bool) -> Answer {
        let until = Instant::now() + wait;
        loop {
            if let Ok(frame) = self.socket.recv_bytes(zmq::DONTWAIT) {
                let mut frames = vec![frame];
                frames.extend(rest(&self.socket, MOST_ANSWER_FRAMES));
                return Answer::Frames(frames);
            }
            let mut ended = false;
            self.connections.process_events(&mut self.socket, &mut |_| ended = true);
            let away = |state: &ConnectionState| {
                matches!(
                    state,
                    ConnectionState::NotConnected | ConnectionState::HandshakeRefused(_)
                )
            };
            if ended && self.connections.status().iter().any(|endpoint| away(&endpoint.state)) {
                return Answer::Nobody;
            }
            let is_there = |endpoint: &EndpointStatus| endpoint.state == ConnectionState::Connected;
            if self.question.is_some() && self.connections.status().iter().any(is_there) {
                // There is room: it is the first message of the first connection.
                let question = self.question.take().unwrap_or_default();
                let _ = self.socket.send(question, zmq::DONTWAIT);
            }
            if stop() {
                return Answer::Stopped;
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Answer::Nothing;
            }
            self.connections.wait(&self.socket, left.min(SLICE));
        }
    }
}
