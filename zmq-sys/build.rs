//! Compiles libzmq 4.3.5 (the source in `zeromq-src`) against the libsodium
//! that `libsodium-sys-stable` has just built, so that CURVE is always in.

use std::env;
use std::path::PathBuf;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let sodium = zeromq_src::LibLocation::new(sodium_path("LIB"), sodium_path("INCLUDE"));
    zeromq_src::Build::new().with_libsodium(Some(sodium)).build();
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
