//! Documents: `file` parts with their bytes in them.

use std::collections::HashSet;

use openai_api::chat::FileInput;
use xxhash_rust::xxh3::xxh3_64;

use super::Context;
use super::data_url::{self, DataUrl};
use crate::TranslateError;
use crate::catalogue::Input;
use crate::converse::{Base64, Document, Source};

/// Media types and file name endings, and the format that Converse calls them.
const FORMATS: [(&str, &str, &str); 9] = [
    ("pdf", "application/pdf", "pdf"),
    ("csv", "text/csv", "csv"),
    ("doc", "application/msword", "doc"),
    ("docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document", "docx"),
    ("xls", "application/vnd.ms-excel", "xls"),
    ("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "xlsx"),
    ("html", "text/html", "html"),
    ("txt", "text/plain", "txt"),
    ("md", "text/markdown", "md"),
];

/// The names given so far: Converse wants them unique.
#[derive(Debug, Default)]
pub(super) struct DocumentNames(HashSet<String>);

/// Translates the file part at `path`.
pub(super) fn translate(
    file: FileInput,
    path: &str,
    context: Context<'_>,
    names: &mut DocumentNames,
) -> Result<Document, TranslateError> {
    let data_path = format!("{path}.file.file_data");
    if !context.target.model.inputs.contains(&Input::Document) {
        return Err(TranslateError::unsupported(
            data_path,
            format!("{} does not read documents", context.target.model.short_name),
        ));
    }
    if file.file_id.is_some() && file.file_data.is_none() {
        let message = "there are no uploaded files here: send the document itself in file_data, as data:application/pdf;base64,…";
        return Err(TranslateError::unsupported(format!("{path}.file.file_id"), message));
    }
    let Some(file_data) = file.file_data else {
        return Err(TranslateError::missing(
            data_path,
            "a file part needs file_data, as data:application/pdf;base64,…",
        ));
    };
    // OpenAI takes bare base64 as well; then the file name alone tells the format.
    let (media_type, base64) = match DataUrl::parse(&file_data) {
        Some(data) => (data.media_type, data.base64),
        None if file_data.starts_with("data:") => {
            return Err(TranslateError::invalid(
                data_path,
                "not a usable data: URL: write data:application/pdf;base64,…",
            ));
        }
        None => (String::new(), file_data.as_str()),
    };
    data_url::check(base64).map_err(|problem| {
        TranslateError::invalid(data_path.clone(), format!("the document is not valid base64: {problem}"))
    })?;
    let file_name = file.filename.as_deref().unwrap_or_default();
    let Some(format) = format(&media_type, file_name) else {
        let known = FORMATS.map(|(_, _, format)| format).join(", ");
        return Err(TranslateError::invalid(
            data_path,
            format!(
                "the document's format is not known from its media type or file name: Nova reads {known}"
            ),
        ));
    };
    let name = names.name(file_name, base64);
    Ok(Document { format, name, source: Source::Bytes(Base64::Own(base64.to_owned())) })
}

fn format(media_type: &str, file_name: &str) -> Option<&'static str> {
    let by_media_type = FORMATS.iter().find(|(_, own, _)| *own == media_type);
    let ending =
        file_name.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase()).unwrap_or_default();
    let ending = match ending.as_str() {
        "htm" => "html",
        "markdown" => "md",
        "text" => "txt",
        other => other,
    };
    let by_ending = FORMATS.iter().find(|(own, _, _)| *own == ending);
    by_media_type.or(by_ending).map(|(_, _, format)| *format)
}

impl DocumentNames {
    /// A name in Converse's charset (letters, digits, single spaces, hyphens, parentheses, square brackets), made of the file name and of
    /// a hash of the content: stable from turn to turn, so that a cached prefix stays valid. Source: Bedrock API Reference, DocumentBlock.
    fn name(&mut self, file_name: &str, base64: &str) -> String {
        const STEM_MAX: usize = 150;
        let stem = file_name.rsplit_once('.').map_or(file_name, |(stem, _)| stem);
        let mut words = String::new();
        for char in stem.chars().take(STEM_MAX) {
            match char {
                char if char.is_ascii_alphanumeric() || "-()[]".contains(char) => words.push(char),
                _ if words.ends_with(' ') || words.is_empty() => {}
                _ => words.push(' '),
            }
        }
        let words = if words.trim().is_empty() { "document" } else { words.trim() };
        let name = format!("{words} {:08x}", xxh3_64(base64.as_bytes()) & 0xFFFF_FFFF);
        let mut unique = name.clone();
        let mut copy = 2;
        while !self.0.insert(unique.clone()) {
            unique = format!("{name} {copy}");
            copy += 1;
        }
        unique
    }
}
