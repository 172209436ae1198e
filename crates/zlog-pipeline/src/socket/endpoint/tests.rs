use super::check::MAX_IPC_PATH;
use super::*;
use proptest::prelude::*;

fn refused(text: &str, role: Role) -> String {
    Endpoint::parse(text, role).expect_err(text).to_string()
}

#[test]
fn different_spellings_of_one_address_are_the_same_address() {
    let parse = |text: &str| Endpoint::parse(text, Role::Bind).expect(text);
    for (one, other, same) in [
        ("tcp://127.0.0.1:5", "tcp://127.0.0.1:5", true),
        ("tcp://127.0.0.1:5", "tcp://localhost:5", true),
        ("tcp://127.0.0.1:5", "tcp://127.0.0.2:5", false),
        ("tcp://*:5", "tcp://127.0.0.1:5", true),
        ("tcp://0.0.0.0:5", "tcp://localhost:5", true),
        ("tcp://[::]:5", "tcp://[::1]:5", true),
        ("tcp://*:5", "tcp://127.0.0.1:6", false),
        ("tcp://*:5", "tcp://10.1.2.3:5", false),
        ("tcp://10.1.2.3:5", "tcp://10.1.2.3:5", true),
        ("tcp://*:5", "ws://*:5/", false),
        ("tcp://127.0.0.1:*", "tcp://127.0.0.1:*", false),
        ("tcp://*:0", "tcp://127.0.0.1:0", false),
        ("ipc:///tmp/a", "ipc:///tmp/a", true),
        ("ipc:///tmp/a", "ipc:///tmp/b", false),
        ("ipc://*", "ipc://*", false),
    ] {
        assert_eq!(parse(one).same_address(&parse(other)), same, "{one} {other}");
        assert_eq!(parse(other).same_address(&parse(one)), same, "{other} {one}");
    }
}

#[test]
fn a_wildcard_is_connected_to_at_the_loopback_address() {
    for (bound, connect) in [
        ("tcp://*:5", "tcp://127.0.0.1:5"),
        ("ws://0.0.0.0:5/logs", "ws://127.0.0.1:5/logs"),
        ("tcp://[::]:5", "tcp://[::1]:5"),
        ("tcp://10.0.0.1:5", "tcp://10.0.0.1:5"),
        ("ipc:///tmp/x", "ipc:///tmp/x"),
    ] {
        assert_eq!(Endpoint::parse(bound, Role::Bind).expect(bound).to_connect(), connect);
    }
}

#[test]
fn a_default_endpoint_may_fix_its_role() {
    for (text, role, is_fixed) in [
        ("tcp://127.0.0.1:5", Role::Connect, false),
        ("5", Role::Connect, false),
        ("bind:tcp://*:5", Role::Bind, true),
        ("bind:5", Role::Bind, true),
        ("connect:tcp://h:5", Role::Connect, true),
        ("connect:h:5", Role::Connect, true),
    ] {
        let (endpoint, fixed) = Endpoint::parse_default(text, Role::Connect).expect(text);
        assert_eq!((endpoint.role(), fixed), (role, is_fixed), "{text}");
    }
    assert!(Endpoint::parse_default("connect:tcp://*:5", Role::Bind).is_err());
}

#[test]
fn queries_go_to_the_next_port_or_the_path_with_ask_appended() {
    let query_endpoint = |text: &str, role| {
        let endpoint = Endpoint::parse(text, role).expect(text);
        endpoint.query_endpoint().map(|it| it.as_str().to_owned())
    };
    for (text, expected) in [
        ("tcp://127.0.0.1:12345", Some("tcp://127.0.0.1:12346")),
        ("tcp://[::1]:5", Some("tcp://[::1]:6")),
        ("tcp://*:65535", None),
        ("tcp://127.0.0.1:0", Some("tcp://127.0.0.1:*")),
        ("ipc:///tmp/logs", Some("ipc:///tmp/logs.ask")),
        ("ipc://@logs", Some("ipc://@logs.ask")),
        ("ws://127.0.0.1:80/logs", Some("tcp://127.0.0.1:81")),
    ] {
        assert_eq!(query_endpoint(text, Role::Bind).as_deref(), expected, "{text}");
    }
}

#[test]
fn valid_endpoints_are_accepted() {
    for text in [
        DEFAULT_ENDPOINT,
        "tcp://localhost:1",
        "tcp://[::1]:65535",
        "tcp://[fe80::1%eth0]:80",
        "tcp://10.0.0.1:0;10.0.0.2:5555",
        "ipc:///tmp/x.sock",
        "ipc://@abstract",
        "ws://127.0.0.1:80/logs",
    ] {
        assert_eq!(Endpoint::parse(text, Role::Connect).expect(text).as_str(), text);
    }
    for text in ["tcp://*:*", "tcp://eth0:0", "tcp://[::]:*", "ipc://*", "ws://*:8080"] {
        Endpoint::parse(text, Role::Bind).expect(text);
    }
}

#[test]
fn a_port_out_of_range_is_refused_although_libzmq_accepts_it() {
    for text in ["tcp://h:99999", "tcp://h:65536", "tcp://h:-1", "tcp://h:+80", "tcp://h:x"] {
        assert!(refused(text, Role::Bind).contains("is not a port"), "{text}");
    }
}

#[test]
fn wildcards_are_refused_to_connect() {
    for text in ["tcp://127.0.0.1:0", "tcp://127.0.0.1:*", "tcp://*:80", "ipc://*"] {
        assert!(refused(text, Role::Connect).contains("is for --bind"), "{text}");
    }
}

#[test]
fn the_mistake_is_named_and_the_correct_form_suggested() {
    let cases = [
        ("/tmp/a.sock", "Did you mean ipc:///tmp/a.sock?"),
        ("tcp://localhost", "Did you mean tcp://localhost:12345?"),
        ("tcp://[::1]", "the port is missing"),
        ("tcp://localhost:", "the port is missing"),
        ("tcp://:5555", "Did you mean tcp://127.0.0.1:5555?"),
        ("tcp://::1:5555", "Did you mean tcp://[::1]:5555?"),
        ("tcp://[::g]:5555", "not an IPv6 address"),
        ("tcp://", "the address is missing"),
        ("myprogram", "the transport is missing"),
        ("localhost:http", "the transport is missing"),
        ("::1:5555", "Did you mean tcp://[::1]:5555?"),
        ("99999", "is not a port"),
    ];
    for (text, part) in cases {
        let said = refused(text, Role::Connect);
        assert!(said.contains(part), "{text}: {said}");
    }
}

#[test]
fn a_port_and_a_host_with_a_port_are_completed() {
    for (text, role, complete) in [
        ("12345", Role::Bind, "tcp://127.0.0.1:12345"),
        ("12345", Role::Connect, "tcp://127.0.0.1:12345"),
        ("0", Role::Bind, "tcp://127.0.0.1:0"),
        (":0", Role::Bind, "tcp://127.0.0.1:0"),
        (":*", Role::Bind, "tcp://127.0.0.1:*"),
        (":5555", Role::Connect, "tcp://127.0.0.1:5555"),
        ("*:5555", Role::Bind, "tcp://*:5555"),
        ("lo:*", Role::Bind, "tcp://lo:*"),
        ("log.example.com:5555", Role::Connect, "tcp://log.example.com:5555"),
        ("[::1]:5555", Role::Connect, "tcp://[::1]:5555"),
    ] {
        assert_eq!(Endpoint::parse(text, role).expect(text).as_str(), complete, "{text}");
    }
    // A port to connect to is a certain one.
    assert!(refused(":0", Role::Connect).contains("is for --bind"));
}

#[test]
fn an_ipc_path_may_have_spaces_and_any_bytes() {
    let endpoint = |text| Endpoint::parse(text, Role::Bind).expect(text);
    assert_eq!(endpoint("ipc:///tmp/a b/ä").ipc_path(), Some("/tmp/a b/ä".into()));
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStrExt;
        let path = Path::new(std::ffi::OsStr::from_bytes(b"/tmp/\xff/\xff"));
        let one = Endpoint::ipc(path, Role::Bind).expect("any bytes");
        assert_eq!((one.as_str(), one.ipc_path()), (r"ipc:///tmp/\xff/\xff", Some(path.into())));
        let query = one.query_endpoint().and_then(|query| query.ipc_path()).expect("a path");
        assert_eq!(query.as_os_str().as_bytes(), b"/tmp/\xff/\xff.ask");
    }
    assert!(refused("ipc:///tmp/a\nb", Role::Bind).contains("control character"));
}

#[test]
fn an_unknown_transport_lists_the_available_ones() {
    for text in ["http://x:1", "inproc://x", "udp://x:1", "norm://x:1"] {
        let said = refused(text, Role::Connect);
        assert!(said.contains("This build has tcp, ipc, ws"), "{text}: {said}");
    }
}

#[test]
fn control_characters_are_refused_and_shown_escaped() {
    assert!(refused("tcp://127.0.0.1:1\0", Role::Connect).contains("\\0"));
    assert!(refused("tcp://a b:1", Role::Connect).contains("space"));
}

#[test]
fn an_ipc_path_that_the_system_would_truncate_is_refused() {
    let fits = format!("ipc://{}", "a".repeat(MAX_IPC_PATH));
    Endpoint::parse(&fits, Role::Bind).expect("fits");
    assert!(refused(&format!("{fits}b"), Role::Bind).contains("108 bytes"));
}

#[test]
fn a_host_name_is_recognized_and_can_be_replaced_by_an_address() {
    let address: SocketAddr = "[::1]:5".parse().expect("an address");
    for (text, role, name, at) in [
        ("tcp://localhost:5", Role::Connect, Some(("localhost", 5)), "tcp://[::1]:5"),
        ("ws://h:5/logs/a", Role::Connect, Some(("h", 5)), "ws://[::1]:5/logs/a"),
        ("tcp://eth0:*;h:5", Role::Connect, Some(("h", 5)), "tcp://eth0:*;[::1]:5"),
        ("tcp://h:*", Role::Bind, Some(("h", 0)), "tcp://[::1]:5"),
        ("tcp://127.1:5", Role::Connect, Some(("127.1", 5)), "tcp://[::1]:5"),
        ("tcp://127.0.0.1:5", Role::Connect, None, "tcp://[::1]:5"),
        ("tcp://[fe80::1%eth0]:5", Role::Connect, None, "tcp://[::1]:5"),
        ("tcp://*:5", Role::Bind, None, "tcp://[::1]:5"),
    ] {
        let endpoint = Endpoint::parse(text, role).expect(text);
        assert_eq!((endpoint.name(), endpoint.at(address).as_str()), (name, at), "{text}");
    }
    assert_eq!(Endpoint::parse("ipc:///tmp/h:5", Role::Connect).expect("ipc").name(), None);
}

#[test]
fn a_source_address_allows_destinations_of_its_own_family() {
    let allowed = |text: &str| {
        let endpoint = Endpoint::parse(text, Role::Connect).expect(text);
        ["127.0.0.1:5", "[::1]:5"].map(|to| endpoint.allows(to.parse().expect(to)))
    };
    assert_eq!(allowed("tcp://h:5"), [true, true]);
    assert_eq!(allowed("tcp://10.0.0.1:0;h:5"), [true, false]);
    assert_eq!(allowed("tcp://[::1]:0;h:5"), [false, true]);
    assert_eq!(allowed("tcp://eth0:0;h:5"), [true, true]);
}

#[test]
fn ipv6_is_set_only_where_it_is_needed() {
    for (text, needed) in [
        ("tcp://[::1]:5", true),
        ("tcp://[::1]:0;[::1]:5", true),
        ("ws://[::1]:5/[x]", true),
        ("tcp://127.0.0.1:5", false),
        ("tcp://*:5", false),
        ("ipc:///tmp/[x]", false),
    ] {
        assert_eq!(needs_ipv6(text), needed, "{text}");
    }
}

proptest! {
    #[test]
    fn no_text_causes_a_panic(text in ".*", bind: bool) {
        let role = if bind { Role::Bind } else { Role::Connect };
        if let Ok(endpoint) = Endpoint::parse(&text, role) {
            prop_assert!(!endpoint.as_str().contains('\0'));
        }
    }

    #[test]
    fn exactly_the_16_bit_ports_are_accepted(port in 1u32..200_000) {
        let text = format!("tcp://127.0.0.1:{port}");
        prop_assert_eq!(Endpoint::parse(&text, Role::Connect).is_ok(), port <= 65535);
    }
}
