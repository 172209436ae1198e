//! Key files.
//!
//! Files with a secret key have the form of PyZMQ's `zmq.auth` and CZMQ, which both parts of a
//! pair have there. zlog's own public part is one line: the key and a name. What is read is
//! recognised by its contents.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use zeroize::{Zeroize, Zeroizing};
use zmtp::KeyPair;

use super::lists::check_name;
use super::{PublicKey, shown, z85};
use crate::os::file_error;
use zlog_core::{Error, Result};

/// Largest key file.
const MAX_FILE: u64 = 64 << 10;

/// A key pair, and the name in its file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnKey {
    /// The keys.
    pub pair: KeyPair,
    /// The name in the file, or the file's.
    pub name: String,
}

impl OwnKey {
    /// A new pair.
    ///
    /// # Errors
    /// The name has spaces or control characters.
    pub fn generate(name: &str) -> Result<OwnKey> {
        check_name(name)?;
        Ok(OwnKey { pair: KeyPair::generate(), name: name.to_owned() })
    }

    /// The public key.
    pub fn public(&self) -> PublicKey {
        PublicKey(*self.pair.public())
    }

    /// Reads a file with a secret key.
    ///
    /// # Errors
    /// The file can't be read, has no secret key, or others may read it. No error has a part of
    /// the file in it.
    pub fn read(path: &Path) -> Result<OwnKey> {
        let (text, file) = read(path, "the key")?;
        check_private(path, &file)?;
        let shown = shown(path);
        let Some(secret) = field(&text, "secret-key") else {
            return Err(Error::new(format!("{shown} has no secret key"))
                .hint("Name the other file of the pair: NAME.key, or PyZMQ's NAME.key_secret."));
        };
        let invalid = || Error::new(format!("{shown}: its secret key is not valid Z85"));
        let mut secret = z85::decode(secret.as_bytes()).ok_or_else(invalid)?;
        let pair = KeyPair::from_secret(secret);
        secret.zeroize();
        let public = field(&text, "public-key").and_then(|it| z85::decode(it.as_bytes()));
        if public.is_some_and(|public| public != *pair.public()) {
            return Err(Error::new(format!("{shown}: the two keys are not of one pair"))
                .hint("Make a new pair: zlog keygen."));
        }
        let name = field(&text, "name").map(str::to_owned).filter(|it| check_name(it).is_ok());
        Ok(OwnKey { pair, name: name.unwrap_or_else(|| stem(path)) })
    }
}

/// The form of a pair of files.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    /// `NAME.key` has the secret key; `NAME.pub` is one line.
    Zlog,
    /// PyZMQ's: `NAME.key_secret` has the secret key, `NAME.key` is public.
    Pyzmq,
}

/// Writes a pair of files; `base` is their path without endings. Returns the path of the secret
/// one and that of the public one.
///
/// # Errors
/// A file exists already, or can't be written.
pub fn write_pair(base: &Path, own: &OwnKey, form: Form) -> Result<(PathBuf, PathBuf)> {
    let (secret_end, public_end) = match form {
        Form::Zlog => ("key", "pub"),
        Form::Pyzmq => ("key_secret", "key"),
    };
    let path = |end: &str| {
        let mut path = base.as_os_str().to_owned();
        path.push(format!(".{end}"));
        PathBuf::from(path)
    };
    let (secret, public) = (path(secret_end), path(public_end));
    if let Some(taken) = [&secret, &public].into_iter().find(|path| path.symlink_metadata().is_ok())
    {
        return Err(Error::new(format!("{} exists already", shown(taken)))
            .hint("It is not changed. Choose another name, or move it away."));
    }
    let public_key = own.public();
    let text = Zeroizing::new(format!(
        "#   ZeroMQ CURVE **Secret** Certificate, made by zlog\n\
         #   DO NOT PROVIDE THIS FILE TO OTHER USERS nor change its permissions.\n\n\
         metadata\n    name = \"{}\"\ncurve\n    public-key = \"{public_key}\"\n    \
         secret-key = \"{}\"\n",
        own.name,
        *Zeroizing::new(z85::encode(own.pair.secret())),
    ));
    write_new(&secret, text.as_bytes(), 0o600)?;
    let text = match form {
        Form::Zlog => format!("{public_key} {}\n", own.name),
        Form::Pyzmq => format!(
            "#   ZeroMQ CURVE Public Certificate, made by zlog\n\nmetadata\n    name = \"{}\"\n\
             curve\n    public-key = \"{public_key}\"\n",
            own.name
        ),
    };
    write_new(&public, text.as_bytes(), 0o644)?;
    Ok((secret, public))
}

/// Reads the public key of a file, and its name: a line with the key, or a certificate.
///
/// # Errors
/// The file can't be read, or has no key.
pub fn read_public(path: &Path) -> Result<(PublicKey, String)> {
    let (text, _) = read(path, "the key")?;
    let no_key = || {
        Error::new(format!("{} has no public key", shown(path)))
            .hint("A file with a key is NAME.pub of `zlog keygen`, or NAME.key of PyZMQ.")
    };
    let (key, name) = match field(&text, "public-key") {
        Some(key) => (z85::decode(key.as_bytes()), field(&text, "name")),
        None => {
            let mut lines = text
                .lines()
                .map(|line| line.trim().split_once([' ', '\t']).unwrap_or((line.trim(), "")));
            let find = |(key, name): (&str, _)| Some((z85::decode(key.as_bytes())?, name));
            let (key, name) = lines.find_map(find).ok_or_else(no_key)?;
            (Some(key), Some(name))
        }
    };
    let name = name.map(|name| name.trim().replace(char::is_whitespace, "-"));
    let name = name.filter(|name| check_name(name).is_ok()).unwrap_or_else(|| stem(path));
    Ok((PublicKey(key.ok_or_else(no_key)?), name))
}

/// The name of a file without its ending, as a name of a key.
fn stem(path: &Path) -> String {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let stem = stem.replace(|c: char| c.is_whitespace() || c.is_control(), "-");
    if check_name(&stem).is_ok() { stem } else { "key".to_owned() }
}

/// A quoted value of a certificate.
fn field<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    text.lines().find_map(|line| {
        let (key, value) = line.split_once('=')?;
        (key.trim() == name).then(|| value.trim().trim_matches(['"', '\'']))
    })
}

/// Reads a small file. The text may hold a secret.
fn read(path: &Path, what: &str) -> Result<(Zeroizing<String>, File)> {
    let failed = |error: &std::io::Error| {
        file_error(format!("can't read {what} in {}", shown(path)), path, error)
    };
    let file = File::open(path).map_err(|error| failed(&error))?;
    let mut text = Zeroizing::new(String::with_capacity(1024));
    (&file).take(MAX_FILE).read_to_string(&mut text).map_err(|error| failed(&error))?;
    Ok((text, file))
}

/// Refuses a secret file that others may read or replace, as ssh does.
#[cfg(unix)]
fn check_private(path: &Path, file: &File) -> Result<()> {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};

    const STICKY: u32 = 0o1000;
    let own = rustix::process::geteuid().as_raw();
    let is_foreign = |metadata: &std::fs::Metadata| ![0, own].contains(&metadata.uid());
    let metadata = file.metadata().map_err(|error| Error::io(shown(path), &error))?;
    let mode = metadata.permissions().mode() & 0o777;
    let file = shown(path);
    if mode & 0o077 != 0 {
        return Err(Error::new(format!(
            "others may read the secret key in {file} (mode {mode:04o})"
        ))
        .hint(format!(
            "If nobody has read it: chmod 600 {file}. Otherwise make a new key: zlog keygen."
        )));
    }
    if is_foreign(&metadata) {
        return Err(Error::new(format!("the secret key in {file} belongs to another user"))
            .hint("Its creator knows the key. Make your own: zlog keygen."));
    }
    let parent = path.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let metadata = parent.metadata().map_err(|error| Error::io(shown(parent), &error))?;
    let mode = metadata.permissions().mode();
    // In a directory like /tmp, nobody replaces the files of others.
    if is_foreign(&metadata) || mode & 0o022 != 0 && mode & STICKY == 0 {
        let parent = shown(parent);
        return Err(Error::new(format!("others may replace the secret key {file}"))
            .hint(format!("Its directory must be yours alone to write: chmod go-w {parent}.")));
    }
    Ok(())
}

#[cfg(not(unix))]
fn check_private(_: &Path, _: &File) -> Result<()> {
    Ok(())
}

fn write_new(path: &Path, bytes: &[u8], mode: u32) -> Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(mode);
    }
    #[cfg(not(unix))]
    let _ = mode;
    let write = |mut file: File| file.write_all(bytes).and_then(|()| file.sync_all());
    options
        .open(path)
        .and_then(write)
        .map_err(|error| file_error(format!("can't write {}", shown(path)), path, &error))
}
