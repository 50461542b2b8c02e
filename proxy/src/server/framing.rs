//! Requests that hyper reads and that another reader may read differently: they are refused before anybody acts upon them.
//!
//! hyper itself refuses most of what is ambiguous: two lengths, a length beside chunks of another kind, folded lines. What it lets through
//! is here.

use http::header::TRANSFER_ENCODING;
use http::{Request, Version};

/// Why a request is not taken. Its connection ends without an answer: whoever shares it would get the wrong one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum AmbiguousRequest {
    /// hyper looks at the last coding alone, so that a body that is chunked twice would be read as one that is chunked once.
    /// Source: RFC 9112, section 6.1: chunked is applied once.
    #[error("its transfer-encoding is not chunked alone; send one, or a content-length")]
    TransferEncoding,
    /// CONNECT names no path, and this is no proxy of that kind.
    #[error("it names no path; send a request for a path of this service")]
    NoPath,
}

/// Whether there is one way to understand a request's head.
///
/// # Errors
/// When there is more than one.
pub(super) fn check<B>(request: &Request<B>) -> Result<(), AmbiguousRequest> {
    if request.uri().path_and_query().is_none() {
        return Err(AmbiguousRequest::NoPath);
    }
    // HTTP/2 frames bodies itself, and h2 refuses the field.
    if request.version() == Version::HTTP_2 {
        return Ok(());
    }
    let mut codings = request.headers().get_all(TRANSFER_ENCODING).iter();
    match (codings.next(), codings.next()) {
        (None, _) => Ok(()),
        (Some(coding), None) if coding.as_bytes().trim_ascii().eq_ignore_ascii_case(b"chunked") => Ok(()),
        _ => Err(AmbiguousRequest::TransferEncoding),
    }
}

#[cfg(test)]
mod tests {
    use http::Method;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::none(&[], Ok(()))]
    #[case::chunked(&["chunked"], Ok(()))]
    #[case::in_capitals(&["Chunked "], Ok(()))]
    #[case::twice(&["chunked", "chunked"], Err(AmbiguousRequest::TransferEncoding))]
    #[case::twice_in_a_field(&["chunked, chunked"], Err(AmbiguousRequest::TransferEncoding))]
    #[case::after_another(&["gzip, chunked"], Err(AmbiguousRequest::TransferEncoding))]
    #[case::of_another_kind(&["xchunked"], Err(AmbiguousRequest::TransferEncoding))]
    fn chunked_alone_is_taken(#[case] codings: &[&str], #[case] expected: Result<(), AmbiguousRequest>) {
        let mut request = Request::post("/v1/chat/completions");
        for coding in codings {
            request = request.header(TRANSFER_ENCODING, *coding);
        }
        assert_eq!(check(&request.body(()).unwrap()), expected);
    }

    #[test]
    fn a_tunnel_is_refused() {
        let request = Request::builder().method(Method::CONNECT).uri("nova:443").body(()).unwrap();
        assert_eq!(check(&request), Err(AmbiguousRequest::NoPath));
    }
}
