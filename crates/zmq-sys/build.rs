//! Compiles libzmq 4.3.5 (from `zeromq-src`) against the libsodium that
//! `libsodium-sys-stable` builds, so that CURVE is always available.

mod edits;

use std::env;
use std::path::PathBuf;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=edits");
    add_cpp_flags();
    let sodium = zeromq_src::LibLocation::new(sodium_path("LIB"), sodium_path("INCLUDE"));
    zeromq_src::Build::new().with_libsodium(Some(sodium)).build();
    // On Windows, zeromq-src does not expose what compiling needs.
    if env::var("CARGO_CFG_TARGET_FAMILY").as_deref() == Ok("unix") {
        edits::apply(&sodium_path("INCLUDE"));
    }
}

/// What libzmq's own configuration would find on Linux, with glibc and with musl.
///
/// `zeromq-src` writes an empty `platform.hpp` and defines only what libzmq needs to compile.
/// CMake finds each of these names for the vendored 4.3.5 on Linux (glibc 2.36, kernel 6.18);
/// musl 1.2 declares all of the functions and constants.
///
/// Found by CMake, and left out:
/// - `ZMQ_HAVE_TIPC`: would add an unused transport.
/// - `HAVE_POSIX_MEMALIGN`, `ZMQ_CACHELINE_SIZE`: align queues, for speed only; the gain is
///   not measured.
/// - `ZMQ_HAVE_BUSY_POLL`, `ZMQ_HAVE_PTHREAD_SET_AFFINITY`, `ZMQ_HAVE_PPOLL`: options and a
///   function that zlog does not use.
/// - `ZMQ_HAVE_NOEXCEPT`: C++ annotations.
const LINUX: &[&str] = &[
    // Without it, timers use the wall clock, and stop when it is set back.
    "HAVE_CLOCK_GETTIME",
    // Without these, ZMQ_TCP_KEEPALIVE and the like are accepted without effect.
    "ZMQ_HAVE_SO_KEEPALIVE",
    "ZMQ_HAVE_TCP_KEEPCNT",
    "ZMQ_HAVE_TCP_KEEPIDLE",
    "ZMQ_HAVE_TCP_KEEPINTVL",
    // Without these, a child that is started at the wrong moment inherits sockets.
    "HAVE_ACCEPT4",
    "ZMQ_HAVE_SOCK_CLOEXEC",
    "ZMQ_IOTHREAD_POLLER_USE_EPOLL_CLOEXEC",
    // Wakes a thread with one descriptor instead of a socket pair.
    "ZMQ_HAVE_EVENTFD",
    "ZMQ_HAVE_EVENTFD_CLOEXEC",
    // Lets a forked child close its copy of a context.
    "HAVE_FORK",
    // `tcp://eth0:5555`, and zones: `tcp://[fe80::1%eth0]:5555`.
    "ZMQ_HAVE_IFADDRS",
    "HAVE_IF_NAMETOINDEX",
    // `ipc://*` gets a directory that only this user can write to.
    "HAVE_MKDTEMP",
    // The peer of an ipc connection is named by its user and process.
    "ZMQ_HAVE_SO_PEERCRED",
    // Thread names, for debuggers and `top -H`.
    "ZMQ_HAVE_PTHREAD_SETNAME_2",
];

/// The same for Android. Untested: only what its C library has in all versions that Rust
/// supports, and what does not depend on libzmq knowing that it is Android.
const ANDROID: &[&str] = &[
    "HAVE_CLOCK_GETTIME",
    "ZMQ_HAVE_SO_KEEPALIVE",
    "ZMQ_HAVE_TCP_KEEPCNT",
    "ZMQ_HAVE_TCP_KEEPIDLE",
    "ZMQ_HAVE_TCP_KEEPINTVL",
    "HAVE_ACCEPT4",
    "ZMQ_HAVE_SOCK_CLOEXEC",
];

/// The same for Apple's systems. Untested: from Apple's headers and libzmq's `platform.hpp`.
/// The idle time of keepalive is called `TCP_KEEPALIVE` there.
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

/// The same for FreeBSD. Untested: from its manual pages and libzmq's `platform.hpp`.
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

/// The names for the target. None for Windows, where libzmq detects features itself.
fn platform() -> &'static [&'static str] {
    match env::var("CARGO_CFG_TARGET_OS").as_deref() {
        Ok("linux") => LINUX,
        Ok("android") => ANDROID,
        Ok("macos" | "ios" | "tvos" | "watchos" | "visionos") => APPLE,
        Ok("freebsd") => FREEBSD,
        _ => &[],
    }
}

/// Defines the names, and disables the C++ compiler's warnings about libzmq's sources: cc
/// turns them into cargo warnings, which cargo shows for a workspace member.
///
/// Uses the environment, because `zeromq-src` does not expose its `cc::Build`.
fn add_cpp_flags() {
    let mut flags = env::var("CXXFLAGS").unwrap_or_default();
    if env::var("CARGO_CFG_TARGET_ENV").as_deref() != Ok("msvc") {
        flags.push_str(" -w");
    }
    for name in platform() {
        flags.push_str(&format!(" -D{name}=1"));
    }
    // SAFETY: a build script has one thread here.
    unsafe { env::set_var("CXXFLAGS", flags) };
}

/// A path that libsodium's build script publishes through `links = "sodium"`.
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
