//! Nova Canvas: text to image, and what its content filters hold back.
//!
//! Source: Amazon Nova user guide, "Request and response structure for image generation" and "Error handling".

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::fields::Fields;
use super::{Answer, png};
use crate::exception::Exception;
use crate::tokens::Usage;

/// Characters of a prompt.
const CHARACTERS_MAX: usize = 1024;
/// Width times height stays below this.
const PIXELS_BELOW: i64 = 4_194_304;

/// A valid request.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) text: String,
    seed: i64,
    count: u32,
}

impl Request {
    pub(super) fn read(body: &Value) -> Result<Self, Exception> {
        let known = ["taskType", "textToImageParams", "imageGenerationConfig"];
        let fields = Fields::read(body, "#", &known)?;
        fields.word("taskType", &["TEXT_IMAGE"])?.ok_or_else(|| fields.missing("taskType"))?;
        let prompt = fields.object("textToImageParams", &["text", "negativeText"])?;
        let prompt = prompt.ok_or_else(|| fields.missing("textToImageParams"))?;
        let text = prompt.required_text("text")?;
        for (key, text) in [("text", Some(text)), ("negativeText", prompt.text("negativeText")?)] {
            if text.is_some_and(|text| text.chars().count() > CHARACTERS_MAX) {
                let fault = format!("expected maxLength: {CHARACTERS_MAX}");
                return Err(Exception::malformed(&format!("#/textToImageParams/{key}"), &fault));
            }
        }
        let known = ["width", "height", "quality", "cfgScale", "seed", "numberOfImages"];
        let config = fields.object("imageGenerationConfig", &known)?;
        let Some(config) = config else { return Ok(Self { text: text.to_owned(), seed: 12, count: 1 }) };
        size(&config)?;
        config.word("quality", &["standard", "premium"])?;
        config.number("cfgScale", 1.1..=10.0)?;
        let count = config.integer("numberOfImages", 1..=5)?.unwrap_or(1);
        Ok(Self {
            text: text.to_owned(),
            seed: config.integer("seed", 0..=2_147_483_646)?.unwrap_or(12),
            count: u32::try_from(count).unwrap_or(1),
        })
    }

    pub(super) fn answer(&self, blocked: u32) -> Answer {
        let drawn = self.count.saturating_sub(blocked);
        let image = |index| STANDARD.encode(png::one_pixel(&format!("{index} {} {}", self.seed, self.text)));
        let images: Vec<String> = (0..drawn).map(image).collect();
        let mut body = json!({"images": images});
        if drawn == 0 {
            body = json!({"images": null, "error": "All of the generated images have been blocked by our content filters."});
        } else if blocked > 0 {
            body["error"] = json!("Some of the generated images have been blocked by our content filters.");
        }
        Answer { body, usage: Usage { images: u64::from(drawn), ..Usage::default() } }
    }
}

/// Each side alone, then both together.
fn size(config: &Fields<'_>) -> Result<(), Exception> {
    let side = |key| -> Result<i64, Exception> {
        let side = config.integer(key, 320..=4096)?.unwrap_or(1024);
        if side % 16 == 0 {
            return Ok(side);
        }
        Err(Exception::validation(format!("Width and height must be divisible by 16: {key} is {side}")))
    };
    let (width, height) = (side("width")?, side("height")?);
    if width > 4 * height || height > 4 * width {
        return Err(Exception::validation("The aspect ratio must be between 1:4 and 4:1"));
    }
    if width * height >= PIXELS_BELOW {
        return Err(Exception::validation("The number of pixels must be less than 4,194,304"));
    }
    Ok(())
}
