//! Connections and streams that stay open and do nothing.

use super::connection::{Event, connect};
use super::{Call, REPEAT};
use crate::Outcome;
use crate::parts::each_time_told;

/// When told, opens so many connections and makes a call on each, or opens so many streams on each and waits for the first message
/// of every one; prints how many there are. They stay as long as the process.
pub(crate) fn run(port: u16, connections: usize, streams: usize) -> Outcome {
    let mut links = Vec::new();
    each_time_told(|| {
        let call = if streams == 0 { Call::echo() } else { Call::told(REPEAT, "hold") };
        for _ in 0..connections {
            let (mut calls, mut answers) = connect(port)?;
            for _ in 0..streams.max(1) {
                calls.add(&call);
            }
            calls.flush()?;
            let mut begun = 0;
            while begun < streams.max(1) {
                answers.read(|event| begun += usize::from(matches!(event, Event::Data(..))))?;
            }
            links.push((calls, answers));
        }
        Ok(vec![(links.len() * streams.max(1)) as f64])
    })
}
