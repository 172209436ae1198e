//! The lines of usual servers and libraries, by name: `tests/fixtures/systems.jsonl` has a line
//! of each after its documentation, with the level (0 for none), the time and the logger that it
//! says. `tests/fixtures/loggers/` has the output of real programs.

use std::fs;
use std::path::Path;

use jiff::tz::TimeZone;
use serde_json::Value;
use zlog_core::formats::Formats;
use zlog_core::parse::{Options, Parser};

/// A minute after the time of all lines: 2024-01-02 03:04:05 UTC.
const READ: f64 = 1_704_164_705.0;

#[test]
fn the_lines_of_the_usual_systems_give_level_time_and_logger() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/systems.jsonl");
    let text = fs::read_to_string(path).unwrap();
    // Many lines have no zone.
    let is_utc = TimeZone::system().to_offset_info(jiff::Timestamp::UNIX_EPOCH).offset().is_zero();
    let mut wrong = Vec::new();
    for case in text.lines() {
        let case: Value = serde_json::from_str(case).unwrap();
        let mut parser = Parser::new(Options::default());
        parser.set_received(READ);
        let record = parser.parse(case["line"].as_str().unwrap());
        let time = record.created.map(|created| (created * 1e6).round());
        let wanted = case["created"].as_f64().map(|created| (created * 1e6).round());
        let is_right = record.level.0 == case["levelno"]
            && record.name.as_deref() == case["name"].as_str()
            && (time == wanted || !is_utc && time.is_some() == wanted.is_some());
        if !is_right {
            let (level, name) = (record.level.0, record.name);
            wrong.push(format!("{level} {:?} {name:?}, not as in {case}", record.created));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// The systems of the loghub collection, and servers and libraries whose lines are text, with
/// all formats. Each format has samples that no other one claims: see `formats.rs`. That of
/// zlog's own files is tried by `tail/files.rs`.
const SYSTEMS: &[(&str, &[&str])] = &[
    ("Android", &["android", "android-brief", "android-time"]),
    ("Apache", &["apache-error", "apache-error-2.2", "access-log", "access-log-vhost"]),
    ("BGL", &["bgl"]),
    ("HDFS", &["hdfs"]),
    ("HPC", &["hpc"]),
    ("Hadoop", &["hadoop"]),
    ("HealthApp", &["healthapp"]),
    ("Linux, OpenSSH: RFC 3164", &["syslog", "syslog-iso", "syslog-local", "syslog-login"]),
    ("Mac", &["syslog-macos"]),
    ("OpenStack", &["openstack", "openstack-merged"]),
    ("Proxifier", &["proxifier"]),
    ("Spark", &["spark"]),
    ("Thunderbird", &["thunderbird"]),
    ("Windows", &["windows-cbs"]),
    ("Zookeeper", &["zookeeper"]),
    ("RFC 5424", &["syslog-5424"]),
    ("journald", &["journalctl-full", "journalctl-monotonic", "journalctl-unix"]),
    ("klog, glog", &["klog", "klog-lines", "absl-early"]),
    ("nginx", &["nginx-error"]),
    ("HAProxy", &["haproxy", "haproxy-start"]),
    ("Caddy", &["caddy"]),
    ("PostgreSQL", &["postgresql", "postgresql-csv", "postgresql-rds", "postgresql-user"]),
    ("MySQL", &["mysql", "mysql-5.5", "mysql-entrypoint", "mysqld-safe", "mariadb"]),
    ("MongoDB", &["mongodb"]),
    ("Redis", &["redis", "redis-2", "redis-signal"]),
    ("Kafka", &["kafka"]),
    ("Elasticsearch", &["elasticsearch"]),
    ("RabbitMQ", &["rabbitmq", "rabbitmq-3.8", "erlang-report"]),
    ("uwsgi", &["uwsgi", "uwsgi-banner", "uwsgi-start"]),
    ("gunicorn, uvicorn", &["gunicorn", "uvicorn"]),
    ("Celery, Airflow", &["celery", "airflow"]),
    ("Jupyter", &["jupyter", "jupyter-notebook", "tornado"]),
    ("Django", &["django-server", "django-verbose"]),
    ("Rails, Ruby", &["rails", "ruby", "sidekiq"]),
    ("Laravel, Symfony", &["monolog", "symfony-console", "php", "php-fpm"]),
    ("Spring", &["spring-boot", "spring-boot-app"]),
    (
        "Logback, log4j",
        &["logback", "log4j", "log4j-level-first", "log4j-thread-last", "log4j-ttcc"],
    ),
    ("Java", &["tomcat", "jul", "jetty", "wildfly", "jvm", "jvm-gc", "jvm-time"]),
    (".NET", &["dotnet", "dotnet-simple", "dotnet-systemd", "serilog", "serilog-file", "nlog"]),
    ("Go", &["go-log", "go-log-file", "go-slog", "go-stdr", "go-time", "logrus", "zap", "zerolog"]),
    ("Rust", &["env-logger", "tracing", "tracing-compact", "tracing-pretty", "tracing-span"]),
    ("JavaScript", &["winston", "pino-pretty", "bunyan-cli", "morgan-dev", "log4js", "debug-js"]),
    ("Python", &["python-basic", "python-dashes", "python-level-name", "python-name-level"]),
    ("Python's libraries", &["loguru", "rich", "structlog", "logbook", "coloredlogs"]),
    ("W3C, CDNs, load balancers", &["w3c", "cloudfront", "elb", "nlb", "s3-access"]),
    ("Zeek, auditd", &["zeek", "auditd"]),
    ("strace", &["strace", "strace-f"]),
    ("prefixes of times", &["tai64n", "epoch", "epoch-brackets", "ctime", "bsd-time", "rfc2822"]),
    ("the kernel", &["kernel", "kernel-time"]),
    ("shells", &["shell", "shell-error", "shell-script"]),
    ("name servers", &["bind", "bind-start", "unbound"]),
    ("web servers and proxies", &["envoy", "gin", "http-server", "squid-access", "squid-cache"]),
    ("databases and search", &["cassandra", "clickhouse", "mssql", "solr"]),
    (
        "system services",
        &["cloud-init", "cups", "fail2ban", "samba", "supervisor", "svlogd", "xorg"],
    ),
    ("operations", &["ansible", "certbot", "hclog", "jenkins", "nagios", "salt", "telegraf"]),
    ("applications", &["chromium", "home-assistant", "hydra", "minecraft", "odoo", "ros"]),
    ("AWS Lambda", &["lambda-node", "lambda-python"]),
    ("C++", &["boost-log", "spdlog", "tensorflow"]),
    ("more of Rust", &["flexi-logger", "log4rs", "simplelog", "slog-term"]),
    ("more of JavaScript", &["consola", "nestjs", "npmlog", "npmlog-bare", "signale"]),
    ("more of Python", &["flask", "multiprocessing", "scrapy", "sqlalchemy", "twisted", "vllm"]),
    ("Elixir, Perl", &["elixir", "log4perl"]),
];

#[test]
fn every_usual_system_has_formats() {
    let formats = Formats::built_in();
    for (system, names) in SYSTEMS {
        for name in *names {
            assert!(formats.find(name).is_some(), "{system}: no format {name}");
        }
    }
    let is_named = |name: &str| SYSTEMS.iter().any(|(_, names)| names.contains(&name));
    let unnamed: Vec<_> =
        formats.definitions().map(|it| it.name).filter(|it| !is_named(it)).collect();
    assert_eq!(unnamed, [""; 0], "a format that is removed would not be missed");
}
