//! Faults on purpose. In every row, what a reader has printed and what it reports as lost are
//! together what was published, and nothing is printed twice or in another order.
//!
//! tests/soak/faults.sh runs them for long. tests/soak/matrix.py has more faults, and is driven by
//! `zlog canary`; a few of its rows run here.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::harness::{ANY_PORT, DEADLINE, Input, Running, own_address, python, zlog};

/// Multiplies the lines of each publisher: tests/soak/faults.sh sets it.
const FACTOR: &str = "ZLOG_FAULT_FACTOR";

/// How long a reader stays stopped.
const STOPPED: Duration = Duration::from_millis(500);
/// How long to wait between two looks at what has been printed.
const STEP: Duration = Duration::from_millis(20);

/// The way of records to the readers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Route {
    Direct,
    Relay,
    SocketHandler,
    /// By `emit --spool` and `relay --spool`.
    Confirmed,
}

/// What happens while records are published.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fault {
    /// The first reader stops reading for a while.
    ReaderStops,
    /// The first reader is killed.
    ReaderDies,
    /// The relay is killed and started again.
    RelayDies,
    /// The first publisher gets a signal.
    Writer(Signal),
}

#[derive(Clone, Copy, Debug)]
struct Row {
    route: Route,
    fault: Fault,
    /// `--on-full` of the publishers and of the relay.
    on_full: &'static str,
    publishers: usize,
    readers: usize,
    /// Lines of each publisher, before and after the fault begins.
    lines: usize,
}

const BASE: Row = Row {
    route: Route::Direct,
    fault: Fault::ReaderStops,
    on_full: "block",
    publishers: 1,
    readers: 1,
    lines: 500,
};

const ROWS: [Row; 18] = [
    BASE,
    Row { on_full: "drop", lines: 10_000, ..BASE },
    Row { on_full: "drop", lines: 10_000, readers: 30, ..BASE },
    Row { on_full: "drop", publishers: 30, ..BASE },
    Row { fault: Fault::ReaderDies, readers: 2, ..BASE },
    Row { fault: Fault::Writer(Signal::INT), publishers: 2, ..BASE },
    Row { fault: Fault::Writer(Signal::TERM), publishers: 2, ..BASE },
    Row { fault: Fault::Writer(Signal::KILL), publishers: 2, ..BASE },
    Row { route: Route::Relay, ..BASE },
    Row { route: Route::Relay, publishers: 30, ..BASE },
    Row { route: Route::Relay, fault: Fault::ReaderDies, readers: 2, ..BASE },
    Row { route: Route::Relay, fault: Fault::RelayDies, publishers: 2, readers: 2, ..BASE },
    Row { route: Route::Relay, fault: Fault::Writer(Signal::KILL), publishers: 2, ..BASE },
    Row { route: Route::SocketHandler, publishers: 2, lines: 200, ..BASE },
    Row { route: Route::Confirmed, publishers: 2, ..BASE },
    Row { route: Route::Confirmed, fault: Fault::ReaderDies, readers: 2, ..BASE },
    Row { route: Route::Confirmed, fault: Fault::Writer(Signal::TERM), publishers: 2, ..BASE },
    Row { route: Route::Confirmed, fault: Fault::Writer(Signal::KILL), publishers: 2, ..BASE },
];

/// A publisher, and how many lines it was given.
struct Writer {
    running: Running,
    name: String,
    lines: usize,
}

impl Writer {
    fn write(&mut self, count: usize) {
        let filler = "x".repeat(1000);
        for _ in 0..count {
            self.running.write(format!("{} {} {filler}\n", self.name, self.lines));
            self.lines += 1;
        }
    }
}

/// The processes of a row. The relay stands last: it ends last.
struct Run {
    row: Row,
    writers: Vec<Writer>,
    readers: Vec<Running>,
    relay: Option<Running>,
    relay_args: Vec<String>,
    /// The spools.
    directory: tempfile::TempDir,
}

impl Run {
    /// Starts all processes, and waits until each reader prints records of each publisher.
    fn start(row: Row) -> Option<Run> {
        let mut run = Run {
            row,
            writers: Vec::new(),
            readers: Vec::new(),
            relay: None,
            relay_args: Vec::new(),
            directory: tempfile::tempdir().expect("a directory"),
        };
        let endpoints = match row.route {
            Route::Direct => {
                (0..row.publishers).map(|at| run.start_emit(at, &["-b", ANY_PORT])).collect()
            }
            Route::Relay => {
                let [collect, publish] = run.start_relay(&[]);
                for at in 0..row.publishers {
                    run.start_emit(at, &["-c", &collect]);
                }
                vec![Some(publish)]
            }
            Route::Confirmed => {
                let spool = run.spool("relay");
                let args = ["--spool", &spool, "--confirm-at", &own_address()];
                let [_, publish] = run.start_relay(&[&args[..], &["--engine", "native"]].concat());
                let confirm = run.relay.as_mut().expect("a relay").endpoints(3).remove(2);
                for at in 0..row.publishers {
                    let spool = run.spool(&format!("w{at}"));
                    run.start_emit(at, &["--spool", &spool, "--confirm-at", &confirm]);
                }
                vec![Some(publish)]
            }
            Route::SocketHandler => {
                let python = python()?;
                let [_, publish] = run.start_relay(&["--listen", "127.0.0.1:0"]);
                let relay = run.relay.as_mut().expect("a relay");
                let port = relay.expect_address("for Python's SocketHandler").port().to_string();
                for at in 0..row.publishers {
                    let name = format!("w{at}");
                    let mut running = python.script("network_logging", &["lines", &port, &name]);
                    running.write("go\n");
                    run.writers.push(Writer { running, name, lines: 0 });
                }
                vec![Some(publish)]
            }
        };
        for _ in 0..row.readers {
            let tail = zlog(["tail", "-o", "text", "--fail-on-loss"]);
            let connect = endpoints.iter().flatten().flat_map(|it| ["-c", it]);
            run.readers.push(tail.args(connect).start());
        }
        run.warm_up();
        Some(run)
    }

    /// The path of a spool.
    fn spool(&self, name: &str) -> String {
        self.directory.path().join(name).to_str().expect("UTF-8").to_owned()
    }

    /// Starts an emitter. Returns its endpoint if it binds one.
    fn start_emit(&mut self, at: usize, endpoint: &[&str]) -> Option<String> {
        let name = format!("w{at}");
        let args = ["emit", "--no-detect", "--wait", "60s", "--linger", "60s", "--hwm", "100"];
        let emit = zlog(args).args(["-r", &name, "--on-full", self.row.on_full]).args(endpoint);
        // Of what libzmq drops at the end, readers do not hear.
        let native: &[&str] =
            if self.row.on_full == "drop" { &["--engine", "native"] } else { &[] };
        let emit = emit.args(native);
        let mut running = emit.stdin_open().start();
        let bound = endpoint.contains(&"-b").then(|| running.endpoint());
        self.writers.push(Writer { running, name, lines: 0 });
        bound
    }

    /// Starts a relay. Returns where it collects and where it publishes.
    fn start_relay(&mut self, more: &[&str]) -> [String; 2] {
        let address = own_address();
        let mut relay = zlog(["relay", "-b", &address, "-p", &address, "--no-ask", "--hwm", "100"])
            .args(["--linger", "60s", "--on-full", self.row.on_full])
            .args(more)
            .start();
        let [collect, publish] = relay.endpoints(2).try_into().expect("two endpoints");
        self.relay = Some(relay);
        let again = ["relay", "-b", &collect, "-p", &publish, "--no-ask", "--hwm", "100"];
        let again = again.into_iter().chain(["--linger", "60s", "--on-full", self.row.on_full]);
        self.relay_args = again.map(str::to_owned).collect();
        [collect, publish]
    }

    /// Writes until each reader has printed a further record of each publisher.
    fn warm_up(&mut self) {
        let from: Vec<usize> = self.writers.iter().map(|writer| writer.lines).collect();
        let until = Instant::now() + DEADLINE;
        loop {
            self.writers.iter_mut().for_each(|writer| writer.write(1));
            std::thread::sleep(STEP);
            let prints_all = |reader: &Running| {
                let printed = Printed::of(&reader.stdout.bytes());
                let mut writers = self.writers.iter().zip(&from);
                writers.all(|(writer, from)| printed.last(&writer.name) >= Some(*from))
            };
            if self.readers.iter().all(prints_all) {
                return;
            }
            assert!(Instant::now() < until, "records do not arrive: {:?}", self.row);
        }
    }

    /// Makes the fault happen while the publishers get their lines.
    fn break_it(&mut self) {
        let Run { row, writers, readers, relay, relay_args, .. } = self;
        let fault = row.fault;
        writers.iter_mut().for_each(|writer| writer.write(row.lines / 10));
        if fault == Fault::ReaderStops {
            readers[0].signal(Signal::STOP);
        }
        std::thread::scope(|scope| {
            // A publisher that blocks does not take its lines.
            let signalled = matches!(fault, Fault::Writer(_)).then(|| writers.remove(0));
            for writer in writers.iter_mut() {
                scope.spawn(|| writer.write(row.lines));
            }
            match fault {
                Fault::ReaderStops => {
                    std::thread::sleep(STOPPED);
                    readers[0].signal(Signal::CONT);
                }
                Fault::ReaderDies => readers[0].signal(Signal::KILL),
                Fault::RelayDies => {
                    let mut old = relay.take().expect("a relay");
                    old.signal(Signal::KILL);
                    old.expect_end();
                    drop(old);
                    let mut new = zlog(relay_args.iter()).start();
                    new.endpoints(2);
                    *relay = Some(new);
                }
                Fault::Writer(_) => {}
            }
            signalled
        })
        .into_iter()
        .for_each(|mut writer| {
            writer.write(row.lines);
            let Fault::Writer(signal) = fault else { return };
            writer.running.signal(signal);
            writers.insert(0, writer);
        });
        if fault == Fault::ReaderDies {
            readers.remove(0);
        }
    }

    /// Ends the publishers, and returns by name how many lines each has published. `None` if that
    /// is not known.
    fn end_writers(&mut self) -> BTreeMap<String, Option<usize>> {
        let fault = self.row.fault;
        let mut published = BTreeMap::new();
        for (at, writer) in self.writers.drain(..).enumerate() {
            let finished = writer.running.wait();
            let lines = match fault {
                Fault::Writer(Signal::KILL) if at == 0 => None,
                Fault::Writer(_) if at == 0 => Some(records(&finished.err())),
                _ => Some(writer.lines),
            };
            published.insert(writer.name, lines);
        }
        published
    }
}

/// The number of records in the summary of `emit`.
fn records(said: &str) -> usize {
    let (before, _) = said.rsplit_once(" records, ").expect(said);
    number(before.split_whitespace().next_back().expect(said))
}

fn number(text: &str) -> usize {
    text.replace(',', "").parse().expect(text)
}

/// What a reader has printed, by publisher: the numbers of the first and the last line, and how
/// many lines.
#[derive(Default, Debug)]
struct Printed(BTreeMap<String, (usize, usize, usize)>);

impl Printed {
    /// Reads output. Panics if a line was printed twice, or before an earlier one.
    fn of(output: &[u8]) -> Printed {
        let mut printed = Printed::default();
        let text = String::from_utf8_lossy(output);
        // The last line may be incomplete.
        let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
        for line in whole.lines() {
            let mut words = line.split(' ');
            let (name, at) = (words.next().expect(line), number(words.next().expect(line)));
            match printed.0.get_mut(name) {
                Some((_, last, count)) => {
                    assert!(*last < at, "{name} {at} after {last}");
                    (*last, *count) = (at, *count + 1);
                }
                None => drop(printed.0.insert(name.to_owned(), (at, at, 1))),
            }
        }
        printed
    }

    fn last(&self, name: &str) -> Option<usize> {
        self.0.get(name).map(|(_, last, _)| *last)
    }

    /// How many of the published lines were not printed since the first that was.
    fn missing(&self, published: &BTreeMap<String, Option<usize>>) -> usize {
        let missing = published.iter().map(|(name, lines)| {
            let (first, last, count) = self.0[name];
            lines.unwrap_or(last + 1) - first - count
        });
        missing.sum()
    }
}

/// How many records a tail says were lost.
fn reported(said: &str) -> usize {
    let lost = said.lines().filter_map(|line| line.strip_prefix("zlog tail: lost "));
    lost.map(|lost| number(lost.split(' ').next().expect(lost))).sum()
}

#[test]
fn whatever_breaks_each_reader_reports_exactly_what_it_lacks() {
    let factor = std::env::var(FACTOR).map_or(1, |factor| factor.parse().expect("a number"));
    for row in ROWS {
        let row = Row { lines: factor * row.lines, ..row };
        let Some(mut run) = Run::start(row) else { continue };
        run.break_it();
        if row.fault == Fault::RelayDies {
            // Records that the relay had taken are missing before these.
            run.warm_up();
        }
        let published = run.end_writers();
        for (at, mut reader) in run.readers.drain(..).enumerate() {
            let until = Instant::now() + DEADLINE;
            let counts = |reader: &Running| {
                let said = String::from_utf8_lossy(&reader.stderr.bytes()).into_owned();
                (Printed::of(&reader.stdout.bytes()).missing(&published), reported(&said))
            };
            loop {
                let (missing, told) = counts(&reader);
                if missing == told {
                    break;
                }
                assert!(Instant::now() < until, "{told} of {missing} told to reader {at}: {row:?}");
                std::thread::sleep(STEP);
            }
            // Also at its end. Nothing is lost unless it was dropped, or was in a killed relay.
            reader.terminate();
            let finished = reader.wait();
            let (missing, said) =
                (Printed::of(&finished.stdout).missing(&published), finished.err());
            assert_eq!(missing, reported(&said), "reader {at}: {row:?}\n{said}");
            let may_lose = row.fault == Fault::RelayDies || row.on_full == "drop";
            assert!(may_lose || missing == 0, "reader {at}: {row:?}\n{said}");
            finished.code(if missing > 0 { 3 } else { 143 });
        }
    }
}

#[cfg(target_os = "linux")]
#[test]
fn in_a_short_run_of_the_fault_matrix_each_end_reports_what_it_lacks() {
    let Some(python) = python() else { return };
    let mut matrix = python.command();
    matrix.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/soak/matrix.py")).arg("--short");
    matrix.env("ZLOG", env!("CARGO_BIN_EXE_zlog"));
    let matrix = Running::start(matrix, Input::Empty).with_deadline(Duration::from_secs(300));
    let rows = matrix.wait().success().out();
    assert!(rows.matches("| yes |").count() >= 5, "{rows}");
}
