//! Why a client is disconnected, as text.
//!
//! A client that speaks another protocol is recognised by its first four bytes.

use std::time::Duration;

use zlog_core::text::escape;
use zlog_core::wire::pickle::Refused;

/// Why a client is disconnected.
#[derive(Debug)]
pub(super) enum DisconnectReason {
    /// It announced a record of this length.
    TooLong([u8; 4]),
    /// It sent something that is no record.
    NotARecord(Refused),
    /// It stopped in the middle of a record, for this time.
    Stalled(Duration),
    /// Incomplete records take too much memory, and this client has most of it.
    MemoryLimit,
}

impl DisconnectReason {
    /// The reason, as the rest of a sentence. `longest` is the longest record allowed.
    pub(super) fn describe(&self, longest: usize) -> String {
        match self {
            DisconnectReason::TooLong(header) => too_long(*header, longest),
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
fn too_long(header: [u8; 4], longest: usize) -> String {
    const METHODS: [&[u8]; 8] =
        [b"GET ", b"POST", b"HEAD", b"PUT ", b"OPTI", b"DELE", b"CONN", b"PRI "];
    let spoken = match header {
        [0x16, 3, ..] => Some("TLS"),
        header if METHODS.contains(&&header[..]) => Some("HTTP"),
        [b'S', b'S', b'H', b'-'] => Some("SSH"),
        // The start of ZeroMQ's greeting.
        [0xff, 0, 0, 0] => Some("ZeroMQ"),
        _ => None,
    };
    if let Some(protocol) = spoken {
        return format!("it speaks {protocol}, not the protocol of Python's SocketHandler");
    }
    let is_text = |byte: &u8| matches!(byte, b' '..=b'~' | b'\t' | b'\r' | b'\n');
    match std::str::from_utf8(&header) {
        Ok(text) if header.iter().all(is_text) => {
            let text = escape::escape(text);
            format!("it sends text (`{text}…`), not records as Python's SocketHandler pickles them")
        }
        _ => format!(
            "it announced a record of {} bytes; at most {longest} are allowed (--max-record)",
            u32::from_be_bytes(header)
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_protocols_are_named() {
        let why = |header: &[u8; 4]| DisconnectReason::TooLong(*header).describe(1 << 20);
        assert!(why(b"GET ").contains("HTTP"));
        assert!(why(b"\x16\x03\x01\x02").contains("TLS"));
        assert!(why(b"SSH-").contains("SSH"));
        assert!(why(b"\xff\0\0\0").contains("ZeroMQ"));
        assert!(why(b"hel\n").contains("`hel\\x0a…`"), "{}", why(b"hel\n"));
        assert!(why(b"\x01\0\0\0").contains("16777216 bytes; at most 1048576"));
    }
}
