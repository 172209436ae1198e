//! The systemd units in `examples/systemd/`.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::harness::skipped;

#[test]
fn the_systemd_units_are_valid_and_expose_little() {
    if Command::new("systemd-analyze").arg("--version").output().is_err() {
        return skipped("only systems with systemd have systemd-analyze");
    }
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/systemd");
    let scratch = tempfile::tempdir().unwrap();
    for (unit, instance) in [
        ("zlog-relay.service", "zlog-relay.service"),
        ("zlog-emit@.service", "zlog-emit@var-log-app.log.service"),
    ] {
        // What is started must exist.
        let text = fs::read_to_string(from.join(unit)).unwrap();
        let path = scratch.path().join(instance);
        fs::write(&path, text.replace("/usr/bin/zlog", env!("CARGO_BIN_EXE_zlog"))).unwrap();
        let analyze = |args: &[&str]| {
            let output = Command::new("systemd-analyze").args(args).arg(&path).output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(output.status.success() && said.is_empty(), "{unit}: {args:?}: {said}");
        };
        analyze(&["verify", "--man=no"]);
        // Tenths of 10, of which 9.6 is a unit without any restriction.
        analyze(&["security", "--offline=true", "--threshold=20"]);
    }
}
