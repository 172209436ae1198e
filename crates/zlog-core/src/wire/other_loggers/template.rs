//! Messages that a logger stores as a template and its values: Serilog's `@mt` and
//! `MessageTemplate`, Twisted's `log_format`.

use std::borrow::Cow;
use std::collections::HashMap;

use super::string;
use crate::record::{RawJson, Record, Text};
use crate::text::json;

type Entry<'a> = (Text<'a>, RawJson<'a>);

/// The keys of templates.
const TEMPLATES: [&str; 3] = ["@mt", "MessageTemplate", "log_format"];

/// The keys of the texts that Serilog has made of values with a format.
const RENDERINGS: [&str; 2] = ["@r", "Renderings"];

/// The largest width of a hole, in characters, and the most digits of its number.
const MAX_WIDTH: usize = 256;

/// How much larger a message may be than its template and all values together, in bytes. A
/// template that names a value again and again is its own message.
const MAX_GROWTH: usize = 1 << 20;

/// Makes the message of a template, if there is one. The template stays an extra where it
/// differs from the message.
pub(super) fn render(record: &mut Record<'_>) -> bool {
    let key = |(key, _): &Entry<'_>| TEMPLATES.contains(&&**key);
    let Some(at) = record.extras.iter().position(key) else { return false };
    let Some(template) = string(&record.extras[at].1) else { return false };
    let message = fill(&template, &record.extras);
    record.extras.retain(|(key, _)| !RENDERINGS.contains(&&**key));
    if message == *template {
        record.extras.retain(|entry| !key(entry));
    }
    record.msg = Cow::Owned(message);
    true
}

/// The template with its holes filled: `{User}`, `{@User}`, `{Count,5:000}`, `{{`. A hole
/// without a value stays.
fn fill(template: &str, entries: &[Entry<'_>]) -> String {
    let mut values = HashMap::new();
    for (key, value) in entries {
        values.entry(&**key).or_insert(&*value.0);
    }
    let size: usize = entries.iter().map(|(_, value)| value.0.len()).sum();
    let limit = template.len() + size + MAX_GROWTH;
    // The texts of the holes with a format, in their order, or by their values and formats.
    let in_order = values.get("@r").and_then(|texts| json::elements(texts));
    let mut in_order = in_order.unwrap_or_default().into_iter();
    let by_name = values.get("Renderings").and_then(|texts| renderings(texts)).unwrap_or_default();
    let last_close = template.rfind('}').unwrap_or(0);
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
        let may_close = brace == "{" && template.len() - rest.len() <= last_close;
        let hole = if may_close { rest.split_once('}') } else { None };
        let Some((text, after)) = hole else {
            out.push_str(brace);
            continue;
        };
        let hole = Hole::of(text);
        let rendering = match hole.format {
            "" => None,
            format => in_order.next().or_else(|| {
                by_name.get(&(Cow::Borrowed(hole.name), Cow::Borrowed(format))).copied()
            }),
        };
        match values.get(hole.name) {
            Some(json) => hole.push(rendering, json, &mut out),
            None => out.extend(["{", text, "}"]),
        }
        if out.len() > limit {
            return template.to_owned();
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

/// A place for a value: `Count,5:000`.
struct Hole<'t> {
    name: &'t str,
    /// Below 0: the value stands on the left.
    width: i64,
    format: &'t str,
}

impl<'t> Hole<'t> {
    fn of(text: &'t str) -> Hole<'t> {
        let (text, format) = text.split_once([':', '!']).unwrap_or((text, ""));
        let (name, width) = text.split_once(',').unwrap_or((text, "0"));
        let name = name.strip_prefix(['@', '$']).unwrap_or(name);
        Hole { name, width: width.trim().parse().unwrap_or(0), format }
    }

    /// Adds the value, which its logger may have made text already.
    fn push(&self, rendering: Option<&str>, json: &str, out: &mut String) {
        let json = rendering.unwrap_or(json);
        let formatted = if rendering.is_none() { number(json, self.format) } else { None };
        let text = formatted.map(Cow::Owned).or_else(|| json::string_value(json));
        let text = text.unwrap_or(Cow::Borrowed(json));
        let width = usize::try_from(self.width.unsigned_abs()).unwrap_or(0);
        let blanks = width.min(MAX_WIDTH).saturating_sub(text.chars().count());
        let blanks = " ".repeat(blanks);
        match self.width < 0 {
            true => out.extend([&*text, &blanks]),
            false => out.extend([&*blanks, &text]),
        }
    }
}

/// The texts by value and format in Serilog's
/// `{"Count":[{"Format":"000","Rendering":"007"}]}`.
fn renderings(json: &str) -> Option<HashMap<(Text<'_>, Text<'_>), &str>> {
    let mut found = HashMap::new();
    for (name, texts) in json::entries(json)? {
        for text in json::elements(texts)? {
            let mut format = None;
            let mut rendering = None;
            for (key, value) in json::entries(text)? {
                match &*key {
                    "Format" => format = json::string_value(value),
                    "Rendering" => rendering = Some(value),
                    _ => {}
                }
            }
            if let (Some(format), Some(rendering)) = (format, rendering) {
                found.entry((name.clone(), format)).or_insert(rendering);
            }
        }
    }
    Some(found)
}

/// A number in one of .NET's formats of digits: `000`, `0.00`, `D3`, `F2`.
fn number(json: &str, format: &str) -> Option<String> {
    let number: f64 = json.parse().ok()?;
    let digits = || format.get(1..)?.parse::<usize>().ok();
    let is_zeros = |text: &str| text.bytes().all(|byte| byte == b'0');
    let (whole, decimals) = match (format.as_bytes().first()?, format.split_once('.')) {
        (b'D' | b'd', _) => (digits()?, 0),
        (b'F' | b'f', _) => (1, digits()?),
        (b'0', None) if is_zeros(format) => (format.len(), 0),
        (b'0', Some((whole, part))) if is_zeros(whole) && is_zeros(part) => {
            (whole.len(), part.len())
        }
        _ => return None,
    };
    if whole.max(decimals) > MAX_WIDTH {
        return None;
    }
    let width = whole + if decimals > 0 { decimals + 1 } else { 0 };
    let sign = if number < 0.0 { "-" } else { "" };
    Some(format!("{sign}{:0width$.decimals$}", number.abs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holes_are_filled_with_values() {
        let values: Vec<Entry<'_>> = [
            ("User", r#""Ann""#),
            ("Count", "7"),
            ("Ratio", "-0.5"),
            ("At", r#"{"X":1}"#),
            ("Big", "1e300"),
        ]
        .map(|(key, value)| (key.into(), RawJson(value.into())))
        .to_vec();
        for (template, message) in [
            ("{User} has {Count}", "Ann has 7"),
            (
                "at {@At} {$User} {{User}} {Missing,5:0} }",
                r#"at {"X":1} Ann {User} {Missing,5:0} }"#,
            ),
            ("{Count,5:000}|{Count,-5}|{Count,5}|", "  007|7    |    7|"),
            ("{User,-5}|{User,5:l}|{User,2}|", "Ann  |  Ann|Ann|"),
            (
                "{Count:D3} {Count:F2} {Ratio:0.00} {Ratio:000.0} {Count:x}",
                "007 7.00 -0.50 -000.5 7",
            ),
            ("{Count,99999999999999999999}{Big:F999999}", "71e300"),
            ("open { and {", "open { and {"),
            ("{é}", "{é}"),
        ] {
            assert_eq!(fill(template, &values), message);
        }
        assert_eq!(fill("{User,-9223372036854775808}|", &values).len(), MAX_WIDTH + 1);
    }

    #[test]
    fn a_template_that_would_make_a_huge_message_is_its_own_message() {
        let value = format!("\"{}\"", "a".repeat(400_000));
        let values = [("x".into(), RawJson(value.as_str().into()))];
        let template = "{x}".repeat(100_000);
        assert_eq!(fill(&template, &values), template);
        assert_eq!(fill("{x}{x}", &values).len(), 800_000);
    }

    #[test]
    fn texts_that_the_logger_has_made_are_used() {
        let values = |renderings| {
            [("Count", "7"), renderings].map(|(key, value)| (key.into(), RawJson(value.into())))
        };
        let template = "{Count:X4} of {Count,8:X4}";
        let compact = values(("@r", r#"["0x07","    0x07"]"#));
        assert_eq!(fill(template, &compact), "0x07 of     0x07");
        let named =
            r#"{"Count":[{"Format":"Y","Rendering":"y"},{"Format":"X4","Rendering":"0x07"}]}"#;
        assert_eq!(fill(template, &values(("Renderings", named))), "0x07 of     0x07");
    }
}
