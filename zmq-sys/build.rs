//! Compiles libzmq 4.3.5 (the source in `zeromq-src`) against the libsodium
//! that `libsodium-sys-stable` has just built, so that CURVE is always in.

mod edits;

use std::env;
use std::path::PathBuf;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=edits.rs");
    hush_the_cpp_compiler();
    let sodium = zeromq_src::LibLocation::new(sodium_path("LIB"), sodium_path("INCLUDE"));
    zeromq_src::Build::new().with_libsodium(Some(sodium)).build();
    // On Windows, zeromq-src keeps what compiling needs to itself.
    if env::var("CARGO_CFG_TARGET_FAMILY").as_deref() == Ok("unix") {
        edits::apply(&sodium_path("INCLUDE"));
    }
}

/// Leaves the C++ compiler's warnings about libzmq's sources out of everybody's build.
///
/// cc turns them into cargo warnings, which cargo shows for a workspace member.
fn hush_the_cpp_compiler() {
    if env::var("CARGO_CFG_TARGET_ENV").as_deref() == Ok("msvc") {
        return;
    }
    let flags = env::var("CXXFLAGS").unwrap_or_default();
    // SAFETY: a build script's main thread, before any other is started.
    unsafe { env::set_var("CXXFLAGS", format!("{flags} -w")) };
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
