//! Every order in which the two threads of a subscriber may use the gate between them (`loom`).

/// The atomic types of the gate.
mod atomic {
    pub(crate) use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
}
#[path = "../../src/subscriber/gate.rs"]
mod gate;

use loom::sync::{Arc, Notify};

use gate::Gate;

/// A thread that waits although there is room would never end, which `loom` reports.
#[test]
fn the_thread_that_waits_for_room_is_woken_in_every_order_of_steps() {
    loom::model(|| {
        let (gate, wake) = (Arc::new(Gate::new(2)), Arc::new(Notify::new()));
        gate.add(1);
        gate.add(1);
        let (at_owner, waker) = (Arc::clone(&gate), Arc::clone(&wake));
        let owner = loom::thread::spawn(move || {
            for _ in 0..2 {
                if at_owner.remove(1) {
                    waker.notify();
                }
            }
        });
        while !gate.is_open() {
            gate.wait();
            if !gate.is_open() {
                wake.wait();
            }
        }
        owner.join().expect("no panic");
        assert!(gate.is_open());
    });
}
