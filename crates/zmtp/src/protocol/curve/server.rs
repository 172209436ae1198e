//! The server's side of a CURVE handshake.

use super::{COOKIE, HELLO, INITIATE, READY, VOUCH, VOUCHED, WELCOME, random, take};
use crate::disconnect::Disconnect;
use crate::protocol::command::{self, Command};
use crate::protocol::keys::{
    KEY, KeyPair, LONG_NONCE, SHORT_NONCE, SharedKey, WRONG_LENGTH, nonce,
};
use crate::protocol::mechanism::Mechanism;
use crate::protocol::metadata;
use crate::protocol::session::Session;
use crate::protocol::socket_type::SocketType;

/// Zeros in HELLO, which make it longer than WELCOME: a server never answers with more than it
/// was sent.
const PADDING: usize = 72;

enum State {
    Start,
    /// WELCOME was sent.
    Welcomed {
        client: [u8; KEY],
        hello: u64,
        transient: KeyPair,
        cookie: [u8; COOKIE],
    },
    /// The client has proved its key.
    Known {
        client: [u8; KEY],
        key: SharedKey,
        initiate: u64,
    },
    End,
}

/// The server's side of a CURVE handshake.
pub(crate) struct Server {
    keys: KeyPair,
    max_message: usize,
    state: State,
}

impl Server {
    pub(crate) fn new(keys: KeyPair, max_message: usize) -> Server {
        Server { keys, max_message, state: State::Start }
    }

    /// Reads HELLO and answers with WELCOME.
    fn hello(&mut self, mut data: &[u8], out: &mut Vec<u8>) -> Result<(), Disconnect> {
        let [major, _minor] = take(&mut data)?;
        if major != 1 {
            return Err(Disconnect::Malformed("an unknown version of CURVE"));
        }
        take::<PADDING>(&mut data)?;
        let client: [u8; KEY] = take(&mut data)?;
        let counter: [u8; SHORT_NONCE] = take(&mut data)?;
        let key = SharedKey::new(&client, &self.keys)?;
        let zeros = key.open(&nonce(HELLO, &counter), data, "HELLO")?;
        if zeros.len() != 2 * KEY {
            return Err(WRONG_LENGTH);
        }
        let (transient, cookie) = (KeyPair::generate(), random::<COOKIE>());
        let number = random::<LONG_NONCE>();
        let plain = [&transient.public()[..], &cookie].concat();
        let mut answer = number.to_vec();
        key.seal(&nonce(WELCOME, &number), &plain, &mut answer);
        command::put(out, "WELCOME", &[&answer]);
        let hello = u64::from_be_bytes(counter);
        self.state = State::Welcomed { client, hello, transient, cookie };
        Ok(())
    }

    /// Reads INITIATE. Returns the client's metadata.
    fn initiate(&mut self, mut data: &[u8]) -> Result<Vec<u8>, Disconnect> {
        let State::Welcomed { client: transient_client, hello, transient, cookie } = &self.state
        else {
            return Err(Disconnect::Malformed("a CURVE command out of order"));
        };
        if take::<COOKIE>(&mut data)? != *cookie {
            return Err(Disconnect::Undecipherable("INITIATE"));
        }
        let counter: [u8; SHORT_NONCE] = take(&mut data)?;
        let initiate = u64::from_be_bytes(counter);
        if initiate <= *hello {
            return Err(Disconnect::Replayed);
        }
        let key = SharedKey::new(transient_client, transient)?;
        let plain = key.open(&nonce(INITIATE, &counter), data, "INITIATE")?;
        let mut rest = &plain[..];
        let client: [u8; KEY] = take(&mut rest)?;
        let number: [u8; LONG_NONCE] = take(&mut rest)?;
        let vouch: [u8; VOUCH] = take(&mut rest)?;
        let long_term = SharedKey::new(&client, transient)?;
        let vouched = long_term.open(&nonce(VOUCHED, &number), &vouch, "INITIATE")?;
        if vouched != [*transient_client, *self.keys.public()].concat() {
            return Err(Disconnect::Undecipherable("INITIATE"));
        }
        let metadata = rest.to_vec();
        self.state = State::Known { client, key, initiate };
        Ok(metadata)
    }
}

impl Mechanism for Server {
    fn name(&self) -> &'static str {
        "CURVE"
    }

    fn start(&mut self, _: &mut Vec<u8>) -> Result<(), Disconnect> {
        Ok(())
    }

    fn read(
        &mut self,
        command: Command<'_>,
        out: &mut Vec<u8>,
    ) -> Result<Option<Vec<u8>>, Disconnect> {
        match (command, &self.state) {
            (Command::Other(b"HELLO", data), State::Start) => {
                self.hello(data, out)?;
                Ok(None)
            }
            (Command::Other(b"INITIATE", data), _) => self.initiate(data).map(Some),
            _ => Err(Disconnect::Malformed("a CURVE command out of order")),
        }
    }

    fn finish(&mut self, own_type: SocketType, out: &mut Vec<u8>) -> Option<Session> {
        let State::Known { key, initiate, .. } = std::mem::replace(&mut self.state, State::End)
        else {
            return None;
        };
        let counter = 1_u64.to_be_bytes();
        let mut answer = counter.to_vec();
        key.seal(&nonce(READY, &counter), &metadata::of_type(own_type), &mut answer);
        command::put(out, "READY", &[&answer]);
        Some(Session::server(key, (1, initiate), self.max_message))
    }

    fn key(&self) -> Option<&[u8; KEY]> {
        match &self.state {
            State::Known { client, .. } => Some(client),
            _ => None,
        }
    }
}
