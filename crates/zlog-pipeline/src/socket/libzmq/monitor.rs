//! Reads libzmq's socket monitor: its events, and its error codes as text.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::descriptor::Descriptor;
use super::ffi::Errno;
use crate::socket::connection::{HandshakeFailure, wrong_type};
use crate::socket::endpoint::to_text;
use zlog_core::{Error, Result};

/// A new inproc address for a monitor: sockets may share a context.
fn address() -> String {
    static MONITORS: AtomicU64 = AtomicU64::new(0);
    format!("inproc://zlog-monitor-{}", MONITORS.fetch_add(1, Ordering::Relaxed))
}

/// The events that are subscribed to. Without ACCEPT_FAILED, which libzmq repeats in a tight
/// loop when descriptors run out, so that its queue would fill the memory; and without
/// CLOSED, which adds nothing.
const EVENTS: u32 = zmq_sys::ZMQ_EVENT_CONNECTED
    | zmq_sys::ZMQ_EVENT_CONNECT_DELAYED
    | zmq_sys::ZMQ_EVENT_CONNECT_RETRIED
    | zmq_sys::ZMQ_EVENT_ACCEPTED
    | zmq_sys::ZMQ_EVENT_DISCONNECTED
    | zmq_sys::ZMQ_EVENT_HANDSHAKE_SUCCEEDED
    | zmq_sys::ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL
    | zmq_sys::ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL
    | zmq_sys::ZMQ_EVENT_HANDSHAKE_FAILED_AUTH;

/// One event of a connection.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct MonitorEvent {
    /// The endpoint as libzmq spells it: it may have replaced a name by an address.
    pub(super) address: String,
    pub(super) kind: Kind,
    /// The connection's descriptor, where the event carries it.
    pub(super) descriptor: Option<Descriptor>,
}

/// The kind of event.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// A connection attempt has started.
    Trying,
    /// The transport is connected; the handshake comes next.
    Reached,
    /// libzmq retries after this delay.
    Retrying(Duration),
    /// A peer has connected; the handshake comes next.
    Accepted,
    /// The handshake succeeded: messages can flow.
    Ready,
    /// The handshake failed, for this reason.
    Refused(HandshakeFailure),
    /// The connection has ended.
    Disconnected,
    /// A subscriber sent a frame that is not a subscription, and libzmq ends its connection.
    /// The address is the subscriber's.
    Misused,
}

/// Error codes of a handshake with such a peer, added to libzmq by `zmq-sys/edits/`: the first
/// one and the number of the type.
const WRONG_TYPES: std::ops::RangeInclusive<u32> = 0x7a00_0100..=0x7a00_01ff;
/// The types by number: those of zmq.h.
const TYPES: [&str; 21] = [
    "PAIR", "PUB", "SUB", "REQ", "REP", "DEALER", "ROUTER", "PULL", "PUSH", "XPUB", "XSUB",
    "STREAM", "SERVER", "CLIENT", "RADIO", "DISH", "GATHER", "SCATTER", "DGRAM", "PEER", "CHANNEL",
];

/// Error code of [`Kind::Misused`] within the failed handshakes, added to libzmq by
/// `zmq-sys/edits/`.
const MISUSED: u32 = 0x7a00_0001;

/// Error code of a handshake with a program that does not speak ZeroMQ, added to libzmq by
/// `zmq-sys/edits/`.
const NO_ZMTP: u32 = 0x7a00_0002;

/// The receiving end of a socket's monitor.
pub(super) struct Monitor {
    pair: zmq::Socket,
}

impl Monitor {
    /// Monitors `socket`, which must not be bound or connected yet.
    pub(super) fn attach(context: &zmq::Context, socket: &zmq::Socket) -> Result<Monitor> {
        Monitor::open(context, socket)
            .map_err(|error| Error::new(format!("can't watch a ZeroMQ socket: {error}")))
    }

    fn open(context: &zmq::Context, socket: &zmq::Socket) -> zmq::Result<Monitor> {
        let address = address();
        socket.monitor(&address, i32::try_from(EVENTS).unwrap_or(i32::MAX))?;
        let pair = context.socket(zmq::PAIR)?;
        // Without a limit: libzmq's only I/O thread blocks on a full monitor, and no
        // message would flow until it is read.
        pair.set_rcvhwm(0)?;
        pair.set_linger(0)?;
        pair.connect(&address)?;
        Ok(Monitor { pair })
    }

    /// The next event, if there is one. Never waits.
    pub(super) fn next(&self) -> Option<MonitorEvent> {
        loop {
            let event = self.pair.recv_msg(zmq::DONTWAIT).ok()?;
            let address = self.pair.recv_msg(zmq::DONTWAIT).ok()?;
            // Unknown events are skipped.
            if let Some(kind) = parse(&event) {
                return Some(MonitorEvent {
                    address: to_text(&address),
                    descriptor: descriptor(&kind, &event),
                    kind,
                });
            }
        }
    }

    /// The receiving socket.
    pub(super) fn socket(&self) -> &zmq::Socket {
        &self.pair
    }

    /// For `zmq::poll`.
    pub(super) fn poll_item(&self) -> zmq::PollItem<'_> {
        self.pair.as_poll_item(zmq::POLLIN)
    }
}

/// Events that begin or end a connection carry its descriptor as value.
fn descriptor(kind: &Kind, frame: &[u8]) -> Option<Descriptor> {
    match (kind, frame) {
        (Kind::Accepted | Kind::Reached | Kind::Disconnected, &[_, _, v0, v1, v2, v3]) => {
            Some(i32::from_ne_bytes([v0, v1, v2, v3]))
        }
        _ => None,
    }
}

/// Parses an event frame: a 16-bit event and a 32-bit value, in native byte order.
fn parse(frame: &[u8]) -> Option<Kind> {
    let &[e0, e1, v0, v1, v2, v3] = frame else { return None };
    let event = u32::from(u16::from_ne_bytes([e0, e1]));
    let value = u32::from_ne_bytes([v0, v1, v2, v3]);
    Some(match event {
        zmq_sys::ZMQ_EVENT_CONNECTED => Kind::Reached,
        zmq_sys::ZMQ_EVENT_CONNECT_DELAYED => Kind::Trying,
        zmq_sys::ZMQ_EVENT_CONNECT_RETRIED => Kind::Retrying(Duration::from_millis(value.into())),
        zmq_sys::ZMQ_EVENT_ACCEPTED => Kind::Accepted,
        zmq_sys::ZMQ_EVENT_DISCONNECTED => Kind::Disconnected,
        zmq_sys::ZMQ_EVENT_HANDSHAKE_SUCCEEDED => Kind::Ready,
        zmq_sys::ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL => Kind::Refused(no_detail(value)),
        zmq_sys::ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL if value == MISUSED => Kind::Misused,
        zmq_sys::ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL => Kind::Refused(protocol_error(value)),
        zmq_sys::ZMQ_EVENT_HANDSHAKE_FAILED_AUTH => Kind::Refused(auth_text(value).into()),
        _ => return None,
    })
}

/// A handshake that just ended: the value is the system's last error, often 0, or `EAGAIN`
/// after a time-out.
fn no_detail(errno: u32) -> HandshakeFailure {
    let errno = Errno::from(i32::try_from(errno).unwrap_or(0));
    match errno {
        zero if zero == Errno::from(0) => {}
        again if again.is(zmq::Error::EAGAIN) => {}
        other => {
            let reason =
                format!("the peer broke it off ({other}) or does not speak ZeroMQ (ZMTP 3)");
            return HandshakeFailure { may_be_wrong_type: true, ..reason.into() };
        }
    }
    "the peer broke it off or does not speak ZeroMQ (ZMTP 3)".into()
}

/// Texts for the `ZMQ_PROTOCOL_ERROR_*` codes of zmq.h.
fn protocol_error(code: u32) -> HandshakeFailure {
    if WRONG_TYPES.contains(&code) {
        let number = (code - WRONG_TYPES.start()) as usize;
        let reason = match TYPES.get(number) {
            Some(name) => wrong_type(name),
            None => "the peer's socket type does not fit".to_owned(),
        };
        return HandshakeFailure { may_be_wrong_type: true, ..reason.into() };
    }
    let words = match code {
        NO_ZMTP => "the peer does not speak ZeroMQ",
        0x1000_0001 => "the peer sent an unexpected command",
        0x1000_0002 => "the peer's commands came out of sequence",
        0x1000_0003 => "the keys could not be exchanged",
        0x1000_0012 => "the peer sent a malformed MESSAGE",
        0x1000_0013 => "the peer sent a malformed HELLO",
        0x1000_0014 => "the peer sent a malformed INITIATE",
        0x1000_0015 => "the peer sent a malformed ERROR",
        0x1000_0016 => "the peer sent a malformed READY",
        0x1000_0017 => "the peer sent a malformed WELCOME",
        0x1000_0018 => "the peer's metadata is malformed",
        0x1100_0001 => "the keys do not fit",
        0x1100_0002 => "one side asks for encryption or a password and the other does not",
        0x2000_0000..=0x2fff_ffff => "the authenticator gave no valid answer",
        0x3000_0000..=0x3fff_ffff => "the peer does not speak ZeroMQ over WebSocket",
        _ => "the peer does not keep to the protocol",
    };
    words.into()
}

/// Texts for the status codes of ZAP (<https://rfc.zeromq.org/spec/27>).
fn auth_text(status: u32) -> String {
    match status {
        300 => "the authenticator can't answer now".to_owned(),
        400 => "access denied: unknown key or password".to_owned(),
        500 => "the authenticator failed".to_owned(),
        _ => format!("access denied (status {status})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(event: u32, value: u32) -> Vec<u8> {
        let event = u16::try_from(event).expect("16 bits");
        [event.to_ne_bytes().as_slice(), &value.to_ne_bytes()].concat()
    }

    #[test]
    fn event_frames_are_parsed_and_unknown_ones_skipped() {
        assert_eq!(parse(&frame(zmq_sys::ZMQ_EVENT_CONNECTED, 9)), Some(Kind::Reached));
        let retried = frame(zmq_sys::ZMQ_EVENT_CONNECT_RETRIED, 250);
        assert_eq!(parse(&retried), Some(Kind::Retrying(Duration::from_millis(250))));
        assert_eq!(parse(&frame(zmq_sys::ZMQ_EVENT_LISTENING, 0)), None);
        assert_eq!(parse(b""), None);
        assert_eq!(parse(b"1234567"), None);
    }

    #[test]
    fn failed_handshakes_are_explained() {
        let words = |event, value| match parse(&frame(event, value)) {
            Some(Kind::Refused(failure)) => failure.reason,
            other => panic!("{other:?}"),
        };
        let protocol = zmq_sys::ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL;
        assert!(words(protocol, 0x1100_0002).contains("encryption"));
        assert!(words(protocol, 0x1000_0018).contains("malformed"));
        assert_eq!(words(protocol, 0x7a00_0108), "the peer is a PUSH socket");
        assert_eq!(words(protocol, 0x7a00_010a), "the peer is a subscriber (an XSUB socket)");
        assert_eq!(words(protocol, 0x7a00_01ff), "the peer's socket type does not fit");
        assert!(words(zmq_sys::ZMQ_EVENT_HANDSHAKE_FAILED_AUTH, 400).contains("denied"));
        assert!(words(zmq_sys::ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL, 0).contains("ZMTP"));
    }
}
