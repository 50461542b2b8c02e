//! Cache points: those that the caller set, held to Nova's rules, and those that the configuration asks for.
//!
//! Source: Bedrock user guide, "Prompt caching": Nova takes cache points in `system` and `messages`, at most four; among tools it refuses them,
//! and turns with tool results have been refused as well.

use openai_api::chat::CacheControl;

use super::Context;
use super::conversation::Conversation;
use crate::TranslateError;
use crate::catalogue::CachePlace;
use crate::converse::{CachePoint, ContentBlock, ConverseRequest, RequestRole, SystemBlock};
use crate::note::Notes;

/// Whether the caller's breakpoint becomes a cache point. Nothing can be cached up to blank content, which is left out.
pub(super) fn is_wanted(
    control: Option<&CacheControl>,
    is_blank: bool,
    notes: &mut Notes,
) -> Result<bool, TranslateError> {
    let Some(control) = control else { return Ok(false) };
    if is_blank {
        notes.drop("cache_control", "blank content is left out, and takes no cache point")?;
        return Ok(false);
    }
    if control.ttl.as_deref().is_some_and(|lifetime| lifetime != "5m") {
        notes.drop("cache_control.ttl", "Nova caches for five minutes only")?;
    }
    Ok(true)
}

/// Removes cache points that Nova refuses, and places those of the configuration.
pub(super) fn place(
    conversation: &mut Conversation,
    context: Context<'_>,
    notes: &mut Notes,
) -> Result<(), TranslateError> {
    let allowed =
        |place| context.target.model.prompt_cache && context.capabilities.cache_points.contains(&place);
    let mut left = context.capabilities.cache_points_max;
    let placed = keep_allowed(conversation, allowed, &mut left, notes)?;
    if placed {
        // Whoever places cache points by hand knows where they belong.
        return Ok(());
    }
    let wanted = context.options.prompt_cache;
    if wanted.system && allowed(CachePlace::System) && !conversation.system.is_empty() {
        conversation.system.push(SystemBlock::CachePoint(CachePoint::DEFAULT));
    }
    if wanted.messages && allowed(CachePlace::Messages) {
        let last_user =
            conversation.messages.iter_mut().rev().find(|message| message.role == RequestRole::User);
        if let Some(message) = last_user.filter(|message| !has_tool_result(&message.content)) {
            message.content.push(ContentBlock::CachePoint(CachePoint::DEFAULT));
        }
    }
    Ok(())
}

/// Removes what is not allowed or too much. Tells whether any point of the caller's is left.
fn keep_allowed(
    conversation: &mut Conversation,
    allowed: impl Fn(CachePlace) -> bool,
    left: &mut usize,
    notes: &mut Notes,
) -> Result<bool, TranslateError> {
    let mut take = |permitted: bool| {
        let keep = permitted && *left > 0;
        *left -= usize::from(keep);
        keep
    };
    let (mut asked, mut kept, mut beside_result) = (0_usize, 0_usize, false);
    conversation.system.retain(|block| {
        let is_point = matches!(block, SystemBlock::CachePoint(_));
        let keep = !is_point || take(allowed(CachePlace::System));
        asked += usize::from(is_point);
        kept += usize::from(is_point && keep);
        keep
    });
    for message in &mut conversation.messages {
        let has_result = has_tool_result(&message.content);
        message.content.retain(|block| {
            let is_point = matches!(block, ContentBlock::CachePoint(_));
            let keep = !is_point || take(allowed(CachePlace::Messages) && !has_result);
            asked += usize::from(is_point);
            kept += usize::from(is_point && keep);
            beside_result |= is_point && has_result;
            keep
        });
    }
    if beside_result {
        notes.drop("cache_control", "Nova refuses cache points in turns with tool results")?;
    } else if kept < asked {
        notes.drop(
            "cache_control",
            "this model takes fewer cache points, or none: the others were left out",
        )?;
    }
    Ok(kept > 0)
}

/// Whether there is any cache point.
pub(super) fn is_present(body: &ConverseRequest) -> bool {
    let in_system = body.system.iter().any(|block| matches!(block, SystemBlock::CachePoint(_)));
    let mut blocks = body.messages.iter().flat_map(|message| &message.content);
    in_system || blocks.any(|block| matches!(block, ContentBlock::CachePoint(_)))
}

/// Removes all cache points. Tells whether there were any.
pub(super) fn strip(body: &mut ConverseRequest) -> bool {
    let found = is_present(body);
    body.system.retain(|block| !matches!(block, SystemBlock::CachePoint(_)));
    for message in &mut body.messages {
        message.content.retain(|block| !matches!(block, ContentBlock::CachePoint(_)));
    }
    found
}

fn has_tool_result(content: &[ContentBlock]) -> bool {
    content.iter().any(|block| matches!(block, ContentBlock::ToolResult(_)))
}
