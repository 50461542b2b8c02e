//! Images: `data:` URLs, and images that were fetched from elsewhere.

use std::collections::HashMap;
use std::sync::Arc;

use openai_api::chat::{ChatRequest, Content, ContentPart, ImageUrl, Message, Role};

use super::Context;
use super::data_url::{self, DataUrl};
use crate::TranslateError;
use crate::catalogue::Input;
use crate::converse::{Base64, Image, Source};
use crate::note::Notes;

/// An image that was fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteImage {
    /// Standard base64 with padding.
    pub base64: String,
}

/// The images of a request that had to be fetched, by URL.
pub type RemoteImages = HashMap<String, RemoteImage>;

/// The same images, ready to be mentioned many times without a copy each.
pub(super) type SharedImages<'a> = HashMap<&'a str, Arc<str>>;

/// Makes images shareable.
pub(super) fn share(images: &RemoteImages) -> SharedImages<'_> {
    images.iter().map(|(url, image)| (url.as_str(), Arc::from(image.base64.as_str()))).collect()
}

/// Source: Bedrock API Reference, Message: at most 20 images.
const IMAGES_OF_A_MESSAGE_MAX: usize = 20;

/// A conversation repeats its images in each request; this many are far more than fit its body.
const IMAGES_MAX: usize = 100;

/// How often images to be fetched may be mentioned in a request. Each mention is sent in full, however often the URL is the same.
const REMOTE_MENTIONS_MAX: usize = 20;

/// The `http:` and `https:` images of a request, with the path of the parameter that names each. One for each mention: the same URL may
/// come several times. Only messages that may hold images are looked at.
#[must_use]
pub fn remote_images(request: &ChatRequest) -> Vec<(String, &str)> {
    let mut found = Vec::new();
    for (index, message) in request.messages.iter().enumerate() {
        let remote = images(message).filter(|(_, url)| is_remote(url));
        found.extend(
            remote.map(|(part, url)| (format!("messages[{index}].content[{part}].image_url.url"), url)),
        );
    }
    found
}

/// Refuses more images than Bedrock takes, before any is copied.
pub(super) fn refuse_too_many(request: &ChatRequest) -> Result<(), TranslateError> {
    let (mut all, mut remote) = (0, 0);
    for (index, message) in request.messages.iter().enumerate() {
        let count = images(message).count();
        all += count;
        remote += images(message).filter(|(_, url)| is_remote(url)).count();
        let refuse = |limit: usize, of: &str| {
            let message = format!("too many images: at most {limit} {of} are allowed");
            Err(TranslateError::invalid(format!("messages[{index}].content"), message))
        };
        if count > IMAGES_OF_A_MESSAGE_MAX {
            return refuse(IMAGES_OF_A_MESSAGE_MAX, "in one message");
        }
        if remote > REMOTE_MENTIONS_MAX {
            return refuse(REMOTE_MENTIONS_MAX, "by http(s) URL, repeated ones included,");
        }
        if all > IMAGES_MAX {
            return refuse(IMAGES_MAX, "in one request");
        }
    }
    Ok(())
}

/// The URLs of a message's images, with the index of the part of each.
fn images(message: &Message) -> impl Iterator<Item = (usize, &str)> {
    let parts = match &message.content {
        Some(Content::Parts(parts)) if matches!(message.role, Role::User | Role::Tool) => parts.as_slice(),
        _ => &[],
    };
    parts.iter().enumerate().filter_map(|(index, part)| match part {
        ContentPart { image_url: Some(ImageUrl { url, .. }), .. } => Some((index, url.as_str())),
        _ => None,
    })
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
        let fetched = context.images.get(image.url.as_str()).ok_or_else(|| not_fetched(&url_path))?;
        let format = recognize(fetched).ok_or_else(|| not_an_image(&url_path, "the fetched image"))?;
        return Ok(Image { format, source: Source::Bytes(Base64::Shared(Arc::clone(fetched))) });
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
    Ok(Image { format, source: Source::Bytes(Base64::Own(data.base64.to_owned())) })
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::catalogue::Catalogue;
    use crate::converse::ContentBlock;
    use crate::request::{Options, translate};

    fn request_with(role: &str, urls: &[&str]) -> ChatRequest {
        let parts: Vec<_> =
            urls.iter().map(|url| json!({"type": "image_url", "image_url": {"url": url}})).collect();
        let messages = json!([{"role": role, "content": parts}]);
        serde_json::from_value(json!({"model": "m", "messages": messages})).expect("a request")
    }

    #[test]
    fn only_messages_that_may_hold_images_name_remote_ones() {
        let urls = ["https://a.example/1", "https://a.example/1"];
        assert_eq!(remote_images(&request_with("user", &urls)).len(), 2, "every mention counts");
        assert!(remote_images(&request_with("system", &urls)).is_empty());
    }

    #[test]
    fn an_image_that_is_mentioned_twice_is_kept_once() {
        let base64 = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ".to_owned();
        let images = RemoteImages::from([("https://a.example/1".to_owned(), RemoteImage { base64 })]);
        let target = Catalogue::built_in().resolve("nova-lite", None, "us-east-1").expect("a target");
        let request = request_with("user", &["https://a.example/1", "https://a.example/1"]);
        let translation = translate(request, &target, &Options::default(), &images).expect("a translation");
        let content = &translation.body.messages[0].content;
        match content.as_slice() {
            [
                ContentBlock::Image(Image { source: Source::Bytes(Base64::Shared(one)), .. }),
                ContentBlock::Image(Image { source: Source::Bytes(Base64::Shared(other)), .. }),
            ] => assert!(Arc::ptr_eq(one, other)),
            other => panic!("two shared images expected, not {other:?}"),
        }
    }
}
