//! Processor time and memory of a process.
//!
//! Each handler is measured in a process of its own: a peak never decreases, and memory
//! that one handler has allocated would stay in the next one's figure.

/// Resources that this process has used so far.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub(crate) struct Usage {
    /// Seconds of processor time of all threads, user and system.
    pub cpu_seconds: Option<f64>,
    /// Peak resident memory in bytes.
    pub peak_memory: Option<u64>,
}

impl Usage {
    /// Reads the current values; `None` where the system has none.
    pub(crate) fn now() -> Usage {
        Usage { cpu_seconds: cpu_seconds(), peak_memory: peak_memory("self") }
    }
}

/// The process clock counts nanoseconds; `getrusage` may count ticks.
#[cfg(unix)]
fn cpu_seconds() -> Option<f64> {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Some(time.tv_sec as f64 + time.tv_nsec as f64 / 1e9)
}

#[cfg(not(unix))]
fn cpu_seconds() -> Option<f64> {
    None
}

/// Peak memory (`VmHWM`) of a running process, named by its ID or `self`. Not `ru_maxrss`,
/// which a child inherits from its parent.
#[cfg(target_os = "linux")]
pub(super) fn peak_memory(process: impl std::fmt::Display) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

#[cfg(not(target_os = "linux"))]
pub(super) fn peak_memory(_process: impl std::fmt::Display) -> Option<u64> {
    None
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn work_takes_processor_time_and_memory_that_was_used_stays_in_the_peak() {
        let before = Usage::now();
        let taken = vec![1u8; 64 << 20];
        let sum: u64 = taken.iter().map(|byte| u64::from(*byte)).sum();
        assert_eq!(sum, 64 << 20);
        drop(taken);
        let after = Usage::now();
        assert!(after.cpu_seconds.unwrap() > before.cpu_seconds.unwrap());
        assert!(after.peak_memory.unwrap() >= 64 << 20);
    }
}
