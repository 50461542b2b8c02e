//! The content of a message: which parts a role may have, and what becomes of each.

use openai_api::chat::{Content, ContentPart};

use super::document::DocumentNames;
use super::{Context, cache, document, image, params};
use crate::TranslateError;
use crate::converse::{CachePoint, ContentBlock, Document, Image, SystemBlock, ToolResultContent};
use crate::note::Notes;

/// A part in Converse's terms, before it is known where it goes.
#[derive(Debug)]
pub(super) enum Piece {
    Text(String),
    Image(Image),
    Document(Document),
    CachePoint,
}

/// Which parts a role may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Allowed {
    /// Instructions, and what the assistant said.
    Text,
    /// What a person says, and what a tool returns.
    Everything,
}

/// Translates the content at `path`. Blank text is left out, because Bedrock refuses it.
pub(super) fn translate(
    content: Option<Content>,
    path: &str,
    allowed: Allowed,
    context: Context<'_>,
    documents: &mut DocumentNames,
    notes: &mut Notes,
) -> Result<Vec<Piece>, TranslateError> {
    let mut pieces = Vec::new();
    match content {
        None => {}
        Some(Content::Text(text)) => push_text(&mut pieces, text, path, notes),
        Some(Content::Parts(parts)) => {
            for (index, part) in parts.into_iter().enumerate() {
                let part_path = format!("{path}[{index}]");
                let control = part.cache_control.clone();
                let before = pieces.len();
                note_unknown(&part, notes)?;
                translate_part(part, &part_path, allowed, context, documents, notes, &mut pieces)?;
                if cache::is_wanted(control.as_ref(), pieces.len() == before, notes)? {
                    pieces.push(Piece::CachePoint);
                }
            }
        }
    }
    Ok(pieces)
}

fn translate_part(
    part: ContentPart,
    path: &str,
    allowed: Allowed,
    context: Context<'_>,
    documents: &mut DocumentNames,
    notes: &mut Notes,
    pieces: &mut Vec<Piece>,
) -> Result<(), TranslateError> {
    let missing = |field: &str| {
        TranslateError::missing(
            format!("{path}.{field}"),
            format!("a part of type {:?} needs the field {field}", part.kind),
        )
    };
    match (part.kind.as_str(), allowed) {
        ("text", _) => {
            let text = part.text.ok_or_else(|| missing("text"))?;
            push_text(pieces, text, path, notes);
        }
        ("refusal", Allowed::Text) => {
            let text = part.refusal.ok_or_else(|| missing("refusal"))?;
            push_text(pieces, text, path, notes);
        }
        ("image_url", Allowed::Everything) => {
            let image = part.image_url.ok_or_else(|| missing("image_url"))?;
            pieces.push(Piece::Image(image::translate(image, path, context, notes)?));
        }
        ("file", Allowed::Everything) => {
            let file = part.file.ok_or_else(|| missing("file"))?;
            pieces.push(Piece::Document(document::translate(file, path, context, documents)?));
        }
        ("image_url" | "file", Allowed::Text) => {
            return Err(TranslateError::invalid(
                format!("{path}.type"),
                format!("a part of type {:?} is allowed in user messages only: write text here", part.kind),
            ));
        }
        ("input_audio", _) => {
            let message = "Amazon Nova does not read audio through this API: send a transcript as text";
            return Err(TranslateError::unsupported(format!("{path}.input_audio"), message));
        }
        (other, _) => {
            let message = format!(
                "{other:?} is not a content part that is known here: write \"text\", \"image_url\" or \"file\""
            );
            return Err(TranslateError::invalid(format!("{path}.type"), message));
        }
    }
    Ok(())
}

fn note_unknown(part: &ContentPart, notes: &mut Notes) -> Result<(), TranslateError> {
    let of_image = part.image_url.as_ref().map(|image| &image.rest);
    let of_file = part.file.as_ref().map(|file| &file.rest);
    for rest in [Some(&part.rest), of_image, of_file].into_iter().flatten() {
        params::drop_unknown(rest, "messages.content.*", notes)?;
    }
    Ok(())
}

fn push_text(pieces: &mut Vec<Piece>, text: String, path: &str, notes: &mut Notes) {
    if text.trim().is_empty() {
        // An empty string is how SDKs say "no text": not worth a note.
        if !text.is_empty() {
            notes.rewrite(path.to_owned(), "blank text is left out, because Bedrock refuses it");
        }
        return;
    }
    pieces.push(Piece::Text(text));
}

impl From<Piece> for ContentBlock {
    fn from(piece: Piece) -> Self {
        match piece {
            Piece::Text(text) => Self::Text(text),
            Piece::Image(image) => Self::Image(image),
            Piece::Document(document) => Self::Document(document),
            Piece::CachePoint => Self::CachePoint(CachePoint::DEFAULT),
        }
    }
}

/// The blocks of `system`. Only text is allowed there, which [`Allowed::Text`] has seen to.
pub(super) fn into_system(pieces: Vec<Piece>) -> impl Iterator<Item = SystemBlock> {
    pieces.into_iter().filter_map(|piece| match piece {
        Piece::Text(text) => Some(SystemBlock::Text(text)),
        Piece::CachePoint => Some(SystemBlock::CachePoint(CachePoint::DEFAULT)),
        Piece::Image(_) | Piece::Document(_) => None,
    })
}

/// The blocks of a tool result. Cache points are refused beside tool results, so they are left out.
pub(super) fn into_tool_result(
    pieces: Vec<Piece>,
    notes: &mut Notes,
) -> Result<Vec<ToolResultContent>, TranslateError> {
    let mut blocks = Vec::new();
    for piece in pieces {
        blocks.push(match piece {
            Piece::Text(text) => ToolResultContent::Text(text),
            Piece::Image(image) => ToolResultContent::Image(image),
            Piece::Document(document) => ToolResultContent::Document(document),
            Piece::CachePoint => {
                notes.drop("cache_control", "Nova refuses cache points in turns with tool results")?;
                continue;
            }
        });
    }
    Ok(blocks)
}
