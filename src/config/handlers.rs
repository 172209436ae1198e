//! `[handlers.NAME]`: where records go.
//!
//! What may be here: from keys to a [`HandlerSpec`]. The keys are those of the options
//! (`--file PATH,max-bytes=1M` is `class = "rotating"`, `max-bytes = "1M"`), and their
//! values are read by the same parsers.

use super::diagnostics::Located;
use super::dict_config;
use super::formatters::Formatters;
use super::table_reader::TableReader;
use zlog_core::text::escape::escape;
use zlog_core::text::suggest::suggest;
use zlog_pipeline::handler::queue::OnFull;
use zlog_pipeline::router::options::{self, CLASSES, Class, SharedSettings};
use zlog_pipeline::router::{FormatterSpec, HandlerSpec};

/// The handlers of a configuration.
#[derive(Default)]
pub(super) struct Handlers {
    /// Each with the place of its main key; without those that are wrong.
    pub(super) specs: Vec<Located<HandlerSpec>>,
    /// What they are called, those that are wrong included.
    pub(super) names: Vec<String>,
}

/// Reads them all. `on_full` is what queues do that do not say it.
pub(super) fn read(
    document: &mut TableReader<'_>,
    formatters: &Formatters,
    on_full: OnFull,
) -> Handlers {
    let mut handlers = Handlers::default();
    for (name, mut reader) in document.tables("handlers") {
        handlers.names.push(name.value.clone());
        let before = reader.diagnostics().count();
        let Some(class) = class(&mut reader) else { continue };
        reader.set_kind(format!("handlers ({})", class.name));
        let (formatter, utc) = match class.formatted {
            true => formatters.of(&mut reader),
            false => (FormatterSpec::default(), false),
        };
        let given = SharedSettings { name: Some(name.value.clone()), formatter, utc, on_full };
        let value = options::handler(&mut reader, class, given);
        let diagnostics = reader.diagnostics();
        // What the handler itself refuses is told where its target stands.
        let main = class.main.map_or("", |key| key.name);
        let offset = reader.offset_of(&[main, "connect"]).unwrap_or(name.offset);
        reader.finish(|key| classes_with(key, class));
        if let Some(value) = value
            && diagnostics.count() == before
        {
            handlers.specs.push(Located { offset, value });
        }
    }
    handlers
}

/// Which kind of handler it is. Without one, nothing can be said of its other keys.
fn class(reader: &mut TableReader<'_>) -> Option<&'static Class> {
    let Located { offset, value: class } = reader.required_text("class", "\"file\"")?;
    if let Some(known) = Class::named(&class) {
        return Some(known);
    }
    let names = CLASSES.map(|class| class.name);
    let hint =
        dict_config::suggest_class(&class).map_or_else(|| suggest(&class, &names), str::to_owned);
    reader.error(offset, "class", format!("there is no class {:?}", escape(&class)), &hint);
    None
}

/// Which classes have a key that this one has not.
fn classes_with(key: &str, class: &Class) -> Option<String> {
    let is_format = key == "formatter" || options::FORMAT.iter().any(|known| known.name == key);
    if is_format && !class.formatted {
        return Some("Formats are for those who get what is published: it has none.".into());
    }
    let others: Vec<_> = CLASSES.iter().filter(|other| other.has(key)).map(|c| c.name).collect();
    let has = || format!("Handlers of class {} have it, not {}.", others.join(", "), class.name);
    (!others.is_empty()).then(has)
}
