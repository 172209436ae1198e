//! The real rsyslogd, without privileges and with sockets of its own.

use std::fs;
use std::net::{TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::clear_environment;
use super::peer::{installed, left_out};
use super::running::{Input, Running};

/// A configuration that listens on all transports, and prints each message as JSON.
const CONFIG: &str = r#"
global(workDirectory="@" LIMIT CERTIFICATES parser.escapeControlCharactersOnReceive="off")
module(load="imuxsock" SysSock.Use="off")
module(load="imudp")
module(load="imtcp" TLS)
input(type="imuxsock" Socket="@/log" UseSpecialParser="off" ParseHostname="on" UseSysTimeStamp="off" IgnoreTimestamp="off")
input(type="imuxsock" Socket="@/local" UseSysTimeStamp="off" IgnoreTimestamp="off")
input(type="imudp" address="127.0.0.1" port="UDP")
input(type="imtcp" address="127.0.0.1" port="TCP" listenPortFileName="@/tcp")
template(name="all" type="list") { property(name="jsonmesg") constant(value="\n") }
action(type="omfile" file="/dev/stdout" template="all")
"#;

/// The program name of the harness's own messages.
const PROBE: &str = "probe";
/// Time limit of a wait for a message.
const PAUSE: Duration = Duration::from_millis(20);

/// A limit on the length of messages, above what most tests send.
const LARGE: &str = r#"maxMessageSize="64k""#;

/// Options of the TCP input with TLS (GnuTLS).
const TLS: &str = r#"StreamDriver.Name="gtls" StreamDriver.Mode="1" StreamDriver.AuthMode="MODE""#;
/// Its certificate, and the authority of clients, which is trusted by `x509/certvalid` alone.
const CERTIFICATES: &str = r#"DefaultNetstreamDriver="gtls" DefaultNetstreamDriverCAFile="DATA/cert.pem" DefaultNetstreamDriverCertFile="DATA/cert.pem" DefaultNetstreamDriverKeyFile="DATA/key.pem""#;
/// Where the test certificates are.
const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/tls");

/// How a daemon differs from the usual one.
#[derive(Clone, Copy)]
struct Variant {
    /// The option that limits the length of messages; empty for the default.
    limit: &'static str,
    /// The authentication of TCP clients by TLS; `None` without TLS.
    tls: Option<&'static str>,
}

/// The daemon. Its sockets are in a temporary directory.
pub(crate) struct Rsyslog {
    program: PathBuf,
    directory: tempfile::TempDir,
    udp: u16,
    /// The port; 0 until it is known.
    tcp: u16,
    variant: Variant,
    running: Running,
}

/// A running daemon; `None`, and a message on standard error, where it is not installed.
#[track_caller]
pub(crate) fn rsyslog() -> Option<Rsyslog> {
    let variant = Variant { limit: LARGE, tls: None };
    installed("rsyslogd").map(|program| Rsyslog::start(&program, variant))
}

/// The same with TLS over TCP, with this authentication of clients: `anon` for none,
/// `x509/certvalid` for a certificate.
#[track_caller]
pub(crate) fn rsyslog_with_tls(clients: &'static str) -> Option<Rsyslog> {
    let variant = Variant { limit: LARGE, tls: Some(clients) };
    // Debian has the module in a package of its own.
    let architecture = format!("/usr/lib/{}-linux-gnu", std::env::consts::ARCH);
    let mut directories = ["/usr/lib", "/usr/lib64", &architecture].into_iter();
    if !directories.any(|path| Path::new(path).join("rsyslog/lmnsd_gtls.so").exists()) {
        return left_out("rsyslog-gnutls", ".ci/install-peers installs it");
    }
    installed("rsyslogd").map(|program| Rsyslog::start(&program, variant))
}

/// The same with rsyslogd's default limit on the length of messages.
#[track_caller]
pub(crate) fn rsyslog_with_its_default_limit() -> Option<Rsyslog> {
    let variant = Variant { limit: "", tls: None };
    installed("rsyslogd").map(|program| Rsyslog::start(&program, variant))
}

impl Rsyslog {
    #[track_caller]
    fn start(installed: &Path, variant: Variant) -> Rsyslog {
        let directory = tempfile::tempdir().unwrap();
        // AppArmor denies the installed program other files than its own.
        let program = directory.path().join("rsyslogd");
        fs::copy(installed, &program).unwrap();
        // It can't print the port that it bound; that it has one is checked below.
        let udp = super::own_port();
        let running = run(&program, directory.path(), udp, 0, variant);
        let mut daemon = Rsyslog { program, directory, udp, tcp: 0, variant, running };
        daemon.wait_until_ready();
        daemon
    }

    /// Restarts it at the same addresses, and runs `between` while it is stopped.
    #[track_caller]
    pub(crate) fn restart(&mut self, between: impl FnOnce()) {
        self.running.terminate();
        self.running.expect_end();
        between();
        self.running = run(&self.program, self.directory.path(), self.udp, self.tcp, self.variant);
        self.wait_until_ready();
    }

    /// Waits for a message with this text.
    #[track_caller]
    pub(crate) fn expect(&mut self, text: &str) -> Value {
        let until = Instant::now() + super::DEADLINE;
        let found = self.find(until, |msg| msg == text);
        found.unwrap_or_else(|| self.running.fail(&format!("no {text:?} came")))
    }

    /// Waits for a message whose text begins with this, after blanks.
    #[track_caller]
    pub(crate) fn expect_beginning(&mut self, text: &str) -> Value {
        let until = Instant::now() + super::DEADLINE;
        let found = self.find(until, |msg| msg.trim_start().starts_with(text));
        found.unwrap_or_else(|| self.running.fail(&format!("no {text:?} came")))
    }

    fn find(&self, until: Instant, is_it: impl Fn(&str) -> bool) -> Option<Value> {
        let mut found = None;
        self.running.stdout.wait_for_line(until, |line| {
            let message: Option<Value> = serde_json::from_str(line).ok();
            found = message.filter(|message| message["msg"].as_str().is_some_and(&is_it));
            found.is_some()
        });
        found
    }

    /// All messages so far, in order.
    pub(crate) fn messages(&self) -> Vec<Value> {
        let bytes = self.running.stdout.bytes();
        let text = String::from_utf8(bytes).unwrap();
        let all = text.lines().filter_map(|line| serde_json::from_str(line).ok());
        all.filter(|message: &Value| message["app-name"] != PROBE).collect()
    }

    /// Its socket for RFC 5424.
    pub(crate) fn unix(&self) -> String {
        format!("unix:{}", self.path("log").display())
    }

    /// Its socket in the format of /dev/log.
    pub(crate) fn local(&self) -> String {
        format!("unix:{}", self.path("local").display())
    }

    pub(crate) fn udp(&self) -> String {
        format!("udp://127.0.0.1:{}", self.udp)
    }

    pub(crate) fn tcp(&self) -> String {
        format!("tcp://127.0.0.1:{}", self.tcp)
    }

    /// The address of its TCP port with TLS.
    pub(crate) fn tls(&self) -> String {
        format!("tls://127.0.0.1:{}", self.tcp)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Waits until it listens. Over UDP, only a printed message shows that.
    #[track_caller]
    fn wait_until_ready(&mut self) {
        let until = Instant::now() + super::DEADLINE;
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        for number in 0.. {
            // It was refused or never read: send another.
            let probe = format!("<14>1 - - {PROBE} - - - {number}");
            let _ = socket.send_to(probe.as_bytes(), ("127.0.0.1", self.udp));
            let number = number.to_string();
            let printed = self.find(Instant::now() + PAUSE, |msg| msg == number).is_some();
            if self.tcp == 0 {
                let port = fs::read_to_string(self.path("tcp")).unwrap_or_default();
                self.tcp = port.trim().parse().unwrap_or(0);
            }
            let listens = self.tcp != 0 && TcpStream::connect(("127.0.0.1", self.tcp)).is_ok();
            if printed && listens {
                return;
            }
            if Instant::now() > until {
                self.running.fail("it does not listen");
            }
        }
    }
}

fn run(program: &Path, directory: &Path, udp: u16, tcp: u16, variant: Variant) -> Running {
    let tls = variant.tls.map_or_else(String::new, |mode| TLS.replace("MODE", mode));
    let certificates = if variant.tls.is_some() { CERTIFICATES } else { "" };
    let config = CONFIG.replace("CERTIFICATES", &certificates.replace("DATA", DATA));
    let config = config.replace("TLS", &tls).replace('@', directory.to_str().unwrap());
    let config = config.replace("UDP", &udp.to_string()).replace("TCP", &tcp.to_string());
    let config = config.replace("LIMIT", variant.limit);
    let (file, pid) = (directory.join("rsyslog.conf"), directory.join("pid"));
    fs::write(&file, config).unwrap();
    let mut command = Command::new(program);
    clear_environment(&mut command);
    command.arg("-n").arg("-f").arg(file).arg("-i").arg(pid);
    Running::start(command, Input::Empty)
}
