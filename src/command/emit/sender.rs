//! What `zlog emit` adds to each record, as its arguments say.

use super::source;
use crate::cli::EmitArgs;
use zlog_pipeline::sender::SenderFields;
use zlog_pipeline::source::SourceKind;

/// The fields of records that do not bring their own.
pub(super) fn fields(args: &EmitArgs) -> SenderFields {
    let name = args.name.as_deref().unwrap_or(match &*args.root {
        "" => "root", // Python's name for the root logger
        root => root,
    });
    let mut sender = SenderFields::of_this_process(name);
    sender.root.clone_from(&args.root);
    sender.stored = source::is_stored(args);
    // Without a root, a replay publishes records under their original topics.
    sender.trust_topic = args.trust_topic || (args.replay.is_some() && args.root.is_empty());
    if args.source_kind() == SourceKind::Otlp {
        // Their topics begin with the root.
        (sender.trust_topic, sender.of_others) = (true, true);
    }
    sender.subtopic = args.subtopic.clone().unwrap_or_default().leak();
    if let Some(source) = &args.source {
        sender.source = source.clone().leak();
    }
    if let Some(program) = args.command.first() {
        let program = std::path::Path::new(program);
        let name = program.file_name().unwrap_or(program.as_os_str());
        sender.process_name = name.to_string_lossy().into_owned().leak();
    }
    sender
}
