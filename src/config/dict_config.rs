//! What `dictConfig` calls things, for those who come from there: each answered with
//! the name here.
//!
//! What may be here: names. There is one spelling for each thing in a configuration,
//! and this is not it.

/// The class that does what a class of Python's does, by its last name.
pub(super) fn suggest_class(name: &str) -> Option<&'static str> {
    Some(match name.rsplit('.').next().unwrap_or(name) {
        "StreamHandler" => "Did you mean console?",
        "FileHandler" => "Did you mean file?",
        "WatchedFileHandler" => "Did you mean file? It notices when its file is moved away.",
        "RotatingFileHandler" => "Did you mean rotating?",
        "TimedRotatingFileHandler" => "Did you mean timed?",
        "SMTPHandler" => "Did you mean smtp?",
        "SysLogHandler" => "Did you mean syslog?",
        "PUBHandler" => "Did you mean publish?",
        "QueueHandler" | "QueueListener" => {
            "Any handler runs behind a queue with queue = N: name the class of that handler."
        }
        "MemoryHandler" => {
            "Mails and commands get batches by themselves (batch, every); name the class of the \
             handler behind it."
        }
        "SocketHandler" => {
            "Records go on to other machines with class = \"publish\"; what SocketHandler sends \
             is taken with listen under [relay]."
        }
        "DatagramHandler" => {
            "Records go on to other machines with class = \"publish\"; what DatagramHandler \
             sends is taken with listen-udp under [relay]."
        }
        "HTTPHandler" | "NTEventLogHandler" => {
            "Run a program for it: class = \"exec\" gives it the records on its standard input."
        }
        "NullHandler" => "Leave it out: a route without handlers writes nothing.",
        _ => return None,
    })
}

/// What to write instead of a key of Python's, among the keys `known` there.
pub(super) fn suggest_key(name: &str, known: &[&str]) -> Option<String> {
    let ours: &[&str] = match name {
        "filename" | "baseFilename" => &["path"],
        "maxBytes" | "max_bytes" => &["max-bytes"],
        "backupCount" | "backup_count" => &["backups"],
        "atTime" | "at_time" => &["at"],
        "fmt" => &["format"],
        "date_format" | "dateformat" => &["datefmt"],
        "mailhost" => &["server", "url"],
        "fromaddr" => &["from"],
        "toaddrs" => &["to"],
        "address" | "host" => &["address", "server"],
        "()" | "factory" => return Some("Classes of Python's own can't be loaded here.".into()),
        "filters" => {
            return Some(
                "Which records a handler takes is said by its topic, grep and exclude.".into(),
            );
        }
        "disable_existing_loggers" | "incremental" => {
            return Some("Leave it out: a configuration here is always the whole one.".into());
        }
        "mode" | "delay" | "encoding" | "errors" => {
            return Some("Leave it out: files are appended to, in UTF-8.".into());
        }
        "stream" => return Some("Leave it out: it is standard output.".into()),
        "password" | "credentials" | "username" | "user" => {
            return Some(
                "Passwords stand in a file of their own: login; or in \
                         ZLOG_SMTP_USER and ZLOG_SMTP_PASSWORD."
                    .into(),
            );
        }
        "secure" => {
            return Some("The address says it: smtps://…, or smtp:// with STARTTLS.".into());
        }
        _ => return None,
    };
    let found = ours.iter().find(|ours| known.contains(ours));
    found.map(|ours| format!("Did you mean {ours}?"))
}
