//! Calls at fixed times, whether those before were answered or not, some of them with handlers that take their time.
//!
//! All are on one connection. What is measured is how long the quick ones take, each from the moment it is written.

use std::io;
use std::thread;
use std::time::{Duration, Instant};

use super::connection::{Answers, Calls, Event, connect};
use super::{Call, SAY};
use crate::Outcome;
use crate::parts::{each_time_told, percentile};

/// Time between two calls.
const PAUSE: Duration = Duration::from_micros(500);

/// How long a handler spins.
const SPUN: Duration = Duration::from_secs(1);

/// Which of the calls are not quick.
#[derive(Clone, Copy, Debug)]
enum Slow {
    /// Every tenth sleeps for 50 ms.
    Tenth,
    /// One spins for a second; only what was called meanwhile counts.
    Spinner(usize),
}

impl Slow {
    fn holds(self, place: usize) -> bool {
        match self {
            Self::Tenth => place % 10 == 9,
            Self::Spinner(spinner) => place == spinner,
        }
    }
}

/// Prints p50, p99 and maximum of the quick calls, in microseconds.
pub(crate) fn run(port: u16, what: &str, span: Duration) -> Outcome {
    let (mut calls, mut answers) = connect(port)?;
    let spinner = (span.as_micros() / PAUSE.as_micros()) as usize / 2;
    let (slow, quick_call, slow_call) = match what {
        "sleepers-of-the-same-method" => (Slow::Tenth, Call::told(SAY, ""), Call::told(SAY, "sleep 50")),
        "sleepers-of-another-method" => (Slow::Tenth, Call::echo(), Call::told(SAY, "sleep 50")),
        "spinner" => (Slow::Spinner(spinner), Call::echo(), Call::told(SAY, "spin 1000")),
        _ => return Err(format!("no open loop with {what}").into()),
    };
    let count = match slow {
        Slow::Tenth => (span.as_micros() / PAUSE.as_micros()) as usize,
        Slow::Spinner(spinner) => 2 * spinner + (SPUN.as_micros() / PAUSE.as_micros()) as usize,
    };
    steady(&mut calls, &mut answers, count.min(400), |_place| &quick_call)?;
    each_time_told(|| {
        let pick = |place| if slow.holds(place) { &slow_call } else { &quick_call };
        let times = steady(&mut calls, &mut answers, count, pick)?;
        let counted = match slow {
            Slow::Tenth => 0..count,
            Slow::Spinner(spinner) => spinner..spinner + (SPUN.as_micros() / PAUSE.as_micros()) as usize,
        };
        let quick = counted.filter(|place| !slow.holds(*place));
        let mut quick = Vec::from_iter(quick.map(|place| times[place]));
        quick.sort_unstable();
        Ok([0.5, 0.99, 1.0].map(|share| percentile(&quick, share)).to_vec())
    })
}

/// Makes so many calls; gives how long each took.
fn steady<'a>(
    calls: &mut Calls,
    answers: &mut Answers,
    count: usize,
    pick: impl Fn(usize) -> &'a Call + Send,
) -> Outcome<Vec<Duration>> {
    thread::scope(|scope| {
        let writer = scope.spawn(move || {
            let begun = Instant::now();
            let mut written = Vec::with_capacity(count);
            for place in 0..count {
                thread::sleep((PAUSE * place as u32).saturating_sub(begun.elapsed()));
                let stream = calls.add(pick(place));
                written.push((stream, Instant::now()));
                calls.flush()?;
            }
            io::Result::Ok(written)
        });
        let (mut ended, mut answered) = (Vec::with_capacity(count), 0);
        while ended.len() < count {
            answers.read(|event| match event {
                Event::Data(_stream, _length) => answered += 1,
                Event::End(stream) => ended.push((stream, Instant::now())),
            })?;
        }
        let written = writer.join().expect("the writer does not panic")?;
        // Each answer is of one frame.
        if answered != count {
            return Err(format!("{answered} messages for {count} calls").into());
        }
        ended.sort_unstable();
        Ok(written.iter().zip(ended).map(|((_stream, from), (_same, to))| to.duration_since(*from)).collect())
    })
}
