use std::time::{Duration, Instant};

use serde_json::Value;
use zlog_pipeline::handler::Handler as _;

use super::{close, handler, options, record};
use crate::harness::{nats, old_nats, zlog};

#[test]
fn top_counts_what_is_added_to_a_stream_from_now_on() {
    for server in [nats(), old_nats()].into_iter().flatten() {
        let mut handler = handler(options(&server));
        for seq in 1..=50 {
            handler.handle(&record("a", "old.ERROR", seq)).unwrap();
        }
        handler.flush().unwrap();
        let args =
            ["top", "--once", "-o", "json", "--interval", "3s", "--not", "not", &server.url()];
        let top = zlog(args).start();
        // It can't be seen when it has connected.
        let until = Instant::now() + Duration::from_secs(6);
        for seq in 1.. {
            handler.handle(&record("a", "new.ERROR", 2 * seq)).unwrap();
            handler.handle(&record("a", "not.ERROR", seq)).unwrap();
            handler.flush().unwrap();
            if Instant::now() >= until {
                break;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        close(&mut handler);
        let report: Value = serde_json::from_slice(&top.wait().success().stdout).unwrap();
        let topics = report["topics"].as_array().unwrap();
        assert_eq!(topics.len(), 1, "{report}");
        assert_eq!(topics[0]["topic"], "new.ERROR");
        let [records, lost] = ["records", "lost"].map(|name| report[name].as_u64().unwrap());
        assert!(records > 10 && (records - 1..=records + 1).contains(&lost), "{report}");
        assert_eq!(report["sources"][0]["source"], "a");
        assert!(report["errors"][0]["msg"].as_str().unwrap().starts_with("a "));
    }
}
