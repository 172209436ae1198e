//! A thread between a reader and the source, which reads the JSON objects in the blocks.

use crossbeam_channel::{Receiver, Sender, bounded};

use super::objects::Objects;
use super::reader::{Block, ReaderEvent, ReaderMessage};
use crate::os::thread;
use zlog_core::Result;
use zlog_core::parse::ObjectReader;

/// Blocks that wait for the thread: one that is being read, and the next.
const BLOCKS: usize = 2;

/// Starts the thread. It passes on what is sent to it, in order, and ends when either end goes.
///
/// # Errors
/// No thread can be started.
pub(super) fn read_objects(
    to: Sender<ReaderMessage>,
    reader: ObjectReader,
) -> Result<Sender<ReaderMessage>> {
    let (sender, messages) = bounded(BLOCKS);
    thread::spawn("objects", move || run(&messages, &to, reader))?;
    Ok(sender)
}

fn run(messages: &Receiver<ReaderMessage>, to: &Sender<ReaderMessage>, mut reader: ObjectReader) {
    // The stream of the last block, and whether it has ended with a line.
    let mut last = (usize::MAX, true);
    for mut message in messages {
        if let ReaderEvent::Bytes(block) = &mut message.event {
            let begins = last.1 || last.0 != message.stream;
            block.objects = objects_of(block, begins, &mut reader);
            last = (message.stream, block.bytes().ends_with(b"\n"));
        } else {
            last.1 |= matches!(message.event, ReaderEvent::Break);
        }
        if to.send(message).is_err() {
            return;
        }
    }
}

/// The objects of a block, which `begins` with a line.
fn objects_of(block: &Block, begins: bool, reader: &mut ObjectReader) -> Option<Objects> {
    let first_end = || memchr::memchr(b'\n', block.bytes()).map(|at| at + 1);
    let start = if begins { 0 } else { first_end()? };
    Objects::read(&block.buffer, start, block.len, reader)
}
