//! The sockets of the relay's queries: a ROUTER that answers, a DEALER that asks. The messages
//! are defined in [`zlog_core::wire::query`]. They are of this engine with either engine of the
//! relay.
//!
//! Clients are untrusted. The server never waits for one, and bounds what is queued for one:
//! [`QueryServer::answer`] reports when there is no room, and the caller keeps the rest of the
//! answer. [`QueryServer::disconnect`] ends the connection of a client that does not read.

use std::time::{Duration, Instant};

use zmtp::{Delivery, Received, Router};

use super::open::{Open, open_error, set_options};
use super::publisher::host;
use crate::os::fd_limit;
use crate::socket::connection::{ConnectionEvent, ConnectionState, EventKind};
use crate::socket::endpoint::Endpoint;
use crate::socket::engine::Engine;
use crate::socket::options::SocketOptions;
use crate::socket::proxy::Waker;
use zlog_core::Result;
use zlog_core::wire::query::{
    MAX_ANSWER_FRAMES, MAX_MESSAGES, MAX_QUESTION_BYTES, MAX_QUESTION_FRAMES,
};

/// Questions of a client that wait to be read. zlog's clients ask one.
const UNREAD_QUESTIONS: usize = 2;
/// Messages of answers queued for a client.
const QUEUED_ANSWERS: usize = 256;
/// Messages of an answer that wait at the client: a whole answer, and some more.
const UNREAD_ANSWERS: usize = MAX_MESSAGES + 2000;
/// Longest wait between two checks of `stop`.
const SLICE: Duration = Duration::from_millis(50);
/// Time to send the last answers at the end.
const LINGER: Duration = Duration::from_millis(100);

/// A client of a [`QueryServer`], for its answers.
#[derive(Clone, Debug)]
pub struct ClientId {
    /// The number of its connection, which is never reused.
    connection: u64,
    host: String,
}

impl PartialEq for ClientId {
    fn eq(&self, other: &ClientId) -> bool {
        self.connection == other.connection
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
    /// The message is queued.
    Sent,
    /// There is no room: the client has not read earlier messages yet.
    Full,
    /// The client has disconnected.
    Gone,
}

/// The socket that answers.
pub struct QueryServer {
    /// `None` only while it is dropped.
    open: Option<Open<Router>>,
    bound: Vec<String>,
    connections: fd_limit::Connections,
}

impl QueryServer {
    /// Opens a server on `endpoints`. A question calls `waker`.
    ///
    /// # Errors
    /// An endpoint can't be bound; the error names it, the cause and the next step.
    pub(in crate::socket) fn open(
        endpoints: &[Endpoint],
        security: &SocketOptions,
        waker: Waker,
    ) -> Result<QueryServer> {
        let limits = |options: &mut zmtp::Options| {
            options.unread_messages = UNREAD_QUESTIONS;
            options.queue_messages = QUEUED_ANSWERS;
        };
        let open = Open::router(endpoints, security, MAX_QUESTION_BYTES, limits, move || waker())?;
        let bound = open.bound().to_vec();
        Ok(QueryServer { open: Some(open), bound, connections: fd_limit::Connections::default() })
    }

    fn router(&self) -> Option<&Router> {
        self.open.as_ref().map(|open| &*open.socket)
    }

    /// The bound endpoints, with wildcards and port 0 filled in.
    pub fn bound(&self) -> &[String] {
        &self.bound
    }

    /// Processes connection events. Never waits.
    pub fn process_events(&mut self) {
        let Some(open) = &self.open else { return };
        // Clients that come and go are not reported.
        open.events(|_, _| ());
        self.connections.set(zmtp::Socket::connections(&open.socket));
    }

    /// The next question and its client. A message with too many frames is returned without
    /// any, which is not a valid question.
    pub fn recv(&mut self) -> Option<(ClientId, Vec<Vec<u8>>)> {
        // It fails only if the thread is gone.
        let received = self.router()?.recv(Duration::ZERO).ok()??;
        let frames = frames(&received, MAX_QUESTION_FRAMES);
        let host = match &*received.address {
            "" => "a client".to_owned(),
            address => host(address),
        };
        Some((ClientId { connection: received.connection, host }, frames))
    }

    /// Sends one message of an answer. Never waits.
    pub fn answer(&mut self, client: &ClientId, frames: &[&[u8]]) -> AnswerOutcome {
        let Some(router) = self.router() else { return AnswerOutcome::Gone };
        match router.send(client.connection, frames) {
            Delivery::Sent => AnswerOutcome::Sent,
            Delivery::Full => AnswerOutcome::Full,
            Delivery::Gone => AnswerOutcome::Gone,
        }
    }

    /// Number of messages of answers that the client's system has not taken yet; `None` if the
    /// client has disconnected.
    pub fn unsent(&self, client: &ClientId) -> Option<usize> {
        self.router()?.unsent(client.connection)
    }

    /// Ends the connection of a client, and drops what is queued for it.
    pub fn disconnect(&self, client: &ClientId) {
        if let Some(router) = self.router() {
            router.end(client.connection);
        }
    }
}

impl Drop for QueryServer {
    fn drop(&mut self) {
        if let Some((Some(router), _directories)) = self.open.take().map(Open::into_socket) {
            router.close(LINGER);
        }
    }
}

/// The frames of a message; none if there are more than `most`.
fn frames(received: &Received, most: usize) -> Vec<Vec<u8>> {
    if received.frames().nth(most).is_some() {
        return Vec::new();
    }
    received.frames().map(<[u8]>::to_vec).collect()
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
    open: Open<Router>,
    /// The question, until a peer is connected.
    question: Option<Vec<u8>>,
    /// Handshakes that have failed.
    refusals: usize,
    /// An encrypted connection that was made has ended.
    was_ended: bool,
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
        let endpoints = std::slice::from_ref(endpoint);
        let options = SocketOptions { engine: Some(Engine::Native), ..options.clone() };
        let options = options.secured(endpoints)?;
        let mut own = zmtp::Options::subscriber();
        set_options(&options, &mut own);
        own.unread_messages = UNREAD_ANSWERS;
        let dealer = Router::dealer(own).map_err(|error| open_error(&error))?;
        let open = Open::new(dealer, endpoints, options.keyring.clone(), || ())?;
        Ok(QueryClient { open, question: Some(question.to_vec()), refusals: 0, was_ended: false })
    }

    /// Whether something listens at the endpoint.
    pub fn is_reached(&self) -> bool {
        self.open.status().iter().any(|endpoint| endpoint.reached)
    }

    /// Why the relay may have closed the connection, if it has: it takes questions only from keys
    /// that may read everything, and tells others nothing.
    pub fn lacks_rights(&self) -> Option<&'static str> {
        self.was_ended.then_some(
            "it has closed the connection: only a key that may read everything may ask. There, \
             `zlog keygen --list` shows what this machine's key may read",
        )
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
            let has_failed = self.process_events();
            // After the events: what came before the end of a connection is there.
            if let Some(frames) = self.recv() {
                return Reply::Frames(frames);
            }
            if has_failed {
                return Reply::NoPeer;
            }
            if stop() {
                return Reply::Stopped;
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Reply::TimedOut;
            }
            // The engine keeps the sender.
            let _ = self.open.socket.changes().recv_timeout(left.min(SLICE));
        }
    }

    fn recv(&self) -> Option<Vec<Vec<u8>>> {
        let received = self.open.socket.recv(Duration::ZERO).ok()??;
        Some(frames(&received, MAX_ANSWER_FRAMES))
    }

    /// Sends the question once there is a peer. Returns whether there is none any more.
    fn process_events(&mut self) -> bool {
        let events = self.open.events(|_, _| ());
        let has_changed = !events.is_empty();
        let refused =
            |event: &&ConnectionEvent| matches!(event.kind, EventKind::HandshakeFailed(_));
        self.refusals += events.iter().filter(refused).count();
        let failed = |state: &ConnectionState| match state {
            ConnectionState::NotConnected => true,
            // A relay of this machine that asks for encryption gets it the second time.
            ConnectionState::HandshakeRefused(_) => self.refusals > 1,
            _ => false,
        };
        // It may close the connection before its last command of the handshake has left.
        let is_ended = |event: &ConnectionEvent| match &event.kind {
            EventKind::HandshakeFailed(failure) => !failure.is_about_keys,
            kind => *kind == EventKind::Disconnected,
        };
        self.was_ended |= self.open.encrypts() && events.iter().any(is_ended);
        if has_changed && self.open.status().iter().any(|endpoint| failed(&endpoint.state)) {
            return true;
        }
        if let Some(question) = &self.question
            && let Some(peer) = self.open.socket.connections().first()
        {
            // There is room: it is the first message.
            self.open.socket.send(*peer, &[question]);
            self.question = None;
        }
        false
    }
}
