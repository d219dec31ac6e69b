//! A search: one page, one unit of quota.

use bytes::Bytes;

use super::{
    Lookup, LookupError, Reply, Wish,
    question::{About, Question, TtlRule},
    told::Rendered,
};
use crate::{
    access::RequestContext,
    answer::{self, Subject, View},
    vt::Call,
};

/// What is searched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Corpus {
    /// What every key may find: an indicator, or comments by their tags.
    Everything,
    /// All of VirusTotal in its query language; for premium keys.
    Intelligence,
}

/// What is asked of a search.
#[derive(Debug)]
pub struct SearchQuery {
    /// What is searched.
    pub corpus: Corpus,
    /// In VirusTotal's language; not empty.
    pub query: String,
    /// How many objects at most.
    pub limit: usize,
    /// Where to begin, as the answer before said.
    pub cursor: Option<String>,
    /// An attribute to sort by, with `+` or `-` behind it.
    pub order: Option<String>,
}

impl Corpus {
    /// How many objects can be asked for at once.
    pub fn most(self) -> usize {
        match self {
            Self::Everything => 100,
            Self::Intelligence => 300,
        }
    }

    /// How many objects VirusTotal gives on one page at most.
    fn page(self) -> usize {
        match self {
            Self::Everything => 40,
            Self::Intelligence => 300,
        }
    }

    fn path(self) -> &'static [&'static str] {
        match self {
            Self::Everything => &["search"],
            Self::Intelligence => &["intelligence", "search"],
        }
    }

    fn subject(self, query: &str) -> Subject<'_> {
        match self {
            Self::Everything => Subject::search("Search", "search", query),
            Self::Intelligence => {
                Subject::search("Intelligence search", "intelligence_search", query)
            }
        }
    }
}

impl SearchQuery {
    fn call(&self, view: &View<'_>) -> Call {
        let limit = self.limit.min(self.corpus.page());
        Call::get(self.corpus.path())
            .with("query", &self.query)
            .with("limit", &limit.to_string())
            .with_some("cursor", self.cursor.as_deref())
            .with_some("order", self.order.as_deref())
            .with_some("descriptors_only", view.descriptors_only.then_some("true"))
    }
}

impl Lookup {
    /// One page of what a search finds; one unit of quota.
    pub async fn search(
        &self,
        context: &RequestContext,
        query: &SearchQuery,
        view: &View<'_>,
        wish: &Wish,
    ) -> Result<Reply, LookupError> {
        let question = Question {
            call: query.call(view),
            about: About::Search(query.query.clone()),
            ttl: TtlRule::Usual,
        };
        let subject = query.corpus.subject(&query.query);
        let names = question.names();
        let render = |page: &Bytes| {
            let answer = answer::list(std::slice::from_ref(page), &subject, None, view)?;
            let told = self.told_by_search(&names, page);
            Ok(Rendered { answer, told })
        };
        self.see(context, &question, wish, view, render).await
    }
}
