//! Patterns of paths, compiled into a trie that the reader walks along.

use std::collections::HashMap;

use foldhash::fast::RandomState;
use thiserror::Error;

/// The maximum number of nodes of one filter's trie.
///
/// Patterns that mix names and `*` at many depths multiply. A template that needs more nodes than
/// this is a mistake, and is rejected at start.
const MAX_NODES: usize = 10_000;

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
pub struct Filter {
    root: Step,
}

/// A filter without patterns, which shows everything.
impl Default for Filter {
    fn default() -> Self {
        Self {
            root: Step {
                is_included: true,
                ..Step::default()
            },
        }
    }
}

/// The continuation of the patterns below a value that is not excluded.
#[derive(Clone, Debug, Default)]
struct Step {
    /// The patterns that go on; `None` if no pattern does.
    node: Option<Node>,
    /// Whether a pattern with [`Rule::Include`] ends here. At the root, true if no pattern has that rule.
    is_included: bool,
    /// Whether a pattern with [`Rule::Untrusted`] ends here.
    is_untrusted: bool,
}

/// The patterns that continue below a value.
#[derive(Clone, Debug)]
struct Node {
    named: HashMap<Box<str>, Next, RandomState>,
    /// The target of `*`, for keys not in `named` and for elements of arrays.
    any: Option<Box<Next>>,
}

/// The decision about the value of a key.
#[derive(Clone, Debug)]
enum Next {
    Exclude,
    Keep(Step),
}

/// The reasons for which a pattern is rejected.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum MalformedPattern {
    /// A part is empty: `""`, `a..b`, `.a`, `a.`.
    #[error("an empty part in pattern: `{0}`")]
    EmptyPart(String),
    /// A `*` is part of a key, as in `a*`.
    #[error("`*` stands for a whole key and can't be part of one, in pattern: `{0}`")]
    PartialStar(String),
    /// The patterns multiply beyond `MAX_NODES`.
    #[error("the patterns together are too many or too deep")]
    TooLarge,
}

/// The rest of a pattern with its rule, while a trie is built.
#[derive(Clone, Copy)]
struct Rest<'a> {
    rule: Rule,
    parts: &'a [&'a str],
}

/// A position of the reader among the patterns of a filter.
#[derive(Clone, Copy, Debug)]
pub(in crate::render) struct Position<'t> {
    node: Option<&'t Node>,
    /// Whether the value is shown, and not only searched for values that are.
    pub(in crate::render) is_included: bool,
    /// Whether strangers wrote the value.
    pub(in crate::render) is_untrusted: bool,
}

impl Filter {
    /// Compiles patterns: dotted paths in which `*` stands for any one key or array element.
    pub fn compile<'p>(
        patterns: impl IntoIterator<Item = (Rule, &'p str)>,
    ) -> Result<Self, MalformedPattern> {
        Self::compile_within(MAX_NODES, patterns)
    }

    /// Compiles patterns into at most this many nodes.
    pub(super) fn compile_within<'p>(
        mut budget: usize,
        patterns: impl IntoIterator<Item = (Rule, &'p str)>,
    ) -> Result<Self, MalformedPattern> {
        let mut split_patterns = Vec::new();
        for (rule, pattern) in patterns {
            split_patterns.push((rule, split(pattern)?));
        }
        let mut rests = Vec::with_capacity(split_patterns.len());
        let mut is_included = true;
        for (rule, parts) in &split_patterns {
            let rule = *rule;
            is_included &= rule != Rule::Include;
            rests.push(Rest { rule, parts });
        }
        let Some(node) = Node::build(&rests, &mut budget) else {
            return Err(MalformedPattern::TooLarge);
        };
        Ok(Self {
            root: Step {
                node: Some(node),
                is_included,
                is_untrusted: false,
            },
        })
    }

    /// Creates a filter that shows everything, all of it written by strangers.
    pub fn untrusted() -> Self {
        Self {
            root: Step {
                node: None,
                is_included: true,
                is_untrusted: true,
            },
        }
    }

    /// Returns the position at the value that the patterns start from.
    pub(in crate::render) fn start(&self) -> Position<'_> {
        Position {
            node: self.root.node.as_ref(),
            is_included: self.root.is_included,
            is_untrusted: self.root.is_untrusted,
        }
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

impl Node {
    /// Builds the node for the rest of the patterns that match up to here.
    ///
    /// The child of a name continues both the patterns of that name and those of `*`, so that the
    /// reader follows a single path. Returns `None` if the budget of nodes is exhausted.
    fn build(patterns: &[Rest<'_>], budget: &mut usize) -> Option<Self> {
        *budget = budget.checked_sub(1)?;
        let mut names = Vec::new();
        let mut has_star = false;
        for pattern in patterns {
            match pattern.parts.first() {
                Some(&"*") => has_star = true,
                Some(name) => names.push(*name),
                None => {}
            }
        }
        let mut branches = HashMap::default();
        for name in names {
            if !branches.contains_key(name) {
                let next = Next::build(patterns, Some(name), budget)?;
                branches.insert(name.into(), next);
            }
        }
        let mut any = None;
        if has_star {
            any = Some(Box::new(Next::build(patterns, None, budget)?));
        }
        Some(Self {
            named: branches,
            any,
        })
    }

    fn at_key(&self, key: &str) -> Option<&Next> {
        // Looking up costs even where there is nothing.
        if self.named.is_empty() {
            return self.any.as_deref();
        }
        self.named.get(key).or(self.any.as_deref())
    }
}

impl Next {
    /// Builds the target for the values of the key `name`, or of all keys that no pattern names.
    fn build(patterns: &[Rest<'_>], name: Option<&str>, budget: &mut usize) -> Option<Self> {
        let mut rests = Vec::new();
        let mut step = Step::default();
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
                Rule::Exclude => return Some(Self::Exclude),
                Rule::Include => step.is_included = true,
                Rule::Untrusted => step.is_untrusted = true,
            }
        }
        if !rests.is_empty() {
            step.node = Some(Node::build(&rests, budget)?);
        }
        Some(Self::Keep(step))
    }
}

impl<'t> Position<'t> {
    /// The position of a value that no filter applies to.
    pub(in crate::render) const FREE: Self = Self {
        node: None,
        is_included: true,
        is_untrusted: false,
    };

    /// The position of a value that is shown, and that strangers wrote.
    pub(in crate::render) const UNTRUSTED: Self = Self {
        is_untrusted: true,
        ..Self::FREE
    };

    /// Whether patterns continue below this value, so that keys have to be decoded.
    pub(in crate::render) fn goes_on(self) -> bool {
        self.node.is_some()
    }

    /// Returns the position at the value of a key, or `None` if nothing of the value is shown.
    pub(in crate::render) fn at_key(self, key: &str) -> Option<Self> {
        match self.node {
            Some(node) => self.follow(node.at_key(key)),
            None => self.follow(None),
        }
    }

    /// Returns the position at the elements of an array, or `None` if nothing of them is shown.
    pub(in crate::render) fn at_element(self) -> Option<Self> {
        match self.node {
            Some(node) => self.follow(node.any.as_deref()),
            None => self.follow(None),
        }
    }

    fn follow(self, next: Option<&'t Next>) -> Option<Self> {
        let below = match next {
            Some(Next::Exclude) => return None,
            Some(Next::Keep(step)) => Self {
                node: step.node.as_ref(),
                is_included: self.is_included || step.is_included,
                is_untrusted: self.is_untrusted || step.is_untrusted,
            },
            None => Self { node: None, ..self },
        };
        // A value that is not shown can only hold values that are if a pattern leads to them.
        (below.is_included || below.node.is_some()).then_some(below)
    }
}
