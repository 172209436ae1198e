//! `zlog bench codec`: the same records as JSON and as MessagePack.
//!
//! What may be here: encoding, decoding, timing them, and what the figures say.
//! MessagePack is here only to be measured: no part of zlog sends or reads it.
//!
//! What is timed is all that lies between a [`Record`] and the bytes of a body:
//! for JSON the functions of [`wire::json`](zlog_core::wire::json) that `emit` and `tail`
//! use, with the check for UTF-8; for MessagePack what they would have to do in
//! their place with `rmp-serde`.

mod extras;
mod form;
mod measure;
mod records;
mod report;
mod verdict;

use zlog_core::error::{Error, Result};
use zlog_core::record::Record;
use zlog_core::wire::json;

pub use measure::{Plan, Run, measure};
pub use records::records;
pub use report::{CodecReport, CodecRow, SCHEMA, Settings};
pub use verdict::{Answer, Pays, Verdict};

/// A way to write a record as bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Codec {
    /// The body of the `json` dialect, as on the wire.
    Json,
    /// MessagePack with a name for each field, which any reader understands, as with JSON.
    Named,
    /// MessagePack without names: smaller, and both ends must know the order of the
    /// fields and can never change it.
    Bare,
}

impl Codec {
    /// All of them; the first is the one that others are held against.
    pub const ALL: [Codec; 3] = [Codec::Json, Codec::Named, Codec::Bare];

    /// What it is called in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Codec::Json => "json",
            Codec::Named => "msgpack",
            Codec::Bare => "msgpack-bare",
        }
    }

    /// Appends `record` to `out`.
    ///
    /// # Errors
    /// `rmp-serde`'s; never in practice, for all is written to memory.
    pub fn encode(self, record: &Record<'_>, out: &mut Vec<u8>) -> Result<()> {
        match self {
            Codec::Json => json::write(record, out),
            Codec::Named => form::write_named(record, out)?,
            Codec::Bare => form::write_bare(record, out)?,
        }
        Ok(())
    }

    /// Reads what [`Codec::encode`] has written.
    ///
    /// # Errors
    /// `body` was written otherwise.
    pub fn decode(self, body: &[u8]) -> Result<Record<'_>> {
        match self {
            Codec::Json => {
                let wrong = |error: String| Error::new(format!("not JSON: {error}"));
                let text = std::str::from_utf8(body).map_err(|error| wrong(error.to_string()))?;
                Ok(json::read_body(text).map_err(|error| wrong(error.to_string()))?.0)
            }
            Codec::Named => form::read_named(body),
            Codec::Bare => form::read_bare(body),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use zlog_core::record::{Level, RawJson};

    fn back(codec: Codec, record: &Record<'_>) -> Record<'static> {
        let mut body = Vec::new();
        codec.encode(record, &mut body).unwrap();
        codec.decode(&body).unwrap().into_owned()
    }

    #[test]
    fn every_codec_brings_back_every_field() {
        let text = |text: &'static str| Some(text.into());
        let record = Record {
            name: text("shop.db"),
            msg: "größer \"als\" 5 % \n\u{0}".into(),
            level: Level(35),
            levelname: text("NOTICE"),
            pathname: text("/srv/db.py"),
            filename: text("db.py"),
            module: text("db"),
            exc_text: text("Traceback\n  boom"),
            stack_info: text("Stack"),
            lineno: Some(-7),
            func_name: text("run"),
            created: Some(1_700_000_000.25),
            msecs: Some(250.0),
            relative_created: Some(12.5),
            thread: Some(i64::MAX),
            thread_name: text("MainThread"),
            process: Some(42),
            process_name: text("p"),
            task_name: text("Task-1"),
            hostname: text("h"),
            source: text("h:42:abcd"),
            seq: Some(u64::from(u32::MAX)),
            extras: vec![("tags".into(), RawJson("[\"a\",{\"b\":null}]".into()))],
            ..Record::default()
        };
        for codec in Codec::ALL {
            assert_eq!(back(codec, &record), record, "{}", codec.name());
            assert_eq!(back(codec, &Record::default()), Record::default(), "{}", codec.name());
        }
    }

    #[test]
    fn damaged_bytes_are_an_error() {
        for codec in Codec::ALL {
            for body in [&b""[..], b"\xc1", b"{", b"\x81\xa3msg", b"\xff\xff\xff\xff"] {
                assert!(codec.decode(body).is_err(), "{} {body:?}", codec.name());
            }
        }
    }

    proptest! {
        #[test]
        fn any_text_and_number_comes_back(
            msg in any::<String>(),
            name in prop::option::of(any::<String>()),
            levelno in any::<i32>(),
            lineno in prop::option::of(any::<i64>()),
        ) {
            let record = Record {
                msg: msg.into(),
                name: name.map(Into::into),
                level: Level(levelno),
                lineno,
                ..Record::default()
            };
            for codec in Codec::ALL {
                prop_assert_eq!(back(codec, &record), record.clone(), "{}", codec.name());
            }
        }
    }
}
