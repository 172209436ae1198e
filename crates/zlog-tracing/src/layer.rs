//! Events of `tracing` as records.

use std::path::Path;
use std::sync::Arc;

use tracing_core::span::{Attributes, Id, Record as Values};
use tracing_core::{Event, Metadata, Subscriber};
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;
use zlog_core::{Level, Record};

use crate::fields::Fields;
use crate::queue::Queue;

/// Publishes events: see [`Handler::layer`](crate::Handler::layer).
#[derive(Clone, Debug)]
pub struct Layer {
    queue: Arc<Queue>,
}

impl Layer {
    pub(crate) fn new(queue: Arc<Queue>) -> Layer {
        Layer { queue }
    }
}

impl<S> tracing_subscriber::Layer<S> for Layer
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if let Some(span) = context.span(id) {
            let mut fields = Fields::default();
            attributes.record(&mut fields);
            span.extensions_mut().insert(fields);
        }
    }

    fn on_record(&self, id: &Id, values: &Values<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(fields) = span.extensions_mut().get_mut::<Fields>()
        {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        let mut spans = String::new();
        for span in
            context.event_scope(event).into_iter().flatten().collect::<Vec<_>>().iter().rev()
        {
            if !spans.is_empty() {
                spans.push(':');
            }
            spans.push_str(span.name());
            if let Some(of_span) = span.extensions().get::<Fields>() {
                inherit(&mut fields, of_span);
            }
        }
        if !spans.is_empty() {
            fields.set_text("span", spans);
        }
        event.record(&mut fields);
        let thread = std::thread::current();
        self.queue.put(record(event.metadata(), &fields, thread.name()));
    }
}

/// Takes over the fields of a span around an event.
fn inherit(fields: &mut Fields, of_span: &Fields) {
    for (name, value) in &of_span.others {
        fields.set(name, value.clone());
    }
    // A span's message is a field of its own: the event has the record's message.
    if let Some(message) = &of_span.message {
        fields.set_text("span_message", message.clone());
    }
    if of_span.subtopic.is_some() {
        fields.subtopic.clone_from(&of_span.subtopic);
    }
}

fn record<'r>(
    metadata: &'static Metadata<'static>,
    fields: &'r Fields,
    thread: Option<&'r str>,
) -> Record<'r> {
    let filename = metadata.file().and_then(|path| Path::new(path).file_name()?.to_str());
    Record {
        name: Some(metadata.target().into()),
        msg: fields.message.as_deref().unwrap_or_default().into(),
        subtopic: fields.subtopic.as_deref().unwrap_or_default().into(),
        level: level(*metadata.level()),
        pathname: metadata.file().map(Into::into),
        filename: filename.map(Into::into),
        module: metadata.module_path().map(Into::into),
        lineno: metadata.line().map(i64::from),
        thread_name: thread.map(Into::into),
        extras: fields.extras(),
        ..Record::default()
    }
}

fn level(level: tracing_core::Level) -> Level {
    match level {
        tracing_core::Level::ERROR => Level::ERROR,
        tracing_core::Level::WARN => Level::WARNING,
        tracing_core::Level::INFO => Level::INFO,
        tracing_core::Level::DEBUG => Level::DEBUG,
        tracing_core::Level::TRACE => Level(5),
    }
}
