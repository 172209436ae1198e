//! Decompresses gzip, zstd, xz and bzip2. They are recognised by their first bytes, whatever
//! the file is called.
//!
//! A file may consist of several compressed members, as `cat a.gz b.gz` and rotation with
//! appending make them, also of different formats. NULs between and after members are skipped
//! (tapes and block devices pad with them).

use std::io::{self, BufRead, Read};

use bzip2::bufread::BzDecoder;
use flate2::bufread::GzDecoder;
use lzma_rust2::XzReader;
use zstd::stream::read::Decoder as ZstdDecoder;

/// Bytes read at once.
const BLOCK: usize = 64 << 10;

/// The most memory for the dictionary of xz, in KiB. `xz -9` needs 65 MiB. (zstd's decoder has
/// a limit of 128 MiB by itself.)
const XZ_MEMORY_KIB: u32 = 256 << 10;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Format {
    Gzip,
    Zstd,
    Xz,
    Bzip2,
}

impl Format {
    fn name(self) -> &'static str {
        match self {
            Format::Gzip => "gzip",
            Format::Zstd => "zstd",
            Format::Xz => "xz",
            Format::Bzip2 => "bzip2",
        }
    }
}

/// Matches any byte in [`MAGIC`].
const ANY: u8 = 0xff;

/// The first bytes of each format.
const MAGIC: [(Format, &[u8]); 6] = [
    (Format::Gzip, b"\x1f\x8b\x08"),
    (Format::Zstd, b"\x28\xb5\x2f\xfd"),
    // A frame to be skipped, with which pzstd begins.
    (Format::Zstd, b"\x50\x2a\x4d\x18"),
    (Format::Xz, b"\xfd7zXZ\0"),
    (Format::Bzip2, b"BZh\xff1AY&SY"),
    // A compressed file of no bytes.
    (Format::Bzip2, b"BZh\xff\x17rE8P\x90"),
];

/// Reads decompressed data; data in no known format is read as it is.
pub(crate) struct Decompressor<R: Read>(State<R>);

enum State<R: Read> {
    /// Nothing was read yet.
    Start(Input<R>),
    Plain(Input<R>),
    Member(Format, Member<R>),
    Ended,
}

/// The decoder of one member.
enum Member<R: Read> {
    Gzip(GzDecoder<Input<R>>),
    Zstd(ZstdDecoder<'static, Input<R>>),
    Xz(Box<XzReader<Input<R>>>),
    Bzip2(BzDecoder<Input<R>>),
}

impl<R: Read> Decompressor<R> {
    pub(crate) fn new(input: R) -> Decompressor<R> {
        let buffer = vec![0; BLOCK].into_boxed_slice();
        Decompressor(State::Start(Input { inner: input, buffer, start: 0, end: 0 }))
    }

    /// Finds out how the input begins, unless that is known.
    fn begin(&mut self) -> io::Result<()> {
        if let State::Start(input) = &mut self.0 {
            let format = input.format()?;
            let State::Start(input) = std::mem::replace(&mut self.0, State::Ended) else {
                return Ok(());
            };
            self.0 = match format {
                Some(format) => State::Member(format, Member::new(format, input)?),
                None => State::Plain(input),
            };
        }
        Ok(())
    }

    /// Whether the input is compressed. Reads its first bytes.
    ///
    /// # Errors
    /// It can't be read.
    pub(crate) fn is_compressed(&mut self) -> io::Result<bool> {
        self.begin()?;
        Ok(matches!(self.0, State::Member(..)))
    }

    /// Continues with what follows a member.
    fn next_member(&mut self) -> io::Result<()> {
        let State::Member(before, member) = std::mem::replace(&mut self.0, State::Ended) else {
            return Ok(());
        };
        let mut input = member.into_input();
        input.skip_nuls()?;
        if let Some(format) = input.format()? {
            self.0 = State::Member(format, Member::new(format, input)?);
        } else if !input.fill_buf()?.is_empty() {
            let name = before.name();
            let text = format!("bytes after the {name} data are not compressed; they are ignored");
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
        Ok(())
    }
}

impl<R: Read> Read for Decompressor<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.begin()?;
        loop {
            let (format, read) = match &mut self.0 {
                State::Plain(input) => return input.read(buffer),
                State::Member(format, member) => (*format, member.read(buffer)),
                State::Start(_) | State::Ended => return Ok(0),
            };
            match read {
                Ok(0) => self.next_member()?,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.0 = State::Ended;
                    return Err(damage(format, error));
                }
                read => return read,
            }
        }
    }
}

/// The error for a member that can't be decoded.
fn damage(format: Format, error: io::Error) -> io::Error {
    if error.raw_os_error().is_some() {
        return error;
    }
    let name = format.name();
    let text = match error.kind() {
        io::ErrorKind::UnexpectedEof => {
            format!("the {name} data is cut off; what comes before the cut was read")
        }
        _ => format!("the {name} data is damaged ({error}); what comes before was read"),
    };
    io::Error::new(error.kind(), text)
}

impl<R: Read> Member<R> {
    fn new(format: Format, input: Input<R>) -> io::Result<Member<R>> {
        Ok(match format {
            Format::Gzip => Member::Gzip(GzDecoder::new(input)),
            Format::Zstd => Member::Zstd(ZstdDecoder::with_buffer(input)?.single_frame()),
            Format::Xz => {
                Member::Xz(Box::new(XzReader::new_mem_limit(input, false, XZ_MEMORY_KIB)))
            }
            Format::Bzip2 => Member::Bzip2(BzDecoder::new(input)),
        })
    }

    fn into_input(self) -> Input<R> {
        match self {
            Member::Gzip(decoder) => decoder.into_inner(),
            Member::Zstd(decoder) => decoder.finish(),
            Member::Xz(decoder) => decoder.into_inner(),
            Member::Bzip2(decoder) => decoder.into_inner(),
        }
    }
}

impl<R: Read> Read for Member<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Member::Gzip(decoder) => decoder.read(buffer),
            Member::Zstd(decoder) => decoder.read(buffer),
            Member::Xz(decoder) => decoder.read(buffer),
            Member::Bzip2(decoder) => decoder.read(buffer),
        }
    }
}

/// A buffered reader whose buffer can be looked at before it is consumed, and filled up.
struct Input<R> {
    inner: R,
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
}

impl<R: Read> Input<R> {
    /// The format of what comes next. Reads no further than it takes to tell.
    fn format(&mut self) -> io::Result<Option<Format>> {
        loop {
            let bytes = &self.buffer[self.start..self.end];
            let starts = |magic: &&[u8]| {
                magic.iter().zip(bytes).all(|(&byte, &found)| byte == found || byte == ANY)
            };
            let mut candidates = MAGIC.iter().filter(|(_, magic)| starts(magic)).peekable();
            if candidates.peek().is_none() {
                return Ok(None);
            }
            if let Some((format, _)) = candidates.find(|(_, magic)| magic.len() <= bytes.len()) {
                return Ok(Some(*format));
            }
            if !self.read_more()? {
                return Ok(None);
            }
        }
    }

    /// Adds bytes to the buffer. `false` at the end of the input.
    fn read_more(&mut self) -> io::Result<bool> {
        self.buffer.copy_within(self.start..self.end, 0);
        (self.start, self.end) = (0, self.end - self.start);
        loop {
            match self.inner.read(&mut self.buffer[self.end..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => {
                    let length = read?;
                    self.end += length;
                    return Ok(length > 0);
                }
            }
        }
    }

    fn skip_nuls(&mut self) -> io::Result<()> {
        loop {
            let bytes = self.fill_buf()?;
            let nuls = bytes.iter().take_while(|byte| **byte == 0).count();
            let ended = nuls == 0;
            self.consume(nuls);
            if ended {
                return Ok(());
            }
        }
    }
}

impl<R: Read> Read for Input<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.start == self.end && buffer.len() >= BLOCK {
            return self.inner.read(buffer);
        }
        let length = self.fill_buf()?.read(buffer)?;
        self.consume(length);
        Ok(length)
    }
}

impl<R: Read> BufRead for Input<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.start == self.end {
            self.read_more()?;
        }
        Ok(&self.buffer[self.start..self.end])
    }

    fn consume(&mut self, length: usize) {
        self.start += length;
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::process::{Command, Stdio};

    use super::*;

    /// Gives its bytes in pieces of this many.
    struct Slow<'b>(&'b [u8], usize);

    impl Read for Slow<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let length = self.1.min(buffer.len());
            self.0.read(&mut buffer[..length])
        }
    }

    fn text() -> Vec<u8> {
        (0..30_000).flat_map(|i| format!("line {i} {}\n", i * 7919 % 1000).into_bytes()).collect()
    }

    /// The output of a program for `input`; `None` if there is no such program here.
    fn piped(program: &str, input: &[u8]) -> Option<Vec<u8>> {
        let mut command = Command::new(program);
        let child = command.arg("-c").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = child.ok()?;
        let (mut stdin, input) = (child.stdin.take().expect("a pipe"), input.to_vec());
        let writer = std::thread::spawn(move || stdin.write_all(&input));
        let output = child.wait_with_output().expect("output");
        writer.join().expect("no panic").expect("written");
        Some(output.stdout)
    }

    /// The same text, compressed in each format: by the program of that name, or by the same
    /// library in this process.
    fn compressed(text: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        gzip.write_all(text).unwrap();
        let mut zstd = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
        zstd.include_checksum(true).unwrap();
        zstd.write_all(text).unwrap();
        let mut all = vec![("gzip", gzip.finish().unwrap()), ("zstd", zstd.finish().unwrap())];
        for program in ["gzip", "zstd", "xz", "bzip2"] {
            // tests/tail/files.rs reports a program that is missing.
            all.extend(piped(program, text).map(|bytes| (program, bytes)));
        }
        all
    }

    fn read(bytes: &[u8], piece: usize) -> (Vec<u8>, Option<String>) {
        let mut found = Vec::new();
        let read = Decompressor::new(Slow(bytes, piece)).read_to_end(&mut found);
        (found, read.err().map(|error| error.to_string()))
    }

    #[test]
    fn each_format_is_read_whatever_the_size_of_a_read() {
        let text = text();
        for (name, bytes) in compressed(&text) {
            for piece in [1, 7, usize::MAX] {
                assert_eq!(read(&bytes, piece), (text.clone(), None), "{name} {piece}");
            }
        }
    }

    #[test]
    fn several_members_are_read_with_nuls_between_them() {
        let (all, text) = (compressed(b"text\n"), b"text\n".to_vec());
        let (mut joined, mut expected) = (Vec::new(), Vec::new());
        for (_, bytes) in all.iter().chain(all.iter().rev()) {
            joined.extend_from_slice(bytes);
            joined.extend_from_slice(&[0; 8]);
            expected.extend_from_slice(&text);
        }
        for piece in [1, usize::MAX] {
            assert_eq!(read(&joined, piece), (expected.clone(), None));
        }
    }

    #[test]
    fn what_precedes_a_cut_is_read_and_the_error_says_so() {
        let text = text();
        for (name, bytes) in compressed(&text) {
            let (found, error) = read(&bytes[..bytes.len() - 9], usize::MAX);
            assert!(text.starts_with(&found), "{name}");
            let error = error.expect("an error");
            assert!(error.starts_with(&format!("the {name} data is cut off")), "{error}");
            let (found, error) = read(&bytes[..12], usize::MAX);
            assert!(found.is_empty() && error.is_some(), "{name}: {error:?}");
        }
        let gzip = &compressed(&text)[0].1;
        assert!(read(&gzip[..gzip.len() / 2], usize::MAX).0.len() > text.len() / 3);
    }

    #[test]
    fn damaged_data_and_bytes_after_it_are_reported() {
        let text = text();
        for (name, bytes) in compressed(&text) {
            let mut damaged = bytes.clone();
            let middle = damaged.len() / 2;
            damaged[middle..middle + 64].fill(0x55);
            let (_, error) = read(&damaged, usize::MAX);
            assert!(error.is_some_and(|error| error.starts_with(&format!("the {name} data is "))));
            let (found, error) = read(&[&bytes, &b"more"[..]].concat(), usize::MAX);
            assert_eq!(found, text, "{name}");
            assert!(error.is_some_and(|error| error.contains("not compressed")), "{name}");
        }
    }

    #[test]
    fn other_data_is_read_as_it_is() {
        for text in ["", "B", "BZ", "BZh9 is no bzip2\n", "text\n", "\u{1f}", "(\u{b5}/x", "\0\0"] {
            for piece in [1, usize::MAX] {
                assert_eq!(read(text.as_bytes(), piece), (text.as_bytes().to_vec(), None));
            }
        }
        let mut compressed = Decompressor::new(&b"\x1f\x8b\x08"[..]);
        assert!(compressed.is_compressed().unwrap());
        assert!(!Decompressor::new(&b"text"[..]).is_compressed().unwrap());
    }
}
