//! ZMTP 3.0 and 3.1, the protocol of ZeroMQ, over tcp and ipc: sockets that publish,
//! subscribe, and exchange messages with single peers. Knows nothing of records.
//!
//! [`Publisher`] is an XPUB to its peers, and [`Subscriber`] an XSUB, and a PULL if it is asked to.
//! [`Router`] is a ROUTER or a DEALER. All of them bind and connect: [`Socket`].
//! Security is NULL or CURVE: [`Security`]. An [`Authenticator`] is asked with mechanism, key and
//! address, before anything else of the peer is read.
//!
//! # Layers
//!
//! - `protocol`: state machines without I/O. Bytes in, events and bytes out: greeting,
//!   handshake, CURVE, frames, commands, heartbeats.
//! - `net`: connections. One event loop for each socket (`driver`) accepts, connects, shakes
//!   hands and reconnects. What differs between sockets is a `Role`.
//! - `publisher`, `subscriber`, `router`: the roles, and the ends for the caller.
//!
//! # A message's way
//!
//! [`Publisher::send`] encodes a message once, into a block of 256 KiB. The thread looks up who
//! subscribes to its topic, and queues a slice of the block for each. One more subscriber costs
//! a slice and its bytes on the wire. [`WhenFull`] says what happens when a queue is full. What is
//! dropped is counted for each subscriber and topic: [`Publisher::take_dropped`].
//!
//! [`Publisher::forward`] sends a received [`Batch`] on without copying it: the subscribers share
//! the block that it was read into.
//!
//! The subscriber's thread reads into blocks and hands them over whole. [`Message::frames`] are
//! slices of them: nothing is copied or allocated for a message. When the caller has 2 MiB of blocks
//! that it has not dropped, the thread stops reading.
//!
//! # Memory
//!
//! A subscriber holds 2 MiB of messages, or one that is larger, and what has arrived of incomplete
//! ones ([`Options::incomplete_bytes`]). A publisher holds messages once, in blocks of 256 KiB that
//! its subscribers share, and for each subscriber up to 64 bytes for each message that it has not
//! read: 32 for messages that do not follow one another, and room to grow. A subscriber that
//! receives less than an eighth of a block keeps a copy instead of the block. So a subscriber that
//! never reads makes the publisher keep at most eight times [`Options::queue_bytes`] of blocks, and
//! a thousand of the same topics keep no more than one. `tests/memory.rs` counts.
//!
//! With CURVE, each connection has its own keys. The subscribers still share the block; a message
//! is encrypted for each when it is written, 64 KiB at a time, in the thread of the socket. That
//! takes about 0.6 µs for a frame of 300 bytes, and as much to decrypt.
//!
//! # Differences from libzmq
//!
//! - Peers of ZMTP 2.0 and 1.0 (libzmq 3 and older) are refused: [`Disconnect::OldVersion`].
//! - A message is sent to whoever has subscribed when the thread gets to it, some microseconds
//!   after [`Publisher::send`].
//! - A connection is made again after every kind of end, also after a message that is too large.
//! - A CURVE message that is missing, not only one that is repeated, ends the connection.
//! - When a connection ends, so do its subscriptions and what is queued for it, unless
//!   [`Options::keep_absent`] is set.
//!
//! # Why not another engine
//!
//! Measured on 2026-11-26 on a busy machine with two cores, rustc 1.95: one publisher, one
//! subscriber in one process over tcp, messages of two frames. Millions of messages a second that
//! arrive, in two runs:
//!
//! | | 100-byte bodies | 300-byte bodies |
//! |---|---|---|
//! | `benches/raw_zmtp.rs`, a program without an engine | 19.3, 12.9 | 8.7, 5.0 |
//! | libzmq 4.3.5 | 2.2, 1.9 | 1.4, 0.7 |
//! | rzmq 0.5.28 | 1.7, 0.8 | 1.0, 0.7 |
//! | omq-tokio 0.33.0 | 0.7, 1.1 | 1.3, 1.0 |
//! | celerity 0.1.1 | 0.5, 0.3 | 0.4, 0.3 |
//! | monocoque-rs 0.4.2 (tokio) | 0.3, 0.3 | 0.4, 0.2 |
//! | zeromq 0.7.0 | 0.1 or less | 0.03 |
//!
//! All of them build. zlog needs five times the speed of libzmq, and none of them reaches it when
//! it is called message by message, with default options. This engine was 7.6 times as
//! fast as libzmq with 100-byte bodies and 3.5 times with 300-byte ones on an idle machine
//! (`benches/results/2026-11-26-engine.md`). Their limits and counts were not examined
//! further. rzmq is under the MPL. omq-proto, the part of omq without I/O, could have made the
//! handshakes; it has 30,000 lines and needs Rust 1.93, above this workspace's 1.89, for what
//! takes some hundred lines here.

mod address;
mod disconnect;
mod net;
mod options;
mod owner;
mod probe;
mod protocol;
mod publisher;
mod router;
mod subscriber;

pub use address::Address;
pub use disconnect::Disconnect;
pub use net::status::{EndpointStatus, Event, EventKind, Refused};
pub use options::{Options, WhenFull};
pub use owner::Socket;
pub use probe::peer_type;
pub use protocol::keys::KeyPair;
pub use protocol::security::{Authenticator, Credentials, Prefixes, Rights, Security};
pub use protocol::socket_type::SocketType;
pub use publisher::{Counts, Dropped, End, Group, Noted, PeerStatus, Publisher, Sent, SharedBatch};
pub use router::{Delivery, Received, Router};
pub use subscriber::{Batch, BatchBuilder, Message, Messages, Subscriber};

/// Runs a target of the fuzzers on an input.
#[cfg(fuzzing)]
pub fn fuzz(target: &str, data: &[u8]) {
    let found = protocol::fuzz::TARGETS.iter().find(|(name, _)| *name == target);
    found.expect("a target").1(data);
}
