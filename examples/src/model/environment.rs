//! Which model the environment asks for.

use std::sync::Arc;

use super::remote::{BaseUrl, Key, gemini, openai};
use super::{Embedded, Model, ModelError};

const GEMINI_ENDPOINT: &str = "https://generativelanguage.googleapis.com";
const OPENAI_ENDPOINT: &str = "https://api.openai.com/v1";

/// The model that the environment asks for; `env` looks up one variable.
///
/// `CHAT_MODEL` is `embedded`, `gemini` or `openai`. Without it the model is `gemini` if
/// `GEMINI_API_KEY` or `GOOGLE_API_KEY` is set, else `openai` if `OPENAI_BASE_URL` is, else
/// `embedded`. `GENAI_MODEL_ID` names the remote model; `GEMINI_BASE_URL`, `OPENAI_BASE_URL` and
/// `OPENAI_API_KEY` say where it is and how to be let in. A blank variable counts as not set.
///
/// # Errors
///
/// A [`ModelError`] that names the variable: an unknown `CHAT_MODEL`, a missing or unusable key, an
/// unusable base URL or model id. The values themselves are never in the message, except for that of
/// `CHAT_MODEL`.
///
/// # Examples
///
/// ```
/// let model = stolid_examples::model::from_environment(&|_| None)?;
/// assert_eq!(model.name(), "embedded");
/// # Ok::<(), stolid_examples::model::ModelError>(())
/// ```
pub fn from_environment(env: &dyn Fn(&str) -> Option<String>) -> Result<Arc<dyn Model>, ModelError> {
    let get = |name: &str| {
        let value = env(name)?;
        let value = value.trim();
        (!value.is_empty()).then(|| value.to_owned())
    };
    match get("CHAT_MODEL") {
        Some(choice) => match choice.to_ascii_lowercase().as_str() {
            "embedded" => Ok(Arc::new(Embedded)),
            "gemini" => gemini_model(&get),
            "openai" => openai_model(&get),
            _ => Err(ModelError::configuration(format!(
                "CHAT_MODEL is {choice:?}, which is not a known model. \
                 Set it to embedded, gemini or openai."
            ))),
        },
        None if get("GEMINI_API_KEY").is_some() || get("GOOGLE_API_KEY").is_some() => gemini_model(&get),
        None if get("OPENAI_BASE_URL").is_some() => openai_model(&get),
        None => Ok(Arc::new(Embedded)),
    }
}

fn gemini_model(get: &dyn Fn(&str) -> Option<String>) -> Result<Arc<dyn Model>, ModelError> {
    let (variable, key) = match (get("GEMINI_API_KEY"), get("GOOGLE_API_KEY")) {
        (Some(key), _) => ("GEMINI_API_KEY", key),
        (None, Some(key)) => ("GOOGLE_API_KEY", key),
        (None, None) => {
            return Err(ModelError::configuration(
                "The gemini model needs a key. Set GEMINI_API_KEY or GOOGLE_API_KEY, \
                 or CHAT_MODEL=embedded for the model that needs none.",
            ));
        }
    };
    let key = Key::new(variable, key, "")?;
    let base = get("GEMINI_BASE_URL");
    let base = BaseUrl::parse("GEMINI_BASE_URL", base.as_deref().unwrap_or(GEMINI_ENDPOINT))?;
    let name = get("GENAI_MODEL_ID").unwrap_or_else(|| "gemini-2.0-flash".to_owned());
    Ok(Arc::new(gemini::model(&base, name, key)?))
}

fn openai_model(get: &dyn Fn(&str) -> Option<String>) -> Result<Arc<dyn Model>, ModelError> {
    let key = get("OPENAI_API_KEY").map(|key| Key::new("OPENAI_API_KEY", key, "Bearer ")).transpose()?;
    let base = get("OPENAI_BASE_URL");
    // A server of one's own may do without a key; the public one never does.
    if key.is_none() && base.is_none() {
        return Err(ModelError::configuration(
            "The openai model needs a key. Set OPENAI_API_KEY, or OPENAI_BASE_URL for a server that \
             needs none, or CHAT_MODEL=embedded for the model in this program.",
        ));
    }
    let base = BaseUrl::parse("OPENAI_BASE_URL", base.as_deref().unwrap_or(OPENAI_ENDPOINT))?;
    let name = get("GENAI_MODEL_ID").unwrap_or_else(|| "gpt-4o-mini".to_owned());
    Ok(Arc::new(openai::model(&base, name, key)))
}
