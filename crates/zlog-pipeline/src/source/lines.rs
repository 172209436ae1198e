//! Splits bytes into lines.

use memchr::memchr2;

/// Splits one stream of bytes into lines, across reads.
///
/// A line ends with `\n` or `\r\n`, or with the stream. One longer than [`longest`] comes
/// in pieces, cut where a UTF-8 character begins. The cuts depend on the bytes alone, not on
/// how they were read, and the work is linear in the bytes, however long a line is.
///
/// NULs at the start of a line, and [`HOLE`] or more of them within a line, are no text:
/// they are a hole in a file, or blocks that a crash left unwritten. They end the line
/// before them, are skipped, and counted.
///
/// [`Splitter::peek`] shows a line and [`Splitter::advance`] steps over it, so that a
/// consumer can stop at a line and come back to it.
#[derive(Debug)]
pub(crate) struct Splitter {
    max: usize,
    /// The start of the present line, from earlier reads.
    carry: Vec<u8>,
    /// How the line in `carry` ends.
    carry_end: End,
    /// Pieces of the present line that were stepped over.
    parts: u32,
    /// NULs skipped.
    nuls: u64,
    /// Lines that were stepped over.
    lines: u64,
    peeked: Peeked,
}

/// A line, or a piece of one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Line<'c> {
    /// Without its line ending.
    pub(crate) bytes: &'c [u8],
    /// Which piece it is, from 1; 0 for a whole line.
    pub(crate) part: u32,
}

/// The end of a run of bytes without a newline.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum End {
    /// Nothing yet: it goes on in a later read.
    Open,
    /// A newline.
    Newline,
    /// A hole.
    Hole,
    /// The end of the stream.
    Stream,
}

/// The result of `peek`, for `advance` to step over.
#[derive(Clone, Copy, Debug)]
struct Peeked {
    /// Length of what was shown: the line without its ending, or a piece.
    shown: usize,
    /// Whether the line ends with it, and the length of the ending: 1 for a newline.
    ends_line: bool,
    ending: usize,
    in_carry: bool,
    /// Length of the run of bytes that it is in.
    run: usize,
}

/// NULs in a row within a line that count as a hole: the smallest block size of file
/// systems. Fewer may be padding.
const HOLE: usize = 512;

/// A line that begins with `{` may be longer by this factor.
const JSON_FACTOR: usize = 8;

/// But not longer than this, if other lines may not be either: a small compressed file may have a
/// line of gigabytes.
const MAX_JSON: usize = 256 << 20;

/// The longest such line, where other lines may have `max` bytes: a JSON object takes up to
/// six bytes for each byte of the message in it, and more for its other fields.
pub(super) fn longest(line: &[u8], max: usize) -> usize {
    match line.first() {
        Some(b'{') => max.saturating_mul(JSON_FACTOR).min(MAX_JSON).max(max),
        _ => max,
    }
}

/// Capacity that `carry` may keep after its line, in bytes.
const KEPT_CAPACITY: usize = 1 << 20;

impl Splitter {
    /// A splitter for lines of up to `max` bytes, at most `isize::MAX`: no memory holds more.
    pub(crate) fn new(max: usize) -> Splitter {
        let peeked = Peeked { shown: 0, ends_line: true, ending: 0, in_carry: true, run: 0 };
        let (max, carry) = (max.clamp(1, isize::MAX as usize), Vec::new());
        Splitter { max, carry, carry_end: End::Open, parts: 0, nuls: 0, lines: 0, peeked }
    }

    /// NULs skipped so far.
    pub(crate) fn nuls(&self) -> u64 {
        self.nuls
    }

    /// The number of the present line, from 1.
    pub(crate) fn line_number(&self) -> u64 {
        self.lines + 1
    }

    /// The next line of the bytes carried over and `chunk[*pos..]`; `None` once the whole
    /// chunk has been taken in without a complete line.
    pub(crate) fn peek<'c>(&'c mut self, chunk: &'c [u8], pos: &mut usize) -> Option<Line<'c>> {
        if !self.carry.is_empty() || self.carry_end != End::Open {
            self.fill(chunk, pos);
            let max = self.longest(&self.carry);
            self.peeked = self.classify(&self.carry, self.carry_end, max, true)?;
            return Some(Line { bytes: &self.carry[..self.peeked.shown], part: self.part() });
        }
        if self.parts == 0 {
            let nuls = leading_nuls(&chunk[*pos..]);
            self.nuls += nuls as u64;
            *pos += nuls;
        }
        let rest = &chunk[*pos..];
        let max = self.longest(rest);
        let (run, end) = first_run(rest, window(max), 0);
        match self.classify(run, end, max, false) {
            Some(peeked) => {
                self.peeked = peeked;
                Some(Line { bytes: &run[..peeked.shown], part: self.part() })
            }
            None => {
                // It is neither overlong nor ended, so it is the rest of the chunk.
                self.carry.extend_from_slice(run);
                *pos += run.len();
                None
            }
        }
    }

    /// Steps over the line that `peek` has shown.
    pub(crate) fn advance(&mut self, pos: &mut usize) {
        let Peeked { shown, ends_line, ending, in_carry, run } = self.peeked;
        if in_carry && ends_line {
            self.carry.clear();
            self.carry.shrink_to(KEPT_CAPACITY);
            self.carry_end = End::Open;
        } else if in_carry {
            self.carry.drain(..shown);
        } else {
            *pos += if ends_line { run + ending } else { shown };
        }
        self.parts = if ends_line { 0 } else { self.parts + 1 };
        self.lines += u64::from(ends_line);
    }

    /// Ends the stream: the bytes carried over are its last line. Returns whether there are
    /// any.
    pub(crate) fn finish(&mut self) -> bool {
        let last = !self.carry.is_empty() && self.carry_end == End::Open;
        if last {
            self.carry_end = End::Stream;
        }
        last
    }

    /// Bytes of the present line that were taken in and not stepped over.
    pub(crate) fn carry(&self) -> &[u8] {
        &self.carry
    }

    /// Whether a part of a line has been taken in without its end.
    pub(crate) fn is_within_line(&self) -> bool {
        self.carry_end == End::Open && (!self.carry.is_empty() || self.parts > 0)
    }

    /// The present line, as far as it has been read; empty if its first pieces were stepped
    /// over.
    pub(crate) fn partial(&self) -> &[u8] {
        if self.is_within_line() && self.parts == 0 { &self.carry } else { &[] }
    }

    /// Drops the first `len` bytes of [`Splitter::partial`].
    pub(crate) fn drop_partial(&mut self, len: usize) {
        self.carry.drain(..len);
    }

    /// Whether the line that `peek` shows ends only because the stream does.
    pub(crate) fn is_at_end(&self) -> bool {
        self.carry_end == End::Stream
    }

    /// Moves the rest of the carried line out of the chunk, or as much of it as shows that the
    /// line is overlong.
    fn fill(&mut self, chunk: &[u8], pos: &mut usize) {
        if self.carry_end != End::Open {
            return;
        }
        let room = window(self.longest(&self.carry)).saturating_sub(self.carry.len());
        let nuls = trailing_nuls(&self.carry);
        let (run, end) = first_run(&chunk[*pos..], room, nuls);
        self.carry.extend_from_slice(run);
        *pos += run.len();
        if end == End::Newline {
            *pos += 1;
        }
        if end == End::Hole && run.is_empty() {
            self.carry.truncate(self.carry.len() - nuls);
            self.nuls += nuls as u64;
        }
        self.carry_end = end;
    }

    /// The part of a run of bytes to show; `None` if more bytes are needed to decide.
    fn classify(&self, run: &[u8], end: End, max: usize, in_carry: bool) -> Option<Peeked> {
        let line = match end {
            End::Newline | End::Open => run.strip_suffix(b"\r").unwrap_or(run),
            End::Hole | End::Stream => run,
        };
        let ends_line = line.len() <= max;
        // The NULs at its end may be the start of a hole.
        let undecided = || run.len() - trailing_nuls(run) <= max;
        if end == End::Open && (ends_line || undecided()) {
            return None;
        }
        let shown = if ends_line { line.len() } else { cut(run, max) };
        let ending = usize::from(end == End::Newline);
        Some(Peeked { shown, ends_line, ending, in_carry, run: run.len() })
    }

    /// The longest that the present line, or the rest of it, may be.
    fn longest(&self, line: &[u8]) -> usize {
        if self.parts == 0 { longest(line, self.max) } else { self.max }
    }

    fn part(&self) -> u32 {
        if self.parts == 0 && self.peeked.ends_line { 0 } else { self.parts + 1 }
    }
}

/// Bytes that are searched for the end of a line of up to `max` bytes: enough to see that it
/// is overlong, with its `\r`, and that no hole follows the longest line.
fn window(max: usize) -> usize {
    max.saturating_add(HOLE + 2)
}

/// The bytes before the first newline or hole among the first `window` bytes, which come
/// after `nuls` NULs. The window keeps the work linear when a long line is cut into pieces.
fn first_run(bytes: &[u8], window: usize, nuls: usize) -> (&[u8], End) {
    let window = &bytes[..bytes.len().min(window)];
    let mut at = 0;
    while let Some(found) = memchr2(b'\n', 0, &window[at..]) {
        let start = at + found;
        if window[start] == b'\n' {
            return (&window[..start], End::Newline);
        }
        let length = leading_nuls(&window[start..]);
        if length + if start == 0 { nuls } else { 0 } >= HOLE {
            return (&window[..start], End::Hole);
        }
        at = start + length;
    }
    (window, End::Open)
}

/// Number of NULs at the start. Compared in blocks, since a hole may have many gigabytes.
fn leading_nuls(bytes: &[u8]) -> usize {
    const BLOCK: [u8; 256] = [0; 256];
    if bytes.first() != Some(&0) {
        return 0;
    }
    let blocks = bytes.chunks_exact(BLOCK.len()).take_while(|block| **block == BLOCK).count();
    let rest = &bytes[blocks * BLOCK.len()..];
    blocks * BLOCK.len() + rest.iter().take_while(|byte| **byte == 0).count()
}

fn trailing_nuls(bytes: &[u8]) -> usize {
    bytes.iter().rev().take_while(|byte| **byte == 0).count()
}

/// Where to cut a line of more than `max` bytes: at `max`, or up to three bytes before, where
/// a character begins.
fn cut(bytes: &[u8], max: usize) -> usize {
    let continues = |at: &usize| bytes[*at] & 0xC0 == 0x80;
    let back = (max.saturating_sub(3)..=max).rev().find(|at| !continues(at));
    back.filter(|at| *at > 0).unwrap_or(max)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// All lines of the chunks, each shown twice, and the number of NULs skipped.
    fn split(max: usize, chunks: &[&[u8]]) -> (Vec<(Vec<u8>, u32)>, u64) {
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
        (lines, splitter.nuls())
    }

    fn texts(max: usize, input: &str) -> Vec<(String, u32)> {
        let (lines, _) = split(max, &[input.as_bytes()]);
        lines.into_iter().map(|(l, p)| (String::from_utf8_lossy(&l).into_owned(), p)).collect()
    }

    fn whole(lines: &[&str]) -> Vec<(String, u32)> {
        lines.iter().map(|line| (String::from(*line), 0)).collect()
    }

    #[test]
    fn json_may_be_longer_than_other_lines_but_not_without_bound() {
        for (max, of_json) in [(10, 80), (16 << 20, 128 << 20), (128 << 20, MAX_JSON)] {
            assert_eq!((longest(b"x", max), longest(b"{", max)), (max, of_json));
        }
        assert_eq!(longest(b"{", MAX_JSON + 1), MAX_JSON + 1, "as --max-line says");
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
    fn an_overlong_line_comes_in_pieces_that_keep_characters_whole() {
        let pieces = |list: &[(&str, u32)]| -> Vec<(String, u32)> {
            list.iter().map(|(text, part)| (String::from(*text), *part)).collect()
        };
        assert_eq!(texts(3, "abcd\nabc\r\n"), pieces(&[("abc", 1), ("d", 2), ("abc", 0)]));
        assert_eq!(texts(1, "{234567\n"), whole(&["{234567"]));
        assert_eq!(texts(1, "{23456789{\n{"), {
            let [first, second] = [("{2345678", 1), ("9", 2)];
            [pieces(&[first, second, ("{", 3)]), whole(&["{"])].concat()
        });
        assert_eq!(texts(4, "äöüx"), pieces(&[("äö", 1), ("üx", 2)]));
        assert_eq!(texts(usize::MAX, "ab\r\nc"), pieces(&[("ab", 0), ("c", 0)]));
        assert_eq!(texts(3, "äöü"), pieces(&[("ä", 1), ("ö", 2), ("ü", 3)]));
    }

    #[test]
    fn nuls_of_a_hole_are_skipped_and_end_the_line_before_them() {
        let hole = [0; HOLE];
        let padding = [0; HOLE - 1];
        for (input, lines, nuls) in [
            ([&hole[..], b"a\n"].concat(), vec![b"a".to_vec()], HOLE),
            (b"\0a\n\0\0b\n".to_vec(), vec![b"a".to_vec(), b"b".to_vec()], 3),
            ([b"a", &hole[..], b"b\n"].concat(), vec![b"a".to_vec(), b"b".to_vec()], HOLE),
            ([b"a\n", &hole[..]].concat(), vec![b"a".to_vec()], HOLE),
            ([b"a", &hole[..]].concat(), vec![b"a".to_vec()], HOLE),
            ([b"a", &padding[..], b"b\n"].concat(), vec![[b"a", &padding[..], b"b"].concat()], 0),
            (hole.to_vec(), Vec::new(), HOLE),
        ] {
            let pieces: Vec<&[u8]> = input.chunks(7).collect();
            let (got, skipped) = split(100_000, &pieces);
            let got: Vec<Vec<u8>> = got.into_iter().map(|(line, _)| line).collect();
            assert_eq!((got, skipped), (lines, nuls as u64));
        }
    }

    proptest! {
        #[test]
        fn lines_depend_on_the_bytes_and_not_on_how_they_were_read(
            runs in proptest::collection::vec(prop_oneof![
                12 => prop_oneof![
                    Just(b'\n'), Just(b'\r'), Just(b'a'), Just(b'{'), Just(0xC3), Just(0xA4), any::<u8>()
                ].prop_map(|byte| vec![byte]),
                1 => (1..HOLE + 20).prop_map(|nuls| vec![0; nuls]),
                1 => (HOLE - 3..HOLE + 3).prop_map(|nuls| vec![0; nuls]),
            ], 0..80),
            cuts in proptest::collection::vec(prop_oneof![1usize..9, 1..600usize], 1..80),
            max in 1usize..12,
        ) {
            let bytes = runs.concat();
            let (at_once, nuls) = split(max, &[&bytes]);
            let mut chunks = Vec::new();
            let mut rest = bytes.as_slice();
            for cut in cuts {
                let (chunk, more) = rest.split_at(cut.min(rest.len()));
                chunks.push(chunk);
                rest = more;
            }
            chunks.push(rest);
            prop_assert_eq!(&split(max, &chunks), &(at_once.clone(), nuls));
            for (line, part) in &at_once {
                let most = if *part <= 1 { longest(line, max) } else { max };
                prop_assert!(line.len() <= most);
            }

            // No byte is lost or repeated except line endings, and NULs are counted.
            let mut joined = Vec::new();
            for (line, part) in &at_once {
                if *part <= 1 && !joined.is_empty() {
                    joined.push(b'\n');
                }
                joined.extend_from_slice(line);
            }
            let strip = |bytes: &[u8]| -> Vec<u8> {
                bytes.iter().copied().filter(|b| !b"\n\r\0".contains(b)).collect()
            };
            let count = |bytes: &[u8]| bytes.iter().filter(|byte| **byte == 0).count() as u64;
            prop_assert_eq!(count(&joined) + nuls, count(&bytes));
            prop_assert_eq!(strip(&joined), strip(&bytes));
        }
    }
}
