//! The encoding of a stream, by its first bytes. UTF-16 becomes UTF-8.

use std::sync::Arc;

use super::super::reader::{Block, Origin};

/// Decodes one stream.
#[derive(Debug, Default)]
pub(super) enum Encoding {
    /// Nothing has been read.
    #[default]
    Unknown,
    /// UTF-8, or anything else that has newlines as ASCII has.
    Bytes,
    Utf16(Utf16),
}

/// The state between two reads of UTF-16.
#[derive(Debug)]
pub(super) struct Utf16 {
    big_endian: bool,
    /// The first byte of a code unit.
    half: Option<u8>,
    /// The first unit of a surrogate pair.
    high: Option<u16>,
}

impl Encoding {
    /// The encoding of a file that is read on, by its first bytes.
    pub(super) fn of_file(origin: &Origin) -> Encoding {
        match origin.first_bytes::<DETECTED>() {
            Ok(bytes) if origin.offset > 0 => detect(&bytes).0,
            _ => Encoding::Unknown,
        }
    }

    /// The number of bytes that this part of the text was read as.
    pub(super) fn read_len(&self, text: &[u8]) -> usize {
        match self {
            Encoding::Utf16(_) => {
                let text = String::from_utf8_lossy(text);
                text.chars().map(char::len_utf16).sum::<usize>() * 2
            }
            _ => text.len(),
        }
    }

    /// Bytes that were read and are no text yet: a part of a character.
    pub(super) fn pending(&self) -> usize {
        match self {
            Encoding::Utf16(Utf16 { half, high, .. }) => {
                usize::from(half.is_some()) + 2 * usize::from(high.is_some())
            }
            _ => 0,
        }
    }

    /// Decodes a block in place. Returns a remark when the stream begins with a byte order
    /// mark or is UTF-16.
    pub(super) fn decode(&mut self, block: &mut Block) -> Option<&'static str> {
        let mut remark = None;
        let mut start = 0;
        if let Encoding::Unknown = self {
            (*self, start, remark) = detect(block.bytes());
        }
        if let Encoding::Utf16(utf16) = self {
            let mut text = String::with_capacity(block.len);
            utf16.decode(&block.bytes()[start..], &mut text);
            let (len, buffer) = (text.len(), Arc::new(text.into_bytes()));
            *block = Block { len, buffer, objects: None, ..*block };
        } else if start > 0 {
            block.objects = None;
            Arc::make_mut(&mut block.buffer).drain(..start);
            block.len -= start;
        }
        remark
    }
}

/// The most bytes that tell the encoding.
const DETECTED: usize = 8;

/// The encoding, the length of the byte order mark, and a remark.
fn detect(bytes: &[u8]) -> (Encoding, usize, Option<&'static str>) {
    let utf16 = |big_endian| Encoding::Utf16(Utf16 { big_endian, half: None, high: None });
    const LITTLE: Option<&str> = Some("the input is UTF-16 (little-endian); decoded");
    const BIG: Option<&str> = Some("the input is UTF-16 (big-endian); decoded");
    match bytes {
        [0xEF, 0xBB, 0xBF, ..] => {
            (Encoding::Bytes, 3, Some("the input begins with a byte order mark (UTF-8); dropped"))
        }
        [0xFF, 0xFE, ..] => (utf16(false), 2, LITTLE),
        [0xFE, 0xFF, ..] => (utf16(true), 2, BIG),
        // Without a mark: four characters of ASCII.
        [a, 0, b, 0, c, 0, d, 0, ..] if is_text(&[*a, *b, *c, *d]) => (utf16(false), 0, LITTLE),
        [0, a, 0, b, 0, c, 0, d, ..] if is_text(&[*a, *b, *c, *d]) => (utf16(true), 0, BIG),
        _ => (Encoding::Bytes, 0, None),
    }
}

fn is_text(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| byte.is_ascii_graphic() || byte.is_ascii_whitespace())
}

impl Utf16 {
    fn decode(&mut self, bytes: &[u8], text: &mut String) {
        for byte in bytes {
            let Some(first) = self.half.take() else {
                self.half = Some(*byte);
                continue;
            };
            let pair = [first, *byte];
            let unit =
                if self.big_endian { u16::from_be_bytes(pair) } else { u16::from_le_bytes(pair) };
            self.push(unit, text);
        }
    }

    fn push(&mut self, unit: u16, text: &mut String) {
        if let Some(high) = self.high.take() {
            if let Some(Ok(pair)) = char::decode_utf16([high, unit]).next() {
                return text.push(pair);
            }
            text.push(char::REPLACEMENT_CHARACTER);
        }
        match char::from_u32(unit.into()) {
            // A byte order mark within the stream: files were concatenated.
            Some('\u{feff}') => {}
            Some(plain) => text.push(plain),
            None if unit < 0xDC00 => self.high = Some(unit),
            None => text.push(char::REPLACEMENT_CHARACTER),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The text of a stream in blocks of `size` bytes, and the remarks.
    fn decode(bytes: &[u8], size: usize) -> (String, Vec<&'static str>) {
        let (mut encoding, mut text, mut remarks) = (Encoding::default(), Vec::new(), Vec::new());
        for chunk in bytes.chunks(size) {
            let mut block = Block {
                buffer: Arc::new(chunk.to_vec()),
                len: chunk.len(),
                received: 1.5,
                ..Block::default()
            };
            remarks.extend(encoding.decode(&mut block));
            assert_eq!(block.received, 1.5);
            text.extend_from_slice(block.bytes());
        }
        (String::from_utf8(text).unwrap(), remarks)
    }

    #[test]
    fn utf16_is_decoded_with_and_without_a_mark_however_it_is_read() {
        let text = "INFO: Grüße 😀\r\nnext\n";
        let bytes = |order: fn(u16) -> [u8; 2], mark: &str| -> Vec<u8> {
            format!("{mark}{text}").encode_utf16().flat_map(order).collect()
        };
        for mark in ["", "\u{feff}"] {
            for (order, name) in [
                (u16::to_le_bytes as fn(u16) -> [u8; 2], "little-endian"),
                (u16::to_be_bytes as fn(u16) -> [u8; 2], "big-endian"),
            ] {
                for size in [8, 9, 1000] {
                    let (decoded, remarks) = decode(&bytes(order, mark), size);
                    assert_eq!(decoded, text);
                    assert!(remarks.len() == 1 && remarks[0].contains(name), "{remarks:?}");
                }
            }
        }
    }

    #[test]
    fn a_lone_surrogate_is_replaced_and_nothing_else_is_lost() {
        let units = [0xFEFF, 0xD83D, 0x61, 0xDE00, 0x62, 0xD83D, 0xD83D, 0xDE00];
        let bytes: Vec<u8> = units.into_iter().flat_map(u16::to_le_bytes).collect();
        assert_eq!(decode(&bytes, 100).0, "\u{fffd}a\u{fffd}b\u{fffd}😀");
    }

    #[test]
    fn a_mark_of_utf8_is_dropped_with_a_remark_and_other_bytes_pass() {
        let (text, remarks) = decode("\u{feff}a\u{feff}b".as_bytes(), 100);
        assert_eq!((&*text, remarks.len()), ("a\u{feff}b", 1));
        for plain in ["", "a", "abc", "a\0b\0", "\0\0\0\0\0\0\0\0", "\0a\0b"] {
            assert_eq!(decode(plain.as_bytes(), 100), (plain.to_owned(), vec![]));
        }
    }
}
