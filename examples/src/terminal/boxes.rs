//! A framed box: a title and lines of `Label: value`.

use unicode_width::UnicodeWidthStr;

use super::printable::printable;
use super::theme::{Role, Theme};
use super::wrap;

/// Columns of a line that belong to the frame: a bar and a blank on each side.
const FRAME: usize = 4;

#[derive(Clone, Debug)]
struct Row {
    label: Option<String>,
    text: String,
    role: Option<Role>,
}

/// Collects what stands in a box.
///
/// ```
/// use stolid_examples::terminal::boxes::TextBox;
/// use stolid_examples::terminal::theme::Theme;
///
/// let text = TextBox::new("GRPC CONNECTED").row("Server", "localhost:50051").render(28, Theme::plain());
/// assert_eq!(text, "\
/// ┌──────────────────────────┐
/// │ GRPC CONNECTED           │
/// ├──────────────────────────┤
/// │ Server: localhost:50051  │
/// └──────────────────────────┘
/// ");
/// ```
#[derive(Clone, Debug)]
pub struct TextBox {
    title: String,
    rows: Vec<Row>,
}

impl TextBox {
    /// A box with nothing but its title.
    pub fn new(title: impl Into<String>) -> Self {
        Self { title: title.into(), rows: Vec::new() }
    }

    /// Adds `Label: value`; a long value is wrapped.
    pub fn row(self, label: &str, value: impl ToString) -> Self {
        self.push(Some(label), value.to_string(), None)
    }

    /// Adds `Label: value` with the value in the colour of `role`.
    pub fn row_in(self, label: &str, value: impl ToString, role: Role) -> Self {
        self.push(Some(label), value.to_string(), Some(role))
    }

    /// Adds a line without a label.
    pub fn line(self, text: impl ToString) -> Self {
        self.push(None, text.to_string(), None)
    }

    fn push(mut self, label: Option<&str>, text: String, role: Option<Role>) -> Self {
        self.rows.push(Row { label: label.map(str::to_owned), text, role });
        self
    }

    /// The box as lines of exactly `width` columns, each ended by a line feed.
    pub fn render(&self, width: usize, theme: Theme) -> String {
        let inner = width.saturating_sub(FRAME).max(1);
        let mut canvas = Canvas { out: String::new(), inner, theme };
        canvas.rule('┌', '┐');
        for line in wrap::lines(&printable(&self.title), inner) {
            canvas.line(&theme.paint(Role::Title, &line), line.width());
        }
        if !self.rows.is_empty() {
            canvas.rule('├', '┤');
        }
        for row in &self.rows {
            canvas.row(row);
        }
        canvas.rule('└', '┘');
        canvas.out
    }
}

struct Canvas {
    out: String,
    inner: usize,
    theme: Theme,
}

impl Canvas {
    fn rule(&mut self, left: char, right: char) {
        let rule = format!("{left}{}{right}", "─".repeat(self.inner + 2));
        self.out.push_str(&self.theme.paint(Role::Frame, &rule));
        self.out.push('\n');
    }

    fn row(&mut self, row: &Row) {
        let text = match &row.label {
            Some(label) => format!("{label}: {}", row.text),
            None => row.text.clone(),
        };
        for (index, line) in wrap::lines(&printable(&text), self.inner).iter().enumerate() {
            let painted = match &row.label {
                Some(label) if index == 0 => self.labelled(line, label, row.role),
                _ => self.valued(line, row.role),
            };
            self.line(&painted, line.width());
        }
    }

    /// The first line of a row: `Label:` in its own colour, unless the box is too narrow to hold it.
    fn labelled(&self, line: &str, label: &str, role: Option<Role>) -> String {
        let Some(value) = line.strip_prefix(label).and_then(|rest| rest.strip_prefix(':')) else {
            return line.to_owned();
        };
        let label = self.theme.paint(Role::Label, &format!("{label}:"));
        format!("{label}{}", self.valued(value, role))
    }

    fn valued(&self, value: &str, role: Option<Role>) -> String {
        role.map_or_else(|| value.to_owned(), |role| self.theme.paint(role, value))
    }

    fn line(&mut self, painted: &str, width: usize) {
        let bar = self.theme.paint(Role::Frame, "│");
        let blanks = " ".repeat(self.inner.saturating_sub(width));
        self.out.push_str(&format!("{bar} {painted}{blanks} {bar}\n"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> TextBox {
        TextBox::new("GRPC MESSAGE SENT")
            .row("Type", "MESSAGE")
            .row("Message", "the quick brown fox jumps over the lazy dog")
    }

    #[test]
    fn long_values_are_wrapped_inside_the_frame() {
        let expected = "\
┌──────────────────────────────┐
│ GRPC MESSAGE SENT            │
├──────────────────────────────┤
│ Type: MESSAGE                │
│ Message: the quick brown fox │
│ jumps over the lazy dog      │
└──────────────────────────────┘
";
        assert_eq!(sample().render(32, Theme::plain()), expected);
    }

    #[test]
    fn every_line_is_as_wide_as_asked() {
        let text = sample().row("Wide", "世界 grüßt e\u{301}").line("");
        for width in [16, 21, 40, 64] {
            for line in text.render(width, Theme::plain()).lines() {
                assert_eq!(line.width(), width, "{line}");
            }
        }
    }

    #[test]
    fn colours_do_not_change_the_shape() {
        let plain = sample().row_in("Status", "READY", Role::Good).render(40, Theme::plain());
        let coloured = sample().row_in("Status", "READY", Role::Good).render(40, Theme::coloured());
        assert_eq!(anstream::adapter::strip_str(&coloured).to_string(), plain);
        assert!(coloured.contains("\u{1b}[32m READY"));
    }

    #[test]
    fn a_value_cannot_leave_its_box() {
        let text = TextBox::new("T\u{1b}[2J").row("Message", "a\u{1b}[5Ab\nc\rd").render(30, Theme::plain());
        assert!(!text.contains('\u{1b}'));
        assert_eq!(text.lines().count(), 6);
        assert!(text.lines().all(|line| line.width() == 30), "{text}");
    }
}
