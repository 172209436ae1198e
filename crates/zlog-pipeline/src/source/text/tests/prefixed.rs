//! Tracebacks whose lines have a prefix each, which a collector has written.

use super::*;

/// What each collector writes before a line of the program, a line before it, and one of another
/// program. `docker logs -t` and the like name no program.
const PREFIXES: [(&str, [&str; 3], &str); 17] = [
    ("docker compose logs", ["web-1  | "; 3], "db-1   | "),
    (
        "docker compose logs -t",
        ["web-1  | 2026-11-26T12:00:01.1Z "; 3],
        "db-1   | 2026-11-26T12:00:01.1Z ",
    ),
    (
        "docker logs -t",
        [
            "2026-11-26T12:00:01.100000000Z ",
            "2026-11-26T12:00:01.200000000Z ",
            "2026-11-26T12:00:01.300000000Z ",
        ],
        "",
    ),
    (
        "kubectl logs --timestamps",
        ["2026-11-26T12:00:01.1Z ", "2026-11-26T12:00:01.12345Z ", "2026-11-26T12:00:02Z "],
        "",
    ),
    ("kubectl logs --prefix", ["[pod/web-0/app] "; 3], "[pod/web-0/proxy] "),
    ("kubectl logs --prefix --timestamps", ["[pod/web-0/app] 2026-11-26T12:00:01.1Z "; 3], ""),
    ("stern", ["web-7d9f8b6c5-x2x4q app "; 3], "db-0 postgres "),
    ("stern in colours", ["\x1b[36mweb-0\x1b[0m \x1b[32mapp\x1b[0m "; 3], "db-0 postgres "),
    (
        "foreman",
        ["12:00:01 web.1  | ", "12:00:01 web.1  | ", "12:00:02 web.1  | "],
        "12:00:01 db.1   | ",
    ),
    (
        "honcho in colours",
        ["\x1b[36m12:00:01 web.1 | \x1b[0m"; 3],
        "\x1b[33m12:00:01 db.1  | \x1b[0m",
    ),
    ("overmind", ["web    | "; 3], "worker | "),
    (
        "syslog",
        [
            "Nov 26 12:00:01 host app[123]: ",
            "Nov 26 12:00:01 host app[123]: ",
            "Nov 26 12:00:02 host app[123]: ",
        ],
        "Nov 26 12:00:01 host app[124]: ",
    ),
    (
        "syslog with ISO times",
        ["2026-11-26T12:00:01.000001+01:00 host app: "; 3],
        "2026-11-26T12:00:01.000002+01:00 host cron: ",
    ),
    (
        "RFC 5424",
        [
            "<14>1 2026-11-26T12:00:01Z host app 123 - - ",
            "<14>1 2026-11-26T12:00:01Z host app 123 - - ",
            "<14>1 2026-11-26T12:00:02Z host app 123 - - ",
        ],
        "<14>1 2026-11-26T12:00:01Z host app 124 ID [a@1 b=\"c\"] ",
    ),
    (
        "journalctl -o short-full",
        ["Thu 2026-11-26 12:00:01 UTC host app[123]: "; 3],
        "Thu 2026-11-26 12:00:01 UTC host app[7]: ",
    ),
    (
        "Heroku",
        ["2026-11-26T12:00:01.5+00:00 app[web.1]: "; 3],
        "2026-11-26T12:00:01.5+00:00 app[web.2]: ",
    ),
    (
        "Celery's workers",
        [
            "[2026-11-26 12:00:01,000: WARNING/ForkPoolWorker-1] ",
            "[2026-11-26 12:00:01,001: WARNING/ForkPoolWorker-1] ",
            "[2026-11-26 12:00:01,002: WARNING/ForkPoolWorker-1] ",
        ],
        "[2026-11-26 12:00:01,000: WARNING/ForkPoolWorker-2] ",
    ),
];

const CRASHES: [&str; 6] = [
    "Traceback (most recent call last):\n  File \"a.py\", line 1, in <module>\n    f()\nKeyError: 'x'\n\nDuring handling of the above exception, another exception occurred:\n\nTraceback (most recent call last):\n  File \"a.py\", line 1, in <module>\nZeroDivisionError: division by zero",
    "Exception in thread \"main\" java.lang.Error: x\n\tat a.B.c(B.java:1)\nCaused by: java.io.IOException: y\n\t... 3 more",
    "java.lang.Error: x\n\tat a.B.c(B.java:1)",
    "panic: boom\n\ngoroutine 1 [running]:\nmain.main()\n\t/s/m.go:1 +0x1\nexit status 2",
    "thread 'main' panicked at src/main.rs:2:5:\nboom\nnote: run with `RUST_BACKTRACE=1` environment variable to display a backtrace",
    "** (RuntimeError) could not open\n    boom.exs:4: Shop.open/1",
];

/// The lines of a crash, with these prefixes in turn.
fn prefixed(crash: &str, prefixes: [&str; 3]) -> Vec<String> {
    let last = prefixes.len() - 1;
    crash
        .lines()
        .enumerate()
        .map(|(at, line)| format!("{}{line}", prefixes[at.min(last)]))
        .collect()
}

fn text(lines: &[String]) -> String {
    lines.iter().map(|line| format!("{line}\n")).collect()
}

/// What `-o text` prints of a record.
fn printed(record: &Record<'_>) -> String {
    let exc_text = record.exc_text.as_deref().unwrap_or_default();
    match exc_text {
        "" => format!("{}\n", record.msg),
        _ if exc_text.lines().any(|line| line == record.msg) => format!("{exc_text}\n"),
        _ => format!("{}\n{exc_text}\n", record.msg),
    }
}

#[test]
fn a_traceback_behind_a_prefix_is_one_record_at_error() {
    for (collector, prefixes, _) in PREFIXES {
        for crash in CRASHES {
            let lines = prefixed(crash, prefixes);
            let before = format!("{}up\n", prefixes[0]);
            let after = format!("{}on\n", prefixes[2]);
            for (before, after) in [("", ""), (&*before, &*after)] {
                let input = format!("{before}{}{after}", text(&lines));
                let (records, _) = read_all(input.as_bytes());
                let seen = records.iter().map(printed).collect::<String>();
                let errors: Vec<_> = records.iter().filter(|it| it.level >= Level::ERROR).collect();
                assert_eq!(errors.len(), 1, "{collector}: {records:#?}");
                let whole = format!("{}\n", lines.join("\n"));
                let joined = printed(errors[0]);
                assert!(joined.ends_with(&whole), "{collector}: {joined:?}");
                assert!(records.len() <= 3, "{collector}: {records:#?}");
                // A priority is removed from the message, as from any line.
                if !input.starts_with('<') {
                    assert_eq!(seen, input, "{collector}");
                }
            }
        }
    }
}

#[test]
fn a_traceback_behind_a_prefix_belongs_to_the_error_before_it_with_the_same_prefix() {
    for (collector, prefixes, _) in PREFIXES {
        let head = format!("{}ERROR it failed", prefixes[0]);
        let lines = prefixed(CRASHES[0], prefixes);
        let (records, _) = read_all(format!("{head}\n{}", text(&lines)).as_bytes());
        assert_eq!(records.len(), 1, "{collector}: {records:#?}");
        assert!(head.ends_with(&*records[0].msg), "{collector}");
        assert_eq!(records[0].exc_text.as_deref(), Some(&*lines.join("\n")), "{collector}");
    }
}

#[test]
fn tracebacks_of_several_programs_are_joined_each_by_itself_line_by_line() {
    for (collector, prefixes, other) in
        PREFIXES.into_iter().filter(|(_, _, other)| !other.is_empty())
    {
        for crash in CRASHES {
            let own = prefixed(crash, prefixes);
            let others = prefixed(crash, [other; 3]);
            let lines: Vec<String> = own
                .iter()
                .zip(&others)
                .flat_map(|(own, other)| [own.clone(), other.clone()])
                .collect();
            let (records, _) = read_all(text(&lines).as_bytes());
            let joined: Vec<String> = records.iter().map(printed).collect();
            assert_eq!(joined, [text(&own), text(&others)], "{collector}");
            assert!(records.iter().all(|record| record.level >= Level::ERROR), "{collector}");
        }
    }
}

#[test]
fn tracebacks_of_several_programs_are_joined_while_their_lines_come_one_by_one() {
    // Longer than the test, so that no clock ends a wait.
    let multiline = multiline::Options { wait: DEADLINE * 100, ..multiline::Options::default() };
    let options = LineOptions { multiline, ..LineOptions::default() };
    for crash in CRASHES {
        let names = ["web-1  | ", "db-1   | "];
        let [own, others] = names.map(|name| prefixed(crash, [name; 3]));
        let mixed = own.iter().zip(&others).flat_map(|(own, other)| [own, other]);
        let ends = names.map(|name| format!("{name}on"));
        // Twice: the second time, the channels have been used before.
        let lines: Vec<&String> = mixed.chain(&ends).collect();
        let (mut source, [reader]) = TextSource::of([StreamSpec::default()], &options);
        let mut seen = Vec::new();
        for line in lines.iter().chain(&lines) {
            reader.send(block(format!("{line}\n").as_bytes())).unwrap();
            for _ in 0..3 {
                source.poll(Duration::ZERO, &mut keep(&mut seen)).unwrap();
            }
        }
        reader.send(ReaderEvent::End).unwrap();
        seen.extend(all(&mut source));
        let errors = seen.iter().filter(|record| record.level >= Level::ERROR);
        // The second time, the line before it is the record's message.
        let without_head = |text: String| {
            ends.iter().fold(text, |text, end| text.replace(&format!("{end}\n"), ""))
        };
        let mut errors: Vec<String> = errors.map(printed).map(without_head).collect();
        errors.sort();
        let [own, others] = [own, others].map(|lines| text(&lines));
        assert_eq!(errors, [&*others, &*others, &*own, &*own]);
    }
}

#[test]
fn a_traceback_belongs_to_the_error_of_its_program_also_after_lines_of_others() {
    for (collector, prefixes, other) in
        PREFIXES.into_iter().filter(|(_, _, other)| !other.is_empty())
    {
        let head = format!("{}ERROR it failed", prefixes[0]);
        // Celery's prefix has another level, which counts. Errors of a system keep their places.
        let is_system = ["syslog", "syslog with ISO times", "RFC 5424", "Heroku"];
        if collector.starts_with("journalctl") || is_system.contains(&collector) {
            let (records, _) = read_all(text(&[head, format!("{other}INFO one")]).as_bytes());
            assert!(records[0].msg.ends_with("it failed"), "{collector}: {records:#?}");
            continue;
        }
        if head.contains("WARNING") {
            continue;
        }
        let between = [format!("{other}INFO one"), format!("{other}INFO two")];
        for crash in [CRASHES[0], CRASHES[2], CRASHES[4]] {
            let own = prefixed(crash, prefixes);
            let lines = [&[head.clone()][..], &between, &own].concat();
            let (records, _) = read_all(text(&lines).as_bytes());
            assert_eq!(records.len(), 3, "{collector}: {records:#?}");
            assert_eq!(records[2].level, Level::ERROR, "{collector}");
            assert!(head.ends_with(&*records[2].msg), "{collector}: {:?}", records[2].msg);
            assert_eq!(records[2].exc_text.as_deref(), Some(&*own.join("\n")), "{collector}");
        }
    }
}

/// Without prefixes, nothing says whose traceback it is.
#[test]
fn a_traceback_after_a_line_of_another_program_is_at_error_with_or_without_that_line() {
    for crash in CRASHES {
        let (records, _) = read_all(format!("ERROR it failed\nINFO other\n{crash}\n").as_bytes());
        assert_eq!(records[0].exc_text, None, "{records:#?}");
        let last = records.last().unwrap();
        assert_eq!((last.level, printed(last).contains(crash)), (Level::ERROR, true), "{last:#?}");
    }
}

#[test]
fn lines_between_those_of_a_traceback_keep_their_order_and_level() {
    let lines = prefixed(CRASHES[0], ["web-1  | "; 3]);
    let between: Vec<String> = (0..lines.len()).map(|at| format!("db-1   | INFO {at}")).collect();
    let mixed: Vec<String> = lines
        .iter()
        .zip(&between)
        .flat_map(|(line, other)| [line.clone(), other.clone()])
        .collect();
    let (records, _) = read_all(text(&mixed).as_bytes());
    let (errors, others): (Vec<_>, Vec<_>) =
        records.iter().partition(|record| record.level == Level::ERROR);
    assert_eq!(errors.len(), 1, "{errors:#?}");
    assert_eq!(printed(errors[0]), text(&lines));
    assert_eq!(others.iter().map(|it| printed(it)).collect::<String>(), text(&between));
}

#[test]
fn ordinary_lines_of_several_programs_keep_their_order_also_after_a_mention_of_an_error() {
    let lines = "Jul 27 14:41:58 combo kernel: SIMD FPU exception support... done.\n\
        Jul 27 14:41:58 combo kernel: Checking 'hlt' instruction... OK.\n\
        Jul 27 14:41:54 combo random: Initializing: succeeded\n\
        Jul 27 14:41:58 combo kernel: POSIX conformance testing\n";
    let (records, _) = read_all(lines.as_bytes());
    assert_eq!(records.iter().map(printed).collect::<String>(), lines);
}

#[test]
fn the_fields_of_a_prefix_are_those_of_the_traceback() {
    let lines = prefixed(CRASHES[0], ["2026-11-26T12:00:01Z host app[123]: "; 3]);
    let record = &read_all(text(&lines).as_bytes()).0[0];
    assert_eq!(record.name.as_deref(), Some("app"));
    assert_eq!((record.hostname.as_deref(), record.process), (Some("host"), Some(123)));
    assert_eq!(record.created, Some(1_795_694_401.0));
}

#[test]
fn the_tracebacks_of_many_programs_take_bounded_memory_and_none_is_lost() {
    let crash: Vec<&str> = CRASHES[0].lines().collect();
    let mut input = String::new();
    let programs = 500;
    for line in &crash {
        for program in 0..programs {
            input.push_str(&format!("web-{program}  | {line}\n"));
        }
    }
    let (mut source, [reader]) = TextSource::of([StreamSpec::default()], &LineOptions::default());
    reader.send(block(input.as_bytes())).unwrap();
    reader.send(ReaderEvent::End).unwrap();
    let records = all(&mut source);
    assert!(source.streams[0].channels.channels() <= 3 + 16);
    let mut lines: Vec<String> = records
        .iter()
        .flat_map(|it| printed(it).lines().map(str::to_owned).collect::<Vec<_>>())
        .collect();
    let mut expected: Vec<&str> = input.lines().collect();
    lines.sort();
    expected.sort();
    assert_eq!(lines, expected);
    let errors = records.iter().filter(|record| record.level == Level::ERROR).count();
    assert!(errors >= programs, "{errors}");
}

/// journalctl indents the further lines of a message.
#[test]
fn the_indented_lines_of_journalctl_are_one_traceback() {
    let header = "Nov 26 12:00:01 host app[123]: ";
    let lines =
        prefixed(CRASHES[0], [header, &" ".repeat(header.len()), &" ".repeat(header.len())]);
    let (records, _) = read_all(text(&lines).as_bytes());
    assert_eq!(records.len(), 1, "{records:#?}");
    assert_eq!(records[0].level, Level::ERROR);
    assert_eq!(records[0].msg, lines.last().unwrap().as_str());
}

#[test]
fn what_looks_like_a_prefix_hides_no_traceback_that_has_none() {
    for head in [
        "2026-11-26 12:00:01,000 ERROR root: it failed",
        "12:00:01.000 [main] ERROR shop.Orders - it failed",
        "Nov 26 12:00:01 host app[123]: ERROR it failed",
        "[2026-11-26 12:00:01] app.ERROR: it failed",
        "web-1  | ERROR it failed",
    ] {
        for crash in CRASHES {
            let (records, _) = read_all(format!("{head}\n{crash}\n{head}\n").as_bytes());
            assert_eq!(records.len(), 2, "{head}: {records:#?}");
            assert_eq!(records[0].exc_text.as_deref(), Some(crash), "{head}");
        }
    }
    let lines = ["12:00:01 INFO at (a)", "web-1  | no KeyError: fine", "[0] panic mode", "web | "];
    let (records, _) = read_all(lines.map(|line| format!("{line}\n")).concat().as_bytes());
    let mut seen = messages(&records);
    // A line that names an exception waits for its traceback, while lines of others pass.
    seen.sort_by_key(|line| lines.iter().position(|it| it == line));
    assert_eq!(seen, lines);
    assert!(records.iter().all(|record| record.level == Level::INFO));
}

#[test]
fn tabs_that_rsyslog_has_escaped_are_those_of_the_traceback() {
    let lines = prefixed(CRASHES[1], ["Nov 26 12:00:01 host app[123]: "; 3]);
    let input = text(&lines).replace('\t', "#011");
    let (records, _) = read_all(input.as_bytes());
    assert_eq!(records.len(), 1, "{records:#?}");
    assert_eq!((records[0].level, printed(&records[0])), (Level::ERROR, input));
}

#[test]
fn a_crash_that_a_shell_reports_is_an_error() {
    for line in [
        "./job.sh: line 3: 12345 Segmentation fault      (core dumped) ./prog",
        "job.sh: line 3:  3983 Aborted                 ./prog",
        "job.sh: line 13: 3983 Killed                  ./prog",
        "main/main.swift:3: Fatal error: Index out of range",
    ] {
        let (records, _) = read_all(format!("INFO up\n{line}\n").as_bytes());
        let levels: Vec<_> = records.iter().map(|record| record.level).collect();
        assert_eq!(levels, [Level::INFO, Level::ERROR], "{line}: {records:?}");
        assert_eq!(records[1].msg, line);
    }
}

#[test]
fn text_that_begins_with_the_words_of_a_crash_is_no_error() {
    for line in [
        "Killed   time",
        "Bus errors explained",
        "app | Segmentation faults are taught here",
        "double free or corruption tests passed",
        "java.lang.OutOfMemoryErrorTest passed",
        "Aborted by user",
    ] {
        let (records, _) = read_all(format!("INFO up\n{line}\n").as_bytes());
        assert!(records.iter().all(|record| record.level < Level::ERROR), "{line}: {records:#?}");
        assert_eq!(records.len(), 2, "{line}");
    }
}
