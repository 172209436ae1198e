//! `[handlers.NAME]`: where records go.
//!
//! What may be here: from keys to a [`HandlerSpec`]. The keys are those of the options
//! (`--file PATH,max-bytes=1M` is `class = "rotating"`, `max-bytes = "1M"`), and their
//! values are read by the same parsers.

use super::classes;
use super::fault::{At, suggest};
use super::formatters::Formatters;
use super::python;
use super::section::Section;
use crate::cli::value;
use crate::handler::queue::OnFull;
use crate::route::spec::DEFAULT_QUEUE;
use crate::route::{FormatterSpec, HandlerSpec, QueueSpec, Target};
use crate::term::visible;

/// Every class, in the order of the documentation.
pub(super) const CLASSES: [&str; 8] =
    ["console", "file", "rotating", "timed", "smtp", "syslog", "exec", "publish"];

/// The keys that say where records go, one or two to a class: what the handler itself
/// refuses is told there.
const MAIN_KEYS: [&str; 6] = ["path", "server", "address", "command", "bind", "connect"];

/// The handlers of a configuration.
#[derive(Default)]
pub(super) struct Handlers {
    /// Each with the place of its main key; without those that are wrong.
    pub(super) specs: Vec<At<HandlerSpec>>,
    /// What they are called, those that are wrong included.
    pub(super) names: Vec<String>,
}

/// Reads them all. `on_full` is what queues do that do not say it.
pub(super) fn read(whole: &mut Section<'_>, formatters: &Formatters, on_full: OnFull) -> Handlers {
    let mut handlers = Handlers::default();
    for (name, mut section) in whole.tables("handlers") {
        handlers.names.push(name.value.clone());
        let before = section.faults().count();
        let Some(class) = class(&mut section) else { continue };
        section.set_kind(format!("handlers ({class})"));
        let value = handler(&name.value, class, &mut section, (formatters, on_full));
        let faults = section.faults();
        let at = section.place_of(&MAIN_KEYS).unwrap_or(name.at);
        section.finish(|key| belongs_to(key, class));
        if let Some(value) = value
            && faults.count() == before
        {
            handlers.specs.push(At { at, value });
        }
    }
    handlers
}

/// Which kind of handler it is. Without one, nothing can be said of its other keys.
fn class(section: &mut Section<'_>) -> Option<&'static str> {
    let At { at, value: class } = section.needed("class", "\"file\"")?;
    if let Some(known) = CLASSES.into_iter().find(|known| *known == class) {
        return Some(known);
    }
    let hint = python::class(&class).map_or_else(|| suggest(&class, &CLASSES), str::to_owned);
    section.wrong(at, "class", format!("there is no class {:?}", visible(&class)), &hint);
    None
}

fn handler(
    name: &str,
    class: &str,
    section: &mut Section<'_>,
    (formatters, usual): (&Formatters, OnFull),
) -> Option<HandlerSpec> {
    let level = section.read("level", value::level);
    let topics = section.list("topic").into_iter().map(|topic| topic.value).collect();
    let grep = section.checked_list("grep", expression);
    let exclude = section.checked_list("exclude", expression);
    // Those who get what is published format it themselves.
    let formatted = class != "publish";
    let utc = formatted && section.flag("utc");
    let formatter = if formatted { formatters.of(section, utc) } else { FormatterSpec::default() };
    let capacity = section.read_at("queue", value::queue);
    let on_full = section.read_at("on-full", on_full);
    let on_full = (on_full, usual);
    let mut target = match class {
        "console" => Target::Console,
        "file" => classes::file(section)?,
        "rotating" => classes::rotating(section)?,
        "timed" => classes::timed(section, utc)?,
        "smtp" => classes::smtp(section, &formatter)?,
        "syslog" => classes::syslog(section),
        "exec" => classes::exec(section)?,
        _ => classes::publish(section),
    };
    let queue = queue(section, &mut target, capacity, on_full);
    let name = name.to_owned();
    Some(HandlerSpec { name, target, level, topics, grep, exclude, formatter, queue })
}

/// The queue before the handler, by the rules of the options.
fn queue(
    section: &Section<'_>,
    target: &mut Target,
    capacity: Option<At<usize>>,
    (on_full, usual_on_full): (Option<At<OnFull>>, OnFull),
) -> Option<QueueSpec> {
    let usual = if target.is_slow() { DEFAULT_QUEUE } else { 0 };
    let queue = match capacity.map_or(usual, |capacity| capacity.value) {
        0 => None,
        capacity => {
            let on_full = on_full.as_ref().map_or(usual_on_full, |asked| asked.value);
            Some(QueueSpec { capacity, on_full })
        }
    };
    match (target, queue, on_full) {
        // The queue decides, and this handler waits behind it.
        (Target::Publish(publish), Some(_), _) => publish.on_full = OnFull::Block,
        (Target::Publish(publish), None, Some(asked)) => publish.on_full = asked.value,
        (_, None, Some(asked)) => {
            let what = "says what a full queue does, and there is none";
            section.wrong(asked.at, "on-full", what, "Give queue too, or leave out on-full.");
        }
        _ => {}
    }
    queue
}

/// Which classes have a key that this one has not.
fn belongs_to(key: &str, class: &str) -> Option<String> {
    let classes: &[&str] = match key {
        "path" => &["file", "rotating", "timed"],
        "sync" => &["file"],
        "max-bytes" => &["rotating"],
        "backups" | "compress" => &["rotating", "timed"],
        "when" | "interval" | "at" => &["timed"],
        "server" | "from" | "to" | "subject" | "login" | "trust" => &["smtp"],
        "batch" | "every" => &["smtp", "exec"],
        "timeout" | "spool" | "spool-bytes" | "retry" | "retry-max" => &["smtp", "syslog", "exec"],
        "format" | "style" | "datefmt" | "msec-format" | "extra" | "newlines" | "formatter"
        | "utc" => {
            return Some("Formats are for those who get what is published: it has none.".into());
        }
        "address" | "protocol" | "facility" | "app" | "hostname" | "max-message" => &["syslog"],
        "command" => &["exec"],
        "bind" | "connect" | "root" | "wire" | "hwm" => &["publish"],
        _ => return None,
    };
    Some(format!("Handlers of class {} have it, not {class}.", classes.join(", ")))
}

fn expression(text: &str) -> Result<(), String> {
    regex::Regex::new(text).map(drop).map_err(|error| {
        // The last line says what is wrong, those before it show where.
        let text = error.to_string();
        let cause = text.lines().last().unwrap_or_default();
        format!("no regular expression: {}", cause.trim_start_matches("error: "))
    })
}

fn on_full(text: &str) -> Result<OnFull, String> {
    classes::one_of(text, &[("block", OnFull::Block), ("drop", OnFull::Drop)])
}
