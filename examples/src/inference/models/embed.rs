//! `embed`: turns a text into a vector, so that texts with the same words are near each other.

use std::time::Duration;

use super::{hash, take, words};
use crate::inference::app::Predictions;
use crate::inference::proto::{EmbedRequest, EmbedResponse};

/// Numbers in a vector.
pub const DIMENSIONS: usize = 8;

/// Embeds a batch, which takes `time` however large it is.
///
/// # Errors
/// Never.
pub fn embed(batch: Vec<EmbedRequest>, time: Duration) -> Predictions<EmbedResponse> {
    take(time)?;
    Ok(batch.iter().map(|request| Ok(EmbedResponse { vector: vector(&request.text) })).collect())
}

fn vector(text: &str) -> Vec<f32> {
    let mut vector = vec![0.0_f32; DIMENSIONS];
    for word in words(text) {
        // Each word counts up or down in one dimension.
        let hash = hash(&word) >> 32;
        vector[hash as usize % DIMENSIONS] += if hash & 0x1_0000 == 0 { 1.0 } else { -1.0 };
    }
    let length = vector.iter().map(|number| number * number).sum::<f32>().sqrt();
    if length > 0.0 {
        vector.iter_mut().for_each(|number| *number /= length);
    }
    vector
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vector_has_length_one_and_knows_no_order() {
        let client = vector("The client waits");
        assert_eq!(client.len(), DIMENSIONS);
        assert!((client.iter().map(|number| number * number).sum::<f32>() - 1.0).abs() < 1e-6, "{client:?}");
        assert_eq!(client, vector("waits THE client!"));
        assert_ne!(client, vector("an answer"));
        assert_eq!(vector("..."), [0.0; DIMENSIONS]);
    }
}
