//! Searches: one page, one unit of quota.

use bytes::Bytes;

use super::{
    Freshness, Lookup, LookupError, Reply,
    names::Rendered,
    reply::{RenderFn, Renderer, view_key},
};
use crate::{
    access::RequestContext,
    cache::{About, ObjectName, Question, TtlRule},
    render::{self, Title, View},
    virustotal::{Call, Endpoint},
};

/// The data that a search covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Corpus {
    /// Indicators, and comments by tag; open to every key.
    Everything,
    /// All of VirusTotal, in its query language; for premium keys.
    Intelligence,
}

/// A search query.
#[derive(Debug)]
pub struct SearchQuery {
    /// The data to search.
    pub corpus: Corpus,
    /// The query in VirusTotal's language; not empty.
    pub query: String,
    /// The maximum number of objects to return.
    pub limit: usize,
    /// The cursor from an earlier answer.
    pub cursor: Option<String>,
    /// An attribute to sort by, followed by `+` or `-`.
    pub order: Option<String>,
}

impl Corpus {
    /// Returns the maximum number of objects that a client can ask for at once.
    pub fn most(self) -> usize {
        match self {
            Self::Everything => 100,
            Self::Intelligence => 300,
        }
    }

    /// Returns the maximum number of objects that VirusTotal returns on one page.
    fn page(self) -> usize {
        match self {
            Self::Everything => 40,
            Self::Intelligence => 300,
        }
    }

    fn endpoint(self) -> Endpoint {
        match self {
            Self::Everything => Endpoint::Search,
            Self::Intelligence => Endpoint::IntelligenceSearch,
        }
    }

    fn title(self, query: &str) -> Title<'_> {
        match self {
            Self::Everything => Title::search("Search", "search", query),
            Self::Intelligence => {
                Title::search("Intelligence search", "intelligence_search", query)
            }
        }
    }
}

impl SearchQuery {
    /// Returns the question, which asks for the objects or for their descriptors as the view does.
    pub(super) fn question(&self, view: &View<'_>) -> Question {
        Question {
            call: self.call(view),
            about: About::Search(self.query.clone()),
            ttl: TtlRule::Usual,
        }
    }

    /// Returns the title of a document of the results.
    pub(super) fn title(&self) -> Title<'_> {
        self.corpus.title(&self.query)
    }

    fn call(&self, view: &View<'_>) -> Call {
        let limit = self.limit.min(self.corpus.page());
        Call::to(self.corpus.endpoint())
            .with("query", &self.query)
            .with("limit", &limit.to_string())
            .with_some("cursor", self.cursor.as_deref())
            .with_some("order", self.order.as_deref())
            .with_some("descriptors_only", view.descriptors_only.then_some("true"))
    }
}

impl Lookup {
    /// Returns the way to render a page of a search for objects with these names.
    pub(super) fn search_renderer<'a>(
        &'a self,
        names: &'a [ObjectName],
        title: &'a Title<'_>,
        view: &'a View<'_>,
    ) -> Renderer<impl RenderFn + 'a> {
        Renderer {
            key: view_key(view),
            detail: view.detail,
            render: move |page: &Bytes| {
                let document = render::list(std::slice::from_ref(page), title, None, view)?;
                let revealed = self.join_names_of_search(names, page);
                Ok(Rendered { document, revealed })
            },
        }
    }

    /// Searches VirusTotal and returns one page. Costs at most one unit of quota per attempt.
    pub async fn search(
        &self,
        context: &RequestContext,
        query: &SearchQuery,
        view: &View<'_>,
        freshness: &Freshness,
    ) -> Result<Reply, LookupError> {
        let question = query.question(view);
        let title = query.title();
        let names = question.names();
        let renderer = self.search_renderer(&names, &title, view);
        self.fetch_and_render(context, &question, freshness, &renderer)
            .await
    }
}
