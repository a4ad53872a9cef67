//! Whether a thread sleeps or would run if it could.

#[cfg(target_os = "linux")]
use std::path::PathBuf;

/// A thread, to be looked at by others.
///
/// On a machine with more to do than processors a quick handler may stand still for milliseconds, and so may everybody else: taking the role from
/// its thread helps nobody, and costs a thread. On Linux the state in proc(5) tells; elsewhere a thread counts as asleep.
#[derive(Debug)]
pub(super) struct Pulse {
    #[cfg(target_os = "linux")]
    stat: Option<PathBuf>,
}

impl Pulse {
    /// Of the calling thread.
    pub(super) fn mine() -> Self {
        Self {
            #[cfg(target_os = "linux")]
            stat: std::fs::read_link("/proc/thread-self").ok().map(|own| PathBuf::from("/proc").join(own).join("stat")),
        }
    }

    /// It waits for something other than a processor, as far as can be told.
    #[cfg(target_os = "linux")]
    pub(super) fn sleeps(&self) -> bool {
        let stat = self.stat.as_ref().and_then(|stat| std::fs::read_to_string(stat).ok());
        // The name before it stands in brackets and may be anything.
        let state = stat.as_deref().and_then(|stat| stat.rsplit_once(") ")).and_then(|(_, rest)| rest.chars().next());
        state != Some('R')
    }

    /// It waits for something other than a processor, as far as can be told.
    #[cfg(not(target_os = "linux"))]
    pub(super) fn sleeps(&self) -> bool {
        true
    }
}

#[cfg(all(test, not(stolid_loom), target_os = "linux"))]
mod tests {
    use std::sync::mpsc;
    use std::thread;
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn a_thread_that_runs_does_not_sleep_and_one_that_waits_does() {
        assert!(!Pulse::mine().sleeps(), "this one runs");
        let (tell, told) = mpsc::channel();
        let (end, wait) = mpsc::channel::<()>();
        let other = thread::Builder::new().name("odd) R (name".to_owned()).spawn(move || {
            tell.send(Pulse::mine()).unwrap();
            let _ = wait.recv();
        });
        let pulse = told.recv().unwrap();
        let patience = Instant::now() + Duration::from_secs(30);
        while !pulse.sleeps() {
            assert!(Instant::now() < patience, "it waits and does not sleep");
            thread::yield_now();
        }
        drop(end);
        other.unwrap().join().unwrap();
        assert!(pulse.sleeps(), "one that has ended holds nobody up");
    }
}
