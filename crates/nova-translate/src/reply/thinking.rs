//! Tells `<thinking>…</thinking>` at the beginning of a text block from the answer.
//!
//! The first generation of Nova writes its plan there when tools are present, although callers expect the answer alone. The plan is not lost:
//! it becomes reasoning content. Tags may be cut anywhere by the stream.

const OPEN: &str = "<thinking>";
const CLOSE: &str = "</thinking>";

/// Whose text it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Reasoning,
    Answer,
}

/// The state of one text block.
#[derive(Debug, Default)]
pub(super) struct ThinkingSplitter {
    state: State,
    /// Text that may turn out to be (a part of) a tag.
    held: String,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum State {
    #[default]
    Beginning,
    Inside,
    /// Behind the closing tag: white space goes with the tag.
    Behind,
    Answer,
}

impl ThinkingSplitter {
    /// Takes more text and gives what is certain to `emit`.
    pub(super) fn feed(&mut self, text: &str, emit: &mut impl FnMut(Part, &str)) {
        if self.state == State::Answer {
            return emit(Part::Answer, text);
        }
        self.held.push_str(text);
        loop {
            match self.state {
                State::Beginning => {
                    let start = self.held.trim_start();
                    if start.starts_with(OPEN) {
                        let tag_end = self.held.len() - start.len() + OPEN.len();
                        self.held.drain(..tag_end);
                        self.state = State::Inside;
                    } else if OPEN.starts_with(start) {
                        return;
                    } else {
                        self.state = State::Answer;
                    }
                }
                State::Inside => {
                    if let Some(position) = self.held.find(CLOSE) {
                        Self::emit_prefix(&mut self.held, position, Part::Reasoning, emit);
                        self.held.drain(..CLOSE.len());
                        self.state = State::Behind;
                    } else {
                        let certain = self.held.len() - overlap(&self.held, CLOSE);
                        return Self::emit_prefix(&mut self.held, certain, Part::Reasoning, emit);
                    }
                }
                State::Behind => {
                    let white = self.held.len() - self.held.trim_start().len();
                    self.held.drain(..white);
                    if self.held.is_empty() {
                        return;
                    }
                    self.state = State::Answer;
                }
                State::Answer => {
                    let all = self.held.len();
                    return Self::emit_prefix(&mut self.held, all, Part::Answer, emit);
                }
            }
        }
    }

    /// Ends the block: what was held back was no tag.
    pub(super) fn finish(&mut self, emit: &mut impl FnMut(Part, &str)) {
        let part = if self.state == State::Inside { Part::Reasoning } else { Part::Answer };
        let all = self.held.len();
        Self::emit_prefix(&mut self.held, all, part, emit);
    }

    fn emit_prefix(held: &mut String, length: usize, part: Part, emit: &mut impl FnMut(Part, &str)) {
        if length > 0 {
            let prefix: String = held.drain(..length).collect();
            emit(part, &prefix);
        }
    }
}

/// How many bytes at the end of `text` may be the beginning of `tag`.
fn overlap(text: &str, tag: &str) -> usize {
    let longest = tag.len().min(text.len());
    (1..=longest)
        .rev()
        .find(|&length| tag.get(..length).is_some_and(|start| text.ends_with(start)))
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn split(pieces: &[&str]) -> (String, String) {
        let (mut reasoning, mut answer) = (String::new(), String::new());
        let mut emit = |part, text: &str| match part {
            Part::Reasoning => reasoning.push_str(text),
            Part::Answer => answer.push_str(text),
        };
        let mut splitter = ThinkingSplitter::default();
        for piece in pieces {
            splitter.feed(piece, &mut emit);
        }
        splitter.finish(&mut emit);
        (reasoning, answer)
    }

    #[rstest::rstest]
    #[case(&["<thinking>plan</thinking>\n\nanswer"], "plan", "answer")]
    #[case(&["<thin", "king>pl", "an</thi", "nking>", "\n", " answer"], "plan", "answer")]
    #[case(&["  <thinking>plan</thinking>"], "plan", "")]
    #[case(&["<thinking>never closed </thin"], "never closed </thin", "")]
    #[case(&["plain <thinking>not at the beginning</thinking>"], "", "plain <thinking>not at the beginning</thinking>")]
    #[case(&["<thin"], "", "<thin")]
    #[case(&["<", "b>bold</b>"], "", "<b>bold</b>")]
    #[case(&["", ""], "", "")]
    fn a_leading_plan_is_reasoning_and_the_rest_is_the_answer(
        #[case] pieces: &[&str],
        #[case] reasoning: &str,
        #[case] answer: &str,
    ) {
        assert_eq!(split(pieces), (reasoning.to_owned(), answer.to_owned()));
    }

    proptest! {
        /// However a stream is cut, the same text comes out.
        #[test]
        fn cuts_do_not_matter(text in "( |<thinking>|</thinking>|<|/|thinking>|é|word|\n){0,12}", cuts in prop::collection::vec(0_usize..200, 0..6)) {
            let mut cuts: Vec<usize> = cuts.into_iter().filter(|cut| text.is_char_boundary(*cut)).collect();
            cuts.extend([0, text.len()]);
            cuts.sort_unstable();
            let pieces: Vec<&str> = cuts.windows(2).filter_map(|pair| text.get(pair[0]..pair[1])).collect();
            prop_assert_eq!(split(&pieces), split(&[&text]));
        }
    }
}
