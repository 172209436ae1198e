//! Suggests zlog's names for the classes and keys of `logging.config.dictConfig`. zlog itself
//! accepts only one name for each thing.

use zlog_core::text::suggest::did_you_mean;

/// The class that replaces a class of Python, found by the last part of its name.
pub(super) fn suggest_class(name: &str) -> Option<&'static str> {
    Some(match name.rsplit('.').next().unwrap_or(name) {
        "StreamHandler" => "Did you mean console?",
        "FileHandler" => "Did you mean file?",
        "WatchedFileHandler" => "Did you mean file? It reopens a file that was moved.",
        "RotatingFileHandler" => "Did you mean rotating?",
        "TimedRotatingFileHandler" => "Did you mean timed?",
        "SMTPHandler" => "Did you mean smtp?",
        "SysLogHandler" => "Did you mean syslog?",
        "PUBHandler" => "Did you mean publish?",
        "QueueHandler" | "QueueListener" => {
            "Any handler may have a queue: set queue = N. Name the class of the handler itself."
        }
        "MemoryHandler" => {
            "smtp, exec and otlp handlers collect batches (batch, every). Name the class of the handler \
             itself."
        }
        "SocketHandler" => {
            "To send records to other machines, use class = \"publish\". To receive from \
             SocketHandler, set listen under [relay]."
        }
        "DatagramHandler" => {
            "To send records to other machines, use class = \"publish\". To receive from \
             DatagramHandler, set listen-udp under [relay]."
        }
        "HTTPHandler" | "NTEventLogHandler" => {
            "Use class = \"exec\": it runs a command that gets the records on its standard input."
        }
        "NullHandler" => "Leave it out: a route without handlers discards its records.",
        _ => return None,
    })
}

/// The key that replaces a key of Python, if it is one of `known`.
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
        "()" | "factory" => return Some("zlog can't load Python classes.".into()),
        "filters" => {
            return Some(
                "Use topic, where, grep and exclude to select the records of a handler.".into(),
            );
        }
        "disable_existing_loggers" | "incremental" => {
            return Some("Leave it out: a file is always the whole configuration.".into());
        }
        "mode" | "delay" | "encoding" | "errors" => {
            return Some("Leave it out: zlog appends to files, in UTF-8.".into());
        }
        "stream" => return Some("Leave it out: a console writes to standard output.".into()),
        "password" | "credentials" | "username" | "user" => {
            return Some(
                "Put the password into a file (login = FILE), or set ZLOG_SMTP_USER and \
                 ZLOG_SMTP_PASSWORD."
                    .into(),
            );
        }
        "secure" => {
            return Some(
                "Write it in server: smtps://HOST, or smtp://HOST?tls=required for STARTTLS."
                    .into(),
            );
        }
        _ => return None,
    };
    let found = ours.iter().find(|ours| known.contains(ours));
    found.map(|ours| did_you_mean(ours))
}
