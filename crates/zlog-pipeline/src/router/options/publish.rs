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
    main: Some(Key::new("bind", "ENDPOINT", "Endpoint to bind").repeated()),
    keys: &[&[
        // On the command line a switch: the endpoint stands first there.
        Key::new("connect", "ENDPOINT", "Connect to the endpoint instead of binding it").repeated(),
        Key::new("root", "ROOT", "Root of the topic for records without one"),
        Key::new("wire", "json|text", "Dialect").default("json"),
        Key::new("hwm", "N", "High-water mark: messages queued per subscriber; 0 for no limit")
            .default("8000"),
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
