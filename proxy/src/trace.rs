//! The caller's trace, so that a line of our log can be found from theirs.
//!
//! Source: W3C Trace Context, sections 3.2 and 3.3. What is malformed is as if it were not there. Nothing is passed on: Bedrock takes no trace,
//! and a response needs none.

use http::HeaderMap;

/// The longest `tracestate` that is kept: the least that the specification has everybody pass on.
const STATE_BYTES_MAX: usize = 512;

/// The most members of a `tracestate`.
const STATE_MEMBERS_MAX: usize = 32;

/// A caller's trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceContext {
    /// 32 hexadecimal digits, not all zeros.
    pub trace_id: String,
    /// The caller's span: 16 hexadecimal digits, not all zeros.
    pub parent_id: String,
    /// Whether the caller keeps the trace.
    pub sampled: bool,
    /// What vendors add, as it came.
    pub state: Option<String>,
}

impl TraceContext {
    /// Reads `traceparent`, and `tracestate` with it.
    #[must_use]
    pub fn read(headers: &HeaderMap) -> Option<Self> {
        let mut lines = headers.get_all("traceparent").iter();
        let (Some(line), None) = (lines.next(), lines.next()) else { return None };
        let parent = parent(line.to_str().ok()?)?;
        Some(Self { state: state(headers), ..parent })
    }
}

/// `version-trace_id-parent_id-flags`; later versions may go on after another `-`.
fn parent(text: &str) -> Option<TraceContext> {
    let mut parts = text.split('-');
    let (version, trace_id, parent_id, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let ids = is_hex(version, 2) && is_id(trace_id, 32) && is_id(parent_id, 16) && is_hex(flags, 2);
    if !ids || version == "ff" || (version == "00" && parts.next().is_some()) {
        return None;
    }
    let sampled = u8::from_str_radix(flags, 16).is_ok_and(|flags| flags & 1 == 1);
    Some(TraceContext {
        trace_id: trace_id.to_owned(),
        parent_id: parent_id.to_owned(),
        sampled,
        state: None,
    })
}

fn is_hex(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn is_id(text: &str, length: usize) -> bool {
    is_hex(text, length) && text.bytes().any(|byte| byte != b'0')
}

fn state(headers: &HeaderMap) -> Option<String> {
    let lines: Result<Vec<_>, _> = headers.get_all("tracestate").iter().map(|line| line.to_str()).collect();
    let text = lines.ok()?.join(",");
    let members: Vec<_> =
        text.split(',').map(|member| member.trim_matches([' ', '\t'])).filter(|m| !m.is_empty()).collect();
    if members.is_empty() || members.len() > STATE_MEMBERS_MAX || text.len() > STATE_BYTES_MAX {
        return None;
    }
    let mut keys = Vec::with_capacity(members.len());
    for member in &members {
        let (key, value) = member.split_once('=')?;
        if !is_state_key(key) || !is_state_value(value) || keys.contains(&key) {
            return None;
        }
        keys.push(key);
    }
    Some(members.join(","))
}

fn is_state_key(key: &str) -> bool {
    let begins = key.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    let goes_on = |byte: u8| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'-' | b'*' | b'/' | b'@')
    };
    begins && key.len() <= 256 && key.bytes().all(goes_on)
}

fn is_state_value(value: &str) -> bool {
    let allowed = |byte: u8| matches!(byte, b' '..=b'~') && byte != b'=' && byte != b',';
    (1..=256).contains(&value.len()) && !value.ends_with(' ') && value.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    #[rstest]
    #[case::sampled(PARENT, true)]
    #[case::not_sampled("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00", false)]
    #[case::unknown_flags("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-fe", false)]
    #[case::later_version("01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more", true)]
    fn a_parent_is_read(#[case] line: &str, #[case] sampled: bool) {
        let trace = TraceContext::read(&headers(&[("traceparent", line)])).unwrap();
        let parent_id = "b7ad6b7169203331".to_owned();
        assert_eq!(trace, TraceContext { trace_id: TRACE.to_owned(), parent_id, sampled, state: None });
    }

    #[rstest]
    #[case::nothing("")]
    #[case::three_parts("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331")]
    #[case::five_parts_in_version_0("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more")]
    #[case::version_ff("ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")]
    #[case::capital_digits("00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01")]
    #[case::no_trace("00-00000000000000000000000000000000-b7ad6b7169203331-01")]
    #[case::no_parent("00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01")]
    #[case::short("00-0af7651916cd43dd8448eb211c80319-b7ad6b7169203331-01")]
    #[case::flags_with_a_sign("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-+1")]
    fn a_malformed_parent_is_none(#[case] line: &str) {
        assert_eq!(TraceContext::read(&headers(&[("traceparent", line)])), None);
    }

    #[test]
    fn two_parents_are_none() {
        assert_eq!(TraceContext::read(&headers(&[("traceparent", PARENT), ("traceparent", PARENT)])), None);
    }

    #[rstest]
    #[case::one(&["rojo=00f067aa0ba902b7"], Some("rojo=00f067aa0ba902b7"))]
    #[case::two_lines(&["a=1 2", "t@v=x"], Some("a=1 2,t@v=x"))]
    #[case::empty_members(&["a=1,, b=2\t,"], Some("a=1,b=2"))]
    #[case::twice(&["a=1,a=2"], None)]
    #[case::no_value(&["a"], None)]
    #[case::empty_value(&["a="], None)]
    #[case::capital_key(&["A=1"], None)]
    #[case::two_equal_signs(&["a=1=2"], None)]
    #[case::nothing(&[""], None)]
    fn a_state_is_whole_or_none(#[case] lines: &[&str], #[case] expected: Option<&str>) {
        let mut pairs = vec![("traceparent", PARENT)];
        pairs.extend(lines.iter().map(|line| ("tracestate", *line)));
        assert_eq!(TraceContext::read(&headers(&pairs)).unwrap().state.as_deref(), expected);
    }

    #[test]
    fn a_state_that_is_too_long_or_has_too_many_members_is_none() {
        let many: Vec<_> = (0..33).map(|number| format!("k{number}=1")).collect();
        for state in [format!("a={}", "x".repeat(256)) + &format!(",b={}", "x".repeat(256)), many.join(",")] {
            let trace = TraceContext::read(&headers(&[("traceparent", PARENT), ("tracestate", &state)]));
            assert_eq!(trace.unwrap().state, None);
        }
    }

    proptest! {
        #[test]
        fn what_is_read_is_hexadecimal_and_printable(parent in "[ -~]{0,70}", state in "[ -~]{0,200}") {
            let headers = headers(&[("traceparent", &parent), ("tracestate", &state)]);
            if let Some(trace) = TraceContext::read(&headers) {
                prop_assert!(is_id(&trace.trace_id, 32) && is_id(&trace.parent_id, 16));
            }
            if let Some(state) = super::state(&headers) {
                prop_assert!(state.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
            }
        }
    }
}
