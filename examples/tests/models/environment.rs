//! Which model the environment asks for.

use stolid_examples::model::ModelErrorKind;

use crate::{KEY, assert_hidden, model};

#[test]
fn the_environment_chooses() {
    for (variables, name, framework) in [
        (&[][..], "embedded", "Stolid embedded"),
        (&[("CHAT_MODEL", "embedded"), ("GEMINI_API_KEY", KEY)], "embedded", "Stolid embedded"),
        (&[("CHAT_MODEL", " Embedded ")], "embedded", "Stolid embedded"),
        (&[("CHAT_MODEL", ""), ("GEMINI_API_KEY", " ")], "embedded", "Stolid embedded"),
        (&[("GENAI_MODEL_ID", "gemini-2.5-pro")], "embedded", "Stolid embedded"),
        (&[("GEMINI_API_KEY", KEY)], "gemini-2.0-flash", "Gemini API"),
        (&[("GOOGLE_API_KEY", KEY)], "gemini-2.0-flash", "Gemini API"),
        (&[("GOOGLE_API_KEY", KEY), ("OPENAI_BASE_URL", "http://localhost:1/v1")], "gemini-2.0-flash", "Gemini API"),
        (&[("GEMINI_API_KEY", KEY), ("GENAI_MODEL_ID", "gemini-2.5-pro")], "gemini-2.5-pro", "Gemini API"),
        (
            &[("OPENAI_BASE_URL", "http://localhost:1"), ("GENAI_MODEL_ID", "llama3:8b")],
            "llama3:8b",
            "OpenAI-compatible API",
        ),
        (
            &[("CHAT_MODEL", "openai"), ("OPENAI_API_KEY", KEY), ("GEMINI_API_KEY", KEY)],
            "gpt-4o-mini",
            "OpenAI-compatible API",
        ),
    ] {
        let chosen = model(variables).expect("a usable environment");
        assert_eq!(chosen.name(), name, "{variables:?}");
        assert_eq!(chosen.framework(), framework, "{variables:?}");
        assert_hidden(&format!("{chosen:?} {chosen:#?}"));
    }
}

#[test]
fn an_unusable_environment_names_the_variable() {
    let secret = "two words of a secret";
    for (variables, named) in [
        (&[("CHAT_MODEL", "gpt")][..], &["CHAT_MODEL", "\"gpt\"", "embedded, gemini or openai"][..]),
        (&[("CHAT_MODEL", "gemini")], &["GEMINI_API_KEY", "GOOGLE_API_KEY"]),
        (&[("CHAT_MODEL", "gemini"), ("GEMINI_API_KEY", "  ")], &["GEMINI_API_KEY"]),
        (&[("CHAT_MODEL", "openai")], &["OPENAI_API_KEY", "OPENAI_BASE_URL"]),
        (&[("GEMINI_API_KEY", secret)], &["GEMINI_API_KEY"]),
        (&[("GOOGLE_API_KEY", secret)], &["GOOGLE_API_KEY"]),
        (&[("OPENAI_BASE_URL", "http://localhost"), ("OPENAI_API_KEY", secret)], &["OPENAI_API_KEY"]),
        (&[("OPENAI_BASE_URL", "localhost:8000")], &["OPENAI_BASE_URL", "http://"]),
        (&[("OPENAI_BASE_URL", "http://me:secret@localhost")], &["OPENAI_BASE_URL", "password"]),
        (&[("GEMINI_API_KEY", KEY), ("GEMINI_BASE_URL", "https://host/?key=secret")], &["GEMINI_BASE_URL"]),
        (&[("GEMINI_API_KEY", KEY), ("GENAI_MODEL_ID", "gemini?alt=json#")], &["GENAI_MODEL_ID"]),
        (&[("GEMINI_API_KEY", KEY), ("GENAI_MODEL_ID", "../files")], &["GENAI_MODEL_ID"]),
    ] {
        let Err(error) = model(variables) else {
            panic!("{variables:?} is taken");
        };
        assert_eq!(error.kind(), ModelErrorKind::Configuration);
        let text = error.to_string();
        for name in named {
            assert!(text.contains(name), "{name:?} is not in: {text}");
        }
        assert!(!text.contains("secret") && !text.contains(KEY), "{text}");
    }
}
