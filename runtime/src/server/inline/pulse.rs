//! Whether a thread sleeps, computes, or would run if there were a processor for it.

#[cfg(target_os = "linux")]
use std::path::PathBuf;
use std::time::Duration;

/// A thread, to be looked at by others.
///
/// On a machine with more to do than processors a quick handler may stand still for milliseconds, and so may everybody else: taking the role from
/// its thread helps nobody, and costs a thread and the memory that it leaves behind. On Linux proc(5) tells; elsewhere a thread counts as asleep.
#[derive(Debug)]
pub(super) struct Pulse {
    #[cfg(target_os = "linux")]
    folder: Option<PathBuf>,
}

#[cfg(target_os = "linux")]
impl Pulse {
    /// Of the calling thread.
    pub(super) fn mine() -> Self {
        Self { folder: std::fs::read_link("/proc/thread-self").ok().map(|own| PathBuf::from("/proc").join(own)) }
    }

    fn read(&self, file: &str) -> Option<String> {
        std::fs::read_to_string(self.folder.as_ref()?.join(file)).ok()
    }

    /// It waits for something other than a processor, as far as can be told.
    pub(super) fn sleeps(&self) -> bool {
        let stat = self.read("stat");
        // The name before it stands in brackets and may be anything.
        let state = stat.as_deref().and_then(|stat| stat.rsplit_once(") ")).and_then(|(_, rest)| rest.chars().next());
        state != Some('R')
    }

    /// How long it has had a processor in its life, where that can be told. Behind by a tick of the system's clock at most.
    pub(super) fn ran(&self) -> Option<Duration> {
        let statistics = self.read("schedstat")?;
        statistics.split_whitespace().next()?.parse().ok().map(Duration::from_nanos)
    }
}

#[cfg(not(target_os = "linux"))]
impl Pulse {
    /// Of the calling thread.
    pub(super) fn mine() -> Self {
        Self {}
    }

    /// It waits for something other than a processor, as far as can be told.
    pub(super) fn sleeps(&self) -> bool {
        true
    }

    /// How long it has had a processor in its life, where that can be told.
    pub(super) fn ran(&self) -> Option<Duration> {
        None
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
        let mine = Pulse::mine();
        assert!(!mine.sleeps(), "this one runs");
        // Where the system keeps no such statistics there is nothing to see.
        if let Some(before) = mine.ran() {
            let patience = Instant::now() + Duration::from_secs(30);
            while mine.ran() == Some(before) {
                assert!(Instant::now() < patience, "it runs and does not get on");
            }
        }
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
        if let Some(before) = pulse.ran() {
            let later = pulse.ran().unwrap();
            assert!(later - before < Duration::from_millis(1), "it sleeps");
        }
        drop(end);
        other.unwrap().join().unwrap();
        assert!(pulse.sleeps(), "one that has ended holds nobody up");
    }
}
