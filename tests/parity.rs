//! Every kind of thing that zlog has is really run: each registry is matched
//! exhaustively, so a new dialect, source, handler, output or command does not
//! compile until it has an exemplar here.

use std::io::Write;
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::path::Path;
use std::time::Instant;

use serde_json::Value;
use zlog::cli::Command;
use zlog_bench::smtp_server::{ServerOptions, SmtpServer};
use zlog_core::format::{Format, Options, Output};
use zlog_core::record::Record;
use zlog_core::text::choice::Choice as _;
use zlog_core::wire::Dialect;
use zlog_pipeline::handler::exec::{ExecHandler, ExecOptions};
use zlog_pipeline::handler::file::{FileHandler, Sync};
use zlog_pipeline::handler::null::NullHandler;
use zlog_pipeline::handler::queue::{OnFull, QueueHandler};
use zlog_pipeline::handler::rotating::{Compression, RotatingFileHandler, Rotation};
use zlog_pipeline::handler::smtp::{LoginFrom, SmtpHandler, SmtpOptions};
use zlog_pipeline::handler::syslog::{SyslogHandler, SyslogOptions};
use zlog_pipeline::handler::timed::{TimedRotatingFileHandler, Timing, When};
use zlog_pipeline::handler::{Backlog, Handler, HandlerKind};
use zlog_pipeline::source::SourceKind;

use crate::harness::{
    ANY_PORT, DEADLINE, Finished, Listener, Message, Publisher, Zlog, emit, published, zlog,
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

#[test]
fn every_handler_passes_records_on() {
    for handler in HandlerKind::ALL {
        match handler {
            HandlerKind::Console => {
                let tail = zlog(["tail", "-o", "text", "--input", "-"]).stdin("hello\n");
                tail.run().success().stdout("hello\n");
            }
            HandlerKind::Publish => {
                let messages = sent(emit(NONE).stdin("hello\n"));
                assert_eq!(messages[0].json()["msg"], "hello");
            }
            // The handlers themselves: tests/route runs them through the program.
            HandlerKind::File => {
                filed(|path| Box::new(FileHandler::open(path, text(), Sync::Data).unwrap()));
            }
            HandlerKind::Rotating => {
                let compress = Compression::None;
                let rotation = Rotation { max_bytes: 100, backup_count: 1, compress };
                filed(|path| Box::new(RotatingFileHandler::open(path, text(), rotation).unwrap()));
            }
            HandlerKind::Timed => {
                let timing = Timing {
                    when: When::Midnight,
                    interval: 1,
                    backup_count: 1,
                    utc: true,
                    at_time: None,
                    compress: Compression::None,
                };
                filed(|path| {
                    Box::new(TimedRotatingFileHandler::open(path, text(), timing).unwrap())
                });
            }
            HandlerKind::Queue => filed(|path| {
                let file = FileHandler::open(path, text(), Sync::None).unwrap();
                Box::new(QueueHandler::new(file, 1, OnFull::Block).unwrap())
            }),
            HandlerKind::Smtp => {
                let server = SmtpServer::start(ServerOptions::default()).unwrap();
                let options = SmtpOptions {
                    server: server.url(),
                    to: vec!["ops@example.org".into()],
                    login: LoginFrom::None,
                    ..SmtpOptions::default()
                };
                pass(&mut SmtpHandler::new(options, text(), None).unwrap());
                assert_eq!(server.stop(), 1);
            }
            HandlerKind::Syslog => {
                let daemon = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
                daemon.set_read_timeout(Some(DEADLINE)).unwrap();
                let address = format!("udp://{}", daemon.local_addr().unwrap());
                let options = SyslogOptions { address, ..SyslogOptions::default() };
                pass(&mut SyslogHandler::new(options, text()).unwrap());
                let mut message = [0; 1024];
                let length = daemon.recv(&mut message).unwrap();
                assert!(message[..length].ends_with(b" hello"));
            }
            HandlerKind::Exec => filed(|path| {
                std::fs::create_dir(path.parent().unwrap()).unwrap();
                let mut options = ExecOptions::parse("sh -c 'cat >>\"$0\"'").unwrap();
                options.command.push(path.to_str().unwrap().to_owned());
                Box::new(ExecHandler::new(options, text()).unwrap())
            }),
            // It passes nothing on; its own tests look at the formatter.
            HandlerKind::Null => pass(&mut NullHandler::new(text())),
        }
    }
}

/// The message alone.
fn text() -> Box<dyn Format> {
    Output::Text.format(Options::default()).unwrap()
}

/// Gives a handler the one record `hello`.
fn pass(handler: &mut dyn Handler) {
    handler.handle(&Record { msg: "hello".into(), ..Record::default() }).unwrap();
    handler.close(Instant::now() + DEADLINE).unwrap();
    assert_eq!(handler.backlog(), Backlog::default());
}

/// The handler that `open` makes is to write that record to the file that it is given.
fn filed(open: impl FnOnce(&Path) -> Box<dyn Handler>) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log/app.log");
    pass(&mut open(&path));
    assert_eq!(std::fs::read_to_string(path).unwrap(), "hello\n");
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
