//! Attributes that many records in a row have in common, encoded once.

use std::borrow::Cow;

use super::object::Object;
use crate::level::Level;
use crate::record::Record;

/// The JSON of attributes of the last record that was written. Others must be before them.
#[derive(Default)]
pub(super) struct Repeated {
    pub(super) level: LevelJson,
    pub(super) times: Times,
    pub(super) sender: Sender,
}

/// The level, by name and by number.
#[derive(Default)]
pub(super) struct LevelJson {
    /// `None` if it has a name of its own.
    level: Option<Level>,
    json: Vec<u8>,
}

impl LevelJson {
    pub(super) fn json(&mut self, record: &Record<'_>) -> &[u8] {
        let level = Some(record.level).filter(|_| record.levelname.is_none());
        if level.is_none() || level != self.level {
            self.level = level;
            self.json.clear();
            let mut object = Object::go_on(&mut self.json);
            object.text(b",\"levelname\":", &record.level_name());
            object.integer(b",\"levelno\":", Some(record.level.0));
        }
        &self.json
    }
}

/// When it was logged. Lines that are read at once have the same time.
#[derive(Default)]
pub(super) struct Times {
    bits: [Option<u64>; 3],
    json: Vec<u8>,
}

impl Times {
    pub(super) fn json(&mut self, record: &Record<'_>) -> &[u8] {
        let times = [record.created, record.msecs, record.relative_created];
        let bits = times.map(|time| time.map(f64::to_bits));
        if self.bits != bits {
            self.bits = bits;
            self.json.clear();
            let mut object = Object::go_on(&mut self.json);
            object.seconds(b",\"created\":", record.created);
            object.float(b",\"msecs\":", record.msecs);
            object.float(b",\"relativeCreated\":", record.relative_created);
        }
        &self.json
    }
}

/// The thread and the process that have logged it, and who has sent it.
#[derive(Default)]
pub(super) struct Sender {
    numbers: [Option<i64>; 2],
    names: [Option<String>; 5],
    json: Vec<u8>,
}

impl Sender {
    pub(super) fn json(&mut self, record: &Record<'_>) -> &[u8] {
        let numbers = [record.thread, record.process];
        let names = [
            &record.thread_name,
            &record.process_name,
            &record.task_name,
            &record.hostname,
            &record.source,
        ];
        let is_same = |(own, name): (&Option<String>, &Option<Cow<'_, str>>)| {
            own.as_deref() == name.as_deref()
        };
        if self.numbers != numbers || !self.names.iter().zip(names).all(is_same) {
            self.numbers = numbers;
            self.names.iter_mut().zip(names).for_each(|(own, name)| keep(own, name.as_deref()));
            self.json.clear();
            let mut object = Object::go_on(&mut self.json);
            object.integer(b",\"thread\":", record.thread);
            object.optional_text(b",\"threadName\":", record.thread_name.as_deref());
            object.integer(b",\"process\":", record.process);
            object.optional_text(b",\"processName\":", record.process_name.as_deref());
            object.optional_text(b",\"taskName\":", record.task_name.as_deref());
            object.optional_text(b",\"hostname\":", record.hostname.as_deref());
            object.optional_text(b",\"source\":", record.source.as_deref());
        }
        &self.json
    }
}

/// Copies a name, into the memory of the last one if there was one.
fn keep(own: &mut Option<String>, name: Option<&str>) {
    match (own, name) {
        (Some(own), Some(name)) => {
            own.clear();
            own.push_str(name);
        }
        (own, name) => *own = name.map(str::to_owned),
    }
}
