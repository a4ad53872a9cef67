//! A connection that fails: what it means to the person in the chat.

use std::io::ErrorKind;

use ureq::{Error, Timeout};

use super::api::{Api, CONNECT_TIMEOUT};
use crate::model::{Limits, ModelError, ModelErrorKind};

/// How far the answer has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// The head of the reply is not there yet.
    Head,
    /// The answer has begun.
    Body,
}

impl Api {
    /// The error for a failure of the HTTP client.
    pub(super) fn failure(&self, error: Error, limits: &Limits, phase: Phase) -> ModelError {
        // Whatever broke first: an answer that nobody wants, or wants no more, failed for that.
        if limits.is_cancelled() {
            return ModelError::cancelled();
        }
        match error {
            Error::Timeout(Timeout::Connect) => {
                self.unreachable(&format!("it did not respond within {} s", CONNECT_TIMEOUT.as_secs()))
            }
            Error::Timeout(_) => self.late(phase),
            Error::HostNotFound => self.unreachable("there is no host of that name"),
            Error::Io(error) => self.io_failure(&error, phase),
            other if phase == Phase::Body => self.broken(&other.to_string()),
            Error::Tls(_) | Error::Rustls(_) | Error::TlsRequired => self.insecure(&error.to_string()),
            Error::Protocol(_) | Error::Http(_) | Error::LargeResponseHeader(..) => ModelError::new(
                ModelErrorKind::Malformed,
                format!(
                    "What {} answers is not HTTP. Check {}. ({})",
                    self.host,
                    self.base_variable,
                    self.quote(&error.to_string())
                ),
            ),
            other => self.unreachable(&other.to_string()),
        }
    }

    /// The error for an answer whose connection ended too early.
    pub(super) fn cut(&self) -> ModelError {
        ModelError::new(
            ModelErrorKind::Cut,
            format!("The answer was cut: the {} ended the connection in the middle.", self.framework),
        )
    }

    /// The error for a deadline that has passed.
    pub(super) fn late(&self, phase: Phase) -> ModelError {
        let framework = self.framework;
        let text = match phase {
            Phase::Head => format!("The {framework} did not answer before the deadline."),
            Phase::Body => format!("The {framework} did not finish before the deadline. The answer is incomplete."),
        };
        ModelError::new(ModelErrorKind::Deadline, text)
    }

    fn io_failure(&self, error: &std::io::Error, phase: Phase) -> ModelError {
        match error.kind() {
            ErrorKind::ConnectionRefused => self.unreachable("connection refused"),
            // The TLS layer wraps its own errors like this.
            ErrorKind::InvalidData => self.insecure(&error.to_string()),
            ErrorKind::UnexpectedEof
            | ErrorKind::ConnectionReset
            | ErrorKind::ConnectionAborted
            | ErrorKind::BrokenPipe => match phase {
                Phase::Body => self.cut(),
                Phase::Head => ModelError::new(
                    ModelErrorKind::Cut,
                    format!("The {} at {} closed the connection without an answer.", self.framework, self.host),
                ),
            },
            _ if phase == Phase::Body => self.broken(&error.to_string()),
            _ => self.unreachable(&error.to_string()),
        }
    }

    fn unreachable(&self, why: &str) -> ModelError {
        ModelError::new(
            ModelErrorKind::Unreachable,
            format!(
                "The {} at {} cannot be reached: {}. Check the network and {}.",
                self.framework,
                self.host,
                self.quote(why),
                self.base_variable
            ),
        )
    }

    fn insecure(&self, why: &str) -> ModelError {
        ModelError::new(
            ModelErrorKind::Unreachable,
            format!(
                "There is no secure connection to {}: {}. Check {}.",
                self.host,
                self.quote(why),
                self.base_variable
            ),
        )
    }

    fn broken(&self, why: &str) -> ModelError {
        ModelError::new(
            ModelErrorKind::Cut,
            format!("The answer was cut: the connection to the {} failed ({}).", self.framework, self.quote(why)),
        )
    }
}
