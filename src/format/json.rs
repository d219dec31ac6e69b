//! The JSON envelope around every answer.

use serde::Serialize;
use utoipa::ToSchema;

use super::Format;

/// What an answer says beside its data; only lists have it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Meta {
    /// Opaque, to be handed back for the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// How many there are in all, where VirusTotal says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
}

#[derive(Serialize)]
struct Envelope<'a, T> {
    data: T,
    format: Format,
    #[serde(skip_serializing_if = "Option::is_none")]
    meta: Option<&'a Meta>,
}

/// Writes `{"data": …, "format": …, "meta"?: …}` into a buffer of about `size` bytes.
///
/// It fails only where serializing `data` does, as reading upstream's bytes can.
pub fn envelope(
    data: impl Serialize,
    format: Format,
    meta: Option<&Meta>,
    size: usize,
) -> Result<Vec<u8>, serde_json::Error> {
    let mut out = Vec::with_capacity(size);
    serde_json::to_writer(&mut out, &Envelope { data, format, meta })?;
    Ok(out)
}
