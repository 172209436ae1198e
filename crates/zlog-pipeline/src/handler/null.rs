//! Formats records and discards them: the cost that every formatting handler has, as a baseline for
//! measurements.

use std::hint::black_box;

use super::buffer::RecordBuffer;
use super::{HandleError, Handler};
use zlog_core::format::Format;
use zlog_core::{Record, Result};

/// Formats records.
pub struct NullHandler {
    buffer: RecordBuffer,
}

impl NullHandler {
    /// Formats records with `format`.
    pub fn new(format: Box<dyn Format>) -> NullHandler {
        NullHandler { buffer: RecordBuffer::new(format) }
    }
}

impl Handler for NullHandler {
    /// # Errors
    /// Never.
    fn handle(&mut self, record: &Record<'_>) -> Result<(), HandleError> {
        // Keeps the compiler from removing the formatting.
        black_box(self.buffer.format(record));
        Ok(())
    }

    /// Nothing is buffered.
    fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sends each formatted message to a channel.
    struct Counting(std::sync::mpsc::Sender<String>);

    impl Format for Counting {
        fn write(&mut self, record: &Record<'_>, out: &mut Vec<u8>) {
            out.extend_from_slice(record.msg.as_bytes());
            self.0.send(record.msg.to_string()).unwrap();
        }
    }

    #[test]
    fn each_record_is_formatted_once() {
        let (sender, formatted) = std::sync::mpsc::channel();
        let mut handler = NullHandler::new(Box::new(Counting(sender)));
        for msg in ["one", "two"] {
            handler.handle(&Record { msg: msg.into(), ..Record::default() }).unwrap();
        }
        handler.flush().unwrap();
        drop(handler);
        assert_eq!(formatted.iter().collect::<Vec<_>>(), ["one", "two"]);
    }
}
