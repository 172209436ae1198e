//! Bare libzmq, the baseline of `zlog bench pipeline` and of `benches/*.py`: the hidden
//! commands `zlog bench bare-send` and `bare-receive` move frames that are zlog's own to
//! the byte, and do nothing else. The sockets are in [`zlog_pipeline::socket`].

use std::borrow::Cow;
use std::io::BufRead;
use std::time::{Duration, Instant};

use crate::records::{ROOT, TOPIC_PREFIX};
use zlog_core::text::plural::counted;
use zlog_core::wire;
use zlog_core::{Error, Level, Record, Result};
use zlog_pipeline::handler::publish::Wire;
use zlog_pipeline::sender::SenderFields;
use zlog_pipeline::socket::{Endpoint, RawReceiver, RawSender};

/// Messages that are prepared before the clock starts, and sent repeatedly.
const MAX_FRAMES: usize = 1024;
/// Limit on their bytes.
const MAX_BYTES: usize = 16 << 20;

/// The messages to send, where to, and how many.
pub struct Sending {
    /// Where subscribers are bound.
    pub endpoints: Vec<Endpoint>,
    /// How many subscribers to wait for before the first message.
    pub wait_for: usize,
    /// How long to wait for them.
    pub wait: Duration,
    /// How long the last messages may take to leave.
    pub linger: Duration,
    /// Messages to send.
    pub count: u64,
    /// The format of their bodies.
    pub wire: Wire,
}

impl Sending {
    /// Sends messages made of the lines of `input`, until `stop`.
    ///
    /// # Errors
    /// Too few subscribers come, `input` has no lines, or libzmq fails.
    pub fn run(self, input: impl BufRead, stop: &dyn Fn() -> bool) -> Result<()> {
        let frames = frames(input, self.wire)?;
        let mut sender = RawSender::open(&self.endpoints)?;
        let there = sender.wait_for(self.wait_for, TOPIC_PREFIX.as_bytes(), self.wait, stop)?;
        if there < self.wait_for && !stop() {
            let wanted = counted(self.wait_for, "subscriber");
            return Err(Error::new(format!("{there} of {wanted} connected")));
        }
        for (_, (topic, body)) in (0..self.count).zip(frames.iter().cycle()) {
            if stop() || !sender.send(topic, body, stop)? {
                break;
            }
        }
        sender.close(self.linger)
    }
}

/// Receives until `count` messages have arrived, or until `stop`. Returns how many
/// arrived, and the seconds from the first to the last.
///
/// # Errors
/// libzmq's.
pub fn receive(
    receiver: &mut RawReceiver,
    count: u64,
    stop: &dyn Fn() -> bool,
) -> Result<(u64, f64)> {
    let (mut arrived, mut first) = (0, None);
    while arrived < count && !stop() {
        if receiver.recv()? {
            first.get_or_insert_with(Instant::now);
            arrived += 1;
        }
    }
    Ok((arrived, first.map_or(0.0, |first| first.elapsed().as_secs_f64())))
}

/// Makes topics and bodies of lines, as `zlog emit --root bench` does.
fn frames(input: impl BufRead, wire: Wire) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
    let sender = SenderFields::of_this_process(ROOT);
    let mut topic = String::new();
    wire::topic::write(&mut topic, ROOT, &Level::INFO.to_string(), "");
    let mut frames: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
    let mut bytes = 0;
    for line in input.lines() {
        let line = line.map_err(|error| Error::io("standard input", &error))?;
        let seq = frames.len() as u64 + 1;
        let frame = body(&line, seq, &sender, wire);
        bytes += frame.len();
        frames.push((topic.clone().into_bytes(), frame));
        if frames.len() == MAX_FRAMES || bytes >= MAX_BYTES {
            break;
        }
    }
    if frames.is_empty() {
        return Err(Error::new("standard input has no lines"));
    }
    Ok(frames)
}

fn body(line: &str, seq: u64, sender: &SenderFields, wire: Wire) -> Vec<u8> {
    let msg = Cow::Borrowed(line);
    let mut record = Record { level: Level::INFO, msg, ..Record::default() };
    sender.fill(&mut record);
    record.seq = Some(seq);
    let mut body = Vec::new();
    match wire {
        Wire::Json => wire::json::write(&record, &mut body),
        Wire::Text => wire::text::write(&record, &mut body),
    }
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_decode_as_the_records_that_they_stand_for() {
        for wire in [Wire::Json, Wire::Text] {
            let frames = frames(&b"one\ntwo\n"[..], wire).unwrap();
            assert_eq!(frames.len(), 2);
            let (topic, body) = &frames[1];
            let (record, dialect) = wire::decode(&[topic, body], 0.0);
            assert!(dialect.is_some());
            assert_eq!((&*record.msg, record.level), ("two", Level::INFO));
            assert!(topic.starts_with(TOPIC_PREFIX.as_bytes()));
        }
    }

    #[test]
    fn frames_that_are_made_are_bounded() {
        let lines = format!("{}\n", "x".repeat(1 << 20)).repeat(20);
        let bytes: usize =
            frames(lines.as_bytes(), Wire::Text).unwrap().iter().map(|f| f.1.len()).sum();
        assert_eq!(bytes, MAX_BYTES);
        assert_eq!(frames("x\n".repeat(2000).as_bytes(), Wire::Text).unwrap().len(), MAX_FRAMES);
        assert!(frames(&b""[..], Wire::Text).is_err());
    }
}
