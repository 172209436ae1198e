//! Configurations, spools, and what peers of confirmed delivery, queries and NATS send: what
//! `benches/decoder_fuzz` has kept is read again.

use targets::{TARGETS, corpus};

#[allow(dead_code, reason = "the fuzzer makes inputs, too")]
#[path = "../benches/decoder_fuzz/targets.rs"]
mod targets;

#[test]
fn inputs_that_decoder_fuzz_has_kept_pass() {
    for (name, target) in TARGETS {
        let mut count = 0;
        for file in std::fs::read_dir(corpus().join(name)).expect("a corpus") {
            target(&std::fs::read(file.expect("a file").path()).expect("an input"));
            count += 1;
        }
        assert!(count > 2, "{name}: {count} inputs");
    }
}
