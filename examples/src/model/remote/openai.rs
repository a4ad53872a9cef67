//! OpenAI's chat completions, which many other servers speak too.

use std::sync::Arc;

use serde_json::{Value, json};

use super::api::Api;
use super::{BaseUrl, Dialect, End, Key, RemoteModel, Step, error_in, is_blank, text_at};
use crate::model::{Role, Turn};

/// The model `name` of the API at `base`.
pub(in crate::model) fn model(base: &BaseUrl, name: String, key: Option<Key>) -> RemoteModel {
    // The version belongs to the base URL here, and other servers have other paths; only a bare host
    // cannot be meant as it stands.
    let api = if base.is_bare() { base.versioned("v1") } else { base.as_written().to_owned() };
    RemoteModel {
        api: Arc::new(Api {
            framework: "OpenAI-compatible API",
            model: name,
            url: format!("{api}/chat/completions"),
            host: base.host().to_owned(),
            base_variable: base.variable(),
            key_variable: "OPENAI_API_KEY",
            key_header: "authorization",
            key,
        }),
        dialect: Dialect { request, read },
    }
}

fn request(model: &str, history: &[Turn]) -> Value {
    let messages: Vec<Value> = history
        .iter()
        .filter(|turn| !is_blank(turn))
        .map(|turn| {
            let role = match turn.role {
                Role::User => "user",
                Role::Assistant => "assistant",
            };
            json!({ "role": role, "content": turn.text })
        })
        .collect();
    json!({ "model": model, "messages": messages, "stream": true })
}

fn read(event: &Value) -> Step {
    if let Some(reason) = error_in(event) {
        return Step { end: Some(End::Failed(reason.to_owned())), ..Step::default() };
    }
    // A server that does not stream sends one whole message where the others send deltas.
    let text = ["delta", "message"]
        .iter()
        .flat_map(|part| [format!("/choices/0/{part}/content"), format!("/choices/0/{part}/refusal")])
        .find_map(|pointer| text_at(event, &pointer).filter(|text| !text.is_empty()))
        .unwrap_or_default()
        .to_owned();
    let end = match text_at(event, "/choices/0/finish_reason") {
        None | Some("") => None,
        Some("stop") => Some(End::Finished),
        Some("length") => Some(End::TooLong),
        Some(other) => Some(End::Withheld(other.to_owned())),
    };
    Step { text, end }
}
