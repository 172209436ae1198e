//! The built-in formats. Generated from the files in crates/zlog-core/formats/ by
//! `ZLOG_UPDATE=1 cargo test --test integration the_parser_says`.

use super::{Continues, Definition};
use crate::level::Level;

#[rustfmt::skip]
pub(super) const BUILT_IN: &[Definition] = &[
    Definition {
        name: "absl-early",
        title: "Abseil before its initialisation: gRPC, TensorFlow",
        pattern: r#"(?<level>[IWEF])0000 00:00:(?<time>\d{10}\.\d{6}) +(?<thread>\d+) (?<filename>[^ :]+):(?<lineno>\d+)\] "#,
        times: &["epoch"],
        levels: &[("I", Level(20)), ("W", Level(30)), ("E", Level(40)), ("F", Level(50))],
        prefix: &["EFIIWW", "00", "00", "00", "00", "  ", "00", "00", "::", "00", "00", "::", "09", "09", "09", "09", "09", "09", "09", "09", "09", "09", "..", "09", "09", "09", "09", "09", "09", "  ", "  09", "  09"],
        needed: "0A.:]",
        ..Definition::DEFAULT
    },
    Definition {
        name: "access-log-vhost",
        title: "access logs with the virtual host first: Apache vhost_combined",
        rank: 60,
        pattern: r#"[0-9a-zA-Z_.-]+:\d+ [0-9a-zA-Z_.:-]+ [^ ]+ [^ ]+ \[(?<time>\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4})\] "[^"\\]*(?:\\.[^"\\]*)*" (?<status>\d{3}) "#,
        times: &["%d/%b/%Y:%H:%M:%S %z"],
        needed: "0A\"/:[]",
        ..Definition::DEFAULT
    },
    Definition {
        name: "access-log",
        title: "access logs, common and combined: Apache, nginx, Tomcat, Jetty, gunicorn, morgan, CUPS",
        rank: 60,
        pattern: r#"[0-9a-zA-Z_.:-]+ [^ ]+ [^ ]+ \[(?<time>\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4})\] "[^"\\]*(?:\\.[^"\\]*)*" (?<status>\d{3}) "#,
        times: &["%d/%b/%Y:%H:%M:%S %z"],
        needed: "0A\"/:[]",
        ..Definition::DEFAULT
    },
    Definition {
        name: "airflow",
        title: "Airflow",
        pattern: r#"\[(?<time>\d{4}-\d\d-\d\d(?:, |[ T])\d\d:\d\d:\d\d(?:[.,]\d{3})?(?: [A-Z]{3,4}|[+-]\d{4})?)\] \{(?<filename>[^:}]+):(?<lineno>\d+)\} (?<level>[A-Z]+) - "#,
        times: &["iso", "%Y-%m-%d, %H:%M:%S %Z"],
        prefix: &["[[", "09", "09", "09", "09", "--", "09", "09", "--", "09", "09", "  ,,TT"],
        needed: "0A-:[]{}",
        ..Definition::DEFAULT
    },
    Definition {
        name: "android-brief",
        title: "Android logcat, brief",
        pattern: r#"(?<level>[VDIWEFA])/(?<name>[^(/ ]*) *\( *(?<process>\d+)\): "#,
        levels: &[("V", Level(5)), ("D", Level(10)), ("I", Level(20)), ("W", Level(30)), ("E", Level(40)), ("F", Level(50)), ("A", Level(50))],
        prefix: &["AADFIIVW", "//"],
        needed: "0A()/:",
        ..Definition::DEFAULT
    },
    Definition {
        name: "android-time",
        title: "Android logcat, time",
        pattern: r#"(?<time>\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}) (?<level>[VDIWEFA])/(?<name>[^(]*)\( *(?<process>\d+)\): "#,
        times: &["%m-%d %H:%M:%S.%f"],
        levels: &[("V", Level(5)), ("D", Level(10)), ("I", Level(20)), ("W", Level(30)), ("E", Level(40)), ("F", Level(50)), ("A", Level(50))],
        prefix: &["09", "09", "--", "09", "09", "  ", "09", "09", "::", "09", "09", "::", "09", "09", "..", "09", "09", "09", "  ", "AADFIIVW", "//"],
        needed: "0A()-./:",
        ..Definition::DEFAULT
    },
    Definition {
        name: "android",
        title: "Android logcat, threadtime (the default)",
        pattern: r#"(?<time>\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}) +(?<process>\d+) +(?<thread>\d+) (?<level>[VDIWEFA]) (?<name>[^:]*): ?"#,
        times: &["%m-%d %H:%M:%S.%f"],
        levels: &[("V", Level(5)), ("D", Level(10)), ("I", Level(20)), ("W", Level(30)), ("E", Level(40)), ("F", Level(50)), ("A", Level(50))],
        prefix: &["09", "09", "--", "09", "09", "  ", "09", "09", "::", "09", "09", "::", "09", "09", "..", "09", "09", "09", "  ", "  09", "  09", "  09", "  09", "  09AADFIIVW", "  09AADFIIVW"],
        needed: "0A-.:",
        ..Definition::DEFAULT
    },
    Definition {
        name: "ansible",
        title: "Ansible, log_path",
        pattern: r#"(?<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}) p=(?<process>\d+) u=(?<user>[^ ]+) n=(?<name>[^ ]+)(?: (?<level>[A-Z]+))? ?\| "#,
        times: &["%Y-%m-%d %H:%M:%S,%f"],
        prefix: &["09", "09", "09", "09", "--", "09", "09", "--", "09", "09", "  ", "09", "09", "::", "09", "09", "::", "09", "09", ",,", "09", "09", "09", "  ", "pp", "==", "09", "  09", "  09uu", "  09==uu"],
        needed: "0,-:=|",
        ..Definition::DEFAULT
    },
    Definition {
        name: "apache-error-2.2",
        title: "Apache HTTP Server 2.2 and older, error log",
        pattern: r#"\[(?<time>[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4})\] \[(?<level>[a-z0-9]+)\] "#,
        times: &["%a %b %d %H:%M:%S %Y"],
        levels: &[("emerg", Level(50)), ("alert", Level(50)), ("crit", Level(50)), ("error", Level(40)), ("warn", Level(30)), ("notice", Level(25)), ("info", Level(20)), ("debug", Level(10)), ("trace1", Level(5)), ("trace2", Level(5)), ("trace3", Level(5)), ("trace4", Level(5)), ("trace5", Level(5)), ("trace6", Level(5)), ("trace7", Level(5)), ("trace8", Level(5))],
        prefix: &["[[", "AZ", "az", "az", "  ", "AZ", "az", "az", "  ", "  09", "09", "  ", "09", "09", "::", "09", "09", "::", "09", "09", "  ", "09", "09", "09", "09", "]]", "  ", "[[", "09az", "09]]az", "  09]]az"],
        needed: "0A:[]",
        ..Definition::DEFAULT
    },
    Definition {
        name: "apache-error",
        title: "Apache HTTP Server 2.4, error log",
        pattern: r#"\[(?<time>[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d(?:\.\d+)? \d{4})\] \[(?<name>[a-z0-9_-]*):(?<level>[a-z0-9]+)\] \[pid (?<process>\d+)(?::tid (?<thread>\d+))?\] "#,
        times: &["%a %b %d %H:%M:%S.%f %Y", "%a %b %d %H:%M:%S %Y"],
        levels: &[("emerg", Level(50)), ("alert", Level(50)), ("crit", Level(50)), ("error", Level(40)), ("warn", Level(30)), ("notice", Level(25)), ("info", Level(20)), ("debug", Level(10)), ("trace1", Level(5)), ("trace2", Level(5)), ("trace3", Level(5)), ("trace4", Level(5)), ("trace5", Level(5)), ("trace6", Level(5)), ("trace7", Level(5)), ("trace8", Level(5))],
        prefix: &["[[", "AZ", "az", "az", "  ", "AZ", "az", "az", "  ", "  09", "09", "  ", "09", "09", "::", "09", "09", "::", "09", "09", "  ..", "09"],
        needed: "0A:[]",
        ..Definition::DEFAULT
    },
    Definition {
        name: "auditd",
        title: "Linux audit",
        pattern: r#"(?:node=(?<hostname>[^ ]+) )?type=(?<type>[A-Z0-9_]+) msg=audit\((?<time>\d+\.\d{3}):(?<serial>\d+)\): ?"#,
        times: &["epoch"],
        prefix: &["nntt", "ooyy", "ddpp", "ee", "=="],
        needed: "0().:=",
        ..Definition::DEFAULT
    },
    Definition {
        name: "bgl",
        title: "Blue Gene/L",
        pattern: r#"[^ ]+ \d+ \d{4}\.\d\d\.\d\d (?<hostname>[^ ]+) (?<time>\d{4}-\d\d-\d\d-\d\d\.\d\d\.\d\d\.\d{6}) [^ ]+ [A-Z]+ (?<name>[A-Z_]+) (?<level>[A-Z]+) ?"#,
        times: &["%Y-%m-%d-%H.%M.%S.%f"],
        levels: &[("INFO", Level(20)), ("WARNING", Level(30)), ("ERROR", Level(40)), ("SEVERE", Level(40)), ("FAILURE", Level(50)), ("FATAL", Level(50))],
        needed: "0A-.",
        ..Definition::DEFAULT
    },
    Definition {
        name: "bind-start",
        title: "BIND, without categories: named -g",
        rank: 80,
        pattern: r#"(?<time>\d\d-[A-Z][a-z]{2}-\d{4} \d\d:\d\d:\d\d\.\d{3}) "#,
        times: &["%d-%b-%Y %H:%M:%S.%f"],
        prefix: &["09", "09", "--", "AZ", "az", "az", "--", "09", "09", "09", "09", "  ", "09", "09", "::", "09", "09", "::", "09", "09", "..", "09", "09", "09", "  "],
        needed: "0A-.:",
        ..Definition::DEFAULT
    },
    Definition {
        name: "bind",
        title: "BIND",
        pattern: r#"(?<time>\d\d-[A-Z][a-z]{2}-\d{4} \d\d:\d\d:\d\d\.\d{3}) (?<name>[a-z-]+): (?<level>critical|error|warning|notice|info|debug \d+): "#,
        times: &["%d-%b-%Y %H:%M:%S.%f"],
        levels: &[("critical", Level(50)), ("error", Level(40)), ("warning", Level(30)), ("notice", Level(25)), ("info", Level(20)), ("debug 1", Level(10)), ("debug 2", Level(10)), ("debug 3", Level(10))],
        prefix: &["09", "09", "--", "AZ", "az", "az", "--", "09", "09", "09", "09", "  ", "09", "09", "::", "09", "09", "::", "09", "09", "..", "09", "09", "09", "  ", "--az", "--::az", "  --::az", "  --::az", "  --::az", "  --::az", "  --::az"],
        needed: "0A-.:",
        ..Definition::DEFAULT
    },
    Definition {
        name: "boost-log",
        title: "Boost.Log",
        pattern: r#"\[(?<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6})\] \[0x[0-9a-f]+\] \[(?<level>trace|debug|info|warning|error|fatal)\] *"#,
        times: &["%Y-%m-%d %H:%M:%S.%f"],
        prefix: &["[[", "09", "09", "09", "09", "--", "09", "09", "--", "09", "09", "  ", "09", "09", "::", "09", "09", "::", "09", "09", "..", "09", "09", "09", "09", "09", "09", "]]", "  ", "[[", "00", "xx"],
        needed: "0-.:[]",
        ..Definition::DEFAULT
    },
    Definition {
        name: "bsd-time",
        title: "any text after a time of BSD syslog",
        rank: 80,
        pattern: r#"(?<time>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d) "#,
        times: &["%b %d %H:%M:%S"],
        prefix: &["AZ", "az", "az", "  ", "  09", "09", "  ", "09", "09", "::", "09", "09", "::", "09", "09", "  "],
        needed: "0A:",
        ..Definition::DEFAULT
    },
    Definition {
        name: "bunyan-cli",
        title: "the bunyan command",
        pattern: r#"\[(?<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)\] +(?<level>TRACE|DEBUG|INFO|WARN|ERROR|FATAL): (?<name>[^/ ]+)/(?<process>\d+) on (?<hostname>[^ :]+): "#,
        times: &["iso"],
        prefix: &["[[", "09", "09", "09", "09", "--", "09", "09", "--", "09", "09", "TT", "09", "09", "::", "09", "09", "::", "09", "09", "..", "09", "09", "09", "ZZ", "]]", "  ", "  DFIITTWW", "  AADFIINNRRTTWW", "  ABDFIINNRRTTWW", "  AFIINORRTUWW"],
        needed: "0A-./:[]",
        ..Definition::DEFAULT
    },
    Definition {
        name: "caddy",
        title: "Caddy and other zap consoles with / in the date",
        pattern: r#"(?<time>\d{4}/\d\d/\d\d \d\d:\d\d:\d\d\.\d{3})\t(?<level>[A-Z]+)\t(?:(?<name>[a-z][a-zA-Z0-9_]*(?:\.[a-zA-Z0-9_]+)*)\t)?(?<message>[^{])"#,
        times: &["%Y/%m/%d %H:%M:%S.%f"],
        prefix: &["09", "09", "09", "09", "//", "09", "09", "//", "09", "09", "  ", "09", "09", "::", "09", "09", "::", "09", "09", "..", "09", "09", "09", "\t\t", "AZ", "\t\tAZ"],
        needed: "0A\t./:",
        ..Definition::DEFAULT
    },
    Definition {
        name: "cassandra",
        title: "Cassandra",
        pattern: r#"(?<level>[A-Z]+) +\[(?<threadName>[^\]]+)\] (?:[^ ]+ )?(?<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}) (?<name>[^ :]+):(?<lineno>\d+) - "#,
        times: &["%Y-%m-%d %H:%M:%S,%f"],
        prefix: &["AZ", "  AZ", "  A["],
        needed: "0A,-:[]",
        ..Definition::DEFAULT
    },
    Definition {
        name: "celery",
        title: "Celery, worker and tasks",
        pattern: r#"\[(?<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}): (?<level>[A-Z]+)/(?<processName>[^\]]+)\] (?:(?<name>[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z0-9_]+)+)\[(?<taskName>[0-9a-f-]{36})\]: )?"#,
        times: &["%Y-%m-%d %H:%M:%S,%f"],
        prefix: &["[[", "09", "09", "09", "09", "--", "09", "09", "--", "09", "09", "  ", "09", "09", "::", "09", "09", "::", "09", "09", ",,", "09", "09", "09", "::", "  ", "AZ", "//AZ"],
        needed: "0A,-/:[]",
        ..Definition::DEFAULT
    },
    Definition {
        name: "certbot",
        title: "Certbot: asctime:levelname:name:message",
        pattern: r#"(?<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}):(?<level>[A-Z]+):(?<name>[^ :]+):"#,
        times: &["%Y-%m-%d %H:%M:%S,%f"],
        prefix: &["09", "09", "09", "09", "--", "09", "09", "--", "09", "09", "  ", "09", "09", "::", "09", "09", "::", "09", "09", ",,", "09", "09", "09", "::", "AZ", "::AZ"],
        needed: "0A,-:",
        ..Definition::DEFAULT
    },
    Definition {
        name: "chromium",
        title: "Chromium",
        pattern: r#"\[(?<process>\d+):(?<thread>\d+):(?<time>\d{4}/\d{6}(?:\.\d{6})?):(?<level>[A-Z]+[0-9]*):(?<filename>[^ (]+)\((?<lineno>\d+)\)\] "#,
        times: &["%m%d/%H%M%S.%f", "%m%d/%H%M%S"],
        levels: &[("INFO", Level(20)), ("WARNING", Level(30)), ("ERROR", Level(40)), ("FATAL", Level(50)), ("VERBOSE1", Level(10)), ("VERBOSE2", Level(10))],
        prefix: &["[[", "09", "0:", "0:", "0:", "0:", "0:", "0:", "0:", "/:", "/:", "/:", "/:", "/:", "/:", "/:", ".:", ".:AZ", ".:AZ"],
        needed: "0A()/:[]",
        ..Definition::DEFAULT
    },
    Definition {
        name: "clickhouse",
        title: "ClickHouse",
        pattern: r#"(?<time>\d{4}\.\d\d\.\d\d \d\d:\d\d:\d\d\.\d{6}) \[ (?<thread>\d+) \] \{[^}]*\} <(?<level>[A-Z][a-z]+)> (?<name>[^:]+): "#,
        times: &["%Y.%m.%d %H:%M:%S.%f"],
        prefix: &["09", "09", "09", "09", "..", "09", "09", "..", "09", "09", "  ", "09", "09", "::", "09", "09", "::", "09", "09", "..", "09", "09", "09", "09", "09", "09", "  ", "[[", "  ", "09", "  09", "  09]]"],
        needed: "0A.:<>[]{}",
        ..Definition::DEFAULT
    },
    Definition {
        name: "cloud-init",
        title: "cloud-init",
        pattern: r#"(?<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}) - (?<filename>[A-Za-z0-9_]+\.py)\[(?<level>[A-Z]+)\]: "#,
        times: &["%Y-%m-%d %H:%M:%S,%f"],
        prefix: &["09", "09", "09", "09", "--", "09", "09", "--", "09", "09", "  ", "09", "09", "::", "09", "09", "::", "09", "09", ",,", "09", "09", "09", "  ", "--", "  "],
        needed: "0A,-.:[]",
        ..Definition::DEFAULT
    },
    Definition {
        name: "cloudfront",
        title: "Amazon CloudFront, standard log",
        pattern: r#"(?<time>\d{4}-\d\d-\d\d\t\d\d:\d\d:\d\d)\t[A-Z]{3}\d[^\t]*\t(?:\d+|-)\t(?<client>[^\t]+)\t[A-Z]+\t[^\t]+\t[^\t]*\t(?<status>\d+)\t"#,
        times: &["%Y-%m-%d\t%H:%M:%S"],
        zone: Some("UTC"),
        prefix: &["09", "09", "09", "09", "--", "09", "09", "--", "09", "09", "\t\t", "09", "09", "::", "09", "09", "::", "09", "09", "\t\t", "AZ", "AZ", "AZ", "09"],
        needed: "0A\t-:",
        ..Definition::DEFAULT
    },
    Definition {
        name: "coloredlogs",
        title: "coloredlogs",
        pattern: r#"(?<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) (?<hostname>[^ ]+) (?<name>[^ \[]+)\[(?<process>\d+)\] (?<level>DEBUG|INFO|WARNING|ERROR|CRITICAL|NOTICE|SUCCESS|SPAM|VERBOSE) "#,
        times: &["%Y-%m-%d %H:%M:%S"],
        levels: &[("SPAM", Level(5)), ("VERBOSE", Level(15)), ("DEBUG", Level(10)), ("INFO", Level(20)), ("NOTICE", Level(25)), ("SUCCESS", Level(25)), ("WARNING", Level(30)), ("ERROR", Level(40)), ("CRITICAL", Level(50))],
        prefix: &["09", "09", "09", "09", "--", "09", "09", "--", "09", "09", "  ", "09", "09", "::", "09", "09", "::", "09", "09", "  "],
        needed: "0A-:[]",
        ..Definition::DEFAULT
    },
    Definition {
        name: "consola",
        title: "consola, its basic reporter with a tag",
        pattern: r#"\[(?<level>trace|debug|verbose|info|success|log|ready|start|box|warn|error|fatal|fail)\] \[(?<name>[^\] ]+)\] "#,
        levels: &[("trace", Level(5)), ("verbose", Level(5)), ("debug", Level(10)), ("info", Level(20)), ("success", Level(25)), ("log", Level(20)), ("ready", Level(20)), ("start", Level(20)), ("box", Level(20)), ("warn", Level(30)), ("error", Level(40)), ("fail", Level(40)), ("fatal", Level(50))],
        prefix: &["[[", "bbdfiillrtvw", "aaeenorrtu", "acfgiirrttxx"],
        needed: "[]",
        ..Definition::DEFAULT
    },
    Definition {
        name: "ctime",
        title: "any text after a date of ctime and date",
        rank: 80,
        pattern: r#"\[?(?<time>[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d (?:[A-Z]{3,4} )?\d{4})\]?:? "#,
        times: &["%a %b %d %H:%M:%S %Y", "%a %b %d %H:%M:%S %Z %Y"],
        prefix: &["A[", "AZaz", "az", "  az", "  AZ", "AZaz", "az", "  az", "  09", "  09", "  09", "  09", "09", "0:", "0:", "09", "0:", "0:", "09", "  09", "  09AZ", "09AZ", "09AZ", "  09AZ"],
        needed: "0A:",
        ..Definition::DEFAULT
    },
    Definition {
        name: "cups",
        title: "CUPS, error log",
        pattern: r#"(?<level>[XAECWNIDd]) \[(?<time>\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4})\] "#,
        times: &["%d/%b/%Y:%H:%M:%S %z"],
        levels: &[("X", Level(50)), ("A", Level(50)), ("E", Level(40)), ("C", Level(50)), ("W", Level(30)), ("N", Level(25)), ("I", Level(20)), ("D", Level(10)), ("d", Level(10))],
        prefix: &["AACEIINNWXdd", "  ", "[[", "09", "09", "//", "AZ", "az", "az", "//", "09", "09", "09", "09", "::", "09", "09", "::", "09", "09", "::", "09", "09", "  ", "++--", "09", "09", "09", "09", "]]", "  "],
        needed: "0A/:[]",
        ..Definition::DEFAULT
    },
    Definition {
        name: "debug-js",
        title: "debug of npm, not on a terminal",
        rank: 70,
        pattern: r#"(?<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z) (?<name>[a-z][a-zA-Z0-9_-]*(?::[a-zA-Z0-9_-]+)+) "#,
        times: &["iso"],
        prefix: &["09", "09", "09", "09", "--", "09", "09", "--", "09", "09", "TT", "09", "09", "::", "09", "09", "::", "09", "09", "..", "09", "09", "09", "ZZ", "  ", "az"],
        needed: "0A-.:",
        ..Definition::DEFAULT
    },
    Definition {
        name: "django-server",
        title: "Django, runserver",
        pattern: r#"\[(?<time>\d\d/[A-Z][a-z]{2}/\d{4} \d\d:\d\d:\d\d)\] "[^"\\]*(?:\\.[^"\\]*)*" (?<status>\d{3}) "#,
        times: &["%d/%b/%Y %H:%M:%S"],
        prefix: &["[[", "09", "09", "//", "AZ", "az", "az", "//", "09", "09", "09", "09", "  ", "09", "09", "::", "09", "09", "::", "09", "09", "]]", "  ", "\"\""],
        needed: "0A\"/:[]",
        ..Definition::DEFAULT
    },
    Definition {
        name: "django-verbose",
        title: "Django, the verbose format of its documentation",
        pattern: r#"(?<level>DEBUG|INFO|WARNING|ERROR|CRITICAL) (?<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}) (?<module>[A-Za-z0-9_-]+) (?<process>\d+) (?<thread>\d+) "#,
        times: &["%Y-%m-%d %H:%M:%S,%f"],
        prefix: &["CEIIWW", "AAEENNRR", "BBFFIIRR", "NOTU"],
        needed: "0A,-:",
        ..Definition::DEFAULT
    },
    Definition {
        name: "dotnet-simple",
        title: ".NET, console logger on a single line, with or without a time",
        pattern: r#"(?:(?<time>\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)?|\d\d:\d\d:\d\d(?:\.\d+)?) )?(?<level>trce|dbug|info|warn|fail|crit): (?<name>[^ \[]+)\[(?<event>-?\d+)\] "#,
        times: &["iso", "%H:%M:%S", "%H:%M:%S.%f"],
        levels: &[("trce", Level(5)), ("dbug", Level(10)), ("info", Level(20)), ("warn", Level(30)), ("fail", Level(40)), ("crit", Level(50))],
        prefix: &["09cdffiittww", "09abnnrr", "0:ccffiirruu", "09eeggllnott", "--0:", "  0:"],
        needed: "0:[]",
        ..Definition::DEFAULT
    },
    Definition {
        name: "dotnet-systemd",
        title: ".NET, systemd console logger",
        rank: 60,
        pattern: r#"(?:(?<time>\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)?|\d\d:\d\d:\d\d(?:\.\d+)?) )?(?<name>[A-Z][A-Za-z0-9_]*(?:\.[A-Z][A-Za-z0-9_]*)+)\[(?<event>-?\d+)\] "#,
        times: &["iso", "%H:%M:%S", "%H:%M:%S.%f"],
        prefix: &["09AZ"],
        needed: "0A.[]",
        ..Definition::DEFAULT
    },
    Definition {
        name: "dotnet",
        title: ".NET, console logger (two lines)",
        rank: 55,
        pattern: r#"(?:(?<time>\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)?|\d\d:\d\d:\d\d(?:\.\d+)?) )?(?<level>trce|dbug|info|warn|fail|crit): (?<name>[^ \[\n]+)\[(?<event>-?\d+)\](?:\n {6})?"#,
        times: &["iso", "%H:%M:%S", "%H:%M:%S.%f"],
        levels: &[("trce", Level(5)), ("dbug", Level(10)), ("info", Level(20)), ("warn", Level(30)), ("fail", Level(40)), ("crit", Level(50))],
        continues: Some(Continues::Matches(r#" {6}"#)),
        prefix: &["09cdffiittww", "09abnnrr", "0:ccffiirruu", "09eeggllnott", "--0:", "  0:"],
        needed: "0:[]",
        ..Definition::DEFAULT
    },
    Definition {
        name: "elasticsearch",
        title: "Elasticsearch, OpenSearch, Logstash, Kibana",
        pattern: r#"\[(?<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[,.]\d{3}(?:Z|[+-]\d\d:\d\d)?)\]\[(?<level>[A-Z]+) *\]\[(?<name>[^\]]+)\](?:\[[^\]]*\])* (?:\[[^\]]*\] ?)?"#,
        times: &["iso"],
        levels: &[("TRACE", Level(5)), ("DEBUG", Level(10)), ("INFO", Level(20)), ("DEPRECATION", Level(30)), ("WARN", Level(30)), ("ERROR", Level(40)), ("CRITICAL", Level(50)), ("FATAL", Level(50))],
        prefix: &["[[", "09", "09", "09", "09", "--", "09", "09", "--", "09", "09", "TT", "09", "09", "::", "09", "09", "::", "09", "09", ",,..", "09", "09", "09", "++--ZZ]]"],
        needed: "0A-:[]",
        ..Definition::DEFAULT
    },
    Definition {
        name: "elb",
        title: "AWS load balancers, classic and application",
        pattern: r#"(?:(?:h(?:ttps?|2)|grpcs|wss?) )?(?<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z) (?<name>[^ :]+) (?<client>[0-9a-fA-F.:]+) (?:[0-9a-fA-F.:]+|-) (?:[0-9.]+|-1) (?:[0-9.]+|-1) (?:[0-9.]+|-1) (?<status>\d{3}|-) "#,
        times: &["iso"],
        prefix: &["09ghww", "09rt"],
        needed: "0A-.:",
        ..Definition::DEFAULT
    },
    Definition {
        name: "elixir",
        title: "Elixir Logger",
        pattern: r#"(?<time>\d\d:\d\d:\d\d\.\d{3}) (?:[a-z_]+=[^ ]+ )*\[(?<level>debug|info|notice|warn|warning|error|critical|alert|emergency)\] ?"#,
        times: &["%H:%M:%S.%f"],
        prefix: &["09", "09", "::", "09", "09", "::", "09", "09", "..", "09", "09", "09", "  "],
        needed: "0.:[]",
        ..Definition::DEFAULT
    },
    Definition {
        name: "env-logger",
        title: "env_logger",
        pattern: r#"\[(?<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z) (?<level>[A-Z]+) +(?<name>[^ \]]+)\] "#,
        times: &["iso"],
        prefix: &["[[", "09", "09", "09", "09", "--", "09", "09", "--", "09", "09", "TT", "09", "09", "::", "09", "09", "::", "09", "09", "..ZZ", "  09"],
        needed: "0A-:[]",
        ..Definition::DEFAULT
    },
    Definition {
        name: "envoy",
        title: "Envoy and Istio proxies",
        pattern: r#"\[(?<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3})\]\[(?<thread>\d+)\]\[(?<level>[a-z]+)\]\[(?<name>[a-z0-9_]+)\] "#,
        times: &["%Y-%m-%d %H:%M:%S.%f"],
        prefix: &["[[", "09", "09", "09", "09", "--", "09", "09", "--", "09", "09", "  ", "09", "09", "::", "09", "09", "::", "09", "09", "..", "09", "09", "09", "]]", "[[", "09", "09]]", "09[[]]", "09[[]]az", "09[[]]az", "09[[]]az"],
        needed: "0-.:[]",
        ..Definition::DEFAULT
    },
    Definition {
        name: "epoch-brackets",
        title: "any text after an epoch in brackets",
        rank: 85,
        pattern: r#"\[(?<time>1\d{9}(?:\.\d+)?|1\d{12})\]:? "#,
        times: &["epoch"],
        prefix: &["[[", "11", "09", "09", "09", "09", "09", "09", "09", "09", "09"],
        needed: "0[]",
        ..Definition::DEFAULT
    },
    Definition {
        name: "epoch",
        title: "any text after an epoch: seconds or milliseconds",
        rank: 80,
        pattern: r#"(?<time>1\d{9}(?:\.\d+)?|1\d{12})(?:: |[ \t]:? ?)"#,
        times: &["epoch"],
        prefix: &["11", "09", "09", "09", "09", "09", "09", "09", "09", "09"],
        needed: "0",
        ..Definition::DEFAULT
    },
    Definition {
        name: "erlang-report",
        title: "Erlang's reports: RabbitMQ before 3.7, CouchDB, ejabberd",
        pattern: r#"=(?<level>[A-Z]+) REPORT==== (?<time>\d{1,2}-[A-Z][a-z]{2}-\d{4}::\d\d:\d\d:\d\d(?:\.\d+)?) ===\n?"#,
        times: &["%d-%b-%Y::%H:%M:%S", "%d-%b-%Y::%H:%M:%S.%f"],
        levels: &[("DEBUG", Level(10)), ("INFO", Level(20)), ("PROGRESS", Level(20)), ("NOTICE", Level(25)), ("WARNING", Level(30)), ("ERROR", Level(40)), ("SUPERVISOR", Level(40)), ("CRASH", Level(50)), ("CRITICAL", Level(50)), ("ALERT", Level(50)), ("EMERGENCY", Level(50))],
        continues: Some(Continues::Matches(r#"[^=0-9\[]|$"#)),
        prefix: &["==", "AZ", "  AZ", "  AZ", "  AZ", "  AZ", "  AZ", "  AZ", "  AZ", "  ==AZ", "  ==AZ", "  ==AZ", "  ==AZ", "  ==AZ", "  09==AZ", "  --09==AZ", "  --09==AZ"],
        needed: "0A-:=",
        ..Definition::DEFAULT
    },
    Definition {
        name: "fail2ban",
        title: "fail2ban",
        pattern: r#"(?<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}) (?<name>fail2ban[A-Za-z0-9_.]*) *\[(?<process>\d+)\]: (?<level>[A-Z]+) +"#,
        times: &["%Y-%m-%d %H:%M:%S,%f"],
        prefix: &["09", "09", "09", "09", "--", "09", "09", "--", "09", "09", "  ", "09", "09", "::", "09", "09", "::", "09", "09", ",,", "09", "09", "09", "  ", "ff", "aa", "ii", "ll", "22", "bb", "aa", "nn"],
        needed: "0A,-:[]",
        ..Definition::DEFAULT
    },
    Definition {
        name: "flask",
        title: "Flask, app.logger",
        pattern: r#"\[(?<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3})\] (?<level>DEBUG|INFO|WARNING|ERROR|CRITICAL) in (?<module>[A-Za-z0-9_]+): "#,
        times: &["%Y-%m-%d %H:%M:%S,%f"],
        prefix: &["[[", "09", "09", "09", "09", "--", "09", "09", "--", "09", "09", "  ", "09", "09", "::", "09", "09", "::", "09", "09", ",,", "09", "09", "09", "]]", "  ", "CEIIWW", "AAEENNRR", "BBFFIIRR", "NOTU"],
        needed: "0A,-:[]",
        ..Definition::DEFAULT
    },
    Definition {
        name: "flexi-logger",
        title: "flexi_logger, detailed and with a time",
        pattern: r#"\[(?<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+ [+-]\d\d:\d\d)\] (?<level>TRACE|DEBUG|INFO|WARN|ERROR) \[(?<name>[^\]]+)\] (?:(?<pathname>[^ :]+\.rs):(?<lineno>\d+): )?"#,
        times: &["%Y-%m-%d %H:%M:%S.%f %z"],
        prefix: &["[[", "09", "09", "09", "09", "--", "09", "09", "--", "09", "09", "  ", "09", "09", "::", "09", "09", "::", "09", "09", "..", "09", "  09", "  ++--09", "  ++--09", "  ++--09", "  ++--0:", "  ++--0:", "  ++--0:", "  ++--0:]]", "  ++--0:]]", "  ++--0:DEIITTWW]]"],
        needed: "0A-.:[]",
        ..Definition::DEFAULT
    },
    Definition {
        name: "gin",
        title: "Gin",
        pattern: r#"\[GIN\] (?<time>\d{4}/\d\d/\d\d - \d\d:\d\d:\d\d) \| *(?<status>\d{3}) \| *[^ ]+ \| *(?<client>[^ ]+) \| "#,
        times: &["%Y/%m/%d - %H:%M:%S"],
        prefix: &["[[", "GG", "II", "NN", "]]", "  ", "09", "09", "09", "09", "//", "09", "09", "//", "09", "09", "  ", "--", "  ", "09", "09", "::", "09", "09", "::", "09", "09", "  ", "||", "  09", "  09", "  09"],
        needed: "0A-/:[]|",
        ..Definition::DEFAULT
    },
    Definition {
        name: "go-log-file",
        title: "Go log, with the file",
        rank: 69,
        pattern: r#"(?<time>\d{4}/\d\d/\d\d \d\d:\d\d:\d\d(?:\.\d{6})?) (?<filename>[A-Za-z0-9_./-]+\.go):(?<lineno>\d+): "#,
        times: &["%Y/%m/%d %H:%M:%S", "%Y/%m/%d %H:%M:%S.%f"],
        prefix: &["09", "09", "09", "09", "//", "09", "09", "//", "09", "09", "  ", "09", "09", "::", "09", "09", "::", "09", "09", "  .."],
        needed: "0./:",
        ..Definition::DEFAULT
    },
    Definition {
        name: "go-log",
        title: "Go log, with flags",
        rank: 70,
        pattern: r#"(?<time>\d{4}/\d\d/\d\d \d\d:\d\d:\d\d(?:\.\d{6})?) "#,
        times: &["%Y/%m/%d %H:%M:%S", "%Y/%m/%d %H:%M:%S.%f"],
        prefix: &["09", "09", "09", "09", "//", "09", "09", "//", "09", "09", "  ", "09", "09", "::", "09", "09", "::", "09", "09", "  .."],
        needed: "0/:",
        ..Definition::DEFAULT
    },
    Definition {
        name: "go-slog",
        title: "Go slog through log, charmbracelet/log",
        rank: 60,
        pattern: r#"(?<time>\d{4}/\d\d/\d\d \d\d:\d\d:\d\d) (?<level>(?:DEBUG|INFO|WARN|ERROR)(?:[+-]\d+)?) "#,
        times: &["%Y/%m/%d %H:%M:%S"],
        levels: &[("DEBUG-4", Level(5)), ("DEBUG", Level(10)), ("INFO", Level(20)), ("INFO+2", Level(25)), ("WARN", Level(30)), ("ERROR", Level(40)), ("ERROR+4", Level(50))],
        prefix: &["09", "09", "09", "09", "//", "09", "09", "//", "09", "09", "  ", "09", "09", "::", "09", "09", "::", "09", "09", "  ", "DEIIWW", "AAEENNRR", "BBFFRR", "NOUU"],
        needed: "0A/:",
        ..Definition::DEFAULT
    },
    Definition {
        name: "go-stdr",
        title: "stdr of Go's logr",
        pattern: r#"(?<time>\d{4}/\d\d/\d\d \d\d:\d\d:\d\d(?:\.\d{6})?) (?<name>[^ :]+): (?:"level"=\d+ )?"msg"="#,
        times: &["%Y/%m/%d %H:%M:%S", "%Y/%m/%d %H:%M:%S.%f"],
        prefix: &["09", "09", "09", "09", "//", "09", "09", "//", "09", "09", "  ", "09", "09", "::", "09", "09", "::", "09", "09", "  .."],
        needed: "0\"/:=",
        ..Definition::DEFAULT
    },
    Definition {
        name: "go-time",
        title: "any text after a time as Go prints it",
        rank: 80,
        pattern: r#"(?<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)? [+-]\d{4}) [A-Z]{3,4}(?: m=[+-][0-9.]+)?:? "#,
        times: &["iso"],
        prefix: &["09", "09", "09", "09", "--", "09", "09", "--", "09", "09", "  ", "09", "09", "::", "09", "09", "::", "09", "09", "  ..", "++--09"],
        needed: "0A-:",
        ..Definition::DEFAULT
    },
    Definition {
        name: "gunicorn",
        title: "Gunicorn, error log",
        pattern: r#"\[(?<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d{4})\] \[(?<process>\d+)\] \[(?<level>[A-Z]+)\] "#,
        times: &["%Y-%m-%d %H:%M:%S %z"],
        prefix: &["[[", "09", "09", "09", "09", "--", "09", "09", "--", "09", "09", "  ", "09", "09", "::", "09", "09", "::", "09", "09", "  ", "++--", "09", "09", "09", "09", "]]", "  ", "[[", "09", "09]]", "  09]]"],
        needed: "0A-:[]",
        ..Definition::DEFAULT
    },
    Definition {
        name: "hadoop",
        title: "Hadoop and other log4j: time, level, thread, class",
        pattern: r#"(?<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}) (?<level>[A-Z]+) +\[(?<threadName>[^\]]*)\] (?<name>[^ :]+): ?"#,
        times: &["%Y-%m-%d %H:%M:%S,%f"],
        prefix: &["09", "09", "09", "09", "--", "09", "09", "--", "09", "09", "  ", "09", "09", "::", "09", "09", "::", "09", "09", ",,", "09", "09", "09", "  ", "AZ", "  AZ", "  A["],
        needed: "0A,-:[]",
        ..Definition::DEFAULT
    },
    Definition {
        name: "haproxy-start",
        title: "HAProxy, its own messages",
        pattern: r#"\[(?<level>DIAG|NOTICE|WARNING|ALERT)\] +(?:\d+/\d+ )?\((?<process>\d+)\) : "#,
        levels: &[("DIAG", Level(10)), ("NOTICE", Level(25)), ("WARNING", Level(30)), ("ALERT", Level(50))],
        prefix: &["[[", "AADDNNWW", "AAIILLOO", "AAEERRTT", "GGIINNRR"],
        needed: "0A():[]",
        ..Definition::DEFAULT
    },
    Definition {
        name: "haproxy",
        title: "HAProxy, traffic without syslog (log stdout format raw)",
        rank: 60,
        pattern: r#"(?<client>[0-9a-fA-F.:]+:\d+) \[(?<time>\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d\.\d{3})\] "#,
        times: &["%d/%b/%Y:%H:%M:%S.%f"],
        prefix: &["..0:AFaf", "..0:AFaf", "..0:AFaf", "  ..0:AFaf", "  ..0:AF[[af", "  ..0:AF[[af", "  ..0:AF[[af", "  .:AF[[af", "  .:A[af"],
        needed: "0A./:[]",
        ..Definition::DEFAULT
    },
    Definition {
        name: "hclog",
        title: "hclog: Consul, Vault, Nomad, Terraform",
        pattern: r#"(?<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}(?:Z|[+-]\d{4})) \[(?<level>[A-Z]+)\] +(?:(?<name>[a-zA-Z_][a-zA-Z0-9_.-]*): )?"#,
        times: &["iso"],
        prefix: &["09", "09", "09", "09", "--", "09", "09", "--", "09", "09", "TT", "09", "09", "::", "09", "09", "::", "09", "09", "..", "09", "09", "09", "++--ZZ"],
        needed: "0A-.:[]",
        ..Definition::DEFAULT
    },
    Definition {
        name: "hdfs",
        title: "Hadoop HDFS",
        pattern: r#"(?<time>\d{6} \d{6}) (?<thread>\d+) (?<level>[A-Z]+) (?<name>[^ :]+): ?"#,
        times: &["%y%m%d %H%M%S"],
        prefix: &["09", "09", "09", "09", "09", "09", "  ", "09", "09", "09", "09", "09", "09", "  ", "09", "  09", "  09AZ", "  09AZ"],
        needed: "0A:",
        ..Definition::DEFAULT
    },
    Definition {
        name: "healthapp",
        title: "HealthApp",
        pattern: r#"(?<time>\d{8}-\d\d?:\d\d?:\d\d?:\d{1,3})\|(?<name>[^|]+)\|(?<process>\d+)\|"#,
        times: &["%Y%m%d-%H:%M:%S:%L"],
        prefix: &["09", "09", "09", "09", "09", "09", "09", "09", "--", "09", "0:", "0:", "0:", "0:", "0:", "0:", "0:||"],
        needed: "0-:|",
        ..Definition::DEFAULT
    },
    Definition {
        name: "home-assistant",
        title: "Home Assistant",
        pattern: r#"(?<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}) (?<level>DEBUG|INFO|WARNING|ERROR|CRITICAL) \((?<threadName>[^)]*)\) \[(?<name>[^ \]]+)\] "#,
        times: &["%Y-%m-%d %H:%M:%S.%f"],
        prefix: &["09", "09", "09", "09", "--", "09", "09", "--", "09", "09", "  ", "09", "09", "::", "09", "09", "::", "09", "09", "..", "09", "09", "09", "  ", "CEIIWW", "AAEENNRR", "BBFFIIRR", "NOTU"],
        needed: "0A()-.:[]",
        ..Definition::DEFAULT
    },
    Definition {
        name: "hpc",
        title: "HPC cluster events",
        pattern: r#"\d+ (?<hostname>[^ ]+) (?<name>[a-z_.]+) (?<state>[a-zA-Z_.-]+) (?<time>\d{9,10}) -?\d "#,
        times: &["epoch"],
        prefix: &["09", "  09"],
        needed: "0",
        ..Definition::DEFAULT
    },
    Definition {
        name: "http-server",
        title: "werkzeug (Flask) and http.server of Python",
        rank: 60,
        pattern: r#"(?<client>[0-9a-zA-Z_.:-]+) - - \[(?<time>\d\d/[A-Z][a-z]{2}/\d{4} \d\d:\d\d:\d\d)\] "#,
        times: &["%d/%b/%Y %H:%M:%S"],
        needed: "0A-/:[]",
        ..Definition::DEFAULT
    },
    Definition {
        name: "hydra",
        title: "Hydra, and Python logging with time, logger and level in brackets",
        pattern: r#"\[(?<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3})\] ?\[(?<name>[A-Za-z_][A-Za-z0-9_.-]*)\] ?\[(?<level>DEBUG|INFO|WARNING|ERROR|CRITICAL)\](?: -)? "#,
        times: &["%Y-%m-%d %H:%M:%S,%f"],
        prefix: &["[[", "09", "09", "09", "09", "--", "09", "09", "--", "09", "09", "  ", "09", "09", "::", "09", "09", "::", "09", "09", ",,", "09", "09", "09", "]]", "  [["],
        needed: "0A,-:[]",
        ..Definition::DEFAULT
    },
    Definition {
        name: "jenkins",
        title: "Jenkins",
        pattern: r#"(?<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}[+-]\d{4}) \[id=(?<thread>\d+)\]\t(?<level>[A-Z]+)\t(?<name>[^ #]+)#(?<funcName>[^ :]+): "#,
        times: &["%Y-%m-%d %H:%M:%S.%f%z"],
        levels: &[("SEVERE", Level(40)), ("WARNING", Level(30)), ("INFO", Level(20)), ("CONFIG", Level(15)), ("FINE", Level(10)), ("FINER", Level(7)), ("FINEST", Level(5))],
        prefix: &["09", "09", "09", "09", "--", "09", "09", "--", "09", "09", "  ", "09", "09", "::", "09", "09", "::", "09", "09", "..", "09", "09", "09", "++--", "09", "09", "09", "09", "  ", "[[", "ii", "dd"],
        needed: "0A\t#-.:=[]",
        ..Definition::DEFAULT
    },
    Definition {
        name: "jetty",
        title: "Jetty",
        pattern: r#"(?<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}):(?<level>[A-Z]+) ?:(?<name>[^:]+):(?<threadName>[^:]*): "#,
        times: &["%Y-%m-%d %H:%M:%S.%f"],
        prefix: &["09", "09", "09", "09", "--", "09", "09", "--", "09", "09", "  ", "09", "09", "::", "09", "09", "::", "09", "09", "..", "09", "09", "09", "::", "AZ", "  ::AZ"],
        needed: "0A-.:",
        ..Definition::DEFAULT
    },
    Definition {
        name: "journalctl-full",
        title: "journalctl -o short-full",
        pattern: r#"[A-Z][a-z]{2} (?<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [A-Z+0-9-]+) (?<hostname>[^ ]+) (?<name>[^ :\[]+)(?:\[(?<process>\d+)\])?: "#,
        times: &["%Y-%m-%d %H:%M:%S %Z"],
        prefix: &["AZ", "az", "az", "  ", "09", "09", "09", "09", "--", "09", "09", "--", "09", "09", "  ", "09", "09", "::", "09", "09", "::", "09", "09", "  ", "++--09AZ", "  ++--09AZ"],
        needed: "0A-:",
        ..Definition::DEFAULT
    },
    Definition {
        name: "journalctl-monotonic",
        title: "journalctl -o short-monotonic and short-delta",
        rank: 49,
        pattern: r#"\[ *(?<uptime>\d{1,9}\.\d{6})(?: <[^>]*>)?\] (?<hostname>[^ ]+) (?<name>[^ :\[]+)\[(?<process>\d+)\]: "#,
        prefix: &["[[", "  09", "  ..09", "  ..09", "  ..09", "  ..09", "  ..09", "  ..09", "  ..09", "  ..09]]", "  ..09<<]]"],
        needed: "0.:[]",
        ..Definition::DEFAULT
    },
    Definition {
        name: "journalctl-unix",
        title: "journalctl -o short-unix",
        pattern: r#"(?<time>\d{10}\.\d{6}) (?<hostname>[^ ]+) (?<name>[^ :\[]+)(?:\[(?<process>\d+)\])?: "#,
        times: &["epoch"],
        prefix: &["09", "09", "09", "09", "09", "09", "09", "09", "09", "09", "..", "09", "09", "09", "09", "09", "09", "  "],
        needed: "0.:",
        ..Definition::DEFAULT
    },
    Definition {
        name: "jul",
        title: "java.util.logging, SimpleFormatter (two lines)",
        pattern: r#"(?<time>[A-Z][a-z]{2} \d\d, \d{4} \d{1,2}:\d\d:\d\d(?: |\xe2\x80\xaf)[AP]M) (?<name>[^ \n]+)(?: (?<funcName>[^ \n]+))?(?:\n(?<level>SEVERE|WARNING|INFO|CONFIG|FINE|FINER|FINEST): )?"#,
        times: &["%b %d, %Y %I:%M:%S %p"],
        levels: &[("SEVERE", Level(40)), ("WARNING", Level(30)), ("INFO", Level(20)), ("CONFIG", Level(15)), ("FINE", Level(10)), ("FINER", Level(7)), ("FINEST", Level(5))],
        continues: Some(Continues::Matches(r#"(?:SEVERE|WARNING|INFO|CONFIG|FINE|FINER|FINEST): "#)),
        prefix: &["AZ", "az", "az", "  ", "09", "09", ",,", "  ", "09", "09", "09", "09", "  ", "09", "0:", "0:", "0:", "0:", "0:", "0:"],
        needed: "0A,:",
        ..Definition::DEFAULT
    },
    Definition {
        name: "jupyter-notebook",
        title: "Jupyter Notebook before 7",
        pattern: r#"\[(?<level>[DIWEC]) (?<time>\d\d:\d\d:\d\d\.\d{3}) (?<name>[^ \]]+)\] "#,
        times: &["%H:%M:%S.%f"],
        levels: &[("D", Level(10)), ("I", Level(20)), ("W", Level(30)), ("E", Level(40)), ("C", Level(50))],
        prefix: &["[[", "CEIIWW", "  ", "09", "09", "::", "09", "09", "::", "09", "09", "..", "09", "09", "09", "  "],
        needed: "0A.:[]",
        ..Definition::DEFAULT
    },
    Definition {
        name: "jupyter",
        title: "Jupyter and other applications of traitlets",
        pattern: r#"\[(?<level>[DIWEC]) (?<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}) (?<name>[^ \]]+)(?: (?<module>[^ :\]]+):(?<lineno>\d+))?\] "#,
        times: &["%Y-%m-%d %H:%M:%S.%f"],
        levels: &[("D", Level(10)), ("I", Level(20)), ("W", Level(30)), ("E", Level(40)), ("C", Level(50))],
        prefix: &["[[", "CEIIWW", "  ", "09", "09", "09", "09", "--", "09", "09", "--", "09", "09", "  ", "09", "09", "::", "09", "09", "::", "09", "09", "..", "09", "09", "09", "  "],
        needed: "0A-.:[]",
        ..Definition::DEFAULT
    },
    Definition {
        name: "jvm-gc",
        title: "JVM before 9, garbage collection",
        pattern: r#"(?<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d{4}): (?<uptime>\d+\.\d{3}): "#,
        times: &["iso"],
        prefix: &["09", "09", "09", "09", "--", "09", "09", "--", "09", "09", "TT", "09", "09", "::", "09", "09", "::", "09", "09", "..", "09", "09", "09", "++--", "09", "09", "09", "09", "::", "  ", "09", "..09"],
        needed: "0A-.:",
        ..Definition::DEFAULT
    },
    Definition {
        name: "jvm-time",
        title: "JVM unified logging (-Xlog) without the time since its start: Elasticsearch, Tomcat",
        rank: 51,
        pattern: r#"\[(?<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d{4})\](?:\[(?<process>\d+)\])?(?:\[(?<level>trace|debug|info|warning|error) *\])?\[(?<name>[a-z][a-z0-9,]*) *\] "#,
        times: &["iso"],
        prefix: &["[[", "09", "09", "09", "09", "--", "09", "09", "--", "09", "09", "TT", "09", "09", "::", "09", "09", "::", "09", "09", "..", "09", "09", "09", "++--", "09", "09", "09", "09", "]]", "[[", "09az"],
        needed: "0A-.:[]",
        ..Definition::DEFAULT
    },
    Definition {
        name: "jvm",
        title: "JVM unified logging (-Xlog): garbage collection",
        pattern: r#"(?:\[(?<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d{4})\])?\[(?<uptime>\d+\.\d{3})s\]\[(?<level>trace|debug|info|warning|error) *\]\[(?<name>[a-z0-9,]+) *\] ?"#,
        times: &["iso"],
        prefix: &["[[", "09", "..09", "..09", "..09", "-.09", "..09ss", "..09]]ss", "-.09[[]]ss", "..09[[]]deiistww", "..09[[]]aadeiinnrtww", "..09TT[[]]abdfiinnrtww", "..09[[]]afiinoruww"],
        needed: "0.[]",
        ..Definition::DEFAULT
    },
    Definition {
        name: "kafka",
        title: "Kafka, and ZooKeeper of Confluent",
        pattern: r#"\[(?<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3})\] (?<level>[A-Z]+) (?<message>.*) \((?<name>[A-Za-z][A-Za-z0-9_$]*(?:\.[A-Za-z0-9_$]+)+)(?::(?<lineno>\d+))?\)$"#,
        times: &["%Y-%m-%d %H:%M:%S,%f"],
        prefix: &["[[", "09", "09", "09", "09", "--", "09", "09", "--", "09", "09", "  ", "09", "09", "::", "09", "09", "::", "09", "09", ",,", "09", "09", "09", "]]", "  ", "AZ", "  AZ"],
        needed: "0A(),-.:[]",
        ..Definition::DEFAULT
    },
    Definition {
        name: "kernel-time",
        title: "Linux kernel ring buffer: dmesg -T",
        rank: 60,
        pattern: r#"\[(?<time>[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4})\] (?:(?<name>[A-Za-z0-9_]+): )?"#,
        times: &["%a %b %d %H:%M:%S %Y"],
        prefix: &["[[", "AZ", "az", "az", "  ", "AZ", "az", "az", "  ", "  09", "09", "  ", "09", "09", "::", "09", "09", "::", "09", "09", "  ", "09", "09", "09", "09", "]]", "  "],
        needed: "0A:[]",
        ..Definition::DEFAULT
    },
    Definition {
        name: "kernel",
        title: "Linux kernel ring buffer: dmesg, seconds since the start",
        pattern: r#"\[ *(?<uptime>\d{1,9}\.\d{6})\] (?:(?<name>[A-Za-z0-9_]+): )?"#,
        prefix: &["[[", "  09", "  ..09", "  ..09", "  ..09", "  ..09", "  ..09", "  ..09", "  ..09", "  ..09]]", "  ..09]]"],
        needed: "0.[]",
        ..Definition::DEFAULT
    },
    Definition {
        name: "klog-lines",
        title: "klog with values of several lines",
        rank: 49,
        pattern: r#"(?<level>[IWEF])(?<time>\d{4} \d\d:\d\d:\d\d\.\d{6}) +(?<thread>\d+) (?<filename>[^ :]+):(?<lineno>\d+)\] (?<message>".*=<$|".*=<\n)"#,
        times: &["%m%d %H:%M:%S.%f"],
        levels: &[("I", Level(20)), ("W", Level(30)), ("E", Level(40)), ("F", Level(50))],
        continues: Some(Continues::Matches(r#"\t| >"#)),
        prefix: &["EFIIWW", "09", "09", "09", "09", "  ", "09", "09", "::", "09", "09", "::", "09", "09", "..", "09", "09", "09", "09", "09", "09", "  ", "  09", "  09"],
        needed: "0A\".:<=]",
        ..Definition::DEFAULT
    },
    Definition {
        name: "klog",
        title: "klog and glog: Kubernetes, gRPC, Abseil",
        pattern: r#"(?<level>[IWEF])(?<time>\d{4}(?:\d{4})? \d\d:\d\d:\d\d\.\d{6}) +(?<thread>\d+) (?<filename>[^ :]+):(?<lineno>\d+)\] (?:(?<message>"[^"\\]*(?:\\.[^"\\]*)*") logger="(?<name>[^"]*)")?"#,
        times: &["%m%d %H:%M:%S.%f", "%Y%m%d %H:%M:%S.%f"],
        levels: &[("I", Level(20)), ("W", Level(30)), ("E", Level(40)), ("F", Level(50))],
        prefix: &["EFIIWW", "09", "09", "09", "09", "  09", "09", "09", "0:", "  09", "09", "0:", "0:", "09", "..09", "0:", "09", "09", "..09", "09", "09", "  09", "  09", "  09"],
        needed: "0A.:]",
        ..Definition::DEFAULT
    },
    Definition {
        name: "lambda-node",
        title: "AWS Lambda, Node.js",
        pattern: r#"(?<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)\t(?:(?<request>[0-9a-f]+(?:-[0-9a-f]+){4})|undefined)\t(?<level>[A-Z]+)\t"#,
        times: &["iso"],
        prefix: &["09", "09", "09", "09", "--", "09", "09", "--", "09", "09", "TT", "09", "09", "::", "09", "09", "::", "09", "09", "..", "09", "09", "09", "ZZ", "\t\t", "09afuu", "--09afnn", "--09af"],
        needed: "0A\t-.:",
        ..Definition::DEFAULT
    },
    Definition {
        name: "lambda-python",
        title: "AWS Lambda, Python",
        pattern: r#"\[(?<level>[A-Z]+)\]\t(?<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{1,3}Z)\t(?<request>[^\t]*)\t"#,
        times: &["%Y-%m-%dT%H:%M:%S.%L%z"],
        prefix: &["[[", "AZ", "AZ]]", "\t\tAZ]]", "\t\t09AZ]]", "\t\t09AZ]]", "\t\t09AZ]]", "\t\t09AZ]]", "\t\t--09AZ]]", "\t\t--09AZ]]", "\t\t--09AZ]]", "\t\t--09AZ]]", "\t\t--09AZ]]", "\t\t--09AZ]]", "\t\t--09AZ]]", "\t\t--09AZ]]", "\t\t--09AZ]]", "\t\t--0:AZ]]", "\t\t--0:AZ]]", "\t\t--0:AZ]]", "\t\t--0:AZ]]", "\t\t--0:AZ]]", "\t\t--0:AZ]]", "\t\t-.0:AZ]]", "\t\t-.0:AZ]]", "\t\t-.0:AZ]]", "\t\t-.0:AZ]]"],
        needed: "0A\t-.:[]",
        ..Definition::DEFAULT
    },
    Definition {
        name: "log4j-level-first",
        title: "log4j: time, level, class",
        rank: 60,
        pattern: r#"(?<time>\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:[.,]\d{3})?(?:Z|[+-]\d\d:?\d\d)?) +(?<level>TRACE|DEBUG|INFO|WARN|ERROR|FATAL) +(?<name>[A-Za-z_$][A-Za-z0-9_$./-]*)(?::(?<lineno>\d+))? +(?:\[[^\]]*\] )?- "#,
        times: &["iso"],
        prefix: &["09", "09", "09", "09", "--", "09", "09", "--", "09", "09", "  TT", "09", "09", "::", "09", "09", "::", "09", "09", "  +.ZZ"],
        needed: "0A-:",
        ..Definition::DEFAULT
    },
    Definition {
        name: "log4j-thread-last",
        title: "log4j: time, level, class, thread",
        pattern: r#"(?<time>\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d[.,]\d{3}(?:Z|[+-]\d\d:?\d\d)?) +(?<level>TRACE|DEBUG|INFO|WARN|ERROR|FATAL) +(?<name>[A-Za-z_$][A-Za-z0-9_$.]*) \[(?<threadName>[^\]]*)\] "#,
        times: &["iso"],
        prefix: &["09", "09", "09", "09", "--", "09", "09", "--", "09", "09", "  TT", "09", "09", "::", "09", "09", "::", "09", "09", ",,..", "09", "09", "09", "  ++--ZZ"],
        needed: "0A-:[]",
        ..Definition::DEFAULT
    },
    Definition {
        name: "log4j-ttcc",
        title: "log4j 1, TTCCLayout: milliseconds since the start",
        pattern: r#"(?<uptime>\d+) \[(?<threadName>[^\]]*)\] (?<level>TRACE|DEBUG|INFO|WARN|ERROR|FATAL) +(?<name>[^ ]+)(?: [^ ]+)? - "#,
        prefix: &["09", "  09", "  09[["],
        needed: "0A-[]",
        ..Definition::DEFAULT
    },
    Definition {
        name: "log4j",
        title: "log4j, logback and log4net: time, thread, level, class",
        pattern: r#"(?<time>\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d[.,]\d{3}(?:Z|[+-]\d\d:?\d\d)?) +\[(?<threadName>[^\]]*)\] +(?<level>[A-Z]+) +(?<name>[A-Za-z_$][A-Za-z0-9_$./-]*) ?(?:\[[^\]]*\] )?[-:] "#,
        times: &["iso"],
        prefix: &["09", "09", "09", "09", "--", "09", "09", "--", "09", "09", "  TT", "09", "09", "::", "09", "09", "::", "09", "09", ",,..", "09", "09", "09", "  ++--ZZ"],
        needed: "0A-:[]",
        ..Definition::DEFAULT
    },
    Definition {
        name: "log4js",
        title: "log4js",
        pattern: r#"\[(?<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3})\] \[(?<level>[A-Z]+)\] (?<name>[^ ]+) - "#,
        times: &["iso"],
        prefix: &["[[", "09", "09", "09", "09", "--", "09", "09", "--", "09", "09", "TT", "09", "09", "::", "09", "09", "::", "09", "09", "..", "09", "09", "09", "]]", "  ", "[[", "AZ", "AZ]]", "  AZ]]"],
        needed: "0A-.:[]",
        ..Definition::DEFAULT
    },
    Definition {
        name: "log4perl",
        title: "Log4perl, the pattern of its manual: %d %p> %F{1}:%L %M - %m%n",
        pattern: r#"(?<time>\d{4}/\d\d/\d\d \d\d:\d\d:\d\d) (?<level>TRACE|DEBUG|INFO|WARN|ERROR|FATAL)> (?<filename>[^ :]+):(?<lineno>\d+) (?<name>[^ ]+) - "#,
        times: &["%Y/%m/%d %H:%M:%S"],
        prefix: &["09", "09", "09", "09", "//", "09", "09", "//", "09", "09", "  ", "09", "09", "::", "09", "09", "::", "09", "09", "  ", "DFIITTWW", "AAEENNRR", "ABFFRRTT", "AACCNOUU"],
        needed: "0A-/:>",
        ..Definition::DEFAULT
    },
    Definition {
        name: "log4rs",
        title: "log4rs",
        pattern: r#"(?<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+[+-]\d\d:\d\d) (?<level>TRACE|DEBUG|INFO|WARN|ERROR) (?<name>[A-Za-z_][A-Za-z0-9_:]*) - "#,
        times: &["iso"],
        prefix: &["09", "09", "09", "09", "--", "09", "09", "--", "09", "09", "TT", "09", "09", "::", "09", "09", "::", "09", "09", "..", "09", "++--09", "++--09", "++--09", "++--0:", "++--0:", "++--0:", "  ++--0:", "  ++--0:DEIITTWW", "  ++--0:AADEIINNRRTTWW", "  ++--0:ABDFIINNRRTTWW", "  ++--0:AFIINORRTUWW"],
        needed: "0A-.:",
        ..Definition::DEFAULT
    },
    Definition {
        name: "logback",
        title: "Logback and log4j 2, the defaults: time, thread, level, class",
        pattern: r#"(?<time>\d\d:\d\d:\d\d[.,]\d{3}) \[(?<threadName>[^\]]*)\] (?<level>[A-Z]+) +(?<name>[A-Za-z_$][A-Za-z0-9_$./-]*) --? "#,
        times: &["%H:%M:%S.%f", "%H:%M:%S,%f"],
        prefix: &["09", "09", "::", "09", "09", "::", "09", "09", ",,..", "09", "09", "09", "  ", "[["],
        needed: "0A-:[]",
        ..Definition::DEFAULT
    },
    Definition {
        name: "logbook",
        title: "Logbook, StreamHandler",
        pattern: r#"\[(?<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6})\] (?<level>TRACE|DEBUG|INFO|NOTICE|WARNING|ERROR|CRITICAL): (?<name>[^:]+): "#,
        times: &["%Y-%m-%d %H:%M:%S.%f"],
        prefix: &["[[", "09", "09", "09", "09", "--", "09", "09", "--", "09", "09", "  ", "09", "09", "::", "09", "09", "::", "09", "09", "..", "09", "09", "09", "09", "09", "09", "]]", "  ", "CEIINNTTWW", "AAEENORR", "ABFFIIRRTT"],
        needed: "0A-.:[]",
        ..Definition::DEFAULT
    },
    Definition {
        name: "logrus",
        title: "logrus on a terminal",
        pattern: r#"(?<level>TRAC|DEBU|INFO|WARN|ERRO|FATA|PANI)\[(?:(?<uptime>\d{4,})|(?<time>[^\]]+))\] ?"#,
        times: &["iso"],
        levels: &[("TRAC", Level(5)), ("DEBU", Level(10)), ("INFO", Level(20)), ("WARN", Level(30)), ("ERRO", Level(40)), ("FATA", Level(50)), ("PANI", Level(50))],
        prefix: &["DFIIPPTTWW", "AAEENNRR", "ABFFNNRRTT", "AACCIINOUU", "[["],
        needed: "A[]",
        ..Definition::DEFAULT
    },
    Definition {
        name: "loguru",
        title: "Loguru, the default",
        pattern: r#"(?<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}) \| (?<level>[A-Z]+) *\| (?<name>[^ :]*):(?<funcName>[^ :]*):(?<lineno>\d+) - "#,
        times: &["%Y-%m-%d %H:%M:%S.%f"],
        levels: &[("TRACE", Level(5)), ("DEBUG", Level(10)), ("INFO", Level(20)), ("SUCCESS", Level(25)), ("WARNING", Level(30)), ("ERROR", Level(40)), ("CRITICAL", Level(50))],
        prefix: &["09", "09", "09", "09", "--", "09", "09", "--", "09", "09", "  ", "09", "09", "::", "09", "09", "::", "09", "09", "..", "09", "09", "09", "  ", "||", "  ", "AZ", "  AZ||", "  AZ||"],
        needed: "0A-.:|",
        ..Definition::DEFAULT
    },
    Definition {
        name: "mariadb",
        title: "MariaDB, and MySQL before 5.7",
        pattern: r#"(?<time>\d{4}-\d\d-\d\d [ \d]\d:\d\d:\d\d) (?<thread>\d+) \[(?<level>Note|Warning|ERROR|Error)\] "#,
        times: &["%Y-%m-%d %H:%M:%S"],
        levels: &[("Note", Level(20)), ("Warning", Level(30)), ("ERROR", Level(40)), ("Error", Level(40))],
        prefix: &["09", "09", "09", "09", "--", "09", "09", "--", "09", "09", "  ", "  09", "09", "::", "09", "09", "::", "09", "09", "  ", "09", "  09", "  09[[", "  09EENNWW[[", "  09EENNRRWW[[aaoorr", "  09EENNRRWW[[aaoorrtt", "  09EENORRWW[[aaeenorrtt"],
        needed: "0A-:[]",
        ..Definition::DEFAULT
    },
    Definition {
        name: "minecraft",
        title: "Minecraft",
        pattern: r#"\[(?<time>\d\d:\d\d:\d\d)\] \[(?<threadName>[^/\]]+)/(?<level>[A-Z]+)\](?: \[(?<name>[^/\]]+)/[^\]]*\])?: "#,
        times: &["%H:%M:%S"],
        prefix: &["[[", "09", "09", "::", "09", "09", "::", "09", "09", "]]", "  ", "[["],
        needed: "0A/:[]",
        ..Definition::DEFAULT
    },
    Definition {
        name: "mongodb",
        title: "MongoDB before 4.4",
        pattern: r#"(?<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d{4}) (?<level>[DIWEF])[1-5]? (?<name>[A-Z_]+|-) +\[(?<threadName>[^\]]+)\] "#,
        times: &["iso"],
        levels: &[("D", Level(10)), ("I", Level(20)), ("W", Level(30)), ("E", Level(40)), ("F", Level(50))],
        prefix: &["09", "09", "09", "09", "--", "09", "09", "--", "09", "09", "TT", "09", "09", "::", "09", "09", "::", "09", "09", "..", "09", "09", "09", "++--", "09", "09", "09", "09", "  ", "DFIIWW", "  15", "  --AZ__"],
        needed: "0A-.:[]",
        ..Definition::DEFAULT
    },
    Definition {
        name: "monolog",
        title: "Monolog: Laravel, Symfony",
        pattern: r#"\[(?<time>\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:\.\d+)?(?:[+-]\d\d:\d\d)?)\] (?<name>[^ ]+)\.(?<level>[A-Z]+): "#,
        times: &["iso"],
        prefix: &["[[", "09", "09", "09", "09", "--", "09", "09", "--", "09", "09", "  TT", "09", "09", "::", "09", "09", "::", "09", "09", "++-.]]", "  09"],
        needed: "0A-.:[]",
        ..Definition::DEFAULT
    },
    Definition {
        name: "morgan-dev",
        title: "morgan, dev",
        pattern: r#"(?:GET|POST|PUT|DELETE|PATCH|HEAD|OPTIONS) /[^ ]* (?<status>\d{3}) [0-9.]+ ms - "#,
        prefix: &["DDGHOP", "AAEEOPUU", "AALLST"],
        needed: "0A-/",
        ..Definition::DEFAULT
    },
    Definition {
        name: "mssql",
        title: "Microsoft SQL Server, ERRORLOG",
        pattern: r#"(?<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d\d) (?<name>(?:Server|spid\d+s?|Logon|Backup)) +"#,
        times: &["%Y-%m-%d %H:%M:%S.%f"],
        prefix: &["09", "09", "09", "09", "--", "09", "09", "--", "09", "09", "  ", "09", "09", "::", "09", "09", "::", "09", "09", "..", "09", "09", "  ", "BBLLSSss", "aaeeop", "ccggiirr", "ddkkoovv", "09eennuu"],
        needed: "0-.:",
        ..Definition::DEFAULT
    },
    Definition {
        name: "multiprocessing",
        title: "Python multiprocessing, log_to_stderr",
        pattern: r#"\[(?<level>DEBUG|INFO|WARNING|ERROR|CRITICAL)/(?<processName>[^\]]+)\] "#,
        prefix: &["[[", "CEIIWW", "AAEENNRR", "BBFFIIRR", "NOTU"],
        needed: "A/[]",
        ..Definition::DEFAULT
    },
    Definition {
        name: "mysql-5.5",
        title: "MySQL 5.5 and MariaDB before 10.1, mysqld_safe",
        pattern: r#"(?<time>\d{6} [ \d]\d:\d\d:\d\d) (?:\[(?<level>Note|Warning|ERROR)\]| ?(?<name>InnoDB|mysqld_safe):?) "#,
        times: &["%y%m%d %H:%M:%S"],
        levels: &[("Note", Level(20)), ("Warning", Level(30)), ("ERROR", Level(40))],
        prefix: &["09", "09", "09", "09", "09", "09", "  ", "  09", "09", "::", "09", "09", "::", "09", "09", "  ", "  II[[mm", "EEIINNWWmnyy", "RRaanossyy", "RRnoqt", "DDOOeellnoqq"],
        needed: "0:",
        ..Definition::DEFAULT
    },
    Definition {
        name: "mysql-entrypoint",
        title: "MySQL and MariaDB, the start of their images",
        pattern: r#"(?<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[+-]\d\d:\d\d) \[(?<level>Note|Warn|ERROR)\] \[(?<name>Entrypoint)\]: "#,
        times: &["iso"],
        levels: &[("Note", Level(20)), ("Warn", Level(30)), ("ERROR", Level(40))],
        prefix: &["09", "09", "09", "09", "--", "09", "09", "--", "09", "09", "  ", "09", "09", "::", "09", "09", "::", "09", "09", "++--", "09", "09", "::", "09", "09", "  ", "[[", "EENNWW", "RRaaoo", "RRrrtt", "OOeenn"],
        needed: "0A-:[]",
        ..Definition::DEFAULT
    },
    Definition {
        name: "mysql",
        title: "MySQL 5.7 and later",
        pattern: r#"(?<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}(?:Z|[+-]\d\d:\d\d)) (?<thread>\d+) \[(?<level>[A-Z][a-z]+)\] (?:\[(?<code>MY-\d+)\] \[(?<name>[A-Za-z0-9_]+)\] )?"#,
        times: &["iso"],
        levels: &[("System", Level(20)), ("Note", Level(20)), ("Warning", Level(30)), ("Error", Level(40))],
        prefix: &["09", "09", "09", "09", "--", "09", "09", "--", "09", "09", "TT", "09", "09", "::", "09", "09", "::", "09", "09", "..", "09", "09", "09", "09", "09", "09", "++--ZZ"],
        needed: "0A-.:[]",
        ..Definition::DEFAULT
    },
    Definition {
        name: "mysqld-safe",
        title: "mysqld_safe of MySQL 5.7 and later",
        rank: 49,
        pattern: r#"(?<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)) (?<name>mysqld_safe) "#,
        times: &["iso"],
        prefix: &["09", "09", "09", "09", "--", "09", "09", "--", "09", "09", "TT", "09", "09", "::", "09", "09", "::", "09", "09", "++-.ZZ"],
        needed: "0A-:_",
        ..Definition::DEFAULT
    },
    Definition {
        name: "nagios",
        title: "Nagios and Icinga: an epoch in brackets",
        rank: 80,
        pattern: r#"\[(?<time>\d{10})\] "#,
        times: &["epoch"],
        prefix: &["[[", "09", "09", "09", "09", "09", "09", "09", "09", "09", "09", "]]", "  "],
        needed: "0[]",
        ..Definition::DEFAULT
    },
    Definition {
        name: "nestjs",
        title: "NestJS",
        pattern: r#"\[Nest\] (?<process>\d+) +- (?<time>\d\d/\d\d/\d{4}, \d{1,2}:\d\d:\d\d(?: |\xe2\x80\xaf)[AP]M) +(?<level>LOG|ERROR|WARN|DEBUG|VERBOSE|FATAL) (?:\[(?<name>[^\]]+)\] )?"#,
        times: &["%m/%d/%Y, %I:%M:%S %p"],
        levels: &[("LOG", Level(20)), ("ERROR", Level(40)), ("WARN", Level(30)), ("DEBUG", Level(10)), ("VERBOSE", Level(5)), ("FATAL", Level(50))],
        prefix: &["[[", "NN", "ee", "ss", "tt", "]]", "  ", "09", "  09", "  --09", "  --09", "  --09", "  --09", "  --/9", "  --/9", "  --/9", "  --/9", "  --/9", "  --/9", "  --/9", "  --/9", "  ,-/9", "  ,-/9", "  ,-/9", "  ,-/:", "  ,-/:", "  ,-/:", "  ,-/:", "  ,-/:", "  ,-/:"],
        needed: "0A,-/:[]",
        ..Definition::DEFAULT
    },
    Definition {
        name: "nginx-error",
        title: "nginx, error log",
        pattern: r#"(?<time>\d{4}/\d\d/\d\d \d\d:\d\d:\d\d) \[(?<level>[a-z]+)\] (?<process>\d+)#(?<thread>\d+): "#,
        times: &["%Y/%m/%d %H:%M:%S"],
        levels: &[("debug", Level(10)), ("info", Level(20)), ("notice", Level(25)), ("warn", Level(30)), ("error", Level(40)), ("crit", Level(50)), ("alert", Level(50)), ("emerg", Level(50))],
        prefix: &["09", "09", "09", "09", "//", "09", "09", "//", "09", "09", "  ", "09", "09", "::", "09", "09", "::", "09", "09", "  ", "[[", "az", "]]az", "  ]]az", "  09]]az", "  ##09]]az", "  ##09]]az", "  ##0:]]az", "  ##0:]]az"],
        needed: "0#/:[]",
        ..Definition::DEFAULT
    },
    Definition {
        name: "nlb",
        title: "AWS network load balancers",
        pattern: r#"tls [12]\.0 (?<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d) (?<name>[^ ]+) [^ ]+ (?<client>[^ ]+) "#,
        times: &["%Y-%m-%dT%H:%M:%S"],
        zone: Some("UTC"),
        prefix: &["tt", "ll", "ss", "  ", "12", "..", "00", "  ", "09", "09", "09", "09", "--", "09", "09", "--", "09", "09", "TT", "09", "09", "::", "09", "09", "::", "09", "09", "  "],
        needed: "0A-.:",
        ..Definition::DEFAULT
    },
    Definition {
        name: "nlog",
        title: "NLog, the default layout",
        pattern: r#"(?<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{4})\|(?<level>[A-Z]+)\|(?<name>[^|]+)\|"#,
        times: &["%Y-%m-%d %H:%M:%S.%f"],
        prefix: &["09", "09", "09", "09", "--", "09", "09", "--", "09", "09", "  ", "09", "09", "::", "09", "09", "::", "09", "09", "..", "09", "09", "09", "09", "||", "AZ", "AZ||"],
        needed: "0A-.:|",
        ..Definition::DEFAULT
    },
    Definition {
        name: "npmlog-bare",
        title: "npmlog without a heading",
        pattern: r#"(?<level>sill|verb|ERR!) (?<name>[^ ]+) "#,
        levels: &[("sill", Level(5)), ("verb", Level(5)), ("ERR!", Level(40))],
        prefix: &["EEssvv", "RReeii", "RRllrr", "!!bbll", "  "],
        ..Definition::DEFAULT
    },
    Definition {
        name: "npmlog",
        title: "npmlog with a heading: npm, node-gyp",
        pattern: r#"(?:npm|gyp) (?<level>sill|verb|info|timing|http|WARN|ERR!|warn|error) (?<name>[^ ]+) "#,
        levels: &[("sill", Level(5)), ("verb", Level(5)), ("info", Level(20)), ("timing", Level(15)), ("http", Level(15)), ("WARN", Level(30)), ("warn", Level(30)), ("ERR!", Level(40)), ("error", Level(40))],
        prefix: &["ggnn", "ppyy", "mmpp", "  ", "EEWWeehistvw", "AARRaaeeiinnrrtt", "RRfflmrrtt", "!!NNbbiillnp"],
        ..Definition::DEFAULT
    },
    Definition {
        name: "odoo",
        title: "Odoo",
        pattern: r#"(?<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}) (?<process>\d+) (?<level>DEBUG|INFO|WARNING|ERROR|CRITICAL) (?<database>[^ ]+) (?<name>[a-z][A-Za-z0-9_.]*): "#,
        times: &["%Y-%m-%d %H:%M:%S,%f"],
        prefix: &["09", "09", "09", "09", "--", "09", "09", "--", "09", "09", "  ", "09", "09", "::", "09", "09", "::", "09", "09", ",,", "09", "09", "09", "  ", "09", "  09", "  09CEIIWW", "  09AACEIINNRRWW", "  09AFIINNRRWW", "  09AFIINORRTUWW"],
        needed: "0A,-:",
        ..Definition::DEFAULT
    },
    Definition {
        name: "openstack-merged",
        title: "OpenStack, with the file name before each line",
        pattern: r#"[a-z-]+\.log\.\d[^ ]* (?<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}) (?<process>\d+) (?<level>[A-Z]+) (?<name>[^ ]+) "#,
        times: &["%Y-%m-%d %H:%M:%S.%f"],
        prefix: &["--az", "-.az", "-.az", "-.az", "-.az", "-.az", "-.09az"],
        needed: "0A-.:",
        ..Definition::DEFAULT
    },
    Definition {
        name: "openstack",
        title: "OpenStack (oslo.log)",
        pattern: r#"(?<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}) (?<process>\d+) (?<level>[A-Z]+) (?<name>[^ ]+) \["#,
        times: &["%Y-%m-%d %H:%M:%S.%f"],
        prefix: &["09", "09", "09", "09", "--", "09", "09", "--", "09", "09", "  ", "09", "09", "::", "09", "09", "::", "09", "09", "..", "09", "09", "09", "  ", "09", "  09", "  09AZ", "  09AZ"],
        needed: "0A-.:[",
        ..Definition::DEFAULT
    },
    Definition {
        name: "php-fpm",
        title: "PHP-FPM",
        pattern: r#"\[(?<time>\d\d-[A-Z][a-z]{2}-\d{4} \d\d:\d\d:\d\d(?:\.\d+)?)\] (?<level>DEBUG|NOTICE|WARNING|ERROR|ALERT): (?:pid (?<process>\d+), (?<funcName>\w+)\(\), line (?<lineno>\d+): )?(?:\[pool (?<name>[^\]]+)\] )?"#,
        times: &["%d-%b-%Y %H:%M:%S", "%d-%b-%Y %H:%M:%S.%f"],
        prefix: &["[[", "09", "09", "--", "AZ", "az", "az", "--", "09", "09", "09", "09", "  ", "09", "09", "::", "09", "09", "::", "09", "09", "..]]", "  09"],
        needed: "0A-:[]",
        ..Definition::DEFAULT
    },
    Definition {
        name: "php",
        title: "PHP, error_log",
        pattern: r#"\[(?<time>\d\d-[A-Z][a-z]{2}-\d{4} \d\d:\d\d:\d\d [A-Z][A-Za-z/_]+)\] (?:PHP (?<level>Fatal error|Parse error|Warning|Notice|Deprecated|Recoverable fatal error): +)?"#,
        times: &["%d-%b-%Y %H:%M:%S %Z"],
        levels: &[("Fatal error", Level(50)), ("Parse error", Level(50)), ("Recoverable fatal error", Level(40)), ("Warning", Level(30)), ("Notice", Level(25)), ("Deprecated", Level(30))],
        prefix: &["[[", "09", "09", "--", "AZ", "az", "az", "--", "09", "09", "09", "09", "  ", "09", "09", "::", "09", "09", "::", "09", "09", "  ", "AZ"],
        needed: "0A-:[]",
        ..Definition::DEFAULT
    },
    Definition {
        name: "pino-pretty",
        title: "pino-pretty",
        pattern: r#"\[(?<time>\d\d:\d\d:\d\d\.\d{3}|\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} [+-]\d{4})\] (?<level>TRACE|DEBUG|INFO|WARN|ERROR|FATAL) \((?:(?<name>[^/)]+)/)?(?<process>\d+)(?: on (?<hostname>[^)]+))?\): "#,
        times: &["%H:%M:%S.%f", "%Y-%m-%d %H:%M:%S.%f %z"],
        prefix: &["[[", "09", "09", "0:", "09", "--09", "0:", "09", "--09", "..09", "09", "  09", "09"],
        needed: "0A().:[]",
        ..Definition::DEFAULT
    },
    Definition {
        name: "postgresql-csv",
        title: "PostgreSQL, csvlog",
        pattern: r#"(?<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} [A-Z+0-9-]+),(?:"(?<user>[^"]*)")?,(?:"(?<database>[^"]*)")?,(?<process>\d+),(?:"[^"]*")?,[^,]*,\d*,(?:"[^"]*")?,[^,]*,[^,]*,\d*,(?<level>[A-Z]+[1-5]?),(?<sqlstate>[^,]*),"#,
        times: &["%Y-%m-%d %H:%M:%S.%f %Z"],
        levels: &[("LOG", Level(20)), ("INFO", Level(20)), ("NOTICE", Level(25)), ("WARNING", Level(30)), ("ERROR", Level(40)), ("FATAL", Level(50)), ("PANIC", Level(50)), ("DETAIL", Level(20)), ("HINT", Level(20)), ("CONTEXT", Level(20)), ("STATEMENT", Level(20)), ("QUERY", Level(20)), ("LOCATION", Level(20)), ("DEBUG", Level(10)), ("DEBUG1", Level(10)), ("DEBUG2", Level(10)), ("DEBUG3", Level(10)), ("DEBUG4", Level(10)), ("DEBUG5", Level(10))],
        continues: Some(Continues::Matches(r#"$|[^0-9]|\d{1,3}(?:[^0-9]|$)|\d{5}|\d{4}(?:[^0-9-]|$|-(?:[^0-9]|$))"#)),
        prefix: &["09", "09", "09", "09", "--", "09", "09", "--", "09", "09", "  ", "09", "09", "::", "09", "09", "::", "09", "09", "..", "09", "09", "09", "  ", "++--09AZ", "+-09AZ", "\"\"+-09AZ"],
        needed: "0A,-.:",
        ..Definition::DEFAULT
    },
    Definition {
        name: "postgresql-rds",
        title: "PostgreSQL, with the log_line_prefix of Amazon RDS",
        pattern: r#"(?<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [A-Z]+):(?<client>[^:]*):(?<user>[^ @:]*)@(?<database>[^ @:]*):\[(?<process>\d+)\]:(?<level>[A-Z]+[1-5]?):  "#,
        times: &["%Y-%m-%d %H:%M:%S %Z"],
        levels: &[("LOG", Level(20)), ("INFO", Level(20)), ("NOTICE", Level(25)), ("WARNING", Level(30)), ("ERROR", Level(40)), ("FATAL", Level(50)), ("PANIC", Level(50)), ("DETAIL", Level(20)), ("HINT", Level(20)), ("CONTEXT", Level(20)), ("STATEMENT", Level(20)), ("QUERY", Level(20)), ("LOCATION", Level(20)), ("DEBUG", Level(10)), ("DEBUG1", Level(10)), ("DEBUG2", Level(10)), ("DEBUG3", Level(10)), ("DEBUG4", Level(10)), ("DEBUG5", Level(10))],
        continues: Some(Continues::Matches(r#"\t|\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [A-Z]+:[^ ]*:\[\d+\]:(?:DETAIL|HINT|CONTEXT|STATEMENT|QUERY|LOCATION):  "#)),
        prefix: &["09", "09", "09", "09", "--", "09", "09", "--", "09", "09", "  ", "09", "09", "::", "09", "09", "::", "09", "09", "  ", "AZ", "::AZ"],
        needed: "0A-:@[]",
        ..Definition::DEFAULT
    },
    Definition {
        name: "postgresql-user",
        title: "PostgreSQL, with the log_line_prefix of Debian (user and database)",
        pattern: r#"(?<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d{3})? [A-Z+0-9-]+) \[(?<process>\d+)\] (?<user>[^ @]*)@(?<database>[^ @]*) (?<level>[A-Z]+[1-5]?):  "#,
        times: &["%Y-%m-%d %H:%M:%S.%f %Z", "%Y-%m-%d %H:%M:%S %Z"],
        levels: &[("LOG", Level(20)), ("INFO", Level(20)), ("NOTICE", Level(25)), ("WARNING", Level(30)), ("ERROR", Level(40)), ("FATAL", Level(50)), ("PANIC", Level(50)), ("DETAIL", Level(20)), ("HINT", Level(20)), ("CONTEXT", Level(20)), ("STATEMENT", Level(20)), ("QUERY", Level(20)), ("LOCATION", Level(20)), ("DEBUG", Level(10)), ("DEBUG1", Level(10)), ("DEBUG2", Level(10)), ("DEBUG3", Level(10)), ("DEBUG4", Level(10)), ("DEBUG5", Level(10))],
        continues: Some(Continues::Matches(r#"\t|\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d{3})? [A-Z+0-9-]+ \[\d+\] (?:[^ :]*@[^ :]* )?(?:DETAIL|HINT|CONTEXT|STATEMENT|QUERY|LOCATION):  "#)),
        prefix: &["09", "09", "09", "09", "--", "09", "09", "--", "09", "09", "  ", "09", "09", "::", "09", "09", "::", "09", "09", "  ..", "++--09AZ", "  ++--09AZ", "  ++--09A[", "  ++--09A[", "  ++--09A[]]", "  ++--09A[]]"],
        needed: "0A-:@[]",
        ..Definition::DEFAULT
    },
    Definition {
        name: "postgresql",
        title: "PostgreSQL, with the default and the Debian log_line_prefix; PgBouncer",
        pattern: r#"(?<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d{3})? [A-Z+0-9-]+) \[(?<process>\d+)\] (?<level>[A-Z]+[1-5]?)(?::  | )"#,
        times: &["%Y-%m-%d %H:%M:%S.%f %Z", "%Y-%m-%d %H:%M:%S %Z"],
        levels: &[("LOG", Level(20)), ("INFO", Level(20)), ("NOTICE", Level(25)), ("WARNING", Level(30)), ("ERROR", Level(40)), ("FATAL", Level(50)), ("PANIC", Level(50)), ("DETAIL", Level(20)), ("HINT", Level(20)), ("CONTEXT", Level(20)), ("STATEMENT", Level(20)), ("QUERY", Level(20)), ("LOCATION", Level(20)), ("DEBUG", Level(10)), ("DEBUG1", Level(10)), ("DEBUG2", Level(10)), ("DEBUG3", Level(10)), ("DEBUG4", Level(10)), ("DEBUG5", Level(10))],
        continues: Some(Continues::Matches(r#"\t|\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d{3})? [A-Z+0-9-]+ \[\d+\] (?:[^ :]*@[^ :]* )?(?:DETAIL|HINT|CONTEXT|STATEMENT|QUERY|LOCATION):  "#)),
        prefix: &["09", "09", "09", "09", "--", "09", "09", "--", "09", "09", "  ", "09", "09", "::", "09", "09", "::", "09", "09", "  ..", "++--09AZ", "  ++--09AZ", "  ++--09A[", "  ++--09A[", "  ++--09A[]]", "  ++--09A[]]", "  ++--09A[]]", "  ++--0:A[]]"],
        needed: "0A-:[]",
        ..Definition::DEFAULT
    },
    Definition {
        name: "proxifier",
        title: "Proxifier",
        pattern: r#"\[(?<time>\d\d\.\d\d \d\d:\d\d:\d\d)\] (?<name>[^ ]+(?: \*64)?) - "#,
        times: &["%m.%d %H:%M:%S"],
        prefix: &["[[", "09", "09", "..", "09", "09", "  ", "09", "09", "::", "09", "09", "::", "09", "09", "]]", "  "],
        needed: "0-.:[]",
        ..Definition::DEFAULT
    },
    Definition {
        name: "python-basic",
        title: "Python logging, basicConfig",
        pattern: r#"(?<level>DEBUG|INFO|WARNING|ERROR|CRITICAL):(?<name>[^ :]+):"#,
        prefix: &["CEIIWW", "AAEENNRR", "BBFFIIRR", "NOTU"],
        needed: "A:",
        ..Definition::DEFAULT
    },
    Definition {
        name: "python-dashes",
        title: "Python logging: asctime - name - levelname - message",
        pattern: r#"(?<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}) - (?<name>[^ ]+) - (?<level>[A-Z]+) - "#,
        times: &["%Y-%m-%d %H:%M:%S,%f"],
        prefix: &["09", "09", "09", "09", "--", "09", "09", "--", "09", "09", "  ", "09", "09", "::", "09", "09", "::", "09", "09", ",,", "09", "09", "09", "  ", "--", "  "],
        needed: "0A,-:",
        ..Definition::DEFAULT
    },
    Definition {
        name: "python-level-name",
        title: "Python logging: asctime levelname name: message",
        rank: 60,
        pattern: r#"(?<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}) \[?(?<level>DEBUG|INFO|WARNING|ERROR|CRITICAL)\]? +(?<name>[a-z_][A-Za-z0-9_.-]*|[A-Z][A-Za-z0-9_-]*\.[A-Za-z0-9_.-]+): "#,
        times: &["%Y-%m-%d %H:%M:%S,%f"],
        prefix: &["09", "09", "09", "09", "--", "09", "09", "--", "09", "09", "  ", "09", "09", "::", "09", "09", "::", "09", "09", ",,", "09", "09", "09", "  ", "CEIIWW[[", "AACEIINNRRWW", "ABEFIINNRR", "BBFFIINORRTU"],
        needed: "0A,-:",
        ..Definition::DEFAULT
    },
    Definition {
        name: "python-name-level",
        title: "Python logging: asctime name levelname message",
        rank: 60,
        pattern: r#"(?<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}) \[?(?<name>[A-Za-z_][A-Za-z0-9_.-]*)\]? +\[?(?<level>DEBUG|INFO|WARNING|ERROR|CRITICAL)\]?:? "#,
        times: &["%Y-%m-%d %H:%M:%S,%f"],
        prefix: &["09", "09", "09", "09", "--", "09", "09", "--", "09", "09", "  ", "09", "09", "::", "09", "09", "::", "09", "09", ",,", "09", "09", "09", "  "],
        needed: "0A,-:",
        ..Definition::DEFAULT
    },
    Definition {
        name: "rabbitmq-3.8",
        title: "RabbitMQ 3.7 and 3.8",
        pattern: r#"(?<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}) \[(?<level>[a-z]+)\] <[0-9.]+> "#,
        times: &["%Y-%m-%d %H:%M:%S.%f"],
        prefix: &["09", "09", "09", "09", "--", "09", "09", "--", "09", "09", "  ", "09", "09", "::", "09", "09", "::", "09", "09", "..", "09", "09", "09", "  ", "[[", "az", "]]az", "  ]]az", "  <<]]az", "  ..09<<]]az", "  ..09<<>>]]az", "  ..09<<>>]]az"],
        needed: "0-.:<>[]",
        ..Definition::DEFAULT
    },
    Definition {
        name: "rabbitmq",
        title: "RabbitMQ 3.9 and later",
        pattern: r#"(?<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}[+-]\d\d:\d\d) \[(?<level>[a-z]+)\] <[0-9.]+> "#,
        times: &["%Y-%m-%d %H:%M:%S.%f%z"],
        prefix: &["09", "09", "09", "09", "--", "09", "09", "--", "09", "09", "  ", "09", "09", "::", "09", "09", "::", "09", "09", "..", "09", "09", "09", "09", "09", "09", "++--", "09", "09", "::", "09", "09"],
        needed: "0-.:<>[]",
        ..Definition::DEFAULT
    },
    Definition {
        name: "rails",
        title: "Rails, requests in development",
        pattern: r#"Started [A-Z]+ "[^"]*" for (?<client>[0-9a-fA-F.:]+) at (?<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d{4})"#,
        times: &["%Y-%m-%d %H:%M:%S %z"],
        prefix: &["SS", "tt", "aa", "rr", "tt", "ee", "dd", "  ", "AZ", "  AZ", "  \"\"AZ"],
        needed: "0A\"-:",
        ..Definition::DEFAULT
    },
    Definition {
        name: "redis-2",
        title: "Redis before 3.0",
        pattern: r#"\[(?<process>\d+)\] (?<time>\d\d [A-Z][a-z]{2} \d\d:\d\d:\d\d(?:\.\d{3})?) (?<level>[.*#-]) "#,
        times: &["%d %b %H:%M:%S", "%d %b %H:%M:%S.%f"],
        levels: &[(".", Level(10)), ("-", Level(10)), ("*", Level(20)), ("#", Level(30))],
        prefix: &["[[", "09", "09]]", "  09]]", "  09]]", "  09]]", "  09]]", "  09AZ]]"],
        needed: "0A:[]",
        ..Definition::DEFAULT
    },
    Definition {
        name: "redis-signal",
        title: "Redis and Valkey, on a signal",
        pattern: r#"(?<process>\d+):signal-handler \((?<time>\d{10})\) "#,
        times: &["epoch"],
        prefix: &["09", "0:", "0:ss", "0:iiss", "0:ggiiss", "0:ggiinnss", "0:aaggiinnss", "0:aaggiillnnss", "--0:aaggiillnnss", "--0:aagillnnss", "--0:aagillnnss", "--0:aagillnnss", "--0:aaddgillnnss", "--0:aaddgillnnss", "--0:aadegillnnss", "--0:aadegillnnrs", "  --0:aadegillnnrs", "  ((--0:aadegillnnrs", "  ((--0:aadegillnnrs", "  ((--0:aadegillnnrs", "  ((--0:aadegillnnrs", "  ((--0:aadegillnnrs", "  ((--0:aadegillnnrs", "  ((--0:aadegillnnrs", "  ((--0:aadegillnnrs", "  ((--0:aadegillnnrs", "  ((--0:aadegillnnrs", "  ((--0:aadegillnnrs", "  ()--0:aadegillnnrs", "  ()--0:aadegillnnrs"],
        needed: "0()-:",
        ..Definition::DEFAULT
    },
    Definition {
        name: "redis",
        title: "Redis and Valkey",
        pattern: r#"(?<process>\d+):(?<role>[XCSM]) (?<time>\d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d\.\d{3}) (?<level>[.*#-]) "#,
        times: &["%d %b %Y %H:%M:%S.%f"],
        levels: &[(".", Level(10)), ("-", Level(10)), ("*", Level(20)), ("#", Level(30))],
        prefix: &["09", "0:", "0:CCMMSSXX", "  0:CCMMSSXX", "  0:CCMMSSXX", "  0:CCMMSSXX", "  0:CCMMSSXX", "  0:AZ"],
        needed: "0A.:",
        ..Definition::DEFAULT
    },
    Definition {
        name: "rfc2822",
        title: "any text after a date of RFC 2822",
        rank: 80,
        pattern: r#"(?<time>(?:[A-Z][a-z]{2}, )?\d{1,2} [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d (?:[+-]\d{4}|GMT|UTC))(?:[:\]]|) "#,
        times: &["%a, %d %b %Y %H:%M:%S %z", "%d %b %Y %H:%M:%S %z", "%a, %d %b %Y %H:%M:%S %Z", "%d %b %Y %H:%M:%S %Z"],
        prefix: &["09AZ", "  09az"],
        needed: "0A:",
        ..Definition::DEFAULT
    },
    Definition {
        name: "rich",
        title: "rich.logging of Python",
        pattern: r#"\[(?<time>(?:\d\d/\d\d/\d\d )?\d\d:\d\d:\d\d)\] (?<level>DEBUG|INFO|WARNING|ERROR|CRITICAL) +"#,
        times: &["%m/%d/%y %H:%M:%S", "%H:%M:%S"],
        prefix: &["[[", "09", "09", "//::", "09", "09", "//::", "09", "09", "  ]]", "  09", "09CEIIWW", "::AAEENNRR", "09BBFFIIRR", "09NOTU"],
        needed: "0A:[]",
        ..Definition::DEFAULT
    },
    Definition {
        name: "ros",
        title: "ROS 1 and 2",
        pattern: r#"\[ *(?<level>DEBUG|INFO|WARN|ERROR|FATAL)\] \[(?<time>\d{10}\.\d+)\](?: \[(?<name>[^\]]+)\])?: "#,
        times: &["epoch"],
        prefix: &["[[", "  DFIIWW", "  AADFIINNRRWW", "  ABDFIINNRRTTWW", "  ABDFIINORRTUWW"],
        needed: "0A.:[]",
        ..Definition::DEFAULT
    },
    Definition {
        name: "ruby",
        title: "Ruby Logger: Rails, Puma, Unicorn",
        pattern: r#"[DIWEFA], \[(?<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}) #(?<process>\d+)\] +(?<level>[A-Z]+) -- (?<name>[^:]*): ?"#,
        times: &["iso"],
        levels: &[("DEBUG", Level(10)), ("INFO", Level(20)), ("WARN", Level(30)), ("ERROR", Level(40)), ("FATAL", Level(50)), ("ANY", Level(0))],
        prefix: &["AADFIIWW", ",,", "  ", "[[", "09", "09", "09", "09", "--", "09", "09", "--", "09", "09", "TT", "09", "09", "::", "09", "09", "::", "09", "09", "..", "09", "09", "09", "09", "09", "09", "  ", "##"],
        needed: "0A#,-.:[]",
        ..Definition::DEFAULT
    },
    Definition {
        name: "s3-access",
        title: "Amazon S3, server access log",
        pattern: r#"[0-9a-f]{64} (?<name>[^ ]+) \[(?<time>\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4})\] (?<client>[^ ]+) "#,
        times: &["%d/%b/%Y:%H:%M:%S %z"],
        prefix: &["09af", "09af", "09af", "09af", "09af", "09af", "09af", "09af", "09af", "09af", "09af", "09af", "09af", "09af", "09af", "09af", "09af", "09af", "09af", "09af", "09af", "09af", "09af", "09af", "09af", "09af", "09af", "09af", "09af", "09af", "09af", "09af"],
        needed: "0A/:[]",
        ..Definition::DEFAULT
    },
    Definition {
        name: "salt",
        title: "Salt, log files",
        pattern: r#"(?<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}) \[(?<name>[^ \]]+) *:(?<lineno>\d+) *\]\[(?<level>[A-Z]+) *\]\[(?<process>\d+)\] "#,
        times: &["%Y-%m-%d %H:%M:%S,%f"],
        prefix: &["09", "09", "09", "09", "--", "09", "09", "--", "09", "09", "  ", "09", "09", "::", "09", "09", "::", "09", "09", ",,", "09", "09", "09", "  ", "[["],
        needed: "0A,-:[]",
        ..Definition::DEFAULT
    },
    Definition {
        name: "samba",
        title: "Samba",
        pattern: r#"\[(?<time>\d{4}/\d\d/\d\d \d\d:\d\d:\d\d\.\d{6}), +(?<debuglevel>\d+)(?:, pid=(?<process>\d+)[^\]]*)?\] (?<pathname>[^ :]+):(?<lineno>\d+)\((?<funcName>[^)]*)\)"#,
        times: &["%Y/%m/%d %H:%M:%S.%f"],
        continues: Some(Continues::Matches(r#"  "#)),
        prefix: &["[[", "09", "09", "09", "09", "//", "09", "09", "//", "09", "09", "  ", "09", "09", "::", "09", "09", "::", "09", "09", "..", "09", "09", "09", "09", "09", "09", ",,", "  ", "  09", "  ,,09]]", "  ,,09]]"],
        needed: "0(),./:[]",
        ..Definition::DEFAULT
    },
    Definition {
        name: "scrapy",
        title: "Scrapy",
        pattern: r#"(?<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) \[(?<name>[A-Za-z_][A-Za-z0-9_.-]*)\] (?<level>DEBUG|INFO|WARNING|ERROR|CRITICAL): "#,
        times: &["%Y-%m-%d %H:%M:%S"],
        prefix: &["09", "09", "09", "09", "--", "09", "09", "--", "09", "09", "  ", "09", "09", "::", "09", "09", "::", "09", "09", "  ", "[["],
        needed: "0A-:[]",
        ..Definition::DEFAULT
    },
    Definition {
        name: "serilog-file",
        title: "Serilog, file",
        pattern: r#"(?<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} [+-]\d\d:\d\d) \[(?<level>VRB|DBG|INF|WRN|ERR|FTL)\] "#,
        times: &["%Y-%m-%d %H:%M:%S.%f %z"],
        levels: &[("VRB", Level(5)), ("DBG", Level(10)), ("INF", Level(20)), ("WRN", Level(30)), ("ERR", Level(40)), ("FTL", Level(50))],
        prefix: &["09", "09", "09", "09", "--", "09", "09", "--", "09", "09", "  ", "09", "09", "::", "09", "09", "::", "09", "09", "..", "09", "09", "09", "  ", "++--", "09", "09", "::", "09", "09", "  ", "[["],
        needed: "0A-.:[]",
        ..Definition::DEFAULT
    },
    Definition {
        name: "serilog",
        title: "Serilog, console",
        pattern: r#"\[(?<time>\d\d:\d\d:\d\d) (?<level>VRB|DBG|INF|WRN|ERR|FTL)\] "#,
        times: &["%H:%M:%S"],
        levels: &[("VRB", Level(5)), ("DBG", Level(10)), ("INF", Level(20)), ("WRN", Level(30)), ("ERR", Level(40)), ("FTL", Level(50))],
        prefix: &["[[", "09", "09", "::", "09", "09", "::", "09", "09", "  ", "DFIIVW", "BBNNRRTT", "BBFGLLNNRR", "]]", "  "],
        needed: "0A:[]",
        ..Definition::DEFAULT
    },
    Definition {
        name: "shell-error",
        title: "shells, of any script: usual errors",
        rank: 61,
        pattern: r#"(?:[EW]: )?(?<pathname>[a-z./~_][^ :\[\]="'{}]*)(?:\[|: (?:[a-z.]+: |syntax error at )?(?:line )?|:(?:[a-z.]+:)?)(?<lineno>\d+)\]?(?<level>: )(?<message>(?:.*: )?(?:(?:command |inaccessible or )?not found|unbound variable|parameter not set|[Bb]ad substitution|(?:[Ss]yntax|parse) error.*|`.*'(?: unexpected| unmatched)?|(?:cannot execute )?\[?(?:[Nn]o such file or directory|[Pp]ermission denied)\]?(?:: .*)?|can't cd to .*|command not found: .*|no matches found: .*|division by zero|unmatched .|readonly variable|is read only|read-only(?: variable)?: .*))$"#,
        levels: &[(":", Level(40))],
        prefix: &["./EEWW__az~~"],
        needed: "0:",
        ..Definition::DEFAULT
    },
    Definition {
        name: "shell-script",
        title: "shells, of a script that is named as one",
        rank: 60,
        pattern: r#"(?:[EW]: )?(?<pathname>[a-z./~_][^ :\[\]=]*\.(?:sh|bash|ksh|zsh))(?:\[|: (?:[a-z.]+: |syntax error at )?(?:line )?)(?<lineno>\d+)\]?(?<level>: warning: |: )"#,
        levels: &[(": warning:", Level(30)), (":", Level(40))],
        prefix: &["./EEWW__az~~"],
        needed: "0.:",
        ..Definition::DEFAULT
    },
    Definition {
        name: "shell",
        title: "shells, of a command without a script",
        rank: 60,
        pattern: r#"(?:[EW]: )?(?:[./~][^ :\[\]=]*/)?-?(?<name>sh|bash|dash|ash|zsh|ksh|mksh|fish|yash)(?:(?:\[|: (?:line )?|:)(?<lineno>\d+)\]?)?(?<level>: warning: |: )"#,
        levels: &[(": warning:", Level(30)), (":", Level(40))],
        prefix: &["-/EEWWabddffkkmmssyz~~"],
        needed: ":",
        ..Definition::DEFAULT
    },
    Definition {
        name: "sidekiq",
        title: "Sidekiq",
        pattern: r#"(?<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z) pid=(?<process>\d+) tid=(?<tid>[^ ]+)(?: class=(?<name>[^ ]+))?(?: jid=[^ ]+)?(?: elapsed=[^ ]+)? (?<level>[A-Z]+): "#,
        times: &["iso"],
        prefix: &["09", "09", "09", "09", "--", "09", "09", "--", "09", "09", "TT", "09", "09", "::", "09", "09", "::", "09", "09", "..", "09", "09", "09", "ZZ", "  ", "pp", "ii", "dd", "==", "09", "  09", "  09tt"],
        needed: "0A-.:=",
        ..Definition::DEFAULT
    },
    Definition {
        name: "signale",
        title: "signale, with date and time",
        pattern: r#"\[(?<time>\d{1,2}/\d{1,2}/\d{4}\] \[\d{1,2}:\d\d:\d\d [AP]M)\](?: \[(?<name>[^\]]+)\])? \xe2\x80\xba +[^ ]+ +(?<level>[a-z]+) +"#,
        times: &["%m/%d/%Y] [%I:%M:%S %p"],
        levels: &[("debug", Level(10)), ("info", Level(20)), ("success", Level(25)), ("warn", Level(30)), ("warning", Level(30)), ("error", Level(40)), ("fatal", Level(50)), ("await", Level(20)), ("complete", Level(20)), ("fav", Level(20)), ("log", Level(20)), ("note", Level(20)), ("pause", Level(20)), ("pending", Level(20)), ("star", Level(20)), ("start", Level(20)), ("wait", Level(20)), ("watch", Level(20))],
        prefix: &["[[", "09", "/9", "/9", "/9", "/9", "/9", "/9", "/9", "/9]]", "  /9]]", "  /9[[]]", "  /9[[]]", "  /:[[]]", "  /:[[]]", "  /:[[]]", "  /:[[]]", "  /:[[]]", "  /:[[]]", "  /:[[]]", "  /:AAPP[[]]", "  /:AAMMPP[[]]", "  /:AAMMPP[[]]", "  /:AAMMPP[[]]"],
        needed: "0A/:[]",
        ..Definition::DEFAULT
    },
    Definition {
        name: "simplelog",
        title: "simplelog",
        rank: 60,
        pattern: r#"(?<time>\d\d:\d\d:\d\d) \[(?<level>TRACE|DEBUG|INFO|WARN|ERROR)\] (?:\((?<thread>\d+)\) )?(?:(?<name>[A-Za-z_][A-Za-z0-9_:]*): )?"#,
        times: &["%H:%M:%S"],
        prefix: &["09", "09", "::", "09", "09", "::", "09", "09", "  ", "[[", "DEIITTWW", "AAEENNRR", "ABFFRR", "CCNOUU"],
        needed: "0A:[]",
        ..Definition::DEFAULT
    },
    Definition {
        name: "slog-term",
        title: "slog-term of Rust",
        pattern: r#"(?<time>[A-Z][a-z]{2} \d\d \d\d:\d\d:\d\d\.\d{3}) (?<level>TRCE|DEBG|INFO|WARN|ERRO|CRIT) "#,
        times: &["%b %d %H:%M:%S.%f"],
        levels: &[("TRCE", Level(5)), ("DEBG", Level(10)), ("INFO", Level(20)), ("WARN", Level(30)), ("ERRO", Level(40)), ("CRIT", Level(50))],
        prefix: &["AZ", "az", "az", "  ", "09", "09", "  ", "09", "09", "::", "09", "09", "::", "09", "09", "..", "09", "09", "09", "  ", "CEIITTWW", "AAEENNRR", "BCFFIIRR", "EEGGNOTT", "  "],
        needed: "0A.:",
        ..Definition::DEFAULT
    },
    Definition {
        name: "solr",
        title: "Solr",
        pattern: r#"(?<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}) (?<level>[A-Z]+) +\((?<threadName>[^)]*)\) \[(?:[a-z]:| )[^\]]*\] (?<name>[^ ]+) "#,
        times: &["%Y-%m-%d %H:%M:%S.%f"],
        prefix: &["09", "09", "09", "09", "--", "09", "09", "--", "09", "09", "  ", "09", "09", "::", "09", "09", "::", "09", "09", "..", "09", "09", "09", "  ", "AZ", "  AZ", "  ((AZ"],
        needed: "0A()-.:[]",
        ..Definition::DEFAULT
    },
    Definition {
        name: "spark",
        title: "Spark",
        pattern: r#"(?<time>\d\d/\d\d/\d\d \d\d:\d\d:\d\d) (?<level>[A-Z]+) (?<name>[^ :]+): ?"#,
        times: &["%y/%m/%d %H:%M:%S"],
        prefix: &["09", "09", "//", "09", "09", "//", "09", "09", "  ", "09", "09", "::", "09", "09", "::", "09", "09", "  ", "AZ", "  AZ"],
        needed: "0A/:",
        ..Definition::DEFAULT
    },
    Definition {
        name: "spdlog",
        title: "spdlog",
        pattern: r#"\[(?<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3})\] (?:\[(?<name>[^\]]+)\] )?\[(?<level>trace|debug|info|warning|error|critical)\] "#,
        times: &["%Y-%m-%d %H:%M:%S.%f"],
        prefix: &["[[", "09", "09", "09", "09", "--", "09", "09", "--", "09", "09", "  ", "09", "09", "::", "09", "09", "::", "09", "09", "..", "09", "09", "09", "]]", "  ", "[["],
        needed: "0-.:[]",
        ..Definition::DEFAULT
    },
    Definition {
        name: "spring-boot-app",
        title: "Spring Boot 3.4 and later, with the name of the application",
        pattern: r#"(?<time>\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d\.\d{3}(?:Z|[+-]\d\d:\d\d)?) +(?<level>[A-Z]+) (?<process>\d+) --- \[(?<app>[^\]]*)\] \[(?<threadName>[^\]]*)\] (?:\[[^\]]*\] )?(?<name>[^ :]+) *: "#,
        times: &["iso"],
        prefix: &["09", "09", "09", "09", "--", "09", "09", "--", "09", "09", "  TT", "09", "09", "::", "09", "09", "::", "09", "09", "..", "09", "09", "09", "  ++--ZZ"],
        needed: "0A-.:[]",
        ..Definition::DEFAULT
    },
    Definition {
        name: "spring-boot",
        title: "Spring Boot",
        pattern: r#"(?<time>\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d\.\d{3}(?:Z|[+-]\d\d:\d\d)?) +(?<level>[A-Z]+) (?:\[[^\]]*\] )?(?<process>\d+) --- \[(?<threadName>[^\]]*)\] (?<name>[^ :]+) *: "#,
        times: &["iso"],
        prefix: &["09", "09", "09", "09", "--", "09", "09", "--", "09", "09", "  TT", "09", "09", "::", "09", "09", "::", "09", "09", "..", "09", "09", "09", "  ++--ZZ"],
        needed: "0A-.:[]",
        ..Definition::DEFAULT
    },
    Definition {
        name: "sqlalchemy",
        title: "SQLAlchemy, echo",
        pattern: r#"(?<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}) (?<level>DEBUG|INFO) (?<name>sqlalchemy\.[A-Za-z0-9_.]+) "#,
        times: &["%Y-%m-%d %H:%M:%S,%f"],
        prefix: &["09", "09", "09", "09", "--", "09", "09", "--", "09", "09", "  ", "09", "09", "::", "09", "09", "::", "09", "09", ",,", "09", "09", "09", "  ", "DDII", "EENN", "BBFF", "OOUU"],
        needed: "0A,-.:",
        ..Definition::DEFAULT
    },
    Definition {
        name: "squid-access",
        title: "Squid, access log",
        pattern: r#"(?<time>\d{10}\.\d{3}) +\d+ (?<client>[0-9a-fA-F.:]+) [A-Z_]+/(?<status>\d{3}) "#,
        times: &["epoch"],
        prefix: &["09", "09", "09", "09", "09", "09", "09", "09", "09", "09", "..", "09", "09", "09", "  ", "  09", "  09", "  ..0:AFaf", "  ..0:AFaf", "  ..0:AZ__af", "  .:AZ__af", "  .:AZ__af", "  .:AZ__af", "  .:AZ__af", "  .:AZ__af"],
        needed: "0./",
        ..Definition::DEFAULT
    },
    Definition {
        name: "squid-cache",
        title: "Squid, cache log",
        pattern: r#"(?<time>\d{4}/\d\d/\d\d \d\d:\d\d:\d\d)(?: (?<processName>kid\d+))?\| ?(?:(?<level>WARNING|ERROR|FATAL): )?"#,
        times: &["%Y/%m/%d %H:%M:%S"],
        prefix: &["09", "09", "09", "09", "//", "09", "09", "//", "09", "09", "  ", "09", "09", "::", "09", "09", "::", "09", "09", "  ||"],
        needed: "0/:|",
        ..Definition::DEFAULT
    },
    Definition {
        name: "strace-f",
        title: "strace -f with -t, -tt or -ttt, into a file",
        pattern: r#"(?<process>\d+) +(?<time>\d\d:\d\d:\d\d(?:\.\d{6})?|\d{10}\.\d{6}) (?:[a-z_0-9]+\(|<\.\.\. |\+\+\+ |--- )"#,
        times: &["%H:%M:%S", "%H:%M:%S.%f", "epoch"],
        prefix: &["09", "  09", "  09", "  09", "  0:", "  0:", "  0:", "  0:", "  0:", "  0:"],
        needed: "0",
        ..Definition::DEFAULT
    },
    Definition {
        name: "strace",
        title: "strace with -t, -tt or -ttt",
        pattern: r#"(?:\[pid +(?<process>\d+)\] )?(?<time>\d\d:\d\d:\d\d(?:\.\d{6})?|\d{10}\.\d{6}) (?:[a-z_0-9]+\(|<\.\.\. |\+\+\+ |--- )"#,
        times: &["%H:%M:%S", "%H:%M:%S.%f", "epoch"],
        prefix: &["09[[", "09pp", "0:ii", "09dd", "  09", "  0:", "  09]]", "  09]]"],
        needed: "0",
        ..Definition::DEFAULT
    },
    Definition {
        name: "structlog",
        title: "structlog, ConsoleRenderer",
        pattern: r#"(?<time>\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:\.\d+Z?)?) \[(?<level>[a-z]+) *\] (?:(?<message>[^\[]*) \[(?<name>[A-Za-z0-9_.]+)\])?"#,
        times: &["iso"],
        prefix: &["09", "09", "09", "09", "--", "09", "09", "--", "09", "09", "  TT", "09", "09", "::", "09", "09", "::", "09", "09", "  ..", "09[["],
        needed: "0-:[]",
        ..Definition::DEFAULT
    },
    Definition {
        name: "supervisor",
        title: "Supervisor, states of programs",
        rank: 59,
        pattern: r#"(?<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}) (?<level>CRIT|ERRO|WARN|INFO|DEBG) (?<message>(?:spawned|success|exited|stopped|killed|gave up|backoff): )"#,
        times: &["%Y-%m-%d %H:%M:%S,%f"],
        levels: &[("CRIT", Level(50)), ("ERRO", Level(40)), ("WARN", Level(30)), ("INFO", Level(20)), ("DEBG", Level(10))],
        prefix: &["09", "09", "09", "09", "--", "09", "09", "--", "09", "09", "  ", "09", "09", "::", "09", "09", "::", "09", "09", ",,", "09", "09", "09", "  ", "CEIIWW", "AAEENNRR", "BBFFIIRR", "GGNOTT", "  ", "bbeeggkkss", "aaiipptuxx", "aacciilloovv"],
        needed: "0A,-:",
        ..Definition::DEFAULT
    },
    Definition {
        name: "svlogd",
        title: "svlogd -tt and -ttt of runit",
        pattern: r#"(?<time>\d{4}-\d\d-\d\d[_T]\d\d:\d\d:\d\d\.\d{5}) "#,
        times: &["%Y-%m-%d_%H:%M:%S.%f", "%Y-%m-%dT%H:%M:%S.%f"],
        zone: Some("UTC"),
        prefix: &["09", "09", "09", "09", "--", "09", "09", "--", "09", "09", "TT__", "09", "09", "::", "09", "09", "::", "09", "09", "..", "09", "09", "09", "09", "09", "  "],
        needed: "0-.:",
        ..Definition::DEFAULT
    },
    Definition {
        name: "symfony-console",
        title: "Symfony, console handler",
        pattern: r#"(?<time>\d\d:\d\d:\d\d) (?<level>DEBUG|INFO|NOTICE|WARNING|ERROR|CRITICAL|ALERT|EMERGENCY) +\[(?<name>[^\]]+)\] "#,
        times: &["%H:%M:%S"],
        prefix: &["09", "09", "::", "09", "09", "::", "09", "09", "  ", "AACEIINNWW", "AAEELORR", "BBEFIIRRTT", "IINORRTU"],
        needed: "0A:[]",
        ..Definition::DEFAULT
    },
    Definition {
        name: "syslog-5424",
        title: "syslog (RFC 5424)",
        pattern: r#"1 (?<time>\d{4}-\d\d-\d\dT[0-9:.]+(?:Z|[+-]\d\d:\d\d)|-) (?<hostname>[^ ]+) (?<name>[^ ]+) (?<process>[^ ]+) (?<msgid>[^ ]+) (?:-|(?:\[[^ \]]+(?: [^ =\]]+="[^"\\]*(?:\\.[^"\\]*)*")*\])+) ?(?:\xef\xbb\xbf)?"#,
        times: &["iso"],
        prefix: &["11", "  ", "--09"],
        needed: "0-",
        ..Definition::DEFAULT
    },
    Definition {
        name: "syslog-iso",
        title: "syslog with ISO times: rsyslog since 8.2112 on Debian, journalctl -o short-iso",
        rank: 60,
        pattern: r#"(?<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d)) (?<hostname>[a-z0-9][^ ]*) (?<name>[^ :\[\]()]+)(?:\[(?<process>\d+)\])?: "#,
        times: &["iso"],
        prefix: &["09", "09", "09", "09", "--", "09", "09", "--", "09", "09", "TT", "09", "09", "::", "09", "09", "::", "09", "09", "++-.ZZ"],
        needed: "0A-:",
        ..Definition::DEFAULT
    },
    Definition {
        name: "syslog-local",
        title: "syslog without a host: what the C library sends to /dev/log",
        pattern: r#"(?<time>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d) (?<name>[^ :\[]+)(?:\[(?<process>\d+)\])?: "#,
        times: &["%b %d %H:%M:%S"],
        prefix: &["AZ", "az", "az", "  ", "  09", "09", "  ", "09", "09", "::", "09", "09", "::", "09", "09", "  "],
        needed: "0A:",
        ..Definition::DEFAULT
    },
    Definition {
        name: "syslog-login",
        title: "BSD syslog with a dash before the program: login of util-linux",
        pattern: r#"(?<time>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d) (?<hostname>[^ ]+)  -- (?<name>[^ :\[]+)\[(?<process>\d+)\]: "#,
        times: &["%b %d %H:%M:%S"],
        prefix: &["AZ", "az", "az", "  ", "  09", "09", "  ", "09", "09", "::", "09", "09", "::", "09", "09", "  "],
        needed: "0A-:[]",
        ..Definition::DEFAULT
    },
    Definition {
        name: "syslog-macos",
        title: "BSD syslog of macOS, whose programs have blanks in their names",
        rank: 51,
        pattern: r#"(?<time>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d) (?<hostname>[^ ]+) (?<name>[^ :\[]+(?: [^ :\[]+){1,3})\[(?<process>\d+)\](?: \([^)]*\))?: "#,
        times: &["%b %d %H:%M:%S"],
        prefix: &["AZ", "az", "az", "  ", "  09", "09", "  ", "09", "09", "::", "09", "09", "::", "09", "09", "  "],
        needed: "0A:[]",
        ..Definition::DEFAULT
    },
    Definition {
        name: "syslog",
        title: "BSD syslog (RFC 3164): rsyslog, syslog-ng, journalctl -o short",
        pattern: r#"(?<time>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d(?:\.\d+)?) (?<hostname>[^ ]+) (?<name>[^ :\[]+)(?:\[(?<process>\d+)\])?(?: [0-9(][^:]*)?: ?"#,
        times: &["%b %d %H:%M:%S", "%b %d %H:%M:%S.%f"],
        prefix: &["AZ", "az", "az", "  ", "  09", "09", "  ", "09", "09", "::", "09", "09", "::", "09", "09", "  .."],
        needed: "0A:",
        ..Definition::DEFAULT
    },
    Definition {
        name: "tai64n",
        title: "TAI64N labels: multilog, s6-log, svlogd",
        pattern: r#"(?<time>@[0-9a-f]{24}) "#,
        times: &["tai64n"],
        prefix: &["@@", "09af", "09af", "09af", "09af", "09af", "09af", "09af", "09af", "09af", "09af", "09af", "09af", "09af", "09af", "09af", "09af", "09af", "09af", "09af", "09af", "09af", "09af", "09af", "09af", "  "],
        needed: "@",
        ..Definition::DEFAULT
    },
    Definition {
        name: "telegraf",
        title: "Telegraf",
        pattern: r#"(?<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ) (?<level>[DIWE])! (?:\[(?<name>[^\]]+)\] )?"#,
        times: &["iso"],
        levels: &[("D", Level(10)), ("I", Level(20)), ("W", Level(30)), ("E", Level(40))],
        prefix: &["09", "09", "09", "09", "--", "09", "09", "--", "09", "09", "TT", "09", "09", "::", "09", "09", "::", "09", "09", "ZZ", "  ", "DEIIWW", "!!", "  "],
        needed: "0A!-:",
        ..Definition::DEFAULT
    },
    Definition {
        name: "tensorflow",
        title: "TensorFlow, C++",
        pattern: r#"(?<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}): (?<level>[IWEF]) (?<filename>[^ :]+):(?<lineno>\d+)\] "#,
        times: &["%Y-%m-%d %H:%M:%S.%f"],
        levels: &[("I", Level(20)), ("W", Level(30)), ("E", Level(40)), ("F", Level(50))],
        prefix: &["09", "09", "09", "09", "--", "09", "09", "--", "09", "09", "  ", "09", "09", "::", "09", "09", "::", "09", "09", "..", "09", "09", "09", "09", "09", "09", "::", "  ", "EFIIWW", "  "],
        needed: "0A-.:]",
        ..Definition::DEFAULT
    },
    Definition {
        name: "thunderbird",
        title: "Thunderbird cluster: syslog after an epoch and a date",
        pattern: r#"[^ ]+ (?<time>\d{10}) \d{4}\.\d\d\.\d\d (?<hostname>[^ ]+) [A-Z][a-z]{2} \d+ \d\d:\d\d:\d\d [^ ]+ (?:(?<name>(?:[^ :\[(]|\([^)]*\))+)(?:\[(?<process>\d+)\])?: ?)?"#,
        times: &["epoch"],
        needed: "0A.:",
        ..Definition::DEFAULT
    },
    Definition {
        name: "tomcat",
        title: "Tomcat, JULI OneLineFormatter",
        pattern: r#"(?<time>\d\d-[A-Z][a-z]{2}-\d{4} \d\d:\d\d:\d\d\.\d{3}) (?<level>SEVERE|WARNING|INFO|CONFIG|FINE|FINER|FINEST) \[(?<threadName>[^\]]*)\] (?<name>[^ ]+) "#,
        times: &["%d-%b-%Y %H:%M:%S.%f"],
        levels: &[("SEVERE", Level(40)), ("WARNING", Level(30)), ("INFO", Level(20)), ("CONFIG", Level(15)), ("FINE", Level(10)), ("FINER", Level(7)), ("FINEST", Level(5))],
        prefix: &["09", "09", "--", "AZ", "az", "az", "--", "09", "09", "09", "09", "  ", "09", "09", "::", "09", "09", "::", "09", "09", "..", "09", "09", "09", "  ", "CCFFIISSWW", "AAEEIINO", "FFNNRRVV", "EFNO"],
        needed: "0A-.:[]",
        ..Definition::DEFAULT
    },
    Definition {
        name: "tornado",
        title: "Tornado",
        pattern: r#"\[(?<level>[DIWEC]) (?<time>\d{6} \d\d:\d\d:\d\d) (?<module>[^ :\]]+):(?<lineno>\d+)\] "#,
        times: &["%y%m%d %H:%M:%S"],
        levels: &[("D", Level(10)), ("I", Level(20)), ("W", Level(30)), ("E", Level(40)), ("C", Level(50))],
        prefix: &["[[", "CEIIWW", "  ", "09", "09", "09", "09", "09", "09", "  ", "09", "09", "::", "09", "09", "::", "09", "09", "  "],
        needed: "0A:[]",
        ..Definition::DEFAULT
    },
    Definition {
        name: "tracing-compact",
        title: "tracing-subscriber, fmt, compact, in a span",
        rank: 49,
        pattern: r#"\x1b\[2m(?<time>[^\x1b]+)\x1b\[0m \x1b\[\d+m *(?<level>TRACE|DEBUG|INFO|WARN|ERROR)\x1b\[0m (?:\x1b\[1m[^\x1b]+\x1b\[0m:)+ \x1b\[2m(?<name>[^\x1b]+)\x1b\[0m\x1b\[2m:\x1b\[0m "#,
        times: &["iso"],
        prefix: &["\u{1b}\u{1b}", "[[", "22", "mm"],
        needed: "0A\u{1b}:[",
        ..Definition::DEFAULT
    },
    Definition {
        name: "tracing-pretty",
        title: "tracing-subscriber, pretty (several lines)",
        pattern: r#"  (?<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z) +(?<level>TRACE|DEBUG|INFO|WARN|ERROR) (?:[^ ]*[}:]: )??(?<name>[A-Za-z_][A-Za-z0-9_]*(?:::[A-Za-z0-9_]+)*): "#,
        times: &["iso"],
        continues: Some(Continues::Matches(r#"    (?:\x1b\[[0-9;]*m)*(?:at|in)"#)),
        prefix: &["  ", "  ", "09", "09", "09", "09", "--", "09", "09", "--", "09", "09", "TT", "09", "09", "::", "09", "09", "::", "09", "09", "..", "09", "09ZZ", "  09ZZ", "  09DEIITTWWZZ", "  09AADEIINNRRTTWWZZ", "  09ABDFIINNRRTTWWZZ", "  09AFIINORRTUWWZZ"],
        needed: "0A-.:",
        ..Definition::DEFAULT
    },
    Definition {
        name: "tracing-span",
        title: "tracing-subscriber, fmt, in a span",
        pattern: r#"(?<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z) +(?<level>TRACE|DEBUG|INFO|WARN|ERROR) [^ ]+\{.*\}: (?<name>(?:[A-Za-z0-9_]*:)+) "#,
        times: &["iso"],
        prefix: &["09", "09", "09", "09", "--", "09", "09", "--", "09", "09", "TT", "09", "09", "::", "09", "09", "::", "09", "09", "..ZZ", "  09"],
        needed: "0A-:{}",
        ..Definition::DEFAULT
    },
    Definition {
        name: "tracing",
        title: "tracing-subscriber, fmt",
        pattern: r#"(?<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z) +(?<level>TRACE|DEBUG|INFO|WARN|ERROR) (?<name>[a-z_](?:[A-Za-z0-9_]*:)+) "#,
        times: &["iso"],
        prefix: &["09", "09", "09", "09", "--", "09", "09", "--", "09", "09", "TT", "09", "09", "::", "09", "09", "::", "09", "09", "..ZZ", "  09"],
        needed: "0A-:",
        ..Definition::DEFAULT
    },
    Definition {
        name: "twisted",
        title: "Twisted",
        pattern: r#"(?<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d{4}) \[(?<name>[^#\]]+)#(?<level>debug|info|warn|error|critical)\] "#,
        times: &["iso"],
        prefix: &["09", "09", "09", "09", "--", "09", "09", "--", "09", "09", "TT", "09", "09", "::", "09", "09", "::", "09", "09", "++--", "09", "09", "09", "09", "  ", "[["],
        needed: "0A#-:[]",
        ..Definition::DEFAULT
    },
    Definition {
        name: "unbound",
        title: "Unbound",
        pattern: r#"\[(?<time>\d{10})\] (?<name>[a-z-]+)\[(?<process>\d+):[0-9a-f]+\] (?<level>[a-z]+): "#,
        times: &["epoch"],
        prefix: &["[[", "09", "09", "09", "09", "09", "09", "09", "09", "09", "09", "]]", "  ", "--az", "--[[az", "--09[[az", "--0:[[az", "--0:[[az", "--0:[[]]az", "  --0:[[]]az", "  --0:[[]]az", "  --0:[[]]az", "  --0:[[]]az"],
        needed: "0:[]",
        ..Definition::DEFAULT
    },
    Definition {
        name: "uvicorn",
        title: "Uvicorn",
        pattern: r#"(?<level>TRACE|DEBUG|INFO|WARNING|ERROR|CRITICAL): {3,}(?:(?<client>[0-9a-fA-F.:]+) - "[^"\\]*(?:\\.[^"\\]*)*" (?<status>\d{3}))?"#,
        prefix: &["CEIITTWW", "AAEENNRR", "ABFFIIRR", "CCNOTU"],
        needed: "A:",
        ..Definition::DEFAULT
    },
    Definition {
        name: "uwsgi-banner",
        title: "uWSGI, first line",
        pattern: r#"(?<message>\*\*\* Starting uWSGI [^\[\n]*) on \[(?<time>[^\]\n]+)\] \*\*\*$"#,
        times: &["%a %b %d %H:%M:%S %Y"],
        prefix: &["**", "**", "**", "  ", "SS", "tt", "aa", "rr", "tt", "ii", "nn", "gg", "  ", "uu", "WW", "SS", "GG", "II", "  "],
        needed: "A*[]",
        ..Definition::DEFAULT
    },
    Definition {
        name: "uwsgi-start",
        title: "uWSGI, its own messages with --log-date",
        rank: 60,
        pattern: r#"(?<time>[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4}) - "#,
        times: &["%a %b %d %H:%M:%S %Y"],
        prefix: &["AZ", "az", "az", "  ", "AZ", "az", "az", "  ", "  09", "09", "  ", "09", "09", "::", "09", "09", "::", "09", "09", "  ", "09", "09", "09", "09", "  ", "--", "  "],
        needed: "0A-:",
        ..Definition::DEFAULT
    },
    Definition {
        name: "uwsgi",
        title: "uWSGI, requests",
        pattern: r#"\[pid: (?<process>\d+)\|app: [^|]+\|req: [^\]]+\] (?<client>[^ ]+) \([^)]*\) \{[^}]*\} \[(?<time>[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4})\] "#,
        times: &["%a %b %d %H:%M:%S %Y"],
        prefix: &["[[", "pp", "ii", "dd", "::", "  ", "09", "09||", "09aa||", "09aapp||", "09aapp||", "0:aapp||", "  0:aapp||"],
        needed: "0A():[]{|}",
        ..Definition::DEFAULT
    },
    Definition {
        name: "vllm",
        title: "vLLM",
        pattern: r#"(?<level>DEBUG|INFO|WARNING|ERROR) (?<time>\d\d-\d\d \d\d:\d\d:\d\d) \[?(?<filename>[^ :\]]+\.py):(?<lineno>\d+)\] "#,
        times: &["%m-%d %H:%M:%S"],
        prefix: &["DEIIWW", "AAEENNRR", "BBFFRR", "NOUU"],
        needed: "0A-.:]",
        ..Definition::DEFAULT
    },
    Definition {
        name: "w3c",
        title: "W3C extended: IIS",
        pattern: r#"(?<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) (?:[A-Z0-9]+ )?(?:[^ ]+ )?[0-9a-fA-F.:]+ [A-Z]+ /[^ ]* "#,
        times: &["%Y-%m-%d %H:%M:%S"],
        zone: Some("UTC"),
        prefix: &["09", "09", "09", "09", "--", "09", "09", "--", "09", "09", "  ", "09", "09", "::", "09", "09", "::", "09", "09", "  "],
        needed: "0A-/:",
        ..Definition::DEFAULT
    },
    Definition {
        name: "wildfly",
        title: "WildFly and JBoss",
        pattern: r#"(?<time>(?:\d{4}-\d\d-\d\d \d\d:\d\d:\d\d|\d\d:\d\d:\d\d),\d{3}) (?<level>[A-Z]+) +\[(?<name>[^\]]+)\] \((?<threadName>[^)]*)\) "#,
        times: &["%Y-%m-%d %H:%M:%S,%f", "%H:%M:%S,%f"],
        prefix: &["09", "09", "0:", "09", "--09", "0:", "09", "--09"],
        needed: "0A(),:[]",
        ..Definition::DEFAULT
    },
    Definition {
        name: "windows-cbs",
        title: "Windows component-based servicing (CBS.log)",
        pattern: r#"(?<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d), (?<level>[A-Z][a-z]+) +(?<name>[A-Z]+) +"#,
        times: &["%Y-%m-%d %H:%M:%S"],
        prefix: &["09", "09", "09", "09", "--", "09", "09", "--", "09", "09", "  ", "09", "09", "::", "09", "09", "::", "09", "09", ",,", "  ", "AZ", "az", "  az"],
        needed: "0A,-:",
        ..Definition::DEFAULT
    },
    Definition {
        name: "winston",
        title: "winston, simple and with time and label",
        rank: 70,
        pattern: r#"(?:(?<time>\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:\.\d+)?Z?) (?:\[(?<name>[^\]]*)\] )?)?(?<level>error|warn|info|http|verbose|debug|silly): "#,
        times: &["iso"],
        levels: &[("error", Level(40)), ("warn", Level(30)), ("info", Level(20)), ("http", Level(20)), ("verbose", Level(15)), ("debug", Level(10)), ("silly", Level(5))],
        prefix: &["09dehissvw", "09aaeeiinnrrtt", "09bbffllrrtt", "09bbllnpuu"],
        needed: ":",
        ..Definition::DEFAULT
    },
    Definition {
        name: "xorg",
        title: "X.Org",
        pattern: r#"\[ *(?<uptime>\d{1,9}\.\d{3})\] (?:\((?<level>WW|EE|II|NI|--|\*\*|==|!!|\+\+|\?\?)\) )?"#,
        levels: &[("WW", Level(30)), ("EE", Level(40)), ("II", Level(20)), ("NI", Level(30)), ("--", Level(20)), ("**", Level(20)), ("==", Level(20)), ("!!", Level(25)), ("++", Level(20)), ("??", Level(30))],
        prefix: &["[[", "  09", "  ..09", "  ..09", "  ..09", "  ..09", "  ..09]]", "  ..09]]"],
        needed: "0.[]",
        ..Definition::DEFAULT
    },
    Definition {
        name: "zap",
        title: "zap, console: controller-runtime, InfluxDB",
        pattern: r#"(?<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d{4})|\d\.\d+e\+\d\d)\t(?<level>[A-Za-z]+)\t(?:(?<name>[A-Za-z0-9_.-]+)\t)?(?:(?<filename>[^ \t:]+\.go):(?<lineno>\d+)\t)?(?<message>[^{])"#,
        times: &["iso", "epoch"],
        prefix: &["09", "..09", "09", "09ee", "++--09ee", "++09ee", "++09ee"],
        needed: "0\t",
        ..Definition::DEFAULT
    },
    Definition {
        name: "zeek",
        title: "Zeek, tab-separated",
        pattern: r#"(?<time>\d{10}\.\d{6})\t"#,
        times: &["epoch"],
        prefix: &["09", "09", "09", "09", "09", "09", "09", "09", "09", "09", "..", "09", "09", "09", "09", "09", "09", "\t\t"],
        needed: "0\t.",
        ..Definition::DEFAULT
    },
    Definition {
        name: "zerolog",
        title: "zerolog, ConsoleWriter",
        pattern: r#"(?<time>\d{1,2}:\d\d[AP]M|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:Z|[+-]\d\d:\d\d)) (?<level>TRC|DBG|INF|WRN|ERR|FTL|PNC) (?:(?<filename>[^ :]+\.go):(?<lineno>\d+) > )?"#,
        times: &["%I:%M%p", "iso"],
        levels: &[("TRC", Level(5)), ("DBG", Level(10)), ("INF", Level(20)), ("WRN", Level(30)), ("ERR", Level(40)), ("FTL", Level(50)), ("PNC", Level(50))],
        prefix: &["09", "0:", "0:", "0:", "--0:AAPP", "0:AAMMPP"],
        needed: "0A:",
        ..Definition::DEFAULT
    },
    Definition {
        name: "zlog",
        title: "zlog's own log files, in the default format",
        pattern: r#"(?<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}) (?<level>[A-Z]+|Level \d+) (?<name>[^ :]+:(?:[^ :]*:)*) "#,
        times: &["%Y-%m-%d %H:%M:%S,%f"],
        continues: Some(Continues::Matches(r#"$|[^0-9]|\d{1,3}(?:[^0-9]|$)|\d{5}|\d{4}(?:[^0-9-]|$|-(?:[^0-9]|$))"#)),
        prefix: &["09", "09", "09", "09", "--", "09", "09", "--", "09", "09", "  ", "09", "09", "::", "09", "09", "::", "09", "09", ",,", "09", "09", "09", "  ", "AZ"],
        needed: "0A,-:",
        ..Definition::DEFAULT
    },
    Definition {
        name: "zookeeper",
        title: "ZooKeeper",
        pattern: r#"(?<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}) (?:\[myid:[^\]]*\] )?- (?<level>[A-Z]+) +\[(?<threadName>.*):(?<name>[A-Za-z0-9_$.]+)@(?<lineno>\d+)\] - "#,
        times: &["%Y-%m-%d %H:%M:%S,%f"],
        prefix: &["09", "09", "09", "09", "--", "09", "09", "--", "09", "09", "  ", "09", "09", "::", "09", "09", "::", "09", "09", ",,", "09", "09", "09", "  ", "--[[", "  mm", "AZyy", "  AZii", "  A[dd"],
        needed: "0A,-:@[]",
        ..Definition::DEFAULT
    },
];
