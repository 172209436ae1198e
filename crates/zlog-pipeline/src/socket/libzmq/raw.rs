//! Plain libzmq sockets for `zlog bench pipeline`, which compares zlog with them: two-frame
//! messages, the socket options of zlog, and nothing else.
//!
//! Must not gain records, numbering, a monitor or a thread: the comparison would no longer
//! show what those cost.

use std::time::{Duration, Instant};

use super::attach::attach;
use super::options::{self, millis};
use crate::socket::endpoint::Endpoint;
use crate::socket::options::SocketOptions;
use zlog_core::{Error, Result};

/// Longest wait between two checks of `stop`.
const SLICE: Duration = Duration::from_millis(50);

/// A sender: an XPUB that blocks instead of dropping.
pub struct RawSender {
    // Declared before its context, which can't terminate while the socket is open.
    socket: zmq::Socket,
    _context: zmq::Context,
}

impl RawSender {
    /// Opens a sender on all `endpoints`.
    ///
    /// # Errors
    /// An endpoint can't be bound or connected.
    pub fn open(endpoints: &[Endpoint]) -> Result<RawSender> {
        let (context, mut socket) = open(zmq::XPUB, &SocketOptions::publisher())?;
        options::make_publisher(&mut socket)?;
        for endpoint in endpoints {
            attach(&mut socket, endpoint)?;
        }
        Ok(RawSender { socket, _context: context })
    }

    /// Waits until `n` peers have subscribed to exactly `prefix`, until `stop` returns true,
    /// or for `timeout`. Returns how many have subscribed.
    ///
    /// # Errors
    /// An error of libzmq.
    pub fn wait_for(
        &mut self,
        n: usize,
        prefix: &[u8],
        timeout: Duration,
        stop: &dyn Fn() -> bool,
    ) -> Result<usize> {
        let until = Instant::now() + timeout;
        self.socket.set_rcvtimeo(millis(SLICE)).map_err(failed)?;
        let mut message = zmq::Message::new();
        let mut there = 0;
        while there < n && Instant::now() < until && !stop() {
            if received(self.socket.recv(&mut message, 0))? {
                let subscribed = message.split_first() == Some((&1, prefix));
                there += usize::from(subscribed);
            }
        }
        Ok(there)
    }

    /// Sends a message of two frames. Returns `false` if `stop` returned true while a
    /// subscriber had no room.
    ///
    /// # Errors
    /// An error of libzmq.
    pub fn send(&mut self, topic: &[u8], body: &[u8], stop: &dyn Fn() -> bool) -> Result<bool> {
        // libzmq checks for room at the first frame: the second never waits.
        while !received(self.socket.send(topic, zmq::SNDMORE))? {
            if stop() {
                return Ok(false);
            }
        }
        self.socket.send(body, 0).map_err(failed)?;
        Ok(true)
    }

    /// Closes the socket once everything is sent, or after `linger`.
    ///
    /// # Errors
    /// An error of libzmq.
    pub fn close(self, linger: Duration) -> Result<()> {
        self.socket.set_linger(millis(linger)).map_err(failed)
        // Dropping the context waits.
    }
}

/// A receiver: a SUB.
pub struct RawReceiver {
    socket: zmq::Socket,
    _context: zmq::Context,
    bound: String,
    frame: zmq::Message,
}

impl RawReceiver {
    /// Opens a receiver of `prefixes` on `endpoint`.
    ///
    /// # Errors
    /// The endpoint can't be bound or connected.
    pub fn open(endpoint: &Endpoint, prefixes: &[String]) -> Result<RawReceiver> {
        let (context, mut socket) = open(zmq::SUB, &SocketOptions::subscriber())?;
        for prefix in prefixes {
            socket.set_subscribe(prefix.as_bytes()).map_err(failed)?;
        }
        socket.set_rcvtimeo(millis(SLICE)).map_err(failed)?;
        let bound = attach(&mut socket, endpoint)?.endpoint;
        Ok(RawReceiver { socket, _context: context, bound, frame: zmq::Message::new() })
    }

    /// The endpoint, with wildcards filled in.
    pub fn endpoint(&self) -> &str {
        &self.bound
    }

    /// Receives one message with all its frames, and drops it. Returns `false` if none
    /// arrived within 50 ms.
    ///
    /// # Errors
    /// An error of libzmq.
    pub fn recv(&mut self) -> Result<bool> {
        if !received(self.socket.recv(&mut self.frame, 0))? {
            return Ok(false);
        }
        while self.frame.get_more() {
            self.socket.recv(&mut self.frame, 0).map_err(failed)?;
        }
        Ok(true)
    }
}

fn open(kind: zmq::SocketType, options: &SocketOptions) -> Result<(zmq::Context, zmq::Socket)> {
    let context = zmq::Context::new();
    let mut socket = context.socket(kind).map_err(failed)?;
    options.apply(&mut socket)?;
    Ok((context, socket))
}

/// Whether the call succeeded: `false` after a time-out or a signal.
fn received(result: zmq::Result<()>) -> Result<bool> {
    match result {
        Ok(()) => Ok(true),
        Err(zmq::Error::EAGAIN | zmq::Error::EINTR) => Ok(false),
        Err(error) => Err(failed(error)),
    }
}

fn failed(error: zmq::Error) -> Error {
    Error::new(format!("bare libzmq: {}", error.message()))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::socket::endpoint::Role;

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn every_message_arrives_and_other_topics_do_not() {
        let any = Endpoint::parse("tcp://127.0.0.1:*", Role::Bind).expect("endpoint");
        let prefixes = ["absent.".to_owned(), "bench.".to_owned()];
        let mut receiver = RawReceiver::open(&any, &prefixes).expect("receiver");
        let there = Endpoint::parse(receiver.endpoint(), Role::Connect).expect("endpoint");
        let sending = std::thread::spawn(move || {
            let mut sender = RawSender::open(&[there]).expect("sender");
            let never = || false;
            assert_eq!(sender.wait_for(1, b"bench.", LONG, &never).expect("wait"), 1);
            for number in 0..20_000 {
                let topic: &[u8] = if number % 2 == 0 { b"bench.INFO" } else { b"other.INFO" };
                assert!(sender.send(topic, b"body", &never).expect("send"));
            }
            sender.close(LONG).expect("close");
        });
        let until = Instant::now() + LONG;
        let mut count = 0;
        while count < 10_000 && Instant::now() < until {
            count += u32::from(receiver.recv().expect("receive"));
        }
        sending.join().expect("sender");
        assert_eq!(count, 10_000);
        assert!(!receiver.recv().expect("receive"), "nothing else came");
    }

    #[test]
    fn a_wait_for_missing_subscribers_returns_how_many_there_are() {
        let nobody = Endpoint::parse("tcp://127.0.0.1:*", Role::Bind).expect("endpoint");
        let mut sender = RawSender::open(&[nobody]).expect("sender");
        let wait = Duration::from_millis(20);
        assert_eq!(sender.wait_for(1, b"bench.", wait, &|| false).expect("wait"), 0);
        assert_eq!(sender.wait_for(1, b"bench.", LONG, &|| true).expect("wait"), 0);
    }
}
