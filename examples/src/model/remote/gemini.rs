//! The Gemini API: `models.streamGenerateContent`.

use std::sync::Arc;

use serde_json::{Value, json};

use super::api::Api;
use super::{BaseUrl, Dialect, End, Key, RemoteModel, Step, error_in, is_blank, text_at};
use crate::model::{ModelError, Role, Turn};

/// The model `name` of the Gemini API at `base`.
pub(in crate::model) fn model(base: &BaseUrl, name: String, key: Key) -> Result<RemoteModel, ModelError> {
    // The id becomes a part of the URL, where other characters would change what the URL means.
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/');
    if !name.chars().all(fits) || name.starts_with('/') || name.contains("..") {
        return Err(ModelError::configuration(
            "GENAI_MODEL_ID is not the id of a Gemini model, which looks like gemini-2.0-flash.",
        ));
    }
    // Ids are also written with the kind of model in front: "models/..." and "tunedModels/...".
    let resource = if name.contains('/') { name.clone() } else { format!("models/{name}") };
    let url = format!("{}/{resource}:streamGenerateContent?alt=sse", base.versioned("v1beta"));
    Ok(RemoteModel {
        api: Arc::new(Api {
            framework: "Gemini API",
            model: name,
            url,
            host: base.host().to_owned(),
            base_variable: base.variable(),
            key_variable: key.variable(),
            key_header: "x-goog-api-key",
            key: Some(key),
        }),
        dialect: Dialect { request, read },
    })
}

fn request(_model: &str, history: &[Turn]) -> Value {
    // A history that lost its beginning can start with an answer, which the API does not take.
    let contents: Vec<Value> = history
        .iter()
        .skip_while(|turn| turn.role == Role::Assistant)
        .filter(|turn| !is_blank(turn))
        .map(|turn| {
            let role = match turn.role {
                Role::User => "user",
                Role::Assistant => "model",
            };
            json!({ "role": role, "parts": [{ "text": turn.text }] })
        })
        .collect();
    json!({ "contents": contents })
}

fn read(event: &Value) -> Step {
    if let Some(reason) = error_in(event) {
        return Step { end: Some(End::Failed(reason.to_owned())), ..Step::default() };
    }
    if let Some(reason) = text_at(event, "/promptFeedback/blockReason") {
        return Step { end: Some(End::Withheld(reason.to_owned())), ..Step::default() };
    }
    let parts = event.pointer("/candidates/0/content/parts");
    let text = parts
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        // A model that thinks aloud marks the parts that are not the answer.
        .filter(|part| part.get("thought").and_then(Value::as_bool) != Some(true))
        .filter_map(|part| text_at(part, "/text"))
        .collect();
    let end = match text_at(event, "/candidates/0/finishReason") {
        None | Some("" | "FINISH_REASON_UNSPECIFIED") => None,
        Some("STOP") => Some(End::Finished),
        Some("MAX_TOKENS") => Some(End::TooLong),
        Some(other) => Some(End::Withheld(other.to_owned())),
    };
    Step { text, end }
}
