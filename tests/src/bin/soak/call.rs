//! One call of one of the four kinds, to its end or ended on the way.

use std::sync::mpsc::Sender;
use std::time::Duration;

use stolid::{Code, Context, Request, Status};
use stolid_tests::attack::{Dice, HANG};
use stolid_tests::echo::echo_client::EchoClient;
use stolid_tests::echo::{Count, Note};
use stolid_tests::handlers::note_of;

/// How a call shall end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// By itself.
    Natural,
    /// By its deadline, if that comes first.
    Deadline(Duration),
    /// By another thread that cancels it, if that comes first.
    Cancelled,
    /// By a caller that lets go of it after this many messages.
    Dropped(u64),
}

/// Why a call went wrong.
#[derive(Clone, Debug)]
pub(crate) enum Failure {
    /// It failed with this status.
    Status(Status),
    /// It brought something else than it must.
    Wrong(String),
}

impl From<Status> for Failure {
    fn from(status: Status) -> Self {
        Self::Status(status)
    }
}

type Outcome = Result<(), Failure>;

/// A call that has been rolled: its kind, its size, its ending.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Call {
    method: Method,
    pub(crate) ending: Ending,
    /// Messages of a stream.
    messages: u64,
    /// Bytes of each message.
    size: usize,
    /// The handler answers nothing until the call is over.
    hangs: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Method {
    Say,
    Repeat,
    Gather,
    Relay,
}

impl Call {
    /// Any call.
    pub(crate) fn roll(dice: &mut Dice) -> Self {
        let method = [Method::Say, Method::Repeat, Method::Gather, Method::Relay][dice.roll(4) as usize];
        let messages = if dice.roll(50) == 0 { dice.roll(500) } else { dice.roll(10) };
        let size = if dice.roll(50) == 0 { dice.roll(100_000) } else { dice.roll(500) };
        let ending = match dice.roll(10) {
            0 => Ending::Deadline(Duration::from_micros(dice.roll(5_000))),
            1 => Ending::Cancelled,
            // A unary call cannot be let go of.
            2 if method != Method::Say => Ending::Dropped(dice.roll(messages + 1)),
            _ => Ending::Natural,
        };
        let ends_early = matches!(ending, Ending::Deadline(_) | Ending::Cancelled);
        let hangs = ends_early && dice.roll(4) == 0;
        Self { method, ending, messages, size: size as usize, hangs }
    }

    /// Whether the call may fail with `code` as far as it is up to itself.
    pub(crate) fn expects(&self, code: Code) -> bool {
        match self.ending {
            Ending::Deadline(_) => code == Code::DeadlineExceeded,
            Ending::Cancelled => code == Code::Cancelled,
            Ending::Natural | Ending::Dropped(_) => false,
        }
    }

    /// Makes it; what another thread shall cancel goes through `cancel`.
    pub(crate) fn make(&self, client: &EchoClient, cancel: &Sender<Context>) -> Outcome {
        match self.method {
            Method::Say => self.say(client, cancel),
            Method::Repeat => self.repeat(client, cancel),
            Method::Gather => self.gather(client, cancel),
            Method::Relay => self.relay(client, cancel),
        }
    }

    fn request<T>(&self, message: T, cancel: &Sender<Context>) -> Request<T> {
        let mut request = Request::new(message);
        match self.ending {
            Ending::Deadline(timeout) => request.set_timeout(timeout),
            Ending::Cancelled => {
                let parent = Context::new();
                request.set_parent(parent.clone());
                cancel.send(parent).expect("the canceller stays as long as there are callers");
            }
            Ending::Natural | Ending::Dropped(_) => {}
        }
        if self.hangs {
            let (key, value) = HANG;
            request = request.with_metadata(key, value).expect("the metadata is legal");
        }
        request
    }

    fn note(&self, number: u64) -> Note {
        Note { number, ..note_of(self.size) }
    }

    /// How many messages the caller sends or takes before it is done with the call.
    fn wanted(&self) -> u64 {
        match self.ending {
            Ending::Dropped(after) => after,
            _ => self.messages,
        }
    }

    fn is_dropped(&self) -> bool {
        matches!(self.ending, Ending::Dropped(_))
    }

    fn say(&self, client: &EchoClient, cancel: &Sender<Context>) -> Outcome {
        let note = self.note(self.messages);
        let answer = client.say(self.request(note.clone(), cancel))?;
        same(answer.into_inner(), note)
    }

    fn repeat(&self, client: &EchoClient, cancel: &Sender<Context>) -> Outcome {
        let mut replies = client.repeat(self.request(self.note(self.messages), cancel))?;
        for number in 0..self.wanted() {
            same(replies.message()?, Some(self.note(number)))?;
        }
        if self.is_dropped() { Ok(()) } else { same(replies.message()?, None) }
    }

    fn gather(&self, client: &EchoClient, cancel: &Sender<Context>) -> Outcome {
        let mut upload = client.gather(self.request((), cancel))?;
        for number in 0..self.wanted() {
            upload.send(self.note(number))?;
        }
        if self.is_dropped() {
            return Ok(());
        }
        let expected = Count { messages: self.messages, bytes: self.messages * self.size as u64 };
        same(upload.finish()?.into_inner(), expected)
    }

    fn relay(&self, client: &EchoClient, cancel: &Sender<Context>) -> Outcome {
        let (sender, mut replies) = client.relay(self.request((), cancel))?.split();
        for number in 0..self.wanted() {
            sender.send(self.note(number))?;
            same(replies.message()?, Some(self.note(number)))?;
        }
        if self.is_dropped() {
            return Ok(());
        }
        sender.close();
        same(replies.message()?, None)
    }
}

fn same<T: PartialEq>(came: T, expected: T) -> Outcome {
    if came == expected {
        return Ok(());
    }
    // Its contents are no help, and may be a hundred kilobytes.
    Err(Failure::Wrong("what came is not what was sent".to_owned()))
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use stolid_tests::gate::Gate;
    use stolid_tests::handlers::Handlers;
    use stolid_tests::pair::Pair;
    use stolid_tests::watchdog::watched;

    use super::*;

    #[test]
    fn each_of_a_thousand_calls_is_as_it_must_be() {
        watched(|| {
            let pair = Pair::start(Handlers::as_told(&Gate::new()));
            let mut dice = Dice::seeded(1);
            let (cancel, contexts) = mpsc::channel::<Context>();
            for _ in 0..1_000 {
                let call = Call::roll(&mut dice);
                if call.ending == Ending::Cancelled {
                    continue;
                }
                match call.make(&pair.client, &cancel) {
                    Ok(()) => {}
                    Err(Failure::Status(status)) => assert!(call.expects(status.code()), "{call:?}: {status}"),
                    Err(Failure::Wrong(what)) => panic!("{call:?}: {what}"),
                }
            }
            assert_eq!(contexts.try_iter().count(), 0);
        });
    }

    #[test]
    fn an_answer_that_is_another_one_is_told() {
        watched(|| {
            let handlers = Handlers::new().say(|request| {
                let note = request.into_inner();
                Ok(stolid::Response::new(Note { number: note.number + 1, ..note }))
            });
            let pair = Pair::start(handlers);
            let call = Call { method: Method::Say, ending: Ending::Natural, messages: 1, size: 1, hangs: false };
            let made = call.make(&pair.client, &mpsc::channel().0);
            assert!(matches!(made, Err(Failure::Wrong(_))), "{made:?}");
        });
    }
}
