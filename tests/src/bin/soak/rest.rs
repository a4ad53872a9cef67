//! What is left when nobody calls any more.

use std::time::{Duration, Instant};
use std::{fmt, thread};

use stolid_tests::attack::Usage;
use stolid_tests::process::Process;

/// How long everything may take to come to rest: threads without work stay a second or two.
const PATIENCE: Duration = Duration::from_secs(20);

/// What has not changed for this long is at rest.
const SETTLED: Duration = Duration::from_secs(3);

/// What is left of a load.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rest {
    /// Connections that the two servers still had.
    pub(crate) connections: usize,
    /// Handlers that still ran in them.
    pub(crate) streams: usize,
    /// What this process used without any server or channel.
    pub(crate) here: Usage,
    /// What the other process used without connections.
    pub(crate) away: Usage,
}

impl fmt::Display for Rest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { connections, streams, here, away } = self;
        write!(
            f,
            "{connections} connections, {streams} streams; here {} threads, {} files; away {} threads, {} files",
            here.threads, here.files, away.threads, away.files
        )
    }
}

impl Rest {
    /// What there is now and was not left of an earlier, short load.
    pub(crate) fn leaks(&self, earlier: &Self) -> Vec<String> {
        let mut leaks = Vec::new();
        let mut compare = |what: &str, now: usize, then: usize| {
            if now > then {
                leaks.push(format!("{} {what} are left", now - then));
            }
        };
        compare("connections", self.connections, 0);
        compare("streams", self.streams, 0);
        compare("threads of this process", self.here.threads, earlier.here.threads);
        compare("files of this process", self.here.files, earlier.here.files);
        compare("threads of the other process", self.away.threads, earlier.away.threads);
        compare("files of the other process", self.away.files, earlier.away.files);
        leaks
    }
}

/// Waits until the load, connections and streams, is none; gives what is left after some time.
pub(crate) fn idle(mut load: impl FnMut() -> (usize, usize)) -> (usize, usize) {
    let began = Instant::now();
    loop {
        let now = load();
        if now == (0, 0) || began.elapsed() > PATIENCE {
            return now;
        }
        thread::park_timeout(Duration::from_millis(20));
    }
}

/// Waits until the process uses no more than `expected`, or, where that is not known or not to be had, uses the same for some time.
pub(crate) fn settled(process: &Process, expected: Option<Usage>) -> Usage {
    let began = Instant::now();
    let (mut last, mut since) = (Usage::of(process), Instant::now());
    loop {
        let reached = expected.is_some_and(|rest| last.threads <= rest.threads && last.files <= rest.files);
        let unchanged = since.elapsed() > if expected.is_some() { PATIENCE } else { SETTLED };
        if reached || unchanged || began.elapsed() > PATIENCE {
            return last;
        }
        thread::park_timeout(Duration::from_millis(20));
        let now = Usage::of(process);
        if (now.threads, now.files) != (last.threads, last.files) {
            since = Instant::now();
        }
        last = now;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use stolid_tests::process::alone;
    use stolid_tests::watchdog::watched;

    use super::*;

    fn usage(threads: usize, files: usize) -> Usage {
        Usage { resident: 1, threads, files }
    }

    fn rest() -> Rest {
        Rest { connections: 0, streams: 0, here: usage(3, 7), away: usage(4, 10) }
    }

    #[test]
    fn the_same_and_less_is_no_leak() {
        assert!(rest().leaks(&rest()).is_empty());
        let less = Rest { here: usage(2, 6), ..rest() };
        assert!(less.leaks(&rest()).is_empty());
    }

    #[test]
    fn more_of_anything_is_one() {
        let more = [
            Rest { connections: 1, ..rest() },
            Rest { streams: 1, ..rest() },
            Rest { here: usage(4, 7), ..rest() },
            Rest { here: usage(3, 8), ..rest() },
            Rest { away: usage(5, 10), ..rest() },
            Rest { away: usage(4, 11), ..rest() },
        ];
        for more in more {
            assert_eq!(more.leaks(&rest()).len(), 1, "{more}");
        }
    }

    #[test]
    fn a_thread_that_goes_is_waited_for() {
        watched(|| {
            let _alone = alone();
            let process = Process::this();
            let before = process.threads_named("passing");
            let (release, wait) = mpsc::channel::<()>();
            let passing = thread::Builder::new().name("passing".to_owned());
            let passing = passing.spawn(move || wait.recv()).expect("a test may start a thread");
            let with_it = Usage::of(&process);
            drop(release);
            let after = settled(&process, Some(usage(with_it.threads - 1, with_it.files)));
            assert!(after.threads < with_it.threads, "{after:?} after {with_it:?}");
            passing.join().expect("it does not panic").expect_err("nothing is ever sent");
            assert_eq!(process.threads_named("passing"), before);
        });
    }
}
