//! The login for the mail server: from the environment or a file, never from the command line,
//! which everybody on the machine can read.

use std::env;
use std::fmt;
use std::path::{Path, PathBuf};

use zlog_core::text::escape::escape;
use zlog_core::{Error, Result};

/// The environment variable with the user name.
pub(crate) const USER_VARIABLE: &str = "ZLOG_SMTP_USER";
/// The environment variable with the password.
pub(crate) const PASSWORD_VARIABLE: &str = "ZLOG_SMTP_PASSWORD";

/// A user name and password for the mail server.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    /// The user name.
    pub user: String,
    /// The password. It is never printed.
    pub password: String,
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login").field("user", &self.user).finish_non_exhaustive()
    }
}

/// Where the login comes from.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum LoginFrom {
    /// `ZLOG_SMTP_USER` and `ZLOG_SMTP_PASSWORD`; no login if neither is set.
    #[default]
    Environment,
    /// A file: `user:password` on one line, or user and password on two lines.
    File(PathBuf),
    /// From the caller.
    Explicit(Login),
    /// No login.
    None,
}

impl LoginFrom {
    /// Reads the login, if there is one.
    ///
    /// # Errors
    /// User name or password is missing, or the file can't be read.
    pub fn read(&self) -> Result<Option<Login>> {
        match self {
            LoginFrom::Environment => environment(|name| env::var(name)),
            LoginFrom::File(path) => file(path).map(Some),
            LoginFrom::Explicit(login) => Ok(Some(login.clone())),
            LoginFrom::None => Ok(None),
        }
    }

    /// The warning about the file of the login, if there is one.
    pub fn warning(&self) -> Option<String> {
        match self {
            LoginFrom::File(path) if others_may_read(path) => Some(format!(
                "warning: other users can read the password in {}: chmod 600",
                escape(&path.to_string_lossy())
            )),
            _ => None,
        }
    }
}

/// Reads the login from the environment through `variable`.
pub(super) fn environment(
    variable: impl Fn(&str) -> Result<String, env::VarError>,
) -> Result<Option<Login>> {
    let value = |name| match variable(name) {
        Ok(value) => Ok(Some(value).filter(|value| !value.is_empty())),
        Err(env::VarError::NotPresent) => Ok(None),
        // The value is not printed: it may be the password.
        Err(env::VarError::NotUnicode(_)) => {
            Err(Error::usage(format!("{name} is not UTF-8")).hint("Set it to valid UTF-8."))
        }
    };
    match (value(USER_VARIABLE)?, value(PASSWORD_VARIABLE)?) {
        (None, None) => Ok(None),
        (Some(user), Some(password)) => Ok(Some(Login { user, password })),
        (user, _) => {
            let (set, missing) = match user {
                Some(_) => (USER_VARIABLE, PASSWORD_VARIABLE),
                None => (PASSWORD_VARIABLE, USER_VARIABLE),
            };
            Err(Error::usage(format!("{set} is set, but {missing} is not"))
                .hint("Set both to log in to the mail server, or neither."))
        }
    }
}

fn file(path: &Path) -> Result<Login> {
    let shown = escape(&path.to_string_lossy());
    let bytes = super::read(path, "the login for the mail server")?;
    // Errors may end up in a log, so they contain neither name nor password.
    let wrong = || {
        Error::usage(format!("{shown} has no login for the mail server"))
            .hint("Write user:password on one line, or user and password on two lines.")
    };
    let text = String::from_utf8(bytes).map_err(|_| wrong())?;
    let mut lines =
        text.trim_end_matches(['\r', '\n']).split('\n').map(|l| l.trim_end_matches('\r'));
    let (user, password) = match (lines.next(), lines.next(), lines.next()) {
        (Some(line), None, _) => line.split_once(':').ok_or_else(wrong)?,
        (Some(user), Some(password), None) => (user, password),
        _ => return Err(wrong()),
    };
    if user.is_empty() || password.is_empty() {
        return Err(wrong());
    }
    Ok(Login { user: user.to_owned(), password: password.to_owned() })
}

/// Whether users other than the owner and group may read the file.
#[cfg(unix)]
fn others_may_read(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path)
        .is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o004 != 0)
}

#[cfg(not(unix))]
fn others_may_read(_: &Path) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str) -> Result<Login> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("login");
        std::fs::write(&path, text).unwrap();
        file(&path)
    }

    #[test]
    fn a_file_has_name_and_password_in_one_line_or_two() {
        for text in ["me:se:cret", "me:se:cret\n", "me\nse:cret\n", "me\r\nse:cret\r\n"] {
            let login = written(text).unwrap();
            assert_eq!((&*login.user, &*login.password), ("me", "se:cret"), "{text:?}");
        }
        for text in ["", "secret", ":secret", "me:", "me\n\n", "me\nsecret\nmore\n"] {
            let error = written(text).unwrap_err().to_string();
            assert!(error.contains("has no login") && !error.contains("secret"), "{error}");
        }
        let error = file(Path::new("/no/such/file")).unwrap_err().to_string();
        assert!(error.contains("can't be read from /no/such/file"), "{error}");
    }

    #[test]
    fn the_environment_has_both_or_neither() {
        let found = |set: &'static [(&str, &str)]| {
            environment(|name| {
                let found = set.iter().find(|(variable, _)| *variable == name);
                found.map(|(_, value)| (*value).to_owned()).ok_or(env::VarError::NotPresent)
            })
        };
        assert_eq!(found(&[]).unwrap(), None);
        assert_eq!(found(&[("ZLOG_SMTP_USER", "")]).unwrap(), None);
        let login = found(&[("ZLOG_SMTP_USER", "me"), ("ZLOG_SMTP_PASSWORD", "secret")]);
        assert_eq!(login.unwrap().unwrap().password, "secret");
        let error = found(&[("ZLOG_SMTP_PASSWORD", "secret")]).unwrap_err().to_string();
        assert!(error.starts_with("ZLOG_SMTP_PASSWORD is set, but ZLOG_SMTP_USER is not"));
        assert!(!error.contains("secret"));
    }
}
