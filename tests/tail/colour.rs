//! Colour in a pipe. Terminals are in `terminal.rs`.

use crate::harness::{Zlog, zlog};

/// Whether a tail of one record writes colours to a pipe.
#[track_caller]
fn colours(environment: &[(&str, &str)], args: &[&str]) -> bool {
    let tail = zlog(["tail"]).args(args).args(["--input", "-"]).stdin("ERROR boom\n");
    let set = |tail: Zlog, (name, value): &(&str, &str)| tail.env(name, value);
    let out = environment.iter().fold(tail, set).run().success().out();
    assert!(out.contains("boom"), "{out:?}");
    out.contains('\x1b')
}

#[test]
fn a_pipe_gets_colour_only_when_it_is_asked_for() {
    assert!(!colours(&[], &[]));
    assert!(!colours(&[("TERM", "xterm-256color"), ("CLICOLOR", "1")], &[]));
    assert!(colours(&[], &["--color", "always"]));
    assert!(colours(&[], &["--color=always"]));
    assert!(colours(&[("NO_COLOR", "1")], &["--color", "always"]));
}

#[test]
fn color_without_a_value_means_always_as_in_zmq_log() {
    assert!(colours(&[], &["--color"]));
}

#[test]
fn clicolor_force_colours_a_pipe_unless_no_color_or_never_forbid_it() {
    assert!(colours(&[("CLICOLOR_FORCE", "1")], &[]));
    assert!(!colours(&[("CLICOLOR_FORCE", "0")], &[]));
    assert!(!colours(&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")], &[]));
    assert!(!colours(&[("CLICOLOR_FORCE", "1")], &["--color", "never"]));
}

#[test]
fn output_for_programs_is_never_coloured() {
    for output in ["json", "logfmt"] {
        assert!(!colours(&[], &["--color", "always", "-o", output]), "{output}");
    }
}
