//! What became of a handler's records, for whoever asks.
//!
//! What may be here: the figures, and how they are told.

use super::monitor::{OutageStatus, Reporter};
use zlog_core::text::escape::escape;
use zlog_core::text::plural::{grouped, plural, were};

/// How a handler stands. A record that it was given is queued, waits, has arrived
/// ([`HandlerStatus::arrived`]) or is lost ([`HandlerStatus::missing`]).
#[derive(Clone, PartialEq, Debug, Default)]
pub struct HandlerStatus {
    /// Its name.
    pub name: String,
    /// Records that it was given.
    pub received: u64,
    /// Records that it took, those that wait or were lost later included.
    pub handled: u64,
    /// Records that it failed to take.
    pub failed: u64,
    /// Records that found its queue full.
    pub dropped: u64,
    /// Records that were still queued when the time to close was up.
    pub abandoned: u64,
    /// Records in its queue.
    pub queued: u64,
    /// Records that it took and holds: for a batch, or until its target is back.
    pub waiting: u64,
    /// Records that it took and gave up.
    pub lost: u64,
    /// Records that arrived with a part missing, which their target has no room for.
    pub cut: u64,
    /// Records that arrived as far as is known, over connections that have broken since.
    pub unconfirmed: u64,
    /// Records that could not be formatted as asked; they were written in another shape.
    pub unformatted: u64,
    /// The outage that it is in.
    pub outage: Option<OutageStatus>,
}

impl HandlerStatus {
    /// Records that are where they were to go.
    pub fn arrived(&self) -> u64 {
        self.handled.saturating_sub(self.waiting + self.lost)
    }

    /// Records that will never be there.
    pub fn missing(&self) -> u64 {
        self.failed + self.dropped + self.abandoned + self.lost
    }

    /// Why records are missing; empty when none is.
    fn reasons(&self) -> String {
        let reasons = [
            (self.failed, "failed"),
            (self.dropped, "found the queue full"),
            (self.lost, "given up"),
            (self.abandoned, "not handled in time at the end"),
        ];
        let counted = reasons.iter().filter(|(count, _)| *count > 0);
        let texts = counted.map(|(count, why)| format!("{} {why}", grouped(*count)));
        texts.collect::<Vec<_>>().join(", ")
    }
}

/// Tells which of the handlers of `command` lost records, and how many; returns how
/// many that are in all.
pub fn report_losses(command: &str, handlers: &[HandlerStatus], report: &Reporter) -> u64 {
    for handler in handlers {
        let name = escape(&handler.name);
        if handler.missing() > 0 {
            let (missing, given) = (grouped(handler.missing()), grouped(handler.received));
            report(&format!(
                "zlog {command}: handler {name}: {missing} of {given} {} {} lost ({})",
                plural(handler.received, "record"),
                were(handler.missing()),
                handler.reasons()
            ));
        }
        let others = [
            (handler.cut, "too long and cut"),
            (
                handler.unconfirmed,
                "sent over connections that broke, and the last of them may not have arrived",
            ),
            (handler.unformatted, "did not fit the format, and are there with the reason"),
        ];
        for (count, what) in others.into_iter().filter(|(count, _)| *count > 0) {
            report(&format!("zlog {command}: handler {name}: {} {what}", grouped(count)));
        }
    }
    handlers.iter().map(HandlerStatus::missing).sum()
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[test]
    fn losses_are_told_with_their_reasons_and_added_up() {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let told = Arc::clone(&heard);
        let report: Reporter = Arc::new(move |line| told.lock().unwrap().push(line.to_owned()));
        let well =
            HandlerStatus { name: "a".into(), received: 3, handled: 3, ..Default::default() };
        let badly = HandlerStatus {
            name: "b".into(),
            received: 12_000,
            handled: 10_000,
            dropped: 1_900,
            failed: 100,
            lost: 7,
            ..Default::default()
        };
        assert_eq!(report_losses("tail", &[well, badly], &report), 2_007);
        assert_eq!(
            *heard.lock().unwrap(),
            ["zlog tail: handler b: 2,007 of 12,000 records were lost (100 failed, 1,900 found \
              the queue full, 7 given up)"]
        );
    }
}
