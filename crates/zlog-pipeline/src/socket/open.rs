//! Opens sockets on the engine that was chosen, or that their endpoints need.

use super::endpoint::Endpoint;
use super::engine::Engine;
use super::native::confirm::{ConfirmService, ReceiveOptions};
use super::native::query::QueryServer;
use super::options::SocketOptions;
use super::proxy::{Proxy, ProxyOptions, ProxySocket};
use super::publisher::{Publisher, PublisherSocket};
use super::subscriber::Subscriber;
use super::{libzmq, native};
use zlog_core::Result;

impl Publisher {
    /// Opens a publisher on `endpoints`, which may be bound and connected ones.
    ///
    /// # Errors
    /// An endpoint can't be bound or connected; the error names it, the cause and the next
    /// step.
    pub fn open(endpoints: &[Endpoint], options: &SocketOptions) -> Result<Publisher> {
        let options = &options.secured(endpoints)?;
        let socket: Box<dyn PublisherSocket> =
            match Engine::for_endpoints(options.engine, endpoints) {
                Engine::Libzmq => Box::new(libzmq::publisher::Publisher::open(endpoints, options)?),
                Engine::Native => Box::new(native::publisher::Publisher::open(endpoints, options)?),
            };
        Ok(Publisher::of(socket))
    }
}

impl Subscriber {
    /// Opens a subscriber of `topics` (byte prefixes; the empty one is everything) on
    /// `endpoints`, which may be bound and connected ones.
    ///
    /// # Errors
    /// An endpoint can't be bound or connected; the error names it, the cause and the next
    /// step.
    pub fn open<T: AsRef<[u8]>>(
        endpoints: &[Endpoint],
        topics: &[T],
        options: &SocketOptions,
    ) -> Result<Subscriber> {
        let options = &options.secured(endpoints)?;
        Ok(Subscriber::of(match Engine::for_endpoints(options.engine, endpoints) {
            Engine::Libzmq => {
                Box::new(libzmq::subscriber::Subscriber::open(endpoints, topics, options)?)
            }
            Engine::Native => {
                Box::new(native::subscriber::Subscriber::open(endpoints, topics, options)?)
            }
        }))
    }
}

impl Proxy {
    /// Opens both sockets, the publishing one first: what is collected can then be forwarded.
    ///
    /// # Errors
    /// An endpoint can't be bound or connected; the error names it, the cause and the next
    /// step.
    pub fn open(
        collect_on: &[Endpoint],
        publish_on: &[Endpoint],
        options: &ProxyOptions,
    ) -> Result<Proxy> {
        let options = &ProxyOptions {
            collect: options.collect.secured(collect_on)?,
            publish: options.publish.secured(publish_on)?,
            block: options.block,
        };
        let endpoints = collect_on.iter().chain(publish_on);
        let socket: Box<dyn ProxySocket> =
            match Engine::for_endpoints(options.publish.engine, endpoints) {
                Engine::Libzmq => {
                    Box::new(libzmq::proxy::Proxy::open(collect_on, publish_on, options)?)
                }
                Engine::Native => {
                    Box::new(native::proxy::Proxy::open(collect_on, publish_on, options)?)
                }
            };
        Ok(Proxy { socket, security: options.collect.clone() })
    }

    /// Opens a server of queries. A question ends [`ProxySocket::wait`].
    ///
    /// # Errors
    /// An endpoint can't be bound; the error names it, the cause and the next step.
    pub fn open_query_server(&self, endpoints: &[Endpoint]) -> Result<QueryServer> {
        QueryServer::open(endpoints, &self.security, self.waker())
    }

    /// Receives records with confirmation on `endpoints`, and forwards them with the others.
    ///
    /// # Errors
    /// The spool can't be used, an endpoint can't be bound, or the engine is libzmq.
    pub fn open_confirm_service(
        &mut self,
        endpoints: &[Endpoint],
        options: ReceiveOptions,
    ) -> Result<ConfirmService> {
        let (publisher, handed) = self.counted_publisher()?;
        let waker = self.waker();
        ConfirmService::open(endpoints, &self.security, options, publisher, handed, waker)
    }
}
