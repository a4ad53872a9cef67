//! The method that answers for a model.

use prost::Name;

/// What is known of a method from its registration.
#[derive(Clone, Debug)]
pub struct Method {
    /// The model's name, as it was registered: `next_word`.
    pub model: String,
    /// The method's name: `PredictNextWord`.
    pub name: String,
    /// The full name of the request's message: `inference.v1.NextWordRequest`.
    pub request: String,
    /// The full name of the response's message.
    pub response: String,
    /// Whether there are any number of responses.
    pub streaming: bool,
}

impl Method {
    /// A method with one response.
    ///
    /// # Panics
    /// When `model` is not made of letters, digits and underscores, beginning with a letter.
    pub fn unary<In: Name, Out: Name>(model: &str) -> Self {
        let (request, response) = (In::full_name(), Out::full_name());
        Self { model: model.to_owned(), name: name(model), request, response, streaming: false }
    }

    /// A method with any number of responses.
    ///
    /// # Panics
    /// As [`unary`](Self::unary).
    pub fn streaming<In: Name, Out: Name>(model: &str) -> Self {
        Self { streaming: true, ..Self::unary::<In, Out>(model) }
    }
}

/// `Predict` and the words of `model`, each with a capital.
fn name(model: &str) -> String {
    let begins_well = model.starts_with(|first: char| first.is_ascii_alphabetic());
    let continues_well = model.chars().all(|character| character.is_ascii_alphanumeric() || character == '_');
    assert!(begins_well && continues_well, "{model:?} does not name a method: write for example next_word");
    let mut name = "Predict".to_owned();
    for word in model.split('_').filter(|word| !word.is_empty()) {
        let (first, rest) = word.split_at(1);
        name.push_str(&first.to_ascii_uppercase());
        name.push_str(rest);
    }
    name
}

#[cfg(test)]
mod tests {
    use super::name;

    #[test]
    fn a_model_is_answered_by_a_method_of_its_name() {
        for (model, method) in [
            ("generate", "PredictGenerate"),
            ("next_word", "PredictNextWord"),
            ("toLower", "PredictToLower"),
            ("v2_", "PredictV2"),
        ] {
            assert_eq!(name(model), method);
        }
    }

    #[test]
    fn a_name_that_makes_no_method_is_refused() {
        for wrong in ["", "2nd", "_x", "next word", "straße", "a/b"] {
            assert!(std::panic::catch_unwind(|| name(wrong)).is_err(), "{wrong:?}");
        }
    }
}
