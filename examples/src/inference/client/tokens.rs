//! Prints an answer while it arrives.

use std::error::Error;
use std::io::{ErrorKind, Write};

use stolid::Status;

use crate::terminal::printable::printable;

/// Writes each token when it is there, with `end` behind it, and ends the last line.
///
/// # Errors
/// The status of the call if it failed, or what is wrong with `out`. A reader who has read enough is no failure.
pub fn print(
    tokens: impl IntoIterator<Item = Result<String, Status>>,
    end: &str,
    out: &mut impl Write,
) -> Result<(), Box<dyn Error>> {
    let mut line_ended = true;
    let mut outcome = Ok(());
    for token in tokens {
        let token = match token {
            Ok(token) => token,
            Err(status) => {
                outcome = Err(status.into());
                break;
            }
        };
        line_ended = end == "\n";
        match write!(out, "{}{end}", printable(&token)).and_then(|()| out.flush()) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
    if !line_ended {
        writeln!(out)?;
    }
    outcome
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(tokens: &[Result<&str, Status>], end: &str) -> (String, Option<String>) {
        let mut out = Vec::new();
        let tokens = tokens.iter().cloned().map(|token| token.map(str::to_owned));
        let error = print(tokens, end, &mut out).err().map(|error| error.to_string());
        (String::from_utf8(out).unwrap(), error)
    }

    #[test]
    fn the_last_line_is_ended_once() {
        assert_eq!(printed(&[Ok("the"), Ok(" server")], ""), ("the server\n".to_owned(), None));
        assert_eq!(printed(&[Ok("1"), Ok("2")], "\n"), ("1\n2\n".to_owned(), None));
        assert_eq!(printed(&[], ""), (String::new(), None));
    }

    #[test]
    fn a_failure_leaves_what_was_there_before() {
        let failed = Err(Status::unavailable("gone"));
        let expected = ("the\n".to_owned(), Some("UNAVAILABLE: gone".to_owned()));
        assert_eq!(printed(&[Ok("the"), failed], ""), expected);
    }

    #[test]
    fn a_reader_who_has_read_enough_is_no_failure() {
        struct Head;
        impl Write for Head {
            fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
                Err(ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
        let mut asked = 0;
        let tokens = std::iter::repeat_with(|| {
            asked += 1;
            Ok("1".to_owned())
        });
        assert!(print(tokens, "\n", &mut Head).is_ok());
        assert_eq!(asked, 1);
    }
}
