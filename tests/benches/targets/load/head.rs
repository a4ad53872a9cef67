//! Request headers as bytes: each field once in full, and afterwards by its place in the table (RFC 7541, section 6).

/// The index of the first entry behind the static table (RFC 7541, section 2.3.3).
const FIRST_DYNAMIC: usize = 62;

/// The header blocks of one connection's requests.
#[derive(Debug, Default)]
pub(super) struct Heads {
    /// Name and value of what the peer's table holds, oldest first.
    known: Vec<(&'static str, &'static str)>,
}

impl Heads {
    /// Appends the block of a call of this method.
    pub(super) fn encode(&mut self, path: &'static str, block: &mut Vec<u8>) {
        // `:method: POST` and `:scheme: http` are in the static table.
        block.extend_from_slice(&[0x83, 0x86]);
        self.field(":path", path, block);
        self.field(":authority", "localhost", block);
        self.field("content-type", "application/grpc", block);
        self.field("te", "trailers", block);
        self.field("user-agent", "targets/1", block);
    }

    fn field(&mut self, name: &'static str, value: &'static str, block: &mut Vec<u8>) {
        if let Some(age) = self.known.iter().rev().position(|known| *known == (name, value)) {
            block.push(0x80 | (FIRST_DYNAMIC + age) as u8);
            return;
        }
        // A new name, to be added to the table; lengths below 127 take one byte.
        block.push(0x40);
        for text in [name, value] {
            block.push(text.len() as u8);
            block.extend_from_slice(text.as_bytes());
        }
        self.known.push((name, value));
    }
}
