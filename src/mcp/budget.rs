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
    /// The text, whose last lines are the least important.
    pub(super) text: String,
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

/// The reason to keep a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Need {
    /// It is always there.
    Always,
    /// It is left out if there is no room beside the first line of the text, which then says this.
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

    /// Returns the number of tokens to plan with. Clients write the structured content with blanks
    /// of their own, which takes some more.
    pub(super) fn planned(self) -> usize {
        self.0 * 17 / 20
    }
}

impl Budget {
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

    /// Creates a member that is worth more than the text, except for its first line. The text ends
    /// with this note if there is no room for the member.
    pub(super) fn first(name: &'static str, json: impl Into<String>, note: &'static str) -> Self {
        Self {
            need: Need::First(note),
            ..Self::new(name, json)
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
}

impl ResultDraft {
    /// Cuts the parts to the budget. The views within have been rendered for it, so that only what
    /// was added to them may be too much.
    pub(super) fn fit(mut self, budget: Budget) -> Fitted {
        let most = budget.planned();
        let mut structured = self.structured();
        if let Some(tokens) = self
            .known_tokens(&structured)
            .filter(|tokens| *tokens <= most)
        {
            return Fitted {
                text: self.text,
                structured,
                tokens,
            };
        }
        let mut of_structured = estimated_tokens(&structured);
        let mut of_text = estimated_tokens(&self.text);
        while of_text + of_structured > most
            && let Some(at) = self.members.iter().rposition(StructuredMember::is_optional)
        {
            self.members.remove(at);
            structured = self.structured();
            of_structured = estimated_tokens(&structured);
        }
        // One that takes most of the room leaves none to the text.
        if of_text + of_structured > most && self.drop_first_member(most / 3) {
            structured = self.structured();
            (of_text, of_structured) =
                (estimated_tokens(&self.text), estimated_tokens(&structured));
        }
        while of_text + of_structured > most
            && let Some(end) = self.text.trim_end().rfind('\n')
        {
            self.text.truncate(end);
            of_text = estimated_tokens(&self.text);
        }
        if of_text + of_structured > most && self.drop_first_member(0) {
            structured = self.structured();
            (of_text, of_structured) =
                (estimated_tokens(&self.text), estimated_tokens(&structured));
        }
        Fitted {
            text: self.text,
            structured,
            tokens: of_text + of_structured,
        }
    }

    /// Replaces a member that is worth more than the text by its note, if it takes more tokens than
    /// this. Returns whether it did.
    fn drop_first_member(&mut self, most: usize) -> bool {
        for (at, member) in self.members.iter().enumerate() {
            if let Need::First(note) = member.need
                && estimated_tokens(&member.json) > most
            {
                self.members.remove(at);
                self.text.truncate(self.text.trim_end().len());
                self.text.push_str("\n\n");
                self.text.push_str(note);
                return true;
            }
        }
        false
    }

    /// Returns a bound of the tokens if the views were measured: none of the rest takes more than one
    /// for each byte.
    fn known_tokens(&self, structured: &str) -> Option<usize> {
        let Rendered { bytes, tokens } = self.rendered?;
        let rest = (self.text.len() + structured.len()).saturating_sub(bytes);
        Some(tokens + rest)
    }

    fn structured(&self) -> String {
        let mut json = String::from("{");
        for (at, member) in self.members.iter().enumerate() {
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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_optional_goes_before_the_text() {
        let draft = ResultDraft {
            text: "first line\nsecond line".to_owned(),
            members: vec![
                StructuredMember::new("report", "{}"),
                StructuredMember::optional("omitted", format!("{:?}", "word ".repeat(500))),
            ],
            rendered: None,
        };
        let fitted = draft.fit(Budget::of(Some(200)));
        assert_eq!(fitted.structured, "{\"report\":{}}");
        assert_eq!(fitted.text, "first line\nsecond line");
        let draft = ResultDraft {
            text: "first line\n".to_owned() + &"word ".repeat(500),
            members: vec![StructuredMember::new("report", "{}")],
            rendered: None,
        };
        assert_eq!(draft.fit(Budget::of(Some(200))).text, "first line");
    }

    #[test]
    fn a_cursor_too_long_for_the_budget_is_replaced_by_a_note() {
        let draft = |words| ResultDraft {
            text: "first line\nsecond line".to_owned(),
            members: vec![
                StructuredMember::new("objects", "[]"),
                StructuredMember::first("cursor", format!("{:?}", "word ".repeat(words)), "More."),
            ],
            rendered: None,
        };
        let fitted = draft(10).fit(Budget::of(Some(200)));
        assert!(fitted.structured.contains("cursor"));
        let fitted = draft(500).fit(Budget::of(Some(200)));
        assert_eq!(fitted.structured, "{\"objects\":[]}");
        assert_eq!(fitted.text, "first line\nsecond line\n\nMore.");
        assert!(fitted.tokens <= 200);
    }
}
