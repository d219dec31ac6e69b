//! The pipeline for one thing read: what is kept of it, else quota, then VirusTotal; then
//! the view asked for.

use std::{sync::Arc, time::Instant};

use bytes::Bytes;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use self::{
    analysis::Polled,
    fetch::{Errand, Life},
    pages::Gathered,
};
use crate::{
    access::RequestContext,
    answer::{self, Answer, AnswerError, Subject, View},
    bill,
    cache::{self, Cache, Entry, Name, Said, Stamp},
    config,
    flight::Flights,
    indicator::Indicator,
    key::KeyHash,
    redis::Redis,
    spend::Purse,
    vt::{Call, VirusTotal},
};

pub use self::{
    analysis::{Analysis, AnalysisId, InvalidAnalysisId},
    error::LookupError,
    pages::RelatedQuery,
    reply::{Origin, Reply, Seen},
    search::{Corpus, SearchQuery},
    wish::Wish,
};

mod analysis;
mod error;
mod fetch;
mod kept;
mod pages;
mod reply;
mod search;
mod wish;

/// Reads from VirusTotal, as seldom as it can and within what the key may spend.
#[derive(Debug)]
pub struct Lookup {
    vt: Arc<VirusTotal>,
    purse: Arc<Purse>,
    cache: Arc<Cache>,
    redis: Redis,
    flights: Flights<Flight, Result<Fresh, LookupError>>,
    recalls: Flights<Name, Option<Arc<Entry>>>,
    polls: Flights<Flight, Polled>,
    rules: config::Cache,
    /// Ends whatever waits.
    stop: CancellationToken,
}

/// What a call is known by while it is under way.
///
/// Nobody shares one who may not see all that it brings, nor one that waits for quota as they
/// would not.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Flight {
    name: Name,
    /// Who asks, where VirusTotal has not yet taken its key.
    stranger: Option<KeyHash>,
    is_patient: bool,
}

/// An answer that has just come.
#[derive(Clone, Debug)]
struct Fresh {
    entry: Arc<Entry>,
    /// Its bytes, which the entry only has packed; none, where another replica asked.
    plain: Option<Bytes>,
}

/// An answer of VirusTotal's that serves.
#[derive(Clone, Debug)]
struct Got {
    name: Name,
    entry: Arc<Entry>,
    seen: Seen,
    /// Its bytes, where it has just come.
    plain: Option<Bytes>,
    /// What was kept before a new answer took its place.
    before: Option<Arc<Entry>>,
}

impl Lookup {
    /// A pipeline to this upstream with this purse; `stop` ends what waits.
    pub fn new(
        vt: Arc<VirusTotal>,
        purse: Arc<Purse>,
        (cache, redis, rules): (Arc<Cache>, Redis, config::Cache),
        (tasks, stop): (TaskTracker, CancellationToken),
    ) -> Self {
        Self {
            vt,
            purse,
            cache,
            redis,
            flights: Flights::new(tasks.clone()),
            recalls: Flights::new(tasks.clone()),
            polls: Flights::new(tasks),
            rules,
            stop,
        }
    }

    /// How much is kept.
    pub fn extent(&self) -> cache::Extent {
        self.cache.held()
    }

    /// The report on an indicator; at most one unit of quota.
    pub async fn report(
        self: &Arc<Self>,
        context: &RequestContext,
        indicator: &Indicator,
        view: &View<'_>,
        wish: &Wish,
    ) -> Result<Reply, LookupError> {
        let call = Call::get(&[indicator.kind().upstream_collection(), indicator.id()]);
        let subject = Subject::report(indicator);
        let make = |bytes: &Bytes| answer::report(bytes, &subject, view);
        let show = |got| self.show(got, view, wish, make);
        self.see(context, (&call, Life::Report), wish, show).await
    }

    /// What sandboxes saw a file do, put together by VirusTotal; at most one unit of quota.
    ///
    /// `part` is its name in VirusTotal's path: `behaviour_summary`, `behaviour_mitre_trees`.
    pub async fn behaviour(
        self: &Arc<Self>,
        context: &RequestContext,
        file: &Indicator,
        part: &str,
        view: &View<'_>,
        wish: &Wish,
    ) -> Result<Reply, LookupError> {
        let call = Call::get(&[file.kind().upstream_collection(), file.id(), part]);
        let subject = Subject::part(file, part);
        let make = |bytes: &Bytes| answer::object(bytes, &subject, view);
        let show = |got| self.show(got, view, wish, make);
        self.see(context, (&call, Life::Usual), wish, show).await
    }

    /// What is related to an indicator; at most a unit of quota a page.
    pub async fn related(
        self: &Arc<Self>,
        context: &RequestContext,
        query: &RelatedQuery,
        view: &View<'_>,
        wish: &Wish,
    ) -> Result<Reply, LookupError> {
        let subject = Subject::part(&query.indicator, &query.relationship);
        if query.is_one_page() {
            let call = query.call(query.limit, query.cursor.as_deref(), view);
            let make =
                |bytes: &Bytes| answer::list(std::slice::from_ref(bytes), &subject, None, view);
            let show = |got| self.show(got, view, wish, make);
            return self.see(context, (&call, Life::Usual), wish, show).await;
        }
        let Gathered {
            pages,
            names,
            truncated,
            seen,
        } = self.gather(context, query, view, wish).await?;
        let answer = answer::list(&pages, &subject, truncated, view);
        // Which of them is at fault does not show.
        let answer = answer.inspect_err(|error| {
            if *error != AnswerError::TooLarge {
                for name in &names {
                    self.forget(name);
                }
            }
        })?;
        Ok(Reply::new(answer, seen))
    }

    /// What somebody sees in what VirusTotal says to this call.
    ///
    /// Something kept can turn out to be no answer: whoever asked for it left before that
    /// showed. It is forgotten then, and VirusTotal asked again.
    async fn see<T>(
        self: &Arc<Self>,
        context: &RequestContext,
        (call, life): (&Call, Life),
        wish: &Wish,
        look: impl Fn(Got) -> Result<T, LookupError>,
    ) -> Result<T, LookupError> {
        let got = self.read(context, call, life, wish).await?;
        let was_kept = got.seen.origin != Origin::Miss;
        match look(got) {
            Err(LookupError::Malformed(_)) if was_kept => {
                look(self.read(context, call, life, wish).await?)
            }
            seen => seen,
        }
    }

    /// What VirusTotal says to this call: what is kept of it, if it is fresh enough for the
    /// caller; else what it says now, asked once for all who want to know; else what is
    /// kept, however old, if the caller takes that.
    async fn read(
        self: &Arc<Self>,
        context: &RequestContext,
        call: &Call,
        life: Life,
        wish: &Wish,
    ) -> Result<Got, LookupError> {
        let (name, stranger) = (self.name(context, call), self.stranger(context, wish).await);
        let kept = match stranger {
            Some(_) => None,
            None => self.kept(&name, call, wish).await,
        };
        let now = Stamp::now();
        if let Some(entry) = &kept
            && let Some(origin) = wish.takes(entry, now, &self.rules)
        {
            self.purse.save(&context.key);
            return Got::known(name, Arc::clone(entry), origin, now);
        }
        let flight = Flight {
            name: name.clone(),
            stranger,
            is_patient: !wish.wait.is_zero(),
        };
        let ask = || {
            let errand = Errand {
                flight: flight.clone(),
                context: context.clone(),
                call: call.clone(),
                life,
                claim: wish.claim(),
                patience: wish.patience.clone(),
                known: kept.as_ref().map(|entry| entry.stamp),
            };
            Arc::clone(self).ask(errand)
        };
        let began = Instant::now();
        let (landed, is_first) = self.flights.join(&flight, ask).await;
        // Who came first has on its bill what the call itself waited.
        if !is_first {
            bill::waited(began.elapsed());
        }
        match landed {
            Ok(Ok(Fresh { entry, plain })) => {
                if !is_first || plain.is_none() {
                    self.purse.save(&context.key);
                }
                let got = Got::known(name, entry, Origin::Miss, Stamp::now())?;
                Ok(Got {
                    plain,
                    before: kept,
                    ..got
                })
            }
            Ok(Err(error)) => match (kept, error.excuse()) {
                (Some(entry), Some(origin)) if wish.puts_up_with(&entry, now, &self.rules) => {
                    Got::known(name, entry, origin, now)
                }
                _ => Err(error),
            },
            Err(_) => Err(LookupError::Lost),
        }
    }

    /// The view of an answer: the finished one, if it was asked for before.
    ///
    /// Whether an answer is what it should be shows here. One that is not is forgotten, and
    /// what it had taken the place of comes back.
    fn show(
        &self,
        got: Got,
        view: &View<'_>,
        wish: &Wish,
        make: impl Fn(&Bytes) -> Result<Answer, AnswerError>,
    ) -> Result<Reply, LookupError> {
        let (look, is_new) = (reply::look(view), got.seen.origin == Origin::Miss);
        let known = || self.cache.view(&got.name, &look, got.entry.stamp);
        if let Some(finished) = (!is_new).then(known).flatten() {
            return Ok(Reply {
                finished,
                seen: got.seen,
            });
        }
        let answer = match make(&got.plain()?) {
            Ok(answer) => answer,
            Err(AnswerError::TooLarge) => return Err(LookupError::TooLarge),
            Err(malformed) => {
                let old = self.fall_back(got, wish).ok_or(malformed)?;
                return Ok(Reply::new(make(&old.plain()?)?, old.seen));
            }
        };
        let reply = Reply::new(answer, got.seen);
        // Most things are asked for once. Who asks again has the view kept.
        if !is_new {
            let stamp = got.entry.stamp;
            self.cache.keep_view(got.name, look, stamp, &reply.finished);
        }
        Ok(reply)
    }

    /// Forgets an answer that is none, and brings back what it had taken the place of, if
    /// that serves.
    fn fall_back(&self, got: Got, wish: &Wish) -> Option<Got> {
        self.forget(&got.name);
        let now = Stamp::now();
        let entry = got.before?;
        if !wish.puts_up_with(&entry, now, &self.rules) {
            return None;
        }
        self.cache.keep(got.name.clone(), Arc::clone(&entry));
        Got::known(got.name, entry, Origin::StaleForUpstream, now).ok()
    }
}

impl Got {
    fn known(
        name: Name,
        entry: Arc<Entry>,
        origin: Origin,
        now: Stamp,
    ) -> Result<Self, LookupError> {
        let seen = Seen {
            origin,
            age: entry.stamp.age(now),
        };
        if let Said::NotFound(refusal) = &entry.said {
            return Err(LookupError::Unknown(refusal.clone(), seen));
        }
        Ok(Self {
            name,
            entry,
            seen,
            plain: None,
            before: None,
        })
    }

    fn plain(&self) -> Result<Bytes, LookupError> {
        if let Some(plain) = &self.plain {
            return Ok(plain.clone());
        }
        match &self.entry.said {
            Said::Found(packed) => Ok(packed.unpack()?),
            Said::NotFound(refusal) => Err(LookupError::Unknown(refusal.clone(), self.seen)),
        }
    }
}
