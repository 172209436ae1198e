//! What came of listening: counts for a status line, and what is told to a person.
//!
//! What may be here: counting, and keeping what is told within bounds. A thousand
//! bad clients must not write a thousand lines a second.

use std::mem;
use std::time::{Duration, Instant};

use crate::source::Notice;

/// What has come over the sockets so far.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ListenStats {
    /// Records delivered.
    pub records: u64,
    /// Clients connected now.
    pub clients: u64,
    /// Clients that have ever connected, those turned away left out.
    pub clients_total: u64,
    /// Clients not let in: there were as many as may be.
    pub turned_away: u64,
    /// Clients cut off because they sent what is no record, or stood still within one.
    pub cut_off: u64,
    /// Records that ended in the middle: their client went away.
    pub truncated: u64,
    /// Clients that hung up before all that they had sent was read.
    pub hung_up: u64,
    /// Records that a client dropped when it hung up so and connected again, at least.
    pub dropped: u64,
    /// Records left out because they exceed a limit on values; their client stayed.
    pub too_large: u64,
    /// Records delivered with a part of their extras left out.
    pub shortened: u64,
    /// Datagrams that held no record, or only a part of one.
    pub bad_datagrams: u64,
    /// Datagrams that the system dropped before they could be read. Linux tells.
    pub dropped_datagrams: u64,
}

impl ListenStats {
    /// Records that were sent and are known not to have come.
    pub fn lost(&self) -> u64 {
        self.truncated + self.dropped + self.too_large + self.bad_datagrams + self.dropped_datagrams
    }

    /// What a person should know in the end: each number that is not zero, in words.
    pub fn remarks(&self) -> Vec<String> {
        let counted = [
            (self.cut_off, "client", "cut off"),
            (self.turned_away, "client", "turned away (--max-clients)"),
            (self.truncated, "record", "cut short by the end of the connection"),
            (self.hung_up, "client", "hung up with records unread"),
            (self.dropped, "record", "dropped by a SocketHandler that found no room for 1 s"),
            (self.too_large, "record", "left out, too large"),
            (self.shortened, "record", "shortened (extras nested too deep, or too large)"),
            (self.bad_datagrams, "datagram", "without a whole record"),
            (self.dropped_datagrams, "datagram", "dropped by the system (too fast)"),
        ];
        let some = counted.iter().filter(|(count, ..)| *count > 0);
        let said = |(count, noun, what): &(u64, &str, &str)| {
            format!("{count} {noun}{} {what}", if *count == 1 { "" } else { "s" })
        };
        some.map(said).collect()
    }
}

/// How long a window is in which so many notices are told one by one.
const WINDOW: Duration = Duration::from_secs(10);
const PER_WINDOW: u32 = 20;

/// Notices on their way to a person.
#[derive(Debug)]
pub(crate) struct NoticeLimiter {
    notices: Vec<Notice>,
    begun: Instant,
    reported: u32,
    suppressed: u64,
}

impl NoticeLimiter {
    pub(crate) fn new(now: Instant) -> NoticeLimiter {
        NoticeLimiter { notices: Vec::new(), begun: now, reported: 0, suppressed: 0 }
    }

    /// Tells what `text` makes, or counts it where too much has been told of late.
    pub(crate) fn report(&mut self, text: impl FnOnce() -> String) {
        if self.reported < PER_WINDOW {
            self.reported += 1;
            self.notices.push(Notice { text: text(), failed: false });
        } else {
            self.suppressed += 1;
        }
    }

    /// Looks at the clock: a window that is over says how much it left unsaid.
    pub(crate) fn tick(&mut self, now: Instant) {
        if now.duration_since(self.begun) >= WINDOW {
            self.end_window();
            self.begun = now;
        }
    }

    fn end_window(&mut self) {
        self.reported = 0;
        let suppressed = mem::take(&mut self.suppressed);
        if suppressed > 0 {
            let text = format!("… and {suppressed} more such troubles with Python's handlers");
            self.notices.push(Notice { text, failed: false });
        }
    }

    /// Nothing more will come: what was left unsaid is summed up now.
    pub(crate) fn end(&mut self) {
        self.end_window();
    }

    /// What a person should know, since this was last asked.
    pub(crate) fn take(&mut self) -> Vec<Notice> {
        mem::take(&mut self.notices)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn much_trouble_is_summed_up() {
        let now = Instant::now();
        let mut notices = NoticeLimiter::new(now);
        for number in 0..100 {
            notices.report(|| format!("trouble {number}"));
        }
        notices.tick(now + WINDOW / 2);
        assert_eq!(notices.take().len(), 20);
        notices.tick(now + WINDOW);
        let texts: Vec<String> = notices.take().into_iter().map(|notice| notice.text).collect();
        assert_eq!(texts, ["… and 80 more such troubles with Python's handlers"]);
        notices.report(|| "again".to_owned());
        notices.tick(now + WINDOW * 2);
        assert_eq!(notices.take().len(), 1);
    }

    #[test]
    fn only_what_happened_is_remarked() {
        assert!(
            ListenStats { records: 5, clients: 1, ..ListenStats::default() }.remarks().is_empty()
        );
        let stats = ListenStats { truncated: 2, cut_off: 1, ..ListenStats::default() };
        let remarks = stats.remarks();
        assert_eq!(
            remarks,
            ["1 client cut off", "2 records cut short by the end of the connection"]
        );
        assert_eq!(stats.lost(), 2);
    }
}
