//! `--no-compression`: whether messages are compressed on their way.

use clap::Args;
use stolid::{ChannelBuilder, CompressionEncoding, ServerBuilder};

/// Whether to compress.
#[derive(Args, Clone, Copy, Debug)]
pub struct CompressionArguments {
    /// Send messages as they are. Without this they are compressed with gzip, wherever that makes them shorter.
    #[arg(long)]
    pub no_compression: bool,
}

impl CompressionArguments {
    /// A server that answers as told.
    pub fn serve(self, server: ServerBuilder) -> ServerBuilder {
        if self.no_compression { server } else { server.send_compressed(CompressionEncoding::Gzip) }
    }

    /// A channel that asks as told.
    pub fn ask(self, channel: ChannelBuilder) -> ChannelBuilder {
        if self.no_compression { channel } else { channel.send_compressed(CompressionEncoding::Gzip) }
    }
}
