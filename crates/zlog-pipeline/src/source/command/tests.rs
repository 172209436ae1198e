use super::*;
use crate::os::signal;
use crate::source::text::tests::{all, messages, poll_until};
use zlog_core::record::{Level, Record};

fn shell(script: &str) -> CommandSource {
    spawn("sh", &["-c", script]).unwrap()
}

fn spawn(program: &str, args: &[&str]) -> Result<CommandSource> {
    CommandSource::spawn(options(program, args), &LineOptions::default(), |_| ())
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

fn await_end(source: &mut CommandSource) -> Vec<Record<'static>> {
    let records = all(source);
    assert!(source.exit().is_some(), "the end comes with the exit code");
    records
}

#[test]
fn stdout_and_stderr_have_levels_of_their_own_and_carry_the_process_id() {
    let mut source = shell("echo out; echo err >&2; echo ERROR: worse >&2; exit 7");
    let process = i64::from(source.process());
    let records = await_end(&mut source);
    let level = |text: &str| records.iter().find(|r| r.msg == text).map(|r| r.level);
    assert_eq!(level("out"), Some(Level::INFO));
    assert_eq!(level("err"), Some(Level::WARNING));
    assert_eq!(level("ERROR: worse"), Some(Level::ERROR));
    assert!(records.iter().all(|record| record.process == Some(process)));
    assert_eq!(source.exit(), Some(Exit::Child(7)));
}

#[test]
fn lines_come_while_the_command_runs() {
    let mut source = shell("echo first; exec sleep 100");
    let mut seen = Vec::new();
    poll_until(&mut source, &mut seen, |seen| !seen.is_empty());
    assert_eq!(messages(&seen), ["first"]);
    assert_eq!(source.exit(), None);
    signal::send(source.process(), 9).unwrap();
}

#[test]
fn a_signal_is_passed_on_and_the_exit_tells_of_it() {
    let mut source =
        shell("trap 'echo caught; exit 3' USR1; echo ready; while :; do sleep 0.05; done");
    let mut seen = Vec::new();
    poll_until(&mut source, &mut seen, |seen| !seen.is_empty());
    signal::send(source.process(), rustix::process::Signal::USR1.as_raw()).unwrap();
    let records = await_end(&mut source);
    assert_eq!(messages(&records), ["caught"]);
    assert_eq!(source.exit(), Some(Exit::Child(3)));
    source.stop(Duration::from_secs(30)).unwrap();

    let mut source = shell("echo ready; exec sleep 100");
    poll_until(&mut source, &mut Vec::new(), |seen| !seen.is_empty());
    signal::send(source.process(), 15).unwrap();
    await_end(&mut source);
    assert_eq!(source.exit(), Some(Exit::Signal(15)));
    assert_eq!(source.exit().map(Exit::code), Some(143));
}

#[test]
fn a_command_of_which_no_more_is_wanted_is_ended_even_if_it_does_not_want_to() {
    for script in ["echo ready; exec sleep 100", "trap '' TERM; echo ready; exec sleep 100"] {
        let mut source = shell(script);
        poll_until(&mut source, &mut Vec::new(), |seen| !seen.is_empty());
        let process = rustix::process::Pid::from_raw(source.process() as i32).unwrap();
        assert!(rustix::process::test_kill_process(process).is_ok());
        source.stop(Duration::from_millis(100)).unwrap();
        assert!(rustix::process::test_kill_process(process).is_err(), "{script:?} goes on");
        assert_eq!(source.exit(), None, "its end says nothing about it");
    }
}

#[test]
fn a_command_that_is_not_there_or_not_executable_gives_a_shells_exit_codes() {
    let missing = spawn("zlog-no-such-command", &[]).err().unwrap();
    assert_eq!(missing.exit(), Exit::Child(127));
    assert!(missing.to_string().starts_with("zlog-no-such-command: no such command"));
    let file = tempfile::NamedTempFile::new().unwrap();
    let denied = spawn(file.path().to_str().unwrap(), &[]).err().unwrap();
    assert_eq!(denied.exit(), Exit::Child(126));
}

#[test]
fn a_grandchild_that_holds_the_pipes_open_does_not_hold_up_the_end() {
    let mut source = shell("sleep 100 & echo $!; exit 5");
    let records = await_end(&mut source);
    assert_eq!(source.exit(), Some(Exit::Child(5)));
    assert!(source.take_notices().iter().any(|notice| notice.text.contains("has ended")));
    // Not left behind: it was started here.
    let grandchild = records[0].msg.parse().unwrap();
    let pid = rustix::process::Pid::from_raw(grandchild).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
}

#[test]
fn a_command_that_closes_its_output_is_waited_for() {
    let mut source = shell("exec >&- 2>&-; sleep 0.2; exit 9");
    assert!(await_end(&mut source).is_empty());
    assert_eq!(source.exit(), Some(Exit::Child(9)));
}

/// Tells of each write.
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
fn a_start_is_told_of_before_anybody_sees_output_and_can_answer_it() {
    let (told, output) = crossbeam_channel::unbounded();
    let mut options = options("sh", &["-c", "echo ready"]);
    options.tee_stdout = Some(Box::new(ReportsWrites(told)));
    // Long enough for a reader that is there already, and no longer than it takes.
    let started = |_| assert!(output.recv_timeout(Duration::from_millis(300)).is_err());
    let mut source = CommandSource::spawn(options, &LineOptions::default(), started).unwrap();
    await_end(&mut source);
    assert!(output.recv().is_ok(), "it is copied in the end");
}
