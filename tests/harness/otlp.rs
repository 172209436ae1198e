//! Real peers that speak OTLP: a receiver with the messages of the OpenTelemetry project, and the
//! collector `rotel`.

use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::python::python;
use super::running::{Input, Running};
use super::{DEADLINE, clear_environment, own_port};

/// A receiver in Python, which decodes requests with the package `opentelemetry-proto`.
pub(crate) struct OtlpReceiver {
    running: Running,
    port: String,
}

impl OtlpReceiver {
    /// Starts it; with a certificate and its key it uses TLS.
    #[track_caller]
    pub(crate) fn start(tls: &[&str]) -> Option<OtlpReceiver> {
        let mut running = python()?.script("otlp_receiver", tls);
        let port = running.expect_stdout("").trim().to_owned();
        Some(OtlpReceiver { running, port })
    }

    /// Its URL.
    pub(crate) fn url(&self, scheme: &str) -> String {
        format!("{scheme}://127.0.0.1:{}", self.port)
    }

    /// The next request: see `otlp_receiver.py`.
    #[track_caller]
    pub(crate) fn next(&mut self) -> Value {
        let line = self.running.expect_stdout("\"path\"");
        serde_json::from_str(&line).unwrap()
    }
}

/// `rotel`, which passes on what it receives to the OTLP receiver at `to`.
pub(crate) struct Rotel {
    _running: Running,
    _directory: tempfile::TempDir,
    http: SocketAddr,
    grpc: SocketAddr,
}

impl Rotel {
    /// Starts it. `protocol` is the one that it sends with: `http` or `grpc`.
    #[track_caller]
    pub(crate) fn start(to: &str, protocol: &str) -> Option<Rotel> {
        // The package has the program, and no script that starts it.
        let find = "import rotel; print(rotel.__path__[0])";
        let found = python()?.command().args(["-c", find]).output().unwrap();
        let package = String::from_utf8(found.stdout).unwrap();
        let mut command = Command::new(Path::new(package.trim()).join("rotel-agent"));
        let directory = tempfile::tempdir().unwrap();
        let file = |name: &str| directory.path().join(name).display().to_string();
        // It does not tell which port it took.
        let [http, grpc] = [(); 2].map(|()| SocketAddr::from(([127, 0, 0, 1], own_port())));
        clear_environment(&mut command);
        command.args(["start", "--otlp-http-endpoint", &http.to_string()]);
        command.args(["--otlp-grpc-endpoint", &grpc.to_string()]);
        command.args(["--exporter", "otlp", "--otlp-exporter-endpoint", to]);
        command.args(["--otlp-exporter-protocol", protocol]);
        command.args(["--otlp-exporter-retry-initial-backoff", "100ms"]);
        command.args(["--log-file", "/dev/stdout", "--pid-file", &file("pid")]);
        let mut running = Running::start(command, Input::Empty);
        let until = Instant::now() + DEADLINE;
        while [http, grpc].iter().any(|address| TcpStream::connect(address).is_err()) {
            if Instant::now() >= until {
                running.fail("it does not listen");
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Some(Rotel { _running: running, _directory: directory, http, grpc })
    }

    /// Where it takes OTLP over HTTP.
    pub(crate) fn http(&self) -> String {
        format!("http://{}", self.http)
    }
}

impl Rotel {
    /// Where it takes OTLP over gRPC.
    pub(crate) fn grpc(&self) -> String {
        format!("grpc://{}", self.grpc)
    }
}
