//! Bad clients beside good ones.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;

use super::{ListeningEmit, program, waiting};
use crate::harness::{ANY_PORT, Input, Listener, Running, python};

#[test]
fn bad_clients_of_every_kind_do_not_disturb_good_ones() {
    let Some(python) = python() else { return };
    let mut listening = ListeningEmit::open();
    let port = listening.port("SocketHandler");
    let to = format!("127.0.0.1:{port}");
    let mut good = waiting(&python, &["tcp", &port, "good", "2000"]);
    // One client stops in the middle of a length, one in the middle of a record: both stay.
    let mut loris = TcpStream::connect(&to).unwrap();
    loris.write_all(&[0, 0, 2]).unwrap();
    let mut half = TcpStream::connect(&to).unwrap();
    half.write_all(b"\0\0\x01\0\x80\x04").unwrap();
    good.write("go\n");
    let bad: [&[u8]; 5] = [
        b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"\xff\xff\xff\xff",
        b"\0\0\0\x04junk",
        b"\0\0\0\x0ccposix\nabc\n.",
    ];
    for round in 0..4 {
        for bytes in bad {
            let mut client = TcpStream::connect(&to).unwrap();
            client.write_all(bytes).unwrap();
            // zlog hangs up, which the system reports as the end of the stream or as an error.
            client.set_read_timeout(Some(crate::harness::DEADLINE)).unwrap();
            assert!(client.read(&mut [0]).map_or(true, |length| length == 0), "round {round}");
        }
    }
    let want: Vec<String> = (0..2000).map(|number| format!("good record {number}")).collect();
    assert_eq!(listening.texts(2000), want);
    good.wait().success();
    for notice in ["it speaks HTTP", "it speaks TLS", "4294967295 bytes", "pickled record"] {
        listening.emit.expect_stderr(notice);
    }
    listening.emit.terminate();
    let emit = listening.emit.wait().code(143);
    let stderr = emit.err();
    assert!(stderr.contains("20 clients disconnected"), "{stderr}");
    assert!(stderr.contains("2 records cut short"), "{stderr}");
}

#[test]
fn the_notices_of_many_bad_clients_are_summed_up() {
    let mut listening = ListeningEmit::open();
    let to = format!("127.0.0.1:{}", listening.port("SocketHandler"));
    for _ in 0..200 {
        TcpStream::connect(&to).unwrap().write_all(b"junk").unwrap();
    }
    let mut last = TcpStream::connect(&to).unwrap();
    last.write_all(b"last").unwrap();
    last.set_read_timeout(Some(crate::harness::DEADLINE)).unwrap();
    let _ = last.read(&mut [0]);
    listening.emit.terminate();
    let emit = listening.emit.wait().code(143);
    let stderr = emit.err();
    assert!(stderr.contains("201 clients disconnected"), "{stderr}");
    assert!(stderr.lines().count() < 60, "{stderr}");
    assert!(stderr.contains("more problems"), "{stderr}");
}

/// `zlog emit --listen` in a process that may open `most` files.
fn emit_with_files(most: u32) -> ListeningEmit {
    let zlog = env!("CARGO_BIN_EXE_zlog");
    let line = format!(
        "ulimit -n {most}; exec '{zlog}' emit --bind '{ANY_PORT}' --wait 60s --listen 127.0.0.1:0"
    );
    let mut shell = Command::new("sh");
    shell.args(["-c", &line]);
    let mut emit = Running::start(shell, Input::Empty);
    let listener = Listener::connect(&emit.endpoint(), "");
    ListeningEmit { emit, listener }
}

#[test]
fn out_of_descriptors_connected_clients_are_served_and_the_others_as_soon_as_there_is_room() {
    let Some(python) = python() else { return };
    let mut listening = emit_with_files(64);
    let port = listening.port("SocketHandler");
    let mut early = waiting(&python, &["tcp", &port, "early", "300"]);
    early.write("go\n");
    assert_eq!(listening.texts(1), ["early record 0"]);
    let crowd = || TcpStream::connect(format!("127.0.0.1:{port}")).unwrap();
    let crowd: Vec<TcpStream> = (0..100).map(|_| crowd()).collect();
    listening.emit.expect_stderr("can't accept new clients");
    assert_eq!(listening.texts(299).last().map(String::as_str), Some("early record 299"));
    early.wait().success();
    let late = program(&python, &["tcp", &port, "late", "1"]);
    drop(crowd);
    assert_eq!(listening.texts(1), ["late record 0"]);
    late.wait().success();
    listening.emit.terminate();
    listening.emit.wait().code(143).stderr_lacks("disconnected");
}

#[test]
fn records_of_clients_that_wait_for_a_descriptor_are_published_before_the_end() {
    let mut listening = emit_with_files(64);
    let port = listening.port("SocketHandler");
    let all: Vec<String> = (100..200).map(|number| format!("record {number}")).collect();
    let send = |text: &String| {
        let mut client = TcpStream::connect(format!("127.0.0.1:{port}")).unwrap();
        let pickle = [b"\x80\x02}U\x03msgU\x0a", text.as_bytes(), b"s."].concat();
        client.write_all(&[&[0, 0, 0, pickle.len() as u8], &pickle[..]].concat()).unwrap();
        client
    };
    let _inside_or_not: Vec<TcpStream> = all.iter().map(send).collect();
    listening.emit.expect_stderr("can't accept new clients");
    listening.emit.terminate();
    let mut came = listening.texts(all.len());
    came.sort();
    assert_eq!(came, all);
    assert!(listening.listener.everything().is_empty(), "no record is published twice");
    listening
        .emit
        .wait()
        .code(143)
        .stderr_has("100 records")
        .stderr_lacks("waiting for a file descriptor");
}

#[test]
fn a_notice_says_that_clients_still_waited_for_a_descriptor_at_the_end() {
    let mut listening = emit_with_files(64);
    let port = listening.port("SocketHandler");
    let begin = |_| {
        let mut client = TcpStream::connect(format!("127.0.0.1:{port}")).unwrap();
        client.write_all(&[0, 0]).unwrap();
        client
    };
    let _in_the_middle: Vec<TcpStream> = (0..100).map(begin).collect();
    listening.emit.expect_stderr("can't accept new clients");
    listening.emit.terminate();
    listening.emit.wait().code(143).stderr_has("still waiting for a file descriptor");
}
