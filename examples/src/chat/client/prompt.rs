//! What stands in front of the line the user types.

use crate::chat::session_id;
use crate::terminal::printable::printable;
use crate::terminal::theme::{Role, Theme};

/// What the prompt tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prompt {
    /// The current session.
    pub session: Option<String>,
    /// The room; in one, what is said is for the room and not for the session.
    pub room: Option<String>,
    /// Whether there is a connection: `●` with one, `○` without.
    pub connected: bool,
}

impl Prompt {
    /// The prompt: `You [e5f6g7h8...] ● › `, `You [#lobby] ● › ` in a room, or `You › ` without either.
    pub fn render(&self, theme: Theme) -> String {
        let place = match (&self.room, &self.session) {
            (Some(room), _) => format!("#{}", printable(room)),
            (None, Some(session)) => session_id::short(session),
            (None, None) => return "You › ".to_owned(),
        };
        let (mark, role) = if self.connected { ("●", Role::Good) } else { ("○", Role::Bad) };
        format!("You [{place}] {} › ", theme.paint(role, mark))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prompt_names_the_session_and_shows_the_connection() {
        let mut prompt = Prompt::default();
        assert_eq!(prompt.render(Theme::plain()), "You › ");
        prompt.session = Some("e5f6g7h8-1234".to_owned());
        assert_eq!(prompt.render(Theme::plain()), "You [e5f6g7h8...] ○ › ");
        prompt.connected = true;
        assert_eq!(prompt.render(Theme::plain()), "You [e5f6g7h8...] ● › ");
        assert_eq!(prompt.render(Theme::coloured()), "You [e5f6g7h8...] \u{1b}[32m●\u{1b}[0m › ");
        prompt.room = Some("lobby".to_owned());
        assert_eq!(prompt.render(Theme::plain()), "You [#lobby] ● › ");
    }
}
