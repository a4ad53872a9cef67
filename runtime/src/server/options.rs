//! `ServiceOptions`: what one service does in its own way, and what its methods make of it.

use http::HeaderValue;

use crate::compression::{Accept, Coding, CompressionEncoding, Preference};
use crate::stream::MessageLimits;

/// How the methods of one service treat messages, where that differs from the server. Set through the methods of a
/// generated server.
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct ServiceOptions {
    receive: Option<usize>,
    send: Option<usize>,
    accept: Accept,
    preference: Preference,
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

    /// These options, and those of the server where these say nothing.
    pub(super) fn or(&self, server: &Self) -> Self {
        Self {
            receive: self.receive.or(server.receive),
            send: self.send.or(server.send),
            accept: if self.accept == Accept::All { &server.accept } else { &self.accept }.clone(),
            preference: if self.preference.is_empty() { &server.preference } else { &self.preference }.clone(),
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
