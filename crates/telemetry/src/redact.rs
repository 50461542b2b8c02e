//! Takes what identifies or opens an AWS account, and callers' credentials, out of free text.
//!
//! Pure. For messages that go to callers and for logs. AWS request ids stay: they are what support asks for.

use std::borrow::Cow;

/// Characters that end an ARN in running text.
const ARN_ENDS: &[char] = &['"', '\'', '`', '<', '>', ',', ';', '(', ')', '[', ']', '{', '}'];

/// An access key id has twenty characters, a prefix of four among them.
const ACCESS_KEY_ID_BYTES: usize = 20;

/// Shorter words after `Bearer` or `sk-` are more likely prose than a credential.
const MIN_TOKEN_BYTES: usize = 8;

/// An AWS account id has twelve digits.
const ACCOUNT_ID_BYTES: usize = 12;

/// A stretch to replace: how many bytes before it are kept, how long it is, and what stands for it.
struct Found {
    keep: usize,
    length: usize,
    placeholder: &'static str,
}

/// `text` without ARNs, account ids, access key ids, bearer tokens and `sk-` keys. Without any it is not copied.
///
/// Redacting twice is redacting once.
#[must_use]
pub fn redact(text: &str) -> Cow<'_, str> {
    let Some(first) = pass(text) else { return Cow::Borrowed(text) };
    // The walk takes what follows a placeholder for the start of a word, so that a second one finds nothing; should
    // it do so after all, a secret more is out. A placeholder is no secret, so this ends.
    let mut text = first;
    while let Some(next) = pass(&text) {
        text = next;
    }
    Cow::Owned(text)
}

/// One walk over the text, or none where nothing was found.
fn pass(text: &str) -> Option<String> {
    let mut redacted: Option<String> = None;
    let mut copied = 0;
    let mut before = None;
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let starts_word = before.is_none_or(|c: char| !c.is_alphanumeric());
        let found = if starts_word { find(rest) } else { None };
        if let Some(Found { keep, length, placeholder }) = found {
            let out = redacted.get_or_insert_with(|| String::with_capacity(text.len()));
            out.push_str(text.get(copied..at + keep).unwrap_or_default());
            out.push_str(placeholder);
            at += keep + length;
            copied = at;
            before = None;
        } else {
            before = rest.chars().next();
            at += before.map_or(1, char::len_utf8);
        }
    }
    let mut redacted = redacted?;
    redacted.push_str(text.get(copied..).unwrap_or_default());
    Some(redacted)
}

/// The secret at the start of `rest`.
fn find(rest: &str) -> Option<Found> {
    match rest.as_bytes().first()? {
        b'a' => arn(rest).or_else(|| account_id(rest)).or_else(|| access_key_id(rest)),
        b'A' => access_key_id(rest).or_else(|| account_id(rest)),
        b's' => api_key(rest),
        b'b' | b'B' => bearer_token(rest),
        _ => None,
    }
}

/// `arn:<partition>:…` up to a space, a quote or a bracket; a sentence's full stop is not part of it.
fn arn(rest: &str) -> Option<Found> {
    let after = rest.strip_prefix("arn:aws")?;
    let partition = count(after, |byte| byte.is_ascii_lowercase() || byte == b'-');
    if after.as_bytes().get(partition) != Some(&b':') {
        return None;
    }
    let end = rest.find(|c: char| c.is_whitespace() || ARN_ENDS.contains(&c)).unwrap_or(rest.len());
    let length = rest.get(..end)?.trim_end_matches(['.', ':']).len();
    Some(Found { keep: 0, length, placeholder: "[arn]" })
}

/// `AKIA…` of a user, `ASIA…` of a session, and the unique ids of users and roles.
fn access_key_id(rest: &str) -> Option<Found> {
    let prefixed = ["AKIA", "ASIA", "AIDA", "AROA"].iter().any(|prefix| rest.starts_with(prefix));
    let length = count(rest, |byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
    (prefixed && length >= ACCESS_KEY_ID_BYTES).then_some(Found {
        keep: 0,
        length,
        placeholder: "[access key id]",
    })
}

/// `sk-…`, the form of OpenAI's keys and of ours.
fn api_key(rest: &str) -> Option<Found> {
    let length =
        count(rest.strip_prefix("sk-")?, |byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
    (length >= MIN_TOKEN_BYTES).then_some(Found {
        keep: 0,
        length: length + "sk-".len(),
        placeholder: "[api key]",
    })
}

/// The token after `Bearer`, of the characters that RFC 6750 section 2.1 allows.
fn bearer_token(rest: &str) -> Option<Found> {
    let word = rest.get(.."bearer".len()).filter(|word| word.eq_ignore_ascii_case("bearer"))?;
    let after = rest.get(word.len()..)?;
    let gap = count(after, |byte| matches!(byte, b' ' | b'\t' | b':' | b'='));
    let token = after.get(gap..)?;
    let length = count(token, |byte| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte));
    (gap > 0 && length >= MIN_TOKEN_BYTES).then_some(Found {
        keep: word.len() + gap,
        length,
        placeholder: "[token]",
    })
}

/// The twelve digits after the word `account`. Twelve digits alone may be the end of a request id.
fn account_id(rest: &str) -> Option<Found> {
    let word = rest.get(.."account".len()).filter(|word| word.eq_ignore_ascii_case("account"))?;
    let after = rest.get(word.len()..)?;
    let gap = count(after, |byte| {
        matches!(byte, b' ' | b':' | b'=' | b'#' | b'_' | b'i' | b'I' | b'd' | b'D' | b'"')
    });
    let length = count(after.get(gap..)?, |byte| byte.is_ascii_digit());
    (gap > 0 && length == ACCOUNT_ID_BYTES).then_some(Found {
        keep: word.len() + gap,
        length,
        placeholder: "[account id]",
    })
}

/// How many bytes at the start of `text` are of the kind; the kinds are ASCII, so this ends between characters.
fn count(text: &str, kind: impl Fn(u8) -> bool) -> usize {
    text.bytes().take_while(|byte| kind(*byte)).count()
}

#[cfg(test)]
mod tests;
