//! Splits a client's bytes into frames: a length of four bytes, most significant first,
//! and as many bytes.
//!
//! Frames are passed on in the buffer that all clients share for reading. Only a frame that
//! is cut by the end of a read is kept for its client, so a client costs the memory that it
//! has sent, never what it has announced.

use zlog_core::Result;

/// Bytes of the length.
const HEADER: usize = 4;

/// Capacity that a client's empty buffer may keep.
const KEPT_CAPACITY: usize = 64 << 10;

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
    /// A frame was announced that is too long.
    TooLong {
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
}

/// The beginning of some bytes.
enum Next<'b> {
    /// A frame.
    Whole(&'b [u8]),
    /// A part of a frame; at least so many bytes are missing.
    Incomplete(usize),
    TooLong([u8; HEADER]),
}

fn next(bytes: &[u8], max_record: usize) -> Next<'_> {
    let Some((header, rest)) = bytes.split_first_chunk::<HEADER>() else {
        return Next::Incomplete(HEADER - bytes.len());
    };
    // A length that exceeds usize exceeds the maximum, too.
    let length = usize::try_from(u32::from_be_bytes(*header)).unwrap_or(usize::MAX);
    if length > max_record {
        return Next::TooLong(*header);
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
        frame: &mut dyn FnMut(&[u8]) -> Result<FrameOutcome<F>>,
    ) -> Result<FeedOutcome<F>> {
        loop {
            let buffered = !self.buffer.is_empty();
            let input = if buffered { &self.buffer[self.consumed..] } else { bytes };
            match next(input, max_record) {
                Next::TooLong(header) => return Ok(FeedOutcome::TooLong { header }),
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
                    let outcome = frame(whole)?;
                    match outcome {
                        FrameOutcome::Retry => {}
                        _ if buffered => self.consume(length),
                        _ => bytes = &bytes[length..],
                    }
                    match outcome {
                        FrameOutcome::Continue => {}
                        FrameOutcome::Stop | FrameOutcome::Retry => return Ok(self.keep(bytes)),
                        FrameOutcome::Reject(fault) => return Ok(FeedOutcome::Rejected(fault)),
                    }
                }
            }
        }
    }

    /// Whether a frame has begun that has not ended.
    pub(super) fn is_partial(&self) -> bool {
        !self.buffer.is_empty()
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
            let mut none = |_: &[u8]| -> Result<FrameOutcome<Fault>> { panic!("nothing is whole") };
            assert_eq!(frames.feed(first, 1 << 20, &mut none).unwrap(), FeedOutcome::Consumed);
            let outcome = frames.feed(second, 1 << 20, &mut none).unwrap();
            assert_eq!(outcome, FeedOutcome::TooLong { header: *b"GET " });
        }
    }

    #[test]
    fn a_large_frame_leaves_no_large_buffer_behind() {
        let mut frames = Frames::default();
        let bytes = framed(&[vec![7; 500_000]]);
        let mut came = 0;
        for piece in bytes.chunks(60_000) {
            let outcome = frames.feed::<Fault>(piece, 1 << 20, &mut |frame| {
                came += frame.len();
                Ok(FrameOutcome::Continue)
            });
            assert_eq!(outcome.unwrap(), FeedOutcome::Consumed);
        }
        assert_eq!(came, 500_000);
        assert!(frames.size() <= KEPT_CAPACITY, "{}", frames.size());
    }
}
