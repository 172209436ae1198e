//! `--FLAG=false` and `--FLAG=true`: how a command line leaves out a flag that a configuration
//! file sets.
//!
//! They apply to every flag, and to every option whose value is optional, without a line for
//! each: they are taken out of the command line before clap parses it.

use std::ffi::{OsStr, OsString};

use clap::{Arg, ArgAction, Command};

/// The command line as clap understands it: without `--FLAG=false`, and with `--FLAG` for
/// `--FLAG=true`. `parser` is the whole parser. What follows `--` stays.
pub(crate) fn applied(line: &[OsString], parser: &Command) -> Vec<OsString> {
    let mut command = parser;
    let mut applied = Vec::with_capacity(line.len());
    let mut words = line.iter();
    for word in words.by_ref() {
        if word == "--" {
            applied.push(word.clone());
            break;
        }
        if let Some(subcommand) = word.to_str().and_then(|word| command.find_subcommand(word)) {
            command = subcommand;
        }
        match split(word).filter(|(name, _)| has_switch(command, name)) {
            Some((_, false)) => {}
            Some((name, true)) => applied.push(format!("--{name}").into()),
            None => applied.push(word.clone()),
        }
    }
    applied.extend(words.cloned());
    applied
}

/// Whether the command line switches an option off.
pub(crate) fn is_off(line: &[OsString], arg: &Arg) -> bool {
    let words = line.iter().take_while(|word| *word != "--");
    is_switch(arg) && words.filter_map(|word| split(word)).any(|(name, on)| !on && is(arg, name))
}

/// The name and the value of `--NAME=true` or `--NAME=false`.
fn split(word: &OsStr) -> Option<(&str, bool)> {
    let (name, value) = word.to_str()?.strip_prefix("--")?.split_once('=')?;
    Some((name, value.parse().ok()?))
}

fn has_switch(command: &Command, name: &str) -> bool {
    command.get_arguments().any(|arg| is(arg, name) && is_switch(arg))
}

fn is(arg: &Arg, name: &str) -> bool {
    arg.get_long() == Some(name) || arg.get_all_aliases().is_some_and(|all| all.contains(&name))
}

/// Whether the option is complete without a value.
fn is_switch(arg: &Arg) -> bool {
    let optional = arg.get_num_args().is_some_and(|number| number.min_values() == 0);
    optional || matches!(arg.get_action(), ArgAction::SetTrue)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied_to(line: &str) -> String {
        let line: Vec<OsString> = line.split(' ').map(OsString::from).collect();
        applied(&line, &crate::cli::command()).join(OsStr::new(" ")).into_string().unwrap()
    }

    #[test]
    fn flags_are_switched_on_and_off_and_other_words_stay() {
        for (line, expected) in [
            ("zlog tail --quiet=false x", "zlog tail x"),
            ("zlog tail --quiet=true --stats=false", "zlog tail --quiet"),
            ("zlog tail --color=true --color=never", "zlog tail --color --color=never"),
            ("zlog tail --root=false", "zlog tail --root=false"),
            ("zlog tail --no-such=false", "zlog tail --no-such=false"),
            ("zlog emit --tee=false -- x --tee=false", "zlog emit -- x --tee=false"),
            ("zlog bench pipeline --verbose=false", "zlog bench pipeline --verbose=false"),
        ] {
            assert_eq!(applied_to(line), expected);
        }
    }
}
