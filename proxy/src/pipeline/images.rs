//! Fetches the images that a request names by URL, before it is translated.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures_util::future::try_join_all;
use nova_translate::request::{RemoteImage, RemoteImages, remote_images};
use openai_api::chat::ChatRequest;
use url::Url;

use crate::error::ApiError;
use crate::media::ImageFetcher;
use crate::snapshot::Snapshot;

/// How many images of one request are fetched. Converse takes no more in a message.
const IMAGES_MAX: usize = 20;

/// How large all of them may be together, as base64. Source: Amazon Nova user guide, image understanding: 25 MB for a request.
const BASE64_BYTES_MAX: usize = 25 * 1024 * 1024;

/// Fetches all remote images of a request at once. Without a fetcher the translation refuses them.
pub(super) async fn fetch(snapshot: &Snapshot, request: &ChatRequest) -> Result<RemoteImages, ApiError> {
    let Some(fetcher) = &snapshot.images else { return Ok(RemoteImages::new()) };
    let mut wanted = remote_images(request);
    // The same URL twice is one fetch.
    wanted.sort_by_key(|(_, url)| *url);
    wanted.dedup_by(|(_, one), (_, other)| one == other);
    if wanted.len() > IMAGES_MAX {
        return Err(ApiError::too_many_images(wanted.len(), IMAGES_MAX));
    }
    let fetches = wanted.into_iter().map(|(param, url)| fetch_one(fetcher, param, url));
    let images: RemoteImages = try_join_all(fetches).await?.into_iter().collect();
    if images.values().map(|image| image.base64.len()).sum::<usize>() > BASE64_BYTES_MAX {
        return Err(ApiError::images_too_large(BASE64_BYTES_MAX));
    }
    Ok(images)
}

async fn fetch_one(
    fetcher: &ImageFetcher,
    param: String,
    url: &str,
) -> Result<(String, RemoteImage), ApiError> {
    let parsed = Url::parse(url).map_err(|error| ApiError::bad_url(param.clone(), &error.to_string()))?;
    let image = fetcher.fetch(&parsed).await.map_err(|error| ApiError::image_fetch(param, &error))?;
    Ok((url.to_owned(), RemoteImage { base64: STANDARD.encode(&image.bytes) }))
}
