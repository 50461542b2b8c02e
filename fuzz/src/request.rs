//! Bodies of callers: read, and translated to Converse for a model that the input chooses.

use nova_proxy::surface::{Asked, Surface};
use nova_translate::catalogue::{Catalogue, Target};
use nova_translate::converse::{ContentBlock, ConverseRequest, RequestRole};
use nova_translate::request::{Options, RemoteImages, remote_images};

/// A body of chat completions.
pub fn chat(input: &[u8]) {
    translate(Surface::ChatCompletions, input);
}

/// A body of the Responses API.
pub fn responses(input: &[u8]) {
    translate(Surface::Responses, input);
}

fn translate(surface: Surface, input: &[u8]) {
    let Ok(Asked { chat, form }) = surface.parse(input) else { return };
    for (path, url) in remote_images(&chat) {
        assert!(path.starts_with("messages["), "an image at {path:?}");
        assert!(!url.starts_with("data:"), "an image that is here already is not fetched");
    }
    let Some(target) = target(input.len()) else { return };
    for strict in [false, true] {
        let options = Options { strict, ..Options::default() };
        match form.translate(chat.clone(), &target, &options, &RemoteImages::new()) {
            Ok(translation) => check(&translation.body, translation.choices),
            Err(error) => assert!(!error.message.is_empty(), "a refusal without a reason"),
        }
    }
}

/// A model of the catalogue, another one for another number.
fn target(number: usize) -> Option<Target> {
    let models: Vec<_> = Catalogue::built_in().models().map(|model| model.short_name.as_str()).collect();
    let name = models.get(number.checked_rem(models.len())?)?;
    Catalogue::built_in().resolve(name, None, "us-east-1").ok()
}

/// What Converse demands of every conversation. Source: the API reference of Converse.
fn check(body: &ConverseRequest, choices: u32) {
    assert!(choices >= 1, "a request for no answer");
    assert_eq!(body.messages.first().map(|message| message.role), Some(RequestRole::User), "a user begins");
    for (former, latter) in body.messages.iter().zip(body.messages.iter().skip(1)) {
        assert_ne!(former.role, latter.role, "roles alternate");
    }
    let blocks = || body.messages.iter().flat_map(|message| &message.content);
    assert!(body.messages.iter().all(|message| !message.content.is_empty()), "a message without content");
    let is_blank = |block: &ContentBlock| matches!(block, ContentBlock::Text(text) if text.trim().is_empty());
    assert!(!blocks().any(is_blank), "a blank text");
    let is_tool =
        |block: &ContentBlock| matches!(block, ContentBlock::ToolUse(_) | ContentBlock::ToolResult(_));
    assert!(!blocks().any(is_tool) || body.tool_config.is_some(), "tool blocks need tools");
    let written = serde_json::to_vec(body).unwrap_or_default();
    assert!(serde_json::from_slice::<serde_json::Value>(&written).is_ok(), "a body that is no JSON");
}
