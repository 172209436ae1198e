//! What is wrong with a configuration, and where: all of it at once.
//!
//! What may be here: positions and their report. What is right or wrong is decided
//! where it is read.

use std::cell::RefCell;
use std::fmt::Write as _;
use std::path::Path;

use zlog_core::error::Error;
use zlog_core::text::escape::visible;
use zlog_core::text::suggest::suggest;

/// More than this are counted, not shown.
const SHOWN: usize = 100;

/// Something, and the byte of the text at which it stands.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct At<T> {
    pub(super) at: usize,
    pub(super) value: T,
}

/// One thing that is wrong.
#[derive(Clone, Debug)]
struct Fault {
    at: usize,
    what: String,
    hint: Option<String>,
}

/// What is wrong so far, and what is only odd. Sections of one text share it.
#[derive(Debug, Default)]
pub(super) struct Faults {
    wrong: RefCell<Vec<Fault>>,
    odd: RefCell<Vec<Fault>>,
}

impl Faults {
    /// Something at byte `at` can't be: `what` names it and the cause.
    pub(super) fn add(&self, at: usize, what: impl Into<String>, hint: impl Into<String>) {
        let hint = Some(hint.into()).filter(|hint| !hint.is_empty());
        self.wrong.borrow_mut().push(Fault { at, what: what.into(), hint });
    }

    /// As [`Faults::add`], with the words of an error met elsewhere.
    pub(super) fn add_error(&self, at: usize, what: &str, error: &Error) {
        let cause = error.message();
        let what = if what.is_empty() { cause.to_owned() } else { format!("{what}: {cause}") };
        self.add(at, what, error.next_step().unwrap_or_default());
    }

    /// Something that may be, but is hardly meant.
    pub(super) fn note(&self, at: usize, what: impl Into<String>) {
        self.odd.borrow_mut().push(Fault { at, what: what.into(), hint: None });
    }

    /// How many things are wrong so far.
    pub(super) fn count(&self) -> usize {
        self.wrong.borrow().len()
    }

    /// What is odd, a line each.
    pub(super) fn notes(&self, path: &Path, text: &str) -> Vec<String> {
        let mut odd = self.odd.take();
        odd.sort_by_key(|fault| fault.at);
        let places = Places::new(path, text);
        odd.iter().map(|fault| format!("{}{}", places.of(fault.at), fault.what)).collect()
    }

    /// As [`suggest`], while what is wrong is still shown: to compare a name with all
    /// others takes its time.
    pub(super) fn suggest<'n>(&self, name: &str, known: impl FnOnce() -> Vec<&'n str>) -> String {
        if self.count() < SHOWN { suggest(name, &known()) } else { String::new() }
    }

    /// Everything that is wrong, in the order of the text; `None` when nothing is.
    pub(super) fn into_error(self, path: &Path, text: &str) -> Option<Error> {
        let mut wrong = self.wrong.into_inner();
        wrong.sort_by_key(|fault| fault.at);
        let places = Places::new(path, text);
        let shown = |fault: &Fault| format!("{}{}", places.of(fault.at), fault.what);
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
        let name = visible(&path.display().to_string());
        let mut all = format!("{name} has {} errors:", wrong.len());
        for fault in wrong.iter().take(SHOWN) {
            // Writing to a String can't fail.
            let _ = write!(all, "\n{}", shown(fault));
            if let Some(hint) = &fault.hint {
                let _ = write!(all, "\n  {hint}");
            }
        }
        if wrong.len() > SHOWN {
            let _ = write!(all, "\nand {} more", wrong.len() - SHOWN);
        }
        Some(Error::usage(all))
    }
}

/// Finds the lines of a text.
struct Places<'t> {
    path: String,
    text: &'t str,
    /// Where each line begins.
    lines: Vec<usize>,
}

impl<'t> Places<'t> {
    fn new(path: &Path, text: &'t str) -> Places<'t> {
        let later = text.match_indices('\n').map(|(end, _)| end + 1);
        let lines = std::iter::once(0).chain(later).collect();
        Places { path: visible(&path.display().to_string()), text, lines }
    }

    /// `relay.toml:12:9: `, as compilers write it: lines and characters, from 1.
    fn of(&self, at: usize) -> String {
        let mut at = at.min(self.text.len());
        while !self.text.is_char_boundary(at) {
            at -= 1;
        }
        let line = self.lines.partition_point(|&start| start <= at);
        let column = self.text[self.lines[line - 1]..at].chars().count() + 1;
        format!("{}:{line}:{column}: ", self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_lines_and_characters() {
        let text = "é = 1\nab";
        let places = Places::new(Path::new("a.toml"), text);
        assert_eq!(places.of(0), "a.toml:1:1: ");
        // After the two bytes of é, and amid them.
        assert_eq!(places.of(2), "a.toml:1:2: ");
        assert_eq!(places.of(1), "a.toml:1:1: ");
        assert_eq!(places.of(text.len()), "a.toml:2:3: ");
        assert_eq!(places.of(1000), "a.toml:2:3: ");
    }

    #[test]
    fn everything_wrong_is_told_in_the_order_of_the_text() {
        let faults = Faults::default();
        faults.add(4, "second", "");
        faults.add(0, "first", "Do this.");
        let error = faults.into_error(Path::new("a.toml"), "a\nb\nc").unwrap().to_string();
        let lines =
            ["a.toml has 2 errors:", "a.toml:1:1: first", "  Do this.", "a.toml:3:1: second"];
        assert_eq!(error, lines.join("\n"));
        let many = Faults::default();
        (0..SHOWN + 5).for_each(|_| many.add(0, "x", ""));
        assert!(many.into_error(Path::new("a"), "").unwrap().to_string().ends_with("and 5 more"));
    }
}
