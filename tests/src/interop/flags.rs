//! Command lines as the interoperability programs of all languages take them: `--name=value` or
//! `--name value`.

use std::collections::BTreeMap;
use std::str::FromStr;

/// The flags of a command line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Flags {
    values: BTreeMap<String, String>,
}

impl Flags {
    /// Reads a command line, without the program's name; of a flag given twice the last one counts.
    ///
    /// # Errors
    /// When a flag is not among the `known` ones or has no value, and for what is no flag at all.
    pub fn parse(arguments: impl IntoIterator<Item = String>, known: &[&str]) -> Result<Self, String> {
        let mut values = BTreeMap::new();
        let mut arguments = arguments.into_iter().peekable();
        while let Some(argument) = arguments.next() {
            let flag = argument.strip_prefix("--").ok_or_else(|| format!("{argument:?} is no flag"))?;
            let (name, value) = flag.split_once('=').map_or((flag, None), |(name, value)| (name, Some(value)));
            if !known.contains(&name) {
                return Err(format!("there is no flag --{name}"));
            }
            let value = match value {
                Some(value) => value.to_owned(),
                None => arguments
                    .next_if(|next| !next.starts_with("--"))
                    .ok_or_else(|| format!("--{name} needs a value"))?,
            };
            values.insert(name.to_owned(), value);
        }
        Ok(Self { values })
    }

    /// The value of a flag, if it was given.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    /// The number that a flag gives, or `default` without it.
    ///
    /// # Errors
    /// When the value is no such number.
    pub fn number<T: FromStr>(&self, name: &str, default: T) -> Result<T, String> {
        let parse = |text: &str| text.parse().map_err(|_| format!("--{name}={text} is no number that fits"));
        self.text(name).map_or(Ok(default), parse)
    }

    /// Checks that nobody asks for TLS, which these programs do not speak.
    ///
    /// # Errors
    /// When `--use_tls` is there and not false.
    pub fn expect_plaintext(&self) -> Result<(), String> {
        match self.text("use_tls") {
            None | Some("false" | "0") => Ok(()),
            Some(other) => Err(format!("--use_tls={other}: only --use_tls=false is there")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: &[&str] = &["port", "test_case", "use_tls"];

    fn parse(line: &str) -> Result<Flags, String> {
        Flags::parse(line.split_whitespace().map(str::to_owned), KNOWN)
    }

    #[test]
    fn a_value_follows_an_equals_sign_or_a_space() {
        assert_eq!(parse("--port=7 --test_case a,b"), parse("--test_case=a,b --port 7"));
        let flags = parse("--port=7 --test_case a,b").unwrap();
        assert_eq!(flags.number("port", 0_u16), Ok(7));
        assert_eq!(flags.text("test_case"), Some("a,b"));
    }

    #[test]
    fn what_is_not_given_has_its_default() {
        assert_eq!(parse("").unwrap().number("port", 3_u16), Ok(3));
        assert_eq!(parse("").unwrap().text("test_case"), None);
    }

    #[test]
    fn the_last_of_two_counts() {
        assert_eq!(parse("--port=1 --port=2").unwrap().number("port", 0), Ok(2));
    }

    #[test]
    fn what_is_no_known_flag_is_an_error() {
        for line in ["--ports=1", "port", "-port 1", "--port 1 2", "--port", "--port --use_tls=false", "--=1"] {
            parse(line).expect_err(line);
        }
    }

    #[test]
    fn a_number_that_does_not_fit_is_an_error() {
        for value in ["x", "", "-1", "65536", "1.5"] {
            parse(&format!("--port={value}")).unwrap().number("port", 0_u16).expect_err(value);
        }
    }

    #[test]
    fn tls_can_only_be_refused() {
        for (line, plaintext) in
            [("", true), ("--use_tls=false", true), ("--use_tls=true", false), ("--use_tls=", false)]
        {
            assert_eq!(parse(line).unwrap().expect_plaintext().is_ok(), plaintext, "{line}");
        }
    }
}
