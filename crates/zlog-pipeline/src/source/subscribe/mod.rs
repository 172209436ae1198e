//! A subscription.
//!
//! What may be here: messages from a [`Subscriber`] to records, and counts of
//! what they were. What the frames mean is `wire`'s.

use std::ops::ControlFlow;
use std::time::Duration;

use super::{PollStatus, Sink, Source};
use crate::socket::{FrameSink, Subscriber};
use zlog_core::error::Result;
use zlog_core::record::Record;
use zlog_core::wire::{self, Dialect};

/// How many messages of each dialect have come.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Received {
    /// One JSON object.
    pub json: u64,
    /// A formatted message.
    pub text: u64,
    /// One frame of Logbook's JSON.
    pub logbook: u64,
    /// A pickled `LogRecord`.
    pub pickle: u64,
    /// What could not be decoded. It was delivered, marked.
    pub undecodable: u64,
}

impl Received {
    fn count(&mut self, dialect: Option<Dialect>) {
        let counter = match dialect {
            Some(Dialect::Json) => &mut self.json,
            Some(Dialect::Text) => &mut self.text,
            Some(Dialect::Logbook) => &mut self.logbook,
            Some(Dialect::Pickle) => &mut self.pickle,
            None => &mut self.undecodable,
        };
        *counter += 1;
    }

    /// All messages that were decoded or tried to be.
    pub fn total(&self) -> u64 {
        self.json + self.text + self.logbook + self.pickle + self.undecodable
    }
}

/// Delivers what a subscriber receives, as records.
pub struct Subscribe {
    subscriber: Subscriber,
    received: Received,
}

impl Subscribe {
    /// Takes from `subscriber`.
    pub fn new(subscriber: Subscriber) -> Subscribe {
        Subscribe { subscriber, received: Received::default() }
    }

    /// What has come so far.
    pub fn received(&self) -> Received {
        self.received
    }

    /// The socket: to change topics, and to ask about connections.
    pub fn subscriber(&mut self) -> &mut Subscriber {
        &mut self.subscriber
    }

    /// As [`Source::poll`], but delivers frames as they came, undecoded and uncounted.
    ///
    /// # Errors
    /// Whatever `sink` returns.
    pub fn poll_raw(&mut self, wait: Duration, sink: &mut FrameSink<'_>) -> Result<PollStatus> {
        self.subscriber.recv(wait, sink).map(poll_status)
    }
}

fn poll_status(delivered: bool) -> PollStatus {
    if delivered { PollStatus::Delivered } else { PollStatus::Idle }
}

impl Source for Subscribe {
    fn poll(&mut self, wait: Duration, sink: &mut Sink<'_>) -> Result<PollStatus> {
        let received = &mut self.received;
        let delivered = self.subscriber.recv(wait, &mut |frames, at| -> Result<ControlFlow<()>> {
            let mut record = Record::default();
            received.count(wire::decode_into(frames, at, &mut record));
            sink(&mut record)
        });
        delivered.map(poll_status)
    }
}

#[cfg(test)]
mod tests;
