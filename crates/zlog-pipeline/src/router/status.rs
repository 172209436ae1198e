//! The counters of a handler, and the report of its losses.

use super::monitor::OutageStatus;
use zlog_core::text::escape::escape;
use zlog_core::text::plural::{grouped, plural, were};

/// The counters of a handler. A record that it received is queued, waits, has arrived
/// ([`HandlerStatus::arrived`]) or is lost ([`HandlerStatus::missing`]).
#[derive(Clone, PartialEq, Debug, Default)]
pub struct HandlerStatus {
    /// Its name.
    pub name: String,
    /// Records that it received.
    pub received: u64,
    /// Records that it took, including those that wait or were lost later.
    pub handled: u64,
    /// Records that it failed to take.
    pub failed: u64,
    /// Records that found its queue full.
    pub dropped: u64,
    /// Records that were still queued when the time to close was up.
    pub abandoned: u64,
    /// Records in its queue.
    pub queued: u64,
    /// Records that it took and holds: for a batch, or until its target is reachable.
    pub waiting: u64,
    /// Records that it took and gave up.
    pub lost: u64,
    /// Records that were truncated to fit.
    pub cut: u64,
    /// Records sent over connections that have broken since.
    pub unconfirmed: u64,
    /// Records that did not fit their format and were written in another form.
    pub unformatted: u64,
    /// The current outage.
    pub outage: Option<OutageStatus>,
}

impl HandlerStatus {
    /// Records that have arrived.
    pub fn arrived(&self) -> u64 {
        self.handled.saturating_sub(self.waiting + self.lost)
    }

    /// Records that will never arrive.
    pub fn missing(&self) -> u64 {
        self.failed + self.dropped + self.abandoned + self.lost
    }

    /// Why records are missing; empty if none is.
    fn reasons(&self) -> String {
        let reasons = [
            (self.failed, "failed"),
            (self.dropped, "found the queue full"),
            (self.lost, "could not be delivered"),
            (self.abandoned, "not handled in time at the end"),
        ];
        let counted = reasons.iter().filter(|(count, _)| *count > 0);
        let texts = counted.map(|(count, why)| format!("{} {why}", grouped(*count)));
        texts.collect::<Vec<_>>().join(", ")
    }

    /// Remarks for the user at the end: sentences that begin with the handler's name.
    pub fn remarks(&self) -> Vec<String> {
        let name = escape(&self.name);
        let mut remarks = Vec::new();
        if self.missing() > 0 {
            remarks.push(format!(
                "handler {name}: {} of {} {} {} lost ({})",
                grouped(self.missing()),
                grouped(self.received),
                plural(self.received, "record"),
                were(self.missing()),
                self.reasons()
            ));
        }
        let others = [
            (self.cut, "too long and cut"),
            (
                self.unconfirmed,
                "sent over connections that broke; the last of them may not have arrived",
            ),
            (self.unformatted, "did not fit the format and are marked"),
        ];
        for (count, what) in others.into_iter().filter(|(count, _)| *count > 0) {
            remarks.push(format!("handler {name}: {} {what}", grouped(count)));
        }
        remarks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_are_reported_with_their_reasons() {
        let good =
            HandlerStatus { name: "a".into(), received: 3, handled: 3, ..Default::default() };
        assert_eq!(good.remarks(), [""; 0]);
        let bad = HandlerStatus {
            name: "b".into(),
            received: 12_000,
            handled: 10_000,
            dropped: 1_900,
            failed: 100,
            lost: 7,
            ..Default::default()
        };
        assert_eq!(bad.missing(), 2_007);
        assert_eq!(
            bad.remarks(),
            ["handler b: 2,007 of 12,000 records were lost (100 failed, 1,900 found the queue \
              full, 7 could not be delivered)"]
        );
    }
}
