//! Searches the text of records with regular expressions.

use regex::Regex;

use crate::fields::pairs::write_fields;
use crate::record::Record;
use crate::text::sgr;

/// Regular expressions that must match a record, and others that must not.
///
/// They search what people see of a record: the message, the traceback and the stack, without
/// their colours, and the extras as `key=value key=value`.
#[derive(Clone, Debug, Default)]
pub struct TextFilter {
    include: Vec<Regex>,
    all: bool,
    exclude: Vec<Regex>,
    /// Whether all of `include` are words: each matches within one field or not at all.
    are_words: bool,
    /// Reused: the extras of a record.
    fields: Vec<u8>,
}

impl TextFilter {
    /// Passes records that one of `include` matches (several widen the search, as `grep -e`
    /// does) or, if `all`, that each of them matches; but none that one of `exclude` matches.
    /// Without `include`, nothing needs to match.
    pub fn new(include: Vec<Regex>, all: bool, exclude: Vec<Regex>) -> TextFilter {
        let is_word = |pattern: &Regex| {
            pattern.as_str().bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        };
        let are_words = include.iter().all(is_word);
        TextFilter { include, all, exclude, are_words, fields: Vec::new() }
    }

    /// Whether [`TextFilter::rejects_json`] can be true.
    pub(crate) fn can_prefilter(&self) -> bool {
        self.are_words && !self.include.is_empty()
    }

    /// Whether the record of a JSON object without nested ones is sure not to pass. `false` if the text of
    /// the record may differ from that of the object: by escapes, arguments or a template.
    pub(crate) fn rejects_json(&self, object: &str) -> bool {
        let is_plain = |byte| matches!(byte, b' '..=b'~') && !matches!(byte, b'\\' | b'%' | b'{');
        let mut found = self.include.iter().map(|pattern| pattern.is_match(object));
        let mut can_pass = || match self.all {
            true => found.all(|found| found),
            false => found.any(|found| found),
        };
        self.can_prefilter() && !can_pass() && object.bytes().skip(1).all(is_plain)
    }

    /// Whether the record passes. A message without arguments costs no allocation.
    pub fn accepts(&mut self, record: &Record<'_>) -> bool {
        let TextFilter { include, all, exclude, fields, .. } = self;
        if include.is_empty() && exclude.is_empty() {
            return true;
        }
        let message = record.message();
        let message = sgr::strip(&message);
        let traces = [&record.exc_text, &record.stack_info];
        let traces = traces.map(|trace| sgr::strip(trace.as_deref().unwrap_or("")));
        fields.clear();
        let mut matches = |pattern: &Regex| {
            if pattern.is_match(&message) || traces.iter().any(|trace| pattern.is_match(trace)) {
                return true;
            }
            // Written once, and only if the message does not decide.
            if fields.is_empty() {
                write_fields(fields, &record.extras, false);
            }
            !fields.is_empty() && pattern.is_match(&String::from_utf8_lossy(fields))
        };
        let included = match all {
            true => include.iter().all(&mut matches),
            false => include.is_empty() || include.iter().any(&mut matches),
        };
        included && !exclude.iter().any(matches)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::RawJson;

    fn record() -> Record<'static> {
        let extras = [("user", "4718"), ("path", r#""/a b""#)];
        Record {
            msg: "disk full".into(),
            exc_text: Some("Traceback".into()),
            stack_info: Some("Stack of it".into()),
            extras: extras.map(|(key, value)| (key.into(), RawJson(value.into()))).into(),
            ..Record::default()
        }
    }

    #[test]
    fn text_is_searched_without_its_colours() {
        let mut record = record();
        record.msg = "\x1b[31mdisk\x1b[0m full".into();
        record.exc_text = Some("\x1b[1mTrace\x1b[mback".into());
        for (pattern, found) in [("^disk full$", true), ("^Traceback$", true), ("31m", false)] {
            let pattern = || vec![Regex::new(pattern).unwrap()];
            assert_eq!(TextFilter::new(pattern(), false, Vec::new()).accepts(&record), found);
            assert_eq!(TextFilter::new(Vec::new(), false, pattern()).accepts(&record), !found);
        }
    }

    #[test]
    fn message_traces_and_extras_are_searched() {
        let cases: [(&[&str], bool, &[&str], bool); 14] = [
            (&["full"], false, &[], true),
            (&["empty", "disk"], false, &[], true),
            (&["empty"], false, &[], false),
            (&["^Trace"], false, &[], true),
            (&["^Stack"], false, &[], true),
            (&["user=4718"], false, &[], true),
            (&["user=4718 path=\"/a b\"$"], false, &[], true),
            (&["user=47$"], false, &[], false),
            (&["disk", "user=4718"], true, &[], true),
            (&["disk", "user=1"], true, &[], false),
            (&["full"], false, &["disk"], false),
            (&["full"], false, &["user="], false),
            (&[], false, &["back$"], false),
            (&[], true, &["front"], true),
        ];
        for (include, all, exclude, passes) in cases {
            let [include, exclude] =
                [include, exclude].map(|texts| texts.iter().map(|text| Regex::new(text).unwrap()));
            let mut filter = TextFilter::new(include.collect(), all, exclude.collect());
            assert_eq!(filter.accepts(&record()), passes, "{filter:?}");
        }
    }
}
