//! OpenTelemetry's batches: one JSON object with the records of several resources and scopes,
//! as the collector's file exporter writes it.

use std::borrow::Cow;
use std::collections::HashSet;
use std::ops::Range;
use std::sync::LazyLock;

use memchr::memmem::Finder;

use crate::text::json::{self, elements};

/// The records of a batch. They are made one by one, since the attributes of a resource may
/// be long and belong to each of its records.
#[derive(Debug)]
pub struct Batch {
    records: Vec<Entry>,
    next: usize,
}

/// Where the parts of a record stand in the text of the batch; empty if there is none.
#[derive(Clone, Debug)]
struct Entry {
    /// The object.
    record: Range<usize>,
    /// The array of the resource's attributes.
    resource: Range<usize>,
    /// The name of the scope, as JSON: the logger.
    scope: Range<usize>,
}

impl Batch {
    /// The records of `text`, in order; `None` if it is no batch, or an empty one.
    pub fn of(text: &str) -> Option<Batch> {
        static RESOURCE: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new("esource"));
        let start = &text.as_bytes()[..text.len().min(64)];
        if !text.starts_with('{') || RESOURCE.find(start).is_none() {
            return None;
        }
        let range = |part: &str| {
            let at = part.as_ptr() as usize - text.as_ptr() as usize;
            at..at + part.len()
        };
        let mut records = Vec::new();
        for of_resource in elements(member(text, "resourceLogs", "resource_logs")?)? {
            let resource = member(of_resource, "resource", "resource");
            let attributes = resource.and_then(|it| member(it, "attributes", "attributes"));
            for of_scope in elements(member(of_resource, "scopeLogs", "scope_logs")?)? {
                let scope = member(of_scope, "scope", "scope");
                let name = scope.and_then(|it| member(it, "name", "name"));
                let all = elements(member(of_scope, "logRecords", "log_records")?)?;
                if !all.iter().all(|record| record.starts_with('{')) {
                    return None;
                }
                for record in all {
                    records.push(Entry {
                        record: range(record),
                        resource: attributes.map_or(0..0, range),
                        scope: name.map_or(0..0, range),
                    });
                }
            }
        }
        (!records.is_empty()).then_some(Batch { records, next: 0 })
    }

    /// The current record as an object of its own; `None` at the end. `text` is that of the
    /// batch.
    pub fn peek(&self, text: &str) -> Option<String> {
        let Entry { record, resource, scope } = self.records.get(self.next)?.clone();
        let object = text.get(record)?;
        let mut out = String::from("{");
        let mut attributes = Vec::new();
        for (key, value) in json::entries(object)? {
            if key == "attributes" {
                attributes = elements(value).unwrap_or_default();
                continue;
            }
            push(&mut out, &key, value);
        }
        let own: HashSet<_> = attributes.iter().filter_map(|it| key(it)).collect();
        let of_resource = elements(text.get(resource)?).unwrap_or_default().into_iter();
        attributes.extend(of_resource.filter(|it| key(it).is_none_or(|key| !own.contains(key))));
        if !attributes.is_empty() {
            push(&mut out, "attributes", &format!("[{}]", attributes.join(",")));
        }
        if !scope.is_empty() {
            push(&mut out, "logger", &text[scope]);
        }
        out.push('}');
        Some(out)
    }

    /// Whether there is no further record.
    pub fn is_at_end(&self) -> bool {
        self.next >= self.records.len()
    }

    /// Goes on to the next record.
    pub fn advance(&mut self) {
        self.next += 1;
    }
}

fn push(object: &mut String, key: &str, value: &str) {
    object.push_str(if object.len() > 1 { "," } else { "" });
    object.push_str(&json::quoted(key));
    object.push(':');
    object.push_str(value);
}

/// The key of an attribute.
fn key(attribute: &str) -> Option<&str> {
    member(attribute, "key", "key")
}

/// The value of a key of an object, which has one of two names.
fn member<'a>(object: &'a str, name: &str, other: &str) -> Option<&'a str> {
    let entries = json::entries(object)?;
    let is_it = |(key, _): &(Cow<'_, str>, &str)| key == name || key == other;
    entries.into_iter().find(is_it).map(|(_, value)| value)
}
