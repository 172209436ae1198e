//! What is wrong with a configuration, and where: all of it at once.
//!
//! What may be here: positions and their report. What is right or wrong is decided
//! where it is read.

use std::cell::RefCell;
use std::fmt::Write as _;
use std::path::Path;

use zlog_core::error::Error;
use zlog_core::text::escape::escape;
use zlog_core::text::suggest::suggest;

/// More than this are counted, not shown.
const MAX_SHOWN: usize = 100;

/// Something, and the byte of the text at which it stands.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Located<T> {
    pub(super) offset: usize,
    pub(super) value: T,
}

/// One thing that is wrong.
#[derive(Clone, Debug)]
struct Diagnostic {
    offset: usize,
    what: String,
    hint: Option<String>,
}

/// What is wrong so far, and what is only odd. Sections of one text share it.
#[derive(Debug, Default)]
pub(super) struct Diagnostics {
    wrong: RefCell<Vec<Diagnostic>>,
    odd: RefCell<Vec<Diagnostic>>,
}

impl Diagnostics {
    /// Something at byte `offset` can't be: `what` names it and the cause.
    pub(super) fn add(&self, offset: usize, what: impl Into<String>, hint: impl Into<String>) {
        let hint = Some(hint.into()).filter(|hint| !hint.is_empty());
        self.wrong.borrow_mut().push(Diagnostic { offset, what: what.into(), hint });
    }

    /// As [`Diagnostics::add`], with the words of an error met elsewhere.
    pub(super) fn add_error(&self, offset: usize, what: &str, error: &Error) {
        let cause = error.headline();
        let what = if what.is_empty() { cause } else { format!("{what}: {cause}") };
        self.add(offset, what, error.next_step().unwrap_or_default());
    }

    /// Something that may be, but is hardly meant.
    pub(super) fn note(&self, offset: usize, what: impl Into<String>) {
        self.odd.borrow_mut().push(Diagnostic { offset, what: what.into(), hint: None });
    }

    /// How many things are wrong so far.
    pub(super) fn count(&self) -> usize {
        self.wrong.borrow().len()
    }

    /// What is odd, a line each.
    pub(super) fn notes(&self, path: &Path, text: &str) -> Vec<String> {
        let mut odd = self.odd.take();
        odd.sort_by_key(|diagnostic| diagnostic.offset);
        let lines = LineIndex::new(path, text);
        odd.iter()
            .map(|diagnostic| format!("{}{}", lines.of(diagnostic.offset), diagnostic.what))
            .collect()
    }

    /// As [`suggest`], while what is wrong is still shown: to compare a name with all
    /// others takes its time.
    pub(super) fn suggest<'n>(&self, name: &str, known: impl FnOnce() -> Vec<&'n str>) -> String {
        if self.count() < MAX_SHOWN { suggest(name, &known()) } else { String::new() }
    }

    /// Everything that is wrong, in the order of the text; `None` when nothing is.
    pub(super) fn into_error(self, path: &Path, text: &str) -> Option<Error> {
        let mut wrong = self.wrong.into_inner();
        wrong.sort_by_key(|diagnostic| diagnostic.offset);
        let lines = LineIndex::new(path, text);
        let shown =
            |diagnostic: &Diagnostic| format!("{}{}", lines.of(diagnostic.offset), diagnostic.what);
        if let [only] = wrong.as_slice() {
            let error = Error::usage(shown(only));
            return Some(match &only.hint {
                Some(hint) => error.hint(hint),
                None => error,
            });
        }
        if wrong.is_empty() {
            return None;
        }
        let name = escape(&path.display().to_string());
        let mut all = format!("{name} has {} errors:", wrong.len());
        for diagnostic in wrong.iter().take(MAX_SHOWN) {
            // Writing to a String can't fail.
            let _ = write!(all, "\n{}", shown(diagnostic));
            if let Some(hint) = &diagnostic.hint {
                let _ = write!(all, "\n  {hint}");
            }
        }
        if wrong.len() > MAX_SHOWN {
            let _ = write!(all, "\nand {} more", wrong.len() - MAX_SHOWN);
        }
        Some(Error::usage(all))
    }
}

/// Finds the lines of a text.
struct LineIndex<'t> {
    path: String,
    text: &'t str,
    /// Where each line begins.
    lines: Vec<usize>,
}

impl<'t> LineIndex<'t> {
    fn new(path: &Path, text: &'t str) -> LineIndex<'t> {
        let later = text.match_indices('\n').map(|(end, _)| end + 1);
        let lines = std::iter::once(0).chain(later).collect();
        LineIndex { path: escape(&path.display().to_string()), text, lines }
    }

    /// `relay.toml:12:9: `, as compilers write it: lines and characters, from 1.
    fn of(&self, offset: usize) -> String {
        let mut offset = offset.min(self.text.len());
        while !self.text.is_char_boundary(offset) {
            offset -= 1;
        }
        let line = self.lines.partition_point(|&start| start <= offset);
        let column = self.text[self.lines[line - 1]..offset].chars().count() + 1;
        format!("{}:{line}:{column}: ", self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_lines_and_characters() {
        let text = "é = 1\nab";
        let lines = LineIndex::new(Path::new("a.toml"), text);
        assert_eq!(lines.of(0), "a.toml:1:1: ");
        // After the two bytes of é, and amid them.
        assert_eq!(lines.of(2), "a.toml:1:2: ");
        assert_eq!(lines.of(1), "a.toml:1:1: ");
        assert_eq!(lines.of(text.len()), "a.toml:2:3: ");
        assert_eq!(lines.of(1000), "a.toml:2:3: ");
    }

    #[test]
    fn everything_wrong_is_told_in_the_order_of_the_text() {
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
