//! Compiles libzmq 4.3.5 (the source in `zeromq-src`) against the libsodium
//! that `libsodium-sys-stable` has just built, so that CURVE is always in.

mod edits;

use std::env;
use std::path::PathBuf;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=edits.rs");
    add_cpp_flags();
    let sodium = zeromq_src::LibLocation::new(sodium_path("LIB"), sodium_path("INCLUDE"));
    zeromq_src::Build::new().with_libsodium(Some(sodium)).build();
    // On Windows, zeromq-src keeps what compiling needs to itself.
    if env::var("CARGO_CFG_TARGET_FAMILY").as_deref() == Ok("unix") {
        edits::apply(&sodium_path("INCLUDE"));
    }
}

/// What Linux has, with glibc and with musl, of what libzmq's own configuration looks for.
///
/// `zeromq-src` writes an empty `platform.hpp` and defines only what libzmq does not
/// compile without. Each name here is one that CMake finds for the vendored 4.3.5 on
/// Linux (glibc 2.36, kernel 6.18); musl 1.2 declares all of these functions and constants.
///
/// Found by CMake, and left out:
/// - `ZMQ_HAVE_TIPC`: it would add a transport that nobody has asked for.
/// - `HAVE_POSIX_MEMALIGN`, `ZMQ_CACHELINE_SIZE`: they align queues. Nothing but speed
///   depends on them, and the gain has not been measured.
/// - `ZMQ_HAVE_BUSY_POLL`, `ZMQ_HAVE_PTHREAD_SET_AFFINITY`, `ZMQ_HAVE_PPOLL`: they serve
///   options and a function that zlog does not use.
/// - `ZMQ_HAVE_NOEXCEPT`: C++ annotations.
const LINUX: &[&str] = &[
    // Without it, timers run on the wall clock: set back, it stops them all.
    "HAVE_CLOCK_GETTIME",
    // Without these, ZMQ_TCP_KEEPALIVE and its like are accepted and do nothing.
    "ZMQ_HAVE_SO_KEEPALIVE",
    "ZMQ_HAVE_TCP_KEEPCNT",
    "ZMQ_HAVE_TCP_KEEPIDLE",
    "ZMQ_HAVE_TCP_KEEPINTVL",
    // Children that are started at the wrong moment inherit sockets without these.
    "HAVE_ACCEPT4",
    "ZMQ_HAVE_SOCK_CLOEXEC",
    "ZMQ_IOTHREAD_POLLER_USE_EPOLL_CLOEXEC",
    // Wakes a thread by one descriptor instead of a pair of sockets.
    "ZMQ_HAVE_EVENTFD",
    "ZMQ_HAVE_EVENTFD_CLOEXEC",
    // A context that a forked child closes leaves the parent's alone.
    "HAVE_FORK",
    // `tcp://eth0:5555`, and zones: `tcp://[fe80::1%eth0]:5555`.
    "ZMQ_HAVE_IFADDRS",
    "HAVE_IF_NAMETOINDEX",
    // `ipc://*` gets a directory that no other user can write to.
    "HAVE_MKDTEMP",
    // The peer of an ipc connection is told with its user and process.
    "ZMQ_HAVE_SO_PEERCRED",
    // Names for threads, in debuggers and in `top -H`.
    "ZMQ_HAVE_PTHREAD_SETNAME_2",
];

/// The same for Android. Not tried: only what its C library has in every version that
/// Rust supports, and what does not depend on libzmq knowing that it is Android.
const ANDROID: &[&str] = &[
    "HAVE_CLOCK_GETTIME",
    "ZMQ_HAVE_SO_KEEPALIVE",
    "ZMQ_HAVE_TCP_KEEPCNT",
    "ZMQ_HAVE_TCP_KEEPIDLE",
    "ZMQ_HAVE_TCP_KEEPINTVL",
    "HAVE_ACCEPT4",
    "ZMQ_HAVE_SOCK_CLOEXEC",
];

/// The same for macOS and its relatives. Not tried: by Apple's headers and libzmq's
/// `platform.hpp`. The idle time of keepalive is called `TCP_KEEPALIVE` there.
const APPLE: &[&str] = &[
    "ZMQ_HAVE_OSX",
    "HAVE_CLOCK_GETTIME",
    "ZMQ_HAVE_SO_KEEPALIVE",
    "ZMQ_HAVE_TCP_KEEPALIVE",
    "ZMQ_HAVE_TCP_KEEPCNT",
    "ZMQ_HAVE_TCP_KEEPINTVL",
    "ZMQ_HAVE_IFADDRS",
    "HAVE_IF_NAMETOINDEX",
    "HAVE_MKDTEMP",
];

/// The same for FreeBSD. Not tried: by its manual pages and libzmq's `platform.hpp`.
const FREEBSD: &[&str] = &[
    "ZMQ_HAVE_FREEBSD",
    "HAVE_CLOCK_GETTIME",
    "ZMQ_HAVE_SO_KEEPALIVE",
    "ZMQ_HAVE_TCP_KEEPCNT",
    "ZMQ_HAVE_TCP_KEEPIDLE",
    "ZMQ_HAVE_TCP_KEEPINTVL",
    "HAVE_ACCEPT4",
    "ZMQ_HAVE_SOCK_CLOEXEC",
    "ZMQ_HAVE_IFADDRS",
    "HAVE_IF_NAMETOINDEX",
    "HAVE_MKDTEMP",
];

/// What the target has. Windows needs none of it: there libzmq looks for itself.
fn platform() -> &'static [&'static str] {
    match env::var("CARGO_CFG_TARGET_OS").as_deref() {
        Ok("linux") => LINUX,
        Ok("android") => ANDROID,
        Ok("macos" | "ios" | "tvos" | "watchos" | "visionos") => APPLE,
        Ok("freebsd") => FREEBSD,
        _ => &[],
    }
}

/// Defines what the platform has, and leaves the C++ compiler's warnings about libzmq's
/// sources out of everybody's build: cc turns them into cargo warnings, which cargo shows
/// for a workspace member.
///
/// The environment is the only way in: `zeromq-src` keeps its `cc::Build` to itself.
fn add_cpp_flags() {
    let mut flags = env::var("CXXFLAGS").unwrap_or_default();
    if env::var("CARGO_CFG_TARGET_ENV").as_deref() != Ok("msvc") {
        flags.push_str(" -w");
    }
    for name in platform() {
        flags.push_str(&format!(" -D{name}=1"));
    }
    // SAFETY: a build script's main thread, before any other is started.
    unsafe { env::set_var("CXXFLAGS", flags) };
}

/// A path that libsodium's build script published through `links = "sodium"`.
fn sodium_path(what: &str) -> PathBuf {
    let name = format!("DEP_SODIUM_{what}");
    match env::var_os(&name) {
        Some(path) => PathBuf::from(path),
        None => panic!(
            "{name} is not set: libsodium-sys-stable did not say where it put libsodium. \
             Unset SODIUM_LIB_DIR and SODIUM_USE_PKG_CONFIG so that it builds its own."
        ),
    }
}
