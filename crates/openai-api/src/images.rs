//! `POST /v1/images/generations`: a prompt in, images out.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The body of a request for images, with every field of the API reference and the extensions of Nova Canvas.
///
/// `null` means the same as absence. Fields that this type does not know are kept in `rest`, so that they can be named to the caller.
#[derive(Debug, Clone, Deserialize)]
pub struct ImagesRequest {
    /// The model's name, as the caller knows it.
    pub model: String,
    /// What to show.
    pub prompt: String,
    /// `transparent`, `opaque` or `auto`.
    pub background: Option<String>,
    /// `low` or `auto`: how strict OpenAI's moderation is.
    pub moderation: Option<String>,
    /// How many images.
    pub n: Option<u32>,
    /// How far JPEG and WebP are compressed, in percent.
    pub output_compression: Option<u32>,
    /// `png`, `jpeg` or `webp`.
    pub output_format: Option<String>,
    /// How many unfinished images a stream shows.
    pub partial_images: Option<u32>,
    /// `standard` and `hd`, or `low`, `medium`, `high` and `auto`.
    pub quality: Option<String>,
    /// `url` or `b64_json`.
    pub response_format: Option<String>,
    /// `WIDTHxHEIGHT` in pixels, or `auto`.
    pub size: Option<String>,
    /// Whether to stream.
    pub stream: Option<bool>,
    /// `vivid` or `natural`.
    pub style: Option<String>,
    /// The caller's own id of the end user.
    pub user: Option<String>,
    /// Extension: how closely the image follows the prompt.
    pub cfg_scale: Option<f64>,
    /// Extension: what not to show.
    pub negative_prompt: Option<String>,
    /// Extension: for repeatable images.
    pub seed: Option<i64>,
    /// Fields that are not in the list above.
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

/// The answer.
#[derive(Debug, Clone, Serialize, PartialEq, Eq)]
pub struct ImagesResponse {
    /// Unix time in seconds.
    pub created: u64,
    /// The images.
    pub data: Vec<GeneratedImage>,
    /// Their format: `png`.
    pub output_format: &'static str,
}

/// One image.
#[derive(Debug, Clone, Serialize, PartialEq, Eq)]
pub struct GeneratedImage {
    /// The image in standard base64.
    pub b64_json: String,
}
