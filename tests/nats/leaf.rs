use std::fs;
use std::path::Path;
use std::time::Instant;

use serde_json::Value;

use crate::harness::{DEADLINE, Nats, Running, nats_at, own_address, zlog};

/// How many records a site stores before the centre is cut off, and how many afterwards.
const RECORDS: usize = 5000;

/// An example, with some of its words replaced.
fn example(name: &str, words: &[(&str, &str)]) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/scale").join(name);
    let mut text = fs::read_to_string(path).unwrap();
    for (word, new) in words {
        assert!(text.contains(word), "{name} lacks {word}");
        text = text.replace(word, new);
    }
    text
}

/// A loopback address of its own.
fn address() -> String {
    own_address().trim_start_matches("tcp://").trim_end_matches(":*").to_owned()
}

/// `text` with the addresses of the centre's servers.
fn at_centre(text: String, centre: &[String]) -> String {
    let name = |number: usize| format!("//nats{}:", number + 1);
    centre
        .iter()
        .enumerate()
        .fold(text, |text, (number, address)| text.replace(&name(number), &format!("//{address}:")))
}

fn centre() -> Option<Vec<Nats>> {
    let addresses = [address(), address(), address()];
    let server = |(number, address): (usize, &String)| {
        let name = format!("server_name: nats{}", number + 1);
        let words = [("0.0.0.0", &**address), ("server_name: nats1", &name)];
        nats_at(address, &at_centre(example("4-nats-server.conf", &words), &addresses))
    };
    addresses.iter().enumerate().map(server).collect()
}

/// A site: its server, and a relay that stores there.
struct Site {
    name: String,
    address: String,
    server: Nats,
    relay: Running,
    directory: tempfile::TempDir,
}

impl Site {
    #[track_caller]
    fn start(number: usize, centre: &[Nats]) -> Site {
        let (address, directory) = (address(), tempfile::tempdir().unwrap());
        let (name, listen) = (format!("site{number}"), format!("{address}:4222"));
        let centre: Vec<_> = centre.iter().map(|server| server.host().to_owned()).collect();
        let words = [("127.0.0.1:4222", &*listen), ("site1", &name)];
        let server = nats_at(&address, &at_centre(example("5-leaf.conf", &words), &centre));
        // What 5-leaf.conf says of it.
        let words = [
            ("nats://nats1:4222,nats://nats2:4222,nats://nats3:4222", &*format!("nats://{listen}")),
            ("credentials =", "# credentials ="),
            ("replicas = 3", "replicas = 1"),
            ("max-bytes = \"1000G\"", "max-bytes = \"150G\""),
            ("SITE1", &name.to_uppercase()),
            ("site1", &name),
            ("tcp://*:", &format!("tcp://{address}:")),
            ("/var/", &format!("{}/", directory.path().display())),
        ];
        let configuration = directory.path().join("relay.toml");
        fs::write(&configuration, example("4-store.toml", &words)).unwrap();
        let mut relay = zlog(["relay", "--config"]).args([configuration]).start();
        relay.expect_stderr("publishing, bound");
        Site { name, address, server: server.unwrap(), relay, directory }
    }

    /// Sends records of this source, and waits until the server of the site has stored them.
    #[track_caller]
    fn store(&self, source: &str) {
        let path = |name: &str| format!("{}/{name}", self.directory.path().display());
        fs::write(path("lines"), "a line\n".repeat(RECORDS)).unwrap();
        let endpoint = format!("tcp://{}:12344", self.address);
        zlog(["emit", "--root", "app", "--source", source, "--connect", &endpoint])
            .args(["--linger", "100s", "--file", &path("lines"), "--spool", &path(source)])
            .run()
            .success()
            .stderr_has("5,000 confirmed");
    }
}

/// What `zlog tail` of the centre's stream prints: sources and numbers.
#[track_caller]
fn read(centre: &Nats, key: &str, args: &[&str]) -> Vec<(String, usize)> {
    let from = format!("--from-nats={},stream=ALL{key}", centre.url());
    let printed = zlog(["tail", &from, "-o", "raw"]).args(args).run().success();
    // What it reads counts. Its notices are shown if the test fails.
    println!("tail of {} {args:?}: {}", centre.url(), printed.err());
    let records = printed.stdout.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let records = records.map(|line| serde_json::from_slice::<Value>(line).unwrap());
    let of = |record: Value| {
        (record["source"].as_str().unwrap().into(), record["seq"].as_u64().unwrap() as usize)
    };
    records.map(of).collect()
}

#[test]
fn the_centre_gets_what_sites_stored_while_it_was_away_once_and_in_order() {
    let Some(mut centre) = centre() else { return };
    let sites = [1, 2].map(|number| Site::start(number, &centre));
    let all: Value = serde_json::from_str(&example("5-all.json", &[])).unwrap();
    let store = |time: &str| sites.iter().for_each(|site| site.store(&(site.name.clone() + time)));
    store("-before");
    let until = Instant::now() + DEADLINE;
    // As soon as the servers have chosen a leader.
    let created = || centre[0].client().ask("STREAM.CREATE.ALL", &all);
    while created().is_none_or(|answer| answer["config"]["name"] != "ALL") {
        assert!(Instant::now() < until, "the stream is not created: {:?}", created());
    }
    // While records are on their way.
    centre[0].client().wait_for("ALL", 1);
    centre.iter_mut().for_each(Nats::kill);
    store("-meanwhile");
    centre.iter_mut().for_each(Nats::run);
    centre[0].client().wait_for("ALL", 4 * RECORDS as u64);

    let records = read(&centre[1], "", &[]);
    for site in &sites {
        // It has its own records only.
        assert_eq!(site.server.client().count(&site.name.to_uppercase()), 2 * RECORDS as u64);
        for time in ["-before", "-meanwhile"] {
            let source = site.name.clone() + time;
            let numbers: Vec<_> =
                records.iter().filter(|(of, _)| *of == source).map(|(_, number)| *number).collect();
            assert_eq!(numbers, (1..=RECORDS).collect::<Vec<_>>(), "{source}");
        }
    }
    assert_eq!(records.len(), 4 * RECORDS);
    // One site: by the first part of topics, or by its prefix.
    let second: Vec<_> = records.into_iter().filter(|(of, _)| of.starts_with("site2")).collect();
    assert_eq!(read(&centre[1], "", &["site2.app.INFO"]), second);
    assert_eq!(read(&centre[1], ",prefix=zlog.site2", &["app.INFO"]), second);
    for mut site in sites {
        site.relay.terminate();
        let _ = site.relay.wait();
    }
}
