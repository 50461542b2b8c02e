//! Documents: names, number, size, and the text that must go with them.

use std::collections::HashSet;

use serde_json::Value;

use super::{Subject, list, text};
use crate::exception::Exception;

/// Documents in one request. Source: "Document understanding", Amazon Nova user guide.
const MAX_DOCUMENTS: usize = 5;
/// Bytes of a text document. Source: the same page. PDF and DOCX share the payload's limit.
const MAX_TEXT_DOCUMENT_BYTES: usize = 4_718_592;

pub(super) fn check(subject: &Subject<'_>) -> Result<(), Exception> {
    let documents: Vec<_> =
        subject.readable().filter_map(|(place, block)| Some((place, block.get("document")?))).collect();
    if documents.len() > MAX_DOCUMENTS {
        return Err(Exception::validation(format!(
            "You can't include more than {MAX_DOCUMENTS} documents in a request."
        )));
    }
    let mut names = HashSet::new();
    for (place, document) in documents {
        let name = text(document, "name");
        if !is_legal_name(name) {
            return Err(Exception::validation(
                "The document file name can only contain alphanumeric characters, whitespace characters, hyphens, \
                 parentheses, and square brackets. The name can't contain more than one consecutive whitespace \
                 character.",
            ));
        }
        if !names.insert(name) {
            return Err(Exception::validation(
                "Messages can't contain duplicate document names. Rename the document and retry your request.",
            ));
        }
        size(&place, document)?;
    }
    accompanied(subject)
}

/// The rule of the API reference for `DocumentBlock.name`. Underscores are not in it, and refused here.
fn is_legal_name(name: &str) -> bool {
    let legal = |c: char| c.is_ascii_alphanumeric() || c.is_whitespace() || "-()[]".contains(c);
    let letters: Vec<char> = name.chars().collect();
    letters.iter().all(|c| legal(*c))
        && !letters.windows(2).any(|pair| pair.iter().all(|c| c.is_whitespace()))
}

fn size(place: &str, document: &Value) -> Result<(), Exception> {
    let encoded = document.get("source").map(|source| text(source, "bytes")).unwrap_or_default();
    // Base64 holds three bytes in four letters.
    let bytes = encoded.len() / 4 * 3;
    if bytes > MAX_TEXT_DOCUMENT_BYTES && !matches!(text(document, "format"), "pdf" | "docx") {
        // The text is the simulator's.
        return Err(Exception::validation(format!(
            "The document at {place}.document exceeds the maximum size of 4.5 MB."
        )));
    }
    Ok(())
}

/// The API reference: "If you include a document, you must also include a text block." The text is the
/// simulator's.
fn accompanied(subject: &Subject<'_>) -> Result<(), Exception> {
    for (turn, message) in subject.messages().iter().enumerate() {
        let content = list(message, "content");
        let has = |kind: &str| content.iter().any(|block| block.get(kind).is_some());
        if has("document") && !has("text") {
            return Err(Exception::validation(format!(
                "A text block must be included with the document block at messages.{turn}.content. Add a text block \
                 to the content field and try again."
            )));
        }
    }
    Ok(())
}
