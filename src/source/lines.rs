//! Bytes to lines.
//!
//! What may be here: where lines begin and end. What is in them is `text`'s.

use memchr::memchr;

/// Cuts one stream of bytes into lines, across reads.
///
/// A line ends in `\n` or `\r\n`, or where the stream does. One longer than the
/// bound comes in pieces, the cuts moved back to where a UTF-8 character begins.
/// Where the cuts fall depends on the bytes alone, not on how they were read, and
/// the work is linear in the bytes, however long a line.
///
/// A line is first seen ([`Splitter::peek`]) and then let go ([`Splitter::advance`]),
/// so that a consumer can stop at it.
#[derive(Debug)]
pub(crate) struct Splitter {
    max: usize,
    /// The beginning of the present line, from earlier reads.
    carry: Vec<u8>,
    /// How the line in `carry` ends.
    carry_end: End,
    /// Pieces of the present line that were let go.
    parts: u32,
    seen: Seen,
}

/// A line, or a piece of one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Line<'c> {
    /// Without its line ending.
    pub(crate) bytes: &'c [u8],
    /// Which piece it is, from 1; 0 for a whole line.
    pub(crate) part: u32,
}

/// How a run of bytes without a newline ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum End {
    /// It goes on in a later read.
    Open,
    /// A newline follows.
    Newline,
    /// The stream ends.
    Stream,
}

/// What `peek` found, for `advance` to step over.
#[derive(Clone, Copy, Debug)]
struct Seen {
    /// Length of what is shown: the line without its ending, or a piece.
    shown: usize,
    /// Whether the line ends with it.
    ends_line: bool,
    in_carry: bool,
    /// Length of the run of bytes it was found in.
    run: usize,
}

/// A carry that has grown beyond this is given back after its line.
const KEEP: usize = 1 << 20;

impl Splitter {
    /// A splitter for lines of up to `max` bytes.
    pub(crate) fn new(max: usize) -> Splitter {
        let seen = Seen { shown: 0, ends_line: true, in_carry: true, run: 0 };
        Splitter { max: max.max(1), carry: Vec::new(), carry_end: End::Open, parts: 0, seen }
    }

    /// The next line of what was carried over and `chunk[*pos..]`; `None` when
    /// there is no whole one, and all of the chunk has been taken in.
    pub(crate) fn peek<'c>(&'c mut self, chunk: &'c [u8], pos: &mut usize) -> Option<Line<'c>> {
        if !self.carry.is_empty() || self.carry_end != End::Open {
            self.fill(chunk, pos);
            self.seen = self.look(&self.carry, self.carry_end, true)?;
            return Some(Line { bytes: &self.carry[..self.seen.shown], part: self.part() });
        }
        let rest = &chunk[*pos..];
        let (run, end) = first_run(rest, self.max);
        match self.look(run, end, false) {
            Some(seen) => {
                self.seen = seen;
                Some(Line { bytes: &run[..seen.shown], part: self.part() })
            }
            None => {
                // Not overlong, so the run is all that is left of the chunk.
                self.carry.extend_from_slice(run);
                *pos += run.len();
                None
            }
        }
    }

    /// Steps over the line that `peek` showed.
    pub(crate) fn advance(&mut self, pos: &mut usize) {
        let Seen { shown, ends_line, in_carry, run } = self.seen;
        if in_carry && ends_line {
            self.carry.clear();
            self.carry.shrink_to(KEEP);
            self.carry_end = End::Open;
        } else if in_carry {
            self.carry.drain(..shown);
        } else {
            *pos += if ends_line { run + 1 } else { shown };
        }
        self.parts = if ends_line { 0 } else { self.parts + 1 };
    }

    /// The stream has ended: what is carried is its last line. Whether there is one.
    pub(crate) fn finish(&mut self) -> bool {
        let last = !self.carry.is_empty() && self.carry_end == End::Open;
        if last {
            self.carry_end = End::Stream;
        }
        last
    }

    /// Whether the last line, or a piece of it, has been taken in without its end.
    pub(crate) fn is_within_line(&self) -> bool {
        self.carry_end == End::Open && (!self.carry.is_empty() || self.parts > 0)
    }

    /// Whether the line that `peek` shows ends only because the stream does.
    pub(crate) fn is_at_end(&self) -> bool {
        self.carry_end == End::Stream
    }

    /// Moves the rest of the carried line out of the chunk, or as much of it as
    /// tells that it is overlong.
    fn fill(&mut self, chunk: &[u8], pos: &mut usize) {
        if self.carry_end != End::Open || self.carry.len() > self.max + 1 {
            return;
        }
        let (run, end) = first_run(&chunk[*pos..], self.max + 1 - self.carry.len());
        self.carry.extend_from_slice(run);
        *pos += run.len();
        if end == End::Newline {
            *pos += 1;
            self.carry_end = End::Newline;
        }
    }

    /// What to show of a run of bytes; `None` when more of it must be seen.
    fn look(&self, run: &[u8], end: End, in_carry: bool) -> Option<Seen> {
        let line = match end {
            End::Newline | End::Open => run.strip_suffix(b"\r").unwrap_or(run),
            End::Stream => run,
        };
        let ends_line = line.len() <= self.max;
        if ends_line && end == End::Open {
            return None;
        }
        let shown = if ends_line { line.len() } else { cut(run, self.max) };
        Some(Seen { shown, ends_line, in_carry, run: run.len() })
    }

    fn part(&self) -> u32 {
        if self.parts == 0 && self.seen.ends_line { 0 } else { self.parts + 1 }
    }
}

/// What stands before the first newline, looking no further than the longest line
/// and its `\r`: cutting a long line into pieces must not look at it again and again.
fn first_run(bytes: &[u8], max: usize) -> (&[u8], End) {
    let window = &bytes[..bytes.len().min(max + 2)];
    match memchr(b'\n', window) {
        Some(end) => (&window[..end], End::Newline),
        None => (window, End::Open),
    }
}

/// Where to cut a line of more than `max` bytes: there, or up to three bytes before,
/// where a character begins.
fn cut(bytes: &[u8], max: usize) -> usize {
    let continues = |at: &usize| bytes[*at] & 0xC0 == 0x80;
    let back = (max.saturating_sub(3)..=max).rev().find(|at| !continues(at));
    back.filter(|at| *at > 0).unwrap_or(max)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// All lines of the chunks, each seen twice before it is let go.
    fn split(max: usize, chunks: &[&[u8]]) -> Vec<(Vec<u8>, u32)> {
        let mut splitter = Splitter::new(max);
        let mut lines = Vec::new();
        let mut take = |splitter: &mut Splitter, chunk: &[u8]| {
            let mut pos = 0;
            while let Some(line) = splitter.peek(chunk, &mut pos) {
                let first = (line.bytes.to_vec(), line.part);
                let again = splitter.peek(chunk, &mut pos).expect("the same line");
                assert_eq!((again.bytes.to_vec(), again.part), first);
                lines.push(first);
                splitter.advance(&mut pos);
            }
            assert_eq!(pos, chunk.len(), "all of a chunk is taken in");
        };
        for chunk in chunks {
            take(&mut splitter, chunk);
        }
        let _ = splitter.finish();
        take(&mut splitter, b"");
        lines
    }

    fn texts(max: usize, input: &str) -> Vec<(String, u32)> {
        let lines = split(max, &[input.as_bytes()]);
        lines.into_iter().map(|(l, p)| (String::from_utf8_lossy(&l).into_owned(), p)).collect()
    }

    fn whole(lines: &[&str]) -> Vec<(String, u32)> {
        lines.iter().map(|line| (String::from(*line), 0)).collect()
    }

    #[test]
    fn a_line_ends_in_a_newline_with_or_without_a_carriage_return() {
        assert_eq!(texts(100, "a\nb\r\n\n\r\nc\rd\r\r\n"), whole(&["a", "b", "", "", "c\rd\r"]));
    }

    #[test]
    fn a_last_line_without_newline_is_a_line() {
        assert_eq!(texts(100, "a\nb"), whole(&["a", "b"]));
        assert_eq!(texts(100, "b\r"), whole(&["b\r"]));
        assert_eq!(texts(100, ""), whole(&[]));
    }

    #[test]
    fn a_line_too_long_comes_in_pieces_that_keep_characters_whole() {
        let pieces = |list: &[(&str, u32)]| -> Vec<(String, u32)> {
            list.iter().map(|(text, part)| (String::from(*text), *part)).collect()
        };
        assert_eq!(texts(3, "abcd\nabc\r\n"), pieces(&[("abc", 1), ("d", 2), ("abc", 0)]));
        assert_eq!(texts(4, "äöüx"), pieces(&[("äö", 1), ("üx", 2)]));
        assert_eq!(texts(3, "äöü"), pieces(&[("ä", 1), ("ö", 2), ("ü", 3)]));
    }

    proptest! {
        #[test]
        fn lines_depend_on_the_bytes_and_not_on_how_they_were_read(
            bytes in proptest::collection::vec(prop_oneof![
                Just(b'\n'), Just(b'\r'), Just(b'a'), Just(0xC3), Just(0xA4), any::<u8>()
            ], 0..80),
            cuts in proptest::collection::vec(1usize..9, 1..80),
            max in 1usize..12,
        ) {
            let at_once = split(max, &[&bytes]);
            let mut chunks = Vec::new();
            let mut rest = bytes.as_slice();
            for cut in cuts {
                let (chunk, more) = rest.split_at(cut.min(rest.len()));
                chunks.push(chunk);
                rest = more;
            }
            chunks.push(rest);
            prop_assert_eq!(&split(max, &chunks), &at_once);
            prop_assert!(at_once.iter().all(|(line, _)| line.len() <= max.max(1)));

            // Nothing is lost and nothing doubled, line endings aside.
            let mut joined = Vec::new();
            for (line, part) in &at_once {
                if *part <= 1 && !joined.is_empty() {
                    joined.push(b'\n');
                }
                joined.extend_from_slice(line);
            }
            let strip = |bytes: &[u8]| -> Vec<u8> {
                bytes.iter().copied().filter(|b| *b != b'\n' && *b != b'\r').collect()
            };
            prop_assert_eq!(strip(&joined), strip(&bytes));
        }
    }
}
