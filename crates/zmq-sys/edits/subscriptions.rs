//! Bounds what subscriptions cost: frames that are not one, their number, bytes and removal.

use super::Edit;

pub(super) const EDITS: &[Edit] = &[
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
];
