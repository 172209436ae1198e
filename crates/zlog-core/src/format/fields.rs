//! Which fields of a record are shown: `--show` and `--hide`.

/// Stands for all extras.
const EXTRAS: &str = "extras";

/// What was asked for.
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
    /// Whether a field is shown.
    pub(super) fn of(&self, field: &str) -> Visibility {
        let among = |fields: &[String]| fields.iter().any(|name| name == field);
        match () {
            () if among(&self.shown) => Visibility::Shown,
            () if among(&self.hidden) => Visibility::Hidden,
            () => Visibility::Auto,
        }
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
