//! Counts the records that all handlers have finished.

use zlog_pipeline::router::HandlerStatus;

/// The records that were passed on at some time, and how many each handler had received by then.
struct HandedOver {
    count: u64,
    received: Vec<(String, u64)>,
}

/// Follows what handlers hold: in queues, for a batch, or until their target is reachable.
#[derive(Default)]
pub(super) struct Handled {
    passed: Option<HandedOver>,
}

impl Handled {
    /// Takes how many records were passed on, and the status of the handlers after that. Returns the
    /// number of records that no handler holds any more, if it may have grown.
    ///
    /// Handlers keep the order of records. One that has received fewer than before is a new one with
    /// the same name, after a reload; the one before it may be closing, and has to be among them.
    pub(super) fn update(&mut self, count: u64, handlers: &[HandlerStatus]) -> Option<u64> {
        let held = |handler: &HandlerStatus| handler.queued + handler.waiting;
        if handlers.iter().all(|handler| held(handler) == 0) {
            self.passed = None;
            return Some(count);
        }
        let is_through = |(name, received): &(String, u64)| {
            let mut now = handlers.iter().filter(|it| it.name == *name && it.received >= *received);
            now.all(|now| now.received.saturating_sub(held(now)) >= *received)
        };
        let done = match &self.passed {
            Some(passed) if passed.received.iter().all(is_through) => Some(passed.count),
            Some(_) => return None,
            None => None,
        };
        let received = handlers.iter().map(|it| (it.name.clone(), it.received)).collect();
        self.passed = Some(HandedOver { count, received });
        done
    }

    /// Whether handlers hold records that were passed on.
    pub(super) fn is_waiting(&self) -> bool {
        self.passed.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn handler(name: &str, received: u64, queued: u64, waiting: u64) -> HandlerStatus {
        HandlerStatus { name: name.into(), received, queued, waiting, ..HandlerStatus::default() }
    }

    #[test]
    fn records_are_handled_once_no_handler_holds_them() {
        let mut handled = Handled::default();
        assert_eq!(handled.update(5, &[]), Some(5), "no handlers");
        assert_eq!(handled.update(10, &[handler("a", 10, 0, 0), handler("b", 4, 1, 2)]), None);
        // The last of the four that "b" had received is still there.
        assert_eq!(handled.update(15, &[handler("a", 15, 5, 0), handler("b", 6, 3, 0)]), None);
        assert_eq!(handled.update(16, &[handler("a", 16, 3, 3), handler("b", 7, 0, 3)]), Some(10));
        assert_eq!(handled.update(20, &[handler("a", 20, 0, 0), handler("b", 9, 0, 0)]), Some(20));
    }

    #[test]
    fn after_a_reload_records_are_handled_once_the_removed_handler_has_done_with_them() {
        let mut handled = Handled::default();
        assert_eq!(handled.update(10, &[handler("a", 10, 2, 0)]), None);
        // It is closing, and the new one has records that came later.
        let both = [handler("a", 10, 1, 0), handler("a", 3, 1, 0)];
        assert_eq!(handled.update(13, &both), None);
        // The removed one has ended.
        assert_eq!(handled.update(14, &[handler("a", 4, 1, 0)]), Some(10));
        assert_eq!(handled.update(15, &[handler("a", 5, 1, 0)]), Some(14));
    }
}
