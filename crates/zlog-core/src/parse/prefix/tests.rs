use super::*;

/// What is left of the line behind its prefix.
fn own(line: &str) -> &str {
    &line[Prefix::of(line).len..]
}

#[test]
fn a_prefix_ends_before_the_text_of_the_program() {
    let prefixes = [
        "web-1  | ",
        "web-1  | 2026-11-26T12:00:01.123456789Z ",
        "0|app  | ",
        "@scope/web | ",
        "2026-11-26T12:00:01Z ",
        "2026-11-26T12:00:01.1+01:00 ",
        "2026-11-26 12:00:01,123 ",
        "2026/11/26 12:00:01.5 ",
        "[2026-11-26T12:00:01.123Z] ",
        "[Thu Nov 26 12:00:01.123456 2026] [wsgi:error] [pid 7:tid 8] [client ::1:4] ",
        "[Sun Dec 04 04:47:44 2005] [error] ",
        "[2026-11-26, 12:00:01 UTC] {subprocess.py:93} INFO - ",
        "[pod/web-0/app] ",
        "[  12.345678] ",
        "12:00:01 web.1  | ",
        "<11>",
        "<11>Nov 26 12:00:01 host app[7]: ",
        "<11>1 2026-11-26T12:00:01.5Z host app 7 ID [a@1 b=\"c\"][d@2 e=\"f g\"] ",
        "<11>1 2026-11-26T12:00:01.5Z - app - - - ",
        "Nov  6 12:00:01 host app: ",
        "Nov  6 12:00:01.5 app[7]: ",
        "Nov  6 12:00:01 ",
        "Thu 2026-11-26 12:00:01 UTC host app[7]: ",
        "1795694401.123456 host app[7]: ",
        "@400000004a9d1f2b2c3d4e5f ",
        "build\tRun tests\t2026-11-26T12:00:01.1234567Z ",
        "2026-11-26T12:00:01.123000+00:00 2026/11/26/[$LATEST]4f2a ",
        "2026-11-26T12:00:01.123000+00:00 ecs/web/4f2a ",
        "web:dev: ",
        "@scope/web:dev: ",
        "job.sh: line 3:  4711 ",
    ];
    let texts = [
        "Traceback (most recent call last):",
        "  File \"a.py\", line 1",
        "\tat a.B.c(B.java:1)",
        "java.lang.Error: x",
        "fatal error: all goroutines are asleep - deadlock!",
        "thread 'main' panicked at src/main.rs:2:5:",
        "boom.rb:2:in `f': x (E)",
    ];
    for prefix in prefixes {
        for text in texts {
            assert_eq!(own(&format!("{prefix}{text}")), text, "{prefix}");
        }
        // A shell writes no empty line.
        if prefix.ends_with(' ') && !prefix.starts_with("job.sh") {
            assert_eq!(own(prefix.trim_end()), "", "{prefix}: an empty line without its space");
        }
    }
}

#[test]
fn ordinary_text_has_no_prefix() {
    for line in [
        "",
        "could not connect",
        "ValueError: x",
        "java.lang.Error: x",
        "127.0.0.1 - - [26/Nov/2026:12:00:01 +0000] \"GET / HTTP/1.1\" 200 5",
        "{\"msg\": \"x\"}",
        "[]",
        "  indented",
        "\x1b[31mred\x1b[0m",
        "12:00 noon",
        "2026-11-26",
        "Nov",
        "<tag> text",
        "error: x",
        "src/main.rs:2:5: x",
        "a\tb\tc",
        "http://host: refused",
    ] {
        assert_eq!(own(line), line);
    }
}

#[test]
fn a_line_of_any_length_is_scanned_near_its_start_only() {
    for part in ["Thu ", "[a] ", "2026-11-26T12:00:01Z ", "a | ", "\x1b[31m", "<1>", "x"] {
        let line = part.repeat(100_000);
        // Colours have no limit of their own: they are skipped.
        let colours = if part.starts_with('\x1b') { line.len() } else { 0 };
        assert!(Prefix::of(&line).len <= MAX_PARTS * MAX_NAME + colours, "{part}");
    }
}

proptest::proptest! {
    #[test]
    fn any_text_can_follow_any_beginning_of_a_prefix(
        parts in proptest::collection::vec(proptest::sample::select(vec![
            "2026-11-26", "T12:00:01", "12:00:01", ".5", "Z", "+01:00", " ", "Nov 26 ", "Thu ",
            "<11>", "1 ", "[", "]", "{", "a:1}", "web-1", " | ", "│", "app[7]:", "host ",
            "1795694401.123", "@40", "\u{1b}[31m", "\t", "é", "-", "job.sh: ", "line 3: ", "47 ",
        ]), 0..12),
    ) {
        let line = parts.concat();
        let prefix = Prefix::of(&line);
        proptest::prop_assert!(line.is_char_boundary(prefix.len));
        let _ = prefix.strip(&line);
    }
}

#[test]
fn lines_are_of_one_program_if_the_names_are_the_same_whatever_the_times_are() {
    let cases = [
        ("web-1  | a", "web-1  | b", Some("b")),
        ("web-1  | a", "db-1   | b", None),
        ("2026-11-26T12:00:01Z a", "2026-11-26T12:00:02.5Z b", Some("b")),
        ("12:00:01 web.1 | a", "12:00:02 web.1 | b", Some("b")),
        ("12:00:01 web.1 | a", "12:00:02 db.1  | b", None),
        // The program's own names differ or are missing.
        ("web-1  | 12:00:01 [error] a", "web-1  | b", Some("b")),
        ("web-1  | a", "web-1  | [SQL: SELECT 1]", Some("[SQL: SELECT 1]")),
        ("Nov 26 12:00:01 h app[7]: a", "Nov 26 12:00:01 h app[8]: b", None),
        ("Nov 26 12:00:01 h app[7]: a", "                          b", Some("b")),
        ("web-1  | a", "b", None),
        ("[Sun Dec 04 04:47:44 2005] [error] a", "[Sun Dec 04 04:47:45 2005] [error] b", Some("b")),
    ];
    for (first, line, expected) in cases {
        assert_eq!(Prefix::of(first).strip(line), expected, "{first}, {line}");
    }
}
