//! The colours of the programs, or none.

use std::io::{self, IsTerminal};

use anstyle::{AnsiColor, Style};

/// What a piece of text is, which decides how it looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The title of a box.
    Title,
    /// The frame of a box and other things in the background.
    Frame,
    /// The name of a value.
    Label,
    /// Good news.
    Good,
    /// Bad news.
    Bad,
    /// Something to notice.
    Notice,
}

/// Whether text is coloured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Theme {
    coloured: bool,
}

impl Theme {
    /// Text without a single escape code.
    pub const fn plain() -> Self {
        Self { coloured: false }
    }

    /// Text with colours.
    pub const fn coloured() -> Self {
        Self { coloured: true }
    }

    /// Coloured if standard output is a terminal that shows colours and the user did not switch them off
    /// (`NO_COLOR`, `CLICOLOR`, `TERM=dumb`).
    pub fn of_standard_output() -> Self {
        let stdout = io::stdout();
        let choice = anstream::AutoStream::choice(&stdout);
        // The automatic choice takes every terminal of a build machine for one with colours.
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        Self { coloured: stdout.is_terminal() && !dumb && choice != anstream::ColorChoice::Never }
    }

    /// `text` as it looks in `role`.
    pub fn paint(self, role: Role, text: &str) -> String {
        if !self.coloured || text.is_empty() {
            return text.to_owned();
        }
        let style = match role {
            Role::Title => AnsiColor::Cyan.on_default().bold(),
            Role::Frame => AnsiColor::BrightBlack.on_default(),
            Role::Label => Style::new().dimmed(),
            Role::Good => AnsiColor::Green.on_default(),
            Role::Bad => AnsiColor::Red.on_default(),
            Role::Notice => AnsiColor::Yellow.on_default(),
        };
        format!("{style}{text}{style:#}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_theme_leaves_text_alone() {
        assert_eq!(Theme::plain().paint(Role::Title, "GRPC"), "GRPC");
    }

    #[test]
    fn colours_are_switched_on_and_off_around_the_text() {
        let painted = Theme::coloured().paint(Role::Bad, "lost");
        assert_eq!(painted, "\u{1b}[31mlost\u{1b}[0m");
        assert_eq!(Theme::coloured().paint(Role::Bad, ""), "");
    }
}
