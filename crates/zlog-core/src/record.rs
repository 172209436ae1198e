//! A log record, with the attribute names of Python's
//! [`logging.LogRecord`](https://docs.python.org/3/library/logging.html#logrecord-attributes).
//!
//! Text fields borrow from the input where they can ([`Cow`]), so that reading a record
//! allocates nothing per field. [`Record::into_owned`] copies them.

use std::borrow::Cow;

use crate::level::Level;
use crate::python::{FormatError, percent};
use crate::text::json;

/// Text that borrows from its input, or owns its copy after unescaping.
pub type Text<'a> = Cow<'a, str>;

/// A JSON value as text, which zlog passes on unchanged.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RawJson<'a>(pub Text<'a>);

impl RawJson<'_> {
    /// Copies the text, if it is borrowed.
    pub fn into_owned(self) -> RawJson<'static> {
        RawJson(Cow::Owned(self.0.into_owned()))
    }
}

/// A log record. Fields that the sender left out are `None` or empty.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Record<'a> {
    /// The topic frame as received; empty before the record has one.
    pub topic: Text<'a>,
    /// The part of the topic after the level (`db` in `app.ERROR.db`); empty for none.
    pub subtopic: Text<'a>,

    /// The logger's name (`name`).
    pub name: Option<Text<'a>>,
    /// The message before its arguments are inserted (`msg`); see [`Record::message`].
    pub msg: Text<'a>,
    /// The arguments of `msg` as JSON: an array, or an object for `%(key)s` (`args`).
    pub args: Option<RawJson<'a>>,
    /// The level's number (`levelno`).
    pub level: Level,
    /// The level's name, if it is not [`Level::name`] of the number (`levelname`).
    pub levelname: Option<Text<'a>>,
    /// The path of the source file of the call (`pathname`).
    pub pathname: Option<Text<'a>>,
    /// The last part of `pathname` (`filename`).
    pub filename: Option<Text<'a>>,
    /// `filename` without its extension (`module`).
    pub module: Option<Text<'a>>,
    /// The traceback as text (`exc_text`).
    pub exc_text: Option<Text<'a>>,
    /// The call stack as text (`stack_info`).
    pub stack_info: Option<Text<'a>>,
    /// The source line of the call (`lineno`).
    pub lineno: Option<i64>,
    /// The function of the call (`funcName`).
    pub func_name: Option<Text<'a>>,
    /// When the record was created: seconds since 1970-01-01 UTC, as Python's `time.time()` (`created`).
    pub created: Option<f64>,
    /// The milliseconds of `created` (`msecs`).
    pub msecs: Option<f64>,
    /// Milliseconds since the sender's logging was loaded (`relativeCreated`).
    pub relative_created: Option<f64>,
    /// Thread id (`thread`).
    pub thread: Option<i64>,
    /// Thread name (`threadName`).
    pub thread_name: Option<Text<'a>>,
    /// Process id (`process`).
    pub process: Option<i64>,
    /// Process name (`processName`).
    pub process_name: Option<Text<'a>>,
    /// asyncio task name (`taskName`).
    pub task_name: Option<Text<'a>>,

    /// The sender's host. zlog adds it.
    pub hostname: Option<Text<'a>>,
    /// The sending process, under a unique name. zlog adds it.
    pub source: Option<Text<'a>>,
    /// The sequence number of the record, per source and topic: a gap means lost records.
    /// zlog adds it.
    pub seq: Option<u64>,

    /// When a reader received the record: seconds since 1970-01-01 UTC. Never sent.
    pub received: Option<f64>,
    /// Why the body could not be decoded; `msg` then shows its bytes. Never sent.
    pub fault: Option<Text<'a>>,
    /// The body as it was received. A source keeps it only where it was asked to. Never sent.
    pub body: Option<Cow<'a, [u8]>>,

    /// All other keys of the sender (Python's `extra=`), in its order.
    pub extras: Vec<(Text<'a>, RawJson<'a>)>,
    /// What Python prints for extras that JSON does not have: a JSON object of texts, such as
    /// `{"size":"(1024, 768)"}` for the tuple `[1024,768]`. zlog adds it.
    pub extra_text: Option<RawJson<'a>>,
}

impl Record<'_> {
    /// The message with its arguments inserted, as `LogRecord.getMessage` returns it.
    ///
    /// Borrows if there are no arguments. Arguments that don't fit the message (too many,
    /// too few, wrong types, a width above 1000) follow it as JSON, so that nothing is lost.
    pub fn message(&self) -> Cow<'_, str> {
        self.try_message().unwrap_or_else(|_| {
            let args = self.args.as_ref().map_or("", |args| &args.0);
            Cow::Owned(format!("{} {args}", self.msg))
        })
    }

    /// As [`Record::message`].
    ///
    /// # Errors
    /// The arguments don't fit: Python's `getMessage` raises an exception.
    pub(crate) fn try_message(&self) -> Result<Cow<'_, str>, FormatError> {
        match &self.args {
            Some(args) => percent::format(&self.msg, &args.0),
            None => Ok(Cow::Borrowed(&self.msg)),
        }
    }

    /// The text in [`Record::extra_text`] of an extra, or of `args`.
    pub(crate) fn extra_text_of(&self, name: &str) -> Option<Cow<'_, str>> {
        let texts = json::entries(&self.extra_text.as_ref()?.0)?;
        let (_, text) = texts.into_iter().rev().find(|(key, _)| key == name)?;
        json::string_value(text)
    }

    /// Adds a text to [`Record::extra_text`].
    pub(crate) fn set_extra_text(&mut self, name: &str, text: &str) {
        let texts = self.extra_text.take().map(|texts| texts.0.into_owned());
        let mut texts = texts.map_or_else(|| vec![b'{'], String::into_bytes);
        if let Some(last @ b'}') = texts.last_mut() {
            *last = b',';
        }
        json::write_string(name, &mut texts);
        texts.push(b':');
        json::write_string(text, &mut texts);
        texts.push(b'}');
        let texts = String::from_utf8(texts).expect("made of UTF-8 alone");
        self.extra_text = Some(RawJson(texts.into()));
    }

    /// `name`, with as many `_` after it as no other extra is named so.
    pub(crate) fn free_extra_name(&self, name: &str) -> String {
        let mut free = format!("{name}_");
        while self.extras.iter().any(|(key, _)| *key == free) {
            free.push('_');
        }
        free
    }

    /// When the record was created or, if the sender did not say, when it was received:
    /// seconds since 1970-01-01 UTC.
    pub fn time(&self) -> Option<f64> {
        self.created.or(self.received)
    }

    /// The level's name: the sender's, if it gave one, else Python's.
    pub fn level_name(&self) -> Text<'_> {
        match &self.levelname {
            Some(name) => Cow::Borrowed(name),
            None => self.level.name(),
        }
    }

    /// The approximate memory of the record after [`Record::into_owned`], in bytes.
    pub fn size(&self) -> usize {
        let texts = [
            Some(&self.topic),
            Some(&self.subtopic),
            Some(&self.msg),
            self.name.as_ref(),
            self.args.as_ref().map(|args| &args.0),
            self.levelname.as_ref(),
            self.pathname.as_ref(),
            self.filename.as_ref(),
            self.module.as_ref(),
            self.exc_text.as_ref(),
            self.stack_info.as_ref(),
            self.func_name.as_ref(),
            self.thread_name.as_ref(),
            self.process_name.as_ref(),
            self.task_name.as_ref(),
            self.hostname.as_ref(),
            self.source.as_ref(),
            self.fault.as_ref(),
            self.extra_text.as_ref().map(|texts| &texts.0),
        ];
        let texts: usize = texts.into_iter().flatten().map(|text| text.len()).sum();
        let extras: usize =
            self.extras.iter().map(|pair| size_of_val(pair) + pair.0.len() + pair.1.0.len()).sum();
        size_of_val(self) + texts + extras + self.body.as_ref().map_or(0, |body| body.len())
    }

    /// Copies all borrowed text, so that the record outlives its input.
    pub fn into_owned(self) -> Record<'static> {
        fn own(text: Text<'_>) -> Text<'static> {
            Cow::Owned(text.into_owned())
        }
        Record {
            topic: own(self.topic),
            subtopic: own(self.subtopic),
            name: self.name.map(own),
            msg: own(self.msg),
            args: self.args.map(RawJson::into_owned),
            level: self.level,
            levelname: self.levelname.map(own),
            pathname: self.pathname.map(own),
            filename: self.filename.map(own),
            module: self.module.map(own),
            exc_text: self.exc_text.map(own),
            stack_info: self.stack_info.map(own),
            lineno: self.lineno,
            func_name: self.func_name.map(own),
            created: self.created,
            msecs: self.msecs,
            relative_created: self.relative_created,
            thread: self.thread,
            thread_name: self.thread_name.map(own),
            process: self.process,
            process_name: self.process_name.map(own),
            task_name: self.task_name.map(own),
            hostname: self.hostname.map(own),
            source: self.source.map(own),
            seq: self.seq,
            received: self.received,
            fault: self.fault.map(own),
            body: self.body.map(|body| Cow::Owned(body.into_owned())),
            extras: self.extras.into_iter().map(|(k, v)| (own(k), v.into_owned())).collect(),
            extra_text: self.extra_text.map(RawJson::into_owned),
        }
    }
}
