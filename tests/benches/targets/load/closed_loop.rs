//! As many calls at a time as asked for, each followed by the next.

use std::thread;
use std::time::{Duration, Instant};

use super::connection::{Answers, Calls, Event, connect};
use super::{Call, SMALL};
use crate::Outcome;
use crate::parts::each_time_told;

/// Bytes of an answer: envelope, field, length, payload.
const ANSWER: usize = 5 + 2 + SMALL as usize;

/// How long calls are made before anything is measured.
const WARM_UP: Duration = Duration::from_millis(300);

/// One connection with its calls.
struct Loop {
    calls: Calls,
    answers: Answers,
    depth: usize,
}

/// Makes calls on so many connections, so many at a time on each; prints calls per second and how many there were.
pub(crate) fn run(port: u16, connections: usize, depth: usize, span: Duration) -> Outcome {
    let mut loops = Vec::new();
    for _ in 0..connections {
        let (calls, answers) = connect(port)?;
        loops.push(Loop { calls, answers, depth });
    }
    all_for(&mut loops, WARM_UP.min(span))?;
    each_time_told(|| {
        let begun = Instant::now();
        let made = all_for(&mut loops, span)?;
        Ok(vec![made as f64 / begun.elapsed().as_secs_f64(), made as f64])
    })
}

/// Runs all loops side by side; gives how many calls they made.
fn all_for(loops: &mut [Loop], span: Duration) -> Outcome<usize> {
    let end = Instant::now() + span;
    if let [only] = loops {
        return only.until(end);
    }
    thread::scope(|scope| {
        let running = Vec::from_iter(loops.iter_mut().map(|each| scope.spawn(move || each.until(end))));
        running.into_iter().map(|running| running.join().expect("no loop panics")).sum()
    })
}

impl Loop {
    fn until(&mut self, end: Instant) -> Outcome<usize> {
        let call = Call::echo();
        for _ in 0..self.depth {
            self.calls.add(&call);
        }
        self.calls.flush()?;
        let (mut open, mut made, mut bytes) = (self.depth, 0, 0);
        while open > 0 {
            let before = made;
            self.answers.read(|event| match event {
                Event::Data(_stream, length) => bytes += length,
                Event::End(_stream) => made += 1,
            })?;
            open -= made - before;
            if Instant::now() < end {
                for _ in before..made {
                    self.calls.add(&call);
                }
                open += made - before;
                self.calls.flush()?;
            }
        }
        if bytes == made * ANSWER { Ok(made) } else { Err(format!("{made} calls, {bytes} bytes of answers").into()) }
    }
}
