//! Publishes one record for `zlog tail`, with the zmq crate. docs/wire-format.md shows this file.

use std::time::{SystemTime, UNIX_EPOCH};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let publisher = zmq::Context::new().socket(zmq::XPUB)?;
    publisher.set_linger(5000)?;
    publisher.bind("tcp://127.0.0.1:12345")?;
    publisher.recv_bytes(0)?; // wait for the first subscription
    let created = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs_f64();
    let body = serde_json::json!({
        "name": "shop.db", "levelname": "ERROR", "levelno": 40, "msg": "no connection",
        "created": created, "user": 17, // `user` is an extra
        "source": format!("web1:{}", std::process::id()), "seq": 1,
    });
    publisher.send_multipart(["shop.ERROR", &body.to_string()], 0)?;
    Ok(())
}
