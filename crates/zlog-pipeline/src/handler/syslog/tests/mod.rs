//! Syslog messages and connections.

use std::collections::BTreeMap;

use super::*;
use crate::handler::Handler;
use crate::handler::testing::{DEADLINE, text};
use zlog_core::Level;

mod connections;
mod messages;
mod tls;

fn options(address: impl Into<String>) -> SyslogOptions {
    let retry = RetryOptions {
        retry: Duration::from_millis(20),
        retry_max: Duration::from_millis(50),
        ..RetryOptions::default()
    };
    SyslogOptions {
        address: address.into(),
        hostname: Some("here".into()),
        timeout: DEADLINE,
        retry,
        ..SyslogOptions::default()
    }
}

fn record(msg: &str) -> Record<'_> {
    Record {
        topic: "shop.ERROR.db".into(),
        name: Some("shop.db".into()),
        msg: msg.into(),
        level: Level::ERROR,
        created: Some(1_767_323_045.000_006),
        process: Some(42),
        seq: Some(7),
        ..Record::default()
    }
}

#[test]
fn invalid_options_are_refused_at_once() {
    type Change = fn(&mut SyslogOptions);
    let cases: [(Change, &str); 5] = [
        (|options| options.address = "loghost".into(), "is not a syslog address"),
        (|options| options.app_name = Some("my app".into()), "can't be a syslog app name"),
        (|options| options.hostname = Some(String::new()), "can't be a syslog hostname"),
        (|options| options.max_message = 100, "out of range: 100 bytes"),
        (|options| options.max_message = 65_508, "out of range: 65508 bytes"),
    ];
    for (change, why) in cases {
        let mut options = options("udp://127.0.0.1");
        change(&mut options);
        let Err(error) = SyslogHandler::new(options, text()) else { panic!("accepted: {why}") };
        assert!(error.to_string().contains(why), "{error}");
    }
}

/// The parts of a message.
#[derive(Debug)]
struct Parsed<'m> {
    priority: u8,
    /// Time, host, program, process, message id.
    head: Vec<&'m str>,
    data: BTreeMap<String, BTreeMap<String, String>>,
    msg: &'m str,
}

/// Parses a message by the grammar of RFC 5424, section 6.
fn parse(message: &str) -> Option<Parsed<'_>> {
    let (priority, rest) = message.strip_prefix('<')?.split_once('>')?;
    let mut rest = rest.strip_prefix("1 ")?;
    let mut head = Vec::new();
    for most in [32, 255, 48, 128, 32] {
        let (name, after) = rest.split_once(' ')?;
        let fits = (1..=most).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_graphic());
        head.push(Some(name).filter(|_| fits)?);
        rest = after;
    }
    let mut data = BTreeMap::new();
    if let Some(after) = rest.strip_prefix('-') {
        rest = after;
    }
    while let Some(after) = rest.strip_prefix('[') {
        let (id, after) = name(after)?;
        let mut element = BTreeMap::new();
        rest = after;
        while let Some(after) = rest.strip_prefix(' ') {
            let (name, after) = name(after)?;
            let (value, after) = value(after.strip_prefix("=\"")?)?;
            element.insert(name.to_owned(), value);
            rest = after;
        }
        rest = rest.strip_prefix(']')?;
        data.insert(id.to_owned(), element);
    }
    let msg = if rest.is_empty() { "" } else { rest.strip_prefix(' ')? };
    Some(Parsed { priority: priority.parse().ok()?, head, data, msg })
}

/// An SD-NAME, and the rest.
fn name(text: &str) -> Option<(&str, &str)> {
    let plain = |c: char| c.is_ascii_graphic() && !matches!(c, '=' | ']' | '"');
    let end = text.find(|c| !plain(c)).unwrap_or(text.len());
    (1..=32).contains(&end).then(|| text.split_at(end))
}

/// A PARAM-VALUE after its opening quote, and the rest after the closing one.
fn value(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((place, c)) = chars.next() {
        match c {
            '"' => return Some((value, &text[place + 1..])),
            ']' => return None,
            '\\' => value.push(chars.next()?.1),
            c => value.push(c),
        }
    }
    None
}
