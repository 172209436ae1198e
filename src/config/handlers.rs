//! `[handlers.NAME]`: where records go.
//!
//! The keys are those of the options: `--file PATH,max-bytes=1M` is `class = "rotating"`,
//! `max-bytes = "1M"`. [`options::handler`] reads both.

use super::diagnostics::Located;
use super::dict_config;
use super::formatters::Formatters;
use super::table_reader::TableReader;
use zlog_core::text::escape::escape;
use zlog_core::text::suggest::suggest;
use zlog_pipeline::handler::queue::OnFull;
use zlog_pipeline::router::options::{self, CLASSES, Class, SharedSettings};
use zlog_pipeline::router::{FormatterSpec, HandlerSpec};

/// Names that other programs have for the key that says where records go. Those of other classes are
/// known, too.
const OTHER_TARGETS: &[&str] = &["endpoint", "file", "host", "uri"];

/// The handlers of a configuration.
#[derive(Default)]
pub(super) struct Handlers {
    /// Each at the offset of its main key. Handlers with errors are left out.
    pub(super) specs: Vec<Located<HandlerSpec>>,
    /// The names of all handlers, including those with errors.
    pub(super) names: Vec<String>,
}

/// Reads all of them. `on_full` is the default for queues.
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
        let (formatter, utc) = match class.formatted {
            true => formatters.of(&mut reader),
            false => (FormatterSpec::default(), false),
        };
        let given = SharedSettings { name: Some(name.value.clone()), formatter, utc, on_full };
        let value = options::handler(&mut reader, class, given);
        let diagnostics = reader.diagnostics();
        // Errors of the handler itself are reported at its target.
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

/// The class of a handler. Without one, its other keys can't be checked.
fn class(reader: &mut TableReader<'_>) -> Option<&'static Class> {
    let Located { offset, value: class } = reader.required_text("class", "\"file\"")?;
    if let Some(known) = Class::named(&class) {
        return Some(known);
    }
    let names = CLASSES.map(|class| class.name);
    let hint =
        dict_config::suggest_class(&class).map_or_else(|| suggest(&class, &names), str::to_owned);
    reader.error(offset, "class", format!("unknown class {:?}", escape(&class)), &hint);
    None
}

/// A hint that names the classes with this key, if `class` does not have it.
fn classes_with(key: &str, class: &Class) -> Option<String> {
    let is_format = key == "formatter" || options::FORMAT.iter().any(|known| known.name == key);
    if is_format && !class.formatted {
        return Some(format!(
            "A handler of class {} has no format: it sends whole records.",
            class.name
        ));
    }
    let is_target = CLASSES.iter().filter_map(|other| other.main).any(|main| main.name == key);
    if let Some(main) = class.main.filter(|_| is_target || OTHER_TARGETS.contains(&key)) {
        return Some(format!(
            "Did you mean {}? It says where a handler of class {} sends to.",
            main.name, class.name
        ));
    }
    let others: Vec<_> = CLASSES.iter().filter(|other| other.has(key)).map(|c| c.name).collect();
    let has = || format!("It is a key of class {}, not of {}.", others.join(" or "), class.name);
    (!others.is_empty()).then(has)
}
