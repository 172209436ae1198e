//! The arguments of `zlog formats`, and `--format-in`.

use std::path::PathBuf;

use clap::Args;

/// `zlog formats`.
#[derive(Args, Debug)]
pub struct FormatsArgs {
    /// Print these formats as files, to start your own from
    #[arg(value_name = "NAME", conflicts_with = "explain")]
    pub names: Vec<String>,
    /// Show the format of each line of FILE, and why; - is stdin
    #[arg(long, value_name = "FILE")]
    pub explain: Option<PathBuf>,
    /// Try only this format
    // clap does not require what conflicts with another argument.
    #[arg(long, value_name = "NAME", requires = "explain", conflicts_with = "names")]
    pub format_in: Option<String>,
    /// Print a JSON object for each line
    #[arg(long, requires = "explain", conflicts_with = "names")]
    pub json: bool,
}
