//! The addresses in `X-Forwarded-For` and in `Forwarded` (RFC 7239), first hop first.

use std::net::{IpAddr, SocketAddr};

use http::HeaderMap;
use nova_config::ForwardedHeader;

/// What each hop says of the one before it; `None` where that is no address.
pub(super) fn hops(header: ForwardedHeader, headers: &HeaderMap) -> Vec<Option<IpAddr>> {
    let name = match header {
        ForwardedHeader::XForwardedFor => "x-forwarded-for",
        ForwardedHeader::Forwarded => "forwarded",
    };
    let mut found = Vec::new();
    for line in headers.get_all(name) {
        let Ok(line) = line.to_str() else {
            found.push(None);
            continue;
        };
        match header {
            ForwardedHeader::XForwardedFor => found.extend(line.split(',').map(|hop| address(hop.trim()))),
            ForwardedHeader::Forwarded => match split(line, ',') {
                Some(elements) => found.extend(elements.into_iter().map(forwarded_for)),
                None => found.push(None),
            },
        }
    }
    found
}

/// The `for` of one element.
fn forwarded_for(element: &str) -> Option<IpAddr> {
    split(element, ';')?.into_iter().find_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        if !name.trim().eq_ignore_ascii_case("for") {
            return None;
        }
        let value = value.trim();
        address(value.strip_prefix('"').and_then(|inner| inner.strip_suffix('"')).unwrap_or(value))
    })
}

/// An address, with or without brackets and a port.
fn address(text: &str) -> Option<IpAddr> {
    let bracketed = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok().map(IpAddr::V6);
    text.parse().ok().or_else(bracketed).or_else(|| text.parse().ok().map(|address: SocketAddr| address.ip()))
}

/// Splits at `separator`, but not within quotes. `None` where a quote stays open: a client could swallow with it what a hop adds.
fn split(text: &str, separator: char) -> Option<Vec<&str>> {
    let (mut quoted, mut escaped) = (false, false);
    let parts = text
        .split(|c: char| {
            let is_separator = c == separator && !quoted;
            if escaped {
                escaped = false;
            } else if quoted && c == '\\' {
                escaped = true;
            } else if c == '"' {
                quoted = !quoted;
            }
            is_separator
        })
        .collect();
    (!quoted).then_some(parts)
}
