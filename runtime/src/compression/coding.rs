//! Compresses and decompresses single messages. Nothing is kept from one message to the next.

use std::error::Error as StdError;
use std::fmt;
use std::io;

use bytes::{Buf, Bytes, BytesMut};

use super::CompressionEncoding;

/// Room that is made for what comes out of a decompressor at a time, bytes. A few bytes may announce gigabytes: nothing
/// is reserved for what has not come.
const STEP: usize = 16 * 1024;

/// A frame's window may be 8 MiB, as RFC 8878 §3.1.1.1.2 recommends; the window is memory that a few bytes ask for.
#[cfg(feature = "zstd")]
const ZSTD_WINDOW_LOG: u32 = 23;

/// Why a message was not decompressed.
#[derive(Debug)]
pub(crate) enum NotDecompressed {
    /// More than the limit came out.
    TooLarge { limit: usize },
    /// The bytes are not what they were said to be.
    Corrupt(io::Error),
}

impl fmt::Display for NotDecompressed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge { limit } => {
                write!(
                    f,
                    "the received message has more than {limit} bytes once decompressed, the limit is {limit} bytes"
                )
            }
            Self::Corrupt(error) => write!(f, "the received message cannot be decompressed: {error}"),
        }
    }
}

impl StdError for NotDecompressed {}

/// Appends `message`, compressed, to `out`.
///
/// # Errors
/// When the compressor has no memory.
pub(crate) fn compress(encoding: CompressionEncoding, message: &[u8], out: &mut BytesMut) -> io::Result<()> {
    match encoding {
        #[cfg(feature = "gzip")]
        CompressionEncoding::Gzip => {
            let mut reader = flate2::read::GzEncoder::new(message, flate2::Compression::default());
            append(&mut reader, usize::MAX, out).map(drop)
        }
        #[cfg(feature = "deflate")]
        CompressionEncoding::Deflate => {
            let mut reader = flate2::read::ZlibEncoder::new(message, flate2::Compression::default());
            append(&mut reader, usize::MAX, out).map(drop)
        }
        #[cfg(feature = "zstd")]
        CompressionEncoding::Zstd => {
            let mut reader = zstd::stream::read::Encoder::new(message, zstd::DEFAULT_COMPRESSION_LEVEL)?;
            append(&mut reader, usize::MAX, out).map(drop)
        }
        CompressionEncoding::Custom(compressor) => {
            append(&mut (compressor.compress)(Box::new(message))?, usize::MAX, out).map(drop)
        }
    }
}

/// Reads what is in `message`, at most `limit` bytes of it.
///
/// # Errors
/// When more than the limit comes out, or the bytes are not in this encoding, cut, or followed by others.
pub(crate) fn decompress(
    encoding: CompressionEncoding,
    message: impl Buf,
    limit: usize,
) -> Result<Bytes, NotDecompressed> {
    match encoding {
        #[cfg(feature = "gzip")]
        CompressionEncoding::Gzip => {
            // RFC 1952 §2.2: a file may have several members, one behind the other.
            all_of(&mut flate2::bufread::MultiGzDecoder::new(message.reader()), limit)
        }
        #[cfg(feature = "deflate")]
        CompressionEncoding::Deflate => {
            let mut reader = flate2::bufread::ZlibDecoder::new(message.reader());
            let all = all_of(&mut reader, limit)?;
            nothing_behind(reader.get_ref().get_ref().remaining())?;
            Ok(all)
        }
        #[cfg(feature = "zstd")]
        CompressionEncoding::Zstd => {
            let reader = zstd::stream::read::Decoder::with_buffer(message.reader());
            let mut reader = reader.map_err(NotDecompressed::Corrupt)?;
            reader.window_log_max(ZSTD_WINDOW_LOG).map_err(NotDecompressed::Corrupt)?;
            all_of(&mut reader, limit)
        }
        CompressionEncoding::Custom(compressor) => {
            let reader = (compressor.decompress)(Box::new(message.reader()));
            all_of(&mut reader.map_err(NotDecompressed::Corrupt)?, limit)
        }
    }
}

#[cfg(feature = "deflate")]
fn nothing_behind(rest: usize) -> Result<(), NotDecompressed> {
    if rest == 0 {
        return Ok(());
    }
    let error = io::Error::new(io::ErrorKind::InvalidData, format!("{rest} bytes behind the compressed ones"));
    Err(NotDecompressed::Corrupt(error))
}

fn all_of(reader: &mut impl io::Read, limit: usize) -> Result<Bytes, NotDecompressed> {
    let mut all = BytesMut::new();
    match append(reader, limit, &mut all) {
        Ok(true) => Ok(all.freeze()),
        Ok(false) => Err(NotDecompressed::TooLarge { limit }),
        Err(error) => Err(NotDecompressed::Corrupt(error)),
    }
}

/// Appends what the reader gives; false when that is more than `limit` bytes.
fn append(reader: &mut impl io::Read, limit: usize, out: &mut BytesMut) -> io::Result<bool> {
    let start = out.len();
    let mut end = start;
    let all = loop {
        if end == out.len() {
            // Cleared once and then filled, however little each read gives: or many small pieces behind a large one would
            // have the same room cleared again and again. One byte over the limit tells that there is more.
            let room = STEP.max(end - start).min(limit.saturating_add(1) - (end - start));
            out.resize(end + room, 0);
        }
        match reader.read(&mut out[end..]) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => break Err(error),
            Ok(0) => break Ok(true),
            Ok(read) => end += read,
        }
        if end - start > limit {
            break Ok(false);
        }
    };
    out.truncate(end);
    all
}

#[cfg(all(test, feature = "gzip", feature = "deflate", feature = "zstd"))]
mod tests {
    use super::*;

    fn compressed(encoding: CompressionEncoding, message: &[u8]) -> Bytes {
        let mut out = BytesMut::from(&b"before"[..]);
        compress(encoding, message, &mut out).unwrap();
        assert_eq!(&out[..6], b"before");
        out.split_off(6).freeze()
    }

    /// Bytes that do not compress: the same on every run.
    fn noise(length: usize) -> Vec<u8> {
        let mut state = 1_u64;
        let mut byte = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()[3]
        };
        (0..length).map(|_| byte()).collect()
    }

    #[test]
    fn messages_survive_the_trip() {
        for &encoding in CompressionEncoding::ALL {
            for message in [Vec::new(), b"a".to_vec(), vec![0; 100_000], noise(70_000)] {
                let wire = compressed(encoding, &message);
                let back = decompress(encoding, wire.clone(), message.len()).unwrap();
                assert!(back == message, "{encoding} of {} bytes", message.len());
                // In two pieces, as when it came in two frames.
                let half = wire.len() / 2;
                let pieces = wire.slice(..half).chain(wire.slice(half..));
                assert!(decompress(encoding, pieces, message.len()).unwrap() == message);
            }
            assert!(compressed(encoding, &vec![0; 1 << 20]).len() < 10_000, "{encoding} does not compress");
        }
    }

    #[test]
    fn the_limit_is_on_what_comes_out() {
        for &encoding in CompressionEncoding::ALL {
            let wire = compressed(encoding, &vec![0; 50 << 20]);
            for limit in [0, 1, 4 << 20, (50 << 20) - 1] {
                match decompress(encoding, wire.clone(), limit) {
                    Err(error @ NotDecompressed::TooLarge { .. }) => {
                        assert!(error.to_string().contains(&format!("the limit is {limit} bytes")), "{error}");
                    }
                    other => panic!("{encoding}, limit {limit}: {:?}", other.map(|bytes| bytes.len())),
                }
            }
            assert_eq!(decompress(encoding, wire, 50 << 20).unwrap().len(), 50 << 20);
        }
    }

    #[test]
    fn room_is_cleared_once_however_little_each_read_gives() {
        /// Gives one byte at a time, marks all the room that it is lent, and counts how often that was cleared.
        struct Drops {
            left: usize,
            clearings: usize,
        }

        impl io::Read for Drops {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                self.clearings += usize::from(buffer.last() == Some(&0));
                buffer.fill(1);
                let read = self.left.min(1);
                self.left -= read;
                Ok(read)
            }
        }

        let mut drops = Drops { left: 1 << 20, clearings: 0 };
        let mut out = BytesMut::from(&b"before"[..]);
        assert!(append(&mut drops, 4 << 20, &mut out).unwrap());
        assert_eq!(out.len(), 6 + (1 << 20));
        // Room of 16 KiB, then twice as much each time.
        assert_eq!(drops.clearings, 8);
    }

    #[test]
    fn what_is_cut_or_damaged_or_too_long_is_an_error() {
        for &encoding in CompressionEncoding::ALL {
            let message = noise(300);
            let wire = compressed(encoding, &message);
            for length in 0..wire.len() {
                let cut = decompress(encoding, wire.slice(..length), 1000);
                // gzip and zstd are files of frames, and no bytes are no frames.
                let empty = length == 0 && cut.as_ref().is_ok_and(Bytes::is_empty);
                assert!(cut.is_err() || empty, "{encoding} cut to {length} bytes");
            }
            let mut longer = wire.to_vec();
            longer.extend_from_slice(b"rest");
            assert!(decompress(encoding, &longer[..], 1000).is_err(), "{encoding} with more behind it");
            for at in 0..wire.len() {
                let mut damaged = wire.to_vec();
                damaged[at] ^= 0x10;
                if let Ok(read) = decompress(encoding, &damaged[..], 1000) {
                    assert!(read.len() <= 1000);
                }
            }
        }
    }

    #[test]
    fn a_zstd_window_larger_than_8_mib_is_refused() {
        // A frame header that asks for a window of 128 MiB, and an empty last block.
        let frame: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd, 0x00, 17 << 3, 0x01, 0x00, 0x00];
        assert!(decompress(CompressionEncoding::Zstd, frame, 1000).is_err());
        let frame: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd, 0x00, 13 << 3, 0x01, 0x00, 0x00];
        assert!(decompress(CompressionEncoding::Zstd, frame, 1000).unwrap().is_empty());
    }
}
