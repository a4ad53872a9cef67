//! What the client counts, over all its connections and sessions.

use std::time::Duration;

/// The counters of one run of the client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Messages that went out.
    pub messages_sent: u64,
    /// Answers that came whole.
    pub successful_streams: u64,
    /// Answers that failed, were cut or were cancelled.
    pub failed_streams: u64,
    /// Chunks of all answers.
    pub chunks_received: u64,
    /// Attempts to connect, successful or not.
    pub connection_attempts: u64,
    /// Connections made after one was lost.
    pub reconnections: u64,
    /// Sessions this client made.
    pub sessions_created: u64,
    answering: Duration,
}

impl Statistics {
    /// An answer came whole, this long after its message went out.
    pub fn answered(&mut self, time: Duration) {
        self.successful_streams += 1;
        self.answering += time;
    }

    /// An answer did not come whole.
    pub fn failed(&mut self) {
        self.failed_streams += 1;
    }

    /// Chunks per answer, the failed ones included; 0 before the first.
    pub fn average_chunks(&self) -> f64 {
        let streams = self.successful_streams + self.failed_streams;
        if streams == 0 {
            return 0.0;
        }
        self.chunks_received as f64 / streams as f64
    }

    /// How long an answer takes; zero before the first.
    pub fn average_response_time(&self) -> Duration {
        // Nobody asks 2^32 questions.
        let answers = u32::try_from(self.successful_streams).unwrap_or(u32::MAX);
        self.answering.checked_div(answers).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn averages_of_nothing_are_zero() {
        let statistics = Statistics::default();
        assert_eq!(statistics.average_chunks(), 0.0);
        assert_eq!(statistics.average_response_time(), Duration::ZERO);
    }

    #[test]
    fn failed_answers_count_for_the_chunks_and_not_for_the_time() {
        let mut statistics = Statistics { chunks_received: 15, ..Statistics::default() };
        statistics.answered(Duration::from_secs(2));
        statistics.failed();
        assert_eq!(statistics.average_chunks(), 7.5);
        assert_eq!(statistics.average_response_time(), Duration::from_secs(2));
    }
}
