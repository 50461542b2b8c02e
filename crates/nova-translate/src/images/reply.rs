//! The answer of Canvas to OpenAI's images.

use openai_api::images::{GeneratedImage, ImagesResponse};

use super::request::ImageTranslation;
use super::wire::CanvasAnswer;
use crate::invoke::InvokeError;

impl ImageTranslation {
    /// How many images were asked for.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.body.image_generation_config.number_of_images
    }

    /// Reads the answer. `created` is the time in Unix seconds.
    ///
    /// # Errors
    /// When images were held back, in part or all: a caller of OpenAI's gets all images or an error. And when the answer is not one of Canvas's.
    pub fn read(&self, body: &[u8], created: u64) -> Result<ImagesResponse, InvokeError> {
        let answer: CanvasAnswer = serde_json::from_slice(body)?;
        let images = answer.images.unwrap_or_default();
        let asked = self.count();
        let got = u32::try_from(images.len()).unwrap_or(u32::MAX);
        if let Some(error) = answer.error.filter(|error| !error.is_empty()) {
            // The one way to tell a filter from a failure is the text. Source: Amazon Nova user guide, "Error handling".
            if error.to_ascii_lowercase().contains("content filter") {
                return Err(InvokeError::Blocked { asked, held_back: asked.saturating_sub(got) });
            }
            return Err(InvokeError::Failed(error));
        }
        if got != asked {
            return Err(InvokeError::Unfit(format!("{got} images in place of {asked}")));
        }
        let data = images.into_iter().map(|b64_json| GeneratedImage { b64_json }).collect();
        Ok(ImagesResponse { created, data, output_format: "png" })
    }
}
