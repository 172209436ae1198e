//! Numbers connections, names the peer of a message, and ends a connection by its number.

use super::Edit;

pub(super) const EDITS: &[Edit] = &[
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
];
