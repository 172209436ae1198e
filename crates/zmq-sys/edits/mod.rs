//! Changes to libzmq's sources, applied when it is compiled.
//!
//! A subscriber can fill the memory of a process with a libzmq 4.3.5 XPUB, with any options:
//!
//! - `xread_activated` moves everything that arrives into an unbounded queue. While a peer
//!   sends fast enough, the call does not return (measured: 13 s with junk of 20 connections,
//!   and `out of memory` with subscriptions of 4,000 bytes), so the user of the socket can't
//!   react.
//! - Each byte of a subscription costs a node of a trie, and when a peer goes, the whole trie
//!   is searched for its subscriptions. One peer that subscribes to 4,000 bytes at a time and
//!   reconnects when it is ended takes all the time of the socket's user.
//! - The frames of an endless message are kept without bound, and never delivered. Sockets of
//!   all types do so.
//!
//! Nor can the user count subscriptions per peer: the cancels of an ended connection do not
//! name it, peers of ZMTP 1 and 2 have no descriptor property, and descriptors are reused.
//!
//! A process without a free descriptor aborts when a peer connects over ipc, and retries to
//! accept in a tight loop over tcp.
//!
//! So [`edits`] change this:
//!
//! - A frame to a publisher that is not a subscription ends its connection. For all sockets, so
//!   does a message of more than 256 frames, or of more bytes than `ZMQ_MAXMSGSIZE`.
//! - 256 subscriptions are queued for the user, and 512 KiB of them are taken in per second, in
//!   turns of the peers. The rest stays with the peer.
//! - Subscriptions are remembered per peer, and each names its peer. The user can end a
//!   connection by its number.
//! - A connection for which there is no descriptor is closed.
//! - A peer that does not speak ZMTP 2 or 3 is refused.
//!
//! libzmq is under the Mozilla Public License 2.0. So are these changes to its files, and
//! the lines of them that are quoted here.

mod accept;
mod connection;
mod handshake;
mod messages;
mod subscriptions;

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

/// A replacement in a file of libzmq. `old` occurs exactly once.
struct Edit {
    file: &'static str,
    old: &'static str,
    new: &'static str,
}

/// Compiles the changed files, and replaces the original ones in the library. Must be called
/// after `zeromq_src` has built it.
///
/// # Panics
/// A file differs from the one that the edits were written for, or does not compile.
pub(crate) fn apply(sodium_include: &Path) {
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    let (sources, library) = (out.join("source/src"), out.join("lib"));
    let changed = out.join("changed");
    fs::create_dir_all(&changed).expect("create a directory in OUT_DIR");
    let mut build = cc::Build::new();
    for (file, text) in edited(&sources) {
        let path = changed.join(file);
        fs::write(&path, text).expect("write to OUT_DIR");
        if file.ends_with(".cpp") {
            build.file(path);
        }
    }
    define(&mut build);
    build.includes([&out.join("source/include"), &sources, &out]).include(sodium_include);
    build.objects(other_objects(&library));
    build.cpp(true).std("c++11").out_dir(&library).cargo_metadata(false).compile("zmq");
}

/// The changed files, with all edits applied.
fn edited(sources: &Path) -> Vec<(&'static str, String)> {
    let mut files: Vec<(&'static str, String)> = Vec::new();
    for edit in edits() {
        let at = files.iter().position(|(file, _)| *file == edit.file).unwrap_or_else(|| {
            let text = fs::read_to_string(sources.join(edit.file)).expect("a source of libzmq");
            files.push((edit.file, text.replace("\r\n", "\n")));
            files.len() - 1
        });
        let text = &mut files[at].1;
        assert_eq!(text.matches(edit.old).count(), 1, "{}: {}", edit.file, edit.old);
        *text = text.replace(edit.old, edit.new);
    }
    files
}

/// The object files of the unchanged files.
fn other_objects(library: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(library).expect("the directory of the library");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let is_changed = |path: &Path| {
        let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        edits().any(|edit| stem.ends_with(&format!("-{}", edit.file.replace(".cpp", ""))))
    };
    paths.filter(|path| path.extension().is_some_and(|e| e == "o") && !is_changed(path)).collect()
}

/// Defines what zeromq-src 0.3.6 defines for Unix: the layout of libzmq's classes depends on
/// it. cc adds the definitions of CXXFLAGS.
fn define(build: &mut cc::Build) {
    let target = env::var("CARGO_CFG_TARGET_OS").unwrap_or_default();
    let linux = ["ZMQ_HAVE_LINUX", "ZMQ_IOTHREAD_POLLER_USE_EPOLL"];
    let others = ["ZMQ_IOTHREAD_POLLER_USE_KQUEUE"];
    let poller = if matches!(&*target, "linux" | "android") { &linux[..] } else { &others };
    let common = [
        "ZMQ_USE_CV_IMPL_STL11",
        "ZMQ_STATIC",
        "ZMQ_USE_BUILTIN_SHA1",
        "ZMQ_HAVE_WS",
        "ZMQ_USE_LIBSODIUM",
        "ZMQ_HAVE_CURVE",
        "ZMQ_POLL_BASED_ON_POLL",
        "ZMQ_HAVE_IPC",
        "HAVE_STRNLEN",
        "ZMQ_HAVE_UIO",
        "ZMQ_HAVE_STRUCT_SOCKADDR_UN",
    ];
    for name in common.iter().chain(poller) {
        build.define(name, "1");
    }
}

/// All edits. Those of one file are applied in this order.
fn edits() -> impl Iterator<Item = &'static Edit> {
    [connection::EDITS, subscriptions::EDITS, accept::EDITS, messages::EDITS, handshake::EDITS]
        .into_iter()
        .flatten()
}
