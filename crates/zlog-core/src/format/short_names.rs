//! Shortens names of topics, loggers and sources to the columns that a terminal has for them.
//!
//! The last part of a name says most: `shop.checkout.db.pool` becomes `s.c.db.pool`, then
//! `…db.pool`. A part that is too long by itself keeps its beginning and its end. No two of the
//! names seen so far have the same short form.

use std::borrow::Cow;
use std::collections::HashMap;

use unicode_width::UnicodeWidthStr;

use crate::text::width::{ELLIPSIS, cut};

/// The most names that get short forms of their own.
const MAX_NAMES: usize = 200;

/// The longest name that gets a short form of its own, in bytes.
const MAX_BYTES: usize = 256;

/// The short forms of the names of a column.
pub(super) struct ShortNames {
    /// The characters that end a part of a name.
    separators: &'static [char],
    limit: usize,
    forms: HashMap<Box<str>, Box<str>>,
}

impl ShortNames {
    /// For names with parts that end with one of `separators`.
    pub(super) fn new(separators: &'static [char]) -> ShortNames {
        ShortNames { separators, limit: 0, forms: HashMap::new() }
    }

    /// The name in at most `limit` columns of the terminal; `None` if it fits as it is.
    /// Allocates only for a new name, or a new limit.
    pub(super) fn of(&mut self, name: &str, limit: usize) -> Option<Cow<'_, str>> {
        // Bytes are at least as many as columns.
        if name.len() <= limit || name.width() <= limit {
            return None;
        }
        if self.limit != limit {
            self.forms.clear();
            self.limit = limit;
        }
        if !self.forms.contains_key(name) {
            let form = self.new_form(name);
            if self.forms.len() == MAX_NAMES || name.len() > MAX_BYTES {
                return Some(form.into());
            }
            self.forms.insert(name.into(), form.into());
        }
        self.forms.get(name).map(|form| Cow::Borrowed(&**form))
    }

    /// A form that no other name has.
    fn new_form(&self, name: &str) -> String {
        let limit = self.limit;
        let last = name.split_inclusive(self.separators).next_back().unwrap_or(name);
        let end = limit / 3;
        let ends = [end].into_iter().chain((0..limit).filter(|other| *other != end));
        let forms = self
            .by_parts(name)
            .chain((last.width() > limit).then(|| cut(last, limit, end)))
            .chain(ends.map(|end| cut(name, limit, end)));
        let is_free = |form: &String| !self.forms.values().any(|taken| **taken == **form);
        let mut forms = forms.peekable();
        let best = forms.peek().cloned().unwrap_or_default();
        forms.find(is_free).unwrap_or_else(|| {
            let number = format!("#{}", self.forms.len());
            if number.len() > limit { best } else { number }
        })
    }

    /// The forms that keep the last part of the name, and initials of others.
    fn by_parts(&self, name: &str) -> impl Iterator<Item = String> {
        let parts: Vec<&str> = name.split_inclusive(self.separators).collect();
        let last = parts.len().saturating_sub(1);
        let initial = |part: &&str| -> String {
            let end = part.chars().next_back().filter(|c| self.separators.contains(c));
            part.chars().take(1).chain(end.filter(|_| part.len() > 1)).collect()
        };
        let initials: Vec<String> = parts.iter().map(initial).collect();
        let shortened = (1..=last).map(|n| initials[..n].concat() + &parts[n..].concat());
        let without = |n: usize| format!("{ELLIPSIS}{}{}", initials[n..last].concat(), parts[last]);
        // Only if there is no room for the sign: alone, it is taken for a whole name.
        let alone = parts.last().filter(|part| last > 0 && part.width() == self.limit);
        let alone = alone.map(|part| (*part).to_owned());
        let forms = shortened.chain((1..=last).map(without)).chain(alone);
        let limit = self.limit;
        forms.filter(|form| form.width() <= limit).collect::<Vec<_>>().into_iter()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SEPARATORS: &[char] = &['.', ':'];

    fn short(names: &mut ShortNames, name: &str, limit: usize) -> String {
        names.of(name, limit).map_or(name.to_owned(), Cow::into_owned)
    }

    #[test]
    fn the_last_part_of_a_name_is_kept() {
        let cases = [
            ("shop.checkout.db.pool", 21, "shop.checkout.db.pool"),
            ("shop.checkout.db.pool", 18, "s.checkout.db.pool"),
            ("shop.checkout.db.pool", 11, "s.c.db.pool"),
            ("shop.checkout.db.pool", 10, "s.c.d.pool"),
            ("shop.checkout.db.pool", 9, "…c.d.pool"),
            ("shop.checkout.db.pool", 7, "…d.pool"),
            ("shop.checkout.db.pool", 5, "…pool"),
            ("shop.checkout.db.pool", 4, "pool"),
            ("tokio::net::tcp", 11, "t::net::tcp"),
            ("vm:18392", 7, "v:18392"),
            ("vm:18392", 6, "…18392"),
            ("urllib3.connectionpool", 9, "conne…ool"),
            ("web-frontend-01", 6, "web…01"),
            ("世界世界世界", 7, "世界…界"),
            ("世界.db.", 5, "…db."),
            ("abc", 1, "…"),
            ("abc", 0, ""),
        ];
        for (name, limit, form) in cases {
            assert_eq!(
                short(&mut ShortNames::new(SEPARATORS), name, limit),
                form,
                "{name} {limit}"
            );
        }
    }

    #[test]
    fn names_that_look_alike_keep_what_tells_them_apart() {
        let mut names = ShortNames::new(SEPARATORS);
        let hosts = ["web-front-prod-01", "web-back-prod-01", "web-front-prod-02"];
        assert_eq!(hosts.map(|host| short(&mut names, host, 6)), ["web…01", "web-b…", "web…02"]);
        assert_eq!(short(&mut names, hosts[1], 6), "web-b…");
        assert_eq!(short(&mut names, "web-front-prod-03.example.org", 5), "…org");
        assert_eq!(short(&mut names, "web-front-prod-04.example.org", 5), "web…g");
    }

    #[test]
    fn a_flood_of_names_takes_bounded_memory() {
        let mut names = ShortNames::new(SEPARATORS);
        for n in 0..3 * MAX_NAMES {
            assert!(short(&mut names, &format!("{n}-{}", "x".repeat(n)), 5).width() <= 5);
        }
        assert!(names.forms.len() <= MAX_NAMES);
    }

    proptest! {
        #[test]
        fn short_forms_fit_and_differ(
            all in prop::collection::hash_set("[a-c世.:]{1,12}", 1..20), limit in 3..9_usize,
        ) {
            let mut names = ShortNames::new(SEPARATORS);
            let long: Vec<&String> = all.iter().filter(|name| name.width() > limit).collect();
            let forms: Vec<String> =
                long.iter().map(|name| short(&mut names, name, limit)).collect();
            prop_assert!(forms.iter().all(|form| form.width() <= limit), "{forms:?}");
            let distinct: std::collections::HashSet<&String> = forms.iter().collect();
            prop_assert_eq!(distinct.len(), forms.len(), "{:?}", forms);
        }
    }
}
