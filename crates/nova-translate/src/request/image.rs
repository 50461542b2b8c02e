//! Images: `data:` URLs, and images that were fetched from elsewhere.

use std::collections::HashMap;

use openai_api::chat::{ChatRequest, Content, ContentPart, ImageUrl};

use super::Context;
use super::data_url::{self, DataUrl};
use crate::TranslateError;
use crate::catalogue::Input;
use crate::converse::{Image, Source};
use crate::note::Notes;

/// An image that was fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteImage {
    /// Standard base64 with padding.
    pub base64: String,
}

/// The images of a request that had to be fetched, by URL.
pub type RemoteImages = HashMap<String, RemoteImage>;

/// The `http:` and `https:` images of a request, with the path of the parameter that names each.
#[must_use]
pub fn remote_images(request: &ChatRequest) -> Vec<(String, &str)> {
    let mut found = Vec::new();
    for (index, message) in request.messages.iter().enumerate() {
        let Some(Content::Parts(parts)) = &message.content else { continue };
        for (part_index, part) in parts.iter().enumerate() {
            if let ContentPart { image_url: Some(ImageUrl { url, .. }), .. } = part
                && is_remote(url)
            {
                found.push((format!("messages[{index}].content[{part_index}].image_url.url"), url.as_str()));
            }
        }
    }
    found
}

fn is_remote(url: &str) -> bool {
    let starts_with =
        |scheme: &str| url.get(..scheme.len()).is_some_and(|head| head.eq_ignore_ascii_case(scheme));
    starts_with("http://") || starts_with("https://")
}

/// Translates the image part at `path`.
pub(super) fn translate(
    image: ImageUrl,
    path: &str,
    context: Context<'_>,
    notes: &mut Notes,
) -> Result<Image, TranslateError> {
    let url_path = format!("{path}.image_url.url");
    if !context.target.model.inputs.contains(&Input::Image) {
        return Err(TranslateError::unsupported(
            url_path,
            format!("{} does not read images", context.target.model.short_name),
        ));
    }
    if image.detail.as_deref().is_some_and(|detail| detail != "auto") {
        notes.drop("image_url.detail", "Nova has one level of detail")?;
    }
    if is_remote(&image.url) {
        let fetched = context.images.get(&image.url).ok_or_else(|| not_fetched(&url_path))?;
        let format =
            recognize(&fetched.base64).ok_or_else(|| not_an_image(&url_path, "the fetched image"))?;
        return Ok(Image { format, source: Source::Bytes(fetched.base64.clone()) });
    }
    let Some(data) = DataUrl::parse(&image.url) else {
        return Err(TranslateError::invalid(
            url_path,
            "not a usable image URL: write data:image/png;base64,… with the image in it",
        ));
    };
    data_url::check(data.base64).map_err(|problem| {
        TranslateError::invalid(url_path.clone(), format!("the image is not valid base64: {problem}"))
    })?;
    let format = recognize(data.base64).ok_or_else(|| not_an_image(&url_path, "the image"))?;
    if data.media_type.strip_prefix("image/").map(|name| if name == "jpg" { "jpeg" } else { name })
        != Some(format)
    {
        notes.rewrite(url_path, format!("declared as {:?}, but its bytes are {format}", data.media_type));
    }
    Ok(Image { format, source: Source::Bytes(data.base64.to_owned()) })
}

fn not_fetched(path: &str) -> TranslateError {
    TranslateError::invalid(
        path,
        "images by http(s) URL are not fetched here: send the image itself as a data: URL",
    )
}

fn not_an_image(path: &str, what: &str) -> TranslateError {
    TranslateError::invalid(
        path,
        format!("{what} is not PNG, JPEG, GIF or WebP, the formats that Nova reads"),
    )
}

/// The format by magic bytes: what a client declares is often wrong, and Bedrock refuses a mismatch.
fn recognize(base64: &str) -> Option<&'static str> {
    let head = data_url::head(base64);
    match head.as_slice() {
        [0x89, b'P', b'N', b'G', ..] => Some("png"),
        [0xFF, 0xD8, 0xFF, ..] => Some("jpeg"),
        [b'G', b'I', b'F', b'8', ..] => Some("gif"),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some("webp"),
        _ => None,
    }
}
