//! Reads by clients of VirusTotal's own API: the answers that other entrances get, byte for byte
//! but for their links.

use bytes::Bytes;

use super::{
    Freshness, Lookup, LookupError, Reply,
    names::Rendered,
    reply::{RenderFn, Renderer},
};
use crate::{
    access::{RequestContext, without_key},
    cache::{About, ObjectName, Question, TtlRule, ViewKey},
    indicator::Indicator,
    render::{self, Detail, Document, format::Format, links::LinkRules},
    virustotal::{Call, Packed},
};

/// A read that is passed on as a client sent it.
#[derive(Debug)]
pub struct PassedQuery {
    /// The call, with the client's own request.
    pub call: Call,
    /// The subject.
    pub about: PassedAbout,
    /// Whether the answer is returned as gzip. Kept like that, it costs a hit no compression.
    pub is_packed: bool,
}

/// The subject of a read that is passed on.
#[derive(Clone, Debug)]
pub enum PassedAbout {
    /// The report on an object.
    Report(Indicator),
    /// The comments or votes on an object.
    Contributions(Indicator),
    /// Anything else about an object.
    Part(Indicator),
    /// A search for this text.
    Search(String),
    /// The analysis with this id.
    Analysis(String),
    /// Something else with a name of its own.
    Other(ObjectName),
}

impl PassedQuery {
    fn question(&self) -> Question {
        Question {
            call: self.call.clone(),
            about: self.about.about(),
            ttl: self.about.ttl(),
        }
    }
}

impl PassedAbout {
    fn about(&self) -> About {
        match self {
            Self::Report(it) | Self::Contributions(it) | Self::Part(it) => {
                About::Object(it.clone())
            }
            Self::Search(text) => About::Search(text.clone()),
            Self::Analysis(id) => About::Analysis(id.clone()),
            Self::Other(name) => About::Other(*name),
        }
    }

    fn ttl(&self) -> TtlRule {
        match self {
            Self::Report(_) => TtlRule::Report,
            Self::Analysis(_) => TtlRule::Analysis,
            _ => TtlRule::Usual,
        }
    }
}

impl Lookup {
    /// Returns an answer as VirusTotal gave it, with its links rewritten. Costs at most one unit of
    /// quota per attempt.
    pub async fn pass(
        &self,
        context: &RequestContext,
        query: &PassedQuery,
        links: &LinkRules,
        freshness: &Freshness,
    ) -> Result<Reply, LookupError> {
        let question = query.question();
        let renderer = self.verbatim_renderer(context, query, links);
        self.fetch_and_render(context, &question, freshness, &renderer)
            .await
    }

    /// Returns the way to render an answer with nothing changed but its links.
    fn verbatim_renderer<'a>(
        &'a self,
        context: &'a RequestContext,
        query: &'a PassedQuery,
        links: &'a LinkRules,
    ) -> Renderer<impl RenderFn + 'a> {
        Renderer {
            key: ViewKey {
                format: Format::Raw,
                bare: true,
                descriptors_only: false,
                options: Some(if query.is_packed {
                    format!("gzip {}", links.to()).into()
                } else {
                    links.to().into()
                }),
            },
            detail: Detail::Full,
            render: move |bytes: &Bytes| {
                let bytes = without_key(bytes, &context.key);
                let document = links.document(&bytes);
                self.verbatim(query, &bytes, document)
            },
        }
    }

    /// Adds the names that an answer reveals, which is checked by that.
    fn verbatim(
        &self,
        query: &PassedQuery,
        bytes: &[u8],
        mut document: Document,
    ) -> Result<Rendered, render::RenderError> {
        let revealed = match &query.about {
            PassedAbout::Report(indicator) => {
                document.names = render::checked_names(bytes)?;
                self.join_names_of_report(indicator, &document)
            }
            PassedAbout::Contributions(indicator) => {
                render::check(bytes)?;
                self.join_names_of_contributions(indicator, bytes)
            }
            PassedAbout::Search(_) => {
                render::check(bytes)?;
                self.join_names_of_search(&query.question().names(), bytes)
            }
            PassedAbout::Part(_) | PassedAbout::Analysis(_) | PassedAbout::Other(_) => {
                render::check(bytes)?;
                Vec::new()
            }
        };
        if query.is_packed {
            document.body = Packed::of(&document.body).bytes().to_vec();
        }
        Ok(Rendered { document, revealed })
    }
}
