//! examples/relay.toml.

use super::*;
use zlog_pipeline::router::options::{self, CLASSES};

const EXAMPLE: &str = include_str!("../../../examples/relay.toml");

/// Fails unless a table of this kind (`[handlers.`) shows the key, as a key or commented out.
/// If `class` is not empty, it must be a table of this class.
#[track_caller]
fn shows(table: &str, class: &str, key: &str) {
    let of_class = format!("class = \"{class}\"");
    let tables = EXAMPLE.split("\n[").filter(|text| format!("[{text}").starts_with(table));
    let tables = tables.filter(|text| class.is_empty() || text.contains(&of_class));
    let mut lines = tables.flat_map(str::lines).map(|line| line.trim_start_matches("# "));
    let shown = lines.any(|line| line.starts_with(&format!("{key} = ")));
    assert!(shown, "examples/relay.toml does not show {key} in {table} {class}");
}

#[test]
fn the_annotated_example_is_valid_and_has_a_handler_of_each_class() {
    let path = Path::new("examples/relay.toml");
    let config = Config::parse(path, EXAMPLE, &relay_parser(), &Overrides::default());
    let config = config.unwrap_or_else(|error| panic!("{error}"));
    assert!(config.notes.is_empty(), "{:?}", config.notes);
    assert_eq!(config.spec.handlers.len(), CLASSES.len());
}

#[test]
fn the_annotated_example_shows_every_key() {
    for class in CLASSES {
        let keys = class.main.iter().chain(class.keys.iter().copied().flatten());
        keys.for_each(|key| shows("[handlers.", class.name, key.name));
    }
    // Keys of all handlers are shown once.
    let common = options::FILTER.iter().chain(options::QUEUE).chain(options::FORMAT);
    let common = common.map(|key| key.name);
    common
        .chain(["formatter", "validate", "defaults"])
        .for_each(|key| shows("[handlers.", "", key));
    let format = options::FORMAT.iter().map(|key| key.name);
    format.chain(["validate", "defaults"]).for_each(|key| shows("[formatters.", "", key));
    for table in ["[root]", "[loggers.", "[topics."] {
        ["level", "handlers"].into_iter().for_each(|key| shows(table, "", key));
    }
    shows("[loggers.", "", "propagate");
    let relay = relay_parser();
    let options = relay.get_arguments().filter_map(Arg::get_long);
    let options = options.filter(|option| crate::config::relay::is_setting(option));
    options.for_each(|option| shows("[relay]", "", option));
}

#[test]
fn lines_that_are_commented_out_in_the_example_are_valid() {
    let lines: Vec<&str> = EXAMPLE.lines().collect();
    let key = regex::Regex::new(r"^# [a-z-]+ = \S").unwrap();
    let mut tried = 0;
    for (at, line) in lines.iter().enumerate().filter(|(_, line)| key.is_match(line)) {
        let mut lines = lines.clone();
        lines[at] = &line[2..];
        let text = lines.join("\n");
        if let Err(error) =
            Config::parse(Path::new("a.toml"), &text, &relay_parser(), &Overrides::default())
        {
            // The only error is that these options exclude or need each other.
            let error = error.to_string();
            let beside = [
                "both a formatter and format keys",
                "cannot be used",
                "were not provided",
                "milliseconds",
                "needs a key, and a key a certificate",
                "has no effect with",
            ];
            let beside = beside.iter().any(|why| error.contains(why));
            assert!(beside && !error.contains("unknown key"), "{line}: {error}");
        }
        tried += 1;
    }
    assert!(tried > 5);
}
