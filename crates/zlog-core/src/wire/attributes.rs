//! `LogRecord` attributes by name: which goes into which field of a [`Record`].
//!
//! The one table for every dialect that sends a record as keys and values.
//! What may be here: names, and what to do with a value of an unexpected type.
//! How a value looks on the wire is behind [`Value`].

use crate::python::percent;
use crate::record::{Level, RawJson, Record, Text};
use crate::wire::json::{self, Schema};
use crate::wire::logbook;
use crate::wire::other_loggers;

/// What is said of a record with a value that readers could not take: it is kept as the
/// text of its JSON.
pub const QUOTED: &str = "a value is nested too deep, or a number too long: it is kept as text";

/// A value as a dialect holds it, read as what the field wants.
pub(super) trait Value<'a> {
    /// Whether it is `null`, `None`.
    fn is_null(&self) -> bool;
    /// The text of a string; `None` for other types.
    fn string(&self) -> Option<Text<'a>>;
    /// The text of a string, or a number or a truth value as it is written;
    /// `None` for what has parts.
    fn text(&self) -> Option<Text<'a>>;
    /// A whole number, whatever type of number it came as.
    fn integer(&self) -> Option<i64>;
    /// A finite number.
    fn number(&self) -> Option<f64>;
    /// The value as JSON.
    fn json(&self) -> Text<'a>;
}

/// Whether a key is the name of an attribute that is written, or that Python's
/// `Formatter` would trip over if it came as an extra.
pub(super) fn is_attribute(key: &str) -> bool {
    matches!(
        key,
        "name"
            | "msg"
            | "args"
            | "levelname"
            | "levelno"
            | "pathname"
            | "filename"
            | "module"
            | "exc_info"
            | "exc_text"
            | "stack_info"
            | "lineno"
            | "funcName"
            | "created"
            | "msecs"
            | "relativeCreated"
            | "thread"
            | "threadName"
            | "process"
            | "processName"
            | "taskName"
            | "hostname"
            | "source"
            | "seq"
    )
}

/// Whether a key is one that only stored records have.
pub(super) fn is_stored_only(key: &str) -> bool {
    matches!(key, "topic" | "received" | "fault")
}

/// Puts a record together from keys and values in the order they come.
///
/// It is put together in its place: a record is some 600 bytes, and handing it
/// up by value from function to function took a sixth of a reader's time.
pub(super) struct Builder<'r, 'a> {
    record: &'r mut Record<'a>,
    /// Whether `topic`, `received` and `fault` are fields, or extras like others.
    stored: bool,
    has_message: bool,
    has_level: bool,
    /// Whether a value is kept as text, since readers could not take it.
    kept_as_text: bool,
}

impl<'r, 'a> Builder<'r, 'a> {
    /// Puts together `record`, which is empty: one from the wire or, if `stored`,
    /// one as zlog stores it, with its topic and time of arrival.
    pub(super) fn new(record: &'r mut Record<'a>, stored: bool) -> Builder<'r, 'a> {
        Builder { record, stored, has_message: false, has_level: false, kept_as_text: false }
    }

    /// Takes one key and its value. What does not fit its field becomes an
    /// extra under the same name, as every unknown key does.
    pub(super) fn set(&mut self, key: Text<'a>, value: &impl Value<'a>) {
        let fits = self.set_text(&key, value)
            || self.set_special(&key, value)
            || self.set_number(&key, value)
            || (self.stored && self.set_stored(&key, value));
        if !fits {
            let value = self.raw_or_text(value.json());
            self.record.extras.push((key, value));
        }
    }

    /// A value as it is written, or as a string where readers could not take that.
    fn raw_or_text(&mut self, json: Text<'a>) -> RawJson<'a> {
        if json::is_within_limits(&json) {
            return RawJson(json);
        }
        self.kept_as_text = true;
        let mut quoted = Vec::with_capacity(json.len() + 2);
        json::write_string(&json, &mut quoted);
        RawJson(Text::Owned(String::from_utf8(quoted).unwrap_or_default()))
    }

    fn set_text(&mut self, key: &str, value: &impl Value<'a>) -> bool {
        let record = &mut *self.record;
        let slot = match key {
            "name" => &mut record.name,
            "levelname" => &mut record.levelname,
            "pathname" => &mut record.pathname,
            "filename" => &mut record.filename,
            "module" => &mut record.module,
            "exc_text" => &mut record.exc_text,
            "stack_info" => &mut record.stack_info,
            "funcName" => &mut record.func_name,
            "threadName" => &mut record.thread_name,
            "processName" => &mut record.process_name,
            "taskName" => &mut record.task_name,
            "hostname" => &mut record.hostname,
            "source" => &mut record.source,
            _ => return false,
        };
        set_field(slot, value.is_null(), || value.text())
    }

    fn set_number(&mut self, key: &str, value: &impl Value<'a>) -> bool {
        let (record, null) = (&mut *self.record, value.is_null());
        match key {
            "lineno" => set_field(&mut record.lineno, null, || integer(value)),
            "process" => set_field(&mut record.process, null, || integer(value)),
            "seq" => set_field(&mut record.seq, null, || integer(value)?.try_into().ok()),
            "created" => set_field(&mut record.created, null, || seconds(value)),
            "msecs" => set_field(&mut record.msecs, null, || number(value)),
            "relativeCreated" => set_field(&mut record.relative_created, null, || number(value)),
            // Java's loggers have the thread's name there.
            "thread" => {
                set_field(&mut record.thread, null, || integer(value))
                    || record.thread_name.is_none()
                        && set_field(&mut record.thread_name, null, || value.string())
            }
            _ => false,
        }
    }

    fn set_special(&mut self, key: &str, value: &impl Value<'a>) -> bool {
        match key {
            "msg" => {
                if !value.is_null() {
                    self.record.msg = value.text().unwrap_or_else(|| value.json());
                    self.has_message = true;
                }
                true
            }
            "args" => {
                // As always, where the arguments have been put in: SocketHandler does.
                if value.is_null() {
                    return true;
                }
                let args = Some(value.json()).filter(|json| !is_empty(json));
                self.record.args = args.map(|args| self.raw_or_text(args));
                true
            }
            "levelno" => {
                let number = integer(value).and_then(|number| i32::try_from(number).ok());
                self.record.level = number.map_or(self.record.level, Level);
                self.has_level |= number.is_some();
                number.is_some() || value.is_null()
            }
            // A traceback can't be sent: what is true here says no more than that.
            "exc_info" => {
                let text = &mut self.record.exc_text;
                value.is_null() || text.is_none() && set_field(text, false, || value.string())
            }
            _ => false,
        }
    }

    fn set_stored(&mut self, key: &str, value: &impl Value<'a>) -> bool {
        let (record, null) = (&mut *self.record, value.is_null());
        match key {
            "topic" => {
                let topic = value.text().filter(|_| !null);
                let fits = topic.is_some() || null;
                record.topic = topic.unwrap_or_default();
                fits
            }
            "received" => set_field(&mut record.received, null, || seconds(value)),
            "fault" => set_field(&mut record.fault, null, || value.text()),
            _ => false,
        }
    }

    /// Ends the record, and tells whose it is.
    ///
    /// One that names its level as Python does is taken as it is, so that its
    /// extras stay extras, whatever they are called. In others, names that
    /// other loggers use are looked for.
    pub(super) fn finish(self) -> Schema {
        let Builder { record, has_message, has_level, kept_as_text, .. } = self;
        if kept_as_text {
            record.fault.get_or_insert(Text::Borrowed(QUOTED));
        }
        reconcile_level(record);
        if has_level || record.levelname.is_some() || record.level != Level::NOTSET {
            if !record.extras.is_empty() {
                apply_derived_keys(record, has_message);
            }
            return Schema::LogRecord;
        }
        if logbook::is_logbook(record) {
            logbook::normalize(record);
            return Schema::Logbook;
        }
        match other_loggers::normalize(record) || has_message {
            true => Schema::OtherLogger,
            false => Schema::Other,
        }
    }
}

/// Fills a field. `null` fits every field, and leaves it as it is.
fn set_field<T>(slot: &mut Option<T>, null: bool, value: impl FnOnce() -> Option<T>) -> bool {
    if null {
        return true;
    }
    let value = value();
    let fits = value.is_some();
    if fits {
        *slot = value;
    }
    fits
}

fn integer<'a>(value: &impl Value<'a>) -> Option<i64> {
    value.integer().or_else(|| value.string()?.trim().parse().ok())
}

fn number<'a>(value: &impl Value<'a>) -> Option<f64> {
    let number = value.number().or_else(|| value.string()?.trim().parse().ok());
    number.filter(|number| number.is_finite())
}

fn seconds<'a>(value: &impl Value<'a>) -> Option<f64> {
    number(value).or_else(|| other_loggers::parse_time(&value.string()?))
}

/// Whether arguments are none: Python then leaves the message as it is.
fn is_empty(json: &str) -> bool {
    match json.as_bytes() {
        [b'[' | b'{', inner @ .., b']' | b'}'] => inner.iter().all(u8::is_ascii_whitespace),
        json => json == b"null",
    }
}

/// Makes number and name of the level agree: a name alone gives the number, and
/// a name that the number has anyway is dropped.
fn reconcile_level(record: &mut Record<'_>) {
    let Some(name) = &record.levelname else { return };
    if record.level == Level::NOTSET
        && let Some(level) = Level::from_word(name)
    {
        record.level = level;
    }
    let redundant = match record.level.standard_name() {
        Some(known) => known == name,
        None => name
            .strip_prefix("Level ")
            .is_some_and(|number| number == itoa::Buffer::new().format(record.level.0)),
    };
    if redundant {
        record.levelname = None;
    }
}

/// Takes up what Python's `Formatter` derives (`message`, `asctime`), where what
/// it was derived from is missing, and drops a `message` that says nothing new.
fn apply_derived_keys(record: &mut Record<'_>, has_message: bool) {
    let mut extras = std::mem::take(&mut record.extras);
    extras.retain(|(key, value)| match &**key {
        "message" => {
            let Some(message) = other_loggers::string(value) else { return true };
            if has_message {
                return percent::message(record) != message;
            }
            record.msg = message;
            false
        }
        "asctime" if record.created.is_none() => {
            record.created = other_loggers::time(value);
            record.created.is_none()
        }
        _ => true,
    });
    record.extras = extras;
}
