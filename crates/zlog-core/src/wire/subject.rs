//! Topics as NATS subjects, and back.
//!
//! The subject of a topic is a prefix, a dot and the topic. Dots stay dots: each part of a topic is
//! a token, so that NATS tools and access rules can select by part. What a subject can't contain is
//! written as `%` and two hexadecimal digits for each byte, as in a URL: `%`, `*`, `>`, white space,
//! control characters, and bytes that are not UTF-8. An empty token, which subjects forbid, is a
//! single `%`. Distinct topics have distinct subjects, and [`decode`] restores every topic.

/// The token of an empty part.
const EMPTY: &str = "%";

/// Appends the subject of `topic`, without a prefix, to `out`.
pub fn encode(topic: &[u8], out: &mut String) {
    for (place, part) in topic.split(|byte| *byte == b'.').enumerate() {
        if place > 0 {
            out.push('.');
        }
        if part.is_empty() {
            out.push_str(EMPTY);
        }
        encode_part(part, out);
    }
}

/// Appends one token.
fn encode_part(part: &[u8], out: &mut String) {
    for chunk in part.utf8_chunks() {
        let valid = chunk.valid();
        match valid.bytes().all(is_usual) {
            true => out.push_str(valid),
            false => valid.chars().for_each(|c| encode_char(c, out)),
        }
        chunk.invalid().iter().for_each(|byte| escape_byte(*byte, out));
    }
}

/// Whether a byte stands for itself, as most do. Others are looked at by character.
fn is_usual(byte: u8) -> bool {
    byte.is_ascii_graphic() && !matches!(byte, b'%' | b'*' | b'>')
}

fn encode_char(c: char, out: &mut String) {
    if matches!(c, '%' | '*' | '>') || c.is_whitespace() || c.is_control() {
        c.encode_utf8(&mut [0; 4]).bytes().for_each(|byte| escape_byte(byte, out));
    } else {
        out.push(c);
    }
}

fn escape_byte(byte: u8, out: &mut String) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    out.push('%');
    out.push(char::from(DIGITS[usize::from(byte >> 4)]));
    out.push(char::from(DIGITS[usize::from(byte & 15)]));
}

/// The topic of a subject without its prefix. Never fails: other programs may publish under the
/// prefix, and a `%` that [`encode`] would not have written stands for itself.
pub fn decode(subject: &str) -> Vec<u8> {
    let mut topic = Vec::with_capacity(subject.len());
    for (place, token) in subject.split('.').enumerate() {
        if place > 0 {
            topic.push(b'.');
        }
        if token != EMPTY {
            decode_token(token.as_bytes(), &mut topic);
        }
    }
    topic
}

fn decode_token(mut token: &[u8], topic: &mut Vec<u8>) {
    while let Some((&first, rest)) = token.split_first() {
        token = match (first, escaped(rest)) {
            (b'%', Some(byte)) => {
                topic.push(byte);
                &rest[2..]
            }
            _ => {
                topic.push(first);
                rest
            }
        };
    }
}

/// The byte that two digits stand for.
fn escaped(digits: &[u8]) -> Option<u8> {
    let digit = |place: usize| char::from(*digits.get(place)?).to_digit(16);
    u8::try_from(digit(0)? * 16 + digit(1)?).ok()
}

/// The subjects, without the prefix, that a server can select topics by: those that begin with one
/// of `prefixes`, and as few others as possible. `>` stands for all.
///
/// A prefix ends anywhere, a server selects whole tokens: so the last token of a prefix is left to
/// the reader. No subject covers another, as servers require.
pub fn filters(prefixes: &[Vec<u8>]) -> Vec<String> {
    let mut filters: Vec<String> = prefixes.iter().map(|prefix| filter(prefix)).collect();
    // A filter sorts right before those that it covers, without its `>`.
    filters.sort_unstable_by(|a, b| a[..a.len() - 1].cmp(&b[..b.len() - 1]));
    filters.dedup_by(|next, kept| next.starts_with(&kept[..kept.len() - 1]));
    filters
}

fn filter(prefix: &[u8]) -> String {
    let whole = prefix.iter().rposition(|byte| *byte == b'.');
    let mut subject = String::new();
    if let Some(end) = whole {
        encode(&prefix[..end], &mut subject);
        subject.push('.');
    }
    subject + ">"
}

/// The one filter that covers all of these: for servers that take only one.
pub fn common(filters: &[String]) -> String {
    let mut filters = filters.iter();
    let mut common: Vec<&str> =
        filters.next().map_or(Vec::new(), |first| first.split('.').collect());
    common.pop();
    for filter in filters {
        let shared = common.iter().zip(filter.split('.')).take_while(|(a, b)| *a == b).count();
        common.truncate(shared);
    }
    common.push(">");
    common.join(".")
}

/// Reads a prefix of subjects as users type it.
///
/// # Errors
/// It is empty, has an empty token, or has a character that a subject can't have.
pub fn typed_prefix(text: &str) -> Result<String, String> {
    let mut encoded = String::new();
    encode(text.as_bytes(), &mut encoded);
    if encoded != text {
        return Err("must be tokens separated by dots, without spaces, *, > and %".to_owned());
    }
    if text.starts_with(['$', '_']) {
        return Err("must not begin with $ or _: NATS uses these subjects itself".to_owned());
    }
    Ok(encoded)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    fn encoded(topic: &[u8]) -> String {
        let mut subject = String::new();
        encode(topic, &mut subject);
        subject
    }

    #[test]
    fn dots_and_usual_characters_stay_as_they_are() {
        for topic in ["myprogram.ERROR.db", "größe.INFO", "a-b_c/d:e.Level%", "$SYS.x"] {
            let expected = topic.replace('%', "%25");
            assert_eq!(encoded(topic.as_bytes()), expected);
        }
    }

    #[test]
    fn what_subjects_forbid_is_escaped() {
        for (topic, subject) in [
            ("", "%"),
            (".", "%.%"),
            ("a..b", "a.%.b"),
            (".a.", "%.a.%"),
            ("app.Level 17", "app.Level%2017"),
            ("*.>", "%2A.%3E"),
            ("100%", "100%25"),
            ("a\n\0\u{7f}", "a%0A%00%7F"),
            ("a\u{85}\u{2003}", "a%C2%85%E2%80%83"),
        ] {
            assert_eq!(encoded(topic.as_bytes()), subject, "{topic:?}");
        }
        assert_eq!(encoded(b"a\xff.b"), "a%FF.b");
    }

    #[test]
    fn subjects_of_other_programs_are_read_as_they_are() {
        for (subject, topic) in [("a.%zz", "a.%zz"), ("a%", "a%"), ("%2", "%2"), ("%.%%", ".%%")] {
            assert_eq!(decode(subject), topic.as_bytes());
        }
    }

    #[test]
    fn a_server_selects_by_the_whole_tokens_of_a_prefix() {
        let of = |prefixes: &[&str]| {
            filters(&prefixes.iter().map(|prefix| prefix.as_bytes().to_vec()).collect::<Vec<_>>())
        };
        assert_eq!(of(&[""]), [">"]);
        assert_eq!(of(&["app"]), [">"]);
        assert_eq!(of(&["app.ERR"]), ["app.>"]);
        assert_eq!(of(&["app.ERROR", "app.INFO"]), ["app.>"]);
        assert_eq!(of(&["app.ERROR", "web.INFO."]), ["app.>", "web.INFO.>"]);
        assert_eq!(of(&["web.INFO.x", "web.", "web-2.a"]), ["web-2.>", "web.>"]);
        assert_eq!(of(&["web.x", "app.ERROR", ""]), [">"]);
        assert_eq!(of(&["a..b", "a b.c"]), ["a%20b.>", "a.%.>"]);
        assert_eq!(of(&[]), Vec::<String>::new());
    }

    #[test]
    fn the_common_filter_covers_all() {
        let of =
            |filters: &[&str]| common(&filters.iter().map(|f| (*f).to_owned()).collect::<Vec<_>>());
        assert_eq!(of(&["app.>", "web.INFO.>"]), ">");
        assert_eq!(of(&["web.a.x.>", "web.a.y.>"]), "web.a.>");
        assert_eq!(of(&["web.a.>"]), "web.a.>");
    }

    #[test]
    fn a_typed_prefix_is_a_valid_subject() {
        for good in ["zlog", "logs.eu-1"] {
            assert_eq!(typed_prefix(good).as_deref(), Ok(good));
        }
        for bad in ["", "a.", "a..b", "a b", "a.>", "*", "50%", "$JS", "_INBOX"] {
            typed_prefix(bad).unwrap_err();
        }
    }

    /// Topics with many of the characters that matter.
    fn topics() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            Just(b".".to_vec()),
            Just(b"%".to_vec()),
            prop::sample::select(&b"a2F*> \n\0\xc3\xa9\xff"[..]).prop_map(|byte| vec![byte]),
            any::<char>().prop_map(|c| c.to_string().into_bytes()),
            any::<u8>().prop_map(|byte| vec![byte]),
        ];
        prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn every_topic_comes_back(topic in topics()) {
            prop_assert_eq!(decode(&encoded(&topic)), topic);
        }

        #[test]
        fn every_subject_is_valid(topic in topics()) {
            let subject = encoded(&topic);
            let forbidden = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '*' | '>');
            prop_assert!(!subject.contains(forbidden), "{}", subject);
            prop_assert!(subject.split('.').all(|token| !token.is_empty()), "{}", subject);
        }

        #[test]
        fn distinct_topics_have_distinct_subjects(topics in prop::collection::hash_set(topics(), 0..40)) {
            let subjects: HashSet<String> = topics.iter().map(|topic| encoded(topic)).collect();
            prop_assert_eq!(subjects.len(), topics.len());
        }

        #[test]
        fn a_filter_passes_every_topic_that_begins_with_a_prefix(
            prefixes in prop::collection::vec(topics(), 1..4), rest in topics(), which in any::<usize>()
        ) {
            let topic = [&prefixes[which % prefixes.len()][..], &rest].concat();
            let subject = encoded(&topic);
            let passes = |filter: &str| subject.starts_with(&filter[..filter.len() - 1]);
            let filters = filters(&prefixes);
            prop_assert!(filters.iter().any(|filter| passes(filter)), "{} {:?}", subject, filters);
            prop_assert!(passes(&common(&filters)));
        }
    }
}
