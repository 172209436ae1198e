//! Creates the stream if it is missing, or compares it with what was asked for.

use std::time::Duration;

use async_nats::jetstream::context::{
    CreateStreamError, CreateStreamErrorKind, GetStreamError, GetStreamErrorKind,
};
use async_nats::jetstream::stream::{self, Config, DiscardPolicy, StorageType};
use async_nats::jetstream::{Context, ErrorCode};

use super::connection::{Features, text};
use super::stream::{Compression, Discard, Storage, StreamOptions};
use zlog_core::text::choice::Choice as _;
use zlog_core::text::escape::escape;
use zlog_core::text::parsers::{Seconds, format_size};
use zlog_core::{Error, Result};

/// The age at which a stream that zlog creates drops records, unless an option says so.
const DEFAULT_MAX_AGE: Duration = Duration::from_secs(7 * 24 * 3600);
/// Its size. Records must not fill the disk of a server.
const DEFAULT_MAX_BYTES: usize = 1 << 30;

/// A stream that exists.
pub(crate) struct Ensured {
    /// For the user: that it was created, or how it differs from what was asked for.
    pub(crate) notices: Vec<String>,
    /// It takes batches that are confirmed every so many messages (ADR-50, fast ingest), and one server
    /// alone stores it. A cluster that changes its leader can lose records of a batch that it has
    /// confirmed: NATS 2.15.1 did in three of six runs of the test of a cluster, and in none without
    /// batches.
    pub(crate) has_batches: bool,
}

impl Ensured {
    fn new(config: &Config, mut notices: Vec<String>) -> Ensured {
        let is_replicated = config.num_replicas > 1;
        if is_replicated && config.compression == Some(stream::Compression::S2) {
            notices.push(format!(
                "the stream {} is compressed and has {} replicas: servers of NATS 2.15.1 that were killed could not \
                 read such a stream any more. Use compression=none",
                escape(&config.name),
                config.num_replicas
            ));
        }
        let has_batches = config.allow_batch_publish && !is_replicated;
        Ensured { notices, has_batches }
    }
}

/// Makes sure that the stream exists and collects all subjects under `prefix`.
///
/// # Errors
/// It can't be looked at or created, or does not collect these subjects.
pub(crate) async fn ensure(
    jetstream: Context,
    features: Features,
    options: StreamOptions,
    prefix: String,
) -> Result<Ensured> {
    let subjects = format!("{prefix}.>");
    match jetstream.get_stream(&options.name).await {
        Ok(stream) => return existing(&stream.cached_info().config, &options, &subjects),
        Err(error) if is_missing(&error) => {}
        Err(error) => return Err(not_asked(&options, &error)),
    }
    match jetstream.create_stream(config(&options, &subjects, features)).await {
        Ok(stream) => {
            let config = &stream.cached_info().config;
            Ok(Ensured::new(config, vec![created(config)]))
        }
        // Another emitter was faster.
        Err(error) if code(&error) == Some(ErrorCode::STREAM_NAME_EXIST) => {
            let stream = jetstream.get_stream(&options.name).await;
            let stream = stream.map_err(|error| not_asked(&options, &error))?;
            existing(&stream.cached_info().config, &options, &subjects)
        }
        Err(error) => {
            let other = match code(&error) {
                Some(ErrorCode::STREAM_SUBJECT_OVERLAP) => {
                    jetstream.stream_by_subject(subjects.clone()).await.ok()
                }
                _ => None,
            };
            Err(not_created(&options, &subjects, &error, other.as_deref()))
        }
    }
}

fn config(options: &StreamOptions, subjects: &str, features: Features) -> Config {
    let max_age = options.max_age.unwrap_or(DEFAULT_MAX_AGE);
    let compression = options.compression.filter(|_| features.compression);
    let num_replicas = options.replicas.unwrap_or(1);
    Config {
        name: options.name.clone(),
        description: Some("Log records of zlog".to_owned()),
        subjects: vec![subjects.to_owned()],
        max_age,
        max_bytes: bytes(options.max_bytes.unwrap_or(DEFAULT_MAX_BYTES)),
        num_replicas,
        storage: match options.storage {
            Some(Storage::Memory) => StorageType::Memory,
            Some(Storage::File) | None => StorageType::File,
        },
        compression: compression.map(|compression| match compression {
            Compression::None => stream::Compression::None,
            Compression::S2 => stream::Compression::S2,
        }),
        discard: match options.discard {
            Some(Discard::New) => DiscardPolicy::New,
            Some(Discard::Old) | None => DiscardPolicy::Old,
        },
        // Zero is the server's default: two minutes, or less if records are not kept that long.
        duplicate_window: options.duplicates.unwrap_or_default(),
        // Readers find single records by it.
        allow_direct: true,
        allow_batch_publish: features.batches && num_replicas == 1,
        ..Config::default()
    }
}

/// A limit as servers write it: -1 is none.
fn bytes(limit: usize) -> i64 {
    match limit {
        0 => -1,
        limit => i64::try_from(limit).unwrap_or(i64::MAX),
    }
}

fn created(config: &Config) -> String {
    format!(
        "created the stream {} for {}: max-age={}, max-bytes={}, replicas={}",
        escape(&config.name),
        escape(&config.subjects.join(", ")),
        age(config.max_age),
        size(config.max_bytes),
        config.num_replicas
    )
}

fn age(age: Duration) -> String {
    if age.is_zero() { "0 (none)".to_owned() } else { Seconds(age).to_string() }
}

fn size(bytes: i64) -> String {
    usize::try_from(bytes)
        .ok()
        .filter(|bytes| *bytes > 0)
        .map_or("0 (none)".to_owned(), format_size)
}

fn existing(config: &Config, options: &StreamOptions, subjects: &str) -> Result<Ensured> {
    Ok(Ensured::new(config, compare(config, options, subjects)?))
}

/// How an existing stream differs from what was asked for.
fn compare(found: &Config, options: &StreamOptions, subjects: &str) -> Result<Vec<String>> {
    let name = escape(&found.name);
    if !found.subjects.iter().any(|own| covers(own, subjects)) {
        let own = escape(&found.subjects.join(", "));
        return Err(Error::new(format!("the stream {name} collects {own}, not {subjects}")).hint(
            format!(
                "Add the subject: nats stream edit {name} --subjects '{subjects}'. Or choose \
                 another stream=NAME or prefix=."
            ),
        ));
    }
    let compression = match found.compression {
        Some(stream::Compression::S2) => Compression::S2,
        _ => Compression::None,
    };
    let storage = match found.storage {
        StorageType::File => Storage::File,
        StorageType::Memory => Storage::Memory,
    };
    let discard = match found.discard {
        DiscardPolicy::Old => Discard::Old,
        DiscardPolicy::New => Discard::New,
    };
    // A limit of zero or less is none.
    let found_bytes = found.max_bytes.max(0);
    let asked_bytes = options.max_bytes.map(|limit| bytes(limit).max(0));
    let differences = [
        difference("max-age", options.max_age, found.max_age, age),
        difference("max-bytes", asked_bytes, found_bytes, size),
        difference("replicas", options.replicas, found.num_replicas, |n| n.to_string()),
        difference("storage", options.storage, storage, |storage| storage.name().to_owned()),
        difference("compression", options.compression, compression, |how| how.name().to_owned()),
        difference("discard", options.discard, discard, |which| which.name().to_owned()),
        difference("duplicates", options.duplicates, found.duplicate_window, age),
    ];
    let differences: Vec<String> = differences.into_iter().flatten().collect();
    if differences.is_empty() {
        return Ok(Vec::new());
    }
    Ok(vec![format!(
        "the stream {name} exists with other settings, which stay as they are: {}. To change them: \
         nats stream edit {name}",
        differences.join(", ")
    )])
}

fn difference<T: PartialEq>(
    key: &str,
    asked: Option<T>,
    found: T,
    shown: impl Fn(T) -> String,
) -> Option<String> {
    let asked = asked.filter(|asked| *asked != found)?;
    Some(format!("{key} is {}, not {}", shown(found), shown(asked)))
}

/// Whether the subject `wide`, which may have wildcards, covers all that `narrow` does.
fn covers(wide: &str, narrow: &str) -> bool {
    let mut narrow = narrow.split('.');
    for token in wide.split('.') {
        match (token, narrow.next()) {
            (">", Some(_)) => return true,
            ("*", Some(other)) if other != ">" => {}
            (token, Some(other)) if token == other && token != "*" => {}
            _ => return false,
        }
    }
    narrow.next().is_none()
}

/// Whether some subject matches both, which may have wildcards.
pub(crate) fn overlaps(one: &str, other: &str) -> bool {
    let (mut one, mut other) = (one.split('.'), other.split('.'));
    loop {
        match (one.next(), other.next()) {
            (Some(">"), Some(_)) | (Some(_), Some(">")) | (None, None) => return true,
            (Some(a), Some(b)) if a == b || a == "*" || b == "*" => {}
            _ => return false,
        }
    }
}

fn is_missing(error: &GetStreamError) -> bool {
    matches!(error.kind(), GetStreamErrorKind::JetStream(error) if error.error_code() == ErrorCode::STREAM_NOT_FOUND)
}

fn code(error: &CreateStreamError) -> Option<ErrorCode> {
    match error.kind() {
        CreateStreamErrorKind::JetStream(error) => Some(error.error_code()),
        _ => None,
    }
}

fn not_asked(options: &StreamOptions, error: &GetStreamError) -> Error {
    let name = escape(&options.name);
    let (why, hint) = match error.kind() {
        GetStreamErrorKind::JetStream(error) => {
            (escape(&error.to_string()), "Check that JetStream is enabled for this account.")
        }
        _ => (
            text(error),
            "Check that the server has JetStream (nats-server -js), and that this user may use it. \
             A user who may only publish needs no-create.",
        ),
    };
    Error::new(format!("can't look at the stream {name}: {why}")).hint(hint)
}

fn not_created(
    options: &StreamOptions,
    subjects: &str,
    error: &CreateStreamError,
    other: Option<&str>,
) -> Error {
    let name = escape(&options.name);
    let why = match error.kind() {
        CreateStreamErrorKind::JetStream(error) => escape(&error.to_string()),
        _ => text(error),
    };
    let hint = match (code(error), other) {
        (Some(ErrorCode::STREAM_SUBJECT_OVERLAP), Some(other)) => {
            let other = escape(other);
            format!(
                "The stream {other} collects {subjects}: use it (stream={other}), or choose another prefix=."
            )
        }
        (Some(ErrorCode::STREAM_SUBJECT_OVERLAP), None) => {
            format!(
                "Another stream collects {subjects}: name it with stream=, or choose another prefix=."
            )
        }
        (Some(ErrorCode::STREAM_REPLICAS_NOT_SUPPORTED), _) => {
            "Only a cluster has replicas: leave out replicas=, or name servers of a cluster."
                .to_owned()
        }
        (Some(ErrorCode::STORAGE_RESOURCES_EXCEEDED | ErrorCode::INSUFFICIENT_RESOURCES), _) => {
            "A stream reserves its size: lower max-bytes, or give the server more (max_file_store)."
                .to_owned()
        }
        _ => "Check the settings, and that this user may create streams.".to_owned(),
    };
    Error::new(format!("can't create the stream {name}: {why}")).hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_covers_what_its_wildcards_match() {
        for (wide, narrow, yes) in [
            ("zlog.>", "zlog.>", true),
            (">", "zlog.>", true),
            ("*.>", "zlog.>", true),
            ("zlog.*.>", "zlog.>", false),
            ("zlog.*", "zlog.>", false),
            ("zlog.a.>", "zlog.>", false),
            ("zlog.>", "zlog.eu.>", true),
            ("log.>", "zlog.>", false),
        ] {
            assert_eq!(covers(wide, narrow), yes, "{wide} {narrow}");
        }
    }

    #[test]
    fn subjects_overlap_if_one_subject_matches_both() {
        for (one, other, yes) in [
            ("zlog.>", "zlog.>", true),
            (">", "zlog.>", true),
            ("zlog.eu.>", "zlog.>", true),
            ("zlog.*", "zlog.>", true),
            ("*.eu.>", "zlog.>", true),
            ("zlog.*.x", "zlog.eu.>", true),
            ("zlog", "zlog.>", false),
            ("logs.>", "zlog.>", false),
            ("zlog.us.>", "zlog.eu.>", false),
        ] {
            assert_eq!((overlaps(one, other), overlaps(other, one)), (yes, yes), "{one} {other}");
        }
    }

    #[test]
    fn a_stream_with_compression_and_replicas_is_warned_about() {
        for (compression, replicas, count) in
            [(Compression::S2, 3, 1), (Compression::S2, 1, 0), (Compression::None, 3, 0)]
        {
            let options = StreamOptions {
                compression: Some(compression),
                replicas: Some(replicas),
                ..StreamOptions::default()
            };
            let features = Features { compression: true, batches: true };
            let notices = Ensured::new(&config(&options, "zlog.>", features), Vec::new()).notices;
            assert_eq!(notices.len(), count, "{notices:?}");
        }
    }

    #[test]
    fn only_settings_that_were_asked_for_are_compared() {
        let found = config(
            &StreamOptions::default(),
            "zlog.>",
            Features { compression: true, batches: true },
        );
        let compared = |options: &StreamOptions| compare(&found, options, "zlog.>").unwrap();
        assert_eq!(compared(&StreamOptions::default()), Vec::<String>::new());
        let same = StreamOptions {
            max_age: Some(DEFAULT_MAX_AGE),
            max_bytes: Some(DEFAULT_MAX_BYTES),
            storage: Some(Storage::File),
            ..StreamOptions::default()
        };
        assert_eq!(compared(&same), Vec::<String>::new());
        let other = StreamOptions { max_bytes: Some(0), replicas: Some(3), ..same };
        let notice = compared(&other).remove(0);
        assert!(notice.contains("max-bytes is 1G, not 0 (none), replicas is 1, not 3"), "{notice}");
    }
}
