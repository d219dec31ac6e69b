//! The budget of a result: text and structured content together.

use crate::render::estimated_tokens;

/// The budget where a call names none.
const DEFAULT: usize = 2000;

/// The smallest and the largest budget.
pub(super) const BOUNDS: std::ops::RangeInclusive<usize> = 200..=8000;

/// The number of tokens that a result may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Budget(usize);

/// The parts of a result, before they are cut to the budget.
#[derive(Debug)]
pub(super) struct ResultDraft {
    /// The blocks of the text, the most important first. Each is shown whole or not at all, since half
    /// of a block may be an open fence. A block behind the first begins with its line break.
    pub(super) text: Vec<String>,
    /// The members of the structured content as JSON. Those at the end that are optional go first.
    pub(super) members: Vec<StructuredMember>,
    /// The size of the rendered views in both, if that is known.
    pub(super) rendered: Option<Rendered>,
}

/// The size of what has been rendered and measured already.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rendered {
    pub(super) bytes: usize,
    pub(super) tokens: usize,
}

/// A member of structured content.
#[derive(Debug)]
pub(super) struct StructuredMember {
    name: &'static str,
    json: String,
    need: Need,
}

/// The text in place of a first block that is too long.
const NO_ROOM: &str = "The text has no room: ask again with a larger `max_tokens`.";

/// The reason to keep a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Need {
    /// It is always there.
    Always,
    /// It is left out if there is no room beside the first block of the text, which then says this.
    First(&'static str),
    /// It is left out if there is no room.
    Optional,
}

/// The parts of a result within the budget.
#[derive(Debug)]
pub(super) struct Fitted {
    pub(super) text: String,
    pub(super) structured: String,
    pub(super) tokens: usize,
}

impl Budget {
    /// Creates the budget that a call asks for.
    pub(super) fn of(max_tokens: Option<usize>) -> Self {
        Self(max_tokens.unwrap_or(DEFAULT))
    }

    /// Returns the number of tokens of the result, as a client writes it.
    pub(super) fn whole(self) -> usize {
        self.0
    }

    /// Returns the number of tokens to plan with where text and structured content are not told
    /// apart. Clients write the latter with blanks of their own, which takes some more.
    pub(super) fn planned(self) -> usize {
        unspaced(self.0)
    }

    /// Returns the number of tokens to plan with beside rendered views.
    pub(super) fn planned_beside(self, views: Rendered) -> usize {
        unspaced(self.0.saturating_sub(views.tokens))
    }

    /// Returns a limit of the default budget, larger where a call asks for a larger one.
    pub(super) fn scaled(self, limit: usize) -> usize {
        limit * self.0.max(DEFAULT) / DEFAULT
    }
}

impl StructuredMember {
    /// Creates a member that is always there.
    pub(super) fn new(name: &'static str, json: impl Into<String>) -> Self {
        Self {
            name,
            json: json.into(),
            need: Need::Always,
        }
    }

    /// Creates a member that is worth more than the text, except for its first block. The text ends
    /// with this note if there is no room for the member.
    pub(super) fn first(name: &'static str, json: impl Into<String>, note: &'static str) -> Self {
        Self {
            need: Need::First(note),
            ..Self::new(name, json)
        }
    }

    /// Creates the member that says whether anything was left out for size. One that was is always
    /// said, or an empty list would read as if nothing had been found.
    pub(super) fn complete(is_complete: bool) -> Self {
        if is_complete {
            Self::optional("complete", "true")
        } else {
            Self::new("complete", "false")
        }
    }

    /// Creates a member that is left out if there is no room.
    pub(super) fn optional(name: &'static str, json: impl Into<String>) -> Self {
        Self {
            need: Need::Optional,
            ..Self::new(name, json)
        }
    }
}

impl StructuredMember {
    fn is_optional(&self) -> bool {
        self.need == Need::Optional
    }

    /// Returns the bytes of the member with its quotes, colon and comma.
    fn length(&self) -> usize {
        self.name.len() + self.json.len() + 4
    }
}

impl ResultDraft {
    /// Cuts the parts to the budget. The views within have been rendered for it, so that only what
    /// was added to them may be too much.
    pub(super) fn fit(mut self, budget: Budget) -> Fitted {
        let most = budget.whole();
        if let Some(bound) = self.known_tokens().filter(|bound| *bound <= most) {
            return self.fitted(bound);
        }
        let mut tokens = self.tokens();
        while tokens > most && self.leave_out_something(most) {
            tokens = self.tokens();
        }
        self.fitted(tokens)
    }

    /// Leaves out what matters least. Returns whether there was anything.
    fn leave_out_something(&mut self, most: usize) -> bool {
        if let Some(at) = self.members.iter().rposition(StructuredMember::is_optional) {
            self.members.remove(at);
            return true;
        }
        // One that takes most of the room leaves none to the text.
        if self.replace_first_member(most / 3) {
            return true;
        }
        if self.text.len() > 1 {
            self.text.pop();
            return true;
        }
        if self.replace_first_member(0) {
            return true;
        }
        match self.text.first_mut() {
            Some(text) if *text != NO_ROOM => {
                NO_ROOM.clone_into(text);
                true
            }
            _ => false,
        }
    }

    /// Replaces a member that is worth more than the text by its note, if it takes more tokens than
    /// this. Returns whether it did.
    fn replace_first_member(&mut self, most: usize) -> bool {
        for (at, member) in self.members.iter().enumerate() {
            if let Need::First(note) = member.need
                && estimated_tokens(&member.json) > most
            {
                self.members.remove(at);
                // It belongs to the block that can't be left out.
                let end = self.text.len().min(1);
                self.text.insert(end, format!("\n\n{note}"));
                return true;
            }
        }
        false
    }

    fn fitted(self, tokens: usize) -> Fitted {
        let mut text = self.text.concat();
        if text.trim().is_empty() {
            NO_ROOM.clone_into(&mut text);
        }
        Fitted {
            structured: structured(&self.members),
            text,
            tokens,
        }
    }

    fn tokens(&self) -> usize {
        let text: usize = self.text.iter().map(|block| estimated_tokens(block)).sum();
        text + spaced(estimated_tokens(&structured(&self.members)))
    }

    /// Returns a bound of the tokens if the views were measured: none of the rest takes more than one
    /// for each byte.
    fn known_tokens(&self) -> Option<usize> {
        let Rendered { bytes, tokens } = self.rendered?;
        let text: usize = self.text.iter().map(String::len).sum();
        let members: usize = self.members.iter().map(StructuredMember::length).sum();
        let rest = (text + members + 2).saturating_sub(bytes);
        Some(tokens + spaced(rest))
    }
}

/// Returns the tokens that structured content takes as clients write it, with blanks of their own.
pub(super) fn spaced(tokens: usize) -> usize {
    (tokens * 20).div_ceil(17)
}

/// Returns the tokens of structured content that takes so many as clients write it.
fn unspaced(tokens: usize) -> usize {
    tokens * 17 / 20
}

/// Returns the structured content with these members.
fn structured(members: &[StructuredMember]) -> String {
    let mut json = String::from("{");
    for (at, member) in members.iter().enumerate() {
        if at > 0 {
            json.push(',');
        }
        json.push('"');
        json.push_str(member.name);
        json.push_str("\":");
        json.push_str(&member.json);
    }
    json.push('}');
    json
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft(blocks: &[&str], members: Vec<StructuredMember>) -> ResultDraft {
        ResultDraft {
            text: blocks.iter().map(|block| (*block).to_owned()).collect(),
            members,
            rendered: None,
        }
    }

    #[test]
    fn what_is_optional_goes_before_the_text() {
        let long = "word ".repeat(500);
        let omitted = StructuredMember::optional("omitted", format!("{long:?}"));
        let members = vec![StructuredMember::new("report", "{}"), omitted];
        let fitted = draft(&["first", "\nsecond"], members).fit(Budget::of(Some(200)));
        assert_eq!(fitted.structured, "{\"report\":{}}");
        assert_eq!(fitted.text, "first\nsecond");
    }

    #[test]
    fn text_is_left_out_in_blocks() {
        let fenced = format!("\n```\n{}\n```", "word ".repeat(500));
        let report = || vec![StructuredMember::new("report", "{}")];
        let fitted = draft(&["first\n```\na\n```", &fenced], report()).fit(Budget::of(Some(200)));
        assert_eq!(fitted.text, "first\n```\na\n```");
        for blocks in [[fenced.as_str()], [" "]] {
            let fitted = draft(&blocks, report()).fit(Budget::of(Some(200)));
            assert_eq!(fitted.text, NO_ROOM);
            assert!(fitted.tokens < 200);
        }
    }

    #[test]
    fn a_result_that_was_cut_says_so() {
        let cut = |is_complete| {
            let objects = StructuredMember::new("objects", format!("{:?}", "word ".repeat(140)));
            let members = vec![objects, StructuredMember::complete(is_complete)];
            draft(&["text"], members)
                .fit(Budget::of(Some(200)))
                .structured
        };
        assert!(cut(false).contains("\"complete\":false"));
        assert!(!cut(true).contains("complete"));
    }

    #[test]
    fn a_cursor_too_long_for_the_budget_is_replaced_by_a_note() {
        let draft = |words| {
            let cursor = format!("{:?}", "word ".repeat(words));
            let members = vec![
                StructuredMember::new("objects", "[]"),
                StructuredMember::first("cursor", cursor, "More."),
            ];
            draft(&["first", "\nsecond"], members)
        };
        let fitted = draft(10).fit(Budget::of(Some(200)));
        assert!(fitted.structured.contains("cursor"));
        let fitted = draft(500).fit(Budget::of(Some(200)));
        assert_eq!(fitted.structured, "{\"objects\":[]}");
        assert_eq!(fitted.text, "first\n\nMore.\nsecond");
        assert!(fitted.tokens <= 200);
    }
}
