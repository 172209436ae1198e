//! Sockets of this engine against each other, against libzmq, and against hostile peers.

mod attack;
mod conformance;
mod curve;
mod delivery;
mod ends;
mod forward;
mod harness;
mod hostile;
mod links;
mod matrix;
mod notices;
mod peers;
mod router;
