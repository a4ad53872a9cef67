//! Where an API is.

use ureq::http::Uri;

use crate::model::ModelError;

/// The address of an API, without a slash at its end.
#[derive(Debug)]
pub(in crate::model) struct BaseUrl {
    variable: &'static str,
    url: String,
    path: String,
    host: String,
}

impl BaseUrl {
    /// Reads the value of `variable`.
    pub(in crate::model) fn parse(variable: &'static str, value: &str) -> Result<Self, ModelError> {
        // The value stays out of the messages: people do write passwords into URLs.
        let refuse = |why: &str| Err(ModelError::configuration(format!("{variable} {why}.")));
        let url = value.trim_end_matches('/');
        if !url.starts_with("http://") && !url.starts_with("https://") {
            return refuse("must begin with http:// or https:// and name a host");
        }
        let Ok(uri) = url.parse::<Uri>() else {
            return refuse("is not a URL");
        };
        let Some(authority) = uri.authority().filter(|it| !it.host().is_empty()) else {
            return refuse("names no host");
        };
        if authority.as_str().contains('@') {
            return refuse("must hold no user name and no password");
        }
        if authority.as_str() != authority.host() && authority.port_u16().is_none() {
            return refuse("has a port that is not a number up to 65535");
        }
        if uri.query().is_some() || url.contains('#') {
            return refuse("must end with the path, without ? and #");
        }
        Ok(Self {
            variable,
            url: url.to_owned(),
            path: uri.path().trim_end_matches('/').to_owned(),
            host: authority.as_str().to_owned(),
        })
    }

    /// The address with `version` as the last segment of its path, be it written there or not.
    pub(super) fn versioned(&self, version: &str) -> String {
        if self.path.rsplit('/').next() == Some(version) { self.url.clone() } else { format!("{}/{version}", self.url) }
    }

    /// The address as it was written.
    pub(super) fn as_written(&self) -> &str {
        &self.url
    }

    /// Whether the address is a bare host, without a path.
    pub(super) fn is_bare(&self) -> bool {
        self.path.is_empty()
    }

    pub(super) fn variable(&self) -> &'static str {
        self.variable
    }

    /// Host and port, as written.
    pub(super) fn host(&self) -> &str {
        &self.host
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base(value: &str) -> BaseUrl {
        BaseUrl::parse("OPENAI_BASE_URL", value).expect(value)
    }

    #[test]
    fn the_version_is_there_once() {
        for value in ["http://h:1", "http://h:1/", "http://h:1/v1", "http://h:1/v1/"] {
            assert_eq!(base(value).versioned("v1"), "http://h:1/v1", "{value}");
        }
        assert_eq!(base("http://h/api").versioned("v1"), "http://h/api/v1");
    }

    #[test]
    fn unusable_addresses_are_refused_without_repeating_them() {
        for value in [
            "",
            "http://",
            "localhost:8000",
            "ftp://secret",
            "http://user:secret@host",
            "http://secret:99999",
            "http://secret:",
            "http://secret/?key=1",
            "http://secret/#top",
            "http://sec ret",
        ] {
            let Err(error) = BaseUrl::parse("OPENAI_BASE_URL", value) else {
                panic!("{value:?} is taken for an address");
            };
            let text = error.to_string();
            assert!(text.starts_with("OPENAI_BASE_URL "), "{text}");
            assert!(!text.contains("secret"), "{text}");
        }
    }
}
