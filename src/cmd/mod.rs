//! The commands, one file each: what was typed becomes a pipeline, and runs.
