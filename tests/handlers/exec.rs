use std::time::{Duration, Instant};

use zlog::handler::exec::{ExecHandler, ExecOptions};
use zlog::handler::queue::{OnFull, QueueHandler};
use zlog::handler::spool::BatchOptions;
use zlog::handler::{Handler, Held};
use zlog::record::Record;

use super::text;
use crate::harness::{DEADLINE, python};

fn options(command: &[&str], count: usize) -> ExecOptions {
    ExecOptions {
        command: command.iter().map(|word| (*word).to_owned()).collect(),
        batch: BatchOptions { count, time: DEADLINE },
        ..ExecOptions::default()
    }
}

#[test]
fn a_python_program_gets_every_record_once_whatever_the_batches() {
    let Some(python) = python() else { return };
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("out");
    let program = "import os, sys; lines = sys.stdin.read().splitlines(); \
                   assert len(lines) == int(os.environ['ZLOG_RECORDS']); \
                   open(sys.argv[1], 'a').write(''.join(l + '\\n' for l in lines))";
    let interpreter = python.program().to_str().unwrap();
    let command = [interpreter, "-c", program, file.to_str().unwrap()];
    let mut handler = ExecHandler::new(options(&command, 300), text()).unwrap();
    let all: Vec<String> = (0..1000).map(|number| format!("naïve {number}")).collect();
    for msg in &all {
        handler.handle(&Record { msg: msg.into(), ..Record::default() }).unwrap();
    }
    handler.close(Instant::now() + DEADLINE).unwrap();
    assert_eq!(handler.held(), Held::default());
    let written = std::fs::read_to_string(file).unwrap();
    assert!(written.lines().eq(all.iter().map(String::as_str)));
}

#[test]
fn a_command_that_hangs_holds_up_nobody_before_its_queue() {
    let mut hanging = options(&["sh", "-c", "sleep 100"], 1);
    hanging.timeout = Duration::from_millis(200);
    let handler = ExecHandler::new(hanging, text()).unwrap();
    let mut queue = QueueHandler::new(handler, 10, OnFull::Drop).unwrap();
    let start = Instant::now();
    for _ in 0..1000 {
        let _ = queue.handle(&Record { msg: "x".into(), ..Record::default() });
    }
    assert!(start.elapsed() < DEADLINE / 10);
    assert!(queue.queued().dropped > 0);
    let (queued, _) = queue.close(DEADLINE);
    assert_eq!(queued.accepted, queued.handled + queued.failed);
}
