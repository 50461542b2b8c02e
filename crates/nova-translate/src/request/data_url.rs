//! `data:` URLs.
//!
//! The base64 text is passed on as it is, because Converse wants base64 too; it is checked here so that the caller gets the error, not Bedrock.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use base64::read::DecoderReader;

/// A parsed `data:` URL.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct DataUrl<'a> {
    /// The media type in lower case, without parameters; empty if there is none.
    pub(super) media_type: String,
    /// The base64 text.
    pub(super) base64: &'a str,
}

impl<'a> DataUrl<'a> {
    /// Splits a URL. `None` when it is not a `data:` URL in base64.
    ///
    /// Source: RFC 2397.
    pub(super) fn parse(url: &'a str) -> Option<Self> {
        let (scheme, rest) = url.split_once(':')?;
        if !scheme.eq_ignore_ascii_case("data") {
            return None;
        }
        let (header, base64) = rest.split_once(',')?;
        let mut parameters = header.split(';').map(str::trim);
        let media_type = parameters.next().unwrap_or_default().to_ascii_lowercase();
        parameters
            .next_back()
            .is_some_and(|last| last.eq_ignore_ascii_case("base64"))
            .then_some(Self { media_type, base64: base64.trim() })
    }
}

/// Decodes the first bytes, to recognize a format by its magic bytes.
pub(super) fn head(base64: &str) -> Vec<u8> {
    const CHARS: usize = 32;
    let end = base64.len().min(CHARS) / 4 * 4;
    base64.get(..end).and_then(|head| STANDARD.decode(head).ok()).unwrap_or_default()
}

/// Checks the whole text, without keeping what it decodes to. The error says where it breaks.
pub(super) fn check(base64: &str) -> Result<(), String> {
    if base64.is_empty() {
        return Err("it is empty".to_owned());
    }
    let mut decoder = DecoderReader::new(base64.as_bytes(), &STANDARD);
    match std::io::copy(&mut decoder, &mut std::io::sink()) {
        Ok(_) => Ok(()),
        Err(error) => Err(error.to_string()),
    }
}
