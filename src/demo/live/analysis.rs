//! Analyses requested at run time.

use base64::{Engine, engine::general_purpose::STANDARD};

use crate::demo::object::Reference;

/// A requested analysis.
#[derive(Clone)]
pub(in crate::demo) struct DemoAnalysis {
    /// The id.
    pub(in crate::demo) id: String,
    /// The object.
    pub(in crate::demo) of: Reference,
    /// The time of the request, in seconds since 1970.
    pub(in crate::demo) date: u64,
    /// The number of times that the analysis was read.
    pub(super) reads: u32,
}

impl DemoAnalysis {
    /// Creates an analysis that has not been read. A file's id is made from its MD5.
    pub(super) fn new(of: &Reference, md5: Option<&str>, date: u64) -> Self {
        let id = match (&*of.kind, md5) {
            ("url", _) => format!("u-{}-{date}", of.id),
            ("file", Some(md5)) => STANDARD.encode(format!("{md5}:{date}")),
            // As long as an MD5.
            ("file", None) => STANDARD.encode(format!("{:.32}:{date}", of.id)),
            _ => STANDARD.encode(format!("{}:{date}", of.id)),
        };
        Self {
            id,
            of: of.clone(),
            date,
            reads: 0,
        }
    }

    /// Returns the status, which depends on the number of readings.
    pub(in crate::demo) fn status(&self) -> &'static str {
        match self.reads {
            0 | 1 => "queued",
            2 => "in-progress",
            _ => "completed",
        }
    }

    /// Returns the analysis' address at VirusTotal.
    pub(in crate::demo) fn link(&self) -> String {
        Reference::new("analysis", &*self.id).link()
    }
}
