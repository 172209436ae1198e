//! A client's bytes to frames: a length of four bytes, most significant first, and
//! as many bytes.
//!
//! What may be here: finding where frames begin and end. What is in them is
//! `wire`'s. Frames are handed on where they were read, in the buffer that all
//! clients share; only what is cut by the end of a read is kept for its client. So
//! a client costs what it has sent, never what it has announced.

use zlog_core::error::Result;

/// Bytes of the length.
const HEADER: usize = 4;

/// Room that a client may keep while nothing is in it.
const KEPT_CAPACITY: usize = 64 << 10;

/// What became of a frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum FrameOutcome<F> {
    /// Go on.
    Continue,
    /// Go on another time.
    Stop,
    /// The frame was not taken: hand it on again another time.
    Retry,
    /// The client is not to be listened to any more.
    Reject(F),
}

/// What became of the bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum FeedOutcome<F> {
    /// All whole frames were handed on.
    Consumed,
    /// Some frames wait.
    Pending,
    /// A frame was bad.
    Rejected(F),
    /// A frame is announced that is longer than one may be.
    TooLong {
        /// The length, as it came.
        header: [u8; HEADER],
    },
}

/// What is kept of a client's bytes between reads.
#[derive(Debug, Default)]
pub(super) struct Frames {
    buffer: Vec<u8>,
    /// How much of `held` has been handed on.
    consumed: usize,
}

/// What bytes begin with.
enum Next<'b> {
    /// A frame, and what follows it.
    Whole(&'b [u8], &'b [u8]),
    /// A part of one: so many bytes lack, as far as can be told.
    Incomplete(usize),
    TooLong([u8; HEADER]),
}

fn next(bytes: &[u8], longest: usize) -> Next<'_> {
    let Some((header, rest)) = bytes.split_first_chunk::<HEADER>() else {
        return Next::Incomplete(HEADER - bytes.len());
    };
    // A length beyond usize is beyond the longest, too.
    let length = usize::try_from(u32::from_be_bytes(*header)).unwrap_or(usize::MAX);
    if length > longest {
        return Next::TooLong(*header);
    }
    match rest.split_at_checked(length) {
        Some((frame, after)) => Next::Whole(frame, after),
        None => Next::Incomplete(length - rest.len()),
    }
}

impl Frames {
    /// Hands on the frames that `bytes` complete, none longer than `longest`, in order.
    ///
    /// # Errors
    /// Whatever `frame` returns.
    pub(super) fn feed<F>(
        &mut self,
        mut bytes: &[u8],
        longest: usize,
        frame: &mut dyn FnMut(&[u8]) -> Result<FrameOutcome<F>>,
    ) -> Result<FeedOutcome<F>> {
        while !self.buffer.is_empty() {
            match next(&self.buffer[self.consumed..], longest) {
                Next::TooLong(header) => return Ok(FeedOutcome::TooLong { header }),
                Next::Incomplete(_) if bytes.is_empty() => {
                    self.compact();
                    return Ok(FeedOutcome::Consumed);
                }
                Next::Incomplete(lacking) => {
                    let (needed, rest) = bytes.split_at(lacking.min(bytes.len()));
                    self.buffer.extend_from_slice(needed);
                    bytes = rest;
                }
                Next::Whole(whole, _) => {
                    let end = self.consumed + HEADER + whole.len();
                    let taken = frame(whole)?;
                    if !matches!(taken, FrameOutcome::Retry) {
                        self.consumed = end;
                        if self.consumed == self.buffer.len() {
                            self.clear();
                        }
                    }
                    match taken {
                        FrameOutcome::Continue => {}
                        FrameOutcome::Stop | FrameOutcome::Retry => return Ok(self.keep(bytes)),
                        FrameOutcome::Reject(fault) => return Ok(FeedOutcome::Rejected(fault)),
                    }
                }
            }
        }
        loop {
            match next(bytes, longest) {
                Next::TooLong(header) => return Ok(FeedOutcome::TooLong { header }),
                Next::Incomplete(_) => {
                    self.buffer.extend_from_slice(bytes);
                    return Ok(FeedOutcome::Consumed);
                }
                Next::Whole(whole, after) => {
                    let taken = frame(whole)?;
                    if !matches!(taken, FrameOutcome::Retry) {
                        bytes = after;
                    }
                    match taken {
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

    /// Bytes of memory that it takes.
    pub(super) fn size(&self) -> usize {
        self.buffer.capacity()
    }

    fn keep<F>(&mut self, bytes: &[u8]) -> FeedOutcome<F> {
        self.compact();
        self.buffer.extend_from_slice(bytes);
        if self.buffer.is_empty() { FeedOutcome::Consumed } else { FeedOutcome::Pending }
    }

    fn compact(&mut self) {
        self.buffer.drain(..self.consumed);
        self.consumed = 0;
    }

    fn clear(&mut self) {
        self.consumed = 0;
        self.buffer.clear();
        if self.buffer.capacity() > KEPT_CAPACITY {
            self.buffer = Vec::new();
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
        fn frames_come_whole_and_in_order_however_they_are_cut(
            sent in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 0..20),
            cuts in proptest::collection::vec(1..50usize, 1..20),
            stops in proptest::collection::vec(any::<bool>(), 20),
            later in proptest::collection::vec(any::<bool>(), 20),
        ) {
            let bytes = framed(&sent);
            let (mut frames, mut got, mut rest) = (Frames::default(), Vec::new(), &bytes[..]);
            let mut cuts = cuts.iter().cycle();
            let mut stops = stops.iter().cycle();
            // One of them at least goes on, or this would have no end.
            let mut later = later.iter().chain([&false]).cycle();
            while !rest.is_empty() {
                let (piece, after) = rest.split_at(rest.len().min(*cuts.next().unwrap()));
                rest = after;
                let mut piece = piece;
                loop {
                    let fed = frames.feed::<Fault>(piece, 40, &mut |frame| {
                        if *later.next().unwrap() {
                            return Ok(FrameOutcome::Retry);
                        }
                        got.push(frame.to_vec());
                        Ok(if *stops.next().unwrap() { FrameOutcome::Stop } else { FrameOutcome::Continue })
                    });
                    piece = &[];
                    if fed.unwrap() == FeedOutcome::Consumed {
                        break;
                    }
                }
            }
            prop_assert!(!frames.is_partial());
            prop_assert_eq!(got, sent);
        }
    }

    #[test]
    fn a_frame_that_is_announced_costs_what_has_come_of_it() {
        let mut frames = Frames::default();
        let announced = [0, 16, 0, 0, b'x'];
        let fed = frames.feed::<Fault>(&announced, 1 << 20, &mut |_| panic!("it is not whole"));
        assert_eq!(fed.unwrap(), FeedOutcome::Consumed);
        assert!(frames.is_partial());
        assert!(frames.size() < 100, "{}", frames.size());
    }

    #[test]
    fn a_frame_longer_than_allowed_is_told_by_its_length_alone() {
        for cut in 0..4 {
            let (first, second) = b"GET / HTTP/1.1".split_at(cut);
            let mut frames = Frames::default();
            let mut none = |_: &[u8]| -> Result<FrameOutcome<Fault>> { panic!("nothing is whole") };
            assert_eq!(frames.feed(first, 1 << 20, &mut none).unwrap(), FeedOutcome::Consumed);
            let fed = frames.feed(second, 1 << 20, &mut none).unwrap();
            assert_eq!(fed, FeedOutcome::TooLong { header: *b"GET " });
        }
    }

    #[test]
    fn a_large_frame_leaves_no_large_buffer_behind() {
        let mut frames = Frames::default();
        let bytes = framed(&[vec![7; 500_000]]);
        let mut came = 0;
        for piece in bytes.chunks(60_000) {
            let fed = frames.feed::<Fault>(piece, 1 << 20, &mut |frame| {
                came += frame.len();
                Ok(FrameOutcome::Continue)
            });
            assert_eq!(fed.unwrap(), FeedOutcome::Consumed);
        }
        assert_eq!(came, 500_000);
        assert!(frames.size() <= KEPT_CAPACITY, "{}", frames.size());
    }
}
