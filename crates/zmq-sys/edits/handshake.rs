//! Reports a peer whose socket type does not fit, with that type, and refuses programs that do
//! not speak ZeroMQ.
//!
//! libzmq closes a connection whose socket type does not fit without an event. It also takes the
//! handshake for done, so that a publisher among the peers of a publisher looked like a subscriber
//! that breaks the protocol.
//!
//! It takes whatever does not begin with the greeting of a later version for a peer of ZMTP 1.0,
//! that of libzmq 2 (2012): an HTTP server counted as a subscriber of everything. If such a peer
//! leaves early, libzmq aborts.

use super::Edit;

pub(super) const EDITS: &[Edit] = &[
    Edit {
        file: "null_mechanism.cpp",
        old: r#"    _ready_command_received = true;
    return parse_metadata (cmd_data_ + ready_command_name_len,
                           data_size_ - ready_command_name_len);
}
"#,
        new: r#"    const int rc = parse_metadata (cmd_data_ + ready_command_name_len,
                                   data_size_ - ready_command_name_len);
    _ready_command_received = rc == 0;
    if (rc == -1 && errno == EINVAL) {
        //  zlog: the socket type does not fit. The event's value is 0x7a000100,
        //  and the number of the type, or 255.
        static const char *const types[] = {
          "PAIR", "PUB",  "SUB",  "REQ",  "REP",    "DEALER", "ROUTER",
          "PULL", "PUSH", "XPUB", "XSUB", "STREAM", "SERVER", "CLIENT",
          "RADIO", "DISH", "GATHER", "SCATTER", "DGRAM", "PEER", "CHANNEL"};
        const std::string ready (reinterpret_cast<const char *> (cmd_data_),
                                 data_size_);
        int type = 255;
        for (int i = 0; i < (int) (sizeof types / sizeof *types); i++) {
            const std::string name (types[i]);
            const std::string property =
              std::string ("Socket-Type") + std::string (3, '\0')
              + static_cast<char> (name.size ()) + name;
            if (ready.find (property) != std::string::npos)
                type = i;
        }
        session->get_socket ()->event_handshake_failed_protocol (
          session->get_endpoint (), 0x7a000100 + type);
        errno = EINVAL;
    }
    return rc;
}
"#,
    },
    Edit {
        file: "zmtp_engine.cpp",
        old: r#"    //  We send and receive rest of routing id message
    if (session ()->zap_enabled ()) {
        // reject ZMTP 1.0 connections if ZAP is enabled
        error (protocol_error);
        return false;
    }
"#,
        new: r#"    {
        //  zlog: not ZMTP 2 or 3.
        socket ()->event_handshake_failed_protocol (session ()->get_endpoint (),
                                                    0x7a000002);
        error (protocol_error);
        return false;
    }
"#,
    },
];
