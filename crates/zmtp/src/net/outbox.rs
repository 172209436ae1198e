//! What is to be written to a peer: slices of blocks that peers share.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::ops::Range;

use bytes::Bytes;

use super::transport::Stream;
use crate::protocol::frame;

/// Most slices of one write. The system takes up to 1024.
const MAX_SLICES: usize = 64;
/// A peer that uses less than this part of a block gets a copy instead of a share.
const MIN_SHARE: usize = 8;

/// Encoded messages that peers share: a part of a block.
#[derive(Clone, Debug)]
pub(crate) struct Chunk {
    pub(crate) bytes: Bytes,
    /// Number of the block.
    pub(crate) block: u64,
    /// Bytes that the block takes.
    pub(crate) block_size: usize,
}

/// A slice of a chunk.
#[derive(Debug)]
struct Slice {
    chunk: Chunk,
    range: Range<usize>,
    messages: usize,
}

impl Slice {
    fn own(bytes: Vec<u8>, messages: usize) -> Slice {
        let range = 0..bytes.len();
        Slice { chunk: Chunk { bytes: bytes.into(), block: 0, block_size: 0 }, range, messages }
    }

    fn bytes(&self) -> &[u8] {
        &self.chunk.bytes[self.range.clone()]
    }

    /// Whether the range of `chunk` continues this slice.
    fn continues(&self, chunk: &Chunk, range: &Range<usize>) -> bool {
        let same = self.chunk.bytes.as_ptr() == chunk.bytes.as_ptr();
        same && self.chunk.block == chunk.block && self.range.end == range.start
    }
}

/// A queue of slices, within bounds that the caller checks.
///
/// Memory stays within `MIN_SHARE` times the bytes queued, and one block: when a slice of a
/// newer block comes, and little of the block before it is in the queue, that is copied.
#[derive(Default, Debug)]
pub(crate) struct Outbox {
    slices: VecDeque<Slice>,
    /// Bytes of the first slice that are written.
    written: usize,
    bytes: usize,
    messages: usize,
    /// Slices and bytes at the end of the queue that are of the same block.
    tail: (usize, usize),
}

impl Outbox {
    /// Appends bytes that count as no message: a command, or a notice.
    pub(crate) fn push_bytes(&mut self, bytes: Vec<u8>) {
        self.append(Slice::own(bytes, 0));
    }

    /// Appends an encoded message of this peer alone.
    pub(crate) fn push_message(&mut self, bytes: Vec<u8>) {
        self.append(Slice::own(bytes, 1));
    }

    /// Appends a part of a chunk that has this many messages.
    pub(crate) fn push(&mut self, chunk: &Chunk, range: Range<usize>, messages: usize) {
        if let Some(last) = self.slices.back_mut()
            && last.continues(chunk, &range)
        {
            self.bytes += range.len();
            self.messages += messages;
            self.tail.1 += range.len();
            last.range.end = range.end;
            last.messages += messages;
            return;
        }
        self.append(Slice { chunk: chunk.clone(), range, messages });
    }

    fn append(&mut self, slice: Slice) {
        if slice.range.is_empty() {
            return;
        }
        self.bytes += slice.range.len();
        self.messages += slice.messages;
        if self.slices.back().is_some_and(|last| last.chunk.block != slice.chunk.block) {
            self.copy_tail();
            self.tail = (0, 0);
        }
        self.tail = (self.tail.0 + 1, self.tail.1 + slice.range.len());
        self.slices.push_back(slice);
    }

    /// Copies the slices of the last block if they are a small part of it.
    fn copy_tail(&mut self) {
        let (count, bytes) = self.tail;
        let size = self.slices.back().map_or(0, |slice| slice.chunk.block_size);
        // The first slice is partly written.
        let count = count.min(self.slices.len() - usize::from(self.written > 0));
        if bytes.saturating_mul(MIN_SHARE) >= size || count == 0 {
            return;
        }
        let mut copy = Vec::with_capacity(bytes);
        let mut messages = 0;
        for slice in self.slices.drain(self.slices.len() - count..) {
            copy.extend_from_slice(slice.bytes());
            messages += slice.messages;
        }
        self.slices.push_back(Slice::own(copy, messages));
    }

    /// Writes until everything is written or the system takes no more. Returns the bytes
    /// written, and whether the system would take more.
    pub(crate) fn write_to(&mut self, stream: &mut Stream) -> io::Result<(usize, bool)> {
        let mut total = 0;
        while !self.slices.is_empty() {
            let mut slices = [IoSlice::new(&[]); MAX_SLICES];
            let mut count = 0;
            for (to, bytes) in slices.iter_mut().zip(self.unwritten()) {
                *to = IoSlice::new(bytes);
                count += 1;
            }
            match stream.write_vectored(&slices[..count]) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => {
                    total += written;
                    self.advance(written);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Ok((total, false));
                }
                Err(error) => return Err(error),
            }
        }
        Ok((total, true))
    }

    /// The slices that are not written yet.
    pub(crate) fn unwritten(&self) -> impl Iterator<Item = &[u8]> {
        let start = |at| if at == 0 { self.written } else { 0 };
        self.slices.iter().enumerate().map(move |(at, slice)| &slice.bytes()[start(at)..])
    }

    /// Notes that bytes were written.
    pub(super) fn advance(&mut self, written: usize) {
        self.bytes -= written;
        self.written += written;
        while let Some(first) = self.slices.front()
            && self.written >= first.range.len()
        {
            self.written -= first.range.len();
            self.messages -= first.messages;
            self.slices.pop_front();
        }
        if self.slices.len() < self.tail.0 {
            self.tail.0 = self.slices.len();
        }
    }

    /// Makes the queue begin with the first message that was not written completely, for another
    /// connection. Commands are dropped.
    pub(crate) fn rewind(&mut self) {
        if let Some(first) = self.slices.front_mut() {
            let bytes = first.bytes();
            let (done, messages) = frame::first_messages(bytes, usize::MAX, self.written);
            first.range.start += done;
            first.messages = first.messages.saturating_sub(messages);
            self.written = 0;
        }
        self.slices.retain(|slice| slice.messages > 0 || !frame::is_command(slice.bytes()));
        self.bytes = self.slices.iter().map(|slice| slice.range.len()).sum();
        self.messages = self.slices.iter().map(|slice| slice.messages).sum();
        self.tail = (0, 0);
    }

    /// Appends what another queue holds, of which nothing is written.
    pub(crate) fn append_all(&mut self, other: Outbox) {
        other.slices.into_iter().for_each(|slice| self.append(slice));
    }

    /// Bytes that are not written yet.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Messages that are not written yet, a partly written slice of them included.
    pub(crate) fn messages(&self) -> usize {
        self.messages
    }

    /// Messages that are not written completely.
    pub(crate) fn unsent(&self) -> usize {
        let written = self.slices.front().map_or(0, |first| {
            let (_, count) = frame::first_messages(first.bytes(), usize::MAX, self.written);
            count.min(first.messages)
        });
        self.messages - written
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.slices.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLOCK: usize = 1 << 20;

    fn chunk(block: u64) -> Chunk {
        Chunk { bytes: vec![block as u8; 1000].into(), block, block_size: BLOCK }
    }

    #[test]
    fn adjoining_parts_of_a_chunk_are_one_slice() {
        let mut outbox = Outbox::default();
        let chunk = chunk(1);
        outbox.push(&chunk, 0..100, 2);
        outbox.push(&chunk, 100..150, 1);
        outbox.push(&chunk, 200..300, 1);
        assert_eq!((outbox.slices.len(), outbox.bytes(), outbox.messages()), (2, 250, 4));
        outbox.advance(150);
        assert_eq!((outbox.slices.len(), outbox.bytes(), outbox.messages()), (1, 100, 1));
    }

    #[test]
    fn a_message_counts_as_unsent_until_its_last_byte_is_written() {
        let mut outbox = Outbox::default();
        let messages = [0, 3, b'a', b'b', b'c'].repeat(4);
        outbox.push_bytes(vec![4, 1, 0]);
        outbox.push(&Chunk { bytes: messages.into(), ..chunk(1) }, 0..20, 4);
        let mut unsent = Vec::new();
        for _ in 0..24 {
            unsent.push(outbox.unsent());
            outbox.advance(1.min(outbox.bytes()));
        }
        let expected = [[4; 3].as_slice(), &[4; 5], &[3; 5], &[2; 5], &[1; 5], &[0]].concat();
        assert_eq!(unsent, expected);
    }

    #[test]
    fn a_slow_subscriber_of_few_messages_keeps_no_blocks() {
        let mut outbox = Outbox::default();
        for block in 1..=100 {
            outbox.push(&chunk(block), 0..10, 1);
            outbox.push(&chunk(block), 500..510, 1);
            outbox.push_bytes(vec![0; 3]);
        }
        let held: usize = outbox.slices.iter().map(|slice| slice.chunk.block_size).sum();
        assert!(held <= BLOCK, "{held}");
        assert_eq!((outbox.bytes(), outbox.messages()), (100 * 23, 200));
    }

    #[test]
    fn what_is_partly_written_is_not_copied() {
        let mut outbox = Outbox::default();
        outbox.push(&chunk(1), 0..10, 1);
        outbox.advance(5);
        outbox.push(&chunk(2), 0..10, 1);
        outbox.push(&chunk(3), 0..10, 1);
        assert_eq!((outbox.bytes(), outbox.slices[0].chunk.block), (25, 1));
        let first = &outbox.slices[0].bytes()[outbox.written..];
        let rest: Vec<u8> = outbox.slices.iter().skip(1).flat_map(|s| s.bytes().to_vec()).collect();
        assert_eq!((first, rest), (&[1; 5][..], [[2; 10], [3; 10]].concat()));
        outbox.advance(25);
        assert!(outbox.is_empty() && outbox.bytes() == 0 && outbox.messages() == 0);
    }
}
