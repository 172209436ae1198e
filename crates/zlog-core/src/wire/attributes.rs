//! Which `LogRecord` attribute goes to which field of a [`Record`], for all dialects that
//! send keys and values.
//!
//! Must not depend on a dialect: it reads values through [`Value`].

use std::borrow::Cow;

use crate::level::Level;
use crate::record::{RawJson, Record, Text};
use crate::text::json;
use crate::wire::other_loggers::logbook;
use crate::wire::other_loggers::{self, Field, Found, field_alias, levels};

/// The logger whose keys an object has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Schema {
    /// Python's: it has `levelno` or `levelname`.
    LogRecord,
    /// Logbook's `ZeroMQHandler`.
    Logbook,
    /// Another logger's: no level of Python's, but a message under a known key.
    OtherLogger,
    /// A collector's: the message is a line of another program (Docker, journald).
    Wrapper,
    /// An object without a message. It may not be a log record at all.
    Other,
}

/// The fault of a record with a value that exceeds the limits of readers: the value is
/// kept as the text of its JSON.
pub const QUOTED: &str = "a value is nested too deep, or a number too long: it is kept as text";

/// A value of a dialect, converted to the type of the field.
pub(super) trait Value<'a> {
    /// Whether it is `null` or `None`.
    fn is_null(&self) -> bool;
    /// The text of a string; `None` for other types.
    fn string(&self) -> Option<Text<'a>>;
    /// The text of a string, a number or a boolean; `None` for containers.
    fn text(&self) -> Option<Text<'a>>;
    /// An integer, of whatever number type.
    fn integer(&self) -> Option<i64>;
    /// A finite number.
    fn number(&self) -> Option<f64>;
    /// The value as JSON.
    fn json(&self) -> Text<'a>;
    /// The text of a message; `None` for `null`, which stands for no message.
    fn message(&self) -> Option<Text<'a>> {
        (!self.is_null()).then(|| self.text().unwrap_or_else(|| self.json()))
    }
    /// What Python prints for the value, if that differs from what it prints for its JSON.
    fn printed(&self, _json: &str) -> Option<Text<'a>> {
        None
    }
}

/// An attribute that is text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum TextField {
    Name,
    LevelName,
    Pathname,
    Filename,
    Module,
    FuncName,
    ThreadName,
    ProcessName,
    TaskName,
    Hostname,
    Source,
}

/// An attribute that is an integer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum NumberField {
    Process,
    Thread,
    Lineno,
}

impl TextField {
    /// The attribute with this name.
    pub(crate) fn of_key(key: &str) -> Option<TextField> {
        Some(match key {
            "name" => TextField::Name,
            "levelname" => TextField::LevelName,
            "pathname" => TextField::Pathname,
            "filename" => TextField::Filename,
            "module" => TextField::Module,
            "funcName" => TextField::FuncName,
            "threadName" => TextField::ThreadName,
            "processName" => TextField::ProcessName,
            "taskName" => TextField::TaskName,
            "hostname" => TextField::Hostname,
            "source" => TextField::Source,
            _ => return None,
        })
    }

    /// The attribute of a record.
    pub(crate) fn of<'r, 'a>(self, record: &'r mut Record<'a>) -> &'r mut Option<Text<'a>> {
        match self {
            TextField::Name => &mut record.name,
            TextField::LevelName => &mut record.levelname,
            TextField::Pathname => &mut record.pathname,
            TextField::Filename => &mut record.filename,
            TextField::Module => &mut record.module,
            TextField::FuncName => &mut record.func_name,
            TextField::ThreadName => &mut record.thread_name,
            TextField::ProcessName => &mut record.process_name,
            TextField::TaskName => &mut record.task_name,
            TextField::Hostname => &mut record.hostname,
            TextField::Source => &mut record.source,
        }
    }
}

impl NumberField {
    /// The attribute with this name.
    pub(crate) fn of_key(key: &str) -> Option<NumberField> {
        Some(match key {
            "process" => NumberField::Process,
            "thread" => NumberField::Thread,
            "lineno" => NumberField::Lineno,
            _ => return None,
        })
    }

    /// The attribute of a record.
    pub(crate) fn of<'r>(self, record: &'r mut Record<'_>) -> &'r mut Option<i64> {
        match self {
            NumberField::Process => &mut record.process,
            NumberField::Thread => &mut record.thread,
            NumberField::Lineno => &mut record.lineno,
        }
    }
}

/// Which attribute a key names.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Attribute {
    Text(TextField),
    Number(NumberField),
    Msg,
    Args,
    ExtraText,
    LevelNo,
    ExcInfo,
    ExcText,
    StackInfo,
    Seq,
    Created,
    Msecs,
    RelativeCreated,
    /// An attribute of stored records only.
    Stored(StoredField),
    /// None: the key is an extra.
    Extra,
}

/// An attribute of stored records.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum StoredField {
    Topic,
    Received,
    Fault,
}

impl Attribute {
    /// The attribute with this name.
    pub(super) fn of_key(key: &str) -> Attribute {
        match key {
            "msg" => Attribute::Msg,
            "args" => Attribute::Args,
            "extra_text" => Attribute::ExtraText,
            "levelno" => Attribute::LevelNo,
            "exc_info" => Attribute::ExcInfo,
            "exc_text" => Attribute::ExcText,
            "stack_info" => Attribute::StackInfo,
            "seq" => Attribute::Seq,
            "created" => Attribute::Created,
            "msecs" => Attribute::Msecs,
            "relativeCreated" => Attribute::RelativeCreated,
            "topic" => Attribute::Stored(StoredField::Topic),
            "received" => Attribute::Stored(StoredField::Received),
            "fault" => Attribute::Stored(StoredField::Fault),
            _ => match (TextField::of_key(key), NumberField::of_key(key)) {
                (Some(field), _) => Attribute::Text(field),
                (_, Some(field)) => Attribute::Number(field),
                (None, None) => Attribute::Extra,
            },
        }
    }

    /// Whether it is Python's level.
    pub(super) fn is_level(self) -> bool {
        matches!(self, Attribute::LevelNo | Attribute::Text(TextField::LevelName))
    }

    /// Whether it is needed of a record that does not pass, too: the source and the number show lost
    /// records, and a later record without a time gets this one.
    pub(super) fn is_needed_if_rejected(self, schema: Schema) -> bool {
        let is_of_python = schema == Schema::LogRecord;
        let is_source = self == Attribute::Text(TextField::Source);
        is_of_python
            && (is_source
                || matches!(self, Attribute::Seq | Attribute::Created | Attribute::Stored(_)))
    }

    /// Whether it is a number that may have a fraction.
    pub(super) fn is_float(self) -> bool {
        matches!(self, Attribute::Created | Attribute::Msecs | Attribute::RelativeCreated)
    }
}

/// Whether a key is the name of an attribute that zlog writes, or one that breaks
/// Python's `Formatter` as an extra.
pub(super) fn is_attribute(key: &str) -> bool {
    !matches!(Attribute::of_key(key), Attribute::Stored(_) | Attribute::Extra)
}

/// Whether a key is an attribute of stored records only.
pub(super) fn is_stored_only(key: &str) -> bool {
    matches!(Attribute::of_key(key), Attribute::Stored(_))
}

/// Builds a record from keys and values, in their order.
///
/// Builds in place: a record has some 600 bytes, and returning it by value from function
/// to function took a sixth of a reader's time.
pub(super) struct Builder<'r, 'a> {
    record: &'r mut Record<'a>,
    /// Whether `topic`, `received` and `fault` are fields; else they are extras.
    stored: bool,
    has_message: bool,
    has_level: bool,
    /// Whether a value exceeds the limits of readers and is kept as text.
    kept_as_text: bool,
}

impl<'r, 'a> Builder<'r, 'a> {
    /// Builds into `record`, which must be empty. `stored`: the record comes from a file
    /// that zlog wrote, with its topic and time of arrival.
    pub(super) fn new(record: &'r mut Record<'a>, stored: bool) -> Builder<'r, 'a> {
        Builder { record, stored, has_message: false, has_level: false, kept_as_text: false }
    }

    /// Makes room for so many extras.
    pub(super) fn reserve(&mut self, extras: usize) {
        self.record.extras.reserve_exact(extras);
    }

    /// Sets one key. Unknown keys, and values that don't fit their fields, become extras.
    pub(super) fn set(&mut self, key: Text<'a>, value: &impl Value<'a>) {
        self.set_as(Attribute::of_key(&key), || key, value);
    }

    /// As [`Builder::set`], for a key whose attribute is known.
    pub(super) fn set_as(
        &mut self,
        attribute: Attribute,
        key: impl FnOnce() -> Text<'a>,
        value: &impl Value<'a>,
    ) {
        let fits = match attribute {
            Attribute::Stored(field) => self.stored && self.set_stored(field, value),
            Attribute::Extra => false,
            _ => self.set_attribute(attribute, value),
        };
        if !fits {
            let (key, json) = (key(), value.json());
            if let Some(text) = value.printed(&json) {
                self.record.set_extra_text(&key, &text);
            }
            let value = self.raw_or_text(json);
            self.record.extras.push((key, value));
        }
    }

    /// The value as raw JSON, or as a JSON string if it exceeds the limits of readers.
    fn raw_or_text(&mut self, json: Text<'a>) -> RawJson<'a> {
        if json::is_within_limits(&json) {
            return RawJson(json);
        }
        self.kept_as_text = true;
        RawJson(Text::Owned(json::quoted(&json)))
    }

    /// Sets an attribute. `false` if the value does not fit.
    fn set_attribute(&mut self, attribute: Attribute, value: &impl Value<'a>) -> bool {
        let (record, null) = (&mut *self.record, value.is_null());
        match attribute {
            Attribute::Text(field) => set_field(field.of(record), null, || value.text()),
            // Java's loggers send the thread's name.
            Attribute::Number(NumberField::Thread) => {
                set_field(&mut record.thread, null, || integer(value))
                    || record.thread_name.is_none()
                        && set_field(&mut record.thread_name, null, || value.string())
            }
            Attribute::Number(field) => set_field(field.of(record), null, || integer(value)),
            Attribute::Msg => {
                if let Some(message) = value.message() {
                    record.msg = message;
                    self.has_message = true;
                }
                true
            }
            Attribute::Args if null => {
                record.args = Some(NO_ARGS);
                true
            }
            Attribute::Args => {
                let args = Some(value.json()).filter(|json| !is_empty(json));
                self.record.args = args.map(|args| self.raw_or_text(args));
                true
            }
            Attribute::ExtraText => {
                let json = value.json();
                let is_object = json.starts_with('{') && json::is_within_limits(&json);
                record.extra_text = is_object.then_some(RawJson(json));
                is_object || null
            }
            Attribute::LevelNo => {
                let number = integer(value).and_then(|number| i32::try_from(number).ok());
                record.level = number.map_or(record.level, Level);
                self.has_level |= number.is_some();
                number.is_some() || null
            }
            // Python's traceback objects can't be sent, but other loggers send text here.
            Attribute::ExcInfo => {
                let text = &mut record.exc_text;
                null || text.is_none() && set_field(text, false, || trace(value))
            }
            Attribute::ExcText => set_field(&mut record.exc_text, null, || trace(value)),
            Attribute::StackInfo => set_field(&mut record.stack_info, null, || trace(value)),
            Attribute::Seq => set_field(&mut record.seq, null, || integer(value)?.try_into().ok()),
            Attribute::Created => set_field(&mut record.created, null, || seconds(value)),
            Attribute::Msecs => set_field(&mut record.msecs, null, || number(value)),
            Attribute::RelativeCreated => {
                set_field(&mut record.relative_created, null, || number(value))
            }
            Attribute::Stored(_) | Attribute::Extra => false,
        }
    }

    fn set_stored(&mut self, field: StoredField, value: &impl Value<'a>) -> bool {
        let (record, null) = (&mut *self.record, value.is_null());
        match field {
            StoredField::Topic => {
                let topic = value.text().filter(|_| !null);
                let fits = topic.is_some() || null;
                record.topic = topic.unwrap_or_default();
                fits
            }
            StoredField::Received => set_field(&mut record.received, null, || seconds(value)),
            StoredField::Fault => set_field(&mut record.fault, null, || value.text()),
        }
    }

    /// Completes the record. Returns whose keys it had.
    ///
    /// If the record has Python's `levelno` or `levelname`, its extras stay extras. Else
    /// keys of other loggers are moved to their fields.
    pub(super) fn finish(self) -> Schema {
        let Builder { record, has_message, has_level, kept_as_text, .. } = self;
        if kept_as_text {
            record.fault.get_or_insert(Text::Borrowed(QUOTED));
        }
        remove_repeated(&mut record.extras);
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
        match other_loggers::normalize(record, has_message) {
            Found::Line => Schema::Wrapper,
            Found::Message => Schema::OtherLogger,
            Found::NoMessage => Schema::Other,
        }
    }
}

/// Sets a field, if the value fits. `null` fits and clears it.
fn set_field<T>(slot: &mut Option<T>, null: bool, value: impl FnOnce() -> Option<T>) -> bool {
    if null {
        *slot = None;
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

/// The text of a traceback or a stack: a string, or an array of lines, as python-json-logger
/// writes it with `exc_info_as_array` and `stack_info_as_array`.
fn trace<'a>(value: &impl Value<'a>) -> Option<Text<'a>> {
    value.string().or_else(|| {
        let json = value.json();
        let lines: Vec<Text<'_>> = serde_json::from_str(&json).ok()?;
        (!lines.is_empty()).then(|| Text::Owned(lines.join("\n")))
    })
}

fn number<'a>(value: &impl Value<'a>) -> Option<f64> {
    let number = value.number().or_else(|| value.string()?.trim().parse().ok());
    number.filter(|number| number.is_finite())
}

fn seconds<'a>(value: &impl Value<'a>) -> Option<f64> {
    number(value).or_else(|| other_loggers::parse_time(&value.string()?))
}

/// Whether a list of arguments is empty: Python then does not format the message.
fn is_empty(json: &str) -> bool {
    match json.as_bytes() {
        [b'[' | b'{', inner @ .., b']' | b'}'] => inner.iter().all(u8::is_ascii_whitespace),
        _ => false,
    }
}

/// The arguments of a record that has `None` for them, since they are inserted.
const NO_ARGS: RawJson<'_> = RawJson(Cow::Borrowed("null"));

/// Derives a missing level number from the name, and drops a name that follows from the
/// number.
fn reconcile_level(record: &mut Record<'_>) {
    let Some(name) = &record.levelname else { return };
    if record.level == Level::NOTSET
        && let Some(reading) = levels::read(&levels::plain(name), levels::Scale::Python)
    {
        record.level = reading.level;
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

/// Uses what Python's `Formatter` derives (`message`, `asctime`), or python-json-logger calls
/// otherwise (`timestamp`), if the original is missing. Drops a `message` that repeats it.
///
/// A record that zlog stored has said everything: there, such keys are extras.
fn apply_derived_keys(record: &mut Record<'_>, mut has_message: bool) {
    let stored = record.received.is_some();
    let mut extras = std::mem::take(&mut record.extras);
    extras.retain(|(key, value)| match field_alias(key) {
        Some(Field::Message) => {
            let Some(message) = other_loggers::string(value) else { return true };
            if has_message {
                return key != "message" || record.message() != message;
            }
            record.msg = message;
            has_message = true;
            false
        }
        Some(Field::Time) if record.created.is_none() && !stored => {
            record.created = other_loggers::time(value);
            record.created.is_none()
        }
        Some(Field::Name) if record.name.is_none() && !stored => {
            record.name = other_loggers::string(value);
            record.name.is_none()
        }
        _ => true,
    });
    record.extras = extras;
}

/// Removes extras whose key comes again: the last value counts, as in Python's `json`.
fn remove_repeated(extras: &mut Vec<(Text<'_>, RawJson<'_>)>) {
    /// Comparing each key with all others would take too long for more.
    const FEW: usize = 32;
    if extras.len() > FEW {
        return remove_repeated_of_many(extras);
    }
    let mut at = 1;
    while at < extras.len() {
        match extras[..at].iter().position(|(key, _)| *key == extras[at].0) {
            Some(first) => extras[first].1 = extras.remove(at).1,
            None => at += 1,
        }
    }
}

#[cold]
fn remove_repeated_of_many(extras: &mut Vec<(Text<'_>, RawJson<'_>)>) {
    let mut order: Vec<usize> = (0..extras.len()).collect();
    // Stable: equal keys stay in their order.
    order.sort_by(|a, b| extras[*a].0.cmp(&extras[*b].0));
    let mut repeated = vec![false; extras.len()];
    for same in order
        .chunk_by(|a, b| extras[*a].0 == extras[*b].0)
        .map(<[usize]>::to_vec)
        .collect::<Vec<_>>()
    {
        if let [first, .., last] = same[..] {
            extras.swap(first, last);
            same[1..].iter().for_each(|at| repeated[*at] = true);
        }
    }
    let mut repeated = repeated.into_iter();
    extras.retain(|_| !repeated.next().unwrap_or_default());
}
