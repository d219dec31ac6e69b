//! Lookups of many indicators in one request (`docs/bulk.md`).
//!
//! `request` reads the rows and the options, `batch` finds out which of them are equal, `run`
//! looks them up and sends each row as it is finished, and `answer` writes the rows in the format
//! that the caller accepts, with `documents` for the formats of SOC platforms.
//!
//! Rows that cost nothing come first: what no lookup is needed for, then what is kept, then the rest
//! in the order given. The rest takes a unit of quota only while another of the minute is left, so
//! that a job delays no other request of the same key.

pub use self::{
    answer::{BulkFormat, forecast},
    audit::RowAudit,
    batch::MOST_ROWS,
    request::{BulkQuery, BulkRequest, GivenText, MEDIA_TYPES, MOST_BYTES},
    row::{Finding, FinishedRow, RowCounts, RowError, RowVerdict, Source},
    run::{Event, Job, JobCaller},
    summary::{Ended, Progress, Summary},
};

mod answer;
mod audit;
mod batch;
mod documents;
mod forecast;
mod request;
mod reserved;
mod row;
mod rows;
mod run;
mod shared;
mod summary;
