//! Passes messages on to the subscribers of their topics, as far as they have room.

use std::ops::Range;
use std::sync::atomic::Ordering;
use std::time::Instant;

use super::super::peer::Peer;
use super::super::report::{count_dropped, room};
use super::super::run::Run;
use super::PublisherRole;
use crate::WhenFull;
use crate::net::links::Links;
use crate::net::outbox::Chunk;

impl PublisherRole {
    /// Passes messages on until there are no more or a subscriber has no room.
    pub(super) fn pass_on(&mut self, links: &mut Links<Peer>, now: Instant) {
        self.blocked_by = None;
        while let Some(mut batch) = self.todo.pop_front() {
            let (mut bytes, mut messages) = (0, 0);
            let mut done = 0;
            for run in &mut batch.runs {
                let (run_bytes, run_messages) = self.pass_run(links, &batch.chunk, run, now);
                bytes += run_bytes;
                messages += run_messages;
                if run_messages < run.messages {
                    run.bytes.start += run_bytes;
                    run.messages -= run_messages;
                    break;
                }
                done += 1;
            }
            self.shared.pending.passed(bytes, messages);
            if done < batch.runs.len() {
                batch.runs.drain(..done);
                self.todo.push_front(batch);
                return;
            }
        }
    }

    /// Passes messages of one topic on. Returns the bytes and the number of those that are done.
    fn pass_run(
        &mut self,
        links: &mut Links<Peer>,
        chunk: &Chunk,
        run: &Run,
        now: Instant,
    ) -> (usize, usize) {
        let topic = &chunk.bytes[run.topic.clone()];
        if let Some(prefix) = self.options.notice_prefix.as_deref()
            && topic.starts_with(prefix)
        {
            let shortest = prefix.len();
            self.put_notice(links, topic, shortest, &chunk.bytes[run.bytes.clone()], run.messages);
            return (run.bytes.len(), run.messages);
        }
        let peers = self.topics.find(&self.shared, topic);
        if peers.is_empty() {
            let (counts, messages) = (&self.shared.counts, run.messages as u64);
            counts.unsubscribed.fetch_add(messages, Ordering::Relaxed);
            if !self.shared.subscriptions().has_begun() {
                counts.before_subscribers.fetch_add(messages, Ordering::Relaxed);
            }
        }
        if self.options.when_full == WhenFull::Drop {
            for slot in &*peers {
                self.push_or_drop(links, *slot, (chunk, topic), run, now);
            }
            self.shared.passed.fetch_add(run.messages as u64, Ordering::Relaxed);
            return (run.bytes.len(), run.messages);
        }
        // All or nobody: as much as the subscriber with the least room takes.
        let mut done = (run.bytes.len(), run.messages);
        for slot in &*peers {
            let fits = self.fits(links, *slot, (chunk, run), now);
            if fits.1 < done.1 {
                done = fits;
                self.blocked_by = Some(*slot);
            }
        }
        if done.1 > 0 {
            let range = run.bytes.start..run.bytes.start + done.0;
            for slot in &*peers {
                self.push(links, *slot, chunk, (range.clone(), done.1));
            }
        }
        self.shared.passed.fetch_add(done.1 as u64, Ordering::Relaxed);
        done
    }

    /// The bytes and the number of the messages of `run` that a subscriber has room for: all, if
    /// its connection has just ended. They count as unsent then.
    fn fits(
        &mut self,
        links: &mut Links<Peer>,
        slot: usize,
        (chunk, run): (&Chunk, &Run),
        now: Instant,
    ) -> (usize, usize) {
        let all = (run.bytes.len(), run.messages);
        if let Some(absent) = self.absent.get_mut(slot) {
            return room(&absent.outbox, chunk, run, &self.options);
        }
        let Some(link) = links.get_mut(slot).filter(|link| link.is_ready()) else { return all };
        let fits = room(&link.outbox, chunk, run, &self.options);
        if fits == all {
            return all;
        }
        if let Err(why) = link.write(now) {
            links.end(slot, why);
            return all;
        }
        room(&link.outbox, chunk, run, &self.options)
    }

    fn push_or_drop(
        &mut self,
        links: &mut Links<Peer>,
        slot: usize,
        (chunk, topic): (&Chunk, &[u8]),
        run: &Run,
        now: Instant,
    ) {
        let (bytes, messages) = self.fits(links, slot, (chunk, run), now);
        if messages > 0 {
            let range = run.bytes.start..run.bytes.start + bytes;
            self.push(links, slot, chunk, (range, messages));
        }
        let dropped = run.messages - messages;
        let peer = match self.absent.get_mut(slot) {
            Some(absent) => Some(&mut absent.peer),
            None => links.get_mut(slot).map(|link| &mut link.peer),
        };
        if let Some(peer) = peer.filter(|_| dropped > 0) {
            count_dropped(&mut peer.dropped, topic, dropped);
        }
    }

    fn push(
        &mut self,
        links: &mut Links<Peer>,
        slot: usize,
        chunk: &Chunk,
        (range, messages): (Range<usize>, usize),
    ) {
        if let Some(absent) = self.absent.get_mut(slot) {
            absent.outbox.push(chunk, range, messages);
            absent.peer.sent += messages as u64;
        } else if let Some(link) = links.get_mut(slot).filter(|link| link.is_ready()) {
            link.outbox.push(chunk, range, messages);
            link.peer.sent += messages as u64;
            if !std::mem::replace(&mut link.peer.is_dirty, true) {
                self.dirty.push(slot);
            }
        }
    }
}
