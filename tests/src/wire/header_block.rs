//! Header blocks (RFC 7541): written plainly, read in full.

use std::fmt;

use super::frame::Fields;

/// The fields as literals without indexing and without Huffman coding (RFC 7541 §6.2.2), so that a
/// test's bytes never depend on what was sent before.
#[must_use]
pub fn encode(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        literal(name.as_bytes(), &mut block);
        literal(value.as_bytes(), &mut block);
    }
    block
}

fn literal(text: &[u8], block: &mut Vec<u8>) {
    const PREFIX: usize = 0x7f;
    if text.len() < PREFIX {
        block.push(text.len() as u8);
    } else {
        block.push(PREFIX as u8);
        let mut rest = text.len() - PREFIX;
        while rest >= 0x80 {
            block.push((rest & 0x7f) as u8 | 0x80);
            rest >>= 7;
        }
        block.push(rest as u8);
    }
    block.extend_from_slice(text);
}

/// The peer's header table.
#[derive(Default)]
pub(super) struct Decoder {
    table: loona_hpack::Decoder<'static>,
}

impl Decoder {
    pub(super) fn decode(&mut self, block: &[u8]) -> Fields {
        let fields = self.table.decode(block).expect("the peer's header block decodes");
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Fields(fields.into_iter().map(|(name, value)| (text(name), text(value))).collect())
    }
}

impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decoder").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_literals_survive_the_way_there_and_back() {
        for length in [0, 126, 127, 128, 254, 255, 16_500] {
            let value = "v".repeat(length);
            let block = encode(&[(":path", "/"), ("x-long", &value)]);
            let fields = Decoder::default().decode(&block);
            assert_eq!(fields.get(":path"), Some("/"));
            assert_eq!(fields.get("x-long"), Some(value.as_str()));
        }
    }
}
