use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;

use super::*;

fn from(pipe: u64) -> Origin<'static> {
    Origin { pipe, connection: pipe, address: "there" }
}

fn with(messages: &[(&[u8], u64)]) -> Subscriptions {
    let mut table = Subscriptions::default();
    for (message, pipe) in messages {
        table.apply(message, from(*pipe), Instant::now());
    }
    table
}

/// Applies messages of peer 1 until it is to be disconnected.
#[track_caller]
fn ended_by(table: &mut Subscriptions, mut next: impl FnMut(u32) -> Vec<u8>) -> (u32, Misuse) {
    let now = Instant::now();
    for n in 0..1_000_000 {
        if let Some(ended) = table.apply(&next(n), from(1), now).offender {
            assert_eq!((ended.connection, &*ended.address), (1, "there"));
            return (n, ended.why);
        }
    }
    panic!("nobody is ended");
}

#[test]
fn a_topic_has_a_subscriber_while_a_peer_holds_a_prefix_of_it() {
    let mut table = with(&[(b"\x01app.ERROR", 1)]);
    assert!(table.has_subscriber(b"app.ERROR.db") && table.has_subscriber(b"app.ERRORS"));
    assert!(!table.has_subscriber(b"app.INFO") && !table.has_subscriber(b"app"));
    table.apply(b"\x00app.ERROR", from(1), Instant::now());
    assert!(!table.has_subscriber(b"app.ERROR.db"));
}

#[test]
fn a_peer_of_three_topics_is_one_subscriber() {
    let table = with(&[(b"\x01app.A", 5), (b"\x01app.B", 5), (b"\x01app.C", 5)]);
    assert_eq!(table.peers_below("app"), 1);
}

#[test]
fn only_peers_that_could_receive_the_root_are_counted() {
    let table = with(&[
        (b"\x01ap", 1),
        (b"\x01app.ERROR", 2),
        (b"\x01apple", 3),
        (b"\x01web", 4),
        (b"\x01web.INFO", 4),
    ]);
    assert_eq!(
        [table.peers_below("app"), table.peers_below("web"), table.peers_below("")],
        [2, 1, 4]
    );
}

#[test]
fn a_cancel_of_a_prefix_that_the_peer_does_not_hold_changes_nothing() {
    let mut table = with(&[(b"\x01", 1)]);
    let generation = table.generation();
    for _ in 0..MAX_BOGUS_CANCELS {
        assert_eq!(table.apply(b"\x00", from(2), Instant::now()), Update::default());
    }
    assert!(table.has_subscriber(b"app") && table.generation() == generation);
    assert_eq!(table.peers_below(""), 1);
}

#[test]
fn only_the_first_and_the_last_subscriber_change_a_prefix() {
    let mut table = Subscriptions::default();
    let now = Instant::now();
    let mut change = |message: &'static [u8], pipe| table.apply(message, from(pipe), now).change;
    assert_eq!(change(b"\x01a", 1), Some(PrefixChange::Added(b"a")));
    assert_eq!(change(b"\x01a", 1), None, "it repeats itself");
    assert_eq!(change(b"\x01a", 2), None);
    assert_eq!(change(b"\x00a", 1), None);
    assert_eq!(change(b"\x00a", 1), None, "bogus");
    assert_eq!(change(b"\x00a", 2), Some(PrefixChange::Removed(b"a")));
}

#[test]
fn prefixes_held_by_this_side_are_counted_beside_the_peers() {
    let mut table = with(&[(b"\x01a", 1)]);
    assert_eq!(table.hold(b"a"), None);
    assert_eq!(table.apply(b"\x00a", from(1), Instant::now()).change, None);
    assert_eq!(table.release(b"a"), Some(PrefixChange::Removed(b"a")));
    assert_eq!(table.release(b"a"), None, "nobody wanted it");
}

#[test]
fn a_message_that_is_not_a_subscription_is_ignored() {
    let table = with(&[(b"", 1), (b"\x02app", 1), (b"hello", 1)]);
    assert_eq!((table.prefixes.len(), table.generation()), (0, 0));
}

#[test]
fn a_peer_may_hold_ten_thousand_subscriptions_and_is_disconnected_for_more() {
    let mut table = Subscriptions::default();
    let (n, why) =
        ended_by(&mut table, |n| format!("\x01topic-of-forty-bytes-and-a-number-{n:05}").into());
    assert!(n >= 10_000 && why == Misuse::Subscriptions, "{n} {why:?}");
    assert_eq!(table.cost, 0, "what it holds is on its way out");
    let held = table.prefixes.len();
    table.apply(b"\x01more", from(1), Instant::now());
    assert_eq!(table.prefixes.len(), held, "it gets no more");
}

#[test]
fn a_peer_is_disconnected_for_long_prefixes() {
    let mut table = Subscriptions::default();
    let (n, why) = ended_by(&mut table, |n| [vec![1; 4000], n.to_be_bytes().to_vec()].concat());
    assert!(n < 300 && why == Misuse::Subscriptions, "{n} {why:?}");
}

#[test]
fn a_peer_is_disconnected_for_bogus_cancels_and_for_endless_changes() {
    let mut table = Subscriptions::default();
    assert_eq!(ended_by(&mut table, |_| b"\x00a".into()), (MAX_BOGUS_CANCELS, Misuse::Cancels));
    let mut table = Subscriptions::default();
    let (n, why) =
        ended_by(&mut table, |n| if n % 2 == 0 { b"\x01a".into() } else { b"\x00a".into() });
    assert_eq!((u64::from(n), why), (RATE.0, Misuse::Rate));
}

#[test]
fn a_new_connection_of_the_same_pipe_starts_over() {
    let mut table = with(&[(b"\x01a", 1)]);
    ended_by(&mut table, |_| b"\x00b".into());
    let again = Origin { connection: 9, ..from(1) };
    assert_eq!(
        table.apply(b"\x01c", again, Instant::now()).change,
        Some(PrefixChange::Added(b"c"))
    );
    assert!(table.has_subscriber(b"a"), "libzmq keeps what a pipe has subscribed to");
    assert_eq!(table.cost, cost(b"a") + cost(b"c"));
}

#[test]
fn the_largest_peer_is_disconnected_and_the_others_stay() {
    let mut table = Subscriptions::default();
    let now = Instant::now();
    let mut ended = Vec::new();
    for pipe in 1u64..=20 {
        // Each peer holds a little more than the one before, and less than its limit.
        for n in 0..200 + pipe {
            let message = format!("\x01{pipe} {n} {:0>2000}", "");
            ended.extend(table.apply(message.as_bytes(), from(pipe), now).offender);
        }
    }
    assert!(!ended.is_empty() && table.cost <= MAX_TOTAL_COST);
    assert!(ended.iter().all(|ended| ended.why == Misuse::LargestPeer));
    assert!(ended.len() < 12, "no more than needed: {}", ended.len());
}

#[test]
fn a_socket_of_this_process_is_never_disconnected() {
    let mut table = Subscriptions::default();
    let inside = Origin { connection: 0, ..from(1) };
    for _ in 0..2 * MAX_BOGUS_CANCELS {
        assert_eq!(table.apply(b"\x00a", inside, Instant::now()).offender, None);
    }
}

#[test]
fn peers_without_subscriptions_are_removed() {
    let mut table = with(&[(b"\x01a", 1)]);
    for pipe in 2..5000 {
        table.apply(b"\x00bogus", from(pipe), Instant::now());
    }
    assert!(table.peers.len() <= PURGE && table.has_subscriber(b"a"));
}

#[test]
fn a_long_lived_peer_may_send_more_over_time() {
    let start = Instant::now();
    let mut table = Subscriptions::default();
    for n in 0..2 * RATE.0 {
        let now = start + Duration::from_millis(n * 1000 / RATE.1);
        let message: &[u8] = if n % 2 == 0 { b"\x01a" } else { b"\x00a" };
        assert_eq!(table.apply(message, from(1), now).offender, None);
    }
}

proptest! {
    /// For any sequence of messages, the table answers as one plain set of prefixes per peer.
    #[test]
    fn it_answers_as_a_set_of_prefixes_for_each_peer_does(
        steps in prop::collection::vec((0u8..8, 1u64..4, "[ab]{0,3}"), 0..80),
        topic in "[ab]{0,4}",
        root in "[ab]{0,2}",
    ) {
        let now = Instant::now();
        let mut table = Subscriptions::default();
        let mut model: BTreeMap<u64, HashSet<String>> = BTreeMap::new();
        let mut first: HashSet<Vec<u8>> = HashSet::new();
        // Each new peer gets a new pipe number.
        let mut pipes = [1u64, 2, 3, 4];
        let mut next = 5;
        let mut follow = |taken: Update<'_>| match taken.change {
            Some(PrefixChange::Added(prefix)) => first.insert(prefix.to_vec()),
            Some(PrefixChange::Removed(prefix)) => first.remove(prefix),
            None => true,
        };
        for (what, who, prefix) in steps {
            let pipe = pipes[usize::try_from(who).expect("small")];
            match what {
                // A peer disconnects: libzmq cancels its prefixes, in its own order. Another
                // peer may be connected already.
                0 => {
                    let held = model.remove(&pipe).unwrap_or_default();
                    pipes[usize::try_from(who).expect("small")] = next;
                    next += 1;
                    for prefix in held {
                        let message = format!("\0{prefix}");
                        prop_assert!(follow(table.apply(message.as_bytes(), from(pipe), now)));
                    }
                }
                1..=4 => {
                    model.entry(pipe).or_default().insert(prefix.clone());
                    let message = format!("\x01{prefix}");
                    prop_assert!(follow(table.apply(message.as_bytes(), from(pipe), now)));
                }
                _ => {
                    model.entry(pipe).or_default().remove(&prefix);
                    let message = format!("\0{prefix}");
                    prop_assert!(follow(table.apply(message.as_bytes(), from(pipe), now)));
                }
            }
        }
        let all: HashSet<&String> = model.values().flatten().collect();
        prop_assert_eq!(
            table.has_subscriber(topic.as_bytes()),
            all.iter().any(|prefix| topic.starts_with(prefix.as_str()))
        );
        let below = if root.is_empty() { String::new() } else { format!("{root}.") };
        let matters = |p: &String| p.starts_with(&below) || below.starts_with(p.as_str());
        let peers = model.values().filter(|held| held.iter().any(matters)).count();
        prop_assert_eq!(table.peers_below(&root), peers);
        prop_assert_eq!(table.prefixes.len(), all.len());
        prop_assert_eq!(first.len(), all.len());
        let sum: usize = model.values().flatten().map(|prefix| cost(prefix.as_bytes())).sum();
        prop_assert_eq!(table.cost, sum);
    }
}
