//! Images: how many, and that the bytes are what the format says. Their size is bounded by that of the body.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::{Subject, text};
use crate::exception::Exception;

/// Images in one request. Source: "Image understanding", Amazon Nova user guide.
const MAX_IMAGES: usize = 20;

pub(super) fn check(subject: &Subject<'_>) -> Result<(), Exception> {
    let images: Vec<_> =
        subject.readable().filter_map(|(place, block)| Some((place, block.get("image")?))).collect();
    // The text follows the one for documents, which is public.
    if images.len() > MAX_IMAGES {
        return Err(Exception::validation(format!(
            "You can't include more than {MAX_IMAGES} images in a request."
        )));
    }
    for (place, image) in images {
        let Some(encoded) =
            image.get("source").and_then(|source| source.get("bytes")).and_then(Value::as_str)
        else {
            continue;
        };
        let bytes = STANDARD.decode(encoded).unwrap_or_default();
        let format = text(image, "format");
        if sniff(&bytes) != Some(format) {
            // The text is the simulator's.
            return Err(Exception::validation(format!(
                "The image at {place}.image is not a valid {format} image. Provide an image whose content matches its \
                 format, and try again."
            )));
        }
    }
    Ok(())
}

/// The format that the first bytes tell.
fn sniff(bytes: &[u8]) -> Option<&'static str> {
    if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
        Some("png")
    } else if bytes.starts_with(b"\xff\xd8\xff") {
        Some("jpeg")
    } else if bytes.starts_with(b"GIF87a") || bytes.starts_with(b"GIF89a") {
        Some("gif")
    } else if bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP") {
        Some("webp")
    } else {
        None
    }
}
