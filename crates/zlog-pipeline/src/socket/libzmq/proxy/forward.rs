//! Forwarding: one message at a time, which stays in the proxy until there is room for it.

use std::time::Instant;

use super::super::ffi::{Errno, Frame};
use super::super::options;
use super::{Forwarded, Inspect, Proxy};
use crate::socket::subscriber::MAX_FRAMES;
use zlog_core::{Error, Result};

impl Proxy {
    /// See [`ProxySocket::forward`](super::ProxySocket::forward).
    pub(super) fn forward_messages(
        &mut self,
        most: usize,
        mut inspect: Option<&mut Inspect<'_>>,
    ) -> Result<Forwarded> {
        for _ in 0..most {
            if self.frame_count == 0 {
                if !self.take()? {
                    return Ok(Forwarded::All);
                }
                // Messages are numbered from 1.
                let number = self.counts.messages + 1;
                let topic = self.frames[0].bytes();
                self.has_subscriber = self.topics.note(topic, number, &self.peers.subscriptions);
                if let Some(inspect) = &mut inspect {
                    self.inspect(*inspect)?;
                }
            }
            if !self.send()? {
                self.note_full();
                return Ok(Forwarded::Full);
            }
        }
        Ok(Forwarded::More)
    }

    /// See [`ProxySocket::discard`](super::ProxySocket::discard).
    pub(super) fn discard_messages(
        &mut self,
        most: u64,
        inspect: &mut Inspect<'_>,
    ) -> Result<Forwarded> {
        let waiting = u64::from(self.frame_count > 0);
        self.frame_count = 0;
        self.counts.dropped += waiting;
        for _ in waiting..most {
            if !self.take()? {
                return Ok(Forwarded::All);
            }
            let inspected = self.inspect(inspect);
            self.frame_count = 0;
            self.counts.dropped += 1;
            inspected?;
        }
        Ok(Forwarded::More)
    }

    /// Receives the next message into `frames`. Returns whether there was one.
    fn take(&mut self) -> Result<bool> {
        let mut more = true;
        let mut beyond = None;
        while more {
            let frame = match self.frames.get_mut(self.frame_count) {
                Some(frame) => frame,
                None => beyond.get_or_insert_with(Frame::new),
            };
            more = match frame.recv(&mut self.collect) {
                Ok(more) => more,
                // libzmq delivers whole messages: only the first frame can be missing.
                Err(errno) if is_retryable(errno) && self.frame_count == 0 => return Ok(false),
                Err(errno) if is_retryable(errno) => continue,
                Err(errno) => return Err(failed("receive", errno)),
            };
            match beyond {
                Some(_) => self.counts.frames_cut += 1,
                None => self.frame_count += 1,
            }
        }
        Ok(true)
    }

    fn inspect(&self, inspect: &mut Inspect<'_>) -> Result<()> {
        let mut frames: [&[u8]; MAX_FRAMES] = [&[]; MAX_FRAMES];
        for (slot, frame) in frames.iter_mut().zip(&self.frames[..self.frame_count]) {
            *slot = frame.bytes();
        }
        inspect(&frames[..self.frame_count])
    }

    /// Sends the message in `frames`. Returns whether there was room.
    fn send(&mut self) -> Result<bool> {
        let bytes: usize = self.frames[..self.frame_count].iter().map(Frame::len).sum();
        let last = self.frame_count - 1;
        match self.frames[0].send(&mut self.publish, last > 0) {
            Ok(()) => self.send_rest(last)?,
            Err(errno) if is_retryable(errno) && self.block => return Ok(false),
            Err(errno) if is_retryable(errno) => self.send_to_those_with_room(last)?,
            Err(errno) => return Err(failed("send", errno)),
        }
        self.frame_count = 0;
        self.counts.messages += 1;
        self.counts.unheard += u64::from(!self.has_subscriber);
        self.counts.bytes += bytes as u64;
        Ok(true)
    }

    /// Sends the frames after the first. libzmq counts room in whole messages, so they should
    /// always find room; they are repeated in any case, as half a message must never stay.
    fn send_rest(&mut self, last: usize) -> Result<()> {
        for at in 1..=last {
            self.send_frame(at, at < last)?;
        }
        Ok(())
    }

    fn send_frame(&mut self, at: usize, more: bool) -> Result<()> {
        while let Err(errno) = self.frames[at].send(&mut self.publish, more) {
            if !is_retryable(errno) {
                return Err(failed("send", errno));
            }
        }
        Ok(())
    }

    /// Notes who has no room.
    fn note_full(&mut self) {
        let (slow, peers) = (&mut self.slow, &self.peers);
        slow.note(Instant::now(), self.send_slice, || peers.with_unsent(1).collect());
    }

    /// Sends the message to the subscribers that have room, and drops it for the others, as
    /// libzmq does without `ZMQ_XPUB_NODROP`.
    fn send_to_those_with_room(&mut self, last: usize) -> Result<()> {
        self.counts.no_room += 1;
        self.note_full();
        options::set_nodrop(&mut self.publish, false)?;
        self.send_frame(0, last > 0)?;
        self.send_rest(last)?;
        options::set_nodrop(&mut self.publish, true)
    }
}

/// Whether the call may be repeated: no message, no room, or a signal.
fn is_retryable(errno: Errno) -> bool {
    errno.is(zmq::Error::EAGAIN) || errno.is(zmq::Error::EINTR)
}

fn failed(what: &str, errno: Errno) -> Error {
    Error::new(format!("can't {what} on a ZeroMQ socket: {errno}"))
}
