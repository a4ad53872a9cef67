//! `classify`: tells whether a text is friendly.

use std::time::Duration;

use stolid::Status;

use super::{take, words};
use crate::inference::app::Predictions;
use crate::inference::proto::classify_response::Mood;
use crate::inference::proto::{ClassifyRequest, ClassifyResponse};

const FRIENDLY: [&str; 8] = ["beautiful", "friend", "glad", "good", "great", "like", "love", "thanks"];
const UNFRIENDLY: [&str; 8] = ["angry", "awful", "bad", "broken", "hate", "sad", "terrible", "ugly"];

/// Classifies a batch, which takes `time` however large it is.
///
/// # Errors
/// Never for the whole batch; INVALID_ARGUMENT for a text without words.
pub fn classify(batch: Vec<ClassifyRequest>, time: Duration) -> Predictions<ClassifyResponse> {
    take(time)?;
    Ok(batch.iter().map(|request| mood(&request.text)).collect())
}

fn mood(text: &str) -> Result<ClassifyResponse, Status> {
    let (mut all, mut friendly, mut unfriendly) = (0_u32, 0_u32, 0_u32);
    for word in words(text) {
        all += 1;
        friendly += u32::from(FRIENDLY.contains(&&*word));
        unfriendly += u32::from(UNFRIENDLY.contains(&&*word));
    }
    if all == 0 {
        return Err(Status::invalid_argument("there is not a word in the text"));
    }
    let (mood, votes) = match friendly.cmp(&unfriendly) {
        std::cmp::Ordering::Greater => (Mood::Friendly, friendly),
        std::cmp::Ordering::Less => (Mood::Unfriendly, unfriendly),
        std::cmp::Ordering::Equal => (Mood::Neutral, all - friendly - unfriendly),
    };
    // One more word on each side: nobody is ever quite sure.
    let confidence = f64::from(votes + 1) / f64::from(votes + friendly.min(unfriendly) + 2);
    Ok(ClassifyResponse { mood: mood.into(), confidence })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_has_its_mood() {
        for (text, expected, confidence) in [
            ("I love it, it is great!", Mood::Friendly, 0.75),
            ("What an ugly, broken thing.", Mood::Unfriendly, 0.75),
            ("A GOOD friend, but sad.", Mood::Friendly, 0.6),
            ("It is a table", Mood::Neutral, 5.0 / 6.0),
            ("good or bad", Mood::Neutral, 0.5),
        ] {
            let response = mood(text).unwrap();
            assert_eq!((response.mood(), response.confidence), (expected, confidence), "{text}");
        }
    }

    #[test]
    fn a_text_without_words_fails_alone() {
        let batch = ["good", "...", "bad"].map(|text| ClassifyRequest { text: text.to_owned() });
        let results = classify(batch.into(), Duration::ZERO).unwrap();
        assert_eq!(results.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false, true]);
    }
}
