//! `items-client upload FILE`.

use std::error::Error;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::time::Instant;

use super::progress::{Progress, megabytes};
use crate::items::proto::Item;
use crate::items::proto::stream_service_client::StreamServiceClient;
use crate::terminal::durations;

/// Bytes of the file in one item.
const PIECE: u64 = 32 * 1024;

/// Uploads the file, a piece in each item.
///
/// # Errors
/// When the file cannot be read or the call fails.
pub fn run(client: &StreamServiceClient, path: &Path) -> Result<(), Box<dyn Error>> {
    let cannot_read = |error| format!("cannot read {}: {error}", path.display());
    let mut file = File::open(path).map_err(cannot_read)?;
    let total = file.metadata().map_err(cannot_read)?.len();
    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();

    let begun = Instant::now();
    let mut progress = Progress::new(total);
    let mut upload = client.upload_items(())?;
    for number in 1.. {
        let mut data = Vec::with_capacity(PIECE as usize);
        // An early `?` drops the call, which cancels it: the server never takes half a file for a whole one.
        file.by_ref().take(PIECE).read_to_end(&mut data).map_err(cannot_read)?;
        if data.is_empty() {
            break;
        }
        progress.add(data.len() as u64);
        // Blocks while the server has enough to do.
        upload.send(Item { id: format!("{name}-{number:06}"), name: name.clone(), data })?;
    }
    let uploaded = upload.finish()?.into_inner();
    progress.clear();

    let time = begun.elapsed();
    println!(
        "Uploaded {} items, {} bytes in {} ({}/s)",
        uploaded.item_count,
        uploaded.total_size,
        durations::seconds(time),
        megabytes(uploaded.total_size as f64 / time.as_secs_f64())
    );
    Ok(())
}
