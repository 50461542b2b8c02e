//! What Nova Canvas reads and writes.
//!
//! Source: Amazon Nova user guide, "Request and response structure for image generation" and "Error handling".

use serde::{Deserialize, Serialize};

/// The body of a call, task `TEXT_IMAGE`.
#[derive(Debug, Clone, Serialize, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct CanvasBody {
    pub(super) task_type: &'static str,
    pub(super) text_to_image_params: TextToImageParams,
    pub(super) image_generation_config: ImageGenerationConfig,
}

#[derive(Debug, Clone, Serialize, PartialEq)]
#[serde(rename_all = "camelCase")]
pub(super) struct TextToImageParams {
    pub(super) text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) negative_text: Option<String>,
}

#[derive(Debug, Clone, Serialize, PartialEq)]
#[serde(rename_all = "camelCase")]
pub(super) struct ImageGenerationConfig {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) quality: &'static str,
    pub(super) number_of_images: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cfg_scale: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) seed: Option<u32>,
}

/// The answer: images in base64, or why some of them are missing.
#[derive(Debug, Deserialize)]
pub(super) struct CanvasAnswer {
    /// `null` where all images were held back.
    pub(super) images: Option<Vec<String>>,
    pub(super) error: Option<String>,
}
