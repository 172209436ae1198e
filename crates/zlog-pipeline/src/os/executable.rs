//! Finds executables as the system does when it starts one.

use std::ffi::OsStr;
use std::io;

/// Whether a program of this name can be started, as far as is known without starting it. A
/// name without a slash is looked up in `PATH`.
///
/// # Errors
/// `NotFound`; `PermissionDenied` if the file exists but is not executable.
#[cfg(unix)]
pub fn check(program: &OsStr) -> io::Result<()> {
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;

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
}
