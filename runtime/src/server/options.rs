//! `ServiceOptions`: what one service does in its own way, and what its methods make of it.

use http::HeaderValue;

use crate::compression::{Accept, Coding, CompressionEncoding, Preference};
use crate::stream::MessageLimits;

/// How the methods of one service treat messages and where their handlers run, where that differs from the server. Set
/// through the methods of a generated server.
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct ServiceOptions {
    receive: Option<usize>,
    send: Option<usize>,
    accept: Accept,
    preference: Preference,
    inline: Option<bool>,
    /// What holds for single methods, by their names; the last word on a method counts.
    inline_methods: Vec<(String, bool)>,
}

impl ServiceOptions {
    /// Largest request message, bytes; the server's limit unless set.
    pub fn max_decoding_message_size(mut self, limit: usize) -> Self {
        self.receive = Some(limit);
        self
    }

    /// Largest response message, bytes; the server's limit unless set.
    pub fn max_encoding_message_size(mut self, limit: usize) -> Self {
        self.send = Some(limit);
        self
    }

    /// Compresses responses with `encoding` for clients that accept it, wherever that makes them shorter. Of several
    /// encodings the first that the client accepts is used. The server's setting unless set.
    pub fn send_compressed(mut self, encoding: CompressionEncoding) -> Self {
        self.preference.add(encoding);
        self
    }

    /// Accepts requests compressed with `encoding`. Until the first use of this the server's setting holds, from then on
    /// only what was named is accepted.
    pub fn accept_compressed(mut self, encoding: CompressionEncoding) -> Self {
        self.accept = self.accept.and(encoding);
        self
    }

    /// Whether quick unary handlers of this service may run on the thread that reads their requests; see
    /// [`ServerBuilder::inline_handlers`](crate::ServerBuilder::inline_handlers). The server's setting unless set.
    pub fn inline_handlers(mut self, inline: bool) -> Self {
        self.inline = Some(inline);
        self
    }

    /// The same for one method, by its name in the `.proto` file (`"GetRoom"`); it counts more than what the service and the
    /// server say. The service's setting unless set. With `false` every call of the method has a thread of its own from
    /// the start: for a handler that mostly is quick and sometimes waits for something outside. A streaming method always
    /// has that. A name that the service does not have changes nothing, and the log warns of it.
    ///
    /// # Examples
    /// ```
    /// use stolid::server::{Methods, Service, ServiceOptions};
    /// use stolid::{Request, Response, Server};
    ///
    /// struct Rooms;
    ///
    /// impl Service for Rooms {
    ///     const NAME: &'static str = "demo.Rooms";
    ///
    ///     fn register(self, methods: &mut Methods) {
    ///         // What generated code does for `RoomsServer::new(..).inline_method("Find", false)`.
    ///         methods.options(ServiceOptions::default().inline_method("Find", false));
    ///         methods.unary("Count", |_: Request<()>| Ok(Response::new(3_u32)));
    ///         methods.unary("Find", |request: Request<String>| Ok(Response::new(request.into_inner().len() as u32)));
    ///     }
    /// }
    ///
    /// let server = Server::builder().add_service(Rooms).start("127.0.0.1:0")?;
    /// # Ok::<(), stolid::Error>(())
    /// ```
    pub fn inline_method(mut self, name: impl Into<String>, inline: bool) -> Self {
        self.inline_methods.push((name.into(), inline));
        self
    }

    /// These options as they are for one method.
    pub(super) fn of_method(&self, name: &str) -> Self {
        let own = self.inline_methods.iter().rfind(|(method, _)| method == name).map(|(_, inline)| *inline);
        Self { inline: own.or(self.inline), inline_methods: Vec::new(), ..self.clone() }
    }

    /// The methods that have settings of their own.
    pub(super) fn named_methods(&self) -> impl Iterator<Item = &str> {
        self.inline_methods.iter().map(|(name, _)| name.as_str())
    }

    /// Whether quick handlers may run on the thread that reads: a switch to another thread costs several times what a quick
    /// call costs.
    pub(super) fn is_inline(&self) -> bool {
        self.inline.unwrap_or(true)
    }

    /// These options, and those of the server where these say nothing.
    pub(super) fn or(&self, server: &Self) -> Self {
        Self {
            receive: self.receive.or(server.receive),
            send: self.send.or(server.send),
            accept: if self.accept == Accept::All { &server.accept } else { &self.accept }.clone(),
            preference: if self.preference.is_empty() { &server.preference } else { &self.preference }.clone(),
            inline: self.inline.or(server.inline),
            inline_methods: Vec::new(),
        }
    }

    pub(super) fn rules(&self, subtype: &str) -> Rules {
        let unset = MessageLimits::default();
        let limits =
            MessageLimits { receive: self.receive.unwrap_or(unset.receive), send: self.send.unwrap_or(unset.send) };
        Rules { limits, coding: Coding::new(self.accept.clone(), subtype), preference: self.preference.clone() }
    }
}

/// What holds for the messages of a method.
#[derive(Debug)]
pub(super) struct Rules {
    pub(super) limits: MessageLimits,
    /// Without compression.
    pub(super) coding: Coding,
    preference: Preference,
}

impl Rules {
    /// How messages are coded for a client that accepts these encodings.
    pub(super) fn coding_for(&self, accepted: &[HeaderValue]) -> Coding {
        let mut coding = self.coding.clone();
        coding.send = self.preference.first_of(accepted);
        coding
    }
}
