//! The models that answer in the chat.
//!
//! A [`Model`] gets the whole conversation of one session and yields its answer in pieces of text.
//! It runs on the thread that asks for the pieces and keeps nothing from one answer to the next:
//! what it remembers is what the history tells it.
//!
//! | `CHAT_MODEL` | is | needs |
//! |---|---|---|
//! | `embedded` | [`Embedded`], a small recalling model in this program | nothing |
//! | `gemini` | the Gemini API | `GEMINI_API_KEY` or `GOOGLE_API_KEY` |
//! | `openai` | an API that speaks OpenAI's chat completions | `OPENAI_API_KEY`, or `OPENAI_BASE_URL` alone |

mod embedded;
mod environment;
mod error;
mod limits;
mod remote;

use std::fmt;

pub use self::embedded::Embedded;
pub use self::environment::from_environment;
pub use self::error::{ModelError, ModelErrorKind};
pub use self::limits::Limits;

/// Who said a [`Turn`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// The person at the terminal.
    User,
    /// The model.
    Assistant,
}

/// One message of a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    /// Who said it.
    pub role: Role,
    /// What was said.
    pub text: String,
}

impl Turn {
    /// A message of the person.
    pub fn user(text: impl Into<String>) -> Self {
        Self { role: Role::User, text: text.into() }
    }

    /// An answer of the model.
    pub fn assistant(text: impl Into<String>) -> Self {
        Self { role: Role::Assistant, text: text.into() }
    }
}

/// Something that continues a conversation.
pub trait Model: Send + Sync {
    /// The id of the model that users see, such as `embedded` or `gemini-2.0-flash`.
    fn name(&self) -> &str;

    /// What runs the model, such as `Stolid embedded` or `Gemini API`.
    fn framework(&self) -> &str;

    /// Answers the newest turn of `history`, which is the user's.
    ///
    /// Blocks until the answer begins; each step of [`Answer::pieces`] then blocks until the next
    /// piece is there. Both give up when `limits` say so.
    ///
    /// # Errors
    ///
    /// A [`ModelError`] when no answer begins. What goes wrong later is the last item of
    /// [`Answer::pieces`].
    fn answer(&self, history: &[Turn], limits: &Limits) -> Result<Answer, ModelError>;
}

// The concrete models hold keys; what a stranger prints through the trait is only their names.
impl fmt::Debug for dyn Model + '_ {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Model")
            .field("name", &self.name())
            .field("framework", &self.framework())
            .finish_non_exhaustive()
    }
}

/// The text of an answer, in order. Nothing follows an error.
pub type Pieces = Box<dyn Iterator<Item = Result<String, ModelError>> + Send>;

/// An answer that has begun.
pub struct Answer {
    /// Whether all pieces are already there, so that their number can be told in advance without
    /// waiting.
    pub complete: bool,
    /// The text; put together without separators it is the whole answer.
    pub pieces: Pieces,
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer").field("complete", &self.complete).finish_non_exhaustive()
    }
}
