use anyhow::Context;

fn read() -> anyhow::Result<()> {
    anyhow::bail!("no such file\nin two lines")
}

fn main() -> anyhow::Result<()> {
    eprintln!("2026-11-26 10:00:00 INFO app: up");
    let opened = read().context("reading the configuration").context("starting");
    match std::env::args().nth(1).as_deref() {
        Some("error") => return opened,
        Some("logged") => {
            if let Err(error) = opened {
                eprintln!("2026-11-26 10:00:01 ERROR app: failed: {error:?}");
            }
        }
        Some("assert") => assert_eq!(1, 2, "they differ\nin two lines"),
        Some("thread") => {
            let _ = std::thread::Builder::new().name("worker".into()).spawn(|| panic!("boom")).unwrap().join();
        }
        _ => panic!("first line\nsecond line"),
    }
    eprintln!("2026-11-26 10:00:02 INFO app: end");
    Ok(())
}
