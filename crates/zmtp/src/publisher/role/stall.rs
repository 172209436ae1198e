//! Cuts off the subscriber that messages wait for, once it has taken nothing for too long.

use std::time::{Duration, Instant};

use super::super::absent::is_absent;
use super::super::peer::Peer;
use super::super::report::{add_dropped, dropped_of_absent};
use super::PublisherRole;
use crate::net::links::Links;
use crate::{Disconnect, WhenFull};

/// How often it is looked within the time limit what subscribers have taken. So one is cut off
/// this part of the limit later at most.
const LOOKS: u32 = 8;
/// The shortest time between two looks: a system call for each subscriber.
const MIN_INTERVAL: Duration = Duration::from_millis(10);

impl PublisherRole {
    /// Disconnects the subscriber that blocks if it has taken nothing for too long. Returns when
    /// that is to be looked at again.
    ///
    /// All subscribers are looked at from the time when one blocks, so that many that stall
    /// together cost the time once.
    pub(super) fn cut_off(&mut self, links: &mut Links<Peer>, now: Instant) -> Option<Instant> {
        let WhenFull::CutOff(stall) = self.options.when_full else { return None };
        let slot = self.blocked_by?;
        match self.next_look {
            Some(next) if now < next => return Some(next),
            Some(next) if now.saturating_duration_since(next) < stall => {
                links.iter_mut().for_each(|(_, link)| link.note_taken(now));
            }
            // Nobody blocked until now, or this process was suspended.
            _ => {
                links.iter_mut().for_each(|(_, link)| link.begin_to_look(now));
                self.absent.iter_mut().for_each(|absent| absent.since = now);
            }
        }
        let progress = match self.absent.get_mut(slot) {
            Some(absent) => absent.since,
            None => links.get(slot)?.progress,
        };
        let next = now + (stall / LOOKS).max(MIN_INTERVAL);
        self.next_look = Some(next);
        if now.saturating_duration_since(progress) < stall {
            return Some(next);
        }
        match is_absent(slot) {
            true => self.give_up(slot),
            false => links.end(slot, Disconnect::Stalled),
        }
        // The next one that blocks has stalled for as long, or not.
        self.next_look = Some(now);
        Some(now)
    }

    /// Gives up a subscriber that is absent, with what waits for it.
    fn give_up(&mut self, number: usize) {
        let Some(mut absent) = self.absent.remove(number) else { return };
        self.shared.remove(number);
        if let Some(dropped) = dropped_of_absent(&mut absent, Some(Disconnect::Stalled)) {
            add_dropped(&mut self.dropped, dropped);
        }
    }
}
