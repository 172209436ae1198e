//! `zlog top`: the numbers, and the screen in real terminals.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::harness::{ANY_PORT, Finished, Publisher, emit, zlog};

/// The report of `--once -o json`.
#[track_caller]
fn report(finished: Finished) -> Value {
    serde_json::from_slice(&finished.success().stdout).expect("JSON")
}

/// The row of this name.
#[track_caller]
fn row<'r>(report: &'r Value, group: &str, name: &str) -> &'r Value {
    let rows = report[format!("{group}s")].as_array().expect("a list");
    let found = rows.iter().find(|row| row[group] == name);
    found.unwrap_or_else(|| panic!("no {group} {name} in {report}"))
}

/// Sends record after record with every other sequence number, until the time is over.
fn send_with_gaps(publisher: &Publisher, time: Duration) {
    let until = Instant::now() + time;
    for number in 0.. {
        let seq = 2 * number + 1;
        let body = format!(
            r#"{{"msg":"number {number}","levelno":40,"source":"web1:1:a","seq":{seq},"created":1.5}}"#
        );
        publisher.send(["shop.ERROR.db", &body]);
        if Instant::now() >= until {
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn once_counts_what_an_emitter_sends_and_nothing_is_lost() {
    let args = ["--test", "1000000", "--rate", "2000", "--root", "shop", "--source", "web1"];
    let mut emit = emit(args).start();
    let endpoint = emit.endpoint();
    let args = ["top", "--once", "-o", "json", "--interval", "2s", &endpoint];
    let report = report(zlog(args).run());
    emit.terminate();
    emit.wait().code(143);
    let records = report["records"].as_u64().unwrap();
    assert!((1000..=6000).contains(&records), "{records}");
    assert_eq!(report["lost"], 0);
    assert!(report["seconds"].as_f64().unwrap() >= 2.0);
    assert!(report["lag"].as_f64().unwrap() < 5.0);
    assert_eq!(report["endpoints"][0]["publishers"], 1);
    assert_eq!(row(&report, "source", "web1")["records"], records);
    for group in ["topic", "level", "source"] {
        let rows = report[format!("{group}s")].as_array().unwrap();
        assert_eq!(rows.iter().map(|row| row["records"].as_u64().unwrap()).sum::<u64>(), records);
    }
    assert!(row(&report, "level", "INFO")["rate"].as_f64().unwrap() > 100.0);
    assert!(report["errors"][0]["levelno"].as_i64().unwrap() >= 40, "{}", report["errors"][0]);
}

#[test]
fn once_counts_gaps_as_losses_even_of_records_that_a_filter_leaves_out() {
    let publisher = Publisher::bind();
    for filter in [&[][..], &["-i", "number .*[05]$"]] {
        let args = ["top", "--once", "-o", "json", "--interval", "1s", &publisher.endpoint];
        let top = zlog(args).args(filter).start();
        publisher.wait_for_subscription();
        send_with_gaps(&publisher, Duration::from_millis(2500));
        let report = report(top.wait());
        let [records, lost, left_out] =
            ["records", "lost", "left_out"].map(|name| report[name].as_u64().unwrap());
        assert_eq!(left_out > 0, !filter.is_empty(), "{report}");
        assert!(records > 10, "{report}");
        assert!((records + left_out - 1..=records + left_out + 1).contains(&lost), "{report}");
        for (group, name) in
            [("topic", "shop.ERROR.db"), ("level", "ERROR"), ("source", "web1:1:a")]
        {
            assert_eq!(row(&report, group, name)["lost"], lost);
        }
    }
}

#[test]
fn once_prints_tables_and_says_when_nobody_publishes() {
    let finished = zlog(["top", "--once", "--bind", ANY_PORT]).run().success();
    assert!(finished.out().starts_with("0 records in "), "{}", finished.out());
    assert!(finished.out().contains(": 0 publishers\n"), "{}", finished.out());
}

#[test]
fn once_shows_the_status_of_a_relay() {
    let ports = ["relay", "--bind", ANY_PORT, "--publish-bind", ANY_PORT];
    let mut relay = zlog(ports).start();
    let bound = relay.endpoints(3);
    let emit = ["emit", "--connect", &bound[0], "--test", "1000000", "--rate", "1000"];
    let mut emit = zlog(emit).start();
    for output in ["json", "table"] {
        let args = ["top", "--once", "-o", output, "--ask", &bound[2], &bound[1]];
        let finished = zlog(args).run().success();
        let out = finished.out();
        if output == "table" {
            assert!(out.contains(&format!("relay {}: ", bound[2])), "{out}");
            continue;
        }
        let report: Value = serde_json::from_str(&out).unwrap();
        assert!(report["records"].as_u64().unwrap() > 0, "{out}");
        assert_eq!(report["relays"][0]["status"]["process"], relay.id());
        assert_eq!(report["relays"][0]["status"]["publish"][0]["peers"], 1);
    }
    emit.terminate();
    emit.wait().code(143);
    relay.terminate();
    relay.wait().code(143);
}

#[test]
fn without_a_terminal_it_says_how_to_get_the_numbers() {
    let finished = zlog(["top"]).run().code(2);
    if cfg!(feature = "top") {
        finished.stderr_has(
            "standard output is not a terminal\n  Print the numbers once: zlog top --once",
        );
    } else {
        finished.stderr_has("built without the screen").stderr_has("--once");
    }
    zlog(["top", "--interval", "2s"]).run().code(2).stderr_has("--once");
    let nats = ["top", "--once", "nats://127.0.0.1:1", "tcp://127.0.0.1:1"];
    let finished = zlog(nats).run().code(2);
    if cfg!(feature = "nats") {
        finished.stderr_has("can't be combined with the endpoint tcp://127.0.0.1:1");
    }
}

#[cfg(all(unix, feature = "top"))]
mod screen {
    use std::path::PathBuf;
    use std::process::Command;

    use super::send_with_gaps;
    use crate::harness::{
        DEADLINE, Publisher, Terminal, clear_environment, emit, installed, shell_code, zlog,
    };
    use std::time::{Duration, Instant};
    use vt100::Color;

    /// `zlog top` in a terminal, connected to a publisher of the test's own.
    fn top(args: &[&str], rows: u16, columns: u16) -> (Publisher, Terminal) {
        let publisher = Publisher::bind();
        let terminal =
            Terminal::start(zlog(["top", &publisher.endpoint]).args(args), rows, columns);
        publisher.wait_for_subscription();
        (publisher, terminal)
    }

    /// What a terminal must get at the end: the screen that was there before, and the cursor.
    #[track_caller]
    fn assert_left(bytes: &[u8]) {
        let text = String::from_utf8_lossy(bytes);
        let left = text.rfind("\x1b[?1049l").expect("the other screen is left");
        assert!(left > text.rfind("\x1b[?1049h").expect("it was entered"), "{text:?}");
        assert!(text.rfind("\x1b[?25h") > text.rfind("\x1b[?25l"), "the cursor is shown: {text:?}");
    }

    #[test]
    fn it_shows_rates_losses_and_errors_and_keys_change_the_view() {
        let (publisher, mut terminal) = top(&[], 24, 80);
        send_with_gaps(&publisher, Duration::from_millis(1500));
        let screen = terminal.wait_for_screen(|screen| screen.contents().contains(" lost"));
        assert!(screen.contents().contains("1 publisher"), "{}", screen.contents());
        let screen = terminal.wait_for_text("NEWEST ERRORS");
        assert!(screen.contents().contains("shop.ERROR.db"), "{}", screen.contents());
        terminal.press("3");
        terminal.wait_for_text("web1:1:a");
        terminal.press("4\r");
        terminal.wait_for_text("message  number");
        terminal.press("\x1b");
        // Together with Esc, a key would be taken for one with Alt.
        terminal.wait_for_text("Enter record");
        terminal.press("1");
        terminal.wait_for_text("TOPIC");
        terminal.press("/nothing\r");
        terminal.wait_for_text("nothing contains the filter");
        terminal.press("\x1b");
        terminal.wait_for_text("shop.ERROR.db");
        terminal.press("?");
        terminal.wait_for_text("these keys");
        terminal.press("?");
        terminal.press(" ");
        terminal.wait_for_text("PAUSED");
        terminal.resize(200);
        terminal.wait_for_screen(|screen| {
            let contents = screen.contents();
            let rows: Vec<&str> = contents.lines().collect();
            rows.iter().any(|row| row.contains("TOPIC") && row.find("TOPIC") > Some(90))
        });
        terminal.press("q");
        let (bytes, status) = terminal.wait();
        assert_left(&bytes);
        assert_eq!(shell_code(status), Some(0));
        let text = String::from_utf8_lossy(&bytes);
        assert!(text.trim_end().ends_with("lost"), "losses are told at the end: {text:?}");
    }

    #[test]
    fn the_terminal_is_restored_however_it_ends() {
        for (how, code) in [("\x03", 130), ("term", 143), ("q", 0)] {
            let (_publisher, mut terminal) = top(&[], 24, 80);
            terminal.wait_for_text("1 publisher");
            match how {
                "term" => terminal.terminate(),
                keys => terminal.press(keys),
            }
            let (bytes, status) = terminal.wait();
            assert_left(&bytes);
            assert_eq!(shell_code(status), Some(code));
        }
    }

    #[test]
    fn no_color_is_respected() {
        for (variable, args, is_colored) in
            [("", &[][..], true), ("1", &[], false), ("", &["--color", "never"], false)]
        {
            let publisher = Publisher::bind();
            let zlog = zlog(["top", &publisher.endpoint]).args(args).env("NO_COLOR", variable);
            let mut terminal = Terminal::start(zlog, 24, 80);
            publisher.wait_for_subscription();
            send_with_gaps(&publisher, Duration::from_millis(100));
            let screen = terminal.wait_for_text("NEWEST ERRORS");
            let (rows, columns) = screen.size();
            let cells = (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column)));
            let colored = cells
                .filter_map(|(row, column)| screen.cell(row, column))
                .any(|cell| cell.fgcolor() != Color::Default);
            assert_eq!(colored, is_colored, "{}", screen.contents());
            terminal.press("q");
            terminal.wait();
        }
    }

    /// A server of tmux of the test's own, with one window. Dropping it ends it.
    struct Tmux {
        program: PathBuf,
        directory: tempfile::TempDir,
    }

    impl Tmux {
        /// Runs `zlog top` in the shell of a window of 80 columns. `None` where tmux is not
        /// installed.
        fn start(endpoint: &str) -> Option<Tmux> {
            let tmux =
                Tmux { program: installed("tmux")?, directory: tempfile::tempdir().unwrap() };
            let mut new = tmux.command();
            new.args(["-f", "/dev/null", "new-session", "-d", "-x", "80", "-y", "24", "--"]);
            new.args(["bash", "--norc", "--noprofile", "-i"]);
            tmux.run(new);
            let line = format!("{} top {endpoint}", env!("CARGO_BIN_EXE_zlog"));
            tmux.tell(&["send-keys", &line, "Enter"]);
            Some(tmux)
        }

        fn command(&self) -> Command {
            let mut command = Command::new(&self.program);
            clear_environment(&mut command);
            // Without a name of a language, tmux draws no character beyond ASCII.
            command.env("LC_ALL", "C.UTF-8").env("TERM", "xterm-256color");
            command.arg("-S").arg(self.directory.path().join("socket"));
            command
        }

        #[track_caller]
        fn run(&self, mut command: Command) -> String {
            let output = command.output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            String::from_utf8_lossy(&output.stdout).into_owned()
        }

        #[track_caller]
        fn tell(&self, args: &[&str]) -> String {
            let mut command = self.command();
            command.args(args);
            self.run(command)
        }

        /// Waits until the window shows what is wanted, and returns it.
        #[track_caller]
        fn wait_for(&self, wanted: impl Fn(&str) -> bool) -> String {
            let until = Instant::now() + DEADLINE;
            loop {
                let shown = self.tell(&["capture-pane", "-p"]);
                if wanted(&shown) {
                    return shown;
                }
                assert!(Instant::now() < until, "not in the window:\n{shown}");
                std::thread::sleep(Duration::from_millis(20));
            }
        }
    }

    impl Drop for Tmux {
        fn drop(&mut self) {
            let _ = self.command().arg("kill-server").output();
        }
    }

    #[test]
    fn in_tmux_it_fits_both_sizes_follows_when_it_is_resized_and_goes_on_after_ctrl_z() {
        let args = ["--test", "1000000", "--rate", "500", "--root", "shop", "--source", "web1"];
        let mut emit = emit(args).start();
        let endpoint = emit.endpoint();
        let Some(tmux) = Tmux::start(&endpoint) else {
            emit.terminate();
            emit.wait().code(143);
            return;
        };
        let is_full = |shown: &str| shown.contains("NEWEST ERRORS") && shown.contains("shop.INFO");
        let small = tmux.wait_for(|shown| is_full(shown) && shown.contains('▁'));
        assert!(small.lines().all(|line| line.chars().count() <= 80), "{small}");
        assert!(small.lines().any(|line| line.contains("q end")), "{small}");
        tmux.tell(&["resize-window", "-x", "200", "-y", "60"]);
        let large = tmux.wait_for(|shown| {
            is_full(shown) && shown.lines().any(|line| line.chars().count() > 100)
        });
        assert!(large.lines().nth(59).is_some_and(|line| line.contains("q end")), "{large}");
        tmux.tell(&["resize-window", "-x", "80", "-y", "24"]);
        tmux.wait_for(|shown| {
            is_full(shown) && shown.lines().nth(23).is_some_and(|line| line.contains("q end"))
        });
        tmux.tell(&["send-keys", "C-z"]);
        tmux.wait_for(|shown| shown.contains("Stopped") && !shown.contains("NEWEST ERRORS"));
        tmux.tell(&["send-keys", "fg", "Enter"]);
        tmux.wait_for(is_full);
        tmux.tell(&["send-keys", "q"]);
        tmux.tell(&["send-keys", "echo status $?", "Enter"]);
        tmux.wait_for(|shown| shown.contains("status 0") && !shown.contains("NEWEST ERRORS"));
        emit.terminate();
        emit.wait().code(143);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn it_ends_when_its_terminal_is_closed() {
        let publisher = Publisher::bind();
        let Some(tmux) = Tmux::start(&publisher.endpoint) else { return };
        tmux.wait_for(|shown| shown.contains("1 publisher"));
        let shell = tmux.tell(&["list-panes", "-F", "#{pane_pid}"]);
        let shell = shell.trim();
        let children = std::fs::read_to_string(format!("/proc/{shell}/task/{shell}/children"));
        let children = children.unwrap();
        let process = children.split_whitespace().next().expect("zlog runs in the shell");
        let status = format!("/proc/{process}/status");
        assert!(std::fs::read_to_string(&status).unwrap().starts_with("Name:\tzlog"));
        drop(tmux);
        let until = Instant::now() + DEADLINE;
        // Without a process that adopts orphans, it stays a zombie.
        while std::fs::read_to_string(&status).is_ok_and(|text| !text.contains("State:\tZ")) {
            assert!(Instant::now() < until, "it still runs");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    #[test]
    fn a_bad_endpoint_is_an_error_on_the_usual_screen() {
        let publisher = Publisher::bind();
        let zlog = zlog(["top", "--bind", &publisher.endpoint]);
        let (bytes, status) = Terminal::start(zlog, 24, 80).wait();
        assert_eq!(shell_code(status), Some(1));
        let text = String::from_utf8_lossy(&bytes);
        assert!(text.contains("in use") && !text.contains("\x1b[?1049h"), "{text:?}");
    }
}
