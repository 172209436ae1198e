//! The keys that handlers of one class have.
//!
//! What may be here: from a class's own keys to its [`Target`]. Which keys every
//! handler has is `handlers`'s.

use std::path::PathBuf;
use std::time::Duration;

use jiff::civil::Time;

use super::fault::At;
use super::section::Section;
use crate::cli::value::{self, Seconds};
use crate::format::{Options, Output};
use crate::handler::exec::ExecOptions;
use crate::handler::file::Sync;
use crate::handler::publish::Wire;
use crate::handler::rotating::Rotation;
use crate::handler::smtp::{self, LoginFrom, Server, SmtpOptions};
use crate::handler::spool::{BatchOptions, SpoolOptions};
use crate::handler::syslog::{Address, SyslogOptions};
use crate::handler::timed::{Timing, When};
use crate::route::{FormatterSpec, PublishTarget, Target};
use crate::socket::{Endpoint, Role};

/// How many replaced files are kept when only their size is given, as with `--file`.
const DEFAULT_BACKUPS: u32 = 5;

/// `class = "file"`
pub(super) fn file(section: &mut Section<'_>) -> Option<Target> {
    let sync = if section.flag("sync") { Sync::Data } else { Sync::Block };
    Some(Target::File { path: path(section)?, sync })
}

/// `class = "rotating"`
pub(super) fn rotating(section: &mut Section<'_>) -> Option<Target> {
    // All keys are read, also when one of them is wrong: see [`Section::finish`].
    let max_bytes = section.needed_read("max-bytes", "\"10M\"", value::size);
    let backup_count = section.read("backups", value::number).unwrap_or(DEFAULT_BACKUPS);
    let compress = section.read("compress", str::parse).unwrap_or_default();
    let path = path(section)?;
    let rotation = Rotation { max_bytes: max_bytes? as u64, backup_count, compress };
    Some(Target::Rotating { path, rotation })
}

/// `class = "timed"`; whether by UTC is a key that formatters have, too.
pub(super) fn timed(section: &mut Section<'_>, utc: bool) -> Option<Target> {
    let when = section.needed_read("when", "\"midnight\"", str::parse::<When>);
    let interval = section.read("interval", value::at_least_one).unwrap_or(1);
    let backup_count = section.read("backups", value::number).unwrap_or(0);
    let at_time = section.read("at", time_of_day);
    let compress = section.read("compress", str::parse).unwrap_or_default();
    let path = path(section)?;
    let timing = Timing { when: when?, interval, backup_count, utc, at_time, compress };
    Some(Target::Timed { path, timing })
}

/// `class = "smtp"`; `formatter` is that of the mail's text.
pub(super) fn smtp(section: &mut Section<'_>, formatter: &FormatterSpec) -> Option<Target> {
    let default = SmtpOptions::default();
    let server = section.read("server", |text| Server::parse(text).map(|_| text.to_owned()));
    let from = section.read("from", |text| smtp::mailbox(text).map(|_| text.to_owned()));
    let options = SmtpOptions {
        server: server.unwrap_or(default.server),
        trust: section.text("trust").map(|found| found.value.into()),
        from: from.unwrap_or(default.from),
        to: section.checked_list("to", |text| smtp::mailbox(text).map(drop)),
        timeout: some_time(section, "timeout", default.timeout),
        login: match section.text("login") {
            Some(found) => LoginFrom::File(found.value.into()),
            None => default.login,
        },
        batch: batch(section, default.batch),
        spool: spool(section, default.spool),
    };
    let subject = subject(section, formatter);
    section.need("to", "\"ops@example.org\"");
    (!options.to.is_empty()).then_some(Target::Smtp { options, subject })
}

/// The extras that the mail's text may use may stand in its subject, too.
fn subject(section: &mut Section<'_>, formatter: &FormatterSpec) -> FormatterSpec {
    let extras = formatter.extras.clone();
    let Some(At { at, value }) = section.text("subject") else { return FormatterSpec::default() };
    let spec = FormatterSpec { format: Some(value), extras, ..FormatterSpec::default() };
    if let Err(error) = spec.build(Output::Text, Options::default()) {
        section.wrong_error(at, "subject", &error);
    }
    spec
}

/// `class = "syslog"`
pub(super) fn syslog(section: &mut Section<'_>) -> Target {
    let default = SyslogOptions::default();
    let address = section.read("address", |text| Address::parse(text).map(|_| text.to_owned()));
    Target::Syslog(SyslogOptions {
        address: address.unwrap_or(default.address),
        protocol: section.read("protocol", str::parse),
        facility: section.read("facility", str::parse).unwrap_or(default.facility),
        app_name: section.text("app").map(|found| found.value),
        hostname: section.text("hostname").map(|found| found.value),
        max_message: section.read("max-message", value::size).unwrap_or(default.max_message),
        timeout: some_time(section, "timeout", default.timeout),
        spool: spool(section, default.spool),
    })
}

/// `class = "exec"`: the command as a shell's line, or its words in brackets.
pub(super) fn exec(section: &mut Section<'_>) -> Option<Target> {
    let default = ExecOptions::default();
    let timeout = some_time(section, "timeout", default.timeout);
    let batch = batch(section, default.batch);
    let spool = spool(section, default.spool);
    let command = if section.is_list("command") {
        section.list("command").into_iter().map(|word| word.value).collect()
    } else {
        let At { at, value: line } = section.needed("command", "\"notify --to ops\"")?;
        match ExecOptions::parse(&line) {
            Ok(options) => options.command,
            Err(error) => {
                section.wrong_error(at, "command", &error);
                return None;
            }
        }
    };
    if command.first().is_none_or(String::is_empty) {
        section.wrong(section.at, "command", "names no program", "Name one: [\"notify\"].");
        return None;
    }
    Some(Target::Exec(ExecOptions { command, timeout, batch, spool }))
}

/// `class = "publish"`
pub(super) fn publish(section: &mut Section<'_>) -> Target {
    let default = PublishTarget::default();
    let endpoint = |role| move |text: &str| Endpoint::parse(text, role).map(drop);
    Target::Publish(PublishTarget {
        bind: section.checked_list("bind", endpoint(Role::Bind)),
        connect: section.checked_list("connect", endpoint(Role::Connect)),
        root: section.read("root", value::root).unwrap_or(default.root),
        wire: section.read("wire", wire).unwrap_or_default(),
        on_full: default.on_full,
        hwm: section.read("hwm", value::number).unwrap_or(default.hwm),
    })
}

fn path(section: &mut Section<'_>) -> Option<PathBuf> {
    let At { at, value } = section.needed("path", "\"app.log\"")?;
    if value.is_empty() || value.contains('\0') {
        let hint = "Name a file: path = \"app.log\".";
        section.wrong(at, "path", "it is no name of a file", hint);
        return None;
    }
    Some(value.into())
}

fn batch(section: &mut Section<'_>, default: BatchOptions) -> BatchOptions {
    BatchOptions {
        count: section.read("batch", value::at_least_one).unwrap_or(default.count),
        // No time at all is the next pause: see `spool`.
        time: section.read("every", str::parse::<Seconds>).map_or(default.time, |time| time.0),
    }
}

fn spool(section: &mut Section<'_>, default: SpoolOptions) -> SpoolOptions {
    SpoolOptions {
        records: section.read("spool", value::at_least_one).unwrap_or(default.records),
        bytes: section.read("spool-bytes", value::size).unwrap_or(default.bytes),
        retry: some_time(section, "retry", default.retry),
        retry_max: some_time(section, "retry-max", default.retry_max),
    }
}

fn some_time(section: &mut Section<'_>, key: &str, default: Duration) -> Duration {
    section.read(key, value::some_time).map_or(default, |seconds| seconds.0)
}

fn time_of_day(text: &str) -> Result<Time, &'static str> {
    text.parse().map_err(|_| "not a time of day: write it as 03:30")
}

fn wire(text: &str) -> Result<Wire, String> {
    one_of(text, &[("json", Wire::Json), ("text", Wire::Text)])
}

/// The one that is called so.
pub(super) fn one_of<T: Copy>(text: &str, names: &[(&str, T)]) -> Result<T, String> {
    let found = names.iter().find(|(name, _)| *name == text);
    found.map(|(_, value)| *value).ok_or_else(|| {
        let names: Vec<&str> = names.iter().map(|(name, _)| *name).collect();
        format!("must be {}", names.join(" or "))
    })
}
