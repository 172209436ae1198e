use super::*;
use crate::os::signal;
use crate::source::testing::{all, messages, poll_until};
use zlog_core::{Level, Record};

fn shell(script: &str) -> CommandSource {
    spawn("sh", &["-c", script]).unwrap()
}

fn spawn(program: &str, args: &[&str]) -> Result<CommandSource> {
    CommandSource::spawn(options(program, args), &LineOptions::default(), Box::new(|_| ()))
}

fn options(program: &str, args: &[&str]) -> CommandOptions {
    CommandOptions {
        program: program.into(),
        args: args.iter().map(OsString::from).collect(),
        stdout: StreamSpec::default(),
        stderr: StreamSpec { level: Level::WARNING, ..StreamSpec::default() },
        tee_stdout: None,
        tee_stderr: None,
    }
}

/// Reads to the end. Returns the records and the exit code.
fn read(mut source: CommandSource) -> (Vec<Record<'static>>, Exit) {
    let records = all(&mut source);
    assert!(source.status.is_some(), "the source ends only after the child");
    (records, source.exit())
}

#[test]
fn stdout_and_stderr_have_levels_of_their_own_and_carry_the_process_id() {
    let source = shell("echo out; echo err >&2; echo ERROR: worse >&2; exit 7");
    let process = i64::from(source.child.id());
    let (records, exit) = read(source);
    let level = |text: &str| records.iter().find(|r| r.msg == text).map(|r| r.level);
    assert_eq!(level("out"), Some(Level::INFO));
    assert_eq!(level("err"), Some(Level::WARNING));
    assert_eq!(level("ERROR: worse"), Some(Level::ERROR));
    assert!(records.iter().all(|record| record.process == Some(process)));
    assert_eq!(exit, Exit::Child(7));
}

#[test]
fn lines_come_while_the_command_runs() {
    let mut source = shell("echo first; exec sleep 100");
    let mut seen = Vec::new();
    poll_until(&mut source, &mut seen, |seen| !seen.is_empty());
    assert_eq!(messages(&seen), ["first"]);
    assert_eq!(source.status, None);
    signal::send(source.child.id(), 9).unwrap();
}

#[test]
fn a_command_that_handles_a_signal_exits_with_its_own_code_and_others_by_that_signal() {
    let mut source =
        shell("trap 'echo caught; exit 3' USR1; echo ready; while :; do sleep 0.05; done");
    poll_until(&mut source, &mut Vec::new(), |seen| !seen.is_empty());
    signal::send(source.child.id(), rustix::process::Signal::USR1.as_raw()).unwrap();
    assert_eq!(messages(&all(&mut source)), ["caught"]);
    assert_eq!(source.exit(), Exit::Child(3));
    source.stop(Duration::from_secs(30)).unwrap();

    let mut source = shell("echo ready; exec sleep 100");
    poll_until(&mut source, &mut Vec::new(), |seen| !seen.is_empty());
    signal::send(source.child.id(), 15).unwrap();
    let (_, exit) = read(source);
    assert_eq!((exit, exit.code()), (Exit::Signal(15), 143));
}

#[test]
fn stop_ends_a_command_even_if_it_ignores_the_request() {
    for script in ["echo ready; exec sleep 100", "trap '' TERM; echo ready; exec sleep 100"] {
        let mut source = shell(script);
        poll_until(&mut source, &mut Vec::new(), |seen| !seen.is_empty());
        let process = rustix::process::Pid::from_raw(source.child.id() as i32).unwrap();
        assert!(rustix::process::test_kill_process(process).is_ok());
        source.stop(Duration::from_millis(100)).unwrap();
        assert!(rustix::process::test_kill_process(process).is_err(), "{script:?} goes on");
        assert_eq!(source.exit(), Exit::Done, "an end on request is no failure");
    }
}

#[test]
fn a_command_that_is_missing_or_not_executable_has_the_exit_code_of_a_shell() {
    let missing = spawn("zlog-no-such-command", &[]).err().unwrap();
    assert_eq!(missing.exit(), Exit::Child(127));
    assert!(missing.to_string().starts_with("zlog-no-such-command: no such command"));
    let file = tempfile::NamedTempFile::new().unwrap();
    let denied = spawn(file.path().to_str().unwrap(), &[]).err().unwrap();
    assert_eq!(denied.exit(), Exit::Child(126));
}

#[test]
fn a_grandchild_that_holds_the_pipes_open_does_not_delay_the_end_for_long() {
    let mut source = shell("sleep 100 & echo $!; exit 5");
    let records = all(&mut source);
    assert_eq!(source.exit(), Exit::Child(5));
    assert!(source.take_notices().iter().any(|notice| notice.text.contains("has ended")));
    // Cleans up the grandchild.
    let grandchild = records[0].msg.parse().unwrap();
    let pid = rustix::process::Pid::from_raw(grandchild).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
}

#[test]
fn the_quiet_time_starts_anew_while_the_tee_is_copying() {
    let (start, mut quiet) = (Instant::now(), QuietTime::default());
    assert!(!quiet.is_over(start, false));
    assert!(!quiet.is_over(start + QUIET, true));
    assert!(!quiet.is_over(start + QUIET, false));
    assert!(quiet.is_over(start + 2 * QUIET, false));
}

#[test]
fn a_command_that_closes_its_output_is_waited_for() {
    let (records, exit) = read(shell("exec >&- 2>&-; sleep 0.2; exit 9"));
    assert!(records.is_empty());
    assert_eq!(exit, Exit::Child(9));
}

/// Reports each write.
struct ReportsWrites(crossbeam_channel::Sender<()>);

impl io::Write for ReportsWrites {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let _ = self.0.send(());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn the_start_is_reported_before_output_is_read_and_the_exit_afterwards() {
    let (written, output) = crossbeam_channel::unbounded();
    let mut options = options("sh", &["-c", "echo ready"]);
    options.tee_stdout = Some(Box::new(ReportsWrites(written)));
    let (report, reports) = crossbeam_channel::unbounded();
    let before = output.clone();
    let on_child = Box::new(move |child: Option<u32>| {
        // Long enough for a reader that had been started before.
        let early = child.is_some() && before.recv_timeout(Duration::from_millis(300)).is_ok();
        report.send((child, early)).unwrap();
    });
    let source = CommandSource::spawn(options, &LineOptions::default(), on_child).unwrap();
    let process = source.child.id();
    read(source);
    assert!(output.try_recv().is_ok(), "the output is copied in the end");
    assert_eq!(reports.iter().collect::<Vec<_>>(), [(Some(process), false), (None, false)]);
}
