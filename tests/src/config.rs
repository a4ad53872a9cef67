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
//! | `packing` | bytes | [`ServerBuilder::packing_size`] and [`ChannelBuilder::packing_size`] |
//! | `flush` | microseconds | [`ServerBuilder::flush_delay`] and [`ChannelBuilder::flush_delay`] |
//! | `stream_window` | bytes | [`ChannelBuilder::initial_stream_window_size`] |
//! | `connection_window` | bytes | [`ChannelBuilder::initial_connection_window_size`] |
//! | `header_list` | bytes | [`ChannelBuilder::max_header_list_size`] |

use std::env::{self, VarError};
use std::str::FromStr;
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
    packing: Option<usize>,
    flush: Option<Duration>,
    stream_window: Option<u32>,
    connection_window: Option<u32>,
    header_list: Option<u32>,
}

/// The keys, for who has mistyped one.
const KEYS: &str = "inline, spin, lanes, packing, flush, stream_window, connection_window and header_list";

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
                "packing" => config.packing.replace(number(key, value)?).is_some(),
                "flush" => config.flush.replace(Duration::from_micros(number(key, value)?)).is_some(),
                "stream_window" => config.stream_window.replace(number(key, value)?).is_some(),
                "connection_window" => config.connection_window.replace(number(key, value)?).is_some(),
                "header_list" => config.header_list.replace(number(key, value)?).is_some(),
                _ => return Err(format!("there is no key {key:?}; there are {KEYS}")),
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
        if let Some(bytes) = self.packing {
            builder = builder.packing_size(bytes);
        }
        if let Some(delay) = self.flush {
            builder = builder.flush_delay(delay);
        }
        builder
    }

    fn channel(&self, mut builder: ChannelBuilder) -> ChannelBuilder {
        if let Some(limit) = self.spin {
            builder = builder.spin(limit);
        }
        if let Some(bytes) = self.packing {
            builder = builder.packing_size(bytes);
        }
        if let Some(delay) = self.flush {
            builder = builder.flush_delay(delay);
        }
        if let Some(bytes) = self.stream_window {
            builder = builder.initial_stream_window_size(bytes);
        }
        if let Some(bytes) = self.connection_window {
            builder = builder.initial_connection_window_size(bytes);
        }
        if let Some(bytes) = self.header_list {
            builder = builder.max_header_list_size(bytes);
        }
        builder
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

fn number<N: FromStr>(key: &str, value: &str) -> Result<N, String> {
    value.parse().map_err(|_| format!("{key} is a number, not {value:?}"))
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
    use crate::wire::{Setting, WireListener};

    #[test]
    fn nothing_set_leaves_the_builders_as_they_are() {
        assert_eq!(Config::parse(""), Ok(Config::default()));
        let Config { inline, spin, lanes, packing, flush, stream_window, connection_window, header_list } =
            Config::default();
        assert_eq!((inline, spin, lanes, packing, flush), (None, None, None, None, None));
        assert_eq!((stream_window, connection_window, header_list), (None, None, None));
    }

    #[test]
    fn every_key_is_read_alone_and_beside_others() {
        let parse = |settings| Config::parse(settings).expect(settings);
        assert_eq!(parse("inline=on"), Config { inline: Some(true), ..Config::default() });
        assert_eq!(parse("inline=off"), Config { inline: Some(false), ..Config::default() });
        assert_eq!(parse("spin=on"), Config { spin: Some(Duration::from_micros(50)), ..Config::default() });
        assert_eq!(parse("spin=off"), Config { spin: Some(Duration::ZERO), ..Config::default() });
        assert_eq!(parse("lanes=12"), Config { lanes: Some(12), ..Config::default() });
        assert_eq!(parse("packing=0"), Config { packing: Some(0), ..Config::default() });
        assert_eq!(parse("flush=1000"), Config { flush: Some(Duration::from_millis(1)), ..Config::default() });
        assert_eq!(parse("stream_window=1"), Config { stream_window: Some(1), ..Config::default() });
        assert_eq!(parse("connection_window=65535"), Config { connection_window: Some(65_535), ..Config::default() });
        assert_eq!(parse("header_list=4294967295"), Config { header_list: Some(u32::MAX), ..Config::default() });
        let all = Config { inline: Some(false), spin: Some(SPIN), lanes: Some(1), ..Config::default() };
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
            ("packing=-1", "\"-1\""),
            ("flush=50us", "\"50us\""),
            ("header_list=4294967296", "is a number"),
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
    fn the_settings_reach_the_channel_and_what_a_test_sets_wins() {
        watched(|| {
            let set = Config::parse("stream_window=70000,header_list=9000").expect("it is legal");
            let own = [(70_000, 9_000), (80_000, 9_000)];
            let builders: [fn(ChannelBuilder) -> ChannelBuilder; 2] =
                [|builder| builder, |builder| builder.initial_stream_window_size(80_000)];
            for ((window, list), builder) in own.into_iter().zip(builders) {
                let listener = WireListener::bind();
                let channel = builder(set.channel(Channel::builder(listener.target())));
                let connecting = thread::spawn(move || channel.connect());
                let mut wire = listener.accept_silently();
                wire.send_settings(&[]);
                wire.recv_preface();
                let settings = wire.recv_settings();
                assert!(settings.contains(&(Setting::INITIAL_WINDOW_SIZE, window)), "{settings:?}");
                assert!(settings.contains(&(Setting::MAX_HEADER_LIST_SIZE, list)), "{settings:?}");
                let connected = connecting.join().expect("no panic");
                connected.expect("the script greets");
            }
        });
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
