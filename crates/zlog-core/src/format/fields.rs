//! Which fields of a record are shown: `--show` and `--hide`.

use crate::error::{Error, Result};
use crate::filter::FieldPath;

/// Stands for all extras.
const EXTRAS: &str = "extras";

/// The fields that `--show` and `--hide` name.
///
/// The names of columns are `time`, `level`, `topic`, `name` (the logger's) and `source`.
/// `extras` stands for all extras. Other names are those of extras and of attributes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fields {
    /// Shown in any case, whole. This has precedence over `hidden`.
    pub shown: Vec<String>,
    /// Never shown.
    pub hidden: Vec<String>,
}

/// Whether a field is shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Visibility {
    /// The format decides.
    Auto,
    Shown,
    Hidden,
}

impl Fields {
    /// The names that are not those of extras.
    pub const NAMES: [&str; 8] =
        ["time", "level", "topic", "name", "source", "exc_text", "stack_info", EXTRAS];

    /// Whether this can only be the name of an extra.
    pub fn is_extra(name: &str) -> bool {
        !Fields::NAMES.contains(&name) && FieldPath::new(name).map_or(true, |it| it.is_extra())
    }

    /// Whether a field is shown.
    pub(super) fn of(&self, field: &str) -> Visibility {
        let among = |fields: &[String]| fields.iter().any(|name| name == field);
        match () {
            () if among(&self.shown) => Visibility::Shown,
            () if among(&self.hidden) => Visibility::Hidden,
            () => Visibility::Auto,
        }
    }

    /// The fields that are shown though they have no column.
    ///
    /// # Errors
    /// One of them can't be the name of a field.
    pub(super) fn shown_beside_columns(&self) -> Result<Vec<FieldPath>> {
        let others = self.shown.iter().filter(|name| !Fields::NAMES.contains(&name.as_str()));
        let path = |name: &String| {
            FieldPath::new(name).map_err(|error| Error::usage(format!("--show: {error}")))
        };
        others.map(path).collect()
    }

    /// Whether an extra is shown.
    pub(super) fn shows_extra(&self, key: &str) -> bool {
        match self.of(key) {
            Visibility::Shown => true,
            Visibility::Hidden => false,
            Visibility::Auto => self.of(EXTRAS) != Visibility::Hidden,
        }
    }
}
