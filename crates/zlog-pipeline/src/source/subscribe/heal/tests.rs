use super::*;
use zlog_core::wire::query;

fn message(seq: u64) -> Message {
    (vec![b"t".to_vec(), seq.to_string().into_bytes()], 0.0)
}

/// A healer that got these numbers, and those that it passed on at once.
fn with_numbers(numbers: &[u64], now: Instant) -> (Healer, Vec<u64>) {
    let mut healer = Healer::new(Vec::new(), Duration::from_secs(2), SocketOptions::subscriber());
    let mut passed = Vec::new();
    for seq in numbers {
        match healer.observe("s", "t", *seq, now) {
            Disposition::Deliver => passed.push(*seq),
            Disposition::Hold => healer.hold("s", "t", *seq, message(*seq)),
            Disposition::Repeated => {}
        }
    }
    (healer, passed)
}

fn mark(last: u64) -> Mark<'static> {
    Mark::Published { source: "s".into(), topic: "t".into(), first: 1, last }
}

/// What is delivered: numbers, and `m` for a mark.
fn delivered(healer: &mut Healer) -> Vec<String> {
    let shown = |released| match released {
        Released::Message((frames, _)) => String::from_utf8_lossy(&frames[1]).into_owned(),
        Released::Mark(_) => "m".to_owned(),
    };
    std::iter::from_fn(|| healer.next()).map(shown).collect()
}

#[test]
fn what_a_relay_has_is_put_in_its_place_and_the_rest_stays_missing() {
    let now = Instant::now();
    let (mut healer, passed) = with_numbers(&[1, 2, 6, 7, 10], now);
    assert_eq!(passed, [1, 2]);
    assert_eq!((healer.streams[0].hole(), delivered(&mut healer)), ((3, 5), vec![]));
    healer.streams[0].asked_to = Some(5);
    for seq in [3, 5] {
        healer.take_healed(0, seq, message(seq), now);
    }
    assert_eq!(delivered(&mut healer), ["3"]);
    healer.close_asked(true);
    assert_eq!(delivered(&mut healer), ["5", "6", "7"]);
    assert_eq!(healer.streams[0].hole(), (8, 9), "the next hole");
    healer.streams[0].asked_to = Some(9);
    healer.close_asked(true);
    assert_eq!((delivered(&mut healer), healer.healed()), (vec!["10".to_owned()], 2));
    assert!(!healer.is_busy() && healer.held == 0 && healer.held_bytes == 0);
}

#[test]
fn a_mark_waits_for_the_records_that_it_tells_of() {
    let now = Instant::now();
    let (mut healer, _) = with_numbers(&[1, 2], now);
    assert!(healer.observe_mark(mark(2), now).is_some());
    assert!(healer.observe_mark(mark(4), now).is_none());
    assert_eq!(healer.streams[0].hole(), (3, 4));
    healer.streams[0].asked_to = Some(4);
    healer.take_healed(0, 3, message(3), now);
    healer.take_healed(0, 4, message(4), now);
    healer.close_asked(true);
    assert_eq!(delivered(&mut healer), ["3", "4", "m"]);
}

#[test]
fn an_answer_that_was_cut_is_asked_for_again_from_where_it_ended() {
    let now = Instant::now();
    let (mut healer, _) = with_numbers(&[1, 9], now);
    healer.streams[0].asked_to = Some(8);
    healer.take_healed(0, 2, message(2), now);
    healer.close_asked(false);
    assert_eq!((healer.streams[0].hole(), delivered(&mut healer)), ((3, 8), vec!["2".to_owned()]));
}

#[test]
fn without_an_answer_records_come_after_the_time_with_their_holes() {
    let now = Instant::now();
    let (mut healer, _) = with_numbers(&[1, 4, 6], now);
    healer.asking = Some(Asking::new(&[], Vec::new(), SocketOptions::subscriber()));
    healer.streams[0].until = now;
    healer.process(now, Vec::new);
    assert_eq!(delivered(&mut healer), ["4", "6"]);
}

#[test]
fn a_relay_with_too_many_queries_is_asked_again_until_the_time_is_over() {
    let now = Instant::now();
    let (mut healer, _) = with_numbers(&[1, 4, 6], now);
    let refuse = |healer: &mut Healer, why| {
        let mut asking = Asking::new(&[], Vec::new(), SocketOptions::subscriber());
        asking.refused("tcp://127.0.0.1:1", why);
        healer.asking = Some(asking);
        healer.streams[0].asked_to = Some(3);
    };
    refuse(&mut healer, query::TOO_MANY);
    healer.process(now, Vec::new);
    assert_eq!((delivered(&mut healer), healer.streams[0].hole()), (vec![], (2, 3)));
    assert!(healer.asking.is_none() && healer.take_reason().is_none());
    // Not at once.
    healer.process(now, Vec::new);
    assert!(healer.asking.is_none() && !healer.streams.is_empty());
    refuse(&mut healer, query::TOO_MANY);
    healer.streams[0].until = now;
    healer.process(now, Vec::new);
    assert_eq!(delivered(&mut healer), ["4", "6"]);
    assert!(healer.take_reason().unwrap().contains(query::TOO_MANY));
    // Any other refusal is the end.
    let (mut healer, _) = with_numbers(&[1, 4], now);
    refuse(&mut healer, "it keeps no messages");
    healer.process(now, Vec::new);
    assert_eq!(delivered(&mut healer), ["4"]);
}

#[test]
fn a_sender_that_starts_again_ends_the_wait_and_nothing_overtakes() {
    let now = Instant::now();
    let (mut healer, passed) = with_numbers(&[1, 4, 1, 2], now);
    assert_eq!(
        (passed, delivered(&mut healer)),
        (vec![1], ["4", "1", "2"].map(String::from).to_vec())
    );
}

#[test]
fn what_is_held_is_bounded() {
    let now = Instant::now();
    let numbers: Vec<u64> = std::iter::once(1).chain(3..MAX_HELD as u64 + 10).collect();
    let (mut healer, _) = with_numbers(&numbers, now);
    assert!(healer.streams.is_empty() && healer.held == 0);
    assert_eq!(delivered(&mut healer).len(), numbers.len() - 1);
    for stream in 0..2 * MAX_STREAMS {
        let topic = stream.to_string();
        healer.observe("s", &topic, 1, now);
        if healer.observe("s", &topic, 3, now) == Disposition::Hold {
            healer.hold("s", &topic, 3, message(3));
        }
    }
    assert_eq!(healer.streams.len(), MAX_STREAMS);
}

#[test]
fn after_a_reconnect_everything_after_the_last_record_is_asked_for() {
    let now = Instant::now();
    let (mut healer, _) = with_numbers(&[1, 2, 3], now);
    healer.open_all(now);
    assert_eq!(healer.streams[0].hole(), (4, u64::MAX));
    healer.streams[0].asked_to = Some(u64::MAX);
    for seq in [4, 5, 7] {
        healer.take_healed(0, seq, message(seq), now);
    }
    healer.close_asked(true);
    assert_eq!(delivered(&mut healer), ["4", "5", "7"]);
    assert_eq!(healer.observe("s", "t", 5, now), Disposition::Repeated, "it was on its way, too");
    assert_eq!(healer.observe("s", "t", 8, now), Disposition::Deliver);
}

#[test]
fn only_a_connection_that_comes_back_is_a_reconnect() {
    let start = Instant::now();
    let (mut healer, _) = with_numbers(&[1, 2, 3], start);
    let mut now = start;
    for (peers, is_asked) in [(0, false), (1, false), (0, false), (1, true)] {
        healer.polled(false);
        now += Duration::from_secs(1);
        healer.process(now, || vec![peers]);
        assert_eq!(healer.reconnected.is_some(), is_asked, "{peers}");
    }
}
