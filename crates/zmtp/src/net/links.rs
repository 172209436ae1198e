//! The connections of a socket, by slot.

use std::io;

use mio::{Registry, Token};

use super::link::Link;
use crate::Disconnect;

/// The connections of a socket. A slot is reused once its connection has ended.
pub(crate) struct Links<P> {
    slots: Vec<Option<Box<Link<P>>>>,
    free: Vec<usize>,
    registry: Registry,
    /// Slots to serve: something has happened there, or is left to do.
    scheduled: Vec<usize>,
    /// Connections that a kind of socket has ended, by slot and number.
    ended: Vec<(usize, u64, Disconnect)>,
    accepted: usize,
}

impl<P> Links<P> {
    pub(crate) fn new(registry: Registry) -> Links<P> {
        let (slots, free, scheduled, ended) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Links { slots, free, registry, scheduled, ended, accepted: 0 }
    }

    /// Adds a connection, and serves it in the next turn.
    pub(crate) fn add(&mut self, mut link: Link<P>) -> io::Result<usize> {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            self.slots.len() - 1
        });
        if let Err(error) = link.stream.register(&self.registry, Token(slot)) {
            self.free.push(slot);
            return Err(error);
        }
        self.accepted += usize::from(link.connector.is_none());
        self.slots[slot] = Some(Box::new(link));
        self.scheduled.push(slot);
        Ok(slot)
    }

    /// Takes a connection out, to be put back or ended.
    pub(crate) fn take(&mut self, slot: usize) -> Option<Box<Link<P>>> {
        self.slots.get_mut(slot)?.take()
    }

    pub(super) fn put(&mut self, slot: usize, link: Box<Link<P>>) {
        self.slots[slot] = Some(link);
    }

    /// Frees the slot of a connection that was taken out.
    pub(crate) fn release(&mut self, slot: usize, link: &Link<P>) {
        self.accepted -= usize::from(link.connector.is_none());
        self.free.push(slot);
    }

    /// Notes that the slot is to be served.
    pub(crate) fn schedule(&mut self, slot: usize) {
        self.scheduled.push(slot);
    }

    /// The slots to serve. Some may be named twice, or be free.
    pub(super) fn take_scheduled(&mut self) -> Vec<usize> {
        let mut scheduled = std::mem::take(&mut self.scheduled);
        scheduled.sort_unstable();
        scheduled.dedup();
        scheduled
    }

    pub(super) fn has_scheduled(&self) -> bool {
        !self.scheduled.is_empty()
    }

    /// Takes out the connections that a kind of socket has ended. Those that ended otherwise
    /// meanwhile, and whose slot may have another one, are left out.
    pub(crate) fn take_ended(&mut self) -> Vec<(usize, Box<Link<P>>, Disconnect)> {
        let ended = std::mem::take(&mut self.ended);
        let take = |(slot, id, why): (usize, u64, Disconnect)| {
            let slot_of_it = self.slots.get_mut(slot)?;
            Some((slot, slot_of_it.take_if(|link| link.id == id)?, why))
        };
        ended.into_iter().filter_map(take).collect()
    }

    /// Number of accepted connections.
    pub(super) fn accepted(&self) -> usize {
        self.accepted
    }

    /// Number of connections, those in a handshake included.
    pub(super) fn open(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.free.len() == self.slots.len()
    }

    pub(crate) fn get_mut(&mut self, slot: usize) -> Option<&mut Link<P>> {
        self.slots.get_mut(slot)?.as_deref_mut()
    }

    pub(crate) fn get(&self, slot: usize) -> Option<&Link<P>> {
        self.slots.get(slot)?.as_deref()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (usize, &Link<P>)> {
        self.slots.iter().enumerate().filter_map(|(slot, link)| Some((slot, link.as_deref()?)))
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (usize, &mut Link<P>)> {
        let slots = self.slots.iter_mut().enumerate();
        slots.filter_map(|(slot, link)| Some((slot, link.as_deref_mut()?)))
    }

    /// Ends a connection after the current turn.
    pub(crate) fn end(&mut self, slot: usize, why: Disconnect) {
        if let Some(id) = self.get(slot).map(|link| link.id) {
            self.ended.push((slot, id, why));
        }
    }
}
