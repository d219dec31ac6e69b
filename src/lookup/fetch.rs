//! Asking VirusTotal: a unit of quota for each try, and what is kept of the answer.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use memchr::memmem;
use tokio::time::{Instant, sleep};

use super::{Flight, Fresh, Lookup, LookupError};
use crate::{
    access::RequestContext,
    answer, bill,
    cache::{Entry, Said, Stamp},
    redis::{Claimed, Patience},
    spend::Claim,
    vt::{Body, Call, Reason, VtError},
};

/// How long to wait before the second and the third try, give or take a half.
const PAUSES: [Duration; 2] = [Duration::from_millis(200), Duration::from_millis(600)];

/// How long a file that was analysed within the last day counts as fresh: verdicts still
/// come in.
const TTL_RECENT: Duration = Duration::from_mins(10);

const DAY: Duration = Duration::from_hours(24);

/// What an answer is about, as far as it says how long it stays true.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Life {
    /// As long as the settings say.
    Usual,
    /// The same, but less where VirusTotal has analysed it lately.
    Report,
    /// A day once it is completed, and not at all before.
    Analysis,
}

/// What is to be asked, for whom, and what is known of it.
pub(super) struct Errand {
    pub(super) flight: Flight,
    pub(super) context: RequestContext,
    pub(super) call: Call,
    pub(super) life: Life,
    pub(super) claim: Claim,
    pub(super) patience: Patience,
    /// When what is kept was said.
    pub(super) known: Option<Stamp>,
}

impl Lookup {
    /// Asks VirusTotal, unless another replica just does, and keeps what it says where that
    /// stays true for a while.
    pub(super) async fn ask(self: Arc<Self>, errand: Errand) -> Result<Fresh, LookupError> {
        let name = &errand.flight.name;
        let lease = match self.claim(&errand).await {
            Claimed::Nothing => None,
            Claimed::Ours(lease, bytes) => {
                let what = (name, errand.call.object());
                if let Some(entry) = self.landed(what, bytes, errand.known) {
                    self.redis.land(name.pair(), None, Some(lease));
                    return Ok(Fresh { entry, plain: None });
                }
                Some(lease)
            }
        };
        let answer = match &lease {
            Some(lease) => lease.during(self.answer(&errand)).await,
            None => self.answer(&errand).await,
        };
        if let Ok((fresh, true)) = &answer {
            self.accept(errand.context.key.hash());
            self.keep(errand.flight.name, &fresh.entry, lease);
        } else {
            self.redis.land(name.pair(), None, lease);
        }
        answer.map(|(fresh, _)| fresh)
    }

    /// The right to ask, for all replicas; whom others may not wait for claims none.
    async fn claim(&self, errand: &Errand) -> Claimed {
        let Flight {
            name,
            stranger,
            is_patient,
        } = &errand.flight;
        if stranger.is_some() || !self.is_shared_out() {
            return Claimed::Nothing;
        }
        let class = if *is_patient { "patient" } else { "now" };
        self.redis.claim(name.pair(), class, &errand.patience).await
    }

    /// What VirusTotal says, and whether it stays true for a while.
    async fn answer(&self, errand: &Errand) -> Result<(Fresh, bool), LookupError> {
        let answer = self.fetch(errand).await;
        let now = Stamp::now();
        let (said, plain, fresh_for) = match answer {
            Ok(body) => {
                let fresh_for = self.fresh_for(&body, errand.life, now);
                (Said::Found(body.pack()), body.plain, fresh_for)
            }
            Err(LookupError::Upstream(VtError::Refused(refusal)))
                if refusal.reason == Reason::NotFound =>
            {
                let fresh_for = Some(self.rules.ttl_not_found);
                (Said::NotFound(refusal), Bytes::new(), fresh_for)
            }
            Err(error) => return Err(error),
        };
        let entry = Arc::new(Entry {
            said,
            stamp: now,
            fresh_for: fresh_for.unwrap_or_default(),
        });
        let plain = Some(plain);
        Ok((Fresh { entry, plain }, fresh_for.is_some()))
    }

    /// How long an answer counts as fresh; none where it is not kept.
    fn fresh_for(&self, body: &Body, life: Life, now: Stamp) -> Option<Duration> {
        match life {
            Life::Report if is_recent(&body.plain, now) => Some(self.rules.ttl.min(TTL_RECENT)),
            Life::Report | Life::Usual => Some(self.rules.ttl),
            Life::Analysis => answer::is_completed(&body.plain)
                .ok()
                .filter(|is_over| *is_over)
                .map(|_| DAY),
        }
    }

    /// Asks, again where that may help, and spends a unit each time.
    ///
    /// A try that never reached VirusTotal gives its unit back. Further tries fall under
    /// the first one's time limit, and end quietly where no unit is left for them.
    async fn fetch(&self, errand: &Errand) -> Result<Body, LookupError> {
        let Errand {
            context,
            call,
            claim,
            patience,
            ..
        } = errand;
        let key = &context.key;
        let endpoint = call.endpoint();
        let mut unit = self
            .purse
            .unit(context, &endpoint, *claim, patience)
            .await?;
        let deadline = self.vt.deadline();
        let mut pauses = PAUSES.into_iter();
        loop {
            let answer = self.vt.ask(key, call, deadline).await;
            let error = match self.purse.settle(key, &endpoint, &unit, answer) {
                Ok(body) => return Ok(body),
                Err(error) => error,
            };
            let Some(pause) = pauses.next().map(jittered).filter(|_| error.is_passing()) else {
                return Err(error.into());
            };
            if Instant::now() + pause >= deadline {
                return Err(error.into());
            }
            bill::waiting(sleep(pause)).await;
            unit = match self
                .purse
                .unit(context, &endpoint, Claim::Now, patience)
                .await
            {
                Ok(unit) => unit,
                Err(_) => return Err(error.into()),
            };
        }
    }
}

/// Whether VirusTotal has analysed this within the last day.
///
/// Looked for in the text, without reading it all: the name elsewhere in a report only makes
/// it count as fresh for less long.
fn is_recent(report: &[u8], now: Stamp) -> bool {
    const NAME: &[u8] = b"\"last_analysis_date\":";
    let Some(at) = memmem::find(report, NAME) else {
        return false;
    };
    let digits = report[at + NAME.len()..].trim_ascii_start();
    let length = digits
        .iter()
        .take(12)
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    let seconds = str::from_utf8(&digits[..length]).ok();
    let seconds = seconds.and_then(|text| text.parse::<u64>().ok());
    seconds.is_some_and(|seconds| Stamp(seconds * 1000).age(now) < DAY)
}

/// Half to one and a half of the pause, so that callers that failed together part.
fn jittered(pause: Duration) -> Duration {
    pause.mul_f64(0.5 + fastrand::f64())
}
