//! The public API of the crates that other programs use, as lists in the repository: each change
//! to it shows in a diff. (`unreachable_pub` is denied, so what is `pub` can be used.)

use std::fs;
use std::path::{Path, PathBuf};

/// The crates with a stable API, and a name that each surely has.
const CRATES: [(&str, &str); 2] =
    [("zlog-core", "pub struct Record"), ("zlog-tracing", "pub struct Handler")];

#[test]
fn the_public_api_is_the_one_in_the_list() {
    for (name, known) in CRATES {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("crates").join(name);
        let found = listing(&directory.join("src"));
        assert!(found.contains(known), "{name}: {found}");
        let list = directory.join("api.txt");
        if std::env::var_os("ZLOG_UPDATE").is_some() {
            fs::write(&list, &found).unwrap();
        }
        let listed = fs::read_to_string(&list).unwrap_or_default();
        let is_in = |line: &&str, text: &str| text.lines().any(|other| other == *line);
        let gone: Vec<_> = listed.lines().filter(|line| !is_in(line, &found)).collect();
        let new: Vec<_> = found.lines().filter(|line| !is_in(line, &listed)).collect();
        assert!(
            found == listed,
            "the public API of {name} differs from {}.\nGone:\n{}\nNew:\n{}\nSay in CHANGELOG.md what \
             programs must change, and update the list: ZLOG_UPDATE=1 cargo test --test integration \
             the_public_api",
            list.display(),
            gone.join("\n"),
            new.join("\n"),
        );
    }
}

/// The public items of all files below `directory`, by file.
fn listing(directory: &Path) -> String {
    let mut files = Vec::new();
    find(directory, &mut files);
    files.sort();
    let mut text = String::new();
    for file in files {
        let source = fs::read_to_string(&file).unwrap();
        let items = items(&source);
        if !items.is_empty() {
            let name = file.strip_prefix(directory).unwrap().display();
            text += &format!("# {name}\n{}\n\n", items.join("\n"));
        }
    }
    text
}

fn find(directory: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let is_test = path.file_stem().is_some_and(|name| name == "tests");
        if path.is_dir() && !is_test {
            find(&path, files);
        } else if path.extension().is_some_and(|end| end == "rs") && !is_test {
            files.push(path);
        }
    }
}

/// What a block of the source holds.
#[derive(Clone, Copy, PartialEq)]
enum Block {
    Enum,
    Trait,
    Variant,
    Other,
}

/// The public items of a source text that rustfmt has formatted: their heads, indented as there.
#[expect(clippy::too_many_lines, reason = "a reader of Rust, a line at a time")]
fn items(source: &str) -> Vec<String> {
    let source = source.split("#[cfg(test)]\nmod tests").next().unwrap();
    let mut items: Vec<String> = Vec::new();
    // The open blocks, with their indentations.
    let mut open: Vec<(usize, Block)> = Vec::new();
    let mut attributes: Vec<&str> = Vec::new();
    // The head of an `impl`, until something public is in it.
    let mut head: Option<String> = None;
    let mut lines = source.lines();
    while let Some(line) = lines.next() {
        let text = line.trim_start();
        let indent = line.len() - text.len();
        if text.is_empty() || text.starts_with("//") {
            continue;
        }
        while open.last().is_some_and(|(at, _)| indent <= *at) {
            open.pop();
        }
        if text.starts_with("#[") {
            attributes.push(text);
            continue;
        }
        let derives = attributes
            .drain(..)
            .filter(|it| it.starts_with("#[derive") || *it == "#[non_exhaustive]");
        let derives: String = derives.map(|it| format!("{it} ")).collect();
        let within = open.last().map(|(_, block)| *block);
        let is_member = match within {
            Some(Block::Enum) => text.starts_with(|c: char| c.is_ascii_uppercase()),
            Some(Block::Trait) => ["fn ", "type ", "const "].iter().any(|it| text.starts_with(it)),
            Some(Block::Variant) => true,
            _ => false,
        };
        let is_impl = indent == 0 && text.starts_with("impl");
        if !(text.starts_with("pub ") || is_member && text != "}" || is_impl) {
            continue;
        }
        let is_field = text.ends_with(',');
        let mut whole = text.to_owned();
        while !is_field && !whole.ends_with(['{', ';', '}']) {
            let Some(next) = lines.next() else { break };
            whole += &format!(" {}", next.trim());
        }
        if whole.ends_with('{') {
            let block = match () {
                () if whole.contains("pub enum ") => Block::Enum,
                () if whole.contains("pub trait ") => Block::Trait,
                () if within == Some(Block::Enum) => Block::Variant,
                () => Block::Other,
            };
            open.push((indent, block));
        }
        let signature = whole.trim_end_matches([';', ',']).trim_end_matches(" {}");
        let signature = signature.trim_end_matches(" {");
        let is_constant = signature.contains("const ") && signature.contains(" = ");
        let signature =
            if is_constant { signature.split(" = ").next().unwrap() } else { signature };
        if is_impl {
            head = Some(signature.to_owned());
            // Of a type that has no `pub`, it is no one's business.
            if signature.contains(" for ") && is_public(signature, source) {
                items.extend(head.take());
            }
            continue;
        }
        items.extend(head.take().filter(|_| indent > 0));
        items.push(format!("{:indent$}{derives}{signature}", ""));
    }
    items
}

/// Whether the type of `impl Trait for Type` is public in this file.
fn is_public(signature: &str, source: &str) -> bool {
    let of = signature.rsplit(" for ").next().unwrap_or_default();
    let name: String = of.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    ["struct", "enum", "trait"].iter().any(|kind| {
        source.lines().any(|line| {
            let rest = line.strip_prefix(&format!("pub {kind} {name}"));
            rest.is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_'))
        })
    })
}

#[test]
fn what_is_public_is_found_and_nothing_else() {
    let source = "
//! A module.
use std::fmt;

/// A record.
#[derive(Clone, Debug)]
pub struct Record {
    /// Its level.
    pub level: u8,
    private: u8,
}

impl Record {
    fn hidden(&self) {}

    pub fn new(
        level: u8,
    ) -> Record {
        Record { level, private: 0 }
    }
}

impl fmt::Display for Record {
    fn fmt(&self) {}
}

struct Own;

impl Drop for Own {
    fn drop(&mut self) {}
}

pub enum Kind {
    One,
    Two(u8),
    Three {
        value: u8,
    },
}

pub(crate) enum Other {
    Four,
}

pub trait Handler {
    fn handle(&self);
}

pub const LIMIT: usize = 5;
pub use self::inner::{First, Second};

#[cfg(test)]
mod tests {
    pub fn of_tests() {}
}
";
    let expected = "\
#[derive(Clone, Debug)] pub struct Record
    pub level: u8
impl Record
    pub fn new( level: u8, ) -> Record
impl fmt::Display for Record
pub enum Kind
    One
    Two(u8)
    Three
        value: u8
pub trait Handler
    fn handle(&self)
pub const LIMIT: usize
pub use self::inner::{First, Second}";
    assert_eq!(items(source).join("\n"), expected);
}
