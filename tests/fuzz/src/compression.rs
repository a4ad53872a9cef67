//! Compressed messages: what is compressed comes back in any pieces, the limit holds to the byte, and a cut message is no
//! message.

use bytes::{Buf, Bytes};
use stolid::CompressionEncoding;
use stolid::fuzzing::{compress, decompress};

const ENCODINGS: [CompressionEncoding; 3] =
    [CompressionEncoding::Gzip, CompressionEncoding::Deflate, CompressionEncoding::Zstd];

/// The largest limit; what may come out of a bomb.
const LIMIT: usize = 1 << 20;

/// Takes the first byte for an encoding and an exponent of the limit, the rest for a message that came compressed and
/// for one to be compressed.
pub fn check(data: &[u8]) {
    let Some((&first, data)) = data.split_first() else {
        return;
    };
    let encoding = ENCODINGS[usize::from(first % 3)];
    let limit = LIMIT >> (first / 3 % 21);
    received(encoding, data, limit);
    there_and_back(encoding, data, usize::from(first));
}

fn received(encoding: CompressionEncoding, data: &[u8], limit: usize) {
    let whole = decompress(encoding, data, limit);
    let (left, right) = data.split_at(data.len() / 2);
    let pieces = Buf::chain(left, right);
    // Of a message that is too large and corrupt, either may be found first.
    assert_eq!(decompress(encoding, pieces, limit).ok(), whole.clone().ok(), "pieces are no other message");
    match whole {
        Ok(message) => {
            assert!(message.len() <= limit);
            assert_eq!(decompress(encoding, data, LIMIT).as_ref(), Ok(&message), "the limit changes no message");
            if let Some(below) = message.len().checked_sub(1) {
                assert_eq!(decompress(encoding, data, below), Err(true));
            }
        }
        Err(true) => {
            let larger = decompress(encoding, data, LIMIT);
            assert!(larger.is_err() || larger.is_ok_and(|message| message.len() > limit));
        }
        Err(false) => assert!(decompress(encoding, data, LIMIT).is_err()),
    }
}

fn there_and_back(encoding: CompressionEncoding, message: &[u8], repeated: usize) {
    let message = message.repeat(repeated % 16 + 1);
    let compressed = compress(encoding, &message).expect("there is memory");
    assert_eq!(decompress(encoding, compressed.clone(), message.len()), Ok(Bytes::from(message.clone())));
    if let Some(below) = message.len().checked_sub(1) {
        assert_eq!(decompress(encoding, compressed.clone(), below), Err(true), "the limit holds");
    }
    for cut in [1, compressed.len() / 2, compressed.len() - 1] {
        let cut = decompress(encoding, compressed.slice(..cut), message.len());
        assert_eq!(cut, Err(false), "a message that is cut is none");
    }
}
