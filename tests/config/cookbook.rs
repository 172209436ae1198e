//! The files of Python's logging cookbook, written by Python and by a relay.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Instant;

use super::configured;
use crate::harness::{DEADLINE, python};

/// Every log file of a directory. Files whose names begin with a dot are locks.
fn files(directory: &Path) -> BTreeMap<String, String> {
    let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let logs = entries.filter(|path| !name(path).starts_with('.'));
    // A file that is being renamed is found the next time.
    logs.filter_map(|path| Some((name(&path), fs::read_to_string(&path).ok()?))).collect()
}

#[test]
fn a_configuration_file_does_what_a_dict_config_does() {
    let Some(python) = python() else { return };
    let [theirs, ours] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    python.script("cookbook", &["files", theirs.path().to_str().unwrap()]).wait().success();
    let expected = files(theirs.path());
    assert_eq!(expected.len(), 11, "eight files, and three of the rotating one");

    let configuration = tempfile::tempdir().unwrap();
    let file = configuration.path().join("relay.toml");
    let text = include_str!("../data/config/cookbook.toml");
    fs::write(&file, text.replace("DIRECTORY", ours.path().to_str().unwrap())).unwrap();
    let mut relay = configured(&file, &["--listen", "127.0.0.1:0"]);
    let address = relay.running.expect_address("for Python's SocketHandler");
    python.script("cookbook", &["socket", &address.port().to_string()]).wait().success();

    let until = Instant::now() + DEADLINE;
    while files(ours.path()) != expected && Instant::now() < until {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    relay.running.terminate();
    let said = relay.running.wait().code(143).err();
    let written = files(ours.path());
    assert_eq!(written.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>(), "{said}");
    for (name, expected) in &expected {
        assert_eq!(&written[name], expected, "{name}\n{said}");
    }
}
