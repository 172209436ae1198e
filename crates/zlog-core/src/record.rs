//! A log record and its level: pure data under the names that Python's
//! [`logging.LogRecord`](https://docs.python.org/3/library/logging.html#logrecord-attributes)
//! gives its attributes.
//!
//! What may be here: the data and what follows from it alone. How a record looks
//! on the wire is `wire`'s, how it looks to a person is `format`'s.
//!
//! Every text field borrows from the bytes it was read from where it can
//! ([`Cow`]), so that carrying a record costs no allocation per field.
//! [`Record::into_owned`] cuts it loose from them.

use std::borrow::Cow;
use std::fmt;

/// Text that borrows from the input it came from, or owns what had to be unescaped.
pub type Text<'a> = Cow<'a, str>;

/// How severe a record is: Python's numbers, so that custom levels fit between
/// the five that have names of their own.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Level(pub i32);

impl Level {
    /// No level was given or recognised (Python's `NOTSET`).
    pub const NOTSET: Level = Level(0);
    /// Detail for whoever is looking for a fault.
    pub const DEBUG: Level = Level(10);
    /// Things work as they should.
    pub const INFO: Level = Level(20);
    /// Something unexpected, or a sign of trouble to come.
    pub const WARNING: Level = Level(30);
    /// Something could not be done.
    pub const ERROR: Level = Level(40);
    /// The program itself may not go on.
    pub const CRITICAL: Level = Level(50);

    /// The five levels that have names of their own, in rising order.
    pub const NAMED: [Level; 5] =
        [Level::DEBUG, Level::INFO, Level::WARNING, Level::ERROR, Level::CRITICAL];

    /// The name of one of Python's levels, `NOTSET` included; `None` for other numbers.
    pub const fn standard_name(self) -> Option<&'static str> {
        match self.0 {
            0 => Some("NOTSET"),
            10 => Some("DEBUG"),
            20 => Some("INFO"),
            30 => Some("WARNING"),
            40 => Some("ERROR"),
            50 => Some("CRITICAL"),
            _ => None,
        }
    }

    /// The name as `logging.getLevelName` gives it: `Level N` for numbers without one.
    pub fn name(self) -> Text<'static> {
        match self.standard_name() {
            Some(name) => Cow::Borrowed(name),
            None => Cow::Owned(format!("Level {}", self.0)),
        }
    }

    /// Reads a level as it stands in a topic or a record: a level name in capitals,
    /// `WARN` and `FATAL` for `WARNING` and `CRITICAL`, or `Level N`.
    pub fn from_name(name: &str) -> Option<Level> {
        Some(match name {
            "DEBUG" => Level::DEBUG,
            "INFO" => Level::INFO,
            "WARNING" | "WARN" => Level::WARNING,
            "ERROR" => Level::ERROR,
            "CRITICAL" | "FATAL" => Level::CRITICAL,
            "NOTSET" => Level::NOTSET,
            _ => return Some(Level(name.strip_prefix("Level ")?.parse().ok()?)),
        })
    }

    /// Reads a level as another logger spells it: any case, the common short forms, or a
    /// number on Python's scale.
    ///
    /// `trace` is 5, `notice` 25; `alert`, `emerg` and `panic` are CRITICAL.
    pub fn from_word(word: &str) -> Option<Level> {
        /// Longest word below; a longer one is not a level, and is not copied.
        const MAX_LEN: usize = 13;
        if let Some(level) = Level::from_name(word) {
            return Some(level);
        }
        let mut lower = [0u8; MAX_LEN];
        let lower = lower.get_mut(..word.len())?;
        lower.copy_from_slice(word.as_bytes());
        lower.make_ascii_lowercase();
        Some(match &*lower {
            b"trace" | b"verbose" => Level(5),
            b"debug" | b"dbg" | b"dbug" => Level::DEBUG,
            b"info" | b"inf" | b"information" | b"informational" => Level::INFO,
            b"notice" => Level(25),
            b"warning" | b"warn" | b"wrn" => Level::WARNING,
            b"error" | b"err" | b"eror" | b"severe" => Level::ERROR,
            b"critical" | b"crit" | b"fatal" | b"ftl" | b"alert" | b"emerg" | b"emergency"
            | b"panic" | b"dpanic" => Level::CRITICAL,
            b"notset" => Level::NOTSET,
            digits => {
                let digits = std::str::from_utf8(digits).ok()?;
                let number: i32 = digits.strip_prefix("level ").unwrap_or(digits).parse().ok()?;
                return Some(Level(number));
            }
        })
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.name())
    }
}

/// A JSON value as the text it was written in: carried through unread.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RawJson<'a>(pub Text<'a>);

impl RawJson<'_> {
    /// Cuts the value loose from the input it was read from.
    pub fn into_owned(self) -> RawJson<'static> {
        RawJson(Cow::Owned(self.0.into_owned()))
    }
}

/// A log record. `None` and empty stand for what the sender did not say.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Record<'a> {
    /// The topic frame as it came; empty for a record that has not been routed.
    pub topic: Text<'a>,
    /// What follows the level in the topic (`db` in `app.ERROR.db`); empty for none.
    pub subtopic: Text<'a>,

    /// The logger's name (`name`).
    pub name: Option<Text<'a>>,
    /// The message before its arguments are put in (`msg`).
    pub msg: Text<'a>,
    /// What is to be put into `msg`, as JSON: an array, or an object for `%(key)s` (`args`).
    pub args: Option<RawJson<'a>>,
    /// The level's number (`levelno`).
    pub level: Level,
    /// The level's name where it is not [`Level::name`] of the number (`levelname`).
    pub levelname: Option<Text<'a>>,
    /// Where the call stands: path of the source file (`pathname`).
    pub pathname: Option<Text<'a>>,
    /// Last part of `pathname` (`filename`).
    pub filename: Option<Text<'a>>,
    /// `filename` without its ending (`module`).
    pub module: Option<Text<'a>>,
    /// The traceback, as text (`exc_text`).
    pub exc_text: Option<Text<'a>>,
    /// The stack at the call, as text (`stack_info`).
    pub stack_info: Option<Text<'a>>,
    /// Where the call stands: line (`lineno`).
    pub lineno: Option<i64>,
    /// Where the call stands: function (`funcName`).
    pub func_name: Option<Text<'a>>,
    /// When the record was made: seconds since 1970-01-01 UTC, as Python's `time.time()` (`created`).
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
    /// Who sent it, unique for each emitting process. zlog adds it.
    pub source: Option<Text<'a>>,
    /// Counts up by one for each source and topic: a hole is a lost record. zlog adds it.
    pub seq: Option<u64>,

    /// When a reader took it in: seconds since 1970-01-01 UTC. Never sent.
    pub received: Option<f64>,
    /// Why the body could not be decoded; `msg` then shows its bytes. Never sent.
    pub fault: Option<Text<'a>>,
    /// The body as it was received. A source keeps it only where it was asked to. Never sent.
    pub body: Option<Cow<'a, [u8]>>,

    /// Every other key the sender put in (Python's `extra=`), in its order.
    pub extras: Vec<(Text<'a>, RawJson<'a>)>,
}

impl Record<'_> {
    /// When the record was made or, where the sender did not say, when it was received.
    ///
    /// Seconds since 1970-01-01 UTC.
    pub fn time(&self) -> Option<f64> {
        self.created.or(self.received)
    }

    /// The level's name: the sender's own where it gave one, else Python's.
    pub fn level_name(&self) -> Text<'_> {
        match &self.levelname {
            Some(name) => Cow::Borrowed(name),
            None => self.level.name(),
        }
    }

    /// About how many bytes of memory the record takes once it is [`Record::into_owned`].
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
        ];
        let texts: usize = texts.into_iter().flatten().map(|text| text.len()).sum();
        let extras: usize =
            self.extras.iter().map(|pair| size_of_val(pair) + pair.0.len() + pair.1.0.len()).sum();
        size_of_val(self) + texts + extras + self.body.as_ref().map_or(0, |body| body.len())
    }

    /// Cuts the record loose from the bytes it was read from.
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
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn level_names_are_pythons_and_read_back() {
        for level in [Level(0), Level(10), Level(15), Level(20), Level(50), Level(-3)] {
            assert_eq!(Level::from_name(&level.name()), Some(level), "{level}");
        }
        assert_eq!(Level(35).name(), "Level 35");
    }

    #[test]
    fn warn_and_fatal_are_read_as_warning_and_critical() {
        assert_eq!(Level::from_name("WARN"), Some(Level::WARNING));
        assert_eq!(Level::from_name("FATAL"), Some(Level::CRITICAL));
        assert_eq!(Level::from_name("warning"), None, "topics spell levels in capitals");
    }

    #[test]
    fn level_words_are_read_in_any_case_and_as_numbers() {
        assert_eq!(Level::from_word("Warning"), Some(Level::WARNING));
        assert_eq!(Level::from_word("err"), Some(Level::ERROR));
        assert_eq!(Level::from_word("35"), Some(Level(35)));
        assert_eq!(Level::from_word("level 7"), Some(Level(7)));
        assert_eq!(Level::from_word("information about"), None);
        assert_eq!(Level::from_word(""), None);
    }
}
