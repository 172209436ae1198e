//! Where `zlog emit` sends records: the socket or the spool, and the handlers that store them.

use std::sync::Arc;

use super::spool;
use crate::cli::{EmitArgs, EndpointArgs};
use crate::command::endpoints;
use zlog_core::text::escape::escape;
use zlog_core::{Error, Exit, Result};
use zlog_pipeline::os::signal::ShutdownSignal;
use zlog_pipeline::os::terminal;
use zlog_pipeline::router::{HandlerContext, Reporter, Router};
use zlog_pipeline::socket::{Confirmation, Engine, Publisher, SocketOptions, Stall};

/// Where records go.
pub(super) struct Opened {
    /// `None` if they are only stored.
    pub(super) publisher: Option<Publisher>,
    /// With `--spool`.
    pub(super) confirmation: Option<Confirmation>,
    /// `None` if they are only published.
    pub(super) stores: Option<Router>,
}

/// Opens the socket, and the handlers that store records.
///
/// # Errors
/// An endpoint or a handler can't be used, or `--tee` has nowhere to write to, under `--strict`.
pub(super) fn open(args: &EmitArgs, stop: &ShutdownSignal) -> Result<Opened> {
    if args.strict && args.tee {
        terminal::check_stdout()?;
    }
    let stores = args.stores.0.spec(args.on_full)?;
    let reporter: Reporter =
        if args.quiet { Arc::new(|_: &str| {}) } else { super::super::stderr_reporter() };
    let context = HandlerContext::new("emit", stop, reporter).with_linger(args.linger.0);
    // A job must not wait for a server that is away.
    let context = context.wait_in_outages(!args.has_writer());
    let stores =
        (!stores.handlers.is_empty()).then(|| Router::open(stores, context)).transpose()?;
    let (publisher, confirmation) =
        args.publishes().then(|| open_publisher(args)).transpose()?.unzip();
    Ok(Opened { publisher, confirmation: confirmation.flatten(), stores })
}

/// Opens the socket.
fn open_publisher(args: &EmitArgs) -> Result<(Publisher, Option<Confirmation>)> {
    let mut options = SocketOptions::publisher();
    options.hwm = args.hwm;
    options.stall = args.stall.map_or(Stall::Never, |stall| Stall::typed(Some(stall.0)));
    options.engine = Engine::of_name(args.endpoints.engine.as_deref().unwrap_or_default())?;
    options.insecure = args.endpoints.insecure;
    options.key = args.endpoints.key.clone();
    let report = |text: &str| {
        if !args.quiet {
            terminal::eprint_line(format_args!("zlog emit: {}", escape(text)));
        }
    };
    if let Some(directory) = &args.spool {
        let (publisher, confirmation) = spool::open(args, directory, options, &report)?;
        return Ok((publisher, Some(confirmation)));
    }
    let publisher = endpoints::open_publisher(&args.endpoints, &options, &report)?;
    if !args.quiet {
        endpoints::print_bound("emit", publisher.bound());
    }
    Ok((publisher, None))
}

/// Whether an endpoint or a handler on the command line is malformed. One from the environment may be, and
/// whoever started the job may not know of it.
pub(super) fn is_wrong_usage(args: &EmitArgs, error: &Error) -> bool {
    let EndpointArgs { bind, connect, .. } = &args.endpoints;
    let is_typed = !(bind.is_empty() && connect.is_empty() && args.stores.0.is_empty());
    error.exit() == Exit::Usage && is_typed
}
