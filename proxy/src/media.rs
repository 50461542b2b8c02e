//! Images fetched from a URL that a request names.
//!
//! A proxy that fetches what strangers name can be made to reach what only it can reach (server-side request
//! forgery). So nothing is fetched unless the operator lists hosts, and every address is judged before the one
//! connection to it is made. Leaves to others: data URLs, what a model does with an image, and status codes.

pub mod address;
pub mod fetch;
pub mod host;

use std::fmt;
use std::time::Duration;

use bytes::Bytes;

pub use fetch::ImageFetcher;
pub use host::{HostPattern, HostPatternError};

/// What may be fetched. The composition root fills it from the configuration.
#[derive(Clone, Debug)]
pub struct ImageFetchSettings {
    /// Hosts that may be fetched from. Empty: nothing is fetched.
    pub allow_hosts: Vec<HostPattern>,
    /// The largest image in bytes.
    pub max_bytes: usize,
    /// The longest time for all of one fetch: waiting for a turn, names, connections, redirects, reading.
    pub timeout: Duration,
    /// Whether addresses of private networks are fetched from. Metadata services never are.
    pub allow_private_networks: bool,
    /// Redirects that are followed.
    pub max_redirects: u32,
    /// Fetches at the same time. Together they hold at most this many times `max_bytes`.
    pub max_concurrent: usize,
}

impl Default for ImageFetchSettings {
    fn default() -> Self {
        Self {
            allow_hosts: Vec::new(),
            // What Nova takes in one request, as raw bytes of base64 text.
            max_bytes: 18 * 1024 * 1024,
            timeout: Duration::from_secs(10),
            allow_private_networks: false,
            max_redirects: 3,
            max_concurrent: 16,
        }
    }
}

/// The kinds of image that Nova takes, told by their first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImageMediaType {
    /// `image/png`
    Png,
    /// `image/jpeg`
    Jpeg,
    /// `image/gif`
    Gif,
    /// `image/webp`
    Webp,
}

impl ImageMediaType {
    /// Tells the type from the content: servers' own claims are not to be trusted.
    ///
    /// Signatures as in the WHATWG MIME Sniffing Standard, section 6.1.
    pub fn sniff(content: &[u8]) -> Option<Self> {
        if content.starts_with(b"\x89PNG\r\n\x1a\n") {
            Some(Self::Png)
        } else if content.starts_with(b"\xff\xd8\xff") {
            Some(Self::Jpeg)
        } else if content.starts_with(b"GIF87a") || content.starts_with(b"GIF89a") {
            Some(Self::Gif)
        } else if content.starts_with(b"RIFF") && content.get(8..14) == Some(b"WEBPVP") {
            Some(Self::Webp)
        } else {
            None
        }
    }

    /// The media type's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::Gif => "image/gif",
            Self::Webp => "image/webp",
        }
    }
}

/// An image that was fetched.
#[derive(Clone, PartialEq, Eq)]
pub struct FetchedImage {
    /// The whole content.
    pub bytes: Bytes,
    /// What it is, by its content.
    pub media_type: ImageMediaType,
}

impl fmt::Debug for FetchedImage {
    /// Without the content, which belongs to a prompt.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FetchedImage")
            .field("media_type", &self.media_type)
            .field("size_bytes", &self.bytes.len())
            .finish()
    }
}

/// Why an image was not fetched. The texts are for the caller: they name the host it wrote, and no address that
/// the host's name stands for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// The operator lists no host.
    #[error("this proxy fetches no images; send the image inline, as a data URL")]
    Disabled,
    /// The scheme is not http or https.
    #[error(
        "images are fetched over http and https alone; use such a URL, or send the image inline, as a data URL"
    )]
    Scheme,
    /// The URL holds a user name or password.
    #[error(
        "the image URL holds credentials, which are not sent; use a URL without them, such as a presigned one"
    )]
    Credentials,
    /// The host or its port is not listed.
    #[error(
        "images are not fetched from `{host}`, port {port}; ask those who run this service to allow it, or send the image inline, as a data URL"
    )]
    HostNotAllowed {
        /// The host as the URL has it.
        host: String,
        /// The port as the URL has it, or its scheme's.
        port: u16,
    },
    /// The host's name is not known.
    #[error("the image host `{host}` has no address; check its name")]
    NoAddress {
        /// The host as the URL has it.
        host: String,
    },
    /// An address of the host is in a network that is not fetched from.
    #[error(
        "the image host `{host}` is not in a network that this proxy fetches from; use a public host, or send the image inline, as a data URL"
    )]
    AddressNotAllowed {
        /// The host as the URL has it.
        host: String,
    },
    /// No connection, or it broke.
    #[error(
        "the image host `{host}` cannot be reached or broke off; check the URL and retry, or send the image inline, as a data URL"
    )]
    Connection {
        /// The host as the URL has it.
        host: String,
        /// What failed, for the log.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The answer is not an image.
    #[error(
        "the image host `{host}` answered with status {status}; check that the URL is right and open to this proxy"
    )]
    Status {
        /// The host as the URL has it.
        host: String,
        /// The status code it answered with.
        status: u16,
    },
    /// A redirect without a usable target.
    #[error(
        "the image host `{host}` redirects to what is no URL, or from https to http; use the image's final URL"
    )]
    Redirect {
        /// The host as the URL has it.
        host: String,
    },
    /// A redirect to where nothing is fetched from. The text does not name the target, which may be an inner one.
    #[error(
        "the image host `{host}` redirects to where this proxy fetches no images from; use the image's final URL, or send the image inline, as a data URL"
    )]
    RedirectNotAllowed {
        /// The host of the URL that the caller wrote.
        host: String,
        /// What is wrong with the target, for the log.
        #[source]
        source: Box<FetchError>,
    },
    /// Too many redirects.
    #[error("the image URL redirects more than {limit} times; use the image's final URL")]
    TooManyRedirects {
        /// How many are followed.
        limit: u32,
    },
    /// The image is too large.
    #[error("the image is larger than {limit} bytes; make it smaller")]
    TooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// The content is no image that the model takes.
    #[error(
        "what the URL gives is no PNG, JPEG, GIF or WebP image; convert it, or check that the URL gives the image itself"
    )]
    MediaType,
    /// The fetch took too long.
    #[error("the image was not fetched within {} ms; retry, or send it inline, as a data URL", limit.as_millis())]
    Timeout {
        /// The limit.
        limit: Duration,
    },
    /// Too many fetches run.
    #[error(
        "this proxy fetches too many images at the moment; retry, or send the image inline, as a data URL"
    )]
    Busy,
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(b"\x89PNG\r\n\x1a\n....", Some(ImageMediaType::Png))]
    #[case(b"\xff\xd8\xff\xe0", Some(ImageMediaType::Jpeg))]
    #[case(b"GIF89a", Some(ImageMediaType::Gif))]
    #[case(b"GIF87a", Some(ImageMediaType::Gif))]
    #[case(b"RIFF\x10\x00\x00\x00WEBPVP8 ", Some(ImageMediaType::Webp))]
    #[case(b"RIFF\x10\x00\x00\x00WAVEfmt ", None)]
    #[case(b"RIFF", None)]
    #[case(b"<svg xmlns=", None)]
    #[case(b"%PDF-1.7", None)]
    #[case(b"", None)]
    fn the_type_is_told_by_the_first_bytes(#[case] content: &[u8], #[case] expected: Option<ImageMediaType>) {
        assert_eq!(ImageMediaType::sniff(content), expected);
    }
}
