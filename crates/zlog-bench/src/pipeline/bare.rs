//! The processes that zlog is held against: `zlog bench bare-send` and
//! `bare-receive`, which only `zlog bench pipeline` starts.
//!
//! What may be here: the frames that they move, which are zlog's own to the byte,
//! and when they end. The sockets are in [`zlog_pipeline::socket`].

use std::borrow::Cow;
use std::io::{BufRead, Write};
use std::time::Duration;

use crate::records::ROOT;
use zlog_core::error::{Error, Exit, Result};
use zlog_core::record::{Level, Record};
use zlog_core::text::plural::counted;
use zlog_core::wire;
use zlog_pipeline::handler::publish::Wire;
use zlog_pipeline::os::signal::Stop;
use zlog_pipeline::os::terminal;
use zlog_pipeline::sender::Stamp;
use zlog_pipeline::socket::{BareReceiver, BareSender, Endpoint};

/// Messages that are made before the clock starts, and sent over and over.
const MADE: usize = 1024;
/// Most bytes of them.
const MOST_BYTES: usize = 16 << 20;

/// What is sent, where to, and how many.
pub struct Sending {
    /// Where subscribers are.
    pub endpoints: Vec<Endpoint>,
    /// How many subscribers are waited for,
    pub wait_for: usize,
    /// and for how long.
    pub wait: Duration,
    /// How long the last messages may take to leave.
    pub linger: Duration,
    /// Messages to send.
    pub count: u64,
    /// What their bodies are.
    pub wire: Wire,
}

impl Sending {
    /// Sends messages made of the lines of `input`.
    ///
    /// # Errors
    /// Subscribers do not come, there are no lines, or libzmq's.
    pub fn run(self, input: impl BufRead) -> Result<Exit> {
        let stop = Stop::install()?;
        let frames = frames(input, self.wire)?;
        let mut sender = BareSender::open(&self.endpoints)?;
        let asked = || stop.requested();
        let prefix = prefix();
        let there = sender.wait_for(self.wait_for, prefix.as_bytes(), self.wait, &asked)?;
        if there < self.wait_for && !asked() {
            let wanted = counted(self.wait_for, "subscriber");
            return Err(Error::new(format!("{there} of {wanted} came")));
        }
        for (_, (topic, body)) in (0..self.count).zip(frames.iter().cycle()) {
            if asked() || !sender.send(topic, body, &asked)? {
                break;
            }
        }
        sender.close(self.linger)?;
        Ok(stop.exit().unwrap_or(Exit::Done))
    }
}

/// Receives until `count` messages have come or a signal does, and writes to `out`
/// how many that were.
///
/// # Errors
/// The endpoint can't be bound, the count can't be written, or libzmq's.
pub fn receive(
    endpoint: &Endpoint,
    prefixes: &[String],
    count: u64,
    mut out: impl Write,
) -> Result<Exit> {
    let stop = Stop::install()?;
    let mut receiver = BareReceiver::open(endpoint, prefixes)?;
    terminal::tell(format_args!("zlog bench bare-receive: bound {}", receiver.endpoint()));
    let mut arrived = 0;
    while arrived < count && !stop.requested() {
        arrived += u64::from(receiver.recv()?);
    }
    writeln!(out, "{arrived}")
        .and_then(|()| out.flush())
        .map_err(|error| Error::io("standard output", &error))?;
    Ok(stop.exit().unwrap_or(Exit::Done))
}

/// What the topics of the records begin with: what is subscribed to.
pub(super) fn prefix() -> String {
    format!("{ROOT}.")
}

/// Topics and bodies as `zlog emit --root bench` makes them of lines.
fn frames(input: impl BufRead, wire: Wire) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
    let stamp = Stamp::of_this_process(ROOT);
    let mut topic = String::new();
    wire::topic::write(&mut topic, ROOT, &Level::INFO.to_string(), "");
    let mut frames: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
    let mut bytes = 0;
    for line in input.lines() {
        let line = line.map_err(|error| Error::io("standard input", &error))?;
        let seq = frames.len() as u64 + 1;
        let frame = body(&line, seq, &stamp, wire);
        bytes += frame.len();
        frames.push((topic.clone().into_bytes(), frame));
        if frames.len() == MADE || bytes >= MOST_BYTES {
            break;
        }
    }
    if frames.is_empty() {
        return Err(Error::new("standard input: there is no line in it"));
    }
    Ok(frames)
}

fn body(line: &str, seq: u64, stamp: &Stamp, wire: Wire) -> Vec<u8> {
    let msg = Cow::Borrowed(line);
    let mut record = Record { level: Level::INFO, msg, ..Record::default() };
    stamp.fill(&mut record);
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
            assert!(topic.starts_with(prefix().as_bytes()));
        }
    }

    #[test]
    fn frames_that_are_made_are_bounded() {
        let lines = format!("{}\n", "x".repeat(1 << 20)).repeat(20);
        let bytes: usize =
            frames(lines.as_bytes(), Wire::Text).unwrap().iter().map(|f| f.1.len()).sum();
        assert_eq!(bytes, MOST_BYTES);
        assert_eq!(frames("x\n".repeat(2000).as_bytes(), Wire::Text).unwrap().len(), MADE);
        assert!(frames(&b""[..], Wire::Text).is_err());
    }
}
