//! Labels and colours that tell the sources of records apart.
//!
//! The label of a source is as much of its name as no other source has, in whole parts:
//! `web1` for `web1.example.org:17:qemf` as long as no other process of web1 sends. So a label is
//! what `--from-source` takes.

use crate::topic_table::TopicTable;

/// The most sources with a short label. The label of any other is its whole name.
const MAX_SOURCES: usize = 200;

/// The sources seen so far.
pub(super) struct Sources {
    known: TopicTable<SeenSource>,
    several: bool,
}

#[derive(Clone, Copy)]
struct SeenSource {
    /// The length of the label.
    label: usize,
    /// Its place in the order of appearance, which is the number of its colour.
    number: usize,
}

impl Sources {
    pub(super) fn new() -> Sources {
        Sources { known: TopicTable::new(MAX_SOURCES), several: false }
    }

    /// Whether there was more than one so far.
    pub(super) fn several(&self) -> bool {
        self.several
    }

    /// The label of a source, and the number of its colour. Allocates only for a new source.
    pub(super) fn label<'s>(&mut self, source: &'s str) -> (&'s str, usize) {
        let before = self.known.len();
        let number = before + usize::try_from(self.known.forgotten()).unwrap_or(0);
        let new = || SeenSource { label: 0, number };
        let Some(known) = self.known.get_or_insert_with("", source, new, |_| true) else {
            return (source, source.len());
        };
        let mut found = *known;
        if found.number == number {
            found.label = self.distinguish(source);
            self.several |= before > 0;
        }
        (&source[..found.label], found.number)
    }

    /// Lengthens the labels of a new source and of the others until they differ. Returns the
    /// length of the new one's.
    fn distinguish(&mut self, source: &str) -> usize {
        let others = self.known.iter().filter(|(_, other, _)| *other != source);
        let label = others.map(|(_, other, _)| label_end(source, other)).max();
        let label = label.unwrap_or_else(|| label_end(source, ""));
        for (_, name, known) in self.known.iter_mut() {
            let end = if name == source { label } else { label_end(name, source) };
            known.label = known.label.max(end);
        }
        label
    }
}

/// The end of the first part of `source` that `other` does not share.
fn label_end(source: &str, other: &str) -> usize {
    let source = source.as_bytes();
    let ends = (0..source.len()).filter(|&at| begins_with_separator(&source[at..]));
    let shares = |end: usize| {
        let rest = other.as_bytes().strip_prefix(&source[..end]);
        rest.is_some_and(|rest| rest.is_empty() || begins_with_separator(rest))
    };
    ends.into_iter().find(|end| !shares(*end)).unwrap_or(source.len())
}

/// Whether a part has ended: colons separate host, process, and a random part, and dots the parts
/// of a host name, but not the numbers of an address.
fn begins_with_separator(text: &[u8]) -> bool {
    match text {
        [b':', ..] => true,
        [b'.', next, ..] => next.is_ascii_alphabetic(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_as_much_of_a_name_as_tells_it_from_the_others() {
        let mut sources = Sources::new();
        assert_eq!(sources.label("web1:17:qemf"), ("web1", 0));
        assert!(!sources.several());
        assert_eq!(sources.label("web2:17:abcd"), ("web2", 1));
        assert!(sources.several());
        assert_eq!(sources.label("web1:18:aaaa"), ("web1:18", 2));
        assert_eq!(sources.label("web1:17:qemf"), ("web1:17", 0));
        assert_eq!(sources.label("web1:17:zzzz"), ("web1:17:zzzz", 3));
        assert_eq!(sources.label("web1:17:qemf"), ("web1:17:qemf", 0));
        assert_eq!(sources.label("web2:17:abcd"), ("web2", 1));
        assert_eq!(sources.label("web"), ("web", 4));
        assert_eq!(sources.label(":"), ("", 5), "an odd name");
        assert_eq!(sources.label(""), ("", 6));
    }

    #[test]
    fn the_domain_of_a_host_and_the_numbers_of_an_address_are_told_from_its_name() {
        let mut sources = Sources::new();
        for (source, label) in [
            ("web1.example.org:17:a", "web1"),
            ("web2.example.org:17:a", "web2"),
            ("db.example.org:17:a", "db"),
            ("db.example.net:17:a", "db.example.net"),
            ("10.0.0.1:17:a", "10.0.0.1"),
            ("10.0.0.12:17:a", "10.0.0.12"),
            ("web1.example.org:18:a", "web1.example.org:18"),
        ] {
            assert_eq!(sources.label(source).0, label, "{source}");
        }
        assert_eq!(sources.label("db.example.org:17:a").0, "db.example.org");
    }

    #[test]
    fn a_flood_of_sources_takes_bounded_memory() {
        let mut sources = Sources::new();
        for n in 0..5 * MAX_SOURCES {
            let name = format!("host:{n}");
            let (label, _) = sources.label(&name);
            assert!(label == "host" || label == name, "{label}");
        }
        assert!(sources.known.len() <= MAX_SOURCES);
        assert!(sources.several());
        let long = "x".repeat(1 << 20);
        assert_eq!(sources.label(&long).0, long);
    }
}
