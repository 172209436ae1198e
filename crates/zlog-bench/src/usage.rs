//! What this process has used up: processor time and memory.
//!
//! What may be here: asking the system. Each handler is measured in a process of
//! its own, so that the peak is that handler's: a peak can't be taken back, and
//! what one handler has allocated would stay in the next one's figure.

/// Resources of this process, so far.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Usage {
    /// Seconds of processor time, of all threads, in the program and in the system.
    pub cpu_seconds: Option<f64>,
    /// The most memory that was resident at once, in bytes.
    pub peak_memory: Option<u64>,
}

impl Usage {
    /// What the system says now. `None` for what it does not tell.
    pub fn now() -> Usage {
        Usage { cpu_seconds: cpu_seconds(), peak_memory: peak_memory() }
    }
}

/// The process's own clock counts in nanoseconds, where `getrusage` may go by ticks.
#[cfg(unix)]
fn cpu_seconds() -> Option<f64> {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Some(time.tv_sec as f64 + time.tv_nsec as f64 / 1e9)
}

#[cfg(not(unix))]
fn cpu_seconds() -> Option<f64> {
    None
}

/// `VmHWM` of this process. Not `ru_maxrss`: a child begins with its parent's.
#[cfg(target_os = "linux")]
fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

#[cfg(not(target_os = "linux"))]
fn peak_memory() -> Option<u64> {
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
