//! Reports a peer whose socket type does not fit, with that type.
//!
//! libzmq closes such a connection without an event. It also takes the handshake for done, so
//! that a publisher among the peers of a publisher looked like a subscriber that breaks the
//! protocol.

use super::Edit;

pub(super) const EDITS: &[Edit] = &[Edit {
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
}];
