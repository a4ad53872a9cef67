//! Delivery of a stream into a channel, for threads that wait for several things at once.

use std::fmt;
use std::thread;

use crossbeam_channel::{Receiver, Sender as ChannelSender, bounded, select_biased};

use super::streaming::Streaming;
use crate::context::{CancelCause, Context};
use crate::metadata::Metadata;
use crate::status::Status;

/// What a stream that is delivered into a channel comes to; see [`Streaming::deliver_to`].
#[derive(Debug)]
pub enum Event<T> {
    /// The next message.
    Message(T),
    /// Nothing more will come: the trailers of a call that ended with OK (empty on a server), or why it failed.
    End(Result<Metadata, Status>),
}

/// A stream on its way into a channel. Dropping this changes nothing.
#[derive(Clone)]
pub struct Delivery {
    context: Context,
}

impl Delivery {
    /// Cancels the call; the channel still gets [`Event::End`].
    pub fn cancel(&self) {
        self.context.cancel();
    }

    /// The context of the call.
    #[must_use]
    pub fn context(&self) -> Context {
        self.context.clone()
    }
}

impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivery").field("context", &self.context).finish()
    }
}

impl<T: Send + 'static> Streaming<T> {
    /// Delivers every message into a channel, and then the end, so that one thread can `select!` over several streams and
    /// channels of its own.
    ///
    /// A thread of its own forwards the stream. A full channel holds it up, and with it, by flow control, the peer: nothing
    /// is buffered without bound. When the receiving end of the channel is dropped, the call is cancelled with the next
    /// message; [`Delivery::cancel`] does it at once. A cancelled call delivers its end when there is room for it.
    ///
    /// # Errors
    /// RESOURCE_EXHAUSTED when no thread can be started; the call is cancelled then.
    ///
    /// # Examples
    /// ```
    /// use crossbeam_channel::{select, unbounded};
    /// use stolid::{Event, Streaming};
    ///
    /// let prices: Streaming<u32> = Streaming::from_iter([Ok(7), Ok(8)]); // usually from a call
    /// let (events, stream) = unbounded();
    /// let (_keys, keyboard) = unbounded::<char>();
    /// prices.deliver_to(events)?;
    /// let mut seen = Vec::new();
    /// loop {
    ///     select! {
    ///         recv(stream) -> event => match event.expect("the end comes first") {
    ///             Event::Message(price) => seen.push(price),
    ///             Event::End(outcome) => break drop(outcome?),
    ///         },
    ///         recv(keyboard) -> key => println!("{key:?}"),
    ///     }
    /// }
    /// assert_eq!(seen, [7, 8]);
    /// # Ok::<(), stolid::Status>(())
    /// ```
    pub fn deliver_to(self, channel: ChannelSender<Event<T>>) -> Result<Delivery, Status> {
        self.deliver_with(channel, |event| event)
    }

    /// As [`deliver_to`](Self::deliver_to), with each event turned into an item of the channel, so that several streams can
    /// share one.
    ///
    /// # Errors
    /// As [`deliver_to`](Self::deliver_to).
    pub fn deliver_with<E: Send + 'static>(
        self,
        channel: ChannelSender<E>,
        wrap: impl Fn(Event<T>) -> E + Send + 'static,
    ) -> Result<Delivery, Status> {
        let context = self.context();
        let thread = thread::Builder::new().name("stolid-delivery".to_owned());
        let started = thread.spawn(move || forward(self, &channel, wrap));
        match started {
            Ok(_) => Ok(Delivery { context }),
            Err(error) => {
                let message = format!("no thread for the delivery of a stream: {error}");
                Err(Status::resource_exhausted(message).with_source(error))
            }
        }
    }
}

fn forward<T, E>(mut stream: Streaming<T>, channel: &ChannelSender<E>, wrap: impl Fn(Event<T>) -> E) {
    let (tell, cancelled) = bounded(1);
    // A call that ends well drops its callbacks, and that must not look like a cancellation.
    let _open = tell.clone();
    let _registered = stream.context().on_cancel(move |cause| {
        let _ = tell.try_send(cause);
    });
    let end = loop {
        match stream.message() {
            Ok(Some(message)) => {
                if !hand_over(channel, wrap(Event::Message(message)), &cancelled) {
                    // Dropping the stream cancels a call that nobody wants any more.
                    return;
                }
            }
            Ok(None) => break Ok(stream.trailers().cloned().unwrap_or_default()),
            Err(status) => break Err(status),
        }
    };
    drop(stream);
    // Nobody may be there any more.
    let _ = channel.send(wrap(Event::End(end)));
}

/// Blocks while the channel is full, unless the call is cancelled: a message of a cancelled call is not worth the wait.
/// False when the receiving end is gone.
fn hand_over<E>(channel: &ChannelSender<E>, item: E, cancelled: &Receiver<CancelCause>) -> bool {
    select_biased! {
        send(channel, item) -> sent => sent.is_ok(),
        recv(cancelled) -> _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_and_the_end_arrive_in_order() {
        for end in [None, Some(Status::not_found("gone"))] {
            let items: Vec<Result<u32, Status>> = [Ok(1), Ok(2)].into_iter().chain(end.clone().map(Err)).collect();
            let (events, received) = bounded(1);
            let stream = Streaming::from_iter(items);
            stream.deliver_with(events, |event| (7, event)).unwrap();
            let received: Vec<String> = received.iter().map(|(tag, event)| format!("{tag} {event:?}")).collect();
            assert_eq!(received[..2], ["7 Message(1)", "7 Message(2)"]);
            assert_eq!((received.len(), received[2].contains("End(Ok")), (3, end.is_none()), "{received:?}");
        }
    }

    #[test]
    fn a_dropped_receiver_ends_the_delivery() {
        let (told, hear) = bounded::<()>(0);
        let endless = Streaming::from_iter(std::iter::repeat_with(move || {
            let _held = &told;
            Ok(1_u32)
        }));
        let (events, received) = bounded(1);
        endless.deliver_to(events).unwrap();
        assert!(matches!(received.recv(), Ok(Event::Message(1))));
        drop(received);
        // The iterator goes with the stream, and with it the sending end of this channel.
        assert!(hear.recv().is_err());
    }
}
