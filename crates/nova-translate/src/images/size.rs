//! `size`: from OpenAI's text to sides that the model draws.

use crate::TranslateError;
use crate::catalogue::{ImageFacts, Model};

/// What is drawn where the caller leaves it open: the size that all of OpenAI's image models share.
const DEFAULT: (u32, u32) = (1024, 1024);

/// Width and height in pixels.
pub(super) fn sides(
    asked: Option<&str>,
    facts: &ImageFacts,
    model: &Model,
) -> Result<(u32, u32), TranslateError> {
    let text = match asked {
        None | Some("auto") => return Ok(DEFAULT),
        Some(text) => text,
    };
    let invalid = |problem: String| {
        let (name, ImageFacts { side_min, side_max, side_step, aspect_max, pixels_below, .. }) =
            (&model.short_name, facts);
        let message = format!(
            "{problem}: {name} draws sides of {side_min} to {side_max} pixels that are multiples of {side_step}, at most {aspect_max} times as long as wide or as wide as long, and below {pixels_below} pixels in all; 1024x1024 always works"
        );
        TranslateError::invalid("size", message)
    };
    let side =
        |text: &str| text.parse::<u32>().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()));
    let parsed = text.split_once('x').and_then(|(width, height)| Some((side(width)?, side(height)?)));
    let Some((width, height)) = parsed else {
        return Err(invalid("size must be WIDTHxHEIGHT in pixels, or \"auto\"".to_owned()));
    };
    for (name, side) in [("width", width), ("height", height)] {
        if !(facts.side_min..=facts.side_max).contains(&side) {
            return Err(invalid(format!("the {name} of size is {side}")));
        }
        if side % facts.side_step != 0 {
            return Err(invalid(format!(
                "the {name} of size, {side}, is no multiple of {}",
                facts.side_step
            )));
        }
    }
    // Within the range of sides neither product comes near the limit of the type.
    if width.max(height) > width.min(height).saturating_mul(facts.aspect_max) {
        return Err(invalid("size is too long for its other side".to_owned()));
    }
    if width.saturating_mul(height) >= facts.pixels_below {
        return Err(invalid("size has too many pixels".to_owned()));
    }
    Ok((width, height))
}
