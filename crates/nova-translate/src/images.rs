//! OpenAI's image generation to InvokeModel of Nova Canvas, and back.

mod reply;
mod request;
mod size;
mod wire;

pub use request::{ImageTranslation, translate};
pub use wire::CanvasBody;

#[cfg(test)]
mod tests;
