//! Endpoints as text: an ipc path may be any bytes.
//!
//! A byte that is not UTF-8 is written as `\xNN`. A path that contains `\x` itself has `\x5cx`
//! there, so that each path has one text and each text one path.

use std::ffi::OsStr;

/// The text of an endpoint that libzmq has returned.
pub(in super::super) fn to_text(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(&chunk.valid().replace(r"\x", r"\x5cx"));
        for byte in chunk.invalid() {
            text.push_str(&format!(r"\x{byte:02x}"));
        }
    }
    text
}

/// The bytes of an endpoint for libzmq.
pub(in super::super) fn to_bytes(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut parts = text.split(r"\x");
    bytes.extend_from_slice(parts.next().unwrap_or_default().as_bytes());
    for part in parts {
        let digits = part.get(..2).filter(|two| two.bytes().all(|c| c.is_ascii_hexdigit()));
        match digits.and_then(|two| u8::from_str_radix(two, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                bytes.extend_from_slice(&part.as_bytes()[2..]);
            }
            None => {
                bytes.extend_from_slice(br"\x");
                bytes.extend_from_slice(part.as_bytes());
            }
        }
    }
    bytes
}

/// An argument as the text of an endpoint.
pub fn endpoint_text(argument: &OsStr) -> String {
    to_text(argument.as_encoded_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_bytes_that_are_not_utf8_are_escaped() {
        for (bytes, text) in [
            (&b"ipc:///tmp/a b"[..], "ipc:///tmp/a b"),
            ("ipc:///tmp/ä".as_bytes(), "ipc:///tmp/ä"),
            (b"ipc:///tmp/\xff\xfe", r"ipc:///tmp/\xff\xfe"),
            (br"ipc:///tmp/\xff", r"ipc:///tmp/\x5cxff"),
        ] {
            assert_eq!((to_text(bytes), to_bytes(text)), (text.to_owned(), bytes.to_vec()));
        }
        assert_eq!(to_bytes(r"a\xg0\x"), br"a\xg0\x", "no escapes");
    }

    proptest! {
        #[test]
        fn every_path_has_a_text_of_its_own(bytes: Vec<u8>, text in r"(\\x|[0-9a-f]|ä){0,9}") {
            prop_assert_eq!(to_bytes(&to_text(&bytes)), bytes);
            prop_assert_eq!(to_bytes(&to_text(text.as_bytes())), text.as_bytes());
        }
    }
}
