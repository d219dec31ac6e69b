//! Asking VirusTotal: a unit of quota for each try, and what is kept of the answer.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use memchr::memmem;
use tokio::time::{Instant, sleep};

use super::{Fresh, Lookup, LookupError};
use crate::{
    answer,
    cache::{Entry, Name, Said, Stamp},
    key::ApiKey,
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

impl Lookup {
    /// Asks VirusTotal, and keeps what it says where that stays true for a while.
    pub(super) async fn ask(
        self: Arc<Self>,
        (name, key, call): (Name, ApiKey, Call),
        life: Life,
        claim: Claim,
    ) -> Result<Fresh, LookupError> {
        let answer = self.fetch(&key, &call, claim).await;
        let now = Stamp::now();
        let (said, plain, fresh_for) = match answer {
            Ok(body) => {
                let fresh_for = self.fresh_for(&body, life, now);
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
        if fresh_for.is_some() {
            if self.rules.is_shared {
                self.cache.accept(key.hash(), now);
            }
            self.cache.keep(name, Arc::clone(&entry));
        }
        Ok(Fresh { entry, plain })
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
    async fn fetch(&self, key: &ApiKey, call: &Call, claim: Claim) -> Result<Body, LookupError> {
        let endpoint = call.endpoint();
        let mut unit = self.purse.unit(key, &endpoint, claim).await?;
        let deadline = self.vt.deadline();
        let mut pauses = PAUSES.into_iter();
        loop {
            let answer = self.vt.ask(key, call, deadline).await;
            self.purse.settle(key, &endpoint, &unit, &answer);
            let error = match answer {
                Ok(body) => return Ok(body),
                Err(error) => error,
            };
            let Some(pause) = pauses.next().map(jittered).filter(|_| error.is_passing()) else {
                return Err(error.into());
            };
            if Instant::now() + pause >= deadline {
                return Err(error.into());
            }
            sleep(pause).await;
            unit = match self.purse.unit(key, &endpoint, Claim::Now).await {
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
