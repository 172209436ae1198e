//! Names the options that leave records out.

use crate::cli::TailArgs;
use zlog_core::Result;
use zlog_core::filter::Filter;
use zlog_core::format::{TimeFormat, zone};

/// The options by which the arguments select records, and the times that they stand for:
/// `-l and --since; --since is 2026-11-26 14:00:00`.
///
/// # Errors
/// None: the format of the times is valid.
pub(super) fn selecting_options(args: &TailArgs, filter: &Filter) -> Result<String> {
    let options = [
        ("TOPIC", !args.select.topics.is_empty()),
        ("--root", !args.select.root.is_empty()),
        ("--not", !args.select.not.is_empty()),
        ("-l", args.select.level.is_some()),
        ("--from-source", !args.select.from_source.is_empty()),
        ("--since", filter.since.is_some()),
        ("--until", filter.until.is_some()),
        ("--where", !args.select.conditions.is_empty()),
        ("-i", !args.select.grep.is_empty()),
        ("-e", !args.select.exclude.is_empty()),
    ];
    let given = options.iter().filter(|(_, is_given)| *is_given);
    let mut text = given.map(|(option, _)| *option).collect::<Vec<_>>().join(" and ");
    let mut format = TimeFormat::new("%Y-%m-%d %H:%M:%S", zone(args.format.utc))?;
    for (option, time) in [("--since", filter.since), ("--until", filter.until)] {
        let Some(time) = time else { continue };
        let mut shown = Vec::new();
        format.write(time, &mut shown);
        text += &format!("; {option} is {}", String::from_utf8_lossy(&shown));
    }
    Ok(text)
}
