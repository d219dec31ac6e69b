//! Patterns of paths, compiled into a trie that the reader walks along.

use thiserror::Error;

/// The maximum number of steps in one filter's trie, with those of which nothing is shown.
///
/// Patterns that mix names and `*` at many depths multiply. A template that needs more steps than
/// this is a mistake, and is rejected at start.
const MAX_STEPS: usize = 20_000;

/// The length from which names are kept together, in bytes. Branches take space for each length up to
/// that of their longest name.
const LONG: usize = 32;

/// The meaning of a pattern for the values that it matches, and for everything below them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// They are shown. If a filter has such a pattern, nothing else is shown.
    Include,
    /// They are left out, even if another pattern includes them.
    Exclude,
    /// Strangers wrote them.
    Untrusted,
}

/// Compiled patterns: which values of an object are shown, and which of them strangers wrote.
#[derive(Clone, Debug)]
pub struct Filter(Step);

/// A filter without patterns, which shows everything.
impl Default for Filter {
    fn default() -> Self {
        Self(Step::FREE)
    }
}

/// The meaning of the patterns for a value of which something may be shown.
#[derive(Clone, Debug)]
pub(in crate::render) struct Step {
    /// Whether the value is shown, and not only searched for values that are.
    pub(in crate::render) is_included: bool,
    /// Whether strangers wrote the value.
    pub(in crate::render) is_untrusted: bool,
    /// The steps of the values in it; `None` if no pattern tells them apart, so that they share this
    /// one.
    branches: Option<Branches>,
}

/// The steps of the values in an object or array; `None` for those of which nothing is shown.
#[derive(Clone, Debug)]
struct Branches {
    named: Names,
    /// The step of elements, and of the values of all other keys.
    other: Option<Box<Step>>,
}

/// Steps by the names of keys.
///
/// The names are kept by their lengths, which alone tell most keys apart; those of `LONG` and more
/// bytes together. Names in the same place are in order.
#[derive(Clone, Debug, Default)]
struct Names(Vec<Vec<(Box<str>, Option<Step>)>>);

/// The reasons for which a pattern is rejected.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum MalformedPattern {
    /// A part is empty: `""`, `a..b`, `.a`, `a.`.
    #[error("an empty part in pattern: `{0}`")]
    EmptyPart(String),
    /// A `*` is part of a key, as in `a*`.
    #[error("`*` stands for a whole key and can't be part of one, in pattern: `{0}`")]
    PartialStar(String),
    /// The patterns multiply beyond `MAX_STEPS`.
    #[error("the patterns together are too many or too deep")]
    TooLarge,
}

/// The rest of a pattern with its rule, while a trie is built.
#[derive(Clone, Copy)]
struct Rest<'a> {
    rule: Rule,
    parts: &'a [&'a str],
}

impl Filter {
    /// Compiles patterns: dotted paths in which `*` stands for any one key or array element.
    pub fn compile<'p>(
        patterns: impl IntoIterator<Item = (Rule, &'p str)>,
    ) -> Result<Self, MalformedPattern> {
        Self::compile_within(MAX_STEPS, patterns)
    }

    /// Compiles patterns into at most this many steps.
    pub(super) fn compile_within<'p>(
        mut budget: usize,
        patterns: impl IntoIterator<Item = (Rule, &'p str)>,
    ) -> Result<Self, MalformedPattern> {
        let mut split_patterns = Vec::new();
        for (rule, pattern) in patterns {
            split_patterns.push((rule, split(pattern)?));
        }
        let mut rests = Vec::with_capacity(split_patterns.len());
        let mut root = Step::FREE;
        for (rule, parts) in &split_patterns {
            let rule = *rule;
            root.is_included &= rule != Rule::Include;
            rests.push(Rest { rule, parts });
        }
        root.branch(&rests, &mut budget)?;
        Ok(Self(root))
    }

    /// Creates a filter that shows everything, all of it written by strangers.
    pub fn untrusted() -> Self {
        Self(Step::UNTRUSTED)
    }

    /// Returns the step of the value that the patterns start from.
    pub(in crate::render) fn start(&self) -> &Step {
        &self.0
    }
}

/// Splits a pattern at its dots.
fn split(pattern: &str) -> Result<Vec<&str>, MalformedPattern> {
    let mut parts = Vec::new();
    for part in pattern.split('.') {
        if part.is_empty() {
            return Err(MalformedPattern::EmptyPart(pattern.to_owned()));
        }
        if part.len() > 1 && part.contains('*') {
            return Err(MalformedPattern::PartialStar(pattern.to_owned()));
        }
        parts.push(part);
    }
    Ok(parts)
}

impl Step {
    /// The step of a value that no filter applies to.
    pub(in crate::render) const FREE: Self = Self {
        is_included: true,
        is_untrusted: false,
        branches: None,
    };

    /// The step of a value that is shown, and that strangers wrote.
    pub(in crate::render) const UNTRUSTED: Self = Self {
        is_untrusted: true,
        ..Self::FREE
    };

    /// Whether patterns go on below this value, so that keys have to be decoded.
    #[inline]
    pub(in crate::render) fn goes_on(&self) -> bool {
        self.branches.is_some()
    }

    /// Returns the step of the value of a key, or `None` if nothing of it is shown.
    #[inline]
    pub(in crate::render) fn at_key(&self, key: &str) -> Option<&Self> {
        let Some(branches) = &self.branches else {
            return Some(self);
        };
        match branches.named.get(key) {
            Some(named) => named.as_ref(),
            None => branches.other.as_deref(),
        }
    }

    /// Returns the step of the elements of an array, or `None` if nothing of them is shown.
    #[inline]
    pub(in crate::render) fn at_element(&self) -> Option<&Self> {
        match &self.branches {
            Some(branches) => branches.other.as_deref(),
            None => Some(self),
        }
    }

    /// Adds the branches for the rest of the patterns that match up to here.
    ///
    /// The branch of a name continues both the patterns of that name and those of `*`, so that the
    /// reader follows a single path. Fails if the budget of steps is exhausted.
    fn branch(
        &mut self,
        patterns: &[Rest<'_>],
        budget: &mut usize,
    ) -> Result<(), MalformedPattern> {
        let firsts = patterns.iter().filter_map(|pattern| pattern.parts.first());
        let mut firsts: Vec<_> = firsts.copied().filter(|part| *part != "*").collect();
        firsts.sort_unstable();
        firsts.dedup();
        let mut named = Names::default();
        for name in firsts {
            named.push(name, self.below(patterns, Some(name), budget)?);
        }
        let other = self.below(patterns, None, budget)?.map(Box::new);
        self.branches = Some(Branches { named, other });
        Ok(())
    }

    /// Returns the step of the values of the key `name`, or of all keys that no pattern names; `None`
    /// if nothing of them is shown.
    fn below(
        &self,
        patterns: &[Rest<'_>],
        name: Option<&str>,
        budget: &mut usize,
    ) -> Result<Option<Self>, MalformedPattern> {
        let left = budget.checked_sub(1);
        *budget = left.ok_or(MalformedPattern::TooLarge)?;
        let mut rests = Vec::new();
        let mut step = Self {
            branches: None,
            ..*self
        };
        for pattern in patterns {
            let Some((part, parts)) = pattern.parts.split_first() else {
                continue;
            };
            if *part != "*" && Some(*part) != name {
                continue;
            }
            let rule = pattern.rule;
            match rule {
                _ if !parts.is_empty() => rests.push(Rest { rule, parts }),
                // A pattern ends here, and its rule holds for everything below.
                Rule::Exclude => return Ok(None),
                Rule::Include => step.is_included = true,
                Rule::Untrusted => step.is_untrusted = true,
            }
        }
        if !rests.is_empty() {
            step.branch(&rests, budget)?;
        }
        // A value that is not shown can only hold values that are if a pattern leads to them.
        Ok((step.is_included || step.goes_on()).then_some(step))
    }
}

impl Names {
    /// Adds a name. Names must be added in ascending order.
    fn push(&mut self, name: &str, step: Option<Step>) {
        let length = name.len().min(LONG);
        if self.0.len() <= length {
            self.0.resize_with(length + 1, Vec::new);
        }
        let names = &mut self.0[length];
        // Most lengths have one name.
        names.reserve_exact(1);
        names.push((name.into(), step));
    }

    #[inline]
    fn get(&self, key: &str) -> Option<&Option<Step>> {
        let names = self.0.get(key.len().min(LONG))?;
        let at = names.binary_search_by(|(name, _)| (**name).cmp(key)).ok()?;
        Some(&names[at].1)
    }
}
