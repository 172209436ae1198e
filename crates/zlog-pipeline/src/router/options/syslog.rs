//! A syslog daemon.

use std::path::Path;

use zlog_core::Result;
use zlog_core::format::FormatterSpec;
use zlog_core::format::{Format, Options, Output};
use zlog_core::text::parsers;

use super::common::{CERTIFICATE, PRIVATE_KEY, RETRY, TRUST, positive_time, retry, tls};
use super::{Class, HandlerTarget, Key, Opening, Target};
use crate::handler::Handler;
use crate::handler::syslog::{
    Address, Facility, Framing, Protocol, SyslogHandler, SyslogOptions, SyslogTls,
};
use crate::tls::Fingerprint;

/// Sends each record to a syslog daemon.
pub(super) static SYSLOG: Class = Class {
    name: "syslog",
    option: "--syslog",
    about: "Send to a syslog daemon\n\n\
            unix:/dev/log, udp://HOST:514, tcp://HOST:601, or tls://HOST:6514 for TLS.",
    main: Some(
        Key::new(
            "address",
            "ADDRESS",
            "Daemon: unix:/dev/log, udp://HOST:514, tcp://HOST:601, tls://HOST:6514",
        )
        .default("unix:/dev/log"),
    ),
    keys: &[
        &[
            Key::new("protocol", "rfc5424|local", "Message format")
                .default("local at /dev/log, rfc5424 elsewhere"),
            Key::new(
                "framing",
                "octet|lf",
                "Over TCP: length before, or line feed after, a message",
            )
            .default("octet"),
            Key::new("facility", "FACILITY", "Facility").default("user"),
            Key::new("app", "NAME", "Program name").default("the record's logger"),
            Key::new("hostname", "NAME", "Host name").default("that of the record"),
            Key::new("max-message", "SIZE", "Longer messages are cut").default("8096"),
            TRUST,
            CERTIFICATE,
            PRIVATE_KEY,
            Key::new(
                "fingerprint",
                "SHA256",
                "TLS: the fingerprint of the daemon's certificate, the only one to trust then",
            ),
        ],
        RETRY,
    ],
    picked_by: None,
    formatted: true,
    stores: false,
    variables: &[],
    read: |reader, _| {
        let default = SyslogOptions::default();
        Some(Target::Syslog(SyslogOptions {
            address: reader.checked("address", Address::parse).unwrap_or(default.address),
            protocol: reader.read("protocol", str::parse::<Protocol>),
            framing: reader.read("framing", str::parse::<Framing>).unwrap_or_default(),
            facility: reader.read("facility", str::parse::<Facility>).unwrap_or(default.facility),
            app_name: reader.text("app"),
            hostname: reader.text("hostname"),
            max_message: reader.read("max-message", parsers::size).unwrap_or(default.max_message),
            tls: SyslogTls {
                files: tls(reader),
                fingerprint: reader.read("fingerprint", str::parse::<Fingerprint>),
            },
            timeout: positive_time(reader, "timeout", default.timeout),
            retry: retry(reader),
        }))
    },
};

impl HandlerTarget for SyslogOptions {
    fn open(&self, format: Box<dyn Format>, _: &Opening<'_>) -> Result<Box<dyn Handler + Send>> {
        Ok(Box::new(SyslogHandler::new(self.clone(), format)?))
    }

    fn validate(&self) -> Result<()> {
        SyslogOptions::validate(self)
    }

    /// A syslog message has time, level and name elsewhere.
    fn format(&self, spec: &FormatterSpec) -> Result<Box<dyn Format>> {
        spec.build(Output::Text, Options::default())
    }

    fn default_name(&self) -> String {
        format!("syslog {}", self.address)
    }

    fn inputs(&self) -> Vec<&Path> {
        self.tls.files.inputs().collect()
    }

    fn may_block(&self) -> bool {
        true
    }
}
