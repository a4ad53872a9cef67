//! What the process has at the moment: threads, open files, memory. Read from Linux's `/proc` (proc(5)).

use std::fs;
use std::io;

/// Threads, open files and memory of this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Footprint {
    /// Threads.
    pub threads: u64,
    /// Open files and sockets.
    pub files: u64,
    /// Memory that is in use, KiB.
    pub resident: u64,
}

impl Footprint {
    /// That of this moment.
    ///
    /// # Errors
    /// Where there is no `/proc`.
    pub fn now() -> io::Result<Self> {
        let status = fs::read_to_string("/proc/self/status")?;
        let number = |field: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
            let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
            number.ok_or_else(|| io::Error::other(format!("/proc/self/status has no {field}")))
        };
        // The folder that is being read is one of them, each time.
        let files = fs::read_dir("/proc/self/fd")?.count() as u64;
        Ok(Self { threads: number("Threads")?, files, resident: number("VmRSS")? })
    }
}
