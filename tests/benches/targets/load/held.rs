//! Connections and streams that stay open and do nothing.

use super::connection::{Event, connect};
use super::{BIDI, Call, REPEAT};
use crate::Outcome;
use crate::parts::each_time_told;

/// When told, opens so many connections and makes so many calls on each, and waits for the first message of every one; prints
/// how many there are. They stay as long as the process, unless what is held is `nothing`: then the calls end.
pub(crate) fn run(port: u16, what: &str, connections: usize, calls: usize) -> Outcome {
    let mut links = Vec::new();
    let (call, stays) = match what {
        "nothing" => (Call::echo(), false),
        "bidi" => (Call::begun(BIDI), true),
        "detached" => (Call::told(REPEAT, "hold"), true),
        _ => return Err(format!("nothing holds {what}").into()),
    };
    each_time_told(|| {
        let mut ended = 0;
        for _ in 0..connections {
            let (mut writer, mut answers) = connect(port)?;
            for _ in 0..calls {
                writer.add(&call);
            }
            writer.flush()?;
            let mut begun = 0;
            while begun < calls {
                answers.read(|event| match event {
                    Event::Data(..) => begun += 1,
                    Event::End(..) => ended += 1,
                })?;
            }
            links.push((writer, answers));
        }
        // The end of a call that ends may come a little later than its message.
        if stays && ended > 0 {
            Err(format!("{ended} calls have ended").into())
        } else {
            Ok(vec![(links.len() * calls) as f64])
        }
    })
}
