//! `[relay]`: the options of `zlog relay`, under the same names.

use clap::Command;

use super::Overrides;
use super::settings::{self, Setting};
use super::table_reader::TableReader;
use zlog_pipeline::handler::queue::OnFull;
use zlog_pipeline::router::options::CLASSES;
use zlog_pipeline::source::python::Address;

/// Options that make sense on the command line only.
const NOT_IN_FILES: [&str; 6] = ["config", "check", "status", "output", "help", "version"];

/// Whether an option describes a handler. Handlers have tables of their own.
fn is_handler(option: &str) -> bool {
    CLASSES.iter().any(|class| class.option.strip_prefix("--") == Some(option))
}

/// Whether a file may set an option.
pub(super) fn is_setting(option: &str) -> bool {
    !NOT_IN_FILES.contains(&option) && !is_handler(option)
}

/// Reads the table. Checks each option, and that the options of the file can be combined.
pub(super) fn read(
    document: &mut TableReader<'_>,
    command: &Command,
    overrides: &Overrides,
) -> Vec<Setting> {
    let Some(mut reader) = document.table("relay") else { return Vec::new() };
    let mut addresses = Vec::new();
    let check = |option: &str, value: &str, offset| {
        settings::check_endpoint("relay", option, value)?;
        let address = listen_address(option, value, overrides);
        addresses.extend(address.map(|address| (offset, address)));
        Ok(())
    };
    let settings = settings::read(&mut reader, command, is_setting, check);
    settings::check_combination(&reader, command, &settings, false);
    let remote =
        |setting: &Setting| setting.arguments.iter().any(|argument| argument == "--allow-remote");
    if !overrides.allow_remote && !settings.iter().any(remote) {
        for (offset, (option, address)) in addresses {
            if let Err(error) = address.check_local() {
                reader.error_from(offset, option, &error);
            }
        }
    }
    let known = |name: &str| command.get_arguments().any(|arg| arg.get_long() == Some(name));
    reader.finish(|key| {
        if is_handler(key) {
            return Some("Handlers have tables of their own: [handlers.NAME].".into());
        }
        if NOT_IN_FILES.contains(&key) && known(key) {
            return Some(format!("It is an option of the command line only: --{key}."));
        }
        settings::alias(command, key)
    });
    settings
}

/// The address of a listening option, unless the command line overrides it.
fn listen_address(
    option: &str,
    value: &str,
    overrides: &Overrides,
) -> Option<(&'static str, Address)> {
    let option = match option {
        "listen" if !overrides.listen => "listen",
        "listen-udp" if !overrides.listen_udp => "listen-udp",
        "otlp-listen" if !overrides.otlp_listen => "otlp-listen",
        _ => return None,
    };
    Some((option, value.parse().ok()?))
}

/// The default of `on-full` for queues: that of the relay.
pub(super) fn on_full(settings: &[Setting]) -> OnFull {
    let block =
        |setting: &Setting| setting.arguments.iter().any(|argument| argument == "--on-full=block");
    if settings.iter().any(block) { OnFull::Block } else { OnFull::Drop }
}
