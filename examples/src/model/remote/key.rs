//! The key of an API: sent in one header, shown nowhere.

use std::fmt;

use ureq::http::HeaderValue;

use crate::model::ModelError;

/// What stands where a key would be.
const HIDDEN: &str = "[key]";

/// The key of an API, with the name of the variable it came from.
pub(in crate::model) struct Key {
    variable: &'static str,
    secret: String,
    header: HeaderValue,
}

impl Key {
    /// The key `secret`, which goes into its header after `scheme`.
    pub(in crate::model) fn new(variable: &'static str, secret: String, scheme: &str) -> Result<Self, ModelError> {
        let header = HeaderValue::from_str(&format!("{scheme}{secret}"));
        let visible = secret.bytes().all(|byte| byte.is_ascii_graphic());
        let (Ok(mut header), true, false) = (header, visible, secret.is_empty()) else {
            return Err(ModelError::configuration(format!(
                "{variable} holds characters that no key has, such as a space or a line break. \
                 Set it again."
            )));
        };
        header.set_sensitive(true);
        Ok(Self { variable, secret, header })
    }

    pub(super) fn variable(&self) -> &'static str {
        self.variable
    }

    pub(super) fn header(&self) -> HeaderValue {
        self.header.clone()
    }

    /// `text` without the key, should a server repeat it.
    pub(super) fn hide_in(&self, text: &str) -> String {
        text.replace(&self.secret, HIDDEN)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key").field("variable", &self.variable).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_shows_the_secret() {
        let key = Key::new("GEMINI_API_KEY", "s3cret".to_owned(), "Bearer ").expect("a plain key");
        let shown = format!("{key:?} {key:#?} {:?}", key.header());
        assert!(!shown.contains("s3cret"), "{shown}");
        assert_eq!(key.hide_in("bad key s3cret!"), "bad key [key]!");
    }

    #[test]
    fn refuses_what_no_header_can_carry() {
        for secret in ["", "two words", "line\nbreak", "schlüssel"] {
            let Err(error) = Key::new("OPENAI_API_KEY", secret.to_owned(), "") else {
                panic!("{secret:?} is taken for a key");
            };
            assert!(error.to_string().contains("OPENAI_API_KEY"));
            assert!(secret.is_empty() || !error.to_string().contains(secret));
        }
    }
}
