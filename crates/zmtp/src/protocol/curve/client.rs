//! The client's side of a CURVE handshake.

use super::{COOKIE, HELLO, INITIATE, READY, VOUCHED, WELCOME, random, take};
use crate::disconnect::Disconnect;
use crate::protocol::command::{self, Command};
use crate::protocol::keys::{
    KEY, KeyPair, LONG_NONCE, SHORT_NONCE, SharedKey, WRONG_LENGTH, nonce,
};
use crate::protocol::mechanism::Mechanism;
use crate::protocol::metadata;
use crate::protocol::session::Session;
use crate::protocol::socket_type::SocketType;

/// Counters of HELLO and INITIATE.
const HELLO_COUNT: u64 = 1;
const INITIATE_COUNT: u64 = 2;

enum State {
    Start,
    /// HELLO was sent. With the key of WELCOME.
    Greeted(SharedKey),
    /// INITIATE was sent. With the key of all that follows.
    Initiated(SharedKey),
    /// The server has sent READY, with this counter.
    Known(SharedKey, u64),
    End,
}

/// The client's side of a CURVE handshake.
pub(crate) struct Client {
    socket_type: SocketType,
    keys: KeyPair,
    server: [u8; KEY],
    transient: KeyPair,
    max_message: usize,
    state: State,
}

impl Client {
    pub(crate) fn new(
        socket_type: SocketType,
        keys: KeyPair,
        server: [u8; KEY],
        max_message: usize,
    ) -> Client {
        let (transient, state) = (KeyPair::generate(), State::Start);
        Client { socket_type, keys, server, transient, max_message, state }
    }

    /// Reads WELCOME and answers with INITIATE.
    fn welcome(
        &self,
        key: &SharedKey,
        mut data: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<State, Disconnect> {
        let number: [u8; LONG_NONCE] = take(&mut data)?;
        let plain = key.open(&nonce(WELCOME, &number), data, "WELCOME")?;
        let mut rest = &plain[..];
        let server: [u8; KEY] = take(&mut rest)?;
        let cookie: [u8; COOKIE] = take(&mut rest)?;
        if !rest.is_empty() {
            return Err(WRONG_LENGTH);
        }
        let number = random::<LONG_NONCE>();
        let mut plain = [&self.keys.public()[..], &number].concat();
        let vouch = [*self.transient.public(), self.server].concat();
        let long_term = SharedKey::new(&server, &self.keys)?;
        long_term.seal(&nonce(VOUCHED, &number), &vouch, &mut plain);
        plain.extend(metadata::of_type(self.socket_type));
        let key = SharedKey::new(&server, &self.transient)?;
        let counter = INITIATE_COUNT.to_be_bytes();
        let mut answer = [&cookie[..], &counter].concat();
        key.seal(&nonce(INITIATE, &counter), &plain, &mut answer);
        command::put(out, "INITIATE", &[&answer]);
        Ok(State::Initiated(key))
    }
}

impl Mechanism for Client {
    fn name(&self) -> &'static str {
        "CURVE"
    }

    fn start(&mut self, out: &mut Vec<u8>) -> Result<(), Disconnect> {
        let key = SharedKey::new(&self.server, &self.transient)?;
        let counter = HELLO_COUNT.to_be_bytes();
        let mut hello = vec![1, 0];
        hello.extend([0; 72]);
        hello.extend(self.transient.public());
        hello.extend(counter);
        key.seal(&nonce(HELLO, &counter), &[0; 2 * KEY], &mut hello);
        command::put(out, "HELLO", &[&hello]);
        self.state = State::Greeted(key);
        Ok(())
    }

    fn read(
        &mut self,
        command: Command<'_>,
        out: &mut Vec<u8>,
    ) -> Result<Option<Vec<u8>>, Disconnect> {
        match (command, std::mem::replace(&mut self.state, State::End)) {
            (Command::Other(b"WELCOME", data), State::Greeted(key)) => {
                self.state = self.welcome(&key, data, out)?;
                Ok(None)
            }
            (Command::Ready(mut data), State::Initiated(key)) => {
                let counter: [u8; SHORT_NONCE] = take(&mut data)?;
                let metadata = key.open(&nonce(READY, &counter), data, "READY")?;
                self.state = State::Known(key, u64::from_be_bytes(counter));
                Ok(Some(metadata))
            }
            _ => Err(Disconnect::Malformed("a CURVE command out of order")),
        }
    }

    fn finish(&mut self, _: SocketType, _: &mut Vec<u8>) -> Option<Session> {
        let State::Known(key, ready) = std::mem::replace(&mut self.state, State::End) else {
            return None;
        };
        Some(Session::client(key, (INITIATE_COUNT, ready), self.max_message))
    }

    fn key(&self) -> Option<&[u8; KEY]> {
        Some(&self.server)
    }

    /// A server answers nothing if it can't decrypt HELLO.
    fn explain_close(&self) -> Option<Disconnect> {
        matches!(self.state, State::Greeted(_)).then_some(Disconnect::ServerKey)
    }
}
