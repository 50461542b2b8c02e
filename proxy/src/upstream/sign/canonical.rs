//! The canonical form of a request: what both sides must write alike before they compare signatures.

use http::header::USER_AGENT;
use http::request::Parts;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::SignError;

/// What stays as it is in a canonical path: RFC 3986's unreserved characters, and the slashes between segments.
const PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

/// The canonical request, and the names of the headers in it, separated by semicolons.
pub(super) fn request(parts: &Parts, body_sha256: &str) -> Result<(String, String), SignError> {
    let mut headers = Vec::with_capacity(parts.headers.len());
    for (name, value) in &parts.headers {
        if name != USER_AGENT {
            headers.push((name.as_str(), value.to_str()?));
        }
    }
    headers.sort_unstable();

    let mut canonical = String::with_capacity(1024);
    let mut names = String::with_capacity(96);
    canonical.push_str(parts.method.as_str());
    canonical.push('\n');
    canonical.extend(utf8_percent_encode(parts.uri.path(), PATH));
    // An empty line for the query.
    canonical.push_str("\n\n");
    for (name, value) in headers {
        if !names.is_empty() {
            names.push(';');
        }
        names.push_str(name);
        canonical.push_str(name);
        canonical.push(':');
        push_collapsed(&mut canonical, value);
        canonical.push('\n');
    }
    canonical.push('\n');
    canonical.push_str(&names);
    canonical.push('\n');
    canonical.push_str(body_sha256);
    Ok((canonical, names))
}

/// A header's value without spaces at its ends, and with one where it has several.
fn push_collapsed(canonical: &mut String, value: &str) {
    let mut words = value.split(' ').filter(|word| !word.is_empty());
    canonical.push_str(words.next().unwrap_or_default());
    for word in words {
        canonical.push(' ');
        canonical.push_str(word);
    }
}
