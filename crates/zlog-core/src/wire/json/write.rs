//! Records to JSON. Allocates only for records with `args`.

use super::object::{EXACT, Object};
use super::repeated::Repeated;
use crate::record::Record;
use crate::wire::attributes;

/// Writes records of a stream as JSON. Attributes that a record has in common with the one before
/// it are not encoded again.
#[derive(Default)]
pub struct Writer {
    repeated: Repeated,
}

/// Appends a body of the `json` dialect: see [`Writer::write`].
pub fn write(record: &Record<'_>, out: &mut Vec<u8>) {
    Writer::default().write(record, out);
}

impl Writer {
    /// Appends a body of the `json` dialect: one JSON object on one line, without a line break
    /// at its end.
    ///
    /// Absent fields are left out, except the level. Three rules exist for Python:
    ///
    /// - `args` are inserted into `msg`, as `SocketHandler` does: a JSON array would arrive as
    ///   a list, which Python's `%` does not accept as the arguments. They are `null` if the
    ///   sender said so, since `makeLogRecord` would set `()`.
    /// - `msecs` is written with `created`, since `makeLogRecord` would set the milliseconds
    ///   of its own call.
    /// - `process` and `processName` are `null` if a complete `LogRecord` lacks them, since
    ///   `makeLogRecord` would set those of its own process.
    ///
    /// An extra with the name of an attribute (a `lineno` that is not a number, for example)
    /// gets `_` after its name, so that no key is duplicate and none replaces an attribute.
    pub fn write(&mut self, record: &Record<'_>, out: &mut Vec<u8>) {
        let mut object = Object::open(out);
        object.optional_text(b",\"name\":", record.name.as_deref());
        object.text(b",\"msg\":", &record.message());
        if record.args.as_ref().is_some_and(|args| args.0 == "null") {
            object.raw(b",\"args\":", "null");
        }
        self.attributes_after_args(record, &mut object);
        if let (Some(created), None) = (record.created, record.msecs) {
            object.float(b",\"msecs\":", Some(milliseconds(created)));
        }
        if record.relative_created.is_some() {
            if record.process.is_none() {
                object.raw(b",\"process\":", "null");
            }
            if record.process_name.is_none() {
                object.raw(b",\"processName\":", "null");
            }
        }
        extras(record, &mut object, attributes::is_attribute);
        object.close();
    }

    /// Appends a record for storage, which [`read`](super::read) reads back: as
    /// [`Writer::write`], with `args` separate from `msg`, and with `topic`, `received` and
    /// `fault`.
    pub fn write_stored(&mut self, record: &Record<'_>, out: &mut Vec<u8>) {
        let mut object = Object::open(out);
        if !record.topic.is_empty() {
            object.text(b",\"topic\":", &record.topic);
        }
        object.seconds(b",\"received\":", record.received);
        object.optional_text(b",\"fault\":", record.fault.as_deref());
        object.optional_text(b",\"name\":", record.name.as_deref());
        object.text(b",\"msg\":", &record.msg);
        if let Some(args) = &record.args {
            object.raw(b",\"args\":", &args.0);
        }
        self.attributes_after_args(record, &mut object);
        extras(record, &mut object, |key| {
            attributes::is_attribute(key) || attributes::is_stored_only(key)
        });
        object.close();
    }

    fn attributes_after_args(&mut self, record: &Record<'_>, object: &mut Object<'_>) {
        object.out.extend_from_slice(self.repeated.level.json(record));
        object.optional_text(b",\"pathname\":", record.pathname.as_deref());
        object.optional_text(b",\"filename\":", record.filename.as_deref());
        object.optional_text(b",\"module\":", record.module.as_deref());
        object.optional_text(b",\"exc_text\":", record.exc_text.as_deref());
        object.optional_text(b",\"stack_info\":", record.stack_info.as_deref());
        object.integer(b",\"lineno\":", record.lineno);
        object.optional_text(b",\"funcName\":", record.func_name.as_deref());
        object.out.extend_from_slice(self.repeated.times.json(record));
        object.out.extend_from_slice(self.repeated.sender.json(record));
        object.integer(b",\"seq\":", record.seq);
        if let Some(texts) = &record.extra_text {
            object.raw(b",\"extra_text\":", &texts.0);
        }
    }
}

fn extras(record: &Record<'_>, object: &mut Object<'_>, taken: impl Fn(&str) -> bool) {
    for (key, value) in &record.extras {
        match taken(key) {
            true => object.extra(&record.free_extra_name(key), &value.0),
            false => object.extra(key, &value.0),
        }
    }
}

/// The milliseconds (`msecs`) of a time in seconds, exact to the microsecond. The fraction of
/// an f64 may be a little less than what was written: `.678` would give 677.
pub fn milliseconds(seconds: f64) -> f64 {
    if !(0.0..EXACT as f64).contains(&seconds) {
        let micros = (seconds.fract() * 1e6).round().rem_euclid(1e6);
        return (micros / 1e3).floor();
    }
    // The same through integers, in a tenth of the time.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 2^53")]
    let whole = seconds as u64;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 1e6")]
    let micros = ((seconds - whole as f64) * 1e6 + 0.5) as u64;
    (micros % 1_000_000 / 1000) as f64
}
