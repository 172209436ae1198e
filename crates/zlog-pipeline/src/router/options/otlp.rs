//! A collector of OpenTelemetry.

use std::path::{Path, PathBuf};

use zlog_core::Result;
use zlog_core::format::Format;
use zlog_core::text::parsers;
use zlog_core::wire::topic;

use super::common::{
    CERTIFICATE, PRIVATE_KEY, RETRY, TRUST, choice, positive_time, retry, tls, urls,
};
use super::{Class, HandlerTarget, Key, Opening, RecordInput, Target};
use crate::handler::Handler;
use crate::handler::otlp::OtlpOptions;
use crate::handler::retry::BatchOptions;
use crate::otlp::address;
use crate::socket::{Endpoint, Role};

/// Sends batches of log records.
pub(super) static OTLP: Class = Class {
    name: "otlp",
    option: "--otlp",
    about: "Send to an OpenTelemetry collector\n\n\
            http://HOST:4318, https://HOST, or with the path of one that does not take logs at \
            /v1/logs. grpc://HOST:4317 and grpcs://HOST: by gRPC, without and with TLS.",
    main: Some(
        Key::new(
            "url",
            "URL",
            "Collector: http://HOST:4318, https://HOST, grpc://HOST:4317 or grpcs://HOST",
        )
        .default("http://127.0.0.1:4318"),
    ),
    keys: &[
        &[
            Key::new("root", "ROOT", "Root of the topic for records without one")
                .default("the logger's name"),
            Key::new("headers", "FILE", "Headers of requests: NAME: VALUE on each line")
                .default("OTEL_EXPORTER_OTLP_LOGS_HEADERS or OTEL_EXPORTER_OTLP_HEADERS"),
            Key::new("compression", "HOW", "Compression of requests: none or gzip").default("none"),
            TRUST,
            CERTIFICATE,
            PRIVATE_KEY,
            Key::new("batch", "N", "Records in a request").default("1000"),
            Key::new("every", "TIME", "How long the first record of a request waits at most")
                .default("1s"),
        ],
        RETRY,
    ],
    picked_by: None,
    // A log record has all fields of a record.
    formatted: false,
    stores: true,
    variables: &[(
        "OTEL_EXPORTER_OTLP_LOGS_HEADERS, OTEL_EXPORTER_OTLP_HEADERS",
        "Headers for the OpenTelemetry collector: NAME=VALUE,NAME=VALUE",
    )],
    read: |reader, _| {
        let default = OtlpOptions::default();
        let parse = |text: &str| address::parse(text).map(drop);
        let typed = urls(reader, "url", parse, address::has_login);
        let every = reader.read("every", str::parse::<parsers::Seconds>);
        Some(Target::Otlp(OtlpOptions {
            url: typed.unwrap_or(default.url),
            root: reader.read("root", topic::typed_root).unwrap_or_default(),
            headers: reader.text("headers").map(PathBuf::from),
            compression: reader.read("compression", choice).unwrap_or_default(),
            tls: tls(reader),
            timeout: positive_time(reader, "timeout", default.timeout),
            batch: BatchOptions {
                count: reader.read("batch", parsers::at_least_one).unwrap_or(default.batch.count),
                time: every.map_or(default.batch.time, |time| time.0),
            },
            retry: retry(reader),
        }))
    },
};

impl HandlerTarget for OtlpOptions {
    #[cfg(feature = "otlp")]
    fn open(&self, _: Box<dyn Format>, _: &Opening<'_>) -> Result<Box<dyn Handler + Send>> {
        Ok(Box::new(crate::handler::otlp::OtlpHandler::new(self.clone())?))
    }

    #[cfg(not(feature = "otlp"))]
    fn open(&self, _: Box<dyn Format>, _: &Opening<'_>) -> Result<Box<dyn Handler + Send>> {
        Err(crate::otlp::missing())
    }

    fn validate(&self) -> Result<()> {
        OtlpOptions::validate(self)
    }

    fn sends_to(&self, input: &RecordInput) -> bool {
        let (RecordInput::Otlp(input), Ok((url, _))) = (input, address::parse(&self.url)) else {
            return false;
        };
        let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else {
            return false;
        };
        // What listens here has no TLS.
        let own = Endpoint::parse(&format!("tcp://{host}:{port}"), Role::Connect);
        url.scheme() == "http" && own.is_ok_and(|own| own.same_address(input))
    }

    fn default_name(&self) -> String {
        // A query may have a key.
        format!("collector {}", self.url.split('?').next().unwrap_or_default())
    }

    fn inputs(&self) -> Vec<&Path> {
        OtlpOptions::inputs(self).collect()
    }

    fn may_block(&self) -> bool {
        true
    }
}
