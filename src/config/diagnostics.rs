//! Collects the errors and warnings of a configuration file, with their positions.

use std::cell::RefCell;
use std::fmt::Write as _;
use std::path::Path;

use zlog_core::Error;
use zlog_core::text::escape::escape;
use zlog_core::text::prefix;
use zlog_core::text::suggest::suggest;

/// Errors that are shown. The rest is counted.
const MAX_SHOWN: usize = 100;

/// A value and its byte offset in the file.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Located<T> {
    pub(super) offset: usize,
    pub(super) value: T,
}

/// An error or a warning.
#[derive(Clone, Debug)]
struct Diagnostic {
    offset: usize,
    what: String,
    hint: Option<String>,
}

/// The errors and warnings of a file so far. All its tables share it.
#[derive(Debug, Default)]
pub(super) struct Diagnostics {
    errors: RefCell<Vec<Diagnostic>>,
    warnings: RefCell<Vec<Diagnostic>>,
}

impl Diagnostics {
    /// Adds an error. `what` names the thing and the cause; `hint` may be empty.
    pub(super) fn add(&self, offset: usize, what: impl Into<String>, hint: impl Into<String>) {
        let hint = Some(hint.into()).filter(|hint| !hint.is_empty());
        self.errors.borrow_mut().push(Diagnostic { offset, what: what.into(), hint });
    }

    /// As [`Diagnostics::add`], with the message and the hint of `error`.
    pub(super) fn add_error(&self, offset: usize, what: &str, error: &Error) {
        let cause = error.message();
        let what = if what.is_empty() { cause.to_owned() } else { format!("{what}: {cause}") };
        self.add(offset, what, error.next_step().unwrap_or_default());
    }

    /// Adds a warning: something is allowed but probably a mistake.
    pub(super) fn warn(&self, offset: usize, what: impl Into<String>) {
        self.warnings.borrow_mut().push(Diagnostic { offset, what: what.into(), hint: None });
    }

    /// The number of errors so far.
    pub(super) fn count(&self) -> usize {
        self.errors.borrow().len()
    }

    /// The warnings, one per line, in the order of the file.
    pub(super) fn warnings(&self, path: &Path, text: &str) -> Vec<String> {
        let mut warnings = self.warnings.take();
        warnings.sort_by_key(|diagnostic| diagnostic.offset);
        let lines = LineIndex::new(path, text);
        warnings
            .iter()
            .map(|diagnostic| format!("{}{}", lines.of(diagnostic.offset), diagnostic.what))
            .collect()
    }

    /// As [`suggest`], but empty once there are more errors than are shown: comparing a name
    /// with all others is slow.
    pub(super) fn suggest<'n>(&self, name: &str, known: impl FnOnce() -> Vec<&'n str>) -> String {
        if self.count() < MAX_SHOWN { suggest(name, &known()) } else { String::new() }
    }

    /// All errors in the order of the file; `None` if there are none.
    pub(super) fn into_error(self, path: &Path, text: &str) -> Option<Error> {
        let mut errors = self.errors.into_inner();
        errors.sort_by_key(|diagnostic| diagnostic.offset);
        let lines = LineIndex::new(path, text);
        let shown =
            |diagnostic: &Diagnostic| format!("{}{}", lines.of(diagnostic.offset), diagnostic.what);
        if let [only] = errors.as_slice() {
            let error = Error::usage(shown(only));
            return Some(match &only.hint {
                Some(hint) => error.hint(hint),
                None => error,
            });
        }
        if errors.is_empty() {
            return None;
        }
        let name = escape(&path.display().to_string());
        let mut all = format!("{name} has {} errors:", errors.len());
        for diagnostic in errors.iter().take(MAX_SHOWN) {
            // Writing to a String can't fail.
            let _ = write!(all, "\n{}", shown(diagnostic));
            if let Some(hint) = &diagnostic.hint {
                let _ = write!(all, "\n  {hint}");
            }
        }
        if errors.len() > MAX_SHOWN {
            let _ = write!(all, "\nand {} more", errors.len() - MAX_SHOWN);
        }
        Some(Error::usage(all))
    }
}

/// Converts byte offsets to lines and columns.
struct LineIndex<'t> {
    path: String,
    text: &'t str,
    /// The offset of each line.
    lines: Vec<usize>,
}

impl<'t> LineIndex<'t> {
    fn new(path: &Path, text: &'t str) -> LineIndex<'t> {
        let later = text.match_indices('\n').map(|(end, _)| end + 1);
        let lines = std::iter::once(0).chain(later).collect();
        LineIndex { path: escape(&path.display().to_string()), text, lines }
    }

    /// `relay.toml:12:9: `, as compilers write it: line and column, from 1. A column is a
    /// character.
    fn of(&self, offset: usize) -> String {
        let offset = prefix(self.text, offset).len();
        let line = self.lines.partition_point(|&start| start <= offset);
        let column = self.text[self.lines[line - 1]..offset].chars().count() + 1;
        format!("{}:{line}:{column}: ", self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_lines_and_characters() {
        let text = "é = 1\nab";
        let lines = LineIndex::new(Path::new("a.toml"), text);
        assert_eq!(lines.of(0), "a.toml:1:1: ");
        // After the two bytes of é, and between them.
        assert_eq!(lines.of(2), "a.toml:1:2: ");
        assert_eq!(lines.of(1), "a.toml:1:1: ");
        assert_eq!(lines.of(text.len()), "a.toml:2:3: ");
        assert_eq!(lines.of(1000), "a.toml:2:3: ");
    }

    #[test]
    fn all_errors_are_reported_in_the_order_of_the_file() {
        let diagnostics = Diagnostics::default();
        diagnostics.add(4, "second", "");
        diagnostics.add(0, "first", "Do this.");
        let error = diagnostics.into_error(Path::new("a.toml"), "a\nb\nc").unwrap().to_string();
        let lines =
            ["a.toml has 2 errors:", "a.toml:1:1: first", "  Do this.", "a.toml:3:1: second"];
        assert_eq!(error, lines.join("\n"));
        let many = Diagnostics::default();
        (0..MAX_SHOWN + 5).for_each(|_| many.add(0, "x", ""));
        assert!(many.into_error(Path::new("a"), "").unwrap().to_string().ends_with("and 5 more"));
    }
}
