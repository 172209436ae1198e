//! Messages that a logger stores as a template and its values: Serilog's `@mt` and
//! `MessageTemplate`, Twisted's `log_format`.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::string;
use crate::record::{RawJson, Record, Text};
use crate::wire::json;

/// The keys of templates.
const TEMPLATES: [&str; 3] = ["@mt", "MessageTemplate", "log_format"];

/// Makes the message of a template, if there is one. The template stays an extra where it
/// differs from the message.
pub(super) fn render(record: &mut Record<'_>) -> bool {
    let key = |(key, _): &(Text<'_>, RawJson<'_>)| TEMPLATES.contains(&&**key);
    let Some(at) = record.extras.iter().position(key) else { return false };
    let Some(template) = string(&record.extras[at].1) else { return false };
    let message = fill(&template, &record.extras);
    record.extras.retain(|(key, _)| key != "@r");
    if message == *template {
        record.extras.retain(|entry| !key(entry));
    }
    record.msg = Cow::Owned(message);
    true
}

/// The template with its holes filled: `{User}`, `{@User}`, `{Count:000}`, `{{`. A hole without
/// a value stays.
fn fill(template: &str, values: &[(Text<'_>, RawJson<'_>)]) -> String {
    let value = |name: &str| values.iter().find(|(key, _)| key == name).map(|(_, value)| value);
    // The texts of the holes with a format, in their order.
    let renderings = value("@r").and_then(|list| serde_json::from_str(&list.0).ok());
    let renderings: Vec<&RawValue> = renderings.unwrap_or_default();
    let mut renderings = renderings.into_iter().map(RawValue::get);
    let mut out = String::with_capacity(template.len() + 32);
    let mut rest = template;
    while let Some(at) = rest.find(['{', '}']) {
        let brace = &rest[at..=at];
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix(brace) {
            out.push_str(brace);
            rest = after;
            continue;
        }
        let hole = rest.split_once('}').filter(|_| brace == "{");
        let Some((hole, after)) = hole else {
            out.push_str(brace);
            continue;
        };
        let end = hole.find([',', ':', '!']).unwrap_or(hole.len());
        let name = hole[..end].trim_start_matches(['@', '$']);
        let rendering = if hole.contains(':') { renderings.next() } else { None };
        match rendering.or_else(|| value(name).map(|value| &*value.0)) {
            Some(json) => match json::string_value(json) {
                Some(text) => out.push_str(&text),
                None => out.push_str(json),
            },
            None => out.extend(["{", hole, "}"]),
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holes_are_filled_with_values() {
        let values: Vec<(Text<'_>, RawJson<'_>)> =
            [("User", r#""Ann""#), ("Count", "7"), ("At", r#"{"X":1}"#), ("@r", r#"["007"]"#)]
                .map(|(key, value)| (key.into(), RawJson(value.into())))
                .to_vec();
        for (template, message) in [
            ("{User} has {Count:000} of {Count,3}", "Ann has 007 of 7"),
            ("at {@At} {{User}} {Missing} }", r#"at {"X":1} {User} {Missing} }"#),
            ("open { and {", "open { and {"),
            ("{é}", "{é}"),
        ] {
            assert_eq!(fill(template, &values), message);
        }
    }
}
