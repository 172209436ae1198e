//! Python's `ZlogHandler(confirm=…)`: `python/tests/test_confirmed.py` has the rest.

use std::path::Path;

use super::{Relay, expected};
use crate::harness::{Input, Running, python};

/// Logs `RECORDS` records, slowly enough that the relay is killed meanwhile.
const PROGRAM: &str = "
import logging, sys, time
from zlog_logging import ZlogHandler
handler = ZlogHandler(confirm=sys.argv[1], root='app', queue_size=100, linger=60)
logging.getLogger().addHandler(handler)
for number in range(3000):
    logging.warning('%d', number)
    if number % 10 == 0:
        time.sleep(0.002)
";
const RECORDS: usize = 3000;

#[test]
fn a_python_program_loses_nothing_when_its_relay_is_killed() {
    let Some(python) = python() else { return };
    let mut relay = Relay::start(&[]);
    let mut command = python.command();
    command.env("PYTHONPATH", Path::new(env!("CARGO_MANIFEST_DIR")).join("python"));
    command.args(["-c", PROGRAM, &relay.confirm]);
    let program = Running::start(command, Input::Empty);
    for count in [300, 1200] {
        relay.wait_for_lines(count);
        relay.kill_and_restart(&[]);
    }
    program.wait().success();
    let mut lines = relay.wait_for_line(|line| line == (RECORDS - 1).to_string());
    relay.end();
    // The killed relay may have handed a record to its file that it hands over again.
    lines.sort_by_key(|line| line.parse::<usize>().unwrap());
    lines.dedup();
    assert_eq!(lines, expected(0..RECORDS));
}
