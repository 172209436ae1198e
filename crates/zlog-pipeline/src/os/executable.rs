//! Finds executables as the system does when it starts one.

use std::ffi::OsStr;
use std::io;
use std::path::Path;

use zlog_core::Error;
use zlog_core::text::escape::escape;

/// Whether a program of this name can be started, as far as is known without starting it. A
/// name without a slash is looked up in `PATH`.
///
/// # Errors
/// `NotFound`; `PermissionDenied` if the file exists but is not executable.
#[cfg(unix)]
pub fn check(program: &OsStr) -> io::Result<()> {
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::PermissionsExt;

    /// The system's search path if `PATH` is not set.
    const USUAL: &str = "/bin:/usr/bin";
    let look = |path: &Path| match path.metadata() {
        Ok(meta) if meta.is_file() && meta.permissions().mode() & 0o111 != 0 => Ok(()),
        Ok(_) => Err(io::ErrorKind::PermissionDenied),
        Err(_) => Err(io::ErrorKind::NotFound),
    };
    let found = if program.is_empty() {
        Err(io::ErrorKind::NotFound)
    } else if program.as_bytes().contains(&b'/') {
        look(Path::new(program))
    } else {
        let path = std::env::var_os("PATH").unwrap_or_else(|| USUAL.into());
        let mut worst = io::ErrorKind::NotFound;
        let mut directories = std::env::split_paths(&path);
        let found = directories.any(|directory| match look(&directory.join(program)) {
            Ok(()) => true,
            Err(why) => {
                // As the system does, a file that is not executable is the preferred reason.
                if why == io::ErrorKind::PermissionDenied {
                    worst = why;
                }
                false
            }
        });
        if found { Ok(()) } else { Err(worst) }
    };
    // As system errors, for their usual text.
    found.map_err(|kind| match kind {
        io::ErrorKind::NotFound => rustix::io::Errno::NOENT.into(),
        _ => rustix::io::Errno::ACCESS.into(),
    })
}

/// Always succeeds: Windows' search rules are only known to the system.
///
/// # Errors
/// None.
#[cfg(not(unix))]
pub fn check(_: &OsStr) -> io::Result<()> {
    Ok(())
}

/// The error for a program that does not exist, and the next step.
pub fn not_found(program: &OsStr) -> Error {
    let name = escape(&program.to_string_lossy());
    let is_path = program.as_encoded_bytes().contains(&b'/');
    let (what, hint) = if is_path && Path::new(program).exists() {
        // The system says the same of a script whose interpreter does not exist.
        ("its interpreter is not found", "Check its first line, which names it after #!.")
    } else if program.as_encoded_bytes().contains(&b' ') {
        ("no such command", "For the shell to read it as a command line: sh -c '...'")
    } else if is_path {
        ("no such file", "Check the path.")
    } else if Path::new(program).is_file() {
        let hint = format!("The file in this directory is ./{name}");
        return Error::new(format!("{name}: no such command")).hint(hint);
    } else {
        ("no such command", "Check the spelling, and that it is in your PATH.")
    };
    Error::new(format!("{name}: {what}")).hint(hint)
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// Compares the result with that of starting the program.
    #[test]
    fn a_program_is_found_when_the_system_finds_it() {
        let directory = tempfile::tempdir().unwrap();
        let plain = directory.path().join("plain");
        std::fs::write(&plain, "#!/bin/sh\n").unwrap();
        std::fs::set_permissions(&plain, std::fs::Permissions::from_mode(0o644)).unwrap();
        let below = plain.join("below");
        let names = [
            OsStr::new("true"),
            "/bin/true".as_ref(),
            "zlog-no-such-command".as_ref(),
            "./zlog-no-such-command".as_ref(),
            "".as_ref(),
            plain.as_os_str(),
            directory.path().as_os_str(),
        ];
        for name in names {
            let started = std::process::Command::new(name).spawn().map(|mut child| child.wait());
            let started = started.map(drop).map_err(|error| error.kind());
            assert_eq!(check(name).map_err(|error| error.kind()), started, "{name:?}");
        }
        assert!(check(below.as_os_str()).is_err());
    }

    #[test]
    fn a_program_that_is_not_found_is_named_with_the_next_step() {
        let directory = tempfile::tempdir().unwrap();
        let script = directory.path().join("script");
        std::fs::write(&script, "#!/nonexistent\n").unwrap();
        let script = script.to_str().unwrap();
        for (program, what, hint) in [
            ("bakcup", "bakcup: no such command", "in your PATH"),
            ("./backup", "./backup: no such file", "Check the path"),
            (script, "its interpreter is not found", "#!"),
            ("ls -l", "ls -l: no such command", "sh -c"),
            // Tests run in the directory of the crate.
            ("Cargo.toml", "Cargo.toml: no such command", "is ./Cargo.toml"),
        ] {
            let text = not_found(program.as_ref()).to_string();
            assert!(text.contains(what) && text.contains(hint), "{text}");
        }
    }
}
