//! The first bytes a peer sends: is this HTTP/2, and if not, what did it look like?
//!
//! A port is reached by the wrong protocol every day (a browser, a TLS client, a port scanner). The answer must name what
//! came in, or people search for hours.

/// The client preface starts so (RFC 9113, section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Length of an HTTP/2 frame header (RFC 9113, section 4.1).
const FRAME_HEADER: usize = 9;

/// How many of the first bytes are kept.
const KEPT: usize = PREFACE.len() + FRAME_HEADER;

/// What the first bytes of the peer must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expect {
    /// We are the server: the connection preface and the header of a frame. What frame that may be is for h2 to judge.
    Preface,
    /// We are the client: a SETTINGS frame.
    Settings,
}

/// Collects and judges the first bytes of a connection.
#[derive(Debug)]
pub(crate) struct FirstBytes {
    expect: Expect,
    kept: [u8; KEPT],
    len: usize,
    verdict: Verdict,
}

/// What is known of the peer so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Too few bytes to tell.
    Unknown,
    /// The peer speaks HTTP/2.
    Http2,
    /// The peer speaks something else.
    Other,
}

impl FirstBytes {
    pub(crate) fn new(expect: Expect) -> Self {
        Self { expect, kept: [0; KEPT], len: 0, verdict: Verdict::Unknown }
    }

    pub(crate) fn verdict(&self) -> Verdict {
        self.verdict
    }

    /// Looks at bytes as they arrive; cheap once the verdict stands.
    pub(crate) fn saw(&mut self, bytes: &[u8]) -> Verdict {
        if self.verdict == Verdict::Unknown {
            let take = bytes.len().min(KEPT - self.len);
            self.kept[self.len..self.len + take].copy_from_slice(&bytes[..take]);
            self.len += take;
            self.verdict = judge(self.expect, &self.kept[..self.len]);
        }
        self.verdict
    }

    /// A sentence on what the bytes look like, for logs and errors.
    pub(crate) fn describe(&self) -> String {
        let seen = &self.kept[..self.len];
        match seen {
            [] => "nothing was received".to_owned(),
            [0x16, 3, ..] => "received a TLS handshake: the peer expects an encrypted connection".to_owned(),
            [0x15, 3, ..] => "received a TLS alert: the peer expects an encrypted connection".to_owned(),
            _ if seen.starts_with(PREFACE) => "received the HTTP/2 preface and no frame after it".to_owned(),
            _ if seen.starts_with(b"HTTP/1.") => format!("received an HTTP/1.1 response: {}", printable(seen)),
            _ if is_http1_request(seen) => format!("received an HTTP/1.1 request: {}", printable(seen)),
            _ => format!("received {}", printable(seen)),
        }
    }
}

fn judge(expect: Expect, seen: &[u8]) -> Verdict {
    match expect {
        Expect::Preface => {
            let common = seen.len().min(PREFACE.len());
            if seen[..common] != PREFACE[..common] {
                Verdict::Other
            } else if seen.len() == KEPT {
                Verdict::Http2
            } else {
                Verdict::Unknown
            }
        }
        // The server's preface is a SETTINGS frame: type 4 on stream 0 (RFC 9113, section 3.4).
        Expect::Settings if seen.len() < FRAME_HEADER => Verdict::Unknown,
        Expect::Settings if seen[3] == 4 && seen[5..FRAME_HEADER] == [0; 4] => Verdict::Http2,
        Expect::Settings => Verdict::Other,
    }
}

fn is_http1_request(seen: &[u8]) -> bool {
    let methods: [&[u8]; 8] = [b"GET ", b"POST ", b"PUT ", b"HEAD ", b"DELETE ", b"OPTIONS ", b"PATCH ", b"CONNECT "];
    methods.iter().any(|method| seen.starts_with(method))
}

fn printable(bytes: &[u8]) -> String {
    format!("\"{}\"", bytes.escape_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fed(expect: Expect, bytes: &[u8]) -> FirstBytes {
        let mut first = FirstBytes::new(expect);
        for byte in bytes {
            first.saw(std::slice::from_ref(byte));
        }
        first
    }

    #[test]
    fn the_preface_is_recognised_byte_by_byte() {
        for cut in 0..PREFACE.len() {
            assert_eq!(fed(Expect::Preface, &PREFACE[..cut]).verdict(), Verdict::Unknown, "after {cut} bytes");
        }
        let bare = fed(Expect::Preface, PREFACE);
        assert_eq!(bare.verdict(), Verdict::Unknown, "SETTINGS belong to the preface");
        assert!(bare.describe().contains("no frame"), "{}", bare.describe());
        let whole = [PREFACE, &[0, 0, 0, 4, 0, 0, 0, 0, 0]].concat();
        assert_eq!(fed(Expect::Preface, &whole).verdict(), Verdict::Http2);
    }

    #[test]
    fn other_protocols_are_named() {
        let cases: [(&[u8], &str); 4] = [
            (b"GET / HTTP/1.1\r\n", "HTTP/1.1 request"),
            (&[0x16, 3, 1, 2, 0], "TLS handshake"),
            (b"\x00\x01\x02", "\\x00\\x01\\x02"),
            (b"PRI * HTTP/1.1", "PRI * HTTP/1.1"),
        ];
        for (bytes, text) in cases {
            let mut first = FirstBytes::new(Expect::Preface);
            first.saw(bytes);
            assert_eq!(first.verdict(), Verdict::Other, "{bytes:?}");
            assert!(first.describe().contains(text), "{}", first.describe());
        }
    }

    #[test]
    fn a_client_wants_a_settings_frame() {
        assert_eq!(fed(Expect::Settings, &[0, 0, 0, 4, 0, 0, 0, 0, 0]).verdict(), Verdict::Http2);
        assert_eq!(fed(Expect::Settings, &[0, 0, 0, 4, 0, 0, 0, 0]).verdict(), Verdict::Unknown);
        let http1 = fed(Expect::Settings, b"HTTP/1.1 400 Bad Request\r\n");
        assert_eq!(http1.verdict(), Verdict::Other);
        assert!(http1.describe().contains("HTTP/1.1 response"));
        assert!(fed(Expect::Settings, &[0x15, 3, 3, 0, 2, 2, 50, 0, 0]).describe().contains("TLS alert"));
    }
}
