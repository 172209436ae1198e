use super::*;
use crate::net::status::Status;

#[test]
fn the_generation_changes_when_a_subscriber_above_the_limit_of_all_loses_its_subscriptions() {
    let options = Options { subscription_bytes_total: 300, ..Options::publisher() };
    let shared = Arc::new(Shared::new(&options, Arc::new(Status::new())));
    let mut role = PublisherRole::new(Arc::clone(&shared), options);
    let now = Instant::now();
    for prefix in [&b"topic"[..], &[b'x'; 100]] {
        role.subscribe(0, true, prefix, now).expect("within the limit");
    }
    assert_eq!(role.topics.find(&shared, b"topic")[..], [0]);
    role.subscribe(1, true, b"another", now).expect("the other one is the largest");
    assert_eq!(shared.take_offenders(), [(0, Disconnect::TooManySubscriptions)]);
    assert_eq!(shared.generation(), shared.subscriptions().generation());
    assert_eq!(role.topics.find(&shared, b"topic")[..], [0_usize; 0]);
}
