//! What is to be written to a peer: slices of blocks that peers share.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use super::transport::Stream;
use crate::protocol::frame;

/// Most slices of one write. The system takes up to 1024.
const MAX_SLICES: usize = 64;
/// A peer that uses less than this part of a block gets a copy instead of a share.
const MIN_SHARE: usize = 8;

/// Memory that peers share: encoded messages, in chunks that follow one another.
#[derive(Debug)]
pub(crate) struct Block {
    /// Bytes that it takes.
    size: usize,
    /// The chunks so far, and where each starts. Locked shortly, and once for a write.
    chunks: Mutex<Vec<(usize, Bytes)>>,
}

impl Block {
    pub(crate) fn new(size: usize) -> Arc<Block> {
        Arc::new(Block { size, chunks: Mutex::default() })
    }

    fn lock(&self) -> MutexGuard<'_, Vec<(usize, Bytes)>> {
        self.chunks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whole messages that were encoded one after another: a part of a block.
#[derive(Clone, Debug)]
pub(crate) struct Chunk {
    pub(crate) bytes: Bytes,
    block: Arc<Block>,
    /// Where it starts in the block.
    start: usize,
}

impl Chunk {
    /// Appends a chunk to a block.
    pub(crate) fn append(block: &Arc<Block>, bytes: Bytes) -> Chunk {
        let mut chunks = block.lock();
        let start = chunks.last().map_or(0, |(start, last)| start + last.len());
        chunks.push((start, bytes.clone()));
        Chunk { bytes, block: Arc::clone(block), start }
    }
}

/// A part of a block: whole messages, of one chunk or of several.
#[derive(Debug)]
struct Slice {
    block: Arc<Block>,
    range: Range<usize>,
    messages: usize,
}

impl Slice {
    /// Bytes of one peer alone.
    fn own(bytes: Vec<u8>, messages: usize) -> Slice {
        let (block, range) = (Block::new(0), 0..bytes.len());
        Chunk::append(&block, bytes.into());
        Slice { block, range, messages }
    }

    /// What follows its first `skip` bytes, by chunk.
    fn pieces(&self, skip: usize) -> impl Iterator<Item = Bytes> {
        let range = self.range.start + skip..self.range.end;
        let chunks = self.block.lock();
        let mut next = chunks.partition_point(|(start, chunk)| start + chunk.len() <= range.start);
        std::iter::from_fn(move || {
            let (start, chunk) = chunks.get(next).filter(|(start, _)| *start < range.end)?;
            next += 1;
            let end = (range.end - start).min(chunk.len());
            Some(chunk.slice(range.start.saturating_sub(*start)..end))
        })
    }

    /// The bytes and the number of the messages that are whole within the first `most` bytes.
    fn first_messages(&self, most: usize) -> (usize, usize) {
        let (mut bytes, mut messages) = (0, 0);
        for piece in self.pieces(0) {
            let (whole, count) = frame::first_messages(&piece, usize::MAX, most - bytes);
            (bytes, messages) = (bytes + whole, messages + count);
            if whole < piece.len() {
                break;
            }
        }
        (bytes, messages)
    }
}

/// A queue of slices, within bounds that the caller checks.
///
/// Memory stays within `MIN_SHARE` times the bytes queued, and one block: when a slice of a
/// newer block comes, and little of the block before it is in the queue, that is copied. A slice
/// takes 32 bytes. Messages that follow one another in a block are one slice.
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
        let range = chunk.start + range.start..chunk.start + range.end;
        // The count of messages goes down with whole slices: one that is being written must end.
        let is_written = self.written > 0 && self.slices.len() == 1;
        if let Some(last) = self.slices.back_mut().filter(|_| !is_written)
            && Arc::ptr_eq(&last.block, &chunk.block)
            && last.range.end == range.start
        {
            self.bytes += range.len();
            self.messages += messages;
            self.tail.1 += range.len();
            last.range.end = range.end;
            last.messages += messages;
            return;
        }
        self.append(Slice { block: Arc::clone(&chunk.block), range, messages });
    }

    fn append(&mut self, slice: Slice) {
        if slice.range.is_empty() {
            return;
        }
        self.bytes += slice.range.len();
        self.messages += slice.messages;
        if self.slices.back().is_some_and(|last| !Arc::ptr_eq(&last.block, &slice.block)) {
            self.copy_tail();
            self.tail = (0, 0);
        }
        self.tail = (self.tail.0 + 1, self.tail.1 + slice.range.len());
        self.slices.push_back(slice);
    }

    /// Copies the slices of the last block if they are a small part of it.
    fn copy_tail(&mut self) {
        let (count, bytes) = self.tail;
        let size = self.slices.back().map_or(0, |slice| slice.block.size);
        // The first slice is partly written.
        let count = count.min(self.slices.len() - usize::from(self.written > 0));
        if bytes.saturating_mul(MIN_SHARE) >= size || count == 0 {
            return;
        }
        let mut copy = Vec::with_capacity(bytes);
        let mut messages = 0;
        for slice in self.slices.drain(self.slices.len() - count..) {
            slice.pieces(0).for_each(|piece| copy.extend_from_slice(&piece));
            messages += slice.messages;
        }
        self.slices.push_back(Slice::own(copy, messages));
    }

    /// Writes until everything is written or the system takes no more. Returns the bytes
    /// written, and whether the system would take more.
    pub(crate) fn write_to(&mut self, stream: &mut Stream) -> io::Result<(usize, bool)> {
        let mut total = 0;
        while !self.slices.is_empty() {
            let mut pieces = [const { Bytes::new() }; MAX_SLICES];
            let mut count = 0;
            for (to, piece) in pieces.iter_mut().zip(self.unwritten()) {
                *to = piece;
                count += 1;
            }
            let mut slices = [IoSlice::new(&[]); MAX_SLICES];
            slices.iter_mut().zip(&pieces).for_each(|(to, piece)| *to = IoSlice::new(piece));
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

    /// What is not written yet. A piece ends where a message ends.
    pub(crate) fn unwritten(&self) -> impl Iterator<Item = Bytes> {
        let start = |at| if at == 0 { self.written } else { 0 };
        self.slices.iter().enumerate().flat_map(move |(at, slice)| slice.pieces(start(at)))
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
            let (done, messages) = first.first_messages(self.written);
            first.range.start += done;
            first.messages = first.messages.saturating_sub(messages);
            self.written = 0;
        }
        let is_command =
            |slice: &Slice| slice.pieces(0).next().is_some_and(|it| frame::is_command(&it));
        self.slices.retain(|slice| slice.messages > 0 || !is_command(slice));
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
        let written = self
            .slices
            .front()
            .map_or(0, |first| first.first_messages(self.written).1.min(first.messages));
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

    /// The first chunk of a block.
    fn chunk(fill: u8) -> Chunk {
        Chunk::append(&Block::new(BLOCK), vec![fill; 1000].into())
    }

    fn bytes(outbox: &Outbox) -> Vec<u8> {
        outbox.unwritten().flat_map(|piece| piece.to_vec()).collect()
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
    fn adjoining_chunks_of_a_block_are_one_slice_unless_it_is_being_written() {
        let (mut outbox, block) = (Outbox::default(), Block::new(BLOCK));
        let next = |outbox: &mut Outbox, fill| {
            let chunk = Chunk::append(&block, [0, 1, fill].repeat(2).into());
            outbox.push(&chunk, 0..6, 2);
        };
        (1..=3).for_each(|fill| next(&mut outbox, fill));
        assert_eq!((outbox.slices.len(), outbox.bytes(), outbox.messages()), (1, 18, 6));
        outbox.advance(8);
        (4..=5).for_each(|fill| next(&mut outbox, fill));
        assert_eq!((outbox.slices.len(), outbox.unsent()), (2, 8));
        let messages = [2, 2, 3, 3, 4, 4, 5, 5].map(|fill| [0, 1, fill]).concat();
        assert_eq!(bytes(&outbox), messages[2..]);
        outbox.rewind();
        assert_eq!((bytes(&outbox), outbox.messages()), (messages, 8));
    }

    #[test]
    fn a_message_counts_as_unsent_until_its_last_byte_is_written() {
        let mut outbox = Outbox::default();
        let messages = [0, 3, b'a', b'b', b'c'].repeat(4);
        outbox.push_bytes(vec![4, 1, 0]);
        outbox.push(&Chunk::append(&Block::new(BLOCK), messages.into()), 0..20, 4);
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
        let held: usize = outbox.slices.iter().map(|slice| slice.block.size).sum();
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
        assert_eq!((outbox.bytes(), outbox.slices[0].block.size), (25, BLOCK));
        assert_eq!(bytes(&outbox), [vec![1; 5], vec![2; 10], vec![3; 10]].concat());
        outbox.advance(25);
        assert!(outbox.is_empty() && outbox.bytes() == 0 && outbox.messages() == 0);
    }
}
