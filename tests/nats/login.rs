use async_nats::ConnectOptions;
use zlog_pipeline::handler::Handler;
use zlog_pipeline::handler::nats::NatsOptions;
use zlog_pipeline::nats::server::ServerOptions;
use zlog_pipeline::tls::TlsOptions;

use super::{STREAM, handler, options, record};
use crate::harness::{Nats, nats, nats_with, zlog};

/// The seed of an NKey, and its public key. They are used nowhere else.
const SEED: &str = "SUAJXRUPB4PD5NP3BPIDQN6N4J75GZWQ233BKLGUNQHB3UK7BHNZKWDJ4I";
const PUBLIC: &str = "UAJRP62J7SODLL6SNLMFSGXLQPJS4ICEPLSXFF34NZZ3VSAWXL6VZUYB";

fn server_options(server: &Nats, login: ServerOptions) -> NatsOptions {
    let servers = server.url();
    NatsOptions { server: ServerOptions { servers, ..login }, ..options(server) }
}

/// Whether a record can be stored; the error otherwise.
fn store(options: NatsOptions) -> Result<(), String> {
    let mut handler = handler(options);
    handler.handle(&record("a", "app.INFO", 1)).unwrap();
    handler.flush().map_err(|error| error.to_string())
}

#[test]
fn a_token_comes_from_a_file_and_a_wrong_one_is_reported() {
    let Some(server) = nats_with("authorization { token: 's3cret' }") else { return };
    let file = server.path("token");
    let login = ServerOptions { token: Some(file.clone()), ..ServerOptions::default() };
    let error = store(server_options(&server, login.clone())).unwrap_err();
    assert!(error.contains("the token can't be read from"), "{error}");
    std::fs::write(&file, "wrong\n").unwrap();
    let error = store(server_options(&server, login.clone())).unwrap_err();
    assert!(error.contains("refuses the login"), "{error}");
    assert!(error.contains(&format!("Check {}", file.display())), "{error}");
    std::fs::write(&file, "s3cret\n").unwrap();
    store(server_options(&server, login)).unwrap();
    let error = store(options(&server)).unwrap_err();
    assert!(error.contains("Give a login: credentials=FILE"), "{error}");
}

#[test]
fn user_and_password_come_from_the_environment() {
    let Some(server) = nats_with("authorization { user: me, password: 's3cret' }") else { return };
    let option = format!("--nats={}", server.url());
    let tail = |password: &str| {
        let tail = zlog(["tail", "--input", "-", "--linger", "2s", &option]);
        tail.env("ZLOG_NATS_USER", "me").env("ZLOG_NATS_PASSWORD", password).stdin("hello\n").run()
    };
    tail("wrong")
        .stderr_has("refuses the login")
        .stderr_has("1 of 1 record was lost")
        .stderr_lacks("wrong");
    tail("s3cret").success();
    let client =
        server.client_with(ConnectOptions::with_user_and_password("me".into(), "s3cret".into()));
    assert_eq!(client.count(STREAM), 1);
    let refused =
        zlog(["tail", "--input", "-", "--nats=nats://me:s3cret@127.0.0.1"]).stdin("").run().code(2);
    refused.stderr_has("contains a login").stderr_lacks("s3cret");
}

#[test]
fn an_nkey_signs_in() {
    let config = format!("authorization {{ users = [{{ nkey: {PUBLIC} }}] }}");
    let Some(server) = nats_with(&config) else { return };
    let file = server.path("seed");
    let login = ServerOptions { nkey: Some(file.clone()), ..ServerOptions::default() };
    std::fs::write(&file, "SUnonsense").unwrap();
    let error = store(server_options(&server, login.clone())).unwrap_err();
    assert!(error.contains("Check the seed of the NKey"), "{error}");
    std::fs::write(&file, SEED).unwrap();
    store(server_options(&server, login)).unwrap();
}

#[test]
fn a_user_who_may_only_publish_needs_no_more() {
    let user = "{ user: w, password: p, permissions: { publish: ['zlog.app.>'], subscribe: ['_INBOX.>'] } }";
    let config = format!("authorization {{ users = [{{ user: all, password: p }}, {user}] }}");
    let Some(server) = nats_with(&config) else { return };
    let client =
        server.client_with(ConnectOptions::with_user_and_password("all".into(), "p".into()));
    client.create(async_nats::jetstream::stream::Config {
        name: STREAM.to_owned(),
        subjects: vec!["zlog.>".to_owned()],
        ..Default::default()
    });
    let tail = |keys: &str, topic: &str| {
        let option = format!("--nats={},{keys}timeout=1s", server.url());
        let line = format!("{{\"msg\":\"m\",\"name\":\"{topic}\",\"levelno\":20}}\n");
        let tail = zlog(["tail", "--input", "-", "--linger", "2s", &option]).stdin(line);
        tail.env("ZLOG_NATS_USER", "w").env("ZLOG_NATS_PASSWORD", "p").run()
    };
    tail("no-create,", "app").success().stderr_lacks("lost");
    assert_eq!(client.count(STREAM), 1);
    tail("", "app").stderr_has("ermissions").stderr_has("lost");
    tail("no-create,", "web").stderr_has("zlog.web").stderr_has("Check what this user may publish");
    assert_eq!(client.count(STREAM), 1);
}

#[test]
fn a_credentials_file_signs_in() {
    let data = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/nats");
    let config = std::fs::read_to_string(data.join("accounts.conf")).unwrap();
    let Some(server) = nats_with(&config) else { return };
    let file = server.path("user.creds");
    let login = ServerOptions { credentials: Some(file.clone()), ..ServerOptions::default() };
    std::fs::write(&file, "nothing").unwrap();
    let error = store(server_options(&server, login.clone())).unwrap_err();
    assert!(error.contains("has no credentials for NATS"), "{error}");
    std::fs::copy(data.join("user.creds"), &file).unwrap();
    store(server_options(&server, login)).unwrap();
}

#[test]
fn tls_is_used_and_its_certificate_checked() {
    let data = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let tls = |name: &str| data.join("nats").join(name);
    let (certificate, key) = (tls("server.pem"), tls("server.key"));
    let config =
        format!("tls {{ cert_file: '{}', key_file: '{}' }}", certificate.display(), key.display());
    let Some(server) = nats_with(&config) else { return };
    let servers = server.url().replace("nats://127.0.0.1", "tls://localhost");
    let with_servers = |servers: &str, trust| {
        let tls = TlsOptions { trust, ..TlsOptions::default() };
        let server_options =
            ServerOptions { servers: servers.to_owned(), tls, ..ServerOptions::default() };
        NatsOptions { server: server_options, ..options(&server) }
    };
    let with = |trust| with_servers(&servers, trust);
    let error = store(with(None)).unwrap_err();
    assert!(
        error.contains("has a certificate that is not trusted here")
            && error.contains("trust=FILE"),
        "{error}"
    );
    store(with(Some(tls("ca.pem")))).unwrap();
    // Linux connects to this machine there.
    let other = servers.replace("localhost", "0.0.0.0");
    let error = store(with_servers(&other, Some(tls("ca.pem")))).unwrap_err();
    assert!(
        error.contains("has a certificate for localhost, 127.0.0.1, not for 0.0.0.0"),
        "{error}"
    );
}

#[test]
fn a_server_without_tls_is_named_so() {
    let Some(server) = nats() else { return };
    let servers = server.url().replace("nats://", "tls://");
    let server_options = ServerOptions { servers, ..ServerOptions::default() };
    let error = store(NatsOptions { server: server_options, ..options(&server) }).unwrap_err();
    assert!(error.contains("answers without TLS"), "{error}");
    assert!(error.contains("write nats:// instead of tls://"), "{error}");
}
