//! Bare libzmq: two-part messages from one thread to another over tcp, with the
//! options zlog uses (XPUB with NODROP, SUB) and nothing else. What zlog's
//! throughput is held against; see `throughput.py`.
//!
//! Two processes, as `emit` and `tail` are:
//!
//! ```text
//! bare recv ENDPOINT COUNT               binds, prints the endpoint, then the seconds it took
//! bare send ENDPOINT COUNT TOPIC SIZE    connects, sends COUNT messages of SIZE bytes
//! ```

use std::error::Error;
use std::time::Instant;

/// `ZMQ_XPUB_NODROP`, which the zmq crate does not name.
const XPUB_NODROP: i32 = 69;

/// Messages held for a peer: what `zlog emit` and `zlog tail` set.
const HWM: i32 = zlog_pipeline::socket::DEFAULT_HWM as i32;

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["recv", endpoint, count] => receive(endpoint, count.parse()?),
        ["send", endpoint, count, topic, size] => {
            send(endpoint, count.parse()?, topic, size.parse()?)
        }
        _ => Err("usage: bare recv ENDPOINT COUNT | bare send ENDPOINT COUNT TOPIC SIZE".into()),
    }
}

/// Receives `count` messages; the clock runs from the first to the last.
fn receive(endpoint: &str, count: u64) -> Result<(), Box<dyn Error>> {
    let context = zmq::Context::new();
    let socket = context.socket(zmq::SUB)?;
    socket.set_rcvhwm(HWM)?;
    socket.set_subscribe(b"")?;
    socket.bind(endpoint)?;
    println!("{}", socket.get_last_endpoint()?.unwrap_or_default());
    let mut frame = zmq::Message::new();
    let mut begun = None;
    for _ in 0..count {
        socket.recv(&mut frame, 0)?;
        begun.get_or_insert_with(Instant::now);
        while frame.get_more() {
            socket.recv(&mut frame, 0)?;
        }
    }
    println!("{}", begun.map_or(0.0, |begun| begun.elapsed().as_secs_f64()));
    Ok(())
}

fn send(endpoint: &str, count: u64, topic: &str, size: usize) -> Result<(), Box<dyn Error>> {
    let context = zmq::Context::new();
    let mut socket = context.socket(zmq::XPUB)?;
    socket.set_sndhwm(HWM)?;
    no_drop(&mut socket)?;
    socket.connect(endpoint)?;
    let body = vec![b'x'; size];
    socket.recv_bytes(0)?; // the subscription
    for _ in 0..count {
        socket.send(topic.as_bytes(), zmq::SNDMORE)?;
        socket.send(&body[..], 0)?;
    }
    Ok(()) // the context waits for what is queued
}

fn no_drop(socket: &mut zmq::Socket) -> Result<(), Box<dyn Error>> {
    let on: i32 = 1;
    // SAFETY: a valid socket, and an option whose value is an int.
    let rc = unsafe {
        zmq_sys::zmq_setsockopt(
            socket.as_mut_ptr(),
            XPUB_NODROP,
            std::ptr::from_ref(&on).cast(),
            size_of::<i32>(),
        )
    };
    if rc == 0 { Ok(()) } else { Err("XPUB_NODROP was refused".into()) }
}
