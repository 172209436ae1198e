//! The machine and the build that figures belong to.

use serde::{Deserialize, Serialize};
use zlog_core::text::plural::counted;

/// The machine and the program.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Machine {
    /// The operating system and processor architecture: `linux x86_64`.
    pub system: String,
    /// The kernel's release; empty if unknown.
    pub kernel: String,
    /// The processor's name; empty if unknown.
    pub cpu: String,
    /// Processors that this process may use.
    pub cores: usize,
    /// The version of zlog.
    pub zlog: String,
    /// The version of the libzmq that is linked in.
    pub libzmq: String,
    /// Whether it was compiled with optimisation: `release` or `debug`.
    pub build: String,
}

impl Machine {
    /// The current machine and build.
    pub fn this() -> Machine {
        let (major, minor, patch) = zlog_pipeline::socket::libzmq_version();
        Machine {
            system: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
            kernel: kernel(),
            cpu: cpu(),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            zlog: env!("CARGO_PKG_VERSION").to_owned(),
            libzmq: format!("{major}.{minor}.{patch}"),
            build: if cfg!(debug_assertions) { "debug" } else { "release" }.to_owned(),
        }
    }
}

impl Machine {
    /// The remark that a reader of figures from this build needs.
    pub(crate) fn remark(&self) -> Option<String> {
        (self.build == "debug")
            .then(|| "This is a debug build: its figures say little about a release.".to_owned())
    }
}

/// One line, for the head of a report.
impl std::fmt::Display for Machine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "zlog {} ({} build), libzmq {}, ", self.zlog, self.build, self.libzmq)?;
        f.write_str(&counted(self.cores, "core"))?;
        for part in [&self.cpu, &self.system, &self.kernel] {
            if !part.is_empty() {
                write!(f, ", {part}")?;
            }
        }
        Ok(())
    }
}

#[cfg(unix)]
fn kernel() -> String {
    rustix::system::uname().release().to_string_lossy().into_owned()
}

#[cfg(not(unix))]
fn kernel() -> String {
    String::new()
}

/// Linux names the processor on x86; on other machines the line may be missing.
fn cpu() -> String {
    let cpuinfo = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let line = cpuinfo.lines().find(|line| line.starts_with("model name"));
    let name = line.and_then(|line| line.split_once(':')).map_or("", |(_, name)| name.trim());
    name.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_has_a_system_a_processor_and_versions() {
        let machine = Machine::this();
        assert!(machine.cores >= 1 && machine.system.contains(std::env::consts::ARCH));
        assert_eq!(machine.zlog, env!("CARGO_PKG_VERSION"));
        let shown = machine.to_string();
        assert!(shown.contains("libzmq 4.3.5") && !shown.contains(", ,"), "{shown}");
    }
}
