//! Socket options, the same for every socket of a command.
//!
//! What may be here: the values and how they reach a socket. Left out on
//! purpose: `ZMQ_HEARTBEAT_*` (a reader that pauses is thrown out, or aborts on
//! an assertion) and `ZMQ_CONFLATE` (keeps one frame of two).

use std::time::Duration;

use super::descriptor::{KEEPALIVE_COUNT, KEEPALIVE_IDLE, KEEPALIVE_INTERVAL};
use super::ffi;
use zlog_core::error::{Error, Result};

/// The least that [`SocketOptions::max_message`] can say, in bytes: libzmq breaks off
/// handshakes when it is below some 276.
pub const LEAST_MAX_MESSAGE: usize = 4096;

/// Subscriptions held for each peer of a publisher until they are read. The others wait
/// with the peer.
const SUBSCRIPTIONS_IN: i32 = 256;
/// Bytes of subscriptions that the system holds for each of them.
const SUBSCRIPTION_BYTES: i32 = 64 << 10;
/// Subscriptions that a relay holds for a publisher that is stuck: more than there can be
/// at once, and not without bound, since strangers cause them. libzmq forgets those beyond
/// it without a word. A SUB's own have no bound: what is subscribed to before there is a
/// connection waits there, too.
const SUBSCRIPTIONS_OUT: i32 = 40_000;

/// Messages held for each peer unless told otherwise.
///
/// Measured with 1,000,000 messages of 365 bytes over tcp: 10,000 and 100,000 are
/// no faster (1.5, 1.4 and 1.3 million a second). So the least is the best: it
/// bounds the memory that long lines take, and what a reader that dies takes along.
pub const DEFAULT_HWM: u32 = 8000;

/// How sockets are set up.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SocketOptions {
    /// Messages held for each peer before a publisher feels backpressure, and
    /// before a subscriber leaves them with the sender. 0 is without bound. What
    /// subscribers ask for, which goes the other way, has marks of its own.
    pub hwm: u32,
    /// Largest frame taken in, in bytes; a peer that sends a larger one is
    /// disconnected. At least 4 KiB, or handshakes break.
    pub max_message: u64,
    /// How long a peer may take to be reached, and then to shake hands. Half-open peers and
    /// strangers go then. Without it, one try of an address that answers nothing takes two
    /// minutes and more; the 5 s of both kinds of socket have room for three SYNs.
    pub handshake: Duration,
    /// Shortest pause before connecting again.
    pub reconnect: Duration,
    /// Longest pause before connecting again: it doubles up to here.
    pub reconnect_max: Duration,
    /// Longest that one send waits for room. A loop around it sees signals.
    pub send_slice: Duration,
}

impl SocketOptions {
    /// For a publisher. What subscribers send up is small: a frame of 4 KiB is the most.
    pub fn publisher() -> SocketOptions {
        SocketOptions { max_message: LEAST_MAX_MESSAGE as u64, ..SocketOptions::subscriber() }
    }

    /// For a subscriber: messages of up to 128 MiB.
    pub fn subscriber() -> SocketOptions {
        SocketOptions {
            hwm: DEFAULT_HWM,
            max_message: 128 << 20,
            handshake: Duration::from_secs(5),
            reconnect: Duration::from_millis(100),
            // Less than `emit` waits for a subscriber: whoever waits for it is to be there.
            reconnect_max: Duration::from_millis(400),
            send_slice: Duration::from_millis(100),
        }
    }

    /// Sets them on a socket that is not attached to anything yet.
    pub(super) fn apply(&self, socket: &mut zmq::Socket) -> Result<()> {
        self.set(socket).map_err(|error| {
            Error::new(format!("can't set up a ZeroMQ socket: {}", error.message()))
        })
    }

    fn set(&self, socket: &zmq::Socket) -> zmq::Result<()> {
        let hwm = i32::try_from(self.hwm).unwrap_or(i32::MAX);
        let (send, receive) = match socket.get_socket_type()? {
            zmq::XPUB => (hwm, SUBSCRIPTIONS_IN),
            zmq::SUB => (0, hwm),
            zmq::XSUB => (SUBSCRIPTIONS_OUT, hwm),
            _ => (hwm, hwm),
        };
        socket.set_sndhwm(send)?;
        socket.set_rcvhwm(receive)?;
        if receive == SUBSCRIPTIONS_IN {
            // What the system holds of a connection is still read when it is ended.
            socket.set_rcvbuf(SUBSCRIPTION_BYTES)?;
        }
        // A socket dropped on an error path must not hold up the exit; who has
        // something to flush sets its own linger.
        socket.set_linger(0)?;
        let max = self.max_message.max(LEAST_MAX_MESSAGE as u64);
        socket.set_maxmsgsize(i64::try_from(max).unwrap_or(i64::MAX))?;
        socket.set_connect_timeout(millis(self.handshake))?;
        socket.set_handshake_ivl(millis(self.handshake))?;
        socket.set_reconnect_ivl(millis(self.reconnect))?;
        socket.set_reconnect_ivl_max(millis(self.reconnect_max))?;
        socket.set_sndtimeo(millis(self.send_slice))?;
        socket.set_tcp_keepalive(1)?;
        socket.set_tcp_keepalive_idle(seconds(KEEPALIVE_IDLE))?;
        socket.set_tcp_keepalive_intvl(seconds(KEEPALIVE_INTERVAL))?;
        socket.set_tcp_keepalive_cnt(i32::try_from(KEEPALIVE_COUNT).unwrap_or(i32::MAX))
    }
}

/// Makes an XPUB block instead of dropping, and report every subscription and
/// every end of one, not only the first and last of a topic.
pub(super) fn make_publisher(socket: &mut zmq::Socket) -> Result<()> {
    for option in [zmq_sys::ZMQ_XPUB_NODROP, zmq_sys::ZMQ_XPUB_VERBOSER] {
        ffi::set_int(socket, option, 1)
            .map_err(|errno| Error::new(format!("can't set up a ZeroMQ publisher: {errno}")))?;
    }
    Ok(())
}

/// Makes an XPUB refuse a message while a subscriber that wants it has no room, or
/// drop it for that subscriber. May be changed between messages.
pub(super) fn set_nodrop(socket: &mut zmq::Socket, nodrop: bool) -> Result<()> {
    ffi::set_int(socket, zmq_sys::ZMQ_XPUB_NODROP, nodrop.into())
        .map_err(|errno| Error::new(format!("can't set up a ZeroMQ publisher: {errno}")))
}

fn seconds(duration: Duration) -> i32 {
    i32::try_from(duration.as_secs()).unwrap_or(i32::MAX)
}

/// Milliseconds as libzmq wants them.
pub(super) fn millis(duration: Duration) -> i32 {
    i32::try_from(duration.as_millis()).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_reach_the_socket_and_a_tiny_limit_is_raised() {
        let context = zmq::Context::new();
        let mut socket = context.socket(zmq::SUB).expect("socket");
        let options = SocketOptions { max_message: 1, hwm: 7, ..SocketOptions::subscriber() };
        options.apply(&mut socket).expect("options");
        assert_eq!(socket.get_maxmsgsize(), Ok(LEAST_MAX_MESSAGE as i64));
        assert_eq!(socket.get_rcvhwm(), Ok(7));
        assert_eq!(socket.get_linger(), Ok(0));
        assert_eq!(socket.get_heartbeat_ivl(), Ok(0), "no heartbeats");
    }

    #[test]
    fn what_subscribers_ask_for_has_marks_of_its_own() {
        let context = zmq::Context::new();
        let options = SocketOptions { hwm: 7, ..SocketOptions::publisher() };
        let marks = |kind| {
            let mut socket = context.socket(kind).expect("socket");
            options.apply(&mut socket).expect("options");
            (socket.get_sndhwm().expect("mark"), socket.get_rcvhwm().expect("mark"))
        };
        assert_eq!(marks(zmq::XPUB), (7, SUBSCRIPTIONS_IN));
        assert_eq!(marks(zmq::SUB), (0, 7));
        assert_eq!(marks(zmq::XSUB), (SUBSCRIPTIONS_OUT, 7));
        assert_eq!(marks(zmq::DEALER), (7, 7));
    }

    #[test]
    fn nodrop_and_verboser_are_known_to_this_libzmq() {
        let context = zmq::Context::new();
        let mut socket = context.socket(zmq::XPUB).expect("socket");
        make_publisher(&mut socket).expect("options 69 and 78");
    }
}
