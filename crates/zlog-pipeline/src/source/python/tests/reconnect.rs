//! Connections that one process makes one after the other.

use std::os::unix::net::UnixStream;

use super::*;

/// Sends numbered records until the socket has no room, as a `SocketHandler` does when
/// nobody reads, and disconnects. Returns the number of the next record that was not begun,
/// and whether the last one was sent in part.
fn fill(mut stream: impl Write, process: u8, from: usize) -> (usize, bool) {
    let text = "x".repeat(5000);
    for number in from.. {
        let bytes = of(process, &format!("{number} {text}"));
        match stream.write(&bytes) {
            Ok(length) if length == bytes.len() => {}
            Ok(_) => return (number, true),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::WouldBlock);
                return (number, false);
            }
        }
    }
    unreachable!("a socket has an end")
}

fn numbers(messages: &[&str]) -> Vec<usize> {
    let number = |message: &&str| message.split(' ').next().unwrap().parse().unwrap();
    messages.iter().map(number).collect()
}

/// Fills and closes three connections and opens a fourth one. Returns that one, the numbers
/// that must be delivered, and how many records were sent in part.
fn fill_three<S: Write>(mut connect: impl FnMut() -> S) -> (S, Vec<usize>, u64) {
    let (mut next, mut want, mut partials) = (0, Vec::new(), 0);
    for _ in 0..3 {
        let (end, partial) = fill(connect(), 5, next);
        want.extend(next..end);
        next = end + 1; // dropped
        partials += u64::from(partial);
    }
    let mut last = connect();
    last.write_all(&of(5, &format!("{next} last"))).unwrap();
    want.push(next);
    (last, want, partials)
}

#[track_caller]
fn assert_in_order_and_reported(fixture: &Fixture, want: &[usize], partials: u64) {
    assert_eq!(numbers(&fixture.messages()), want);
    let stats = fixture.stats();
    let counted = (stats.disconnected_unread, stats.truncated, stats.dropped, stats.lost());
    assert_eq!(counted, (3, partials, 3 - partials, 3));
    fixture.assert_noticed("disconnected and connected again before zlog had read all its records");
}

fn filled_over_tcp(fixture: &Fixture) -> (TcpStream, Vec<usize>, u64) {
    fill_three(|| {
        let client = fixture.client();
        client.set_nonblocking(true).unwrap();
        client
    })
}

#[test]
fn a_closed_connection_is_read_to_its_end_before_the_next_one_of_its_process() {
    let mut fixture = Fixture::new(|_| {});
    let (_last, want, partials) = filled_over_tcp(&fixture);
    fixture.until(|fixture| fixture.records.len() >= want.len() && fixture.stats().clients == 1);
    assert_in_order_and_reported(&fixture, &want, partials);
}

#[test]
fn waiting_connections_are_read_in_order_at_finish() {
    let mut fixture = Fixture::new(|_| {});
    let (_last, want, _) = filled_over_tcp(&fixture);
    fixture.finish(DEADLINE);
    assert_eq!(numbers(&fixture.messages()), want);
}

#[test]
fn finish_ends_although_a_client_goes_on_sending() {
    let mut fixture = Fixture::new(|_| {});
    let mut client = fixture.client();
    client.write_all(&record("first")).unwrap();
    let sender = std::thread::spawn(move || {
        while client.write_all(&record("next")).is_ok() {
            std::thread::sleep(QUIET / 5);
        }
    });
    let begun = Instant::now();
    fixture.finish(DEADLINE);
    assert!(begun.elapsed() < DEADLINE / 2);
    assert_eq!(fixture.messages()[0], "first");
    drop(fixture);
    sender.join().unwrap();
}

#[cfg(target_os = "linux")]
#[test]
fn over_unix_sockets_the_process_is_the_one_that_the_system_names() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log.sock");
    let address = path.to_str().unwrap().parse().unwrap();
    let mut fixture = Fixture::new(|options| options.tcp = vec![address]);
    let (_last, want, partials) = fill_three(|| {
        let client = UnixStream::connect(&path).unwrap();
        client.set_nonblocking(true).unwrap();
        client
    });
    fixture.until(|fixture| fixture.records.len() >= want.len() && fixture.stats().clients == 1);
    assert_in_order_and_reported(&fixture, &want, partials);
}

#[test]
fn a_process_may_have_several_lasting_connections() {
    let mut fixture = Fixture::new(|_| {});
    let mut idle = fixture.client();
    idle.write_all(&of(5, "first")).unwrap();
    fixture.until(|fixture| fixture.messages() == ["first"]);
    let mut busy = fixture.client();
    busy.write_all(&of(5, "second")).unwrap();
    fixture.until(|fixture| fixture.messages() == ["first", "second"]);
    let mut third = fixture.client();
    third.write_all(&of(5, "third")).unwrap();
    // Its predecessor is never idle for long.
    let until = Instant::now() + DEADLINE;
    while !fixture.records.iter().rev().take(2).any(|record| record.msg == "third") {
        assert!(Instant::now() < until);
        busy.write_all(&of(5, "busy")).unwrap();
        fixture.poll(Duration::from_millis(1));
        fixture.poll(Duration::from_millis(1));
    }
    drop((idle, busy, third));
    fixture.until(|fixture| fixture.stats().clients == 0);
    assert_eq!(fixture.stats().lost(), 0);
    assert_eq!(fixture.notices, Vec::<String>::new());
}

/// Over a Unix socket: over TCP the system reports a hang-up only after all bytes are read.
#[test]
fn a_client_that_hangs_up_while_its_records_are_unread_is_reported() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log.sock");
    let address = path.to_str().unwrap().parse().unwrap();
    let mut fixture = Fixture::new(|options| options.tcp = vec![address]);
    let mut client = Some(UnixStream::connect(&path).unwrap());
    let bytes: Vec<u8> = std::iter::repeat_with(|| record("sent")).take(2000).flatten().collect();
    assert!(bytes.len() > READ_SIZE, "some of it is unread while the first is delivered");
    client.as_mut().unwrap().write_all(&bytes).unwrap();
    let mut came = 0;
    while came < 2000 {
        let mut sink = |_: &mut Record<'_>| {
            came += 1;
            if client.take().is_some() {
                // Nobody reads for longer than SocketHandler's timeout.
                std::thread::sleep(Duration::from_millis(1100));
            }
            Ok(ControlFlow::Continue(()))
        };
        fixture.source.poll(Duration::from_millis(20), &mut sink).unwrap();
    }
    fixture.until(|fixture| !fixture.notices.is_empty());
    fixture.assert_noticed("disconnected before zlog had read all its records");
    let stats = fixture.stats();
    assert_eq!(
        (stats.disconnected_unread, stats.lost()),
        (1, 0),
        "the client may have had nothing more to send"
    );
}
