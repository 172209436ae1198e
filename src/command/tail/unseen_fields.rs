//! Finds fields that an option names but no record has. Their names are probably misspelt.

use std::collections::BTreeSet;

use crate::cli::TailArgs;
use zlog_core::Record;
use zlog_core::filter::FieldPath;
use zlog_core::format::Fields;
use zlog_core::stats::CountBy;
use zlog_core::text::escape::escape;
use zlog_core::text::suggest::{did_you_mean, nearest, suggest};

/// The most names of extras that are kept for suggestions.
const MAX_KNOWN: usize = 100;

const COUNT_BY: &str = "--count-by";

/// Fields that an option names and no record had so far.
#[derive(Default)]
pub(super) struct UnseenFields {
    /// The fields that `--where` names.
    compared: Vec<FieldPath>,
    /// The fields that `--show`, `--hide` and `--count-by` name.
    chosen: Vec<Chosen>,
    /// The names of extras so far.
    known: BTreeSet<String>,
}

struct Chosen {
    option: &'static str,
    name: String,
    /// The path of a nested field. `--show` accepts one, `--hide` does not.
    path: Option<FieldPath>,
}

impl Chosen {
    fn is_in(&self, record: &Record<'_>) -> bool {
        record.extras.iter().any(|(key, _)| *key == self.name)
            || self.path.as_ref().is_some_and(|path| path.text(record).is_some())
    }
}

/// What other programs call the time of a record.
const TIMES: [&str; 6] = ["time", "timestamp", "@timestamp", "ts", "date", "datetime"];

impl UnseenFields {
    /// The fields that the arguments name. Those of `--show` and `--hide` only if they were typed:
    /// a user's defaults are for records of all kinds.
    pub(super) fn new(args: &TailArgs) -> UnseenFields {
        let compared = args.select.conditions.iter().flat_map(|condition| condition.extras());
        let is_checked = args.has_typed_fields && args.shows_fields() && !args.quiet;
        let chosen = [("--show", &args.show), ("--hide", &args.hide)];
        let chosen = chosen.into_iter().filter(|_| is_checked).flat_map(|(option, names)| {
            names.iter().filter(|name| Fields::is_extra(name)).map(move |name| Chosen {
                option,
                name: name.clone(),
                path: FieldPath::new(name).ok().filter(|_| option == "--show"),
            })
        });
        let counted = match &args.count_by {
            Some(CountBy::Field(path)) if path.is_extra() && !args.quiet => Some(Chosen {
                option: COUNT_BY,
                name: path.name().to_owned(),
                path: Some(path.clone()),
            }),
            _ => None,
        };
        UnseenFields {
            compared: compared.cloned().collect(),
            chosen: chosen.chain(counted).collect(),
            known: BTreeSet::new(),
        }
    }

    /// Whether all fields were seen.
    pub(super) fn is_empty(&self) -> bool {
        self.compared.is_empty() && self.chosen.is_empty()
    }

    /// Notes the fields of a record. Does nothing once all fields were seen.
    pub(super) fn observe(&mut self, record: &Record<'_>) {
        if self.is_empty() {
            return;
        }
        self.compared.retain(|path| path.text(record).is_none());
        self.chosen.retain(|chosen| !chosen.is_in(record));
        for (key, _) in &record.extras {
            if self.known.len() < MAX_KNOWN && !self.known.contains(&**key) {
                self.known.insert(key.clone().into_owned());
            }
        }
    }

    /// A record has passed, so the conditions say what was meant.
    pub(super) fn forget_conditions(&mut self) {
        self.compared.clear();
    }

    /// A message for each field that `--where` names and no record has.
    pub(super) fn compared(&self) -> Vec<String> {
        let text = |path: &FieldPath| self.text("--where", path.name(), &[]);
        self.compared.iter().map(text).collect()
    }

    /// A message for each field that `--show`, `--hide` or `--count-by` names and no record has.
    pub(super) fn chosen(&self) -> Vec<String> {
        let text = |chosen: &Chosen| {
            let columns: &[&str] = match chosen.option {
                COUNT_BY => &["level", "topic", "source"],
                _ => &Fields::NAMES,
            };
            self.text(chosen.option, &chosen.name, columns)
        };
        self.chosen.iter().map(text).collect()
    }

    /// `columns` are the names that the option knows besides those of fields.
    fn text(&self, option: &str, name: &str, columns: &[&str]) -> String {
        let extras = self.known.iter().map(String::as_str);
        let known: Vec<&str> = columns.iter().copied().chain(extras).collect();
        let all = [known.clone(), FieldPath::attributes().collect()].concat();
        let first = name.split('.').next().unwrap_or_default();
        let meant = match self.known.contains(first) {
            true => Some(first),
            // The time of a record has this name in Python.
            false if option != "--hide" && TIMES.contains(&&*name.to_lowercase()) => {
                Some("created")
            }
            false => nearest(name, all),
        };
        let hint = match meant {
            Some(meant) => did_you_mean(meant),
            None => suggest(name, &known),
        };
        format!("{option}: no record has the field {}. {hint}", escape(name)).trim_end().to_owned()
    }
}
