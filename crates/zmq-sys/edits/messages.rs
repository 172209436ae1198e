//! Ends the connection of a peer whose message has too many frames or bytes.

use super::Edit;

pub(super) const EDITS: &[Edit] = &[
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
