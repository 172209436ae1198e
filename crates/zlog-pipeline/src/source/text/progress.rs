//! Lines that a program overwrites by carriage returns: progress bars.
//!
//! The states of such a line are separated by `\r`. The last one is the line. While the line
//! goes on, its present state is delivered when it has changed, at most ten times a second.

use std::time::{Duration, Instant};

/// Minimum time between two states of a line.
const INTERVAL: Duration = Duration::from_millis(100);

/// Progress of the present line of a stream.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// The state that was delivered last; `None` if the line has delivered none.
    sent: Option<Vec<u8>>,
    sent_at: Option<Instant>,
    /// The length of the line that was searched for `\r`, and whether the line has states;
    /// `None` if no `\r` was found.
    searched: usize,
    has_states: Option<bool>,
    /// The line has a state that was not delivered.
    is_changed: bool,
    /// It is due.
    pub(super) is_due: bool,
}

impl Progress {
    /// Whether the line has states, or the part of it that was read. `is_record` tells whether
    /// the first one is a record of a known format: then a `\r` within it is a character like
    /// others, so that no text can hide what was logged before it.
    pub(super) fn has_states(
        &mut self,
        line: &[u8],
        is_record: impl FnOnce(&[u8]) -> bool,
    ) -> bool {
        if self.has_states.is_none() {
            // A line may be long, and come in many reads.
            let rest = &line[self.searched.min(line.len())..];
            self.has_states = memchr::memchr(b'\r', rest)
                .map(|at| !is_record(&line[..line.len() - rest.len() + at]));
            self.searched = line.len();
        }
        self.has_states == Some(true)
    }

    /// Looks at the unfinished line. For `is_record` see [`Progress::has_states`].
    pub(super) fn observe(&mut self, line: &[u8], is_record: impl FnOnce(&[u8]) -> bool) {
        let state = if self.has_states(line, is_record) { last_state(line) } else { b"" };
        self.is_changed = !state.is_empty() && self.sent.as_deref() != Some(state);
        self.is_due &= self.is_changed;
    }

    /// When the next state is to be delivered, given when the last bytes were read.
    pub(super) fn due(&self, since: Instant) -> Option<Instant> {
        let earliest = self.sent_at.map_or(since, |at| since.max(at + INTERVAL));
        self.is_changed.then_some(earliest)
    }

    /// Notes that `state` was delivered.
    pub(super) fn sent(&mut self, state: Vec<u8>) {
        self.sent = Some(state);
        self.sent_at = Some(Instant::now());
        (self.is_changed, self.is_due) = (false, false);
    }

    /// The last state of the finished line, unless it was delivered.
    pub(super) fn finish<'l>(&self, line: &'l [u8]) -> Option<&'l [u8]> {
        let state = last_state(line);
        (self.sent.as_deref() != Some(state)).then_some(state)
    }

    /// The number of states of the line that were not delivered, and are not the last one.
    pub(super) fn replaced(&self, line: &[u8]) -> u64 {
        let states = line.split(|byte| *byte == b'\r').filter(|state| !is_blank(state)).count();
        // The first one was delivered if any was.
        states.saturating_sub(1 + usize::from(self.sent.is_some())) as u64
    }

    /// Begins the next line.
    pub(super) fn reset(&mut self) {
        if self.searched == 0 {
            return;
        }
        *self = Progress { sent_at: self.sent_at, ..Progress::default() };
    }
}

/// Where the last state begins.
pub(super) fn last_state_start(line: &[u8]) -> usize {
    let state = line.split(|byte| *byte == b'\r').rev().find(|state| !is_blank(state));
    state.map_or(0, |state| state.as_ptr() as usize - line.as_ptr() as usize)
}

/// The last state that is not blank, without the sequences that erase the one before.
pub(super) fn last_state(line: &[u8]) -> &[u8] {
    let rest = &line[last_state_start(line)..];
    let state = rest.split(|byte| *byte == b'\r').next().unwrap_or_default();
    if is_blank(state) { b"" } else { without_erasure(state) }
}

fn is_blank(state: &[u8]) -> bool {
    without_erasure(state).trim_ascii().is_empty()
}

/// The text between sequences that erase a line.
fn without_erasure(mut state: &[u8]) -> &[u8] {
    const ERASE: [&[u8]; 3] = [b"\x1b[K", b"\x1b[0K", b"\x1b[2K"];
    loop {
        let shorter = ERASE
            .iter()
            .find_map(|erase| state.strip_prefix(*erase).or_else(|| state.strip_suffix(*erase)));
        match shorter {
            Some(shorter) => state = shorter,
            None => return state,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_state_of_a_line_is_the_last_one_that_is_not_blank() {
        let cases: [(&str, &str, u64); 9] = [
            ("\r10%\r20%\r100% done", "100% done", 2),
            ("10%\r20%\r", "20%", 1),
            ("\r50% |##  |\r           \r", "50% |##  |", 0),
            ("\r\x1b[K10%\r\x1b[K20%\x1b[K", "20%", 1),
            ("\x1b[2K\r\x1b[2Kready", "ready", 0),
            ("no state", "no state", 0),
            ("\r\r", "", 0),
            ("", "", 0),
            ("a\r\rb\r\r", "b", 1),
        ];
        for (line, state, dropped) in cases {
            let line = line.as_bytes();
            assert_eq!(String::from_utf8_lossy(last_state(line)), state);
            assert_eq!(Progress::default().replaced(line), dropped, "{}", line.escape_ascii());
        }
    }
}
