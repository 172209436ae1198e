//! A relay with keys: each client has its rights on all ports.

use super::keys::{EXPOSED, native, trust};
use super::{Machine, text};

#[test]
fn a_relay_takes_and_gives_each_client_only_what_it_may_publish_and_read() {
    let [hub, web, ops, stranger] = ["hub", "web1", "ops", "stranger"].map(Machine::named);
    trust(&hub, &web, &["--publish", "web1."]);
    trust(&hub, &ops, &["--read", "web1.ERROR"]);
    stranger.keygen(&["--trust", &hub.public(), "--host", "127.0.0.1"]);
    let args = ["relay", "--bind", EXPOSED, "--publish-bind", EXPOSED];
    let mut relay = native(&hub, &args).start();
    let at: Vec<String> =
        relay.endpoints(2).iter().map(|it| it.replace("0.0.0.0", "127.0.0.1")).collect();
    let (collect, publish) = (&at[0], &at[1]);

    let tail = ["tail", "-o", "text", "--connect", publish];
    let mut refused = native(&stranger, &tail).start();
    refused.expect_stderr("does not trust this machine's key");
    relay.expect_stderr("is not trusted");
    let mut limited = native(&ops, &tail).start();
    let mut all = native(&hub, &tail).start();
    // Records pass a tail by until it has subscribed.
    let lines = "ERROR one\nINFO two\nERROR three\n".repeat(10_000);
    let emit = ["emit", "--root", "web1", "--rate", "300", "--connect", collect];
    let mut emit = native(&web, &emit).stdin(lines).start();
    all.expect_stdout("INFO two");
    limited.expect_stdout("ERROR three");
    emit.terminate();
    emit.wait().code(143);
    let emit = ["emit", "--root", "app", "--wait", "60s", "--connect", collect, "-m", "forged"];
    native(&web, &emit).run().success();
    let said = relay.expect_stderr("its key may not publish app.INFO");
    assert!(said.contains("of web1"), "{said}");

    for running in [&mut refused, &mut limited, &mut all] {
        running.terminate();
    }
    refused.wait().code(143).stdout("");
    let limited = limited.wait().code(143);
    assert!(limited.out().lines().all(|line| line.starts_with("ERROR ")), "{}", limited.out());
    assert!(!all.wait().code(143).out().contains("forged"));
    relay.terminate();
    relay.wait().code(143);
}

#[test]
fn only_who_may_read_everything_may_ask_a_relay() {
    let [hub, web, ops] = ["hub", "web1", "ops"].map(Machine::named);
    trust(&hub, &web, &["--read", "web1.ERROR"]);
    trust(&hub, &ops, &[]);
    let args = ["relay", "--bind", EXPOSED, "--publish-bind", EXPOSED, "--keep", "10"];
    let mut relay = native(&hub, &args).start();
    let bound = relay.endpoints(3);
    let (relay_publishes, ask) = (&bound[1], bound[2].replace("0.0.0.0", "127.0.0.1"));
    let status = ["relay", "--status", "--ask", &ask];
    native(&ops, &status).run().success();
    native(&hub, &status).run().success();
    let limited = "only a key that may read everything may ask";
    native(&web, &status).run().code(1).stdout("").stderr_has(limited);
    let publish = relay_publishes.replace("0.0.0.0", "127.0.0.1");
    let tail = ["tail", "--last", "5", "--timeout", "1s", "--ask", &ask, "--connect", &publish];
    native(&web, &tail).run().success().stderr_has(limited);
    native(&Machine::without_key(), &status).run().code(1).stdout("");
    // The key of the command line is that of the questions, too.
    let key = text(ops.path().join("machine.key"));
    let tail = ["tail", "--last", "5", "--key", &key, "--timeout", "1s", "--ask", &ask];
    let said = native(&web, &tail).args(["--connect", &publish]).run().success().err();
    assert!(!said.contains("no past records"), "{said}");
    relay.terminate();
    relay.wait().code(143);
}

#[test]
fn a_relay_confirms_only_what_a_key_may_publish() {
    let [hub, web, stranger] = ["hub", "web1", "stranger"].map(Machine::named);
    // Who may not read sends all the same.
    trust(&hub, &web, &["--publish", "web1.", "--no-read"]);
    stranger.keygen(&["--trust", &hub.public(), "--host", "127.0.0.1"]);
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let (file, spool) = (format!("{},format=%(message)s", path("out")), path("relay"));
    let args = ["relay", "--bind", EXPOSED, "--publish-bind", EXPOSED, "--spool", &spool];
    let mut relay = native(&hub, &args).args(["--no-ask", "--file", &file]).start();
    let at = relay.endpoints(3)[2].replace("0.0.0.0", "127.0.0.1");
    let emit = |machine: &Machine, root: &str, spool: &str, text: &str| {
        let args = ["emit", "--confirm-at", &at, "--confirm", "--spool", spool];
        native(machine, &args).args(["--root", root, "-m", text])
    };
    emit(&web, "web1", &path("web1"), "allowed").run().success();
    let said = emit(&web, "app", &path("web1"), "forged").run().code(3).err();
    assert!(said.contains("1 record refused by the relay"), "{said}");
    relay.expect_stderr("its key may not publish app.INFO");
    let refused = emit(&stranger, "web1", &path("stranger"), "stranger").args(["--linger", "4s"]);
    let said = refused.run().code(3).err();
    assert!(said.contains("does not trust this machine's key"), "{said}");
    assert!(said.contains("1 left in the spool"), "{said}");
    relay.expect_stderr("is not trusted");
    emit(&web, "web1", &path("web1"), "last").run().success();
    relay.terminate();
    relay.wait().code(143);
    assert_eq!(std::fs::read_to_string(path("out")).unwrap(), "allowed\nlast\n");
}
