//! Records from a ZeroMQ subscription.

mod backlog;

use std::borrow::Cow;
use std::ops::ControlFlow;
use std::time::Duration;

use self::backlog::Backlog;
use super::{PollStatus, Sink, Source};
use crate::socket::{Endpoint, Subscriber};
use zlog_core::error::Result;
use zlog_core::record::Record;
use zlog_core::wire;

/// Decodes the messages that a subscriber receives.
pub struct Subscribe {
    subscriber: Subscriber,
    backlog: Backlog,
    keep_bodies: bool,
}

impl Subscribe {
    /// Reads from `subscriber`. With `keep_bodies`, records have their [`Record::body`].
    pub fn new(subscriber: Subscriber, keep_bodies: bool) -> Subscribe {
        Subscribe { subscriber, backlog: Backlog::default(), keep_bodies }
    }

    /// Requests the last `n` messages of `prefixes` from the relay whose query endpoint is
    /// `at`, and subscribes to `prefixes`, which must not have been done before. These messages
    /// are delivered before live ones. Returns what a person should know about the answer.
    ///
    /// Whatever the relay answers, the subscription is made. `stop` ends the wait for it.
    ///
    /// # Errors
    /// No socket can be opened.
    pub fn fetch_backlog(
        &mut self,
        n: usize,
        at: &Endpoint,
        prefixes: &[Vec<u8>],
        stop: &dyn Fn() -> bool,
    ) -> Result<Vec<String>> {
        let (backlog, notices) = backlog::fetch(n, at, prefixes, &mut self.subscriber, stop)?;
        self.backlog = backlog;
        Ok(notices)
    }

    /// The socket: to change topics, and to ask about connections.
    pub fn subscriber(&mut self) -> &mut Subscriber {
        &mut self.subscriber
    }
}

impl Source for Subscribe {
    fn poll(&mut self, wait: Duration, sink: &mut Sink<'_>) -> Result<PollStatus> {
        let Subscribe { subscriber, backlog, keep_bodies } = self;
        let mut deliver = |frames: &[&[u8]], received| {
            let mut record = Record::default();
            wire::decode_into(frames, received, &mut record);
            if *keep_bodies {
                record.body = frames.last().map(|body| Cow::Borrowed(*body));
            }
            sink(record)
        };
        let mut wait = wait;
        while let Some(message) = backlog.next() {
            let frames: Vec<&[u8]> = message.frames.iter().map(Vec::as_slice).collect();
            if deliver(&frames, message.received)?.is_break() {
                return Ok(PollStatus::Delivered);
            }
            wait = Duration::ZERO;
        }
        subscriber.recv(wait, &mut |frames, received| match backlog.is_duplicate(frames) {
            true => Ok(ControlFlow::Continue(())),
            false => deliver(frames, received),
        })
    }
}

#[cfg(test)]
mod tests;
