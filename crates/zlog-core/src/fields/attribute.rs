//! The attributes that a format string may name: those of Python's `LogRecord`, and zlog's.
//!
//! A missing number is 0 and missing text is `None`, as `logging.makeLogRecord` sets most
//! of them, so that `%(lineno)d` works for records that are not from Python. A missing
//! process or thread is `None`, as `logging.logProcesses = False` leaves it, and 0 to `%d`.

use crate::python::Value;
use crate::record::Record;
use crate::wire::topic;

/// An attribute that every record has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Attribute {
    Name,
    Msg,
    Args,
    Levelno,
    Levelname,
    Pathname,
    Filename,
    Module,
    Lineno,
    FuncName,
    Created,
    Asctime,
    Msecs,
    RelativeCreated,
    Thread,
    ThreadName,
    Process,
    ProcessName,
    TaskName,
    Message,
    ExcInfo,
    ExcText,
    StackInfo,
    Hostname,
    Source,
    Seq,
    Topic,
    Subtopic,
    Received,
    Fault,
}

/// All names, in the order of Python's documentation, and then zlog's.
pub(crate) const ATTRIBUTES: [(&str, Attribute); 30] = [
    ("asctime", Attribute::Asctime),
    ("created", Attribute::Created),
    ("filename", Attribute::Filename),
    ("funcName", Attribute::FuncName),
    ("levelname", Attribute::Levelname),
    ("levelno", Attribute::Levelno),
    ("lineno", Attribute::Lineno),
    ("message", Attribute::Message),
    ("module", Attribute::Module),
    ("msecs", Attribute::Msecs),
    ("name", Attribute::Name),
    ("pathname", Attribute::Pathname),
    ("process", Attribute::Process),
    ("processName", Attribute::ProcessName),
    ("relativeCreated", Attribute::RelativeCreated),
    ("thread", Attribute::Thread),
    ("threadName", Attribute::ThreadName),
    ("taskName", Attribute::TaskName),
    ("msg", Attribute::Msg),
    ("args", Attribute::Args),
    ("exc_info", Attribute::ExcInfo),
    ("exc_text", Attribute::ExcText),
    ("stack_info", Attribute::StackInfo),
    ("hostname", Attribute::Hostname),
    ("source", Attribute::Source),
    ("seq", Attribute::Seq),
    ("topic", Attribute::Topic),
    ("subtopic", Attribute::Subtopic),
    ("received", Attribute::Received),
    ("fault", Attribute::Fault),
];

/// Python's name of the root logger.
const ROOT: &str = "root";

/// A record, and values that are computed once for all fields.
pub(crate) struct FieldContext<'s> {
    pub(crate) record: &'s Record<'s>,
    /// The message with its arguments inserted.
    pub(crate) message: &'s str,
    /// The time as text; empty if no field shows it.
    pub(crate) asctime: &'s str,
}

impl Attribute {
    /// The attribute with this name.
    pub(crate) fn named(name: &str) -> Option<Attribute> {
        ATTRIBUTES.iter().find(|(known, _)| *known == name).map(|(_, attribute)| *attribute)
    }

    /// The names of all attributes.
    pub(crate) fn names() -> impl Iterator<Item = &'static str> {
        ATTRIBUTES.iter().map(|(name, _)| *name)
    }

    /// The value for records that lack the attribute.
    pub(crate) fn default_value(self) -> Value<'static> {
        match self {
            Attribute::Lineno | Attribute::Seq => Value::Int(0),
            Attribute::Msecs | Attribute::RelativeCreated => Value::Float(0.0),
            Attribute::Created | Attribute::Received => Value::Float(f64::NAN),
            Attribute::Args => Value::Tuple("[]"),
            Attribute::Pathname | Attribute::Filename | Attribute::Module => Value::Text("".into()),
            _ => Value::None,
        }
    }

    /// Whether it is a number that may be `None`.
    pub(crate) fn is_number(self) -> bool {
        matches!(self, Attribute::Process | Attribute::Thread)
    }

    /// The value of a record; `None` if the record lacks it.
    pub(crate) fn of<'s>(self, context: &FieldContext<'s>) -> Option<Value<'s>> {
        let record = context.record;
        let text = match self {
            Attribute::Message => Some(context.message),
            Attribute::Asctime => Some(context.asctime).filter(|text| !text.is_empty()),
            Attribute::Msg => Some(&*record.msg),
            Attribute::Topic => Some(&*record.topic),
            Attribute::Subtopic => Some(&*record.subtopic),
            Attribute::Name => Some(record.name.as_deref().unwrap_or_else(|| root(&record.topic))),
            Attribute::Levelname => match &record.levelname {
                Some(name) => Some(&**name),
                None => return Some(Value::Text(record.level.name())),
            },
            Attribute::Pathname => record.pathname.as_deref(),
            Attribute::Filename => record.filename.as_deref(),
            Attribute::Module => record.module.as_deref(),
            Attribute::FuncName => record.func_name.as_deref(),
            Attribute::ThreadName => record.thread_name.as_deref(),
            Attribute::ProcessName => record.process_name.as_deref(),
            Attribute::TaskName => record.task_name.as_deref(),
            Attribute::ExcText => record.exc_text.as_deref(),
            Attribute::StackInfo => record.stack_info.as_deref(),
            Attribute::Hostname => record.hostname.as_deref(),
            Attribute::Source => record.source.as_deref(),
            Attribute::Fault => record.fault.as_deref(),
            _ => return self.number(record),
        };
        text.map(|text| Value::Text(text.into()))
    }

    fn number<'s>(self, record: &'s Record<'s>) -> Option<Value<'s>> {
        match self {
            Attribute::Levelno => Some(Value::Int(record.level.0.into())),
            Attribute::Lineno => record.lineno.map(|number| Value::Int(number.into())),
            Attribute::Thread => record.thread.map(|number| Value::Int(number.into())),
            Attribute::Process => record.process.map(|number| Value::Int(number.into())),
            Attribute::Seq => record.seq.map(|number| Value::Int(number.into())),
            Attribute::Created => record.time().map(Value::Float),
            Attribute::Received => record.received.map(Value::Float),
            Attribute::RelativeCreated => record.relative_created.map(Value::Float),
            Attribute::Msecs => msecs(record).map(Value::Float),
            Attribute::Args => match &record.args {
                Some(args) if args.0.trim_ascii_start().starts_with('[') => {
                    Some(Value::Tuple(&args.0))
                }
                Some(args) => Some(Value::from_json(&args.0)),
                None => {
                    let text = record.extra_text_of("args")?;
                    Some(Value::Printed { text, repr: None })
                }
            },
            _ => None,
        }
    }
}

/// The milliseconds of a record's time: the sender's, or calculated as in Python.
pub(crate) fn msecs(record: &Record<'_>) -> Option<f64> {
    record.msecs.or_else(|| {
        let seconds = record.time()?;
        // Rounded to microseconds first: 0.001 has no exact float and must not become 0.
        Some((((seconds - seconds.floor()) * 1e6).round() / 1e3).floor().min(999.0))
    })
}

/// The name of the logger that sends with this topic.
fn root(topic: &str) -> &str {
    match topic::parse(topic).root {
        "" => ROOT,
        root => root,
    }
}
