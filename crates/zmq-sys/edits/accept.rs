//! Refuses a connection when there is no descriptor for it.

use super::Edit;

pub(super) const EDITS: &[Edit] = &[
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
];
