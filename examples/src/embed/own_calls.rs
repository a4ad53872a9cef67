//! The program as a client of itself.

use stolid::Status;

use super::proto::RunRequest;
use super::proto::job_service_client::JobServiceClient;

/// The limits of the jobs that the program gives itself.
pub const LIMITS: [u32; 3] = [1_000, 10_000, 100_000];

/// Has a job done; returns what it found.
///
/// # Errors
/// The status of the call; DATA_LOSS when it ended well before the job did.
pub fn run(client: &JobServiceClient, limit: u32) -> Result<u32, Status> {
    let mut found = None;
    for progress in client.run(RunRequest { limit })? {
        let progress = progress?;
        found = (progress.percent == 100).then_some(progress.found);
    }
    found.ok_or_else(|| Status::data_loss("the stream ended before the job was done"))
}
