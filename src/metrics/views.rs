//! Metrics of views: the tokens that were served and saved.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family},
    registry::Registry,
};

use super::register;

/// The size of a rendered view, in approximate tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServedView {
    /// The name of the view: `standard`, `full` or `brief`.
    pub view: &'static str,
    /// The tokens of the view.
    pub tokens: usize,
    /// The tokens that it has less than the whole answer.
    pub saved: usize,
    /// The number of texts from strangers that were withheld.
    pub withheld: usize,
}

/// The series of views.
pub(super) struct ViewMetrics {
    tokens: Family<ViewLabel, Counter>,
    saved: Family<ViewLabel, Counter>,
    withheld: Counter,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ViewLabel {
    view: &'static str,
}

impl ViewMetrics {
    /// Registers the series.
    pub(super) fn new(registry: &mut Registry) -> Self {
        let all = Self {
            tokens: register(
                registry,
                "view_tokens",
                "Tokens served, approximately, by view",
            ),
            saved: register(
                registry,
                "view_saved_tokens",
                "Tokens that views had less than the whole answers, approximately, by view",
            ),
            withheld: register(
                registry,
                "withheld_texts",
                "Texts from strangers that were withheld, because they read like an instruction",
            ),
        };
        // All views are shown from the start, so that rates have a first value.
        for view in ["standard", "full", "brief"] {
            drop(all.tokens.get_or_create(&ViewLabel { view }));
            drop(all.saved.get_or_create(&ViewLabel { view }));
        }
        all
    }

    /// Records a view that was served.
    pub(super) fn served(&self, served: &ServedView) {
        let label = ViewLabel { view: served.view };
        let tokens = self.tokens.get_or_create(&label);
        tokens.inc_by(number(served.tokens));
        let saved = self.saved.get_or_create(&label);
        saved.inc_by(number(served.saved));
        self.withheld.inc_by(number(served.withheld));
    }
}

fn number(size: usize) -> u64 {
    u64::try_from(size).unwrap_or(u64::MAX)
}
