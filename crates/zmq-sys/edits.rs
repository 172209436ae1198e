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
//! So [`EDITS`] change this:
//!
//! - A frame to a publisher that is not a subscription ends its connection. For all sockets, so
//!   does a message of more than 256 frames, or of more bytes than `ZMQ_MAXMSGSIZE`.
//! - 256 subscriptions are queued for the user, and 512 KiB of them are taken in per second, in
//!   turns of the peers. The rest stays with the peer.
//! - Subscriptions are remembered per peer, and each names its peer. The user can end a
//!   connection by its number.
//! - A connection for which there is no descriptor is closed.
//!
//! libzmq is under the Mozilla Public License 2.0. So are these changes to its files, and
//! the lines of them that are quoted here.

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

/// The object files of the unchanged files.
fn other_objects(library: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(library).expect("the directory of the library");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let is_changed = |path: &Path| {
        let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        EDITS.iter().any(|edit| stem.ends_with(&format!("-{}", edit.file.replace(".cpp", ""))))
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

const EDITS: &[Edit] = &[
    Edit {
        file: "stream_engine_base.cpp",
        old: r#"static std::string get_peer_address (zmq::fd_t s_)
{"#,
        new: r#"//  zlog: the open connections, each with a number that is never reused.
//  Never destroyed: I/O threads may outlive static objects.
struct connections_t
{
    zmq::mutex_t sync;
    std::map<zmq::fd_t, uint64_t> numbers;
    uint64_t last;
    //  Those that the user ended, while messages of them may still be queued.
    std::set<uint64_t> ended;

    static connections_t &get ()
    {
        static connections_t *connections = new connections_t ();
        return *connections;
    }
};

//  Ends a connection, unless it is already closed. While the lock is held, its
//  descriptor can't be closed and reused. A linger of 0 makes the close a reset.
//  Otherwise a peer with a zero window would keep blocking in its write: the
//  system answers its probes until it gives the closed connection up (over 100 s
//  were seen).
extern "C" void zlog_end_connection (uint64_t number_)
{
    connections_t &connections = connections_t::get ();
    zmq::scoped_lock_t lock (connections.sync);
    std::map<zmq::fd_t, uint64_t>::const_iterator it;
    for (it = connections.numbers.begin (); it != connections.numbers.end ();
         ++it)
        if (it->second == number_) {
            connections.ended.insert (number_);
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

bool zlog_is_ended (uint64_t number_)
{
    connections_t &connections = connections_t::get ();
    zmq::scoped_lock_t lock (connections.sync);
    return connections.ended.count (number_) != 0;
}

void zlog_forget (uint64_t number_)
{
    connections_t &connections = connections_t::get ();
    zmq::scoped_lock_t lock (connections.sync);
    connections.ended.erase (number_);
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
                //  zlog: names peers of ZMTP 1 and 2, too.
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
    //  Already set if the message is pushed again.
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

    //  zlog: reports that a subscriber broke the protocol, with its address.
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
#include <set>
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
    //  zlog: a subscriber may only send subscriptions, each in one frame. Other
    //  frames would be kept in memory until the socket is read, or without bound
    //  while their message does not end.
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
#include <set>
#include <sstream>
#include <string>
#include "clock.hpp"
"#,
    },
    Edit {
        file: "xpub.cpp",
        old: r#"void zmq::xpub_t::xattach_pipe (pipe_t *pipe_,"#,
        new: r#"bool zlog_is_ended (uint64_t number_);
void zlog_forget (uint64_t number_);

//  zlog: the peer of a pipe. Stored in a field of the pipe that other socket types
//  use.
struct peer_t
{
    //  What each of its subscriptions carries: the numbers of the pipe and the
    //  connection, and the address.
    zmq::metadata_t *properties;
    uint64_t connection;
    //  Its subscriptions. Searching the trie for them would cost as much as all
    //  peers together have.
    std::set<std::string> prefixes;
    //  Bytes taken in since the other pipes had their turn.
    size_t turn;
};

static peer_t *peer_of (const zmq::pipe_t *pipe_)
{
    const zmq::blob_t &held = pipe_->get_routing_id ();
    peer_t *peer = NULL;
    if (held.size () == sizeof peer)
        memcpy (&peer, held.data (), sizeof peer);
    return peer;
}

static zmq::metadata_t *properties_of (const zmq::pipe_t *pipe_)
{
    const peer_t *peer = peer_of (pipe_);
    return peer ? peer->properties : NULL;
}

static void forget (zmq::metadata_t *properties_)
{
    if (properties_ && properties_->drop_ref ())
        LIBZMQ_DELETE (properties_);
}

//  The properties of the cancels that libzmq makes when a pipe ends: the same
//  without the descriptor, which distinguishes them from the peer's own.
static zmq::metadata_t *without_descriptor (const zmq::metadata_t *properties_)
{
    if (!properties_)
        return NULL;
    zmq::metadata_t::dict_t dict;
    dict["__pipe"] = properties_->get ("__pipe");
    dict["__connection"] = properties_->get ("__connection");
    zmq::metadata_t *properties = new (std::nothrow) zmq::metadata_t (dict);
    alloc_assert (properties);
    return properties;
}

static zmq::metadata_t *set_properties (zmq::pipe_t *pipe_,
                                 const zmq::metadata_t *connection_)
{
    static zmq::atomic_counter_t pipes;
    zmq::metadata_t *properties = properties_of (pipe_);
    const char *number = connection_ ? connection_->get ("__connection") : NULL;
    if (properties && (!number || strcmp (properties->get ("__connection"), number) == 0))
        return properties;
    zmq::metadata_t::dict_t dict;
    if (properties)
        dict["__pipe"] = properties->get ("__pipe");
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
    forget (properties);
    properties = new (std::nothrow) zmq::metadata_t (dict);
    alloc_assert (properties);
    peer_t *peer = peer_of (pipe_);
    if (!peer) {
        peer = new (std::nothrow) peer_t ();
        alloc_assert (peer);
        zmq::blob_t held (reinterpret_cast<unsigned char *> (&peer), sizeof peer);
        pipe_->set_router_socket_routing_id (held);
    }
    zlog_forget (peer->connection);
    peer->properties = properties;
    peer->connection = number ? strtoull (number, NULL, 10) : 0;
    return properties;
}

//  zlog: the bytes of subscriptions that may be taken in now. Each costs a node of
//  the trie, which must be allocated and freed: a peer that subscribes, is ended
//  and reconnects would keep the user of the socket from sending.
struct budget_t
{
    int64_t left;
    uint64_t at;

    static const int64_t most = 512 * 1024;

    static budget_t &get ()
    {
        static thread_local budget_t budget = {most, zmq::clock_t::now_us ()};
        return budget;
    }

    //  Adds `most` bytes a second, up to `most`.
    bool is_left ()
    {
        const uint64_t now = zmq::clock_t::now_us ();
        const uint64_t elapsed = std::min<uint64_t> (now - at, 1000000);
        const int64_t earned = static_cast<int64_t> (elapsed) * most / 1000000;
        if (earned > 0) {
            left = std::min<int64_t> (left + earned, 1 * most);
            at = now;
        }
        return left > 0;
    }
};

//  zlog: reads the next message of the readable pipes, unless enough are queued
//  for the user, or were taken in: then the rest stays in the pipes, and a peer
//  that sends faster than the user reads is held back. A PUB has no user that
//  reads. Reads up to 16 KiB of one pipe before the next: what an ordinary
//  connection sent is read before what its successor sends.
static bool read_next (std::deque<zmq::pipe_t *> &readable_,
                       size_t waiting_,
                       bool is_limited_,
                       zmq::msg_t *msg_,
                       zmq::pipe_t **pipe_)
{
    const size_t most_waiting = 256;
    const size_t longest_turn = 16 * 1024;
    while (waiting_ < most_waiting && !readable_.empty ()
           && (!is_limited_ || budget_t::get ().is_left ())) {
        *pipe_ = readable_.front ();
        peer_t *peer = peer_of (*pipe_);
        if (peer && peer->turn > longest_turn) {
            peer->turn = 0;
            readable_.pop_front ();
            readable_.push_back (*pipe_);
        } else if ((*pipe_)->read (msg_))
            return true;
        else
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
                   : read_next (_pending_pipes, _pending_data.size (),
                                options.type == ZMQ_XPUB, &msg, &pipe_)) {
        metadata_t *metadata = set_properties (pipe_, msg.metadata ());
        peer_t *peer = peer_of (pipe_);
        //  What is left of a connection that the user has ended.
        if (zlog_is_ended (peer->connection)) {
            msg.close ();
            continue;
        }
        peer->turn += msg.size ();
        budget_t::get ().left -= msg.size ();
"#,
    },
    Edit {
        file: "xpub.cpp",
        old: r#"        _subscriptions.rm (pipe_, send_unsubscription, this, !_verbose_unsubs);
    }
"#,
        new: r#"        const size_t before = _pending_metadata.size ();
        peer_t *peer = peer_of (pipe_);
        while (peer && !peer->prefixes.empty ()) {
            const std::string prefix = *peer->prefixes.begin ();
            peer->prefixes.erase (peer->prefixes.begin ());
            mtrie_t::prefix_t data =
              reinterpret_cast<mtrie_t::prefix_t> (prefix.data ());
            const mtrie_t::rm_result result =
              _subscriptions.rm (data, prefix.size (), pipe_);
            if (result == mtrie_t::last_value_removed
                || (result == mtrie_t::values_remain && _verbose_unsubs))
                send_unsubscription (data, prefix.size (), this);
        }
        //  Of a peer that never subscribes, and gets all messages.
        _subscriptions.rm (NULL, 0, pipe_);
        //  zlog: these carry the peer's properties, too.
        metadata_t *properties = without_descriptor (properties_of (pipe_));
        for (size_t i = before; properties && i < _pending_metadata.size (); ++i) {
            properties->add_ref ();
            _pending_metadata[i] = properties;
        }
        forget (properties);
        _pending_pipes.erase (std::remove (_pending_pipes.begin (),
                                           _pending_pipes.end (), pipe_),
                              _pending_pipes.end ());
    }
    if (peer_t *peer = peer_of (pipe_)) {
        zlog_forget (peer->connection);
        forget (peer->properties);
        delete peer;
    }
"#,
    },
    Edit {
        file: "xpub.cpp",
        old: r#"    //  If there is at least one
    if (_pending_data.empty ()) {"#,
        new: r#"    //  zlog: continues with the messages left in pipes.
    if (!_manual && !_pending_pipes.empty ())
        xread_activated (NULL);

    //  If there is at least one
    if (_pending_data.empty ()) {"#,
    },
    Edit {
        file: "xpub.cpp",
        old: r#"                    const mtrie_t::rm_result rm_result =
"#,
        new: r#"                    peer->prefixes.erase (
                      std::string (reinterpret_cast<char *> (data), size));
                    const mtrie_t::rm_result rm_result =
"#,
    },
    Edit {
        file: "xpub.cpp",
        old: r#"                    const bool first_added =
"#,
        new: r#"                    peer->prefixes.insert (
                      std::string (reinterpret_cast<char *> (data), size));
                    const bool first_added =
"#,
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
    Edit {
        file: "stream_listener_base.cpp",
        old: r#"zmq::stream_listener_base_t::stream_listener_base_t ("#,
        new: r#"//  zlog: a descriptor to give up when there is no other.
//  Never destroyed: I/O threads may outlive static objects.
struct spare_t
{
    zmq::mutex_t sync;
    int descriptor;

    spare_t () : descriptor (take ()) {}

    static int take () { return ::open ("/dev/null", O_RDONLY | O_CLOEXEC); }

    static spare_t &get ()
    {
        static spare_t *spare = new spare_t ();
        return *spare;
    }
};

//  Closes the connection that there was no descriptor to accept for. Otherwise it
//  would stay in the queue, and the I/O thread would try to accept it in a tight
//  loop. Keeps errno.
void zlog_refuse (zmq::fd_t listener_)
{
    const int error = errno;
    if (error == EMFILE || error == ENFILE) {
        spare_t &spare = spare_t::get ();
        zmq::scoped_lock_t lock (spare.sync);
        if (spare.descriptor != -1)
            ::close (spare.descriptor);
        struct pollfd waiting = {listener_, POLLIN, 0};
        if (::poll (&waiting, 1, 0) == 1) {
            const int peer = ::accept (listener_, NULL, NULL);
            if (peer != -1)
                ::close (peer);
        }
        spare.descriptor = spare_t::take ();
    }
    errno = error;
}

zmq::stream_listener_base_t::stream_listener_base_t ("#,
    },
    Edit {
        file: "stream_listener_base.cpp",
        old: r#"    //  Start polling for incoming connections.
"#,
        new: r#"    spare_t::get ();
    //  Start polling for incoming connections.
"#,
    },
    Edit {
        file: "stream_listener_base.cpp",
        old: r#"#ifndef ZMQ_HAVE_WINDOWS
#include <unistd.h>
"#,
        new: r#"#ifndef ZMQ_HAVE_WINDOWS
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>
"#,
    },
    Edit {
        file: "ipc_listener.cpp",
        old: r#"                      || errno == ENFILE);
#endif
"#,
        new: r#"                      || errno == ENOBUFS || errno == ENOMEM || errno == EMFILE
                      || errno == ENFILE);
#endif
        zlog_refuse (_s);
"#,
    },
    Edit {
        file: "ipc_listener.cpp",
        old: r#"zmq::fd_t zmq::ipc_listener_t::accept ()
"#,
        new: r#"void zlog_refuse (zmq::fd_t listener_);

zmq::fd_t zmq::ipc_listener_t::accept ()
"#,
    },
    Edit {
        file: "tcp_listener.cpp",
        old: r#"                      || errno == ENOBUFS || errno == ENOMEM || errno == EMFILE
                      || errno == ENFILE);
#endif
"#,
        new: r#"                      || errno == ENOBUFS || errno == ENOMEM || errno == EMFILE
                      || errno == ENFILE);
#endif
        zlog_refuse (_s);
"#,
    },
    Edit {
        file: "tcp_listener.cpp",
        old: r#"zmq::fd_t zmq::tcp_listener_t::accept ()
"#,
        new: r#"void zlog_refuse (zmq::fd_t listener_);

zmq::fd_t zmq::tcp_listener_t::accept ()
"#,
    },
    Edit {
        file: "ws_listener.cpp",
        old: r#"                      || errno == ENOBUFS || errno == ENOMEM || errno == EMFILE
                      || errno == ENFILE);
#endif
"#,
        new: r#"                      || errno == ENOBUFS || errno == ENOMEM || errno == EMFILE
                      || errno == ENFILE);
#endif
        zlog_refuse (_s);
"#,
    },
    Edit {
        file: "ws_listener.cpp",
        old: r#"zmq::fd_t zmq::ws_listener_t::accept ()
"#,
        new: r#"void zlog_refuse (zmq::fd_t listener_);

zmq::fd_t zmq::ws_listener_t::accept ()
"#,
    },
    Edit {
        file: "generic_mtrie_impl.hpp",
        old: r#"    rm_result ret = not_found;
    std::list<struct iter> stack;
"#,
        new: r#"    rm_result ret = not_found;
    //  zlog: a list would allocate memory for each byte of the prefix.
    std::vector<struct iter> stack;
"#,
    },
    Edit {
        file: "generic_mtrie_impl.hpp",
        old: r#"#include <list>
"#,
        new: r#"#include <list>
#include <vector>
"#,
    },
    Edit {
        file: "mtrie.cpp",
        old: r#"#include "generic_mtrie_impl.hpp"
"#,
        new: r#"//  zlog: the changed one, in the directory of this file.
#include "generic_mtrie_impl.hpp"
"#,
    },
    Edit {
        file: "pipe.hpp",
        old: r#"    //  Remove unfinished parts of the outbound message from the pipe.
"#,
        new: r#"    //  zlog: whether the message that is being written, with this frame, has at
    //  most 256 frames and max_size_ bytes (unlimited if negative).
    bool fits (const msg_t &frame_, int64_t max_size_) const;

    //  Remove unfinished parts of the outbound message from the pipe.
"#,
    },
    Edit {
        file: "pipe.hpp",
        old: r#"    // Disconnect msg
    msg_t _disconnect_msg;
"#,
        new: r#"    // Disconnect msg
    msg_t _disconnect_msg;

    //  zlog: of the message that is being written. At the end: the files that are
    //  not compiled again know the offsets of the others.
    mutable uint32_t _unfinished_frames;
    mutable uint64_t _unfinished_bytes;
"#,
    },
    Edit {
        file: "pipe.cpp",
        old: r#"    _conflate (conflate_)
{
"#,
        new: r#"    _conflate (conflate_),
    _unfinished_frames (0),
    _unfinished_bytes (0)
{
"#,
    },
    Edit {
        file: "pipe.cpp",
        old: r#"    _out_pipe->write (*msg_, more);
"#,
        new: r#"    _unfinished_frames = more ? _unfinished_frames + 1 : 0;
    _unfinished_bytes = more ? _unfinished_bytes + msg_->size () : 0;
    _out_pipe->write (*msg_, more);
"#,
    },
    Edit {
        file: "pipe.cpp",
        old: r#"void zmq::pipe_t::rollback () const
{
"#,
        new: r#"bool zmq::pipe_t::fits (const msg_t &frame_, int64_t max_size_) const
{
    const uint32_t most_frames = 256;
    return _unfinished_frames < most_frames
           && (max_size_ < 0
               || _unfinished_bytes + frame_.size ()
                    <= static_cast<uint64_t> (max_size_));
}

void zmq::pipe_t::rollback () const
{
    _unfinished_frames = 0;
    _unfinished_bytes = 0;
"#,
    },
    Edit {
        file: "session_base.cpp",
        old: r#"#include "precompiled.hpp"
"#,
        new: r#"#include "precompiled.hpp"
//  zlog: before a header of the original directory includes its own pipe.hpp.
#include "pipe.hpp"
"#,
    },
    Edit {
        file: "session_base.cpp",
        old: r#"    if (_pipe && _pipe->write (msg_)) {
        const int rc = msg_->init ();
"#,
        new: r#"    //  zlog: a message is delivered when its last frame has arrived. Without this,
    //  one that never ends would fill the memory.
    if (_pipe && !_pipe->fits (*msg_, options.maxmsgsize)) {
        errno = EMSGSIZE;
        return -1;
    }
    if (_pipe && _pipe->write (msg_)) {
        const int rc = msg_->init ();
"#,
    },
];
