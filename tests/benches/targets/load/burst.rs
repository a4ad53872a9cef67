//! Many calls at once, and how long it takes until the last of them is answered.

use std::time::Instant;

use super::connection::{Event, connect};
use super::{Call, SAY};
use crate::Outcome;
use crate::parts::each_time_told;

/// Makes so many calls on each of so many connections, all told the same; prints milliseconds.
pub(crate) fn run(port: u16, connections: usize, calls: usize, text: &str) -> Outcome {
    let mut links = (0..connections).map(|_| connect(port)).collect::<Result<Vec<_>, _>>()?;
    let call = Call::told(SAY, text);
    each_time_told(|| {
        let begun = Instant::now();
        for (writer, _answers) in &mut links {
            for _ in 0..calls {
                writer.add(&call);
            }
            writer.flush()?;
        }
        let (mut messages, mut ended) = (0, 0);
        for (place, (_writer, answers)) in links.iter_mut().enumerate() {
            while ended < (place + 1) * calls {
                answers.read(|event| match event {
                    Event::Data(_stream, _length) => messages += 1,
                    Event::End(_stream) => ended += 1,
                })?;
            }
        }
        let time = begun.elapsed();
        if messages < ended {
            return Err(format!("{messages} messages for {ended} calls").into());
        }
        Ok(vec![time.as_secs_f64() * 1e3])
    })
}
