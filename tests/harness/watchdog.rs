//! Ends the tests when one of them hangs, and names it. Every wait of the harness has a deadline, but
//! a thread may also block in a library or in the system.

use std::collections::HashMap;
use std::io::Write;
use std::sync::{Mutex, MutexGuard, Once, PoisonError};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

/// Longer than any test takes on a busy machine: that of the Python package runs on six interpreters.
const LIMIT: Duration = Duration::from_secs(15 * 60);

/// The tests that run, by their threads, with the time since which they do.
static RUNNING: Mutex<Option<HashMap<ThreadId, (String, Instant)>>> = Mutex::new(None);

thread_local! {
    static WATCHED: Watched = Watched::begin();
}

/// A test on this thread, until the thread ends.
struct Watched(ThreadId);

impl Watched {
    fn begin() -> Watched {
        let thread = thread::current();
        let entry = (thread.name().unwrap_or("a thread").to_owned(), Instant::now());
        running().get_or_insert_default().insert(thread.id(), entry);
        Watched(thread.id())
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        running().get_or_insert_default().remove(&self.0);
    }
}

/// Watches the test of this thread from now on.
pub(super) fn watch() {
    static STARTED: Once = Once::new();
    STARTED.call_once(|| drop(thread::spawn(run)));
    WATCHED.with(|_| ());
}

fn run() {
    loop {
        thread::sleep(Duration::from_secs(5));
        let running = running();
        let mut tests = running.iter().flat_map(HashMap::values);
        if let Some((test, _)) = tests.find(|(_, since)| since.elapsed() > LIMIT) {
            // Not eprintln!, which the tests capture.
            #[expect(clippy::disallowed_methods, reason = "a test's own words")]
            let _ = writeln!(std::io::stderr(), "\n{test} hangs: it has run for {LIMIT:?}");
            std::process::abort();
        }
    }
}

fn running() -> MutexGuard<'static, Option<HashMap<ThreadId, (String, Instant)>>> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}
