//! Runs every dialect, source, handler, output and command. Each registry is matched exhaustively,
//! so a new one does not compile until it has an exemplar here.

use std::io::Write;
use std::net::{SocketAddr, TcpStream, UdpSocket};
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
    ANY_PORT, DEADLINE, Finished, Listener, Message, Publisher, Running, Zlog, emit, published,
    zlog,
};

/// No arguments.
const NONE: [&str; 0] = [];

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

/// Runs zlog with this source, which is to deliver the one record `hello`.
fn through(source: SourceKind, directory: &Path) -> Vec<Message> {
    let line = directory.join("line");
    std::fs::write(&line, "hello\n").unwrap();
    let stored = directory.join("stored");
    std::fs::write(&stored, "{\"msg\":\"hello\"}\n").unwrap();
    let path = |path: &Path| path.to_str().unwrap().to_owned();
    match source {
        SourceKind::Stdin => sent(emit(NONE).stdin("hello\n")),
        SourceKind::File => sent(emit(["--file".to_owned(), path(&line)])),
        SourceKind::Command => sent(emit(["--", "echo", "hello"])),
        SourceKind::Message => sent(emit(["-m", "hello"])),
        SourceKind::Synthetic => sent(emit(["--test", "1"])),
        SourceKind::Replay => sent(emit(["--replay".to_owned(), path(&stored)])),
        SourceKind::Subscribe => {
            let publisher = Publisher::bind();
            let tail = zlog(["tail", "-o", "json", "-n", "1", &publisher.endpoint]).start();
            publisher.wait_for_subscription();
            publisher.send(["INFO", "hello"]);
            let body = tail.wait().success().stdout;
            vec![Message { topic: "INFO".into(), body }]
        }
        SourceKind::SocketHandler => listened("--listen", |to| {
            TcpStream::connect(to).unwrap().write_all(&framed()).unwrap();
        }),
        SourceKind::DatagramHandler => listened("--listen-udp", |to| {
            UdpSocket::bind("127.0.0.1:0").unwrap().send_to(&framed(), to).unwrap();
        }),
    }
}

/// The pickle of [`frames`], after its length.
fn framed() -> Vec<u8> {
    let pickle = frames(Dialect::Pickle)[1];
    [&u32::try_from(pickle.len()).unwrap().to_be_bytes(), pickle].concat()
}

/// What is published of what `send` sends to where `flag` makes an emitter listen.
fn listened(flag: &str, send: impl FnOnce(SocketAddr)) -> Vec<Message> {
    let mut emit = emit([flag, "127.0.0.1:0", "-n", "1"]).start();
    let listener = Listener::connect(&emit.endpoint(), "");
    send(emit.expect_address("listening on"));
    let messages = listener.everything();
    emit.wait().success();
    messages
}

#[test]
fn every_source_delivers() {
    for source in SourceKind::ALL {
        let directory = tempfile::tempdir().unwrap();
        let messages = through(source, directory.path());
        assert_eq!(messages.len(), 1, "{}: {messages:?}", source.name());
        if source != SourceKind::Synthetic {
            assert_eq!(messages[0].json()["msg"], "hello", "{}", source.name());
        }
    }
}

/// A handler as a test sets it up, and whether `hello` has arrived at its target.
struct Exemplar {
    /// What follows its option on the command line.
    typed: String,
    /// Its keys in a configuration.
    table: String,
    arrived: Box<dyn FnMut(&mut Running) -> bool>,
}

/// Sets up a handler of this kind; `place` is a path of its own.
fn handler(kind: HandlerKind, place: &Path) -> Exemplar {
    let path = place.to_str().unwrap().to_owned();
    match kind {
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
        HandlerKind::Syslog => {
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
        HandlerKind::Publish => {
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

/// Gives a program `hello` until it arrives. A socket may miss the first ones.
fn gives_hello(mut running: Running, kind: HandlerKind, mut exemplar: Exemplar) {
    let until = Instant::now() + DEADLINE;
    loop {
        running.write("hello\n");
        if (exemplar.arrived)(&mut running) {
            break;
        }
        if Instant::now() >= until {
            running.fail(&format!("{kind:?}: nothing arrived"));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    running.terminate();
    running.wait().code(143);
}

#[test]
fn every_handler_passes_records_on_from_the_command_line() {
    for kind in HandlerKind::ALL {
        let directory = tempfile::tempdir().unwrap();
        let exemplar = handler(kind, &directory.path().join("out"));
        let option = format!("{}={}", kind.class().option, exemplar.typed);
        let tail = zlog(["tail", "--input", "-", &option]).stdin_open().start();
        gives_hello(tail, kind, exemplar);
    }
}

#[test]
fn every_handler_passes_records_on_from_a_configuration() {
    for kind in HandlerKind::ALL {
        let directory = tempfile::tempdir().unwrap();
        let exemplar = handler(kind, &directory.path().join("out"));
        let file = directory.path().join("relay.toml");
        let class = kind.class().name;
        let text = format!("[handlers.a]\nclass = '{class}'\n{}\n", exemplar.table);
        std::fs::write(&file, text).unwrap();
        let ports = ["--bind", ANY_PORT, "--publish-bind", ANY_PORT, "--stdin"];
        let args = ["relay", "--config", file.to_str().unwrap()];
        let mut relay = zlog(args).args(ports).stdin_open().start();
        relay.endpoints(2);
        gives_hello(relay, kind, exemplar);
    }
}

/// What `tail` must print of the record in [`every_output_prints`].
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
    for output in Output::ALL {
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

/// A command line that does what the command is for, and ends.
fn exemplar(command: &Command) -> Finished {
    match command {
        Command::Emit(_) => emit_unheard(),
        Command::Tail(_) => zlog(["tail", "-o", "text", "--input", "-"]).stdin("hello\n").run(),
        Command::Relay(_) => relay_that_ends(),
        Command::Bench(_) => {
            zlog(["bench", "--handlers", "null", "--runs", "1", "-n", "10", "--warm-up", "0"]).run()
        }
        Command::Demo(_) => zlog(["demo", "-n", "3", "--rate", "100"]).run(),
        Command::Generate(_) => zlog(["generate", "completions", "bash"]).run(),
    }
}

#[test]
fn every_command_runs() {
    let parser = zlog::cli::command();
    for name in parser.get_subcommands().map(|sub| sub.get_name()) {
        if name == "help" {
            continue;
        }
        let line: &[&str] = match name {
            "generate" => &["zlog", name, "man"],
            _ => &["zlog", name],
        };
        let words = line.iter().map(Into::into);
        let parsed = zlog::cli::Cli::parse_line(words).unwrap_or_else(|e| panic!("{name}: {e}"));
        let finished = exemplar(&parsed.command).success();
        assert!(!finished.stdout.is_empty() || !finished.stderr.is_empty(), "{name} said nothing");
    }
}

/// A relay that is asked how it stands, and then to end.
fn relay_that_ends() -> Finished {
    let mut relay = zlog(["relay", "--bind", ANY_PORT, "--publish-bind", ANY_PORT]).start();
    let ask = relay.endpoints(3).remove(2);
    let status = zlog(["relay", "--status", "--ask", &ask]).run();
    relay.terminate();
    relay.wait().code(143);
    status
}

/// One that nobody listens to.
fn emit_unheard() -> Finished {
    zlog(["emit", "--bind", ANY_PORT, "--wait", "0s", "-m", "hello"]).run()
}

/// All that an emitter publishes.
fn sent(emit: Zlog) -> Vec<Message> {
    let (messages, emit) = published(emit);
    emit.success();
    messages
}
