use std::collections::HashMap;
use std::time::Duration;

use super::STREAM;
use crate::harness::{NatsCluster, Running, Stored, enter_network, nats_cluster, python, zlog};

/// The name of the test, which runs itself in a network of its own.
const TEST: &str =
    "nats::cluster::a_cluster_has_every_record_once_and_in_order_through_kills_and_a_partition";
/// Ten times the usual.
const TIME: Duration = Duration::from_secs(300);

/// How many emitters there are. Each second one sends to a relay that keeps its records on disk.
const EMITTERS: usize = 10;
/// How many more records must be stored before the next fault.
const MORE: u64 = 600;

/// Ten emitters, and two relays that store what they send.
struct Load {
    emitters: Vec<Running>,
    relays: [Running; 2],
    _directory: tempfile::TempDir,
}

impl Load {
    fn start(cluster: &NatsCluster) -> Load {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
        let option = format!(
            "--nats={},replicas=3,timeout=2s,retry=50ms,retry-max=500ms,queue=1000000,spool=1000000,spool-bytes=1G",
            cluster.urls()
        );
        let relay = |number: usize, more: &[&str]| {
            let (collect, publish) = (endpoint(number, 1), endpoint(number, 2));
            let args = ["relay", "--bind", &collect, "--publish-bind", &publish, "--no-ask"];
            let relay = zlog(args).args(["--linger", "100s", &option]).args(more);
            let mut relay = relay.deadline(TIME).start();
            relay.expect_stderr("bound");
            relay
        };
        let (spool, confirm_at) = (path("relay"), endpoint(1, 3));
        let confirmed =
            ["--spool", &spool, "--confirm-at", &confirm_at, "--confirm-when", "handled"];
        let relays = [relay(0, &[]), relay(1, &confirmed)];
        let emitter = |number: usize| {
            let (source, relay) = (format!("e{number}"), endpoint(number % 2, 1));
            let args = ["emit", "--test", "--rate", "60", "--root", &source, "--source", &source];
            let args = zlog(args).args(["--connect", &relay, "--wait", "60s", "--linger", "100s"]);
            let spool = path(&source);
            let confirmed = ["--spool", &spool, "--confirm-at", &confirm_at, "--confirm"];
            args.args(confirmed.iter().take(confirmed.len() * (number % 2))).deadline(TIME).start()
        };
        Load { emitters: (0..EMITTERS).map(emitter).collect(), relays, _directory: directory }
    }

    /// Ends it. Returns how many records each emitter has sent.
    fn end(mut self) -> Vec<u64> {
        self.emitters.iter_mut().for_each(Running::terminate);
        let emitters: Vec<_> = self.emitters.into_iter().map(Running::wait).collect();
        self.relays.iter_mut().for_each(Running::terminate);
        for relay in self.relays {
            let relay = relay.wait();
            relay.code(143).stderr_lacks(" lost (");
        }
        let sent = emitters.into_iter().map(|emitter| {
            let ended = emitter.code(143).stderr_lacks("lost").stderr_lacks("left in the spool");
            let err = ended.err();
            let summary = err.lines().find(|line| line.contains(" records, ")).unwrap_or_default();
            let number = summary.split_whitespace().nth(2).unwrap_or_default().replace(',', "");
            number.parse().unwrap_or_else(|_| panic!("no summary: {err}"))
        });
        sent.collect()
    }
}

/// An endpoint of a relay. The network is the test's own, so no port is taken.
fn endpoint(relay: usize, port: usize) -> String {
    format!("tcp://127.0.0.1:70{relay}{port}")
}

/// Checks that the records of each source and topic are numbered from 1 without a hole. Returns how
/// many each source has.
#[track_caller]
fn counts(all: &[Stored]) -> HashMap<String, u64> {
    let mut next: HashMap<(String, &str), u64> = HashMap::new();
    let mut counts = HashMap::new();
    for stored in all {
        let record = stored.json();
        let source = record["source"].as_str().unwrap();
        *counts.entry(source.to_owned()).or_insert(0) += 1;
        let next = next.entry((source.to_owned(), &stored.subject)).or_insert(0);
        *next += 1;
        if record["seq"].as_u64() != Some(*next) {
            panic!("{}: {:?}", stored.subject, breaks(all, source, &stored.subject));
        }
    }
    counts
}

/// Where the numbers of a source and topic do not follow each other: places in the stream, and numbers.
fn breaks(stored: &[Stored], source: &str, subject: &str) -> Vec<[(usize, u64); 2]> {
    let of_source = stored.iter().enumerate().filter(|(_, stored)| stored.subject == subject);
    let of_source = of_source.map(|(at, stored)| (at, stored.json()));
    let of_source = of_source.filter(|(_, record)| record["source"] == source);
    let numbers: Vec<_> = of_source.map(|(at, it)| (at, it["seq"].as_u64().unwrap())).collect();
    let pairs = numbers.windows(2).map(|pair| [pair[0], pair[1]]);
    pairs.filter(|[(_, first), (_, second)]| first + 1 != *second).collect()
}

#[test]
fn a_cluster_has_every_record_once_and_in_order_through_kills_and_a_partition() {
    // Nothing can be installed in there.
    if python().is_none() || !enter_network(TEST, TIME) {
        return;
    }
    let Some(mut cluster) = nats_cluster() else { return };
    let load = Load::start(&cluster);
    let others = |server: usize| ((server + 1) % 3, (server + 2) % 3);
    let more = |cluster: &NatsCluster, asked: usize| {
        let client = cluster.servers[asked].client();
        client.wait_for(STREAM, client.count(STREAM) + MORE);
    };
    more(&cluster, 0);

    // One that does not lead is killed, and starts again.
    let leader = cluster.leader(0, STREAM);
    let (follower, _) = others(leader);
    cluster.servers[follower].kill();
    more(&cluster, leader);
    cluster.servers[follower].run();

    // The leader.
    let leader = cluster.leader(leader, STREAM);
    let (other, _) = others(leader);
    cluster.servers[leader].kill();
    more(&cluster, other);
    cluster.servers[leader].run();

    // The leader neither hears from the others nor they from it; its clients still reach it.
    let leader = cluster.leader(other, STREAM);
    let (other, _) = others(leader);
    cluster.cut(leader);
    more(&cluster, other);
    cluster.heal(leader);

    // The leader hands over under load.
    for _ in 0..3 {
        let leader = cluster.leader(other, STREAM);
        cluster.servers[leader].client().step_down(STREAM);
        more(&cluster, other);
    }

    let sent = load.end();
    cluster.leader(other, STREAM);
    let counts = counts(&cluster.servers[other].client().stored(STREAM));
    for (number, sent) in sent.into_iter().enumerate() {
        assert_eq!(counts.get(&format!("e{number}")), Some(&sent), "e{number}");
    }
}
