//! Connections with TLS, to a server of rustls.

use std::io::{BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned, crypto, version};

use super::connections::{counted, give};
use super::*;
use crate::handler::testing::{close, drain};
use crate::tls::{Fingerprint, TlsOptions};

fn data(name: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/data/tls")).join(name)
}

fn certificate(name: &str) -> CertificateDer<'static> {
    CertificateDer::from_pem_file(data(name)).unwrap()
}

/// A server's configuration; `asks`: for a client's certificate that this file has signed.
fn config(
    version: &'static rustls::SupportedProtocolVersion,
    asks: Option<&str>,
) -> Arc<ServerConfig> {
    let provider = Arc::new(crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider));
    let builder = builder.with_protocol_versions(&[version]).unwrap();
    let builder = match asks {
        None => builder.with_no_client_auth(),
        Some(name) => {
            let mut roots = RootCertStore::empty();
            roots.add(certificate(name)).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            builder.with_client_cert_verifier(verifier.build().unwrap())
        }
    };
    let key = PrivateKeyDer::from_pem_file(data("key.pem")).unwrap();
    Arc::new(builder.with_single_cert(vec![certificate("cert.pem")], key).unwrap())
}

const ANY: [&rustls::SupportedProtocolVersion; 2] = [&version::TLS12, &version::TLS13];

type Stream = StreamOwned<ServerConnection, TcpStream>;

fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("tls://{}", listener.local_addr().unwrap());
    (listener, address)
}

fn accept(listener: &TcpListener, config: &Arc<ServerConfig>) -> Stream {
    let socket = listener.accept().unwrap().0;
    socket.set_read_timeout(Some(DEADLINE)).unwrap();
    StreamOwned::new(ServerConnection::new(Arc::clone(config)).unwrap(), socket)
}

/// Accepts a connection, and passes it to `run` on a thread.
fn serve<T: Send + 'static>(
    listener: TcpListener,
    config: Arc<ServerConfig>,
    run: impl FnOnce(Stream) -> T + Send + 'static,
) -> JoinHandle<(TcpListener, T)> {
    thread::spawn(move || {
        let stream = accept(&listener, &config);
        let done = run(stream);
        (listener, done)
    })
}

fn trusting() -> SyslogTls {
    let trust = Some(data("cert.pem"));
    SyslogTls { files: TlsOptions { trust, ..TlsOptions::default() }, fingerprint: None }
}

fn handler(address: &str, tls: SyslogTls) -> SyslogHandler {
    SyslogHandler::new(SyslogOptions { tls, ..options(address) }, text()).unwrap()
}

/// The messages up to the end of the connection, and how it ended.
fn read_all(stream: Stream) -> (Vec<String>, Option<std::io::ErrorKind>) {
    let mut reader = BufReader::new(stream);
    let mut messages = Vec::new();
    loop {
        match std::io::BufRead::fill_buf(&mut reader) {
            Ok([]) => return (messages, None),
            Ok(_) => messages.push(counted(&mut reader).unwrap()),
            Err(error) => return (messages, Some(error.kind())),
        }
    }
}

#[test]
fn messages_over_tls_are_preceded_by_their_length_and_the_end_is_told() {
    for version in ANY {
        let (listener, address) = listen();
        let server = serve(listener, config(version, None), read_all);
        let mut handler = handler(&address, trusting());
        give(&mut handler, &["one\ntwo", "ü", ""]);
        handler.flush().unwrap();
        // More than a TLS record has.
        let long = "x".repeat(7000);
        give(&mut handler, &[&*long; 50]);
        close(&mut handler).unwrap();
        assert_eq!(handler.backlog(), Backlog::default());
        let (_, (messages, error)) = server.join().unwrap();
        assert_eq!(error, None, "close_notify came");
        let texts: Vec<&str> = messages.iter().map(|it| parse(it).unwrap().msg).collect();
        assert_eq!(texts[..3], ["one\ntwo", "ü", ""]);
        assert_eq!(texts[3..], vec![long; 50]);
    }
}

#[test]
fn a_server_is_trusted_by_its_authority_or_by_its_fingerprint_alone() {
    let right = Fingerprint::of(&certificate("cert.pem"));
    let wrong = Fingerprint::of(b"");
    let pinned = |fingerprint: &Fingerprint| SyslogTls {
        fingerprint: Some(fingerprint.clone()),
        ..SyslogTls::default()
    };
    let found = format!("has another certificate, with the fingerprint {right}\n");
    for (tls, says) in [
        (
            SyslogTls::default(),
            Some("that is not trusted here\n  If it is the right server, trust"),
        ),
        (pinned(&wrong), Some(&*found)),
        (pinned(&right), None),
    ] {
        for version in ANY {
            let (listener, address) = listen();
            let server = serve(listener, config(version, None), read_all);
            let mut handler = handler(&address, tls.clone());
            give(&mut handler, &["one"]);
            let flushed = handler.flush();
            match says {
                None => flushed.unwrap(),
                Some(says) => {
                    let error = flushed.unwrap_err().to_string();
                    assert!(error.contains(says) && error.contains(&address), "{error}");
                    assert_eq!(handler.backlog().waiting, 1);
                }
            }
            drop(handler);
            let (_, (messages, _)) = server.join().unwrap();
            assert_eq!(messages.len(), usize::from(says.is_none()));
        }
    }
}

/// In TLS 1.3, the refusal comes when the handshake is done for the client.
#[test]
fn a_server_that_refuses_the_clients_certificate_has_got_nothing() {
    let own = TlsOptions {
        certificate: Some(data("cert.pem")),
        key: Some(data("key.pem")),
        ..trusting().files
    };
    let with = SyslogTls { files: own, ..SyslogTls::default() };
    for (asks, tls, says) in [
        ("cert.pem", with.clone(), None),
        ("authority.pem", with, Some("refuses the certificate of this client (")),
        ("cert.pem", trusting(), Some("certificate=FILE and key=FILE")),
    ] {
        for version in ANY {
            let (listener, address) = listen();
            let server = serve(listener, config(version, Some(asks)), read_all);
            let mut handler = handler(&address, tls.clone());
            give(&mut handler, &["one"]);
            match says {
                None => {
                    handler.flush().unwrap();
                    close(&mut handler).unwrap();
                    assert_eq!(handler.backlog(), Backlog::default());
                }
                Some(says) => {
                    let error = handler.flush().unwrap_err().to_string();
                    assert!(error.contains(says), "{asks}: {error}");
                    let backlog = handler.backlog();
                    assert_eq!((backlog.waiting, backlog.unconfirmed), (1, 0), "{backlog:?}");
                }
            }
            drop(handler);
            server.join().unwrap();
        }
    }
}

#[test]
fn an_end_without_close_notify_leaves_messages_unconfirmed_and_one_with_it_does_not() {
    for is_told in [false, true] {
        let (listener, address) = listen();
        let tls = config(&version::TLS13, None);
        let (ended, has_ended) = std::sync::mpsc::channel();
        let server = thread::spawn(move || {
            let mut reader = BufReader::new(accept(&listener, &tls));
            counted(&mut reader).unwrap();
            let mut stream = reader.into_inner();
            if is_told {
                stream.conn.send_close_notify();
                stream.flush().unwrap();
            }
            stream.sock.shutdown(Shutdown::Write).unwrap();
            // Until zlog has ended it, too.
            let _ = stream.sock.read_to_end(&mut Vec::new());
            drop(stream);
            ended.send(()).unwrap();
            read_all(accept(&listener, &tls)).0.len()
        });
        let mut handler = handler(&address, trusting());
        give(&mut handler, &["one"]);
        handler.flush().unwrap();
        let start = Instant::now();
        let mut errors = Vec::new();
        while has_ended.try_recv().is_err() {
            assert!(start.elapsed() < DEADLINE, "{errors:?}");
            give(&mut handler, &["two"]);
            errors.extend(handler.flush().err().map(|error| error.to_string()));
        }
        give(&mut handler, &["three"]);
        errors.extend(handler.flush().err().map(|error| error.to_string()));
        errors.extend(drain(&mut handler));
        let backlog = handler.backlog();
        if is_told {
            assert_eq!(errors, Vec::<String>::new());
        } else {
            let says = "it ended the connection without close_notify";
            assert!(errors.iter().any(|error| error.contains(says)), "{errors:?}");
            assert!(backlog.unconfirmed >= 1, "{backlog:?}");
        }
        assert_eq!((backlog.waiting, backlog.lost), (0, 0), "{backlog:?}");
        close(&mut handler).unwrap();
        assert!(server.join().unwrap() >= 1);
    }
}

#[test]
fn an_address_with_tls_and_a_port_without_or_the_other_way_round_name_the_right_one() {
    // It answers, it ends the connection, or it says nothing.
    for answer in [Some(&b"hello\n"[..]), Some(b""), None] {
        let (listener, address) = listen();
        let plain = thread::spawn(move || {
            let mut socket = listener.accept().unwrap().0;
            let _ = socket.read(&mut [0; 4096]).unwrap();
            match answer {
                Some(answer) => socket.write_all(answer).unwrap(),
                None => _ = socket.read(&mut [0; 16]),
            }
        });
        let timeout = if answer.is_none() { Duration::from_millis(200) } else { DEADLINE };
        let options = SyslogOptions { timeout, tls: trusting(), ..options(&*address) };
        let mut handler = SyslogHandler::new(options, text()).unwrap();
        give(&mut handler, &["one"]);
        let error = handler.flush().unwrap_err().to_string();
        let next = format!("For a daemon without TLS, write {}.", address.replace("tls", "tcp"));
        assert!(error.ends_with(&next), "{error}");
        assert_eq!(handler.backlog().waiting, 1);
        drop(handler);
        plain.join().unwrap();
    }
    let (listener, address) = listen();
    let server = serve(listener, config(&version::TLS13, None), |mut stream| {
        let _ = stream.read(&mut [0; 16]);
    });
    let plain = address.replace("tls", "tcp");
    let mut handler = handler(&plain, SyslogTls::default());
    let start = Instant::now();
    let error = loop {
        assert!(start.elapsed() < DEADLINE);
        give(&mut handler, &["one"]);
        if let Err(error) = handler.flush() {
            break error.to_string();
        }
    };
    assert!(error.contains(&format!("write {address}.")), "{error}");
    assert!(handler.backlog().unconfirmed >= 1, "{:?}", handler.backlog());
    server.join().unwrap();
}

#[test]
fn a_daemon_that_stops_reading_gets_each_message_once_when_it_is_back() {
    let (listener, address) = listen();
    let tls = config(&version::TLS13, None);
    let own = Arc::clone(&tls);
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    let server = thread::spawn(move || {
        let mut first = accept(&listener, &own);
        first.conn.complete_io(&mut first.sock).unwrap();
        let _ = stopped.recv();
        // What has arrived before the daemon ends is not read any more.
        let socket = first.sock;
        socket.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        drop(socket);
        read_all(accept(&listener, &own)).0
    });
    let timeout = Duration::from_secs(1);
    let options =
        SyslogOptions { timeout, max_message: 1 << 20, tls: trusting(), ..options(&*address) };
    let mut handler = SyslogHandler::new(options, text()).unwrap();
    let large = "x".repeat(1 << 19);
    let (mut given, mut stuck) = (0, None);
    while stuck.is_none() && given < 1000 {
        give(&mut handler, &[&format!("{given} {large}")]);
        given += 1;
        stuck = handler.flush().err();
    }
    let error = stuck.expect("no buffer takes that much").to_string();
    assert!(error.contains("did not answer within 1s"), "{error}");
    let Backlog { waiting, unconfirmed, .. } = handler.backlog();
    assert_eq!(waiting + unconfirmed, given, "each is waiting, or may be lost");
    stop.send(()).unwrap();
    drain(&mut handler);
    close(&mut handler).unwrap();
    let messages = server.join().unwrap();
    let number = |message: &String| {
        let text = parse(message).unwrap().msg;
        text.split(' ').next().unwrap().parse::<u64>().unwrap()
    };
    let numbers: Vec<u64> = messages.iter().map(number).collect();
    assert_eq!(numbers, (given - waiting..given).collect::<Vec<_>>());
}

#[test]
fn keys_for_tls_that_have_no_effect_or_contradict_each_other_are_refused() {
    type Change = fn(&mut SyslogOptions);
    let fingerprint = |options: &mut SyslogOptions| {
        options.tls.fingerprint = Some(Fingerprint::of(b""));
    };
    let cases: [(&str, Change, &str); 5] = [
        ("tcp://h", |it| it.tls = trusting(), "trust has no effect with tcp://h:601"),
        ("/dev/log", fingerprint, "fingerprint has no effect with unix:/dev/log"),
        ("tls://h", |it| it.framing = Framing::LineFeed, "can't have framing=lf"),
        ("tls://h", |it| it.tls.files.key = Some("k".into()), "a key a certificate"),
        (
            "tls://h",
            |it| {
                it.tls = SyslogTls { fingerprint: Some(Fingerprint::of(b"")), ..trusting() };
            },
            "trust has no effect with fingerprint",
        ),
    ];
    for (address, change, why) in cases {
        let mut options = options(address);
        change(&mut options);
        let error = options.validate().unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }
}
