//! `zlog` in a real pseudo-terminal, and the screen as a user sees it.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::process::{Child, ExitStatus};
use std::time::Instant;

use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::Winsize;

use super::DEADLINE;
use super::stream::Stream;
use super::watchdog;
use super::zlog::Zlog;

/// A terminal and its process. Dropping it hangs up and kills the process.
pub(crate) struct Terminal {
    keyboard: File,
    output: Stream,
    child: Child,
    rows: u16,
    columns: u16,
}

impl Terminal {
    /// Starts `zlog` with a terminal of this size as its stdin, stdout and stderr.
    #[track_caller]
    pub(crate) fn start(zlog: Zlog, rows: u16, columns: u16) -> Terminal {
        watchdog::watch();
        let (master, user) = open(rows, columns).expect("the system has pseudo-terminals");
        let mut command = zlog.env("TERM", "xterm-256color").into_command();
        command.stdin(user.try_clone().expect("a descriptor"));
        command.stdout(user.try_clone().expect("a descriptor"));
        command.stderr(user);
        let take_terminal = || {
            rustix::process::setsid()?;
            rustix::process::ioctl_tiocsctty(rustix::stdio::stdin())?;
            Ok(())
        };
        super::running::restore_signals(&mut command);
        // SAFETY: only async-signal-safe calls are allowed between fork and exec: these are
        // two system calls, without allocation or locks.
        unsafe { command.pre_exec(take_terminal) };
        let child = command.spawn().expect("zlog can be started");
        // The command holds the user's side open, which would keep the output from ending.
        drop(command);
        let keyboard = File::from(master);
        let output = Stream::read(keyboard.try_clone().expect("a descriptor"));
        Terminal { keyboard, output, child, rows, columns }
    }

    /// Changes the number of columns.
    pub(crate) fn resize(&mut self, columns: u16) {
        let size = Winsize { ws_row: self.rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        rustix::termios::tcsetwinsize(&self.keyboard, size).expect("a terminal has a size");
        self.columns = columns;
    }

    /// Presses keys; `\x03` is Ctrl-C.
    pub(crate) fn press(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).expect("the terminal is open");
    }

    /// Waits until `wanted` accepts the screen, and returns it.
    #[track_caller]
    pub(crate) fn wait_for_screen(&self, wanted: impl Fn(&vt100::Screen) -> bool) -> vt100::Screen {
        let found = self.output.wait_for(Instant::now() + DEADLINE, |bytes| {
            let screen = self.screen(bytes);
            wanted(&screen).then_some(screen)
        });
        found.unwrap_or_else(|| {
            let bytes = self.output.bytes();
            panic!(
                "not on the screen:\n{}\nbytes: {}",
                self.screen(&bytes).contents(),
                bytes.escape_ascii()
            )
        })
    }

    /// Waits until the screen shows `text`, and returns it.
    #[track_caller]
    pub(crate) fn wait_for_text(&self, text: &str) -> vt100::Screen {
        self.wait_for_screen(|screen| screen.contents().contains(text))
    }

    /// Sends SIGTERM to the process, not through the terminal.
    pub(crate) fn terminate(&mut self) {
        let process = rustix::process::Pid::from_child(&self.child);
        // The process is not reaped yet, so the id is its own.
        let _ = rustix::process::kill_process(process, rustix::process::Signal::TERM);
    }

    /// Waits for the end of the process. Returns all of its output, and its status.
    #[track_caller]
    pub(crate) fn wait(mut self) -> (Vec<u8>, ExitStatus) {
        let ended = self.output.wait_for_end(Instant::now() + DEADLINE);
        let bytes = self.output.bytes();
        assert!(
            ended,
            "still running, with this on the screen:\n{}",
            self.screen(&bytes).contents()
        );
        (bytes, self.child.wait().expect("it is our child"))
    }

    fn screen(&self, bytes: &[u8]) -> vt100::Screen {
        let mut parser = vt100::Parser::new(self.rows, self.columns, 0);
        parser.process(bytes);
        parser.screen().clone()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Opens a pseudo-terminal: the controlling side and the user's side.
pub(crate) fn open(rows: u16, columns: u16) -> io::Result<(OwnedFd, OwnedFd)> {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
    grantpt(&master)?;
    unlockpt(&master)?;
    let name = ptsname(&master, Vec::new())?;
    // NOCTTY: it must become the child's terminal, not the tests'.
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    let user = rustix::fs::open(name, flags, Mode::empty())?;
    let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    rustix::termios::tcsetwinsize(&user, size)?;
    Ok((master, user))
}
