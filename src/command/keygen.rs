//! `zlog keygen`: keys for encryption, and whose keys are trusted.

use std::fmt::Write as _;
use std::path::Path;

use crate::cli::KeygenArgs;
use zlog_core::text::escape::escape;
use zlog_core::{Error, Exit, Result};
use zlog_pipeline::keys::{
    Client, Clients, Form, KeyDirectory, OwnKey, Prefixes, PublicKey, Server, Servers, check_name,
    default_name, read_public, write_pair,
};
use zlog_pipeline::os::terminal::{self, Stdout};

/// Makes a key pair, or changes or prints what is trusted.
///
/// # Errors
/// A file can't be read or written, exists already, or has no key; or there is nothing to revoke.
pub fn run(args: &KeygenArgs) -> Result<Exit> {
    match args {
        KeygenArgs { list: true, .. } => list(),
        KeygenArgs { revoke: Some(which), .. } => revoke(which),
        KeygenArgs { trust: Some(key), .. } => trust(args, key),
        KeygenArgs { file: Some(base), .. } => make_pair(args, base),
        _ => make_machine_key(args),
    }?;
    Ok(Exit::Done)
}

/// Makes a pair of files. Prints the public key with its name.
fn make_pair(args: &KeygenArgs, base: &Path) -> Result<()> {
    let form = if args.pyzmq { Form::Pyzmq } else { Form::Zlog };
    let own_name = || base.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let own = OwnKey::generate(&args.name.clone().unwrap_or_else(own_name))?;
    let (secret, public) = write_pair(base, &own, form)?;
    say(&format!("made {} (keep it secret) and {}", shown(&secret), shown(&public)));
    print_public(&own)
}

fn make_machine_key(args: &KeygenArgs) -> Result<()> {
    let directory = KeyDirectory::of_user()?;
    let own = new_machine_key(&directory, args.name.as_deref())?;
    print_public(&own)
}

fn new_machine_key(directory: &KeyDirectory, name: Option<&str>) -> Result<OwnKey> {
    let name = name.map_or_else(default_name, str::to_owned);
    let own = directory
        .make_machine_key(&name)
        .map_err(|error| error.also("`zlog keygen --list` shows this machine's key."))?;
    say(&format!("made this machine's key, {}", shown(&directory.machine_key())));
    Ok(own)
}

/// Prints the line that other machines trust, and its fingerprint to stderr.
fn print_public(own: &OwnKey) -> Result<()> {
    print(&format!("{} {}\n", own.public(), own.name))?;
    say(&format!("its fingerprint is {}", own.public().fingerprint()));
    Ok(())
}

/// A key that was typed, or that of a file.
fn read_key(text: &str) -> Result<(PublicKey, Option<String>)> {
    // A whole line of a .pub file may be typed. A path may look like a key.
    let (key, name) = text.trim().split_once(' ').unwrap_or((text.trim(), ""));
    if let (Ok(key), false) = (key.parse(), Path::new(text).is_file()) {
        let name = name.trim();
        return Ok((key, (!name.is_empty()).then(|| name.to_owned())));
    }
    let (key, name) = read_public(Path::new(text)).map_err(|error| {
        error.also("--trust takes a key of 40 characters in quotes, or a file with one.")
    })?;
    Ok((key, Some(name)))
}

fn trust(args: &KeygenArgs, text: &str) -> Result<()> {
    let (key, name) = read_key(text)?;
    let name = args.name.clone().or(name);
    let directory = KeyDirectory::of_user()?;
    if let Some(name) = &name {
        check_name(name)?;
    }
    for host in &args.host {
        check_name(host)?;
        let name = name.clone().unwrap_or_default();
        directory.trust_server(&Server { host: host.clone(), key, name })?;
        say(&format!("the key of {} is {}", escape(host), key.fingerprint()));
    }
    if args.host.is_empty() {
        let name =
            name.ok_or_else(|| Error::usage("the key has no name").hint("Add one: --name web1."))?;
        check_name(&name)?;
        let publish = rights(&args.publish, args.no_publish);
        let client = Client { name, key, publish, read: rights(&args.read, args.no_read) };
        let text = describe(&client);
        let before = Clients::read(&directory.clients())?.find(&key).map(describe);
        let before = before.filter(|before| *before != text);
        let before = before.map_or_else(String::new, |before| format!(" (before: it {before})"));
        directory.trust_client(&client)?;
        let name = &client.name;
        say(&format!("{name} may connect: it {text}{before}. Its key is {}", key.fingerprint()));
    }
    say("compare the fingerprint with `zlog keygen --list` on that machine");
    if directory.machine()?.is_none() {
        print_public(&new_machine_key(&directory, None)?)?;
    }
    Ok(())
}

fn rights(prefixes: &[String], nothing: bool) -> Prefixes {
    (nothing || !prefixes.is_empty()).then(|| prefixes.to_vec())
}

/// What a client may do, in words.
fn describe(client: &Client) -> String {
    let what = |prefixes: &Prefixes| match prefixes.as_deref() {
        None => "everything".to_owned(),
        Some([]) => "nothing".to_owned(),
        Some(some) => some.iter().map(|it| escape(it)).collect::<Vec<_>>().join(", "),
    };
    format!("publishes {}, reads {}", what(&client.publish), what(&client.read))
}

/// Prints all keys that can be read. What can't is reported.
fn list() -> Result<()> {
    let directory = KeyDirectory::of_user()?;
    let (mut text, mut wrong) = (String::new(), Vec::new());
    // Writing to a String can't fail.
    let mut line = |what: &str, key: &PublicKey, rest: &str| {
        let _ = writeln!(text, "{what:<8}{}  {}", key.fingerprint(), rest.trim_end());
    };
    match directory.machine() {
        Ok(Some(own)) => line("own", &own.public(), &escape(&own.name)),
        Ok(None) => say("this machine has no key; `zlog keygen` makes one"),
        Err(error) => wrong.push(error),
    }
    match Clients::read_valid(&directory.clients()) {
        Ok((clients, lines)) => {
            for client in clients.0 {
                let rest = format!("{}  {}", escape(&client.name), describe(&client));
                line("client", &client.key, &rest);
            }
            wrong.extend(lines);
        }
        Err(error) => wrong.push(error),
    }
    match Servers::read_valid(&directory.servers()) {
        Ok((servers, lines)) => {
            for server in servers.0 {
                let rest = format!("{}  {}", escape(&server.host), escape(&server.name));
                line("server", &server.key, &rest);
            }
            wrong.extend(lines);
        }
        Err(error) => wrong.push(error),
    }
    print(&text)?;
    let Some(last) = wrong.pop() else { return Ok(()) };
    wrong.iter().for_each(|error| say(&error.to_string()));
    Err(last)
}

fn revoke(which: &str) -> Result<()> {
    let directory = KeyDirectory::of_user()?;
    // The name of an entry may be that of some file here.
    let key = which.parse().ok().or_else(|| Some(read_public(Path::new(which)).ok()?.0));
    let (clients, servers) = directory.revoke(which, key)?;
    for client in &clients.0 {
        say(&format!("{} may not connect any more", escape(&client.name)));
    }
    for server in &servers.0 {
        say(&format!("the key of {} is forgotten", escape(&server.host)));
    }
    if clients.0.is_empty() && servers.0.is_empty() {
        return Err(Error::new(format!("no trusted key is called {}", escape(which)))
            .hint("`zlog keygen --list` lists them."));
    }
    Ok(())
}

fn say(text: &str) {
    terminal::eprint_line(format_args!("zlog keygen: {text}"));
}

fn print(text: &str) -> Result<()> {
    let mut out = Stdout::new();
    out.put(text.as_bytes())?;
    out.send()
}

fn shown(path: &Path) -> String {
    escape(&path.to_string_lossy())
}
