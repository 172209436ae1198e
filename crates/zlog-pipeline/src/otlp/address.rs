//! The address of a collector.

use url::Url;

use crate::typed_url;
use zlog_core::text::escape::escape;
use zlog_core::{Error, Result};

/// How a collector takes logs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Protocol {
    /// OTLP over HTTP, with Protocol Buffers.
    Http,
    /// OTLP over gRPC.
    Grpc,
}

/// The port of OTLP over gRPC.
const GRPC_PORT: u16 = 4317;

/// The path of logs, by the specification of OTLP/HTTP.
pub const LOGS_PATH: &str = "/v1/logs";

/// The address of a collector: `http://HOST:4318` or `https://HOST`, with a path for one that does
/// not take logs at [`LOGS_PATH`]; `grpc://HOST` for one that takes them by gRPC, or `grpcs://HOST`
/// with TLS. The URL that is returned has the scheme `http` or `https`.
///
/// # Errors
/// It is not such a URL, or contains a login.
pub fn parse(typed: &str) -> Result<(Url, Protocol)> {
    let shown = escape(&typed_url::without_logins(typed));
    let wrong = |why: &str| {
        Error::usage(format!("{shown} is not the URL of a collector: {why}"))
            .hint("Write it as http://HOST:4318, as https://HOST/v1/logs, or as grpc://HOST:4317.")
    };
    let (as_http, protocol) = match typed.split_once("://") {
        Some(("grpc", rest)) => (format!("http://{rest}"), Protocol::Grpc),
        Some(("grpcs", rest)) => (format!("https://{rest}"), Protocol::Grpc),
        _ => (typed.to_owned(), Protocol::Http),
    };
    let mut url = Url::parse(&as_http).map_err(|error| wrong(&typed_url::cause(error)))?;
    if has_login(typed) {
        return Err(Error::usage(format!("the URL of the collector {shown} contains a login"))
            .hint(format!(
                "Other users can see it there. Put it into a header: headers=FILE, or {}.",
                HEADER_VARIABLES[0]
            )));
    }
    if !matches!(url.scheme(), "http" | "https") {
        return Err(wrong("it does not begin with http://, https://, grpc:// or grpcs://"));
    }
    typed_url::check_host(&url).map_err(wrong)?;
    if url.fragment().is_some() {
        return Err(wrong("unexpected text after #"));
    }
    match protocol {
        Protocol::Grpc if url.path() != "/" || url.query().is_some() => {
            return Err(wrong("gRPC has no path"));
        }
        // `Url` leaves out the usual port of HTTP.
        Protocol::Grpc if Url::parse(typed).is_ok_and(|typed| typed.port().is_none()) => {
            let _ = url.set_port(Some(GRPC_PORT));
        }
        Protocol::Grpc => {}
        Protocol::Http if url.path() == "/" => url.set_path(LOGS_PATH),
        Protocol::Http => {}
    }
    Ok((url, protocol))
}

/// Whether a URL as it was typed contains a login. It would be shown in messages, too.
pub fn has_login(typed: &str) -> bool {
    typed.split_once("://").is_some_and(|(_, rest)| {
        rest.split(['/', '?', '#']).next().is_some_and(|authority| authority.contains('@'))
    })
}

/// The environment variables with headers, as OpenTelemetry's SDKs read them. The first that is set
/// counts.
pub const HEADER_VARIABLES: [&str; 2] =
    ["OTEL_EXPORTER_OTLP_LOGS_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS"];

/// The innermost cause: those around it say that sending failed.
#[cfg(feature = "otlp")]
pub(crate) fn cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_collector_without_a_path_takes_logs_at_the_usual_one() {
        for (typed, url) in [
            ("http://a:4318", "http://a:4318/v1/logs"),
            ("http://a:4318/", "http://a:4318/v1/logs"),
            ("https://a", "https://a/v1/logs"),
            ("http://[::1]:9/otlp/v1/logs?x=y@z", "http://[::1]:9/otlp/v1/logs?x=y@z"),
        ] {
            assert_eq!(parse(typed).unwrap().0.as_str(), url);
        }
        for (typed, url) in [
            ("grpc://a", "http://a:4317/"),
            ("grpc://a:80", "http://a/"),
            ("grpcs://[::1]:9/", "https://[::1]:9/"),
        ] {
            let (found, protocol) = parse(typed).unwrap();
            assert_eq!((found.as_str(), protocol), (url, Protocol::Grpc));
        }
        for (bad, why) in [
            ("", "is not the URL"),
            ("a:4318", "it does not begin with"),
            ("ftp://a", "it does not begin with"),
            ("http://", "is not the URL"),
            ("http://a/#b", "unexpected text"),
            ("grpc://a/v1/logs", "gRPC has no path"),
        ] {
            let error = parse(bad).unwrap_err().to_string();
            assert!(error.contains(why), "{bad}: {error}");
        }
    }

    #[test]
    fn a_login_in_a_url_is_refused_and_not_shown() {
        for url in ["http://me:secret@a", "https://secret@a/v1"] {
            let error = parse(url).unwrap_err().to_string();
            assert!(error.contains("contains a login") && !error.contains("secret"), "{error}");
        }
    }
}
