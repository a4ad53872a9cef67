//! `items-client list`.

use std::error::Error;
use std::io::{self, Write};

use crate::items::proto::ListItemsRequest;
use crate::items::proto::stream_service_client::StreamServiceClient;
use crate::terminal::printable::printable;

/// Prints the items as they come, at most `limit`.
///
/// # Errors
/// When the call fails, or standard output cannot be written to.
pub fn run(client: &StreamServiceClient, limit: Option<usize>) -> Result<(), Box<dyn Error>> {
    let mut out = io::stdout().lock();
    let (mut count, mut bytes) = (0, 0);
    let items = client.list_items(ListItemsRequest {})?;
    // Leaving the loop drops the stream, which cancels the call on the server.
    for item in items.take(limit.unwrap_or(usize::MAX)) {
        let item = item?;
        count += 1;
        bytes += item.data.len();
        writeln!(out, "{}  {}  {} bytes", printable(&item.id), printable(&item.name), item.data.len())?;
    }
    writeln!(out, "{count} items, {bytes} bytes")?;
    Ok(())
}
