//! Everything that is tried on the real `zlog`: processes, sockets, terminals.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

/// The public API of the crates that other programs use.
mod api;
/// `zlog bench`: every handler, bad input, baselines, and how it ends.
mod bench;
/// `zlog canary`: what it finds lost, repeated and late.
mod canary;
/// Help, version, wrong usage.
mod cli;
/// Clocks that are set back while a process waits.
mod clock;
/// `zlog relay --config`: files that are checked, run, and read again.
mod config;
/// Confirmed delivery: killed processes, damaged spools, full disks.
#[cfg(unix)]
mod confirmed;
/// Files and messages that a fuzzer has changed.
mod decoders;
/// `zlog demo`.
mod demo;
/// The limit on open files: raised, given back to children, reported when it is reached.
mod descriptors;
/// The commands in README.md and docs/ are run.
mod docs;
/// `zlog emit`: what is published, and how it ends.
mod emit;
/// The engine `zmtp`, with PyZMQ on the other side.
mod engine;
/// Arguments that messages quote: none steers a terminal or forges a line.
mod escapes;
/// Stopped and killed processes: what is lost, and what is reported.
mod faults;
/// Format strings, held against CPython.
mod format;
/// `zlog formats`, and the formats of lines.
mod formats;
/// Completions and man pages: committed ones are fresh, and they work.
mod generate;
/// Each handler by itself, against files, mail servers and daemons.
mod handlers;
/// Helpers of the tests.
mod harness;
/// Host names: slow name servers, several addresses, names that appear and move.
mod host_names;
/// Commands that wait for input.
#[cfg(target_os = "linux")]
mod idle;
/// README's ways to install zlog.
mod install;
/// TCP keepalive on every connection.
mod keepalive;
/// Crates, and what each layer must not depend on.
mod layers;
/// The output of many loggers.
mod loggers;
/// NATS JetStream: the handler and the source, against real servers.
#[cfg(feature = "nats")]
mod nats;
/// Process 1 of a container, and a subreaper.
#[cfg(target_os = "linux")]
mod orphans;
/// OpenTelemetry's protocol: the handler and the source, against real peers.
#[cfg(feature = "otlp")]
mod otlp;
/// What the packages hold; their metadata, templates and workflows.
mod packages;
/// Every dialect, source, handler, output and command is really run.
mod parity;
/// PyZMQ, Logbook and plain Python at the other end of the stream.
mod peers;
/// The Python package `zlog_logging`, on every CPython that this machine has.
mod python_package;
/// `zlog relay`: what passes through it, and what it says of itself.
mod relay;
/// Several handlers at once, and routes to them.
mod route;
/// The default endpoint and the run directory: processes of one user meet.
#[cfg(target_os = "linux")]
mod run_directory;
/// docs/scale.md: its model and its configurations.
mod scale;
/// Who may read and write records.
#[cfg(unix)]
mod security;
/// Planned shutdowns and broken connections: what arrives, and what is reported as lost.
mod shutdown;
/// Commands end by the signal that stopped them.
mod signals;
/// Python's network handlers → `zlog emit --listen`.
mod sources;
/// Hostile subscribers, and the high-water mark of subscriptions.
mod subscribers;
/// The lines of usual servers and libraries, by name.
mod systems;
/// `zlog tail`: which records are shown, how, and what is reported.
mod tail;
/// A real pseudo-terminal: what a person sees.
mod terminal;
/// `zlog top`: the numbers, and the screen in terminals.
mod top;
