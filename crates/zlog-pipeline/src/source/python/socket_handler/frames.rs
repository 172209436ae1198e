//! Splits a client's bytes into frames: a length of four bytes, most significant first,
//! and as many bytes.
//!
//! Frames are passed on in the buffer that all clients share for reading. Only a frame that
//! is cut by the end of a read is kept for its client, so a client costs the memory that it
//! has sent, never what it has announced. A frame that is too long is skipped.

use super::other_protocol::is_other_protocol;
use zlog_core::Result;
use zlog_core::wire::pickle;

/// Bytes of the length.
const HEADER: usize = 4;

/// The longest frame that is skipped, in bytes. A larger length is no length.
const MAX_SKIPPED: u32 = 1 << 31;

/// Capacity that a client's empty buffer may keep.
const KEPT_CAPACITY: usize = 64 << 10;

/// A frame that a client has sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Frame<'f> {
    /// A whole frame.
    Whole(&'f [u8]),
    /// A frame of so many bytes, which is too long and will be skipped. The answer to it does
    /// not matter.
    TooLong(u32),
}

/// The consumer's answer to a frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum FrameOutcome<F> {
    /// Taken: go on with the next one.
    Continue,
    /// Taken: the next one must wait.
    Stop,
    /// Not taken: pass it again later.
    Retry,
    /// Not valid: the client is to be disconnected.
    Reject(F),
}

/// Outcome of [`Frames::feed`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum FeedOutcome<F> {
    /// All whole frames were taken.
    Consumed,
    /// Some bytes wait; they may be whole frames.
    Pending,
    /// A frame was rejected.
    Rejected(F),
    /// The length of a frame is too large, and no pickle follows it.
    NoFrame {
        /// The length as it was received.
        header: [u8; HEADER],
    },
}

/// The bytes of a client that are kept between reads.
#[derive(Debug, Default)]
pub(super) struct Frames {
    buffer: Vec<u8>,
    /// How much of `buffer` has been taken.
    consumed: usize,
    /// Bytes that are missing from a frame that is skipped.
    to_skip: usize,
}

/// The beginning of some bytes.
enum Next<'b> {
    /// A frame.
    Whole(&'b [u8]),
    /// A part of a frame; at least so many bytes are missing.
    Incomplete(usize),
    /// A frame of so many bytes that is too long.
    TooLong(u32),
    NoFrame([u8; HEADER]),
}

fn next(bytes: &[u8], max_record: usize) -> Next<'_> {
    let Some((header, rest)) = bytes.split_first_chunk::<HEADER>() else {
        return Next::Incomplete(HEADER - bytes.len());
    };
    // A length that exceeds usize exceeds the maximum, too.
    let announced = u32::from_be_bytes(*header);
    let length = usize::try_from(announced).unwrap_or(usize::MAX);
    if length > max_record {
        return match rest.first() {
            _ if announced > MAX_SKIPPED || is_other_protocol(*header) => Next::NoFrame(*header),
            None => Next::Incomplete(1),
            Some(first) if pickle::is_start(*first) => Next::TooLong(announced),
            Some(_) => Next::NoFrame(*header),
        };
    }
    rest.get(..length).map_or_else(|| Next::Incomplete(length - rest.len()), Next::Whole)
}

impl Frames {
    /// Passes on, in order, the frames that `bytes` complete.
    ///
    /// # Errors
    /// Those of `frame`.
    pub(super) fn feed<F>(
        &mut self,
        mut bytes: &[u8],
        max_record: usize,
        frame: &mut dyn FnMut(Frame<'_>) -> Result<FrameOutcome<F>>,
    ) -> Result<FeedOutcome<F>> {
        loop {
            bytes = self.skip(bytes);
            if self.is_skipping() {
                return Ok(FeedOutcome::Consumed);
            }
            let buffered = !self.buffer.is_empty();
            let input = if buffered { &self.buffer[self.consumed..] } else { bytes };
            match next(input, max_record) {
                Next::NoFrame(header) => return Ok(FeedOutcome::NoFrame { header }),
                Next::TooLong(length) => {
                    frame(Frame::TooLong(length))?;
                    self.to_skip = usize::try_from(length).unwrap_or(usize::MAX) + HEADER;
                }
                Next::Incomplete(missing) if buffered && !bytes.is_empty() => {
                    let (needed, rest) = bytes.split_at(missing.min(bytes.len()));
                    self.buffer.extend_from_slice(needed);
                    bytes = rest;
                }
                Next::Incomplete(_) => {
                    self.keep::<F>(bytes);
                    return Ok(FeedOutcome::Consumed);
                }
                Next::Whole(whole) => {
                    let length = HEADER + whole.len();
                    let outcome = frame(Frame::Whole(whole))?;
                    match outcome {
                        FrameOutcome::Retry => {}
                        _ if buffered => self.consume(length),
                        _ => bytes = &bytes[length..],
                    }
                    match outcome {
                        FrameOutcome::Continue => {}
                        FrameOutcome::Stop | FrameOutcome::Retry => return Ok(self.keep(bytes)),
                        FrameOutcome::Reject(fault) => {
                            self.keep::<F>(bytes);
                            return Ok(FeedOutcome::Rejected(fault));
                        }
                    }
                }
            }
        }
    }

    /// Drops the bytes of a frame that is skipped, and returns the rest of `bytes`.
    fn skip<'b>(&mut self, bytes: &'b [u8]) -> &'b [u8] {
        if self.to_skip == 0 {
            return bytes;
        }
        let buffered = self.to_skip.min(self.buffer.len() - self.consumed);
        self.consume(buffered);
        let (_, rest) = bytes.split_at(bytes.len().min(self.to_skip - buffered));
        self.to_skip -= buffered + (bytes.len() - rest.len());
        rest
    }

    /// Whether a frame has begun that has not ended.
    pub(super) fn is_partial(&self) -> bool {
        !self.buffer.is_empty() || self.is_skipping()
    }

    /// Whether that frame is skipped.
    pub(super) fn is_skipping(&self) -> bool {
        self.to_skip > 0
    }

    /// Counts the frames that were not taken, also the last one, of which a part has come.
    pub(super) fn counter(&self) -> FrameCounter {
        let mut counter = FrameCounter { to_skip: self.to_skip, ..FrameCounter::default() };
        counter.feed(&self.buffer[self.consumed..]);
        counter
    }

    /// Memory that it takes, in bytes.
    pub(super) fn size(&self) -> usize {
        self.buffer.capacity()
    }

    /// Keeps `bytes` for the next call.
    fn keep<F>(&mut self, bytes: &[u8]) -> FeedOutcome<F> {
        self.buffer.drain(..self.consumed);
        self.consumed = 0;
        self.buffer.extend_from_slice(bytes);
        if self.buffer.is_empty() { FeedOutcome::Consumed } else { FeedOutcome::Pending }
    }

    /// Drops a frame at the start of the buffer.
    fn consume(&mut self, length: usize) {
        self.consumed += length;
        if self.consumed == self.buffer.len() {
            self.consumed = 0;
            self.buffer.clear();
            if self.buffer.capacity() > KEPT_CAPACITY {
                self.buffer = Vec::new();
            }
        }
    }
}

/// Counts frames by their lengths.
#[derive(Debug, Default)]
pub(super) struct FrameCounter {
    header: Vec<u8>,
    to_skip: usize,
    frames: u64,
}

impl FrameCounter {
    /// Counts the frames that begin in `bytes`.
    pub(super) fn feed(&mut self, mut bytes: &[u8]) {
        loop {
            let skipped = self.to_skip.min(bytes.len());
            self.to_skip -= skipped;
            bytes = &bytes[skipped..];
            let Some((&first, rest)) = bytes.split_first() else { return };
            self.frames += u64::from(self.header.is_empty());
            self.header.push(first);
            bytes = rest;
            if let Ok(header) = <[u8; HEADER]>::try_from(&self.header[..]) {
                self.to_skip = usize::try_from(u32::from_be_bytes(header)).unwrap_or(usize::MAX);
                self.header.clear();
            }
        }
    }

    /// The frames so far.
    pub(super) fn frames(&self) -> u64 {
        self.frames
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Fault = &'static str;

    fn framed(frames: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for frame in frames {
            bytes.extend_from_slice(&u32::try_from(frame.len()).unwrap().to_be_bytes());
            bytes.extend_from_slice(frame);
        }
        bytes
    }

    proptest! {
        #[test]
        fn frames_are_whole_and_in_order_however_the_bytes_are_cut(
            sent in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 0..20),
            cuts in proptest::collection::vec(1..50usize, 1..20),
            stops in proptest::collection::vec(any::<bool>(), 20),
            later in proptest::collection::vec(any::<bool>(), 20),
        ) {
            let bytes = framed(&sent);
            let (mut frames, mut got, mut rest) = (Frames::default(), Vec::new(), &bytes[..]);
            let mut cuts = cuts.iter().cycle();
            let mut stops = stops.iter().cycle();
            // At least one frame is taken, or this would not end.
            let mut later = later.iter().chain([&false]).cycle();
            while !rest.is_empty() {
                let (piece, after) = rest.split_at(rest.len().min(*cuts.next().unwrap()));
                rest = after;
                let mut piece = piece;
                loop {
                    let outcome = frames.feed::<Fault>(piece, 40, &mut |frame| {
                        if *later.next().unwrap() {
                            return Ok(FrameOutcome::Retry);
                        }
                        let Frame::Whole(frame) = frame else { panic!("{frame:?}") };
                        got.push(frame.to_vec());
                        Ok(if *stops.next().unwrap() { FrameOutcome::Stop } else { FrameOutcome::Continue })
                    });
                    piece = &[];
                    if outcome.unwrap() == FeedOutcome::Consumed {
                        break;
                    }
                }
            }
            prop_assert!(!frames.is_partial());
            prop_assert_eq!(got, sent);
        }
    }

    #[test]
    fn an_announced_frame_takes_no_more_memory_than_its_bytes_received() {
        let mut frames = Frames::default();
        let announced = [0, 16, 0, 0, b'x'];
        let outcome = frames.feed::<Fault>(&announced, 1 << 20, &mut |_| panic!("it is not whole"));
        assert_eq!(outcome.unwrap(), FeedOutcome::Consumed);
        assert!(frames.is_partial());
        assert!(frames.size() < 100, "{}", frames.size());
    }

    #[test]
    fn a_frame_that_is_too_long_is_refused_by_its_length_alone() {
        for cut in 0..4 {
            let (first, second) = b"GET / HTTP/1.1".split_at(cut);
            let mut frames = Frames::default();
            let mut none =
                |_: Frame<'_>| -> Result<FrameOutcome<Fault>> { panic!("nothing is whole") };
            assert_eq!(frames.feed(first, 1 << 20, &mut none).unwrap(), FeedOutcome::Consumed);
            let outcome = frames.feed(second, 1 << 20, &mut none).unwrap();
            assert_eq!(outcome, FeedOutcome::NoFrame { header: *b"GET " });
        }
    }

    #[test]
    fn a_pickle_that_is_too_long_is_skipped_and_takes_no_memory_however_it_is_cut() {
        let long = [b"}", &vec![b'x'; 5000][..]].concat();
        let bytes = framed(&[b"}.".to_vec(), long, b"}1".to_vec()]);
        for cut in 1..bytes.len() {
            let (mut frames, mut got) = (Frames::default(), Vec::new());
            for piece in [&bytes[..cut], &bytes[cut..]] {
                let outcome = frames.feed::<Fault>(piece, 40, &mut |frame| {
                    got.push(match frame {
                        Frame::Whole(whole) => String::from_utf8_lossy(whole).into_owned(),
                        Frame::TooLong(length) => length.to_string(),
                    });
                    Ok(FrameOutcome::Continue)
                });
                assert_eq!(outcome.unwrap(), FeedOutcome::Consumed);
                assert!(frames.size() < 100, "{}", frames.size());
            }
            assert_eq!(got, ["}.", "5001", "}1"], "cut at {cut}");
            assert!(!frames.is_partial());
        }
    }

    #[test]
    fn frames_that_are_not_taken_are_counted_with_the_last_partial_one() {
        let mut bytes = framed(&[vec![1; 10], vec![2; 300], vec![3; 20]]);
        bytes.truncate(bytes.len() - 3);
        for size in [1, 7, 400] {
            let mut counter = Frames::default().counter();
            bytes.chunks(size).for_each(|piece| counter.feed(piece));
            assert_eq!(counter.frames(), 3);
        }
    }

    #[test]
    fn a_large_frame_leaves_no_large_buffer_behind() {
        let mut frames = Frames::default();
        let bytes = framed(&[vec![7; 500_000]]);
        let mut came = 0;
        for piece in bytes.chunks(60_000) {
            let outcome = frames.feed::<Fault>(piece, 1 << 20, &mut |frame| {
                let Frame::Whole(frame) = frame else { panic!("{frame:?}") };
                came += frame.len();
                Ok(FrameOutcome::Continue)
            });
            assert_eq!(outcome.unwrap(), FeedOutcome::Consumed);
        }
        assert_eq!(came, 500_000);
        assert!(frames.size() <= KEPT_CAPACITY, "{}", frames.size());
    }
}
