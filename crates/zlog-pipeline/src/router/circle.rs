//! Finds handlers that send to where the same process receives: its records would circulate
//! endlessly.
//!
//! Only what is certain without a lookup is found. Nobody can see a circle through other processes.

use super::options::RecordInput;
use super::spec::Spec;
use zlog_core::text::escape::escape;
use zlog_core::{Error, Result};

impl Spec {
    /// Refuses a handler that sends to one of these inputs of the same process.
    ///
    /// # Errors
    /// There is one.
    pub fn check_circles(&self, inputs: &[RecordInput]) -> Result<()> {
        for handler in &self.handlers {
            let target = handler.target.as_dyn();
            let Some(input) = inputs.iter().find(|input| target.sends_to(input)) else { continue };
            let name = escape(&handler.name);
            return Err(Error::usage(format!(
                "handler {name} would send records back to their source: {input}"
            ))
            .hint("They would circulate endlessly. Send them elsewhere, or receive elsewhere."));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handler::nats::NatsOptions;
    use crate::handler::otlp::OtlpOptions;
    use crate::nats::server::ServerOptions;
    use crate::nats::stream::StreamOptions;
    use crate::router::{HandlerSpec, PublishTarget, Target};
    use crate::socket::{Endpoint, Role};

    fn otlp(url: &str, listen: &str) -> Result<()> {
        let inputs = RecordInput::otlp(&[listen.parse().unwrap()], true).unwrap();
        let target = OtlpOptions { url: url.to_owned(), ..OtlpOptions::default() };
        check(Target::Otlp(target), &inputs)
    }

    fn check(target: Target, inputs: &[RecordInput]) -> Result<()> {
        let handlers = vec![HandlerSpec::new("out", target)];
        Spec { handlers, ..Spec::default() }.check_circles(inputs)
    }

    #[test]
    fn a_collector_that_is_the_own_listener_is_refused_however_it_is_written() {
        for (url, listen) in [
            ("http://127.0.0.1:4318", "4318"),
            ("http://127.0.0.1:4318/v1/logs?x=y", "127.0.0.1"),
            ("grpc://localhost:4317", "4317"),
            ("grpc://127.0.0.1", "127.0.0.1:4317"),
            ("http://[::1]:4318", "[::1]:4318"),
            ("http://127.0.0.1:4318", "*:4318"),
            ("http://127.0.0.1", "127.0.0.1:80"),
        ] {
            let error = otlp(url, listen).expect_err(url).to_string();
            assert!(
                error.contains("handler out would send records back to their source: "),
                "{error}"
            );
            assert!(error.contains(" (OTLP)\n  They would circulate endlessly."), "{error}");
        }
        for (url, listen) in [
            ("http://127.0.0.1:4318", "4317"),
            ("http://192.0.2.1:4318", "4318"),
            ("http://127.0.0.2:4318", "127.0.0.1:4318"),
            ("http://127.0.0.1:4318", "127.0.0.1:0"),
        ] {
            otlp(url, listen).unwrap_or_else(|error| panic!("{url} {listen}: {error}"));
        }
    }

    #[test]
    fn an_endpoint_that_is_collected_from_is_no_target() {
        let input = |text| RecordInput::ZeroMq(Endpoint::parse(text, Role::Bind).unwrap());
        let inputs = [input("tcp://127.0.0.1:12344"), input("ipc:///tmp/in")];
        let target = |connect: &str| {
            Target::Publish(PublishTarget {
                connect: vec![connect.to_owned()],
                ..PublishTarget::default()
            })
        };
        for circle in ["tcp://localhost:12344", "ipc:///tmp/in"] {
            assert!(check(target(circle), &inputs).is_err(), "{circle}");
        }
        for other in ["tcp://127.0.0.1:12345", "tcp://192.0.2.1:12344", "ipc:///tmp/out"] {
            check(target(other), &inputs).unwrap();
        }
        let subscribed =
            [RecordInput::ZeroMq(Endpoint::parse("tcp://127.0.0.1:12344", Role::Connect).unwrap())];
        check(target("tcp://127.0.0.1:12344"), &subscribed).unwrap();
        let bind = PublishTarget { bind: vec!["tcp://*:12344".to_owned()], ..Default::default() };
        assert!(check(Target::Publish(bind), &subscribed).is_err());
        let spool = |confirm_at: Option<&str>| {
            Target::Publish(PublishTarget {
                connect: vec!["tcp://127.0.0.1:12344".to_owned()],
                spool: Some("spool".into()),
                confirm_at: confirm_at.map(str::to_owned),
                ..PublishTarget::default()
            })
        };
        assert!(check(spool(None), &inputs).is_err());
        check(spool(Some("tcp://127.0.0.1:5")), &inputs).unwrap();
        // A port has one protocol.
        let otlp = RecordInput::otlp(&["12344".parse().unwrap()], false).unwrap();
        check(target("tcp://127.0.0.1:12344"), &otlp).unwrap();
    }

    #[test]
    fn a_stream_that_is_read_is_no_target_and_another_one_is() {
        let servers = |text: &str| ServerOptions { servers: text.to_owned(), ..Default::default() };
        let input = [RecordInput::Nats {
            servers: servers("nats://a:4222,nats://b"),
            stream: "LOGS".to_owned(),
            prefix: "zlog".to_owned(),
        }];
        let options = |server: &str, stream: &str| {
            let stream = StreamOptions { name: stream.to_owned(), ..StreamOptions::default() };
            NatsOptions { server: servers(server), stream, ..NatsOptions::default() }
        };
        let target = |server: &str, stream: &str| Target::Nats(options(server, stream));
        assert!(check(target("nats://b:4222", "LOGS"), &input).is_err());
        assert!(check(target("c,a", "LOGS"), &input).is_err());
        check(target("nats://b", "COPY"), &input).unwrap();
        check(target("nats://c", "LOGS"), &input).unwrap();
        let with_prefix = |prefix: &str| {
            Target::Nats(NatsOptions { prefix: prefix.to_owned(), ..options("nats://b", "LOGS") })
        };
        assert!(check(with_prefix("zlog.site1"), &input).is_err());
        check(with_prefix("zlogs"), &input).unwrap();
        // The stream of another account.
        let mut other = options("nats://b", "LOGS");
        other.server.credentials = Some("b.creds".into());
        check(Target::Nats(other), &input).unwrap();
    }
}
