//! How the servers and channels of all tests are configured where a test does not say so itself.
//!
//! `STOLID_TEST_CONFIG=inline=off,spin=on,lanes=1` runs the whole suite in another setting; child processes inherit it.
//! What a test sets on the builder that it gets from here wins.
//!
//! | Key | Values | Sets |
//! | --- | --- | --- |
//! | `inline` | `on`, `off` | [`ServerBuilder::inline_handlers`] |
//! | `spin` | `on` (50 µs), `off` | [`ServerBuilder::spin`] and [`ChannelBuilder::spin`] |
//! | `lanes` | a number from 1 | [`ServerBuilder::lanes`] |

use std::env::{self, VarError};
use std::sync::LazyLock;
use std::time::Duration;

use stolid::{Channel, ChannelBuilder, Server, ServerBuilder};

/// The variable that holds the settings.
const VARIABLE: &str = "STOLID_TEST_CONFIG";

/// How long `spin=on` lets a thread look for news.
const SPIN: Duration = Duration::from_micros(50);

/// What the environment sets; what it leaves open stays as the builders have it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Config {
    inline: Option<bool>,
    spin: Option<Duration>,
    lanes: Option<usize>,
}

/// A server's builder as the environment configures it; instead of [`Server::builder`].
///
/// # Panics
/// When the environment has a setting that is none.
pub fn server() -> ServerBuilder {
    CONFIG.server(Server::builder())
}

/// A channel's builder as the environment configures it; instead of [`Channel::builder`].
///
/// # Panics
/// As [`server`].
pub fn channel(target: impl AsRef<str>) -> ChannelBuilder {
    CONFIG.channel(Channel::builder(target))
}

static CONFIG: LazyLock<Config> = LazyLock::new(|| match env::var(VARIABLE) {
    Ok(settings) => Config::parse(&settings).unwrap_or_else(|error| panic!("{VARIABLE}={settings}: {error}")),
    Err(VarError::NotPresent) => Config::default(),
    Err(error) => panic!("{VARIABLE}: {error}"),
});

impl Config {
    fn parse(settings: &str) -> Result<Self, String> {
        let mut config = Self::default();
        for setting in settings.split(',').filter(|_| !settings.is_empty()) {
            let (key, value) = setting.split_once('=').ok_or_else(|| format!("{setting:?} is not KEY=VALUE"))?;
            let again = match key {
                "inline" => config.inline.replace(switch(key, value)?).is_some(),
                "spin" => {
                    let limit = if switch(key, value)? { SPIN } else { Duration::ZERO };
                    config.spin.replace(limit).is_some()
                }
                "lanes" => config.lanes.replace(count(key, value)?).is_some(),
                _ => return Err(format!("there is no key {key:?}; there are inline, spin and lanes")),
            };
            if again {
                return Err(format!("{key} is set twice"));
            }
        }
        Ok(config)
    }

    fn server(&self, mut builder: ServerBuilder) -> ServerBuilder {
        if let Some(inline) = self.inline {
            builder = builder.inline_handlers(inline);
        }
        if let Some(limit) = self.spin {
            builder = builder.spin(limit);
        }
        if let Some(lanes) = self.lanes {
            builder = builder.lanes(lanes);
        }
        builder
    }

    fn channel(&self, builder: ChannelBuilder) -> ChannelBuilder {
        match self.spin {
            Some(limit) => builder.spin(limit),
            None => builder,
        }
    }
}

fn switch(key: &str, value: &str) -> Result<bool, String> {
    match value {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err(format!("{key} is on or off, not {value:?}")),
    }
}

fn count(key: &str, value: &str) -> Result<usize, String> {
    let number = value.parse().ok().filter(|number| *number > 0);
    number.ok_or_else(|| format!("{key} is a number from 1, not {value:?}"))
}

#[cfg(test)]
mod tests {
    use std::thread;

    use stolid::Response;

    use super::*;
    use crate::echo::Note;
    use crate::echo::echo_client::EchoClient;
    use crate::echo::echo_server::EchoServer;
    use crate::handlers::{Handlers, note};
    use crate::watchdog::watched;

    #[test]
    fn nothing_set_leaves_the_builders_as_they_are() {
        assert_eq!(Config::parse(""), Ok(Config::default()));
        assert_eq!(Config::default(), Config { inline: None, spin: None, lanes: None });
    }

    #[test]
    fn every_key_is_read_alone_and_beside_others() {
        let parse = |settings| Config::parse(settings).expect(settings);
        assert_eq!(parse("inline=on"), Config { inline: Some(true), ..Config::default() });
        assert_eq!(parse("inline=off"), Config { inline: Some(false), ..Config::default() });
        assert_eq!(parse("spin=on"), Config { spin: Some(Duration::from_micros(50)), ..Config::default() });
        assert_eq!(parse("spin=off"), Config { spin: Some(Duration::ZERO), ..Config::default() });
        assert_eq!(parse("lanes=12"), Config { lanes: Some(12), ..Config::default() });
        let all = Config { inline: Some(false), spin: Some(SPIN), lanes: Some(1) };
        assert_eq!(parse("inline=off,spin=on,lanes=1"), all);
        assert_eq!(parse("lanes=1,spin=on,inline=off"), all);
    }

    #[test]
    fn what_is_no_setting_is_told() {
        let told = [
            ("inlne=off", "inlne"),
            ("inline", "KEY=VALUE"),
            ("inline=", "on or off"),
            ("inline=true", "\"true\""),
            ("Inline=on", "\"Inline\""),
            ("spin=50", "\"50\""),
            ("lanes=0", "from 1"),
            ("lanes=-1", "from 1"),
            ("lanes=two", "\"two\""),
            ("inline=on, spin=on", "\" spin\""),
            ("inline=on,", "KEY=VALUE"),
            ("inline=on,inline=off", "twice"),
        ];
        for (settings, expected) in told {
            let error = Config::parse(settings).expect_err(settings);
            assert!(error.contains(expected), "{settings}: {error}");
        }
    }

    /// Whether one of two thousand quick calls is handled by the thread that reads, with `config` and a test's own setting
    /// on top of it.
    fn runs_inline(config: Config, own: impl FnOnce(ServerBuilder) -> ServerBuilder) -> bool {
        let handlers = Handlers::new().say(|_request| {
            let text = thread::current().name().unwrap_or("none").to_owned();
            Ok(Response::new(Note { text, ..note(0) }))
        });
        let builder = own(config.server(Server::builder())).add_service(EchoServer::new(handlers));
        let server = builder.start("127.0.0.1:0").expect("a loopback port is free");
        let channel = config.channel(Channel::builder(format!("http://{}", server.local_addr())));
        let client = EchoClient::new(channel.connect().expect("the server listens"));
        let mut threads =
            (0..2_000).map(|number| client.say(note(number)).expect("the server answers").into_inner().text);
        threads.any(|name| name.starts_with("stolid-lane"))
    }

    #[test]
    fn the_settings_reach_the_server_and_what_a_test_sets_wins() {
        watched(|| {
            let set = |settings| Config::parse(settings).expect(settings);
            let (on, off) = (set("inline=on,spin=off,lanes=2"), set("inline=off"));
            assert!(runs_inline(on, |builder| builder));
            assert!(!runs_inline(off, |builder| builder));
            assert!(runs_inline(off, |builder| builder.inline_handlers(true)));
            assert!(!runs_inline(on, |builder| builder.inline_handlers(false)));
        });
    }
}
