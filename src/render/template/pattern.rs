//! Exclusion patterns, compiled into a trie that the reader walks along.

use thiserror::Error;

/// The maximum number of nodes of one template's trie.
///
/// Patterns that mix names and `*` at many depths multiply. A template that needs more nodes than
/// this is a mistake, and is rejected at start.
const MAX_NODES: usize = 10_000;

/// Compiled exclusion patterns.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    root: Node,
}

/// A position of the reader among the patterns.
#[derive(Clone, Debug, Default)]
pub(super) struct Node {
    /// Sorted by length, then text: most comparisons end at the length.
    named: Vec<(Box<str>, Next)>,
    /// The target of `*`, for keys not in `named` and for elements of arrays.
    any: Option<Box<Next>>,
}

#[derive(Clone, Debug)]
pub(super) enum Next {
    Exclude,
    Descend(Node),
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
    #[error("the patterns together are too many or too deep (more than {MAX_NODES} steps)")]
    TooLarge,
}

impl Filter {
    /// Compiles dotted paths in which `*` stands for any one key or array element.
    pub fn compile<'p>(
        patterns: impl IntoIterator<Item = &'p str>,
    ) -> Result<Self, MalformedPattern> {
        let patterns = patterns
            .into_iter()
            .map(split)
            .collect::<Result<Vec<_>, _>>()?;
        let mut budget = MAX_NODES;
        let root = Node::build(&patterns, &mut budget).ok_or(MalformedPattern::TooLarge)?;
        Ok(Self { root })
    }

    pub(super) fn root(&self) -> &Node {
        &self.root
    }
}

fn split(pattern: &str) -> Result<Vec<&str>, MalformedPattern> {
    let parts: Vec<_> = pattern.split('.').collect();
    if parts.iter().any(|part| part.is_empty()) {
        return Err(MalformedPattern::EmptyPart(pattern.to_owned()));
    }
    if parts
        .iter()
        .any(|part| part.len() > 1 && part.contains('*'))
    {
        return Err(MalformedPattern::PartialStar(pattern.to_owned()));
    }
    Ok(parts)
}

impl Node {
    /// Builds the node for the rest of the patterns that match up to here.
    ///
    /// The child of a name continues both the patterns of that name and those of `*`, so that the
    /// reader follows a single path. Returns `None` if the budget of nodes is exhausted.
    fn build<'p, P: AsRef<[&'p str]>>(patterns: &[P], budget: &mut usize) -> Option<Self> {
        *budget = budget.checked_sub(1)?;
        let mut names: Vec<&str> = patterns
            .iter()
            .filter_map(|pattern| pattern.as_ref().first().copied())
            .filter(|&part| part != "*")
            .collect();
        names.sort_unstable_by_key(|name| (name.len(), *name));
        names.dedup();
        let branches = names
            .into_iter()
            .map(|name| {
                Some((
                    name.into(),
                    Next::build(patterns, |part| part == name || part == "*", budget)?,
                ))
            })
            .collect::<Option<_>>()?;
        let starred = patterns
            .iter()
            .any(|pattern| pattern.as_ref().first() == Some(&"*"));
        let any = if starred {
            Some(Box::new(Next::build(patterns, |part| part == "*", budget)?))
        } else {
            None
        };
        Some(Self {
            named: branches,
            any,
        })
    }

    /// Returns the next node for the value of a key, or `None` if no pattern matches.
    pub(super) fn at_key(&self, key: &str) -> Option<&Next> {
        let found = self
            .named
            .binary_search_by(|(name, _)| (name.len(), &**name).cmp(&(key.len(), key)));
        found
            .ok()
            .map(|at| &self.named[at].1)
            .or(self.any.as_deref())
    }

    /// Returns the next node for the elements of an array.
    pub(super) fn at_element(&self) -> Option<&Next> {
        self.any.as_deref()
    }
}

impl Next {
    fn build<'p, P: AsRef<[&'p str]>>(
        patterns: &[P],
        taken: impl Fn(&str) -> bool,
        budget: &mut usize,
    ) -> Option<Self> {
        let rests: Vec<&[&str]> = patterns
            .iter()
            .filter_map(|pattern| pattern.as_ref().split_first())
            .filter(|(part, _)| taken(part))
            .map(|(_, rest)| rest)
            .collect();
        // A pattern ends here, so everything below is excluded.
        if rests.iter().any(|rest| rest.is_empty()) {
            return Some(Self::Exclude);
        }
        Node::build(&rests, budget).map(Self::Descend)
    }
}

/// The decision about a value: exclude it, or keep it and continue with this node's patterns.
#[derive(Clone, Copy)]
pub(super) enum FieldDecision<'t> {
    Exclude,
    Keep(Option<&'t Node>),
}

impl<'t> FieldDecision<'t> {
    pub(super) fn of(next: Option<&'t Next>) -> Self {
        match next {
            Some(Next::Exclude) => Self::Exclude,
            Some(Next::Descend(node)) => Self::Keep(Some(node)),
            None => Self::Keep(None),
        }
    }
}
