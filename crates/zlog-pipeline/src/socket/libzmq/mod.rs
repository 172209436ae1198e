//! The engine that uses libzmq, through the `zmq` crate.
//!
//! libzmq's behaviour was measured first. Each consequence is documented and tested in the
//! module that implements it: callers wait for subscriptions, not for time (`publisher`);
//! connections that libzmq gave up are reopened (`connection`); a subscriber has a thread that
//! only receives (`receive_thread`).

mod attach;
mod connection;
mod connection_manager;
mod connections;
mod descriptor;
#[cfg(unix)]
mod event_watch;
mod ffi;
mod flush;
mod ipc_cleanup;
mod monitor;
mod options;
mod peers;
pub(super) mod proxy;
pub(super) mod publisher;
pub(super) mod raw;
mod receive_thread;
pub(super) mod subscriber;
mod subscriber_tracker;
mod subscriptions;

/// The version of libzmq: major, minor, patch.
pub fn libzmq_version() -> (i32, i32, i32) {
    zmq::version()
}

/// Whether libzmq was built with CURVE encryption and authentication.
pub fn has_curve() -> bool {
    zmq::has("curve").unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_build_is_libzmq_4_3_5_with_curve() {
        assert_eq!(libzmq_version(), (4, 3, 5));
        assert!(has_curve());
    }
}
