//! The yardstick: the frames of ZMTP 3.0 between two threads, written from one buffer and read
//! into one, without an engine. Nothing that speaks ZMTP over this system's tcp can be faster by
//! much.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};

/// Bytes of a write and of a read.
const BUFFER: usize = 256 << 10;

/// Greets a peer as a socket of this type, and reads the peer's greeting and READY.
pub(crate) fn handshake(stream: &mut TcpStream, kind: &str) {
    let mut hello = [0; 64];
    (hello[0], hello[9], hello[10]) = (0xff, 0x7f, 3);
    hello[12..16].copy_from_slice(b"NULL");
    stream.write_all(&hello).unwrap();
    let mut ready = b"\x04\x19\x05READY\x0bSocket-Type\x00\x00\x00\x03".to_vec();
    ready.extend(kind.as_bytes());
    (ready[1], ready[23]) = (22 + kind.len() as u8, kind.len() as u8);
    stream.write_all(&ready).unwrap();
    stream.read_exact(&mut hello).unwrap();
    let mut frame = [0; 2];
    stream.read_exact(&mut frame).unwrap();
    stream.read_exact(&mut vec![0; frame[1].into()]).unwrap();
}

/// Accepts one subscriber, and sends it messages of two frames until it goes.
pub(crate) fn send(listener: &TcpListener, topic: &[u8], body: &[u8]) {
    let (mut stream, _) = listener.accept().unwrap();
    handshake(&mut stream, "PUB");
    let (topic_len, body_len) = (topic.len() as u8, body.len());
    let mut message = [&[1, topic_len][..], topic].concat();
    match u8::try_from(body_len) {
        Ok(length) => message.extend([0, length]),
        Err(_) => message.extend([&[2][..], &(body_len as u64).to_be_bytes()].concat()),
    }
    message.extend(body);
    let buffer = message.repeat(BUFFER / message.len());
    while stream.write_all(&buffer).is_ok() {}
}

/// Subscribes to everything, and passes the number of messages of each read to `count` until
/// that returns false.
pub(crate) fn receive(address: SocketAddr, mut count: impl FnMut(u64) -> bool) {
    let mut stream = TcpStream::connect(address).unwrap();
    handshake(&mut stream, "SUB");
    stream.write_all(b"\x00\x01\x01").unwrap();
    let (mut buffer, mut end) = (vec![0; BUFFER], 0);
    loop {
        let read = stream.read(&mut buffer[end..]).unwrap();
        end += read;
        let (mut at, mut messages) = (0, 0);
        while end - at >= 2 {
            let flags = buffer[at];
            let (header, length) = match flags & 2 {
                0 => (2, buffer[at + 1].into()),
                _ if end - at < 9 => break,
                _ => (9, u64::from_be_bytes(buffer[at + 1..at + 9].try_into().unwrap()) as usize),
            };
            if end - at < header + length {
                break;
            }
            at += header + length;
            messages += u64::from(flags & 5 == 0);
        }
        buffer.copy_within(at..end, 0);
        end -= at;
        if read == 0 || !count(messages) {
            return;
        }
    }
}
