use super::*;
use crate::handler::file::Sync;
use crate::handler::smtp::SmtpOptions;
use crate::handler::syslog::SyslogOptions;
use crate::router::options::{FileTarget, PublishTarget, Target};
use zlog_core::format::FormatterSpec;

fn file(name: &str, path: &str) -> HandlerSpec {
    HandlerSpec::new(name, Target::File(FileTarget { path: path.into(), sync: Sync::None }))
}

fn route(matches: Match, handlers: &[&str]) -> RouteSpec {
    let handlers = handlers.iter().map(|&name| name.to_owned()).collect();
    RouteSpec { matches, level: None, handlers, propagate: true }
}

fn refusal(handlers: Vec<HandlerSpec>, routes: Vec<RouteSpec>) -> String {
    Spec { handlers, routes }.check().unwrap_err().to_string()
}

#[test]
fn empty_and_ordinary_specifications_pass() {
    Spec::default().check().unwrap();
    let handlers = vec![file("all", "all.log"), file("errors", "errors.log")];
    let routes = vec![
        route(Match::logger("root"), &["all"]),
        route(Match::Topic("app.ERROR".into()), &["errors", "all"]),
    ];
    Spec { handlers, routes }.check().unwrap();
}

#[test]
fn two_handlers_with_one_name_are_refused() {
    let text = refusal(vec![file("a", "a.log"), file("a", "b.log")], vec![]);
    assert!(text.starts_with("two handlers are called a"), "{text}");
}

#[test]
fn two_handlers_with_one_file_are_refused_however_it_is_spelled() {
    let directory = tempfile::tempdir().unwrap();
    let straight = directory.path().join("app.log");
    let winding = directory.path().join(".").join("app.log");
    for exists in [false, true] {
        if exists {
            std::fs::write(&straight, "").unwrap();
        }
        let [a, b] = [("a", &straight), ("b", &winding)]
            .map(|(name, path)| file(name, path.to_str().unwrap()));
        let text = refusal(vec![a, b], vec![]);
        assert!(text.starts_with("handlers a and b would both write to "), "{text}");
    }
}

#[cfg(unix)]
#[test]
fn a_linked_directory_is_resolved() {
    let directory = tempfile::tempdir().unwrap();
    let [real, link] = ["real", "link"].map(|name| directory.path().join(name));
    std::fs::create_dir(&real).unwrap();
    std::os::unix::fs::symlink(&real, &link).unwrap();
    let path = |directory: &Path| directory.join("deep/app.log").to_str().unwrap().to_owned();
    refusal(vec![file("a", &path(&real)), file("b", &path(&link))], vec![]);
}

#[test]
fn a_route_to_an_unknown_handler_names_the_nearest() {
    let routes = vec![route(Match::logger("app"), &["error"])];
    let text = refusal(vec![file("errors", "e.log"), file("all", "a.log")], routes);
    assert!(text.contains("logger app") && text.contains("Did you mean errors?"), "{text}");
}

#[test]
fn the_root_logger_has_two_names_and_one_route() {
    let routes = ["", "root"].map(|name| route(Match::Logger(name.into()), &["a"]));
    let text = refusal(vec![file("a", "a.log")], routes.to_vec());
    assert!(text.contains("two routes for the root logger"), "{text}");
}

#[test]
fn an_invalid_expression_is_refused() {
    let handler = HandlerSpec { grep: vec!["(".into()], ..file("a", "a.log") };
    let text = refusal(vec![handler], vec![]);
    assert!(text.starts_with("handler a: grep: not a regular expression"), "{text}");
}

#[test]
fn errors_in_formats_and_addresses_name_the_handler() {
    let format = |format: &str| FormatterSpec {
        format: Some(format.to_owned()),
        ..FormatterSpec::default()
    };
    let cases = [
        HandlerSpec { formatter: format("%(nme)s"), ..file("h", "a.log") },
        HandlerSpec::new(
            "h",
            Target::Syslog(SyslogOptions {
                address: "carrier pigeon".into(),
                ..Default::default()
            }),
        ),
        HandlerSpec::new(
            "h",
            Target::Smtp(SmtpOptions { server: "http://h".into(), ..Default::default() }),
        ),
        HandlerSpec::new(
            "h",
            Target::Smtp(SmtpOptions { subject: format("%(nme)s"), ..Default::default() }),
        ),
        HandlerSpec::new(
            "h",
            Target::Publish(PublishTarget { bind: vec!["nowhere".into()], ..Default::default() }),
        ),
    ];
    for handler in cases {
        let text = refusal(vec![handler], vec![]);
        assert!(text.starts_with("handler h: "), "{text}");
    }
}

#[test]
fn publishing_needs_an_endpoint() {
    let target = Target::Publish(PublishTarget::default());
    let text = refusal(vec![HandlerSpec::new("p", target)], vec![]);
    assert!(text.contains("p: no endpoint to publish on"), "{text}");
}
