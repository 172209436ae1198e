//! Changes to libzmq's sources, made when it is compiled.
//!
//! A subscriber can fill the memory of an XPUB of libzmq 4.3.5, whatever its options are:
//!
//! - `xread_activated` moves everything that comes in into a queue without a bound. While
//!   a peer sends as fast as that goes, the call does not return (measured: 13 s with
//!   junk of 20 connections, and `out of memory` with subscriptions of 4,000 bytes), so
//!   that the user of the socket has no chance to do anything about it.
//! - Frames of a message without an end are held without a bound, and never seen.
//!
//! And whoever counts subscriptions can't tell whose they are: an ended connection's
//! cancels come up without its name, peers of ZMTP 1 and 2 have none, and the descriptors
//! that are the names of the others are used again.
//!
//! So [`EDITS`] are made: a frame that is no subscription ends its connection; of
//! subscriptions, 256 wait for the user, and the rest stays with the peer; each names its
//! peer; and a connection can be ended by its number.
//!
//! libzmq is under the Mozilla Public License 2.0. So are these changes to its files, and
//! the lines of them that are quoted here.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

/// A file of libzmq, what stands there (once), and what stands there instead.
struct Edit {
    file: &'static str,
    old: &'static str,
    new: &'static str,
}

/// Compiles the changed files, and puts them into the library in place of the original
/// ones. To be called after `zeromq_src` has built it.
///
/// # Panics
/// A file is not what it was when the edits were written, or can't be compiled.
pub(crate) fn apply(sodium_include: &Path) {
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    let (sources, library) = (out.join("source/src"), out.join("lib"));
    let changed = out.join("changed");
    fs::create_dir_all(&changed).expect("create a directory in OUT_DIR");
    let mut build = cc::Build::new();
    for (file, text) in edited(&sources) {
        let path = changed.join(file);
        fs::write(&path, text).expect("write to OUT_DIR");
        build.file(path);
    }
    define(&mut build);
    build.includes([&out.join("source/include"), &sources, &out]).include(sodium_include);
    build.objects(other_objects(&library));
    build.cpp(true).std("c++11").out_dir(&library).cargo_metadata(false).compile("zmq");
}

/// The files to be compiled, with all edits made.
fn edited(sources: &Path) -> Vec<(&'static str, String)> {
    let mut files: Vec<(&'static str, String)> = Vec::new();
    for edit in EDITS {
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

/// The compiled files of libzmq that stay as they are.
fn other_objects(library: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(library).expect("the directory of the library");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let is_changed = |path: &Path| {
        let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        EDITS.iter().any(|edit| stem.ends_with(&format!("-{}", edit.file.replace(".cpp", ""))))
    };
    paths.filter(|path| path.extension().is_some_and(|e| e == "o") && !is_changed(path)).collect()
}

/// What zeromq-src 0.3.6 defines for Unix: the layout of libzmq's classes depends on it.
/// What CXXFLAGS defines is added by cc, here as there.
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

const EDITS: &[Edit] = &[
    Edit {
        file: "stream_engine_base.cpp",
        old: r#"static std::string get_peer_address (zmq::fd_t s_)
{"#,
        new: r#"//  zlog: the open connections, each with a number that is never used again.
//  Never destroyed: I/O threads may outlive static objects.
struct connections_t
{
    zmq::mutex_t sync;
    std::map<zmq::fd_t, uint64_t> numbers;
    uint64_t last;

    static connections_t &get ()
    {
        static connections_t *connections = new connections_t ();
        return *connections;
    }
};

//  Ends a connection, unless it is already closed. The lock is held: its
//  descriptor can't be closed, and used for another one, meanwhile.
//  With a linger of 0, closing resets it. Otherwise a peer whose window is zero
//  keeps on waiting in its write: its probes are answered until the system gives
//  the closed connection up (100 s and more were seen).
extern "C" void zlog_end_connection (uint64_t number_)
{
    connections_t &connections = connections_t::get ();
    zmq::scoped_lock_t lock (connections.sync);
    std::map<zmq::fd_t, uint64_t>::const_iterator it;
    for (it = connections.numbers.begin (); it != connections.numbers.end ();
         ++it)
        if (it->second == number_) {
            struct linger reset = {1, 0};
            setsockopt (it->first, SOL_SOCKET, SO_LINGER,
                        reinterpret_cast<char *> (&reset), sizeof reset);
#ifdef ZMQ_HAVE_WINDOWS
            shutdown (it->first, SD_BOTH);
#else
            shutdown (it->first, SHUT_RDWR);
#endif
            return;
        }
}

static std::string get_peer_address (zmq::fd_t s_)
{"#,
    },
    Edit {
        file: "stream_engine_base.cpp",
        old: r#"    if (_s != retired_fd) {
#ifdef ZMQ_HAVE_WINDOWS
        const int rc = closesocket (_s);"#,
        new: r#"    if (_s != retired_fd) {
        {
            connections_t &connections = connections_t::get ();
            scoped_lock_t lock (connections.sync);
            connections.numbers.erase (_s);
        }
#ifdef ZMQ_HAVE_WINDOWS
        const int rc = closesocket (_s);"#,
    },
    Edit {
        file: "stream_engine_base.cpp",
        old: r#"bool zmq::stream_engine_base_t::init_properties (properties_t &properties_)
{
"#,
        new: r#"bool zmq::stream_engine_base_t::init_properties (properties_t &properties_)
{
    {
        connections_t &connections = connections_t::get ();
        scoped_lock_t lock (connections.sync);
        connections.numbers[_s] = ++connections.last;
        std::ostringstream number;
        number << connections.last;
        properties_["__connection"] = number.str ();
    }
"#,
    },
    Edit {
        file: "stream_engine_base.cpp",
        old: r#"            if (_mechanism == NULL && _has_handshake_stage) {
                _session->engine_ready ();
"#,
        new: r#"            if (_mechanism == NULL && _has_handshake_stage) {
                _session->engine_ready ();
                //  zlog: peers of ZMTP 1 and 2 are told apart, too.
                properties_t properties;
                init_properties (properties);
                _metadata = new (std::nothrow) metadata_t (properties);
                alloc_assert (_metadata);
"#,
    },
    Edit {
        file: "stream_engine_base.cpp",
        old: r#"int zmq::stream_engine_base_t::push_msg_to_session (msg_t *msg_)
{
"#,
        new: r#"int zmq::stream_engine_base_t::push_msg_to_session (msg_t *msg_)
{
    //  Set already when it is pushed again.
    if (_metadata && !msg_->metadata ())
        msg_->set_metadata (_metadata);
"#,
    },
    Edit {
        file: "stream_engine_base.cpp",
        old: r#"void zmq::stream_engine_base_t::error (error_reason_t reason_)
{
    zmq_assert (_session);
"#,
        new: r#"void zmq::stream_engine_base_t::error (error_reason_t reason_)
{
    zmq_assert (_session);

    //  zlog: of a subscriber, says that it broke the protocol, and its address.
    if (reason_ == protocol_error && _options.type == ZMQ_XPUB
        && !_handshaking
        && (_mechanism == NULL
            || _mechanism->status () == mechanism_t::ready))
        _socket->event_handshake_failed_protocol (
          endpoint_uri_pair_t (_peer_address, _peer_address,
                               endpoint_type_none),
          0x7a000001);
"#,
    },
    Edit {
        file: "stream_engine_base.cpp",
        old: r#"#include <new>
#include <sstream>
"#,
        new: r#"#include <map>
#include <new>
#include <sstream>
"#,
    },
    Edit {
        file: "session_base.cpp",
        old: r#"        && !msg_->is_cancel ())
        return 0;
"#,
        new: r#"        && !msg_->is_cancel ())
        return 0;
    //  zlog: a subscriber sends subscriptions, each in one frame, and nothing
    //  else. Other frames would be held in memory until the socket is read, or
    //  without a bound while their message has no end.
    if (options.type == ZMQ_XPUB && !msg_->is_subscribe ()
        && !msg_->is_cancel () && !msg_->is_credential ()
        && (msg_->flags () & msg_t::more || msg_->size () == 0
            || *static_cast<unsigned char *> (msg_->data ()) > 1)) {
        errno = EPROTO;
        return -1;
    }
"#,
    },
    Edit {
        file: "xpub.cpp",
        old: r#"#include <string.h>
"#,
        new: r#"#include <string.h>
#include <algorithm>
#include <sstream>
"#,
    },
    Edit {
        file: "xpub.cpp",
        old: r#"void zmq::xpub_t::xattach_pipe (pipe_t *pipe_,"#,
        new: r#"//  zlog: what is told of a pipe's peer with each of its subscriptions: a number
//  of the pipe, that of its connection, and its address. Held in a place of the
//  pipe that other socket types use.
static zmq::metadata_t *told_of (const zmq::pipe_t *pipe_)
{
    const zmq::blob_t &held = pipe_->get_routing_id ();
    zmq::metadata_t *told = NULL;
    if (held.size () == sizeof told)
        memcpy (&told, held.data (), sizeof told);
    return told;
}

static void forget (zmq::metadata_t *told_)
{
    if (told_ && told_->drop_ref ())
        LIBZMQ_DELETE (told_);
}

//  What is told with the cancels that libzmq makes when a pipe ends: the same, but
//  for the descriptor, by which they are told from those of the peer.
static zmq::metadata_t *without_descriptor (const zmq::metadata_t *told_)
{
    if (!told_)
        return NULL;
    zmq::metadata_t::dict_t dict;
    dict["__pipe"] = told_->get ("__pipe");
    dict["__connection"] = told_->get ("__connection");
    zmq::metadata_t *told = new (std::nothrow) zmq::metadata_t (dict);
    alloc_assert (told);
    return told;
}

static zmq::metadata_t *tell_of (zmq::pipe_t *pipe_,
                                 const zmq::metadata_t *connection_)
{
    static zmq::atomic_counter_t pipes;
    zmq::metadata_t *told = told_of (pipe_);
    const char *number = connection_ ? connection_->get ("__connection") : NULL;
    if (told && (!number || strcmp (told->get ("__connection"), number) == 0))
        return told;
    zmq::metadata_t::dict_t dict;
    if (told)
        dict["__pipe"] = told->get ("__pipe");
    else {
        std::ostringstream pipe;
        pipe << pipes.add (1) + 1;
        dict["__pipe"] = pipe.str ();
    }
    dict["__connection"] = number ? number : "0";
    const char *address =
      connection_ ? connection_->get (ZMQ_MSG_PROPERTY_PEER_ADDRESS) : NULL;
    if (address)
        dict[ZMQ_MSG_PROPERTY_PEER_ADDRESS] = address;
    const char *descriptor = connection_ ? connection_->get ("__fd") : NULL;
    if (descriptor)
        dict["__fd"] = descriptor;
    forget (told);
    told = new (std::nothrow) zmq::metadata_t (dict);
    alloc_assert (told);
    zmq::blob_t held (reinterpret_cast<unsigned char *> (&told), sizeof told);
    pipe_->set_router_socket_routing_id (held);
    return told;
}

//  zlog: reads the next message of the pipes that have some, and leaves the rest
//  there while enough wait for the user: a peer that sends faster than the user
//  reads is held back, where it would fill the memory. One pipe after the other:
//  what a connection sent comes before what another sends that follows it.
static bool read_next (std::deque<zmq::pipe_t *> &readable_,
                       size_t waiting_,
                       zmq::msg_t *msg_,
                       zmq::pipe_t **pipe_)
{
    const size_t most_waiting = 256;
    while (waiting_ < most_waiting && !readable_.empty ()) {
        *pipe_ = readable_.front ();
        if ((*pipe_)->read (msg_))
            return true;
        readable_.pop_front ();
    }
    return false;
}

void zmq::xpub_t::xattach_pipe (pipe_t *pipe_,"#,
    },
    Edit {
        file: "xpub.cpp",
        old: r#"    msg_t msg;
    while (pipe_->read (&msg)) {
        metadata_t *metadata = msg.metadata ();
"#,
        new: r#"    msg_t msg;
    if (pipe_ && !_manual)
        _pending_pipes.push_back (pipe_);
    while (_manual ? pipe_->read (&msg)
                   : read_next (_pending_pipes, _pending_data.size (), &msg,
                                &pipe_)) {
        metadata_t *metadata = tell_of (pipe_, msg.metadata ());
"#,
    },
    Edit {
        file: "xpub.cpp",
        old: r#"        _subscriptions.rm (pipe_, send_unsubscription, this, !_verbose_unsubs);
    }
"#,
        new: r#"        const size_t before = _pending_metadata.size ();
        _subscriptions.rm (pipe_, send_unsubscription, this, !_verbose_unsubs);
        //  zlog: these are told of the peer, too.
        metadata_t *told = without_descriptor (told_of (pipe_));
        for (size_t i = before; told && i < _pending_metadata.size (); ++i) {
            told->add_ref ();
            _pending_metadata[i] = told;
        }
        forget (told);
        _pending_pipes.erase (std::remove (_pending_pipes.begin (),
                                           _pending_pipes.end (), pipe_),
                              _pending_pipes.end ());
    }
    forget (told_of (pipe_));
"#,
    },
    Edit {
        file: "xpub.cpp",
        old: r#"    //  If there is at least one
    if (_pending_data.empty ()) {"#,
        new: r#"    //  zlog: goes on with what was left in pipes.
    if (!_manual && !_pending_pipes.empty ())
        xread_activated (NULL);

    //  If there is at least one
    if (_pending_data.empty ()) {"#,
    },
    Edit {
        file: "xpub.cpp",
        old: r#"bool zmq::xpub_t::xhas_in ()
{
"#,
        new: r#"bool zmq::xpub_t::xhas_in ()
{
    if (!_manual && !_pending_pipes.empty ())
        xread_activated (NULL);
"#,
    },
];
