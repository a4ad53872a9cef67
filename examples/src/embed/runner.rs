//! A runner of jobs: a queue, some threads that work, and a main loop that says what happens.
//!
//! This is the part that was there before the server, and it knows nothing of gRPC.

use std::fmt::{Arguments, Debug};
use std::io;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::{self, JoinHandle};

/// The parts in which a job is done.
const PARTS: u32 = 10;

/// Who wants to know how a job goes.
pub trait Listener: Debug + Send {
    /// Hears how far the job is; false when nobody wants to know any more.
    fn progress(&mut self, percent: u32, found: u32) -> bool;

    /// Hears that the job is done.
    fn done(self: Box<Self>);
}

/// A job: to count the prime numbers below a limit.
#[derive(Debug)]
pub struct Job {
    /// The first number that is not looked at.
    pub limit: u32,
    /// Who is told.
    pub listener: Box<dyn Listener>,
}

/// What the main loop hears.
#[derive(Debug)]
enum Event {
    Submitted(Job),
    /// The job with this number is over; nothing was found when nobody wanted to know any more.
    Over(usize, Option<u32>),
    Stop,
}

/// The way to the main loop, for any thread.
#[derive(Clone, Debug)]
pub struct RunnerHandle(mpsc::Sender<Event>);

impl RunnerHandle {
    /// Queues a job. One that comes after the end of the main loop is dropped.
    pub fn submit(&self, job: Job) {
        let _ = self.0.send(Event::Submitted(job));
    }

    /// Ends the main loop, if it has not ended yet.
    pub fn stop(&self) {
        let _ = self.0.send(Event::Stop);
    }
}

/// The runner of jobs.
#[derive(Debug)]
pub struct JobRunner {
    events: mpsc::Receiver<Event>,
    handle: RunnerHandle,
    queue: mpsc::Sender<(usize, Job)>,
    workers: Vec<JoinHandle<()>>,
}

impl JobRunner {
    /// Starts the threads that work.
    ///
    /// # Errors
    /// When the system refuses a thread.
    pub fn start(workers: usize) -> io::Result<Self> {
        let (sender, events) = mpsc::channel();
        let handle = RunnerHandle(sender);
        let (queue, jobs) = mpsc::channel();
        let jobs = Arc::new(Mutex::new(jobs));
        let worker = |number| {
            let (jobs, handle) = (Arc::clone(&jobs), handle.clone());
            thread::Builder::new().name(format!("worker-{number}")).spawn(move || work(&jobs, &handle))
        };
        let workers = (1..=workers).map(worker).collect::<Result<_, _>>()?;
        Ok(Self { events, handle, queue, workers })
    }

    /// The way to the main loop.
    pub fn handle(&self) -> RunnerHandle {
        self.handle.clone()
    }

    /// The main loop: says what happens, until it is stopped and the jobs in the queue are done.
    pub fn run(self, mut say: impl FnMut(Arguments<'_>)) {
        let Self { events, queue, workers, .. } = self;
        let mut jobs = 0;
        for event in &events {
            match event {
                Event::Submitted(job) => {
                    jobs += 1;
                    say(format_args!("Job {jobs}: the prime numbers below {}", job.limit));
                    // The workers are there until the queue is dropped.
                    let _ = queue.send((jobs, job));
                }
                Event::Over(job, found) => say_over(&mut say, job, found),
                Event::Stop => break,
            }
        }
        drop(queue);
        for worker in workers {
            // A worker that panicked has said so on standard error.
            let _ = worker.join();
        }
        // What the workers still had to say.
        for event in events.try_iter() {
            if let Event::Over(job, found) = event {
                say_over(&mut say, job, found);
            }
        }
    }
}

fn say_over(say: &mut impl FnMut(Arguments<'_>), job: usize, found: Option<u32>) {
    match found {
        Some(found) => say(format_args!("Job {job}: done, {found} found")),
        None => say(format_args!("Job {job}: given up, nobody listens any more")),
    }
}

/// The life of a thread that works.
fn work(jobs: &Mutex<mpsc::Receiver<(usize, Job)>>, runner: &RunnerHandle) {
    // The lock is held while this worker waits, and not while it works: the others wait for the lock then. The inner
    // block ends it.
    while let Ok((number, job)) = { jobs.lock().unwrap_or_else(PoisonError::into_inner).recv() } {
        let _ = runner.0.send(Event::Over(number, count(job)));
    }
}

/// Does a job, part by part.
fn count(job: Job) -> Option<u32> {
    let Job { limit, mut listener } = job;
    let bound = |part: u32| u32::try_from(u64::from(limit) * u64::from(part) / u64::from(PARTS)).unwrap_or(limit);
    let mut found = 0;
    for part in 0..PARTS {
        if !listener.progress(part * 100 / PARTS, found) {
            return None;
        }
        found += primes(bound(part)..bound(part + 1));
    }
    let heard = listener.progress(100, found);
    listener.done();
    heard.then_some(found)
}

/// How many prime numbers are in a range.
fn primes(range: Range<u32>) -> u32 {
    let is_prime = |number: u32| number > 1 && (2..).take_while(|d| d * d <= number).all(|d| !number.is_multiple_of(d));
    range.map(|number| u32::from(is_prime(number))).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Ear(mpsc::Sender<(u32, u32)>);

    impl Listener for Ear {
        fn progress(&mut self, percent: u32, found: u32) -> bool {
            self.0.send((percent, found)).is_ok()
        }

        fn done(self: Box<Self>) {}
    }

    /// What is said when these jobs are run, and then the runner is stopped; and what the ears hear.
    fn run(limits: &[u32], listen: bool) -> (Vec<String>, Vec<Vec<(u32, u32)>>) {
        let runner = JobRunner::start(1).unwrap();
        let handle = runner.handle();
        let ears = limits.iter().map(|&limit| {
            let (ear, heard) = mpsc::channel();
            handle.submit(Job { limit, listener: Box::new(Ear(ear)) });
            listen.then_some(heard)
        });
        let ears: Vec<_> = ears.collect();
        let mut said = Vec::new();
        runner.run(|line| {
            said.push(line.to_string());
            if said.len() == 2 * limits.len() {
                handle.stop();
            }
        });
        (said, ears.into_iter().flatten().map(|heard| heard.iter().collect()).collect())
    }

    #[test]
    fn jobs_are_numbered_done_and_reported() {
        let (said, heard) = run(&[100], true);
        assert_eq!(said, ["Job 1: the prime numbers below 100", "Job 1: done, 25 found"]);
        assert_eq!(heard[0].first(), Some(&(0, 0)));
        assert_eq!(heard[0].last(), Some(&(100, 25)));
        assert_eq!(heard[0].len(), 11);
    }

    #[test]
    fn a_job_that_nobody_waits_for_is_given_up() {
        let (said, _) = run(&[u32::MAX], false);
        assert_eq!(said[1], "Job 1: given up, nobody listens any more");
    }

    #[test]
    fn what_is_in_the_queue_is_done_after_the_stop() {
        let runner = JobRunner::start(1).unwrap();
        let (ear, heard) = mpsc::channel();
        for limit in [10, 20] {
            runner.handle().submit(Job { limit, listener: Box::new(Ear(ear.clone())) });
        }
        runner.handle().stop();
        let mut said = Vec::new();
        runner.run(|line| said.push(line.to_string()));
        assert_eq!(said[2..], ["Job 1: done, 4 found", "Job 2: done, 8 found"]);
        drop(ear);
        assert_eq!(heard.iter().filter(|(percent, _)| *percent == 100).count(), 2);
    }

    #[test]
    fn small_limits_are_no_special_case() {
        for (limit, found) in [(0, 0), (1, 0), (2, 0), (3, 1), (7, 3), (11, 4)] {
            let (_, heard) = run(&[limit], true);
            assert_eq!(heard[0].last(), Some(&(100, found)), "below {limit}");
        }
    }
}
