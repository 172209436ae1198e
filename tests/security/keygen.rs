//! `zlog keygen`, and PyZMQ's certificates.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::{Machine, secret_of, text};
use crate::harness::{Input, Python, Running, python, zlog};

/// Runs a script. Returns what it prints.
#[track_caller]
fn script(python: &Python, text: &str, args: &[&str]) -> String {
    let mut command = python.command();
    command.args(["-c", text]).args(args);
    Running::start(command, Input::Empty).wait().success().out()
}

#[test]
fn a_pair_is_a_secret_file_and_a_line_and_is_never_overwritten() {
    let directory = tempfile::tempdir().unwrap();
    let (base, machine) = (text(directory.path().join("me")), Machine::without_key());
    let made = zlog(["keygen", &base]).run().success();
    let file = fs::read_to_string(directory.path().join("me.pub")).unwrap();
    assert_eq!(made.out(), file);
    let (key, name) = file.strip_suffix('\n').unwrap().split_once(' ').unwrap();
    assert_eq!((key.len(), name), (40, "me"));
    let own = machine.zlog(&["keygen", "--name", "m"]).run().success();
    for (path, said) in
        [(directory.path().join("me.key"), &made), (machine.path().join("machine.key"), &own)]
    {
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        let secret = secret_of(&path);
        assert!(!said.out().contains(&secret) && !said.err().contains(&secret));
    }
    let before = fs::read(directory.path().join("me.key")).unwrap();
    zlog(["keygen", &base]).run().code(1).stderr_has("me.key exists already");
    machine.zlog(&["keygen"]).run().code(1).stderr_has("exists already").stderr_has("--list");
    assert_eq!(fs::read(directory.path().join("me.key")).unwrap(), before);
    assert_eq!(machine.path().metadata().unwrap().permissions().mode() & 0o077, 0);
}

#[test]
fn pyzmq_reads_the_pairs_of_zlog_and_zlog_those_of_pyzmq() {
    let Some(python) = python() else { return };
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| text(directory.path().join(name));
    let line = zlog(["keygen", &at("one")]).run().success().out();
    let pair = zlog(["keygen", "--pyzmq", &at("two")]).run().success().out();
    let load = "
import sys, zmq, zmq.auth
for path in sys.argv[1:]:
    public, secret = zmq.auth.load_certificate(path)
    assert secret is None or zmq.curve_public(secret) == public
    print(public.decode(), secret is not None)
";
    let loaded = script(&python, load, &[&at("one.key"), &at("two.key_secret"), &at("two.key")]);
    let key = |line: &str| line.split(' ').next().unwrap().to_owned();
    let (one, two) = (key(&line), key(&pair));
    assert_eq!(loaded, format!("{one} True\n{two} True\n{two} False\n"));

    script(
        &python,
        "import sys, zmq.auth; zmq.auth.create_certificates(*sys.argv[1:])",
        &[&at(""), "their"],
    );
    let machine = Machine::named("m");
    // Its own files, a certificate of either form, and a key.
    for file in [&at("their.key"), &at("two.key"), &at("one.pub"), &one] {
        machine.keygen(&["--trust", file, "--name", "x"]);
    }
    for file in ["their.key", "two.key", "one.pub"] {
        machine.keygen(&["--trust", &at(file)]);
    }
    let list = machine.keygen(&["--list"]);
    for name in ["their", "two", "one"] {
        assert!(list.contains(&format!("  {name}  publishes everything")), "{list}");
    }
    assert!(list.starts_with("own ") && list.lines().count() == 4, "{list}");
}

#[test]
fn trusted_keys_are_listed_with_their_rights_and_revoked_by_name_host_or_key() {
    let (machine, web) = (Machine::named("logs"), Machine::named("web1"));
    let list = || machine.keygen(&["--list"]);
    let their = web.keygen(&["--list"]);
    let fingerprint = their.split_whitespace().nth(1).unwrap();
    for (args, says) in [
        (&[][..], "web1  publishes everything, reads everything"),
        (&["--publish", "web1.", "--publish", "web2."], "publishes web1., web2., reads everything"),
        (&["--no-publish", "--read", "app"], "publishes nothing, reads app"),
        (&["--no-read", "--name", "other"], "other  publishes everything, reads nothing"),
        (&["--host", "logs.example"], "server  "),
        (&["--host", "LOGS.Example"], "LOGS.Example  web1"),
        (&["--host", "logs.example:5", "--host", "127.0.0.1"], "127.0.0.1  web1"),
    ] {
        machine.keygen(&[&["--trust", &web.public()], args].concat());
        let list = list();
        assert!(list.contains(says) && list.contains(fingerprint), "{args:?}: {list}");
        assert!(list.matches("client").count() <= 1, "{list}");
        assert!(list.to_lowercase().matches("logs.example  ").count() <= 1, "{list}");
    }
    for which in ["other", "logs.example:5", "web1"] {
        let before = list().lines().count();
        machine.keygen(&["--revoke", which]);
        assert!(list().lines().count() < before, "{which}: {}", list());
    }
    assert_eq!(list().lines().count(), 1);
    machine.zlog(&["keygen", "--revoke", "web1"]).run().code(1).stderr_has("--list");
    machine.keygen(&["--trust", &web.public()]);
    machine.keygen(&["--revoke", &web.public()]);
    assert_eq!(list().lines().count(), 1);
}

#[test]
fn a_key_that_begins_with_a_hyphen_is_trusted_and_revoked_and_changed_rights_are_shown() {
    let machine = Machine::named("logs");
    // Any 32 bytes are a public key.
    let key = format!("-{}", "a".repeat(39));
    machine.keygen(&["--trust", &key, "--name", "web1", "--publish", "web1."]);
    let again = machine.zlog(&["keygen", "--trust", &key, "--name", "web1"]).run().success();
    again.stderr_has(
        "it publishes everything, reads everything (before: it publishes web1., reads everything). Its",
    );
    machine.keygen(&["--revoke", &key]);
    assert_eq!(machine.keygen(&["--list"]).lines().count(), 1);
}

#[test]
fn trusting_a_key_makes_the_own_one_and_asks_to_compare_the_fingerprint() {
    let (machine, web) = (Machine::without_key(), Machine::named("web1"));
    let trusted = machine.zlog(&["keygen", "--trust", &web.public()]).run().success();
    trusted.stderr_has("compare the fingerprint").stderr_has("made this machine's key");
    assert!(machine.path().join("machine.key").exists());
}

#[test]
fn what_is_wrong_with_files_of_keys_is_said_without_their_contents() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str, contents: &str| {
        let path = directory.path().join(name);
        fs::write(&path, contents).unwrap();
        text(path)
    };
    let machine = Machine::named("m");
    let secret = secret_of(&machine.path().join("machine.key"));
    for (file, says) in [
        (text(directory.path().join("missing")), "can't read the key"),
        (at("text", "hello\n"), "has no public key"),
        (at("binary", "\u{0}\u{1}"), "has no public key"),
        (at("cut", &format!("curve\n  public-key = \"{}\"\n", &secret[1..])), "has no public key"),
    ] {
        let refused = machine.zlog(&["keygen", "--trust", &file]).run().code(1);
        refused.stderr_has(says).stderr_lacks(&secret[1..]);
    }
    for name in ["authorized_clients", "known_servers"] {
        let path = machine.path().join(name);
        fs::write(&path, format!("# mine\n\nweb1 {}\n", &secret[1..])).unwrap();
        let refused = machine.zlog(&["keygen", "--list"]).run().code(1);
        refused.stderr_has(&format!("{name}:3: not a key")).stderr_lacks(&secret[1..]);
        fs::write(&path, "").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
        machine.zlog(&["keygen", "--list"]).run().code(1).stderr_has("chmod go-w");
        fs::remove_file(&path).unwrap();
    }
    let directory = fs::Permissions::from_mode(0o770);
    fs::set_permissions(machine.path(), directory).unwrap();
    let refused = machine.zlog(&["keygen", "--list"]).run().code(1);
    refused.stderr_has("others may replace the secret key").stderr_has("chmod go-w");
    fs::set_permissions(machine.path(), fs::Permissions::from_mode(0o700)).unwrap();
    let own = machine.path().join("machine.key");
    fs::set_permissions(&own, fs::Permissions::from_mode(0o640)).unwrap();
    let refused = machine.zlog(&["keygen", "--list"]).run().code(1);
    refused.stderr_has("others may read the secret key").stderr_has("chmod 600");
}

#[test]
fn a_list_with_a_wrong_line_is_shown_without_it_and_the_line_is_named() {
    let (machine, web) = (Machine::named("logs"), Machine::named("web1"));
    machine.keygen(&["--trust", &web.public()]);
    machine.keygen(&["--trust", &web.public(), "--host", "hub"]);
    let clients = machine.path().join("authorized_clients");
    let good = fs::read_to_string(&clients).unwrap();
    fs::write(&clients, format!("db1 nokey\n{good}web2\n")).unwrap();
    let listed = machine.zlog(&["keygen", "--list"]).run().code(1);
    for shown in ["own ", "client  ", "server  "] {
        assert_eq!(listed.out().matches(shown).count(), 1, "{}", listed.out());
    }
    listed
        .stderr_has("authorized_clients:1: not a key")
        .stderr_has("authorized_clients:3: write NAME");
    // What is wrong with one list does not hide the other one.
    fs::set_permissions(&clients, fs::Permissions::from_mode(0o664)).unwrap();
    let listed = machine.zlog(&["keygen", "--list"]).run().code(1).stderr_has("chmod go-w");
    assert!(listed.out().contains("server  "), "{}", listed.out());
}
