//! Runs every kind of thing that zlog has. Each registry is matched exhaustively, so a new
//! dialect, source, handler, output or command does not compile until it has an example
//! here.

use std::io::Write;
use std::net::{TcpStream, UdpSocket};
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;
use zlog::cli::Command;
use zlog_bench::smtp_server::{ServerOptions, SmtpServer};
use zlog_core::format::Output;
use zlog_core::text::choice::Choice as _;
use zlog_core::wire::Dialect;
use zlog_pipeline::router::HandlerKind;
use zlog_pipeline::source::SourceKind;

use crate::harness::{
    ANY_PORT, DEADLINE, Listener, Message, Publisher, Running, Zlog, emit, published, zlog,
};

/// A message in this dialect whose text is `hello`.
fn frames(dialect: Dialect) -> Vec<&'static [u8]> {
    match dialect {
        Dialect::Json => vec![b"app.ERROR", br#"{"msg":"hello","levelno":40,"name":"app"}"#],
        Dialect::Text => vec![b"app.ERROR", b"hello"],
        Dialect::Logbook => vec![
            br#"{"time":"2026-01-02T03:04:05Z","channel":"app","level":14,"msg":"hello",
                "message":"hello","args":[],"kwargs":{},"extra":{},"heavy_initialized":true}"#,
        ],
        // {'msg': 'hello', 'levelno': 40}, protocol 2.
        Dialect::Pickle => vec![
            b"app.ERROR",
            b"\x80\x02}q\x00(X\x03\x00\x00\x00msgX\x05\x00\x00\x00helloX\x07\x00\x00\x00levelnoK(u.",
        ],
    }
}

#[test]
fn every_dialect_is_read_by_tail() {
    for dialect in Dialect::ALL {
        let publisher = Publisher::bind();
        let tail = zlog(["tail", "-o", "json", "-n", "1", &publisher.endpoint]).start();
        publisher.wait_for_subscription();
        publisher.send(frames(dialect));
        let tail = tail.wait().success();
        let record: Value = serde_json::from_str(tail.out().trim()).unwrap();
        let name = dialect.name();
        assert_eq!(record["msg"], "hello", "{name}");
        assert_eq!(record["levelno"], 40, "{name}");
        assert!(record["fault"].is_null(), "{name}: {record}");
    }
}

/// Arguments that make `emit` read one record from this source: `hello`, where the text can
/// be chosen.
fn source_args(source: SourceKind, directory: &Path) -> Vec<String> {
    let file = |name: &str, content: &str| {
        let path = directory.join(name);
        std::fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let own = |args: &[&str]| args.iter().map(|arg| String::from(*arg)).collect();
    match source {
        SourceKind::Stdin => Vec::new(),
        SourceKind::File => vec!["--file".into(), file("line", "hello\n")],
        SourceKind::Command => own(&["--", "echo", "hello"]),
        SourceKind::Message => own(&["-m", "hello"]),
        SourceKind::Synthetic => own(&["--test", "1"]),
        SourceKind::Replay => vec!["--replay".into(), file("stored", "{\"msg\":\"hello\"}\n")],
        SourceKind::Python => own(&["--listen", "127.0.0.1:0", "--listen-udp", "127.0.0.1:0"]),
        SourceKind::Otlp => own(&["--otlp-listen", "127.0.0.1:0"]),
    }
}

/// The pickle of [`frames`], after its length.
fn framed() -> Vec<u8> {
    let pickle = frames(Dialect::Pickle)[1];
    [&u32::try_from(pickle.len()).unwrap().to_be_bytes(), pickle].concat()
}

/// The records that `emit` publishes of what is sent to each of its two listening sockets.
fn listened(args: Vec<String>) -> Vec<Message> {
    let mut emit = emit(args).start();
    let listener = Listener::connect(&emit.endpoint(), "");
    let tcp = emit.expect_address("for Python's SocketHandler");
    TcpStream::connect(tcp).unwrap().write_all(&framed()).unwrap();
    let first = listener.next();
    let udp = emit.expect_address("for Python's DatagramHandler");
    UdpSocket::bind("127.0.0.1:0").unwrap().send_to(&framed(), udp).unwrap();
    let messages = vec![first, listener.next()];
    emit.terminate();
    emit.wait().code(143);
    messages
}

/// The record that `emit` publishes of what the handler for OTLP sends to it.
#[cfg(feature = "otlp")]
fn received(args: Vec<String>) -> Vec<Message> {
    let mut emit = emit(args).start();
    let listener = Listener::connect(&emit.endpoint(), "");
    let option = format!("--otlp=http://{}", emit.expect_address("for OpenTelemetry"));
    zlog(["tail", "--input", "-", &option]).stdin("hello\n").run().success();
    let messages = vec![listener.next()];
    emit.terminate();
    emit.wait().code(143);
    messages
}

/// This build says that it has no such source.
#[cfg(not(feature = "otlp"))]
fn received(args: Vec<String>) -> Vec<Message> {
    emit(args).run().code(2).stderr_has("this zlog was built without OpenTelemetry");
    Vec::new()
}

#[test]
fn every_source_that_the_command_line_can_choose_delivers() {
    for source in SourceKind::ALL.iter().copied() {
        let directory = tempfile::tempdir().unwrap();
        let args = source_args(source, directory.path());
        let line = ["zlog", "emit"].into_iter().map(String::from).chain(args.clone());
        let parsed = zlog::cli::Cli::parse_line(line.map(Into::into)).unwrap();
        let Command::Emit(parsed) = parsed.command else { panic!("it is `emit`") };
        assert_eq!(parsed.source_kind(), source, "{args:?}");

        let (messages, expected) = match source {
            SourceKind::Python => (listened(args), 2),
            SourceKind::Otlp => (received(args), usize::from(cfg!(feature = "otlp"))),
            _ => (sent(emit(args).stdin("hello\n")), 1),
        };
        assert_eq!(messages.len(), expected, "{source:?}: {messages:?}");
        for message in messages.iter().filter(|_| source != SourceKind::Synthetic) {
            assert_eq!(message.json()["msg"], "hello", "{source:?}");
        }
    }
}

/// Sends `hello` to a relay that listens at this address.
type Send = fn(&str, &mut Running);

#[test]
fn every_source_of_a_relay_delivers_from_a_configuration() {
    let sources: [(&str, &str, Send); 4] = [
        ("stdin = true", "", |_, relay| relay.write("hello\n")),
        ("listen = '127.0.0.1:0'", "for Python's SocketHandler", |address, _| {
            TcpStream::connect(address).unwrap().write_all(&framed()).unwrap();
        }),
        ("listen-udp = '127.0.0.1:0'", "for Python's DatagramHandler", |address, _| {
            UdpSocket::bind("127.0.0.1:0").unwrap().send_to(&framed(), address).unwrap();
        }),
        ("otlp-listen = '127.0.0.1:0'", "for OpenTelemetry", |address, _| {
            let option = format!("--otlp=http://{address}");
            zlog(["tail", "--input", "-", &option]).stdin("hello\n").run().success();
        }),
    ];
    for (key, is_for, send) in sources {
        let directory = tempfile::tempdir().unwrap();
        let [config, log] = ["relay.toml", "app.log"].map(|name| directory.path().join(name));
        let text = format!(
            "version = 1\n[relay]\nbind = '{ANY_PORT}'\npublish-bind = '{ANY_PORT}'\n{key}\n\
             [handlers.a]\nclass = 'file'\npath = '{}'\nformat = '%(message)s'\n",
            log.display()
        );
        std::fs::write(&config, text).unwrap();
        let relay = zlog(["relay", "--config", config.to_str().unwrap(), "--no-ask"]);
        if key.starts_with("otlp") && !cfg!(feature = "otlp") {
            relay.run().code(2).stderr_has("this zlog was built without OpenTelemetry");
            continue;
        }
        let mut relay = relay.stdin_open().start();
        let address = match is_for {
            "" => String::new(),
            is_for => relay.expect_address(is_for).to_string(),
        };
        send(&address, &mut relay);
        let deadline = Instant::now() + DEADLINE;
        while !std::fs::read_to_string(&log).is_ok_and(|written| written.starts_with("hello")) {
            assert!(Instant::now() < deadline, "{key}");
            std::thread::sleep(Duration::from_millis(5));
        }
        relay.terminate();
        relay.expect_end();
        relay.wait().code(143);
    }
}

/// A handler as a test sets it up, and whether `hello` has arrived at its target.
struct Exemplar {
    /// The value of its option on the command line.
    typed: String,
    /// Its keys in a configuration.
    table: String,
    arrived: Box<dyn FnMut(&mut Running) -> bool>,
}

/// Sets up a handler of this kind; `place` is a path of its own. `None` where its target is missing.
fn handler(kind: HandlerKind, place: &Path) -> Option<Exemplar> {
    let path = place.to_str().unwrap().to_owned();
    Some(match kind {
        HandlerKind::Console => Exemplar {
            typed: "format=%(message)s".into(),
            table: "format = '%(message)s'".into(),
            arrived: Box::new(|running| running.expect_stdout("hello") == "hello"),
        },
        HandlerKind::File => filed(path, "", ""),
        HandlerKind::Rotating => filed(path, "max-bytes=1M,", "max-bytes = '1M'"),
        HandlerKind::Timed => filed(path, "when=midnight,", "when = 'midnight'"),
        HandlerKind::Smtp => {
            let server = SmtpServer::start(ServerOptions::default()).unwrap();
            let url = server.url();
            Exemplar {
                typed: format!("{url},to=ops@example.org,batch=1"),
                table: format!("server = '{url}'\nto = 'ops@example.org'\nbatch = 1"),
                arrived: Box::new(move |_| server.received() > 0),
            }
        }
        HandlerKind::Syslog => syslog(),
        HandlerKind::Exec => {
            let command = format!("sh -c 'cat >>\"$0\"' {path}");
            Exemplar {
                typed: format!("{command},batch=1,format=%(message)s"),
                table: format!(
                    "command = ['sh', '-c', 'cat >>\"$0\"', '{path}']\nbatch = 1\n\
                     format = '%(message)s'"
                ),
                arrived: Box::new(move |_| holds_hello(&path)),
            }
        }
        HandlerKind::Publish => publish(),
        HandlerKind::Nats => return nats(),
        HandlerKind::Otlp => return otlp(),
    })
}

/// A handler that stores in a stream, with a server.
#[cfg(feature = "nats")]
fn nats() -> Option<Exemplar> {
    let server = crate::harness::nats()?;
    let url = server.url();
    Some(Exemplar {
        typed: url.clone(),
        table: format!("servers = '{url}'"),
        arrived: Box::new(move |_| server.client().count("ZLOG") > 0),
    })
}

/// This build says that it has no such handler.
#[cfg(not(feature = "nats"))]
fn nats() -> Option<Exemplar> {
    let tail = zlog(["tail", "--input", "-", "--nats=nats://127.0.0.1"]).stdin("").run();
    tail.code(2).stderr_has("this zlog was built without NATS");
    None
}

/// A handler that sends to a collector, which takes everything.
#[cfg(feature = "otlp")]
fn otlp() -> Option<Exemplar> {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let arrived = Arc::new(AtomicBool::new(false));
    let taken = Arc::clone(&arrived);
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let (mut request, mut part) = (Vec::new(), [0; 4096]);
            while let Ok(length @ 1..) = std::io::Read::read(&mut stream, &mut part) {
                request.extend_from_slice(&part[..length]);
                if request.windows(5).any(|text| text == b"hello") {
                    request.clear();
                    taken.store(true, Ordering::Relaxed);
                    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
                }
            }
        }
    });
    Some(Exemplar {
        typed: format!("{url},batch=1"),
        table: format!("url = '{url}'\nbatch = 1"),
        arrived: Box::new(move |_| arrived.load(Ordering::Relaxed)),
    })
}

/// This build says that it has no such handler.
#[cfg(not(feature = "otlp"))]
fn otlp() -> Option<Exemplar> {
    let tail = zlog(["tail", "--input", "-", "--otlp=http://127.0.0.1:1"]).stdin("").run();
    tail.code(2).stderr_has("this zlog was built without OpenTelemetry");
    None
}

/// A syslog handler with its daemon.
fn syslog() -> Exemplar {
    let daemon = UdpSocket::bind("127.0.0.1:0").unwrap();
    daemon.set_nonblocking(true).unwrap();
    let address = format!("udp://{}", daemon.local_addr().unwrap());
    Exemplar {
        typed: address.clone(),
        table: format!("address = '{address}'"),
        arrived: Box::new(move |_| {
            let mut message = [0; 1024];
            daemon.recv(&mut message).is_ok_and(|n| message[..n].ends_with(b" hello"))
        }),
    }
}

/// A handler that publishes, with a subscriber.
fn publish() -> Exemplar {
    let mut listener = None;
    Exemplar {
        typed: ANY_PORT.to_owned(),
        table: format!("bind = '{ANY_PORT}'"),
        arrived: Box::new(move |running| {
            let listener = listener.get_or_insert_with(|| {
                let bound = running.expect_stderr(": bound ");
                Listener::connect(bound.rsplit(' ').next().unwrap(), "")
            });
            let message = listener.try_next(Duration::from_millis(20));
            message.is_some_and(|message| message.json()["msg"] == "hello")
        }),
    }
}

/// A handler that writes to the file at `path`.
fn filed(path: String, typed: &str, table: &str) -> Exemplar {
    Exemplar {
        typed: format!("{path},{typed}format=%(message)s"),
        table: format!("path = '{path}'\nformat = '%(message)s'\n{table}"),
        arrived: Box::new(move |_| holds_hello(&path)),
    }
}

fn holds_hello(path: &str) -> bool {
    std::fs::read_to_string(path).is_ok_and(|text| text.starts_with("hello\n"))
}

/// Gives a program `hello` until it arrives: a socket may miss the first ones. Less and less often, so
/// that a handler that starts a process for each record, or sends a mail, is not far behind at the end.
fn gives_hello(running: &mut Running, kind: HandlerKind, mut exemplar: Exemplar) {
    let until = Instant::now() + DEADLINE;
    let mut pause = Duration::from_millis(5);
    loop {
        running.write("hello\n");
        if (exemplar.arrived)(running) {
            return;
        }
        if Instant::now() >= until {
            running.fail(&format!("{kind:?}: nothing arrived"));
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_secs(1));
    }
}

#[test]
fn every_handler_passes_records_on_from_the_command_line() {
    for kind in HandlerKind::ALL {
        let directory = tempfile::tempdir().unwrap();
        let place = directory.path().join("out");
        let Some(exemplar) = handler(kind, &place) else { continue };
        let option = format!("{}={}", kind.class().option, exemplar.typed);
        let mut tail = zlog(["tail", "--input", "-", &option]).stdin_open().start();
        gives_hello(&mut tail, kind, exemplar);
        tail.wait().success();
    }
}

#[test]
fn every_handler_passes_records_on_from_a_configuration() {
    for kind in HandlerKind::ALL {
        let directory = tempfile::tempdir().unwrap();
        let place = directory.path().join("out");
        let Some(exemplar) = handler(kind, &place) else { continue };
        let file = directory.path().join("relay.toml");
        let class = kind.class().name;
        let text = format!("version = 1\n[handlers.a]\nclass = '{class}'\n{}\n", exemplar.table);
        std::fs::write(&file, text).unwrap();
        let ports = ["--bind", ANY_PORT, "--publish-bind", ANY_PORT, "--stdin"];
        let args = ["relay", "--config", file.to_str().unwrap()];
        let mut relay = zlog(args).args(ports).stdin_open().start();
        relay.endpoints(2);
        gives_hello(&mut relay, kind, exemplar);
        relay.terminate();
        relay.expect_end();
        relay.wait().code(143);
    }
}

/// Whether `out` shows the record in [`every_output_prints`] in this format.
fn printed(output: Output, out: &str) -> bool {
    match output {
        Output::Pretty => out.contains("ERROR") && out.contains("hello") && out.contains("app"),
        Output::Json => serde_json::from_str::<Value>(out).is_ok_and(|r| r["msg"] == "hello"),
        Output::Logfmt => out.contains("level=error") && out.contains("msg=hello"),
        Output::Text => out == "hello\n",
        Output::Raw => out.contains(r#"{"msg":"hello","levelno":40,"name":"app"}"#),
    }
}

#[test]
fn every_output_prints() {
    for output in Output::all() {
        let name = output.name().to_owned();
        let publisher = Publisher::bind();
        let tail = zlog(["tail", "-n", "1", "-o", &name, &publisher.endpoint]).start();
        publisher.wait_for_subscription();
        publisher.send(frames(Dialect::Json));
        let finished = tail.wait().success();
        let out = finished.out();
        assert!(printed(output, &out), "{name}: {out}");
    }
}

/// Runs the command for its main purpose, and checks what it prints.
fn run_example(command: &Command) {
    match command {
        Command::Emit(_) => {
            let emit = zlog(["emit", "--bind", ANY_PORT, "--wait", "0s", "-m", "hello"]).run();
            emit.success().stderr_has("1 record");
        }
        Command::Tail(_) => {
            let tail = zlog(["tail", "-o", "text", "--input", "-"]).stdin("hello\n").run();
            tail.success().stdout("hello\n");
        }
        Command::Top(_) => {
            let mut emit = emit(["--root", "demo", "--test", "100000", "--rate", "1000"]).start();
            prints(zlog(["top", "--once", &emit.endpoint()]), "  demo.INFO\n");
            emit.terminate();
            emit.wait().code(143);
        }
        Command::Relay(_) => {
            let mut relay = zlog(["relay", "--bind", ANY_PORT, "--publish-bind", ANY_PORT]).start();
            let ask = relay.endpoints(3).remove(2);
            prints(zlog(["relay", "--status", "--ask", &ask]), "publishes on");
            relay.terminate();
            relay.wait().code(143);
        }
        Command::Bench(_) => {
            let args = ["--handlers", "null", "--runs", "1", "-n", "10", "--warm-up", "0"];
            prints(zlog(["bench"]).args(args), "null");
        }
        Command::Canary(_) => {
            let ports = ["relay", "--bind", ANY_PORT, "--publish-bind", ANY_PORT, "--no-ask"];
            let mut relay = zlog(ports).start();
            let bound = relay.endpoints(2);
            let ends = ["canary", "--send", &bound[0], "--read", &bound[1], "-n", "10"];
            prints(zlog(ends), "lost        0\n");
            relay.terminate();
            relay.wait().code(143);
        }
        Command::Demo(_) => prints(zlog(["demo", "-n", "3", "--rate", "100"]), "demo"),
        Command::Formats(_) => prints(zlog(["formats"]), "klog"),
        Command::Config(_) => {
            let config = zlog(["config"]).env("ZLOG_CONFIG", "/no/such/file");
            config.run().code(1).stderr_has("/no/such/file");
        }
        Command::Keygen(_) => {
            let keys = tempfile::tempdir().unwrap();
            let directory = keys.path().to_str().unwrap();
            let made = zlog(["keygen", "--name", "me"]).env("ZLOG_KEYS", directory).run().success();
            assert!(made.out().ends_with(" me\n"), "{}", made.out());
        }
        Command::Completions(_) => prints(zlog(["completions", "bash"]), "_zlog()"),
        Command::Man(_) => prints(zlog(["man"]), ".TH zlog 1"),
    }
}

/// Succeeds, with this text on stdout.
#[track_caller]
fn prints(zlog: Zlog, text: &str) {
    let out = zlog.run().success().out();
    assert!(out.contains(text), "{text} in {out}");
}

#[test]
fn every_command_runs() {
    let parser = zlog::cli::command();
    for name in parser.get_subcommands().map(|sub| sub.get_name()) {
        if name == "help" {
            continue;
        }
        let line: &[&str] = match name {
            "completions" => &["zlog", name, "bash"],
            _ => &["zlog", name],
        };
        let words = line.iter().map(Into::into);
        let parsed = zlog::cli::Cli::parse_line(words).unwrap_or_else(|e| panic!("{name}: {e}"));
        run_example(&parsed.command);
    }
}

/// All that an emitter publishes.
fn sent(emit: Zlog) -> Vec<Message> {
    let (messages, emit) = published(emit);
    emit.success();
    messages
}
