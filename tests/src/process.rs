//! What a process costs, read from `/proc`, and bounded waits for a condition.
//!
//! Reads Linux's `/proc`; the tests that use it run there.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use std::{fs, thread};

/// How long [`eventually`] waits.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long [`eventually`] lets others run between two looks.
const PAUSE: Duration = Duration::from_millis(1);

/// A process to be measured: this one or a child.
#[derive(Clone, Debug)]
pub struct Process {
    proc: PathBuf,
}

impl Process {
    /// The process that asks.
    #[must_use]
    pub fn this() -> Self {
        Self { proc: "/proc/self".into() }
    }

    /// The process with this number.
    #[must_use]
    pub fn with_id(id: u32) -> Self {
        Self { proc: format!("/proc/{id}").into() }
    }

    /// Memory in use now, in bytes.
    ///
    /// # Panics
    /// When the process is gone.
    #[track_caller]
    #[must_use]
    pub fn resident_bytes(&self) -> u64 {
        self.kibibytes("VmRSS") * 1024
    }

    /// The most memory that was in use at any time of the process's life, in bytes.
    ///
    /// # Panics
    /// When the process is gone.
    #[track_caller]
    #[must_use]
    pub fn peak_resident_bytes(&self) -> u64 {
        self.kibibytes("VmHWM") * 1024
    }

    #[track_caller]
    fn kibibytes(&self, field: &str) -> u64 {
        let status = fs::read_to_string(self.proc.join("status")).expect("the process runs");
        let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
        number.expect("the kernel tells a process's memory")
    }

    /// The names of its threads, each cut to 15 bytes by the kernel, in order.
    ///
    /// # Panics
    /// When the process is gone.
    #[track_caller]
    #[must_use]
    pub fn threads(&self) -> Vec<String> {
        let mut names = Vec::from_iter(self.tasks().into_iter().map(|(name, _)| name));
        names.sort();
        names
    }

    /// How many of its threads have a name that begins so.
    ///
    /// # Panics
    /// When the process is gone.
    #[track_caller]
    #[must_use]
    pub fn threads_named(&self, prefix: &str) -> usize {
        self.threads().iter().filter(|name| name.starts_with(prefix)).count()
    }

    /// One line for each thread: its name and the kernel's letter for its state.
    ///
    /// # Panics
    /// When the process is gone.
    #[must_use]
    pub fn thread_dump(&self) -> String {
        self.tasks().into_iter().fold(String::new(), |mut dump, (name, state)| {
            writeln!(dump, "  {state} {name}").expect("a string takes all text");
            dump
        })
    }

    /// Name and state of each thread; threads that end meanwhile are left out.
    #[track_caller]
    fn tasks(&self) -> Vec<(String, char)> {
        let tasks = fs::read_dir(self.proc.join("task")).expect("the process runs");
        let stat = |task: fs::DirEntry| parse_stat(&fs::read_to_string(task.path().join("stat")).ok()?);
        tasks.filter_map(|task| stat(task.ok()?)).collect()
    }

    /// The time all its threads together have run on a processor.
    ///
    /// # Panics
    /// When the process is gone.
    #[track_caller]
    #[must_use]
    pub fn processor_time(&self) -> Duration {
        let stat = fs::read_to_string(self.proc.join("stat")).expect("the process runs");
        let (_, tail) = stat.rsplit_once(')').expect("the name stands in brackets");
        // Fields 14 and 15 of the line (proc(5)), in ticks of 10 ms; the state after the name is field 3.
        let ticks = tail.split_whitespace().skip(11).take(2).map(|field| field.parse::<u64>().expect("a number"));
        Duration::from_millis(10 * ticks.sum::<u64>())
    }

    /// How long each thread that it has now has run on a processor, to the nanosecond, by the kernel's number of the thread.
    ///
    /// # Panics
    /// When the process is gone.
    #[track_caller]
    #[must_use]
    pub fn running_times(&self) -> BTreeMap<OsString, Duration> {
        let tasks = fs::read_dir(self.proc.join("task")).expect("the process runs");
        // The first number of the line are nanoseconds on a processor.
        let ran = |task: fs::DirEntry| {
            let line = fs::read_to_string(task.path().join("schedstat")).ok()?;
            let nanos = line.split_whitespace().next()?.parse().ok()?;
            Some((task.file_name(), Duration::from_nanos(nanos)))
        };
        tasks.filter_map(|task| ran(task.ok()?)).collect()
    }

    /// How many files and sockets it has open.
    ///
    /// # Panics
    /// When the process is gone.
    #[track_caller]
    #[must_use]
    pub fn open_files(&self) -> usize {
        fs::read_dir(self.proc.join("fd")).expect("the process runs").count()
    }
}

/// Name and state out of a `stat` line; the name stands in brackets and may hold any character.
fn parse_stat(stat: &str) -> Option<(String, char)> {
    let (head, tail) = stat.rsplit_once(')')?;
    let (_, name) = head.split_once('(')?;
    Some((name.to_owned(), tail.trim_start().chars().next()?))
}

/// One thread of this process, to be asked whether it waits.
#[derive(Clone, Debug)]
pub struct ThreadProbe {
    task: PathBuf,
}

impl ThreadProbe {
    /// The thread that asks.
    ///
    /// # Panics
    /// Where there is no `/proc/thread-self`.
    #[must_use]
    pub fn current() -> Self {
        let link = fs::read_link("/proc/thread-self").expect("Linux names the calling thread");
        Self { task: PathBuf::from("/proc").join(link) }
    }

    /// Whether the kernel has put the thread to sleep.
    #[must_use]
    pub fn is_asleep(&self) -> bool {
        let stat = fs::read_to_string(self.task.join("stat"));
        stat.ok().and_then(|stat| parse_stat(&stat)).is_some_and(|(_, state)| state == 'S')
    }
}

/// Waits until `condition` holds.
///
/// # Panics
/// When it does not within 10 s; `what` says what was awaited.
#[track_caller]
pub fn eventually(what: &str, condition: impl FnMut() -> bool) {
    eventually_within(PATIENCE, what, condition);
}

/// Waits until `condition` holds.
///
/// # Panics
/// When it does not within `limit`; `what` says what was awaited.
#[track_caller]
pub fn eventually_within(limit: Duration, what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + limit;
    while !condition() {
        if Instant::now() >= deadline {
            panic!("not within {limit:?}: {what}; threads:\n{}", Process::this().thread_dump());
        }
        thread::park_timeout(PAUSE);
    }
}

/// Lets one test at a time measure this process; others that ask wait.
pub fn alone() -> MutexGuard<'static, ()> {
    static MEASURING: Mutex<()> = Mutex::new(());
    // A measurement that failed says nothing about the next one.
    MEASURING.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn a_name_with_brackets_and_spaces_is_read_whole() {
        assert_eq!(parse_stat("17 (a) b (c) S 1 2"), Some(("a) b (c".to_owned(), 'S')));
        assert_eq!(parse_stat("17 a S"), None);
    }

    #[test]
    fn a_waiting_thread_is_seen_by_name_and_state() {
        let (release, wait) = mpsc::channel::<()>();
        let (tell, told) = mpsc::channel();
        let thread = thread::Builder::new().name("probe-me".to_owned()).spawn(move || {
            tell.send(ThreadProbe::current()).expect("the test listens");
            wait.recv().expect_err("nothing is ever sent");
        });
        let probe = told.recv().expect("the thread says who it is");
        eventually("the thread sleeps", || probe.is_asleep());
        assert_eq!(Process::this().threads_named("probe-me"), 1);
        drop(release);
        thread.expect("a test may start a thread").join().expect("the thread ends");
        eventually("the thread is gone", || Process::this().threads_named("probe-me") == 0);
        assert!(!probe.is_asleep());
    }

    #[test]
    fn memory_and_files_of_this_process_are_counted() {
        let process = Process::this();
        assert!(process.resident_bytes() > 0);
        assert!(process.peak_resident_bytes() >= process.resident_bytes() / 2);
        assert!(process.open_files() >= 3);
        eventually("a thread has run", || process.running_times().values().any(|time| !time.is_zero()));
    }
}
