//! Sending a request to an API and getting the head of its reply.

use std::time::Duration;

use serde_json::Value;
use ureq::config::Config;
use ureq::http::{Response, Uri};
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{Connector, NextTimeout, RustlsConnector, TcpConnector};
use ureq::{Agent, Body};

use super::failure::Phase;
use super::interrupt::Interrupter;
use super::key::Key;
use crate::model::{Limits, ModelError};

/// The longest that reaching a server may take, TLS included.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// The longest text of a server, in characters, that is repeated in a message.
const MAX_QUOTE: usize = 200;

/// An API that streams answers, and what to call it and its settings in messages.
#[derive(Debug)]
pub(super) struct Api {
    pub(super) framework: &'static str,
    pub(super) model: String,
    pub(super) url: String,
    pub(super) host: String,
    pub(super) base_variable: &'static str,
    pub(super) key_variable: &'static str,
    pub(super) key_header: &'static str,
    pub(super) key: Option<Key>,
}

impl Api {
    /// Sends `request` and waits for the head of the reply, which says that an answer follows.
    ///
    /// Every answer has a connection of its own: an answer takes far longer than the handshake, and
    /// an idle connection that the server has closed would fail the next one.
    pub(super) fn post(&self, request: &Value, limits: &Limits) -> Result<Response<Body>, ModelError> {
        let failure = |error| self.failure(error, limits, Phase::Head);
        if limits.is_cancelled() {
            return Err(ModelError::cancelled());
        }
        if limits.remaining().is_zero() {
            return Err(self.late(Phase::Head));
        }
        let connector =
            ().chain(TcpConnector::default())
                .chain(Interrupter { limits: limits.clone() })
                .chain(RustlsConnector::default());
        let mut post = Agent::with_parts(config(limits), connector, Lookup::default())
            .post(&self.url)
            .content_type("application/json")
            .header("accept", "text/event-stream");
        if let Some(key) = &self.key {
            post = post.header(self.key_header, key.header());
        }
        let reply = post.send(request.to_string()).map_err(failure)?;
        if reply.status().is_success() { Ok(reply) } else { Err(self.refusal(reply)) }
    }

    /// A text of the server as it may be shown: on one line, not long, and without the key.
    pub(super) fn quote(&self, text: &str) -> String {
        let text = match &self.key {
            Some(key) => key.hide_in(text),
            None => text.to_owned(),
        };
        // Control characters of a stranger could change what the terminal shows.
        let words: Vec<&str> =
            text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()).collect();
        let line = words.join(" ");
        match line.char_indices().nth(MAX_QUOTE) {
            Some((end, _)) => format!("{}…", line[..end].trim_end()),
            None => line,
        }
    }
}

fn config(limits: &Limits) -> Config {
    Agent::config_builder()
        .http_status_as_error(false)
        // A redirect would carry the key to a server that nobody chose.
        .max_redirects(0)
        .proxy(None)
        .timeout_global(Some(limits.remaining()))
        .timeout_connect(Some(CONNECT_TIMEOUT))
        .user_agent(concat!("stolid-chat/", env!("CARGO_PKG_VERSION")))
        .build()
}

/// Finds the addresses of a host and tells a host that has none from other failures.
#[derive(Debug, Default)]
struct Lookup {
    inner: DefaultResolver,
}

impl Resolver for Lookup {
    fn resolve(&self, uri: &Uri, config: &Config, timeout: NextTimeout) -> Result<ResolvedSocketAddrs, ureq::Error> {
        self.inner.resolve(uri, config, timeout).map_err(|error| match error {
            // The standard library has no stable kind for what getaddrinfo says.
            ureq::Error::Io(_) => ureq::Error::HostNotFound,
            other => other,
        })
    }
}
