//! A ZeroMQ socket of the handler's own.

use zlog_core::text::parsers;

use super::super::spec::{PublishTarget, Target};
use super::{Class, Key, Reader};
use crate::handler::publish::Wire;
use crate::socket::{Endpoint, Role};

/// A ZeroMQ socket of its own.
pub(super) static PUBLISH: Class = Class {
    name: "publish",
    option: "--publish",
    main: Some(Key::new("bind", "ENDPOINT", "An endpoint to bind").repeated()),
    keys: &[&[
        // On the command line a switch: the endpoint stands first there.
        Key::new("connect", "ENDPOINT", "An endpoint to connect to, in place of one to bind")
            .repeated(),
        Key::new("root", "ROOT", "What topics begin with where a record has none"),
        Key::new("wire", "json|text", "What bodies are written as").default("json"),
        Key::new("hwm", "N", "Messages held for each subscriber; 0 for no limit").default("8000"),
    ]],
    picked_by: None,
    // Those who get what is published format it themselves.
    formatted: false,
    read: |reader, _| {
        let default = PublishTarget::default();
        Some(Target::Publish(PublishTarget {
            bind: endpoints(reader, "bind", Role::Bind),
            connect: endpoints(reader, "connect", Role::Connect),
            root: reader.read("root", parsers::root).unwrap_or(default.root),
            wire: reader.read("wire", wire).unwrap_or_default(),
            on_full: default.on_full,
            hwm: reader.read("hwm", parsers::number).unwrap_or(default.hwm),
        }))
    },
};

fn endpoints(reader: &mut dyn Reader, key: &str, role: Role) -> Vec<String> {
    reader.list(key, &|text| Endpoint::parse(text, role).map(drop))
}

fn wire(text: &str) -> Result<Wire, &'static str> {
    match text {
        "json" => Ok(Wire::Json),
        "text" => Ok(Wire::Text),
        _ => Err("write json or text"),
    }
}
