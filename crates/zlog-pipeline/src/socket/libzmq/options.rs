//! Sets the options of libzmq's sockets.
//!
//! Must not set `ZMQ_HEARTBEAT_*` (a subscriber that pauses is disconnected, or aborts on an
//! assertion) or `ZMQ_CONFLATE` (keeps one frame of two).

use std::time::Duration;

use super::descriptor::{KEEPALIVE_COUNT, KEEPALIVE_IDLE, KEEPALIVE_INTERVAL};
use super::ffi;
use crate::socket::{MIN_MAX_MESSAGE, SocketOptions};
use zlog_core::{Error, Result};

/// Subscriptions queued per peer of a publisher until they are read. Further ones stay with
/// the peer.
const SUBSCRIPTIONS_IN: i32 = 256;
/// Receive buffer of the system for each of these peers, in bytes.
const SUBSCRIPTION_BYTES: i32 = 64 << 10;
/// Subscriptions that a relay queues for a stuck publisher: more than there can be at once,
/// but bounded because strangers cause them. libzmq silently drops the rest. A SUB has no
/// limit, because subscriptions made before there is a connection wait there, too.
const SUBSCRIPTIONS_OUT: i32 = 40_000;

impl SocketOptions {
    /// Applies the options to a socket that is not bound or connected yet.
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
            // libzmq still reads what the system holds when it ends a connection.
            socket.set_rcvbuf(SUBSCRIPTION_BYTES)?;
        }
        // Sockets dropped on an error path must not delay the exit; callers that flush set
        // their own linger.
        socket.set_linger(0)?;
        let max = self.max_message.max(MIN_MAX_MESSAGE as u64);
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

/// Makes an XPUB block instead of dropping, and report every subscription and cancel, not
/// only the first and last of a topic.
pub(super) fn make_publisher(socket: &mut zmq::Socket) -> Result<()> {
    set_xpub(socket, zmq_sys::ZMQ_XPUB_VERBOSER, true)?;
    set_nodrop(socket, true)
}

/// Makes an XPUB refuse a message while one of its subscribers has no room (`true`), or drop
/// it for that subscriber. May be changed between messages.
pub(super) fn set_nodrop(socket: &mut zmq::Socket, nodrop: bool) -> Result<()> {
    set_xpub(socket, zmq_sys::ZMQ_XPUB_NODROP, nodrop)
}

fn set_xpub(socket: &mut zmq::Socket, option: u32, value: bool) -> Result<()> {
    ffi::set_int(socket, option, value.into())
        .map_err(|errno| Error::new(format!("can't set up a ZeroMQ publisher: {errno}")))
}

/// The error of a socket that can't be created.
pub(super) fn open_error(error: zmq::Error) -> Error {
    Error::new(format!("can't open a ZeroMQ socket: {error}"))
}

fn seconds(duration: Duration) -> i32 {
    i32::try_from(duration.as_secs()).unwrap_or(i32::MAX)
}

/// Converts to the milliseconds of libzmq's options.
pub(super) fn millis(duration: Duration) -> i32 {
    i32::try_from(duration.as_millis()).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_applied_and_a_tiny_limit_is_raised() {
        let context = zmq::Context::new();
        let mut socket = context.socket(zmq::SUB).expect("socket");
        let options = SocketOptions { max_message: 1, hwm: 7, ..SocketOptions::subscriber() };
        options.apply(&mut socket).expect("options");
        assert_eq!(socket.get_maxmsgsize(), Ok(MIN_MAX_MESSAGE as i64));
        assert_eq!(socket.get_rcvhwm(), Ok(7));
        assert_eq!(socket.get_linger(), Ok(0));
        assert_eq!(socket.get_heartbeat_ivl(), Ok(0), "no heartbeats");
    }

    #[test]
    fn subscriptions_have_high_water_marks_of_their_own() {
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
    fn this_libzmq_knows_nodrop_and_verboser() {
        let context = zmq::Context::new();
        let mut socket = context.socket(zmq::XPUB).expect("socket");
        make_publisher(&mut socket).expect("options 69 and 78");
    }
}
