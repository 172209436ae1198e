use super::*;
use proptest::prelude::*;

const PLENTY: Limits = Limits { per_topic: 1000, bytes: 1 << 20 };

fn push(history: &mut History, topic: &str, body: &str) {
    history.push(&[topic.as_bytes(), body.as_bytes()], 1.5);
}

fn frames(message: &StoredMessage) -> Vec<Vec<u8>> {
    message.frames().map(|frame| frame.as_ref().to_vec()).collect()
}

fn bodies(history: &History, n: usize, prefixes: &[&str]) -> Vec<String> {
    let last = history.last(n, prefixes);
    let body = |message: &StoredMessage| frames(message).pop().expect("a frame");
    last.iter().map(|message| String::from_utf8(body(message)).expect("UTF-8")).collect()
}

#[test]
fn the_last_messages_of_several_topics_are_in_order_of_arrival() {
    let mut history = History::new(PLENTY);
    for (n, topic) in ["a.INFO", "b.INFO", "a.ERROR", "a.INFO", "c"].iter().enumerate() {
        push(&mut history, topic, &n.to_string());
    }
    assert_eq!(bodies(&history, 10, &[""]), ["0", "1", "2", "3", "4"]);
    assert_eq!(bodies(&history, 2, &["a"]), ["2", "3"]);
    assert_eq!(bodies(&history, 3, &["a.INFO", "a.I", "c"]), ["0", "3", "4"]);
    assert_eq!(history.last(1, &["c"])[0].arrival, 4);
    assert!(history.last(5, &["x"]).is_empty() && history.last(0, &[""]).is_empty());
}

#[test]
fn a_busy_topic_does_not_evict_the_messages_of_a_quiet_one() {
    let mut history = History::new(Limits { per_topic: 2, ..PLENTY });
    push(&mut history, "quiet", "q");
    for n in 0..10_000 {
        push(&mut history, "busy", &n.to_string());
    }
    assert_eq!(bodies(&history, 10, &[""]), ["q", "9998", "9999"]);
    assert_eq!((history.size().messages, history.size().topics), (3, 2));
    assert!(history.slots.len() <= 4, "slots are reused");
}

#[test]
fn beyond_the_limit_the_oldest_message_is_evicted_and_with_it_its_topic() {
    let limits = Limits { per_topic: 1, bytes: 10 * (OVERHEAD + 30) };
    let mut history = History::new(limits);
    for n in 0..1000 {
        push(&mut history, &format!("topic{n}"), "hello");
        assert!(history.size().bytes <= limits.bytes);
    }
    assert!(history.size().topics >= 10 && history.topics.len() < 20 && history.index.len() < 20);
    assert_eq!(bodies(&history, 1, &["topic999"]), ["hello"]);
    assert!(history.last(1, &["topic1."]).is_empty());
}

#[test]
fn refused_messages_are_counted() {
    let mut history = History::new(Limits { per_topic: 10, bytes: 10_000 });
    push(&mut history, &"t".repeat(MAX_TOPIC_BYTES + 1), "");
    push(&mut history, "t", &"x".repeat(10_000));
    assert_eq!(history.size(), HistorySize { refused: 2, ..HistorySize::default() });
    assert_eq!(history.arrived(), 2);
}

#[test]
fn shared_messages_stay_as_they_were_and_count_once_they_are_evicted() {
    let limits = Limits { per_topic: 10, bytes: 10 * (OVERHEAD + 30) };
    let mut history = History::new(limits);
    let fill = |history: &mut History, body: &str| (0..10).for_each(|_| push(history, "t", body));
    fill(&mut history, "one");
    let (first, again) = (history.last(10, &["t"]), history.last(10, &["t"]));
    fill(&mut history, "two");
    assert!(!history.exceeds_outstanding_limit(), "as much as is stored");
    let second = history.last(10, &["t"]);
    fill(&mut history, "three");
    assert!(history.exceeds_outstanding_limit());
    for (held, body) in [(&first, b"one"), (&again, b"one"), (&second, b"two")] {
        assert!(held.iter().all(|message| frames(message)[1] == body));
    }
    drop((first, again));
    assert!(!history.exceeds_outstanding_limit());
    // Memory that is not shared is reused.
    fill(&mut history, "four");
    assert_eq!(history.outstanding.len(), 10);
}

#[test]
fn frames_are_returned_unchanged_and_a_single_frame_only_to_a_request_for_all() {
    let mut history = History::new(PLENTY);
    history.push(&[b"t", b"", b"third"], 1.0);
    history.push(&[b"{}"], 2.0);
    let last = history.last(2, &[""]);
    assert_eq!(frames(&last[0]), [&b"t"[..], b"", b"third"]);
    assert_eq!(frames(&last[1]), [&b"{}"[..]]);
    assert!(history.last(2, &["{"]).is_empty());
}

#[test]
fn the_messages_of_a_topic_are_found_from_the_newest_on() {
    let mut history = History::new(PLENTY);
    for number in 1..=3 {
        push(&mut history, "t", &format!("t {number}"));
        push(&mut history, "u", &format!("u {number}"));
    }
    let bodies = |topic: &[u8], before: u64| -> Vec<String> {
        let found = history.of_topic(topic, before);
        found.map(|it| String::from_utf8_lossy(&frames(&it)[1]).into_owned()).collect()
    };
    assert_eq!(bodies(b"t", u64::MAX), ["t 3", "t 2", "t 1"]);
    assert_eq!(bodies(b"t", 4), ["t 2", "t 1"]);
    assert!(bodies(b"t", 0).is_empty());
    assert!(bodies(b"none", u64::MAX).is_empty());
}

proptest! {
    /// The history stores what a plain list with the same rules stores.
    #[test]
    fn it_stores_what_a_plain_list_would(
        messages in prop::collection::vec(("[ab]{0,2}", 0usize..40), 0..200),
        per_topic in 1usize..5,
        room in 1usize..12,
        prefixes in prop::collection::vec("[ab]{0,3}", 0..4),
        n in 0usize..20,
    ) {
        let limits = Limits { per_topic, bytes: room * (OVERHEAD + 20) };
        let mut history = History::new(limits);
        let mut list: Vec<(usize, String, String)> = Vec::new();
        let cost = |(_, topic, body): &(usize, String, String)| {
            OVERHEAD + 2 * topic.len() + body.len() + 8
        };
        for (at, (topic, len)) in messages.into_iter().enumerate() {
            let entry = (at, topic.clone(), "x".repeat(len));
            push(&mut history, &topic, &entry.2);
            if cost(&entry) > limits.bytes {
                continue;
            }
            if list.iter().filter(|e| e.1 == topic).count() == per_topic {
                let oldest = list.iter().position(|e| e.1 == topic).expect("there are some");
                list.remove(oldest);
            }
            list.push(entry);
            while list.iter().map(cost).sum::<usize>() > limits.bytes {
                list.remove(0);
            }
            let topics: std::collections::HashSet<_> = list.iter().map(|e| &e.1).collect();
            prop_assert_eq!(history.size().bytes, list.iter().map(cost).sum::<usize>());
            prop_assert_eq!((history.size().messages, history.size().topics), (list.len(), topics.len()));
        }
        let mut expected: Vec<(u64, String)> = list
            .iter()
            .filter(|e| prefixes.iter().any(|prefix| e.1.starts_with(prefix)))
            .map(|e| (e.0 as u64, e.2.clone()))
            .collect();
        expected.drain(..expected.len().saturating_sub(n));
        let last: Vec<(u64, String)> = history
            .last(n, &prefixes)
            .into_iter()
            .map(|l| (l.arrival, String::from_utf8_lossy(&frames(&l)[1]).into_owned()))
            .collect();
        prop_assert_eq!(last, expected);
    }
}
