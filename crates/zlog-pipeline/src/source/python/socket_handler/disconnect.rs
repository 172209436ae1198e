//! Why a client is disconnected, as text.

use std::io::{ErrorKind, Read};
use std::time::Duration;

use super::frames::Frames;
use super::other_protocol::{protocol, text};
use zlog_core::text::escape;
use zlog_core::text::plural::{counted, were};
use zlog_core::wire::pickle::Refused;

/// Why a client is disconnected.
#[derive(Debug)]
pub(super) enum DisconnectReason {
    /// It sent this instead of the length of a record.
    NoFrame([u8; 4]),
    /// It sent something that is no record.
    NotARecord(Refused),
    /// It stopped in the middle of a record, for this time.
    Stalled(Duration),
    /// Incomplete records take too much memory, and this client has most of it.
    MemoryLimit,
}

impl DisconnectReason {
    /// Whether what the client has sent consists of frames.
    pub(super) fn keeps_frames(&self) -> bool {
        !matches!(self, DisconnectReason::NoFrame(_))
    }

    /// The reason, as the rest of a sentence. `longest` is the longest record allowed.
    pub(super) fn describe(&self, longest: usize) -> String {
        match self {
            DisconnectReason::NoFrame(header) => no_frame(*header, longest),
            DisconnectReason::NotARecord(Refused::NotARecord) => {
                "it sent a pickle that is not a log record".to_owned()
            }
            DisconnectReason::NotARecord(refused) => {
                format!("it sent something other than a pickled record ({refused})")
            }
            DisconnectReason::Stalled(stall) => {
                format!("it stopped in the middle of a record for {} s", stall.as_secs())
            }
            DisconnectReason::MemoryLimit => {
                "it used most of the memory for unfinished records".to_owned()
            }
        }
    }
}

/// An invalid length is usually the start of another protocol.
fn no_frame(header: [u8; 4], longest: usize) -> String {
    match (protocol(header), text(&header)) {
        (Some(protocol), _) => {
            format!("it speaks {protocol}, not the protocol of Python's SocketHandler")
        }
        (None, Some(text)) => {
            let text = escape::escape(text);
            format!("it sends text (`{text}…`), not records as Python's SocketHandler pickles them")
        }
        (None, None) => format!(
            "it announced {} bytes that are no pickle; records may have up to {longest} \
             (--max-record)",
            u32::from_be_bytes(header)
        ),
    }
}

/// Counts the records that a client has sent and that were not read, up to a limit. Reads its
/// connection empty.
pub(super) fn count_unread(stream: &mut impl Read, frames: &Frames) -> u64 {
    /// As much as a connection may hold.
    const MOST: usize = 8 << 20;
    let mut counter = frames.counter();
    let mut buffer = [0; 16 << 10];
    let mut read = 0;
    while read < MOST {
        match stream.read(&mut buffer) {
            Ok(length) if length > 0 => {
                counter.feed(&buffer[..length]);
                read += length;
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            _ => break,
        }
    }
    counter.frames()
}

/// The loss when a client is disconnected. `unread` is `None` if what it has sent has no
/// frames to count; `has_sent` says whether it has sent records before.
pub(super) fn describe_loss(unread: Option<u64>, has_sent: bool) -> String {
    match unread {
        None if !has_sent => "it had sent no record".to_owned(),
        None => "the number of lost records is unknown".to_owned(),
        // Its SocketHandler notices the disconnection with the record after the next one.
        Some(count) => format!(
            "{} of it {} lost, and likely the next one that it sends",
            counted(count, "record"),
            were(count),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_protocols_are_named() {
        let why = |header: &[u8; 4]| DisconnectReason::NoFrame(*header).describe(1 << 20);
        assert!(why(b"GET ").contains("HTTP"));
        assert!(why(b"\x16\x03\x01\x02").contains("TLS"));
        assert!(why(b"SSH-").contains("SSH"));
        assert!(why(b"\xff\0\0\0").contains("ZeroMQ"));
        assert!(why(b"hel\n").contains("`hel\\x0a…`"), "{}", why(b"hel\n"));
        assert!(why(b"\x01\0\0\0").contains("16777216 bytes that are no pickle"));
    }
}
