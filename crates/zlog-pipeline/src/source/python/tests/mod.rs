use std::io::{ErrorKind, Read, Write};
use std::net::{TcpStream, UdpSocket};
use std::ops::ControlFlow;

use super::peer::{Peer, Sender};
use super::*;
use crate::source::testing::keep;
use zlog_core::Record;

mod losses;
mod reconnect;

/// Longest that a test waits for something that must come.
const DEADLINE: Duration = Duration::from_secs(60);

/// A pickled dict, protocol 2: a message, a level, and the opcodes of more items.
fn pickled(msg: &str, more: &[u8]) -> Vec<u8> {
    let mut body = b"\x80\x02}q\x00(X\x03\x00\x00\x00msgX".to_vec();
    body.extend_from_slice(&u32::try_from(msg.len()).unwrap().to_le_bytes());
    body.extend_from_slice(msg.as_bytes());
    body.extend_from_slice(b"X\x07\x00\x00\x00levelnoK\x14");
    body.extend_from_slice(more);
    body.extend_from_slice(b"u.");
    body
}

fn framed(pickle: &[u8]) -> Vec<u8> {
    let mut frame = u32::try_from(pickle.len()).unwrap().to_be_bytes().to_vec();
    frame.extend_from_slice(pickle);
    frame
}

fn record(msg: &str) -> Vec<u8> {
    framed(&pickled(msg, b""))
}

/// A record of a process.
fn of(process: u8, msg: &str) -> Vec<u8> {
    framed(&pickled(msg, &[b"X\x07\x00\x00\x00processK", &[process][..]].concat()))
}

/// A source on free ports, and what it has delivered.
struct Fixture {
    source: PythonSource,
    addresses: Vec<String>,
    records: Vec<Record<'static>>,
    notices: Vec<String>,
}

impl Fixture {
    fn new(change: impl FnOnce(&mut ListenOptions)) -> Fixture {
        let mut options = ListenOptions {
            tcp: vec!["127.0.0.1:0".parse().unwrap()],
            udp: vec!["127.0.0.1:0".parse().unwrap()],
            ..ListenOptions::default()
        };
        change(&mut options);
        let mut source = PythonSource::open(&options).unwrap();
        let listening = source.take_notices().into_iter().filter_map(|notice| {
            let address = notice.text.strip_prefix("listening on ")?.split(' ').next();
            address.map(str::to_owned)
        });
        let addresses = listening.collect();
        Fixture { source, addresses, records: Vec::new(), notices: Vec::new() }
    }

    fn client(&self) -> TcpStream {
        TcpStream::connect(&self.addresses[0]).unwrap()
    }

    fn stats(&self) -> ListenStats {
        self.source.counts().listen
    }

    fn poll(&mut self, wait: Duration) -> PollStatus {
        let status = self.source.poll(wait, &mut keep(&mut self.records)).unwrap();
        self.take_notices();
        status
    }

    fn finish(&mut self, within: Duration) {
        self.source.finish(within, &mut keep(&mut self.records)).unwrap();
        self.take_notices();
    }

    fn take_notices(&mut self) {
        self.notices.extend(self.source.take_notices().into_iter().map(|notice| notice.text));
    }

    /// Polls until `what` holds.
    #[track_caller]
    fn until(&mut self, what: impl Fn(&Fixture) -> bool) {
        let until = Instant::now() + DEADLINE;
        while !what(self) {
            assert!(Instant::now() < until, "{:?}, notices {:?}", self.stats(), self.notices);
            self.poll(Duration::from_millis(20));
        }
    }

    fn messages(&self) -> Vec<&str> {
        self.records.iter().map(|record| &*record.msg).collect()
    }

    #[track_caller]
    fn assert_noticed(&self, text: &str) {
        let found = self.notices.iter().any(|notice| notice.contains(text));
        assert!(found, "{text}: {:?}", self.notices);
    }
}

/// Whether the other end has closed; waits for it.
fn closed(stream: &mut TcpStream) -> bool {
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    match stream.read(&mut [0]) {
        Ok(0) => true,
        Err(error) => error.kind() == ErrorKind::ConnectionReset,
        Ok(_) => false,
    }
}

#[test]
fn records_of_a_client_come_in_order_however_the_bytes_are_cut() {
    let mut fixture = Fixture::new(|_| {});
    let mut client = fixture.client();
    let bytes: Vec<u8> = (0..50).flat_map(|number| record(&number.to_string())).collect();
    for piece in bytes.chunks(7) {
        client.write_all(piece).unwrap();
        fixture.poll(Duration::ZERO);
    }
    fixture.until(|fixture| fixture.records.len() == 50);
    let want: Vec<String> = (0..50).map(|number| number.to_string()).collect();
    assert_eq!(fixture.messages(), want);
    assert!(
        fixture.records.iter().all(|record| record.received.is_some() && record.topic.is_empty())
    );
    assert_eq!(fixture.stats().clients, 1);
    drop(client);
    fixture.until(|fixture| fixture.stats().clients == 0);
    assert!(
        fixture.notices.is_empty(),
        "a client that disconnects needs no notice: {:?}",
        fixture.notices
    );
}

#[test]
fn a_client_that_begins_a_record_and_sleeps_does_not_delay_others() {
    let mut fixture = Fixture::new(|_| {});
    let mut slow = fixture.client();
    slow.write_all(&[0, 0, 1]).unwrap();
    let mut quick = fixture.client();
    quick.write_all(&record("quick")).unwrap();
    fixture.until(|fixture| fixture.messages() == ["quick"]);
    let begun = Instant::now();
    for _ in 0..1000 {
        fixture.poll(Duration::ZERO);
    }
    assert!(begun.elapsed() < DEADLINE / 2, "a poll without a wait has waited");
    assert_eq!(fixture.stats().clients, 2);
}

#[test]
fn a_client_that_stops_in_the_middle_of_a_record_is_cut_off_and_one_between_records_is_not() {
    let mut fixture = Fixture::new(|options| options.stall = Duration::from_millis(200));
    let mut idle = fixture.client();
    idle.write_all(&record("before")).unwrap();
    let mut slow = fixture.client();
    slow.write_all(&[0, 0, 1]).unwrap();
    fixture.until(|fixture| fixture.stats().disconnected == 1);
    fixture.assert_noticed("it stopped in the middle");
    assert!(closed(&mut slow));
    idle.write_all(&record("after")).unwrap();
    fixture.until(|fixture| fixture.messages() == ["before", "after"]);
}

#[test]
fn bad_clients_are_cut_off_and_named_and_the_others_do_not_notice() {
    let mut fixture = Fixture::new(|_| {});
    let mut good = fixture.client();
    good.write_all(&record("first")).unwrap();
    let bad: [(Vec<u8>, &str); 7] = [
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(), "HTTP"),
        (b"\x16\x03\x01\x02\x00\x01\x00".to_vec(), "TLS"),
        (b"hello, is anybody there?\n".to_vec(), "`hell…`"),
        (vec![0x7f, 0xff, 0xff, 0xff, 0], "2147483647 bytes"),
        // The client is not known to send records: its frames are not skipped.
        (framed(b"not a pickle at all"), "pickled record"),
        (framed(b"\x80\x02]."), "a log record"),
        // os.system("true") in the place of the record.
        (framed(b"cos\nsystem\n(S'true'\ntR."), "a log record"),
    ];
    let speak_first = 4;
    for (at, (bytes, why)) in bad.into_iter().enumerate() {
        let mut client = fixture.client();
        let name = client.local_addr().unwrap();
        // The whole record before is kept.
        if at < speak_first {
            client.write_all(&record("kept")).unwrap();
        }
        client.write_all(&bytes).unwrap();
        let before = fixture.stats().disconnected;
        fixture.until(|fixture| fixture.stats().disconnected > before);
        fixture.assert_noticed(why);
        fixture.assert_noticed(&format!("disconnected {name}"));
        assert!(closed(&mut client));
    }
    good.write_all(&record("last")).unwrap();
    fixture.until(|fixture| fixture.messages().last() == Some(&"last"));
    assert_eq!(fixture.records.len(), speak_first + 2);
    assert_eq!(fixture.stats().clients, 1);
}

#[test]
fn a_record_with_an_unknown_object_is_kept_with_a_placeholder() {
    let mut fixture = Fixture::new(|_| {});
    let stranger = b"X\x01\x00\x00\x00xcos\nsystem\n(S'true'\ntR";
    fixture.client().write_all(&framed(&pickled("kept", stranger))).unwrap();
    fixture.until(|fixture| fixture.records.len() == 1);
    assert_eq!(fixture.records[0].extras[0].1.0, "\"<os.system('true')>\"");
}

#[test]
fn a_record_with_too_many_values_is_left_out_and_its_client_stays() {
    let mut fixture = Fixture::new(|_| {});
    let mut more = b"X\x01\x00\x00\x00x](".to_vec();
    more.extend_from_slice(&vec![b'N'; 300_000]);
    more.push(b'e');
    let mut client = fixture.client();
    client.write_all(&framed(&pickled("huge", &more))).unwrap();
    client.write_all(&record("next")).unwrap();
    fixture.until(|fixture| fixture.messages() == ["next"]);
    assert_eq!(fixture.stats().too_large, 1);
    fixture.assert_noticed("too many opcodes");
}

#[test]
fn a_client_that_disconnects_in_the_middle_of_a_record_loses_that_record() {
    let mut fixture = Fixture::new(|_| {});
    let mut client = fixture.client();
    client.write_all(&record("whole")).unwrap();
    let cut = record("cut");
    client.write_all(&cut[..cut.len() - 1]).unwrap();
    drop(client);
    fixture.until(|fixture| fixture.stats().truncated == 1);
    assert_eq!(fixture.messages(), ["whole"]);
    fixture.assert_noticed("in the middle of a record");
    assert_eq!(fixture.stats().lost(), 1);
}

#[test]
fn clients_beyond_the_maximum_are_turned_away_until_one_disconnects() {
    let mut fixture = Fixture::new(|options| options.max_clients = 2);
    let (mut first, second) = (fixture.client(), fixture.client());
    fixture.until(|fixture| fixture.stats().clients == 2);
    let mut third = fixture.client();
    fixture.until(|fixture| fixture.stats().refused == 1);
    assert!(closed(&mut third));
    fixture.assert_noticed("2 clients are connected");
    drop(second);
    fixture.until(|fixture| fixture.stats().clients == 1);
    let mut fourth = fixture.client();
    first.write_all(&record("first")).unwrap();
    fixture.until(|fixture| fixture.records.len() == 1);
    fourth.write_all(&record("fourth")).unwrap();
    fixture.until(|fixture| fixture.messages() == ["first", "fourth"]);
    assert_eq!(fixture.stats().clients_total, 3);
}

#[test]
fn a_flood_of_records_leaves_other_clients_their_turns() {
    let mut fixture = Fixture::new(|_| {});
    let mut floods: Vec<TcpStream> = (0..3).map(|_| fixture.client()).collect();
    fixture.until(|fixture| fixture.stats().clients == 3);
    let bytes: Vec<u8> = std::iter::repeat_with(|| of(1, "flood")).take(1000).flatten().collect();
    let mut sent = 0;
    for flood in &mut floods {
        flood.set_nonblocking(true).unwrap();
        while let Ok(length) = flood.write(&bytes[sent % bytes.len()..]) {
            sent += length;
        }
        sent = 0;
    }
    let mut quiet = fixture.client();
    quiet.write_all(&of(2, "quiet")).unwrap();
    fixture.until(|fixture| fixture.messages().contains(&"quiet"));
    let before = fixture.messages().iter().position(|msg| *msg == "quiet").unwrap();
    // Two rounds: the quiet client may have missed the first one.
    let round = 3 * READ_SIZE / record("flood").len();
    assert!(
        before <= 2 * round + TURNS * READ_SIZE / record("flood").len(),
        "{before} came before it"
    );
}

#[test]
fn incomplete_records_of_all_clients_take_bounded_memory() {
    // The bound is four records, with such large ones.
    let longest = 20 << 20;
    let mut fixture = Fixture::new(|options| options.max_record = longest);
    let mut announced = u32::try_from(longest).unwrap().to_be_bytes().to_vec();
    announced.resize(longest, b'x');
    let mut good = fixture.client();
    good.write_all(&record("good")[..10]).unwrap();
    let mut large: Vec<TcpStream> = (0..6).map(|_| fixture.client()).collect();
    for client in &mut large {
        client.set_nonblocking(true).unwrap();
    }
    let mut at = [0; 6];
    let until = Instant::now() + DEADLINE;
    while fixture.stats().disconnected < 2 {
        assert!(Instant::now() < until, "{:?}", fixture.stats());
        for (client, at) in large.iter_mut().zip(&mut at) {
            *at += client.write(&announced[*at..]).unwrap_or(0);
        }
        fixture.poll(Duration::ZERO);
    }
    fixture.assert_noticed("unfinished records");
    good.write_all(&record("good")[10..]).unwrap();
    fixture.until(|fixture| fixture.messages() == ["good"]);
}

#[test]
fn a_sink_that_breaks_gets_the_rest_later() {
    let mut fixture = Fixture::new(|_| {});
    let mut client = fixture.client();
    let bytes: Vec<u8> = (0..20).flat_map(|number| record(&number.to_string())).collect();
    client.write_all(&bytes).unwrap();
    drop(client);
    let until = Instant::now() + DEADLINE;
    let mut records = Vec::new();
    while records.len() < 20 {
        assert!(Instant::now() < until, "{records:?}");
        let before = records.len();
        let mut sink = |record: &mut Record<'_>| {
            records.push(record.msg.to_string());
            Ok(ControlFlow::Break(()))
        };
        fixture.source.poll(Duration::from_millis(20), &mut sink).unwrap();
        assert!(records.len() <= before + 1);
    }
    let want: Vec<String> = (0..20).map(|number| number.to_string()).collect();
    assert_eq!(records, want);
    fixture.until(|fixture| fixture.stats().clients == 0);
    assert_eq!(fixture.stats().truncated, 0);
}

#[test]
fn finish_delivers_what_was_sent_and_counts_incomplete_records() {
    let mut fixture = Fixture::new(|_| {});
    let mut client = fixture.client();
    let bytes: Vec<u8> = std::iter::repeat_with(|| record("sent")).take(5000).flatten().collect();
    client.write_all(&bytes).unwrap();
    client.write_all(&[0, 0, 1]).unwrap();
    let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
    sender.send_to(&record("datagram"), &fixture.addresses[1]).unwrap();
    fixture.finish(DEADLINE);
    assert_eq!(fixture.records.len(), 5001);
    assert_eq!(fixture.stats().truncated, 1);
    assert!(closed(&mut client));
}

#[test]
fn finish_waits_a_moment_for_what_is_still_on_its_way() {
    let mut fixture = Fixture::new(|_| {});
    let mut client = fixture.client();
    client.write_all(&record("sent")).unwrap();
    let mut came = Vec::new();
    let mut client = Some(client);
    let finished = fixture.source.finish(DEADLINE, &mut |record| {
        came.push(record.msg.to_string());
        if let Some(mut client) = client.take() {
            std::thread::spawn(move || client.write_all(&super::tests::record("late")).unwrap());
        }
        Ok(ControlFlow::Continue(()))
    });
    finished.unwrap();
    assert_eq!(came, ["sent", "late"]);
}

#[test]
fn bad_datagrams_are_counted_and_reported_and_good_ones_delivered() {
    let mut fixture = Fixture::new(|_| {});
    let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
    let whole = record("whole");
    let longer = [&whole[..], b"x"].concat();
    let bad: [(&[u8], &str); 7] = [
        (b"", "too short"),
        (b"\0\0", "too short"),
        (&whole[..whole.len() - 1], "ends in the middle"),
        (&longer, "continues after"),
        (b"GET / HTTP/1.1\r\n\r\n", "ends in the middle"),
        (&framed(b"\x80\x02]."), "a log record"),
        (&framed(b"\xfe\xfe"), "pickled record"),
    ];
    for (datagram, _) in bad {
        sender.send_to(datagram, &fixture.addresses[1]).unwrap();
        sender.send_to(&whole, &fixture.addresses[1]).unwrap();
    }
    fixture
        .until(|fixture| fixture.records.len() == bad.len() && fixture.stats().bad_datagrams == 7);
    for (_, why) in bad {
        fixture.assert_noticed(why);
    }
    fixture.assert_noticed(&sender.local_addr().unwrap().to_string());
}

#[test]
fn a_programs_own_source_and_seq_are_kept_under_other_names() {
    let mut fixture = Fixture::new(|_| {});
    let more = b"X\x06\x00\x00\x00sourceX\x03\x00\x00\x00\"a\"X\x03\x00\x00\x00seqK\x07";
    fixture.client().write_all(&framed(&pickled("x", more))).unwrap();
    fixture.until(|fixture| fixture.records.len() == 1);
    let record = &fixture.records[0];
    assert_eq!((&record.source, record.seq), (&None, None));
    let extras: Vec<_> = record.extras.iter().map(|(key, json)| (&**key, &*json.0)).collect();
    assert_eq!(extras, [("source_", "\"\\\"a\\\"\""), ("seq_", "7")]);
}

#[test]
fn a_record_from_another_machine_carries_its_address_as_hostname() {
    let host = |address: &str| {
        let sender = Sender::Net(address.parse().unwrap());
        Peer::new(sender, &"here".into()).host().map(str::to_owned)
    };
    assert_eq!(host("127.0.0.1:5"), None);
    assert_eq!(host("[::ffff:127.0.0.1]:5"), None);
    assert_eq!(host("192.0.2.7:5").as_deref(), Some("192.0.2.7"));
    assert_eq!(host("[::ffff:192.0.2.7]:5").as_deref(), Some("192.0.2.7"));
}

#[test]
fn an_address_that_is_taken_is_named() {
    let fixture = Fixture::new(|_| {});
    for (which, tcp) in [(0, true), (1, false)] {
        let taken: Address = fixture.addresses[which].parse().unwrap();
        let mut options = ListenOptions::default();
        if tcp {
            options.tcp.push(taken)
        } else {
            options.udp.push(taken)
        }
        let error = PythonSource::open(&options).err().expect("it is taken").to_string();
        assert!(error.contains(&fixture.addresses[which]) && error.contains("in use"), "{error}");
    }
}

#[cfg(unix)]
#[test]
fn at_finish_the_files_of_unix_sockets_are_gone_and_clients_that_found_them_are_served() {
    use std::os::unix::net::{UnixDatagram, UnixStream};

    let directory = tempfile::tempdir().unwrap();
    let [stream, datagrams] = ["s.sock", "d.sock"].map(|name| directory.path().join(name));
    let address = |path: &std::path::Path| path.to_str().unwrap().parse().unwrap();
    let mut fixture = Fixture::new(|options| {
        options.tcp = vec![address(&stream)];
        options.udp = vec![address(&datagrams)];
    });
    let mut client = UnixStream::connect(&stream).unwrap();
    client.write_all(&record("in the queue")).unwrap();
    let sender = UnixDatagram::unbound().unwrap();
    sender.send_to(&record("a datagram"), &datagrams).unwrap();
    let mut texts = Vec::new();
    let take = &mut |record: &mut Record<'_>| {
        assert!(!stream.exists() && !datagrams.exists());
        texts.push(record.msg.to_string());
        Ok(ControlFlow::Continue(()))
    };
    fixture.source.finish(DEADLINE, take).unwrap();
    texts.sort();
    assert_eq!(texts, ["a datagram", "in the queue"]);
}
