//! Records of the `log` crate.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use log::kv::{Error, Key, Value, VisitSource};
use zlog_core::{Level, Record};

use crate::fields::Fields;
use crate::queue::Queue;

/// How long `log::logger().flush()` waits.
const FLUSH: Duration = Duration::from_secs(5);

/// Publishes records: see [`Handler::logger`](crate::Handler::logger).
#[derive(Clone, Debug)]
pub struct Logger {
    queue: Arc<Queue>,
}

impl Logger {
    pub(crate) fn new(queue: Arc<Queue>) -> Logger {
        Logger { queue }
    }
}

impl log::Log for Logger {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        let mut fields = Fields::default();
        // Ends early only when the visitor fails, which it does not.
        let _ = record.key_values().visit(&mut fields);
        let message = match record.args().as_str() {
            Some(text) => text.into(),
            None => record.args().to_string().into(),
        };
        let filename = record.file().and_then(|path| Path::new(path).file_name()?.to_str());
        let thread = std::thread::current();
        self.queue.put(Record {
            name: Some(record.target().into()),
            msg: message,
            subtopic: fields.subtopic.as_deref().unwrap_or_default().into(),
            level: level(record.level()),
            pathname: record.file().map(Into::into),
            filename: filename.map(Into::into),
            module: record.module_path().map(Into::into),
            lineno: record.line().map(i64::from),
            thread_name: thread.name().map(Into::into),
            extras: fields.extras(),
            ..Record::default()
        });
    }

    fn flush(&self) {
        self.queue.flush(FLUSH);
    }
}

impl<'kvs> VisitSource<'kvs> for Fields {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), Error> {
        let (key, number) = (key.as_str(), value.to_string());
        let is_plain = value.to_bool().is_some()
            || value.to_i128().is_some()
            || value.to_u128().is_some()
            || value.to_f64().is_some_and(f64::is_finite);
        match is_plain && value.to_borrowed_str().is_none() {
            true => self.set(key, number),
            false => self.set_text(key, number),
        }
        Ok(())
    }
}

fn level(level: log::Level) -> Level {
    match level {
        log::Level::Error => Level::ERROR,
        log::Level::Warn => Level::WARNING,
        log::Level::Info => Level::INFO,
        log::Level::Debug => Level::DEBUG,
        log::Level::Trace => Level(5),
    }
}
