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
    /// `quota` where the list stops short since the key's quota has run out, `pages` where it does
    /// after ten pages; the cursor goes on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub truncated: Option<&'static str>,
}

/// Writes `{"data": …, "format": …, "meta"?: …}` into a buffer of about `size` bytes.
///
/// `data` writes the JSON text of the data; it is all that can fail.
pub fn envelope<E>(
    format: Format,
    meta: Option<&Meta>,
    size: usize,
    data: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
) -> Result<Vec<u8>, E> {
    let mut out = Vec::with_capacity(size);
    out.extend_from_slice(br#"{"data":"#);
    data(&mut out)?;
    out.extend_from_slice(br#","format":"#);
    write(&mut out, &format);
    if let Some(meta) = meta {
        out.extend_from_slice(br#","meta":"#);
        write(&mut out, meta);
    }
    out.push(b'}');
    Ok(out)
}

/// Writes a value whose serialization can't fail, such as a text.
pub fn write(out: &mut Vec<u8>, value: &(impl Serialize + ?Sized)) {
    // Neither does writing to a `Vec`.
    let _ = serde_json::to_writer(out, value);
}
