//! A request for images to the body of its call.

use openai_api::images::ImagesRequest;

use super::size;
use super::wire::{CanvasBody, ImageGenerationConfig, TextToImageParams};
use crate::TranslateError;
use crate::catalogue::{ImageFacts, Target, Task};
use crate::note::{Note, Notes};
use crate::request::drop_unknown_fields;

/// Source: Amazon Nova user guide, "Request and response structure for image generation": 1.1 to 10.
const CFG_SCALE: std::ops::RangeInclusive<f64> = 1.1..=10.0;

/// A translated request.
#[derive(Debug, Clone)]
pub struct ImageTranslation {
    /// The body of the one call.
    pub body: CanvasBody,
    /// Every rewrite and every drop.
    pub notes: Vec<Note>,
}

/// Translates a request for `target`. With `strict` what would be dropped is refused.
///
/// # Errors
/// When the model makes no images, a value is out of its range, or the answer would be of another kind than the one asked for.
pub fn translate(
    request: ImagesRequest,
    target: &Target,
    strict: bool,
) -> Result<ImageTranslation, TranslateError> {
    let model = target.model;
    let facts = model.image.as_ref().ok_or_else(|| model.not_for(Task::Images))?;
    let mut notes = Notes::new(strict);
    refuse_other_answers(&request)?;
    drop_what_canvas_ignores(&request, &mut notes)?;
    drop_unknown_fields(&request.rest, &mut notes)?;
    let (width, height) = size::sides(request.size.as_deref(), facts, model)?;
    let body = CanvasBody {
        task_type: "TEXT_IMAGE",
        image_generation_config: ImageGenerationConfig {
            width,
            height,
            quality: quality(request.quality.as_deref(), &mut notes)?,
            number_of_images: count(request.n, facts)?,
            cfg_scale: cfg_scale(request.cfg_scale)?,
            seed: seed(request.seed, facts)?,
        },
        text_to_image_params: TextToImageParams {
            text: text("prompt", request.prompt, facts)?,
            negative_text: request
                .negative_prompt
                .map(|negative| text("negative_prompt", negative, facts))
                .transpose()?,
        },
    };
    Ok(ImageTranslation { body, notes: notes.into_vec() })
}

/// Refuses what would be answered with something else than the caller reads.
fn refuse_other_answers(request: &ImagesRequest) -> Result<(), TranslateError> {
    let refuse = |param: &str, message: &str| Err(TranslateError::unsupported(param, message));
    let invalid = |param: &str, message: &str| Err(TranslateError::invalid(param, message));
    if request.stream == Some(true) || request.partial_images.is_some_and(|count| count > 0) {
        return refuse("stream", "images are not streamed: leave stream and partial_images out");
    }
    match request.response_format.as_deref() {
        None | Some("b64_json") => {}
        Some("url") => {
            let message =
                "nothing is stored here that a URL could lead to: write response_format \"b64_json\"";
            return refuse("response_format", message);
        }
        Some(_) => return invalid("response_format", "response_format must be \"b64_json\""),
    }
    match request.output_format.as_deref() {
        None | Some("png") => {}
        Some("jpeg" | "webp") => {
            return refuse("output_format", "the model draws PNG alone: write output_format \"png\"");
        }
        Some(_) => return invalid("output_format", "output_format must be \"png\""),
    }
    match request.background.as_deref() {
        None | Some("auto" | "opaque") => Ok(()),
        Some("transparent") => {
            refuse("background", "the model draws opaque images alone: leave background out")
        }
        Some(_) => invalid("background", "background must be \"opaque\" or \"auto\""),
    }
}

/// Names what has no effect, unless it says what happens anyway.
fn drop_what_canvas_ignores(request: &ImagesRequest, notes: &mut Notes) -> Result<(), TranslateError> {
    match request.style.as_deref() {
        None => {}
        Some("vivid" | "natural") => {
            notes.drop("style", "Canvas has no such styles: say it in the prompt")?
        }
        Some(_) => {
            return Err(TranslateError::invalid("style", "style must be \"vivid\" or \"natural\""));
        }
    }
    if request.moderation.as_deref().is_some_and(|word| word != "auto") {
        notes.drop("moderation", "the model's content filters cannot be set")?;
    }
    if request.output_compression.is_some_and(|percent| percent != 100) {
        notes.drop("output_compression", "PNG is not compressed with loss")?;
    }
    Ok(())
}

/// Canvas has two levels of quality, OpenAI's models two or three.
fn quality(asked: Option<&str>, notes: &mut Notes) -> Result<&'static str, TranslateError> {
    match asked {
        None | Some("auto" | "standard") => Ok("standard"),
        Some("hd") => Ok("premium"),
        Some("high") => {
            notes.rewrite("quality", "high is sent as Canvas's premium");
            Ok("premium")
        }
        Some("low" | "medium") => {
            notes.rewrite("quality", "low and medium are both sent as Canvas's standard");
            Ok("standard")
        }
        Some(_) => {
            let message =
                "quality must be \"standard\" or \"hd\", or \"low\", \"medium\", \"high\" or \"auto\"";
            Err(TranslateError::invalid("quality", message))
        }
    }
}

fn count(asked: Option<u32>, facts: &ImageFacts) -> Result<u32, TranslateError> {
    match asked.unwrap_or(1) {
        0 => Err(TranslateError::invalid("n", "n must be at least 1")),
        n if n > facts.images_max => {
            let message = format!("n is {n}, and at most {} images are drawn per request", facts.images_max);
            Err(TranslateError::invalid("n", message))
        }
        n => Ok(n),
    }
}

fn cfg_scale(asked: Option<f64>) -> Result<Option<f64>, TranslateError> {
    if asked.is_some_and(|scale| !CFG_SCALE.contains(&scale)) {
        let message = format!("cfg_scale must be from {} to {}", CFG_SCALE.start(), CFG_SCALE.end());
        return Err(TranslateError::invalid("cfg_scale", message));
    }
    Ok(asked)
}

fn seed(asked: Option<i64>, facts: &ImageFacts) -> Result<Option<u32>, TranslateError> {
    let Some(asked) = asked else { return Ok(None) };
    let seed = u32::try_from(asked).ok().filter(|seed| *seed <= facts.seed_max);
    let message = || format!("seed must be from 0 to {}", facts.seed_max);
    seed.map(Some).ok_or_else(|| TranslateError::invalid("seed", message()))
}

fn text(param: &str, text: String, facts: &ImageFacts) -> Result<String, TranslateError> {
    let limit = facts.prompt_characters_max;
    if text.is_empty() || text.chars().count() > limit {
        return Err(TranslateError::invalid(param, format!("{param} must have 1 to {limit} characters")));
    }
    Ok(text)
}
