//! Recognises a client that speaks another protocol by its first four bytes.

/// Whether the first bytes of a client are those of another protocol.
pub(super) fn is_other_protocol(header: [u8; 4]) -> bool {
    protocol(header).is_some() || text(&header).is_some()
}

/// A protocol by its first bytes.
pub(super) fn protocol(header: [u8; 4]) -> Option<&'static str> {
    const METHODS: [&[u8]; 8] =
        [b"GET ", b"POST", b"HEAD", b"PUT ", b"OPTI", b"DELE", b"CONN", b"PRI "];
    match header {
        [0x16, 3, ..] => Some("TLS"),
        header if METHODS.contains(&&header[..]) => Some("HTTP"),
        [b'S', b'S', b'H', b'-'] => Some("SSH"),
        // The start of ZeroMQ's greeting.
        [0xff, 0, 0, 0] => Some("ZeroMQ"),
        _ => None,
    }
}

/// The bytes as text, if they are ASCII.
pub(super) fn text(header: &[u8; 4]) -> Option<&str> {
    let is_text = |byte: &u8| matches!(byte, b' '..=b'~' | b'\t' | b'\r' | b'\n');
    std::str::from_utf8(header).ok().filter(|_| header.iter().all(is_text))
}
