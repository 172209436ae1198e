//! OpenTelemetry: its own Python packages, and the collector `rotel`.

/// What the handler sends.
mod handler;
/// What the source receives.
mod source;

use serde_json::{Value, json};

/// A record with every field that OTLP has a place for, as a line for `zlog tail --input -`.
fn full_record() -> Value {
    json!({
        "topic": "shop.ERROR.db", "msg": "%s of %d lost ☃", "args": ["one", 5], "levelname": "ERROR",
        "levelno": 40, "name": "shop.orders", "created": 1_767_323_045.25, "pathname": "/srv/orders.py",
        "filename": "orders.py", "module": "orders", "lineno": 17, "funcName": "place",
        "thread": 7, "threadName": "worker", "process": 4711, "processName": "web",
        "hostname": "web-1", "source": "web-1:4711:ab", "seq": 9,
        "exc_text": "Traceback (most recent call last):\n  File \"orders.py\", line 17, in place\nValueError: no",
        "trace_id": "0af7651916cd43dd8448eb211c80319c", "span_id": "b7ad6b7169203331", "trace_flags": 1,
        "service.version": "1.2", "otel.event.name": "order.lost", "yes": true, "ratio": 0.5,
        "big": i64::MAX, "nothing": null, "list": [1, "two", [3]], "object": {"a": {"b": -1}},
    })
}

/// The attributes of a resource or a record by name, as Protocol Buffers have them in JSON.
fn attributes(of: &Value) -> serde_json::Map<String, Value> {
    let all = of["attributes"].as_array().cloned().unwrap_or_default();
    let pair = |it: &Value| (it["key"].as_str().unwrap().to_owned(), it["value"].clone());
    all.iter().map(pair).collect()
}

/// Checks that a request of a receiver has [`full_record`] alone, whole.
#[track_caller]
fn check_full_record(request: &Value) {
    assert_eq!(request["unknown"], 0, "{request}");
    let resource = &request["resources"][0];
    let scope = &resource["scopeLogs"][0];
    let log = &scope["logRecords"][0];
    let of_resource = attributes(&resource["resource"]);
    let text = |text: &str| json!({ "stringValue": text });
    let integer = |number: i64| json!({ "intValue": number.to_string() });
    for (name, value) in [
        ("service.name", text("shop")),
        ("service.instance.id", text("web-1:4711:ab")),
        ("service.version", text("1.2")),
        ("host.name", text("web-1")),
        ("process.pid", integer(4711)),
    ] {
        assert_eq!(of_resource.get(name), Some(&value), "{name}: {request}");
    }
    assert_eq!(scope["scope"]["name"], "shop.orders");
    for (name, value) in [
        ("timeUnixNano", json!("1767323045250000000")),
        ("severityNumber", json!("SEVERITY_NUMBER_ERROR")),
        ("severityText", json!("ERROR")),
        ("body", text("one of 5 lost ☃")),
        ("flags", json!(1)),
        ("eventName", json!("order.lost")),
        // Base64.
        ("traceId", json!("CvdlGRbNQ92ESOshHIAxnA==")),
        ("spanId", json!("t61rcWkgMzE=")),
    ] {
        assert_eq!(log[name], value, "{name}: {request}");
    }
    let own = attributes(log);
    for (name, value) in [
        ("subtopic", text("db")),
        ("code.file.path", text("/srv/orders.py")),
        ("code.line.number", integer(17)),
        ("code.function.name", text("place")),
        ("exception.type", text("ValueError")),
        ("exception.message", text("no")),
        ("thread.id", integer(7)),
        ("seq", integer(9)),
        ("yes", json!({ "boolValue": true })),
        ("ratio", json!({ "doubleValue": 0.5 })),
        ("big", integer(i64::MAX)),
        (
            "list",
            json!({"arrayValue": {"values": [
                integer(1), text("two"), {"arrayValue": {"values": [integer(3)]}},
            ]}}),
        ),
        (
            "object",
            json!({"kvlistValue": {"values": [{"key": "a", "value":
            {"kvlistValue": {"values": [{"key": "b", "value": integer(-1)}]}}}]}}),
        ),
    ] {
        assert_eq!(own.get(name), Some(&value), "{name}: {request}");
    }
}
