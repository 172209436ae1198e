use super::{assert_empty, bench};
use crate::harness::{own_port, zlog};

#[test]
fn what_can_not_be_is_wrong_usage_and_says_what_would_do() {
    let cases: [(&[&str], &str); 17] = [
        (&["--handlers", "files"], "file-sync"),
        (&["--handlers", ""], "a value is required"),
        (&["-n", "0"], "must be at least 1"),
        (&["--runs", "0"], "1..=1000"),
        (&["--threads", "0"], "1..=1024"),
        (&["--queue", "0"], "1..=1000000"),
        (&["--duration", "0"], "more than zero"),
        (&["--size", "0"], "not a size"),
        (&["--size", "1G"], "at most 16M"),
        (&["--rate", "0"], "more than zero"),
        (&["--tolerance", "10%"], "--baseline"),
        (&["--smtp", "mail.example:25"], "smtp://"),
        (&["--smtp", "smtp://me:secret@mail.example"], "login"),
        (&["--plot", "bench.jpg"], ".svg or .png"),
        (&["--plot", "bench"], ".svg or .png"),
        (&["--smtp-login-file", "login"], "--smtp <URL>"),
        (&["--smtp", "smtp://h:25", "--smtp-delay", "1s"], "cannot be used with"),
    ];
    for (args, said) in cases {
        let bench = zlog(["bench"]).args(args).run().code(2).stderr_has(said);
        assert!(!bench.err().contains("secret"), "{}", bench.err());
    }
}

#[test]
fn a_place_that_can_not_be_written_to_is_known_before_anything_is_measured() {
    let directory = tempfile::tempdir().unwrap();
    let missing = directory.path().join("missing");
    let report = missing.join("report.md");
    let (missing, report) = (missing.to_str().unwrap(), report.to_str().unwrap());
    zlog(["bench", "--dir", missing])
        .run()
        .code(1)
        .stderr_has(missing)
        .stderr_has("--dir")
        .stdout("");
    for option in ["--export-markdown", "--export-csv"] {
        bench(directory.path(), &[option, report]).run().code(1).stderr_has(report).stdout("");
    }
    let plot = format!("{missing}/plot.svg");
    bench(directory.path(), &["--plot", &plot]).run().code(1).stderr_has(&plot).stdout("");
    zlog(["bench", "--lines", missing]).run().code(1).stderr_has(missing).stdout("");
    assert_empty(directory.path());
}

#[test]
fn a_handler_that_can_not_be_set_up_is_a_row_and_the_others_are_measured() {
    let directory = tempfile::tempdir().unwrap();
    let nobody = format!("127.0.0.1:{}", own_port());
    let url = format!("smtp://{nobody}");
    let args = ["--handlers", "smtp,queue-smtp,null", "-n", "10", "--runs", "1", "--smtp", &url];
    let bench = bench(directory.path(), &args).run().code(1);
    let out = bench.out();
    for name in ["smtp", "queue-smtp"] {
        let reason = out.lines().find(|line| line.starts_with(&format!("{name}: failed: ")));
        let reason = reason.unwrap_or_else(|| panic!("{name} in\n{out}"));
        assert!(reason.contains(&nobody), "{reason}");
    }
    assert!(out.lines().any(|line| line.starts_with("null") && !line.contains("failed")), "{out}");
    bench.stderr_has("could not be measured: smtp, queue-smtp");
    assert_empty(directory.path());
}

#[test]
fn a_worker_without_a_job_says_who_starts_it() {
    for input in ["", "\n", "{}\n", "\u{0}\n"] {
        zlog(["bench", "worker"]).stdin(input).run().code(2).stderr_has("Run `zlog bench`");
    }
}
