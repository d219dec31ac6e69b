//! The unit that is set aside before a lookup of a job, and settled when the lookup is over.

use super::shared::Shared;
use crate::{
    access::{Cost, UnitBudget, clients::OverAllowance},
    clock::Now,
};

/// The unit that was set aside: of `max_units`, and of the client's allowance at this time.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Reserved {
    counted: Option<Now>,
}

/// The reason why no unit can be set aside.
#[derive(Debug)]
pub(super) enum NoUnit {
    /// The job may spend no more.
    MaxUnits,
    /// The client may spend no more for a while.
    Allowance(OverAllowance),
}

impl Shared {
    /// Sets a unit aside, so that lookups at the same time spend no more than there is.
    pub(super) fn reserve(&self) -> Result<Reserved, NoUnit> {
        if !self.budget.as_ref().is_none_or(UnitBudget::take) {
            return Err(NoUnit::MaxUnits);
        }
        match self.count_for_client() {
            Ok(counted) => Ok(Reserved { counted }),
            Err(over) => {
                if let Some(budget) = &self.budget {
                    budget.put_back(1);
                }
                Err(NoUnit::Allowance(over))
            }
        }
    }

    /// Counts what a lookup cost in place of the unit that was set aside for it. Fails if the client
    /// has used up its allowance by attempts that were repeated.
    pub(super) fn settle(&self, cost: &Cost, reserved: Reserved) -> Result<(), OverAllowance> {
        if let Some(budget) = &self.budget {
            budget.put_back((1 + cost.retries).saturating_sub(cost.units));
        }
        if cost.units == 0
            && let (Some(counted), Some(client)) = (reserved.counted, &self.client)
            && let Some(clients) = &self.gateway.clients
        {
            clients.put_back(client, counted);
        }
        for _ in 1..cost.units {
            self.count_for_client()?;
        }
        Ok(())
    }

    /// Counts a unit against the allowance of the client, if one sent the request. Returns the time
    /// at which it was counted.
    fn count_for_client(&self) -> Result<Option<Now>, OverAllowance> {
        let (Some(client), Some(clients)) = (&self.client, &self.gateway.clients) else {
            return Ok(None);
        };
        let now = Now::read();
        clients.spend(client, now)?;
        Ok(Some(now))
    }
}
