//! Records that are lost: skipped, or unread when a client is disconnected.

use super::*;

#[test]
fn after_a_record_that_is_too_long_or_can_not_be_read_its_client_stays() {
    let mut fixture = Fixture::new(|options| options.max_record = 1000);
    let mut client = fixture.client();
    client.write_all(&record(&"x".repeat(200_000))).unwrap();
    client.write_all(&record("first")).unwrap();
    for bad in [&b"\x80\x02]."[..], b"junk", b"\x80\x09.", b"cos\nsystem\n(S'true'\ntR."] {
        client.write_all(&framed(bad)).unwrap();
    }
    client.write_all(&record(&"y".repeat(5000))).unwrap();
    client.write_all(&record("last")).unwrap();
    fixture.until(|fixture| fixture.messages() == ["first", "last"]);
    let stats = fixture.stats();
    assert_eq!((stats.too_large, stats.unreadable, stats.lost()), (2, 4, 6));
    assert_eq!((stats.clients, stats.disconnected), (1, 0));
    fixture.assert_noticed("skipped a record of 200");
    fixture.assert_noticed("at most 1000 are allowed (--max-record)");
    fixture.assert_noticed("can't read a record from");
}

#[test]
fn a_notice_of_a_disconnected_client_says_how_many_records_are_lost() {
    let mut fixture = Fixture::new(|options| options.stall = Duration::from_millis(200));
    let mut other = fixture.client();
    other.write_all(b"GET / HTTP/1.1\r\n").unwrap();
    fixture.until(|fixture| fixture.stats().disconnected == 1);
    fixture.assert_noticed("it had sent no record");
    let mut stalled = fixture.client();
    stalled.write_all(&[0, 0, 1]).unwrap();
    fixture.until(|fixture| fixture.stats().disconnected == 2);
    fixture.assert_noticed("1 record of it was lost, and likely the next one that it sends");
    assert_eq!(fixture.stats().lost(), 1);
    // A bad first message, and records that follow it.
    let mut bad = fixture.client();
    let records = [framed(b"\x80\x02]."), record("a"), record("b"), record("c")].concat();
    bad.write_all(&records[..records.len() - 1]).unwrap();
    fixture.until(|fixture| fixture.stats().disconnected == 3);
    fixture.assert_noticed("3 records of it were lost");
    assert_eq!(fixture.stats().lost(), 4);
}

#[test]
fn a_notice_says_how_many_records_are_lost_if_clients_still_send_when_finish_runs_out_of_time() {
    let mut fixture = Fixture::new(|_| {});
    let mut client = fixture.client();
    client.set_nonblocking(true).unwrap();
    let one = record(&"x".repeat(1000));
    let mut written = 0;
    // More than is read before the time is checked.
    while let Ok(length) = client.write(&one[written % one.len()..]) {
        written += length;
    }
    let sent = written.div_ceil(one.len()) as u64;
    fixture.finish(Duration::ZERO);
    fixture.assert_noticed("still sending when --linger was over: at least ");
    let (stats, read) = (fixture.stats(), fixture.records.len() as u64);
    assert!((1..=sent - read).contains(&stats.lost()), "{stats:?} of {sent}");
}
