//! Answers of VirusTotal, arbitrary bytes, in every format and view that a caller can request.

#![no_main]

use std::sync::LazyLock;

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use serde::de::IgnoredAny;
use serde_json::Value;
use vt4ai::{
    indicator::Indicator,
    render::{
        Document, RenderError, Title, View, extent,
        format::Format,
        id,
        interop::Interop,
        is_completed,
        links::{LinkRewriter, LinkRules},
        list, object, report,
        template::Templates,
    },
};
use vt4ai_fuzz::{is_inert, is_inert_list, is_inert_of_any, is_json, is_xml_of, tree};

static TEMPLATES: LazyLock<Templates> = LazyLock::new(|| Templates::load(None).unwrap());

static FILE: LazyLock<Indicator> =
    LazyLock::new(|| Indicator::file("44d88612fea8a8f36de82e1278abb02f").unwrap());

type Read = Result<Document, RenderError>;

/// Returns the data in an envelope, or `None` if a tree can't represent it.
fn data(answer: &Document, format: Format) -> Option<Value> {
    let Document {
        body,
        cursor,
        names,
        size: _,
    } = answer;
    assert!(names.iter().all(|name| !name.is_empty()));
    is_json(body);
    let mut envelope = tree(body)?;
    assert_eq!(envelope["format"], format.name());
    assert_eq!(envelope["meta"]["cursor"].as_str(), cursor.as_deref());
    Some(envelope["data"].take())
}

/// Asserts that a view shows the same data as the JSON view; returns these data.
fn shows(
    view: View<'_>,
    read: impl Fn(&View<'_>) -> Read,
    is_inert: fn(&str, &Value),
) -> Option<Value> {
    let plain = View {
        format: Format::Json,
        bare: false,
        ..view
    };
    let plain = read(&plain);
    let json = plain
        .as_ref()
        .ok()
        .and_then(|answer| data(answer, Format::Json));
    let answer = match (read(&view), &json) {
        (Ok(answer), _) => answer,
        // An answer that is valid as JSON is valid in every format.
        (Err(error), json) => {
            assert!(plain.is_err(), "{error:?}: {json:?}");
            return None;
        }
    };
    let document = match (view.bare, view.format) {
        (_, Format::Json | Format::Raw) => return data(&answer, view.format).and(json),
        (true, _) => str::from_utf8(&answer.body).unwrap().into(),
        (false, format) => data(&answer, format).unwrap(),
    };
    let (document, json) = (document.as_str().unwrap(), json?);
    match view.format {
        Format::Xml => is_xml_of(document, &json),
        _ => is_inert(document, &json),
    }
    Some(json)
}

/// Checks the views of one object: an item if it has attributes, otherwise the data as they are.
fn one(bytes: &[u8], subject: &Title<'_>, view: View<'_>) {
    let inert = |document: &str, json: &Value| {
        // Data that can't be read as an item are shown unchanged, including the attributes.
        is_inert_of_any(document, &[json.get("attributes").unwrap_or(json), json]);
    };
    let view = View {
        descriptors_only: false,
        ..view
    };
    let shown = shows(view, |view| object(bytes, subject, view), inert);
    if let (Some(shown), Some(tree)) = (shown, tree(bytes)) {
        let data = &tree["data"];
        assert!(
            data.get("attributes").is_some() || shown == *data,
            "{shown} of {tree}"
        );
    }
}

fn many(pages: &[Bytes], subject: &Title<'_>, truncated: bool, view: View<'_>) {
    let truncated = Some("quota").filter(|_| truncated);
    let inert = |document: &str, json: &Value| {
        let items = json
            .as_array()
            .map_or(usize::from(!json.is_null()), Vec::len);
        is_inert_list(document, items);
    };
    let read = |view: &View<'_>| list(pages, subject, truncated, view);
    if let Ok(Document {
        cursor: Some(next), ..
    }) = read(&view)
    {
        // A cursor that was used before ends the list.
        let earlier = &pages[..pages.len() - 1];
        let mut cursors = earlier.iter().filter_map(|page| extent(page).ok()?.cursor);
        assert!(view.cursor != Some(&*next) && cursors.all(|cursor| cursor != next));
    }
    let shown = shows(view, read, inert);
    let mut objects = 0;
    for page in pages {
        let Ok(extent) = extent(page) else { continue };
        objects += extent.objects;
        if let Some(tree) = tree(page) {
            let cursor = tree.pointer("/meta/cursor").and_then(Value::as_str);
            assert_eq!(extent.cursor.as_deref(), cursor.filter(|it| !it.is_empty()));
            assert_eq!(extent.objects, tree["data"].as_array().map_or(0, Vec::len));
        }
    }
    if let Some(items) = shown.as_ref().and_then(Value::as_array) {
        assert!(items.len() <= objects);
        // Duplicates are shown once; `null` counts as missing.
        let name = |item: &Value| Some((item["type"].as_str()?.to_owned(), item["id"].clone()));
        let names: Vec<_> = items.iter().filter_map(name).collect();
        for (at, name) in names.iter().enumerate() {
            assert!(
                !name.1.is_string() || !names[..at].contains(name),
                "{names:?}"
            );
        }
    }
}

fn words(bytes: &[u8]) {
    let text = str::from_utf8(bytes).unwrap_or_default();
    let is_single = |key| text.matches(key).count() < 2;
    // Of two equal keys, a tree keeps the other one.
    if text.contains('\\')
        || !["data", "id", "attributes", "status"]
            .into_iter()
            .all(is_single)
    {
        return;
    }
    let tree = serde_json::from_str::<Value>(text).unwrap_or_default();
    let at = |pointer| tree.pointer(pointer).unwrap_or(&Value::Null);
    if let Ok(id) = id(bytes)
        && !tree.is_null()
    {
        assert!(
            !id.is_empty() && !at("/data/id").is_null(),
            "{id} of {tree}"
        );
        assert!(at("/data/id").as_str().is_none_or(|it| it == id));
    }
    if let Ok(is_completed) = is_completed(bytes)
        && !tree.is_null()
    {
        assert_eq!(
            at("/data/attributes/status") == "completed",
            is_completed,
            "{tree}"
        );
    }
}

/// Checks that links are rewritten alike in pieces of any length, and that JSON stays JSON.
fn links(bytes: &[u8], length: usize) {
    let from = ["https://www.virustotal.com/api/v3".to_owned()];
    let rules = LinkRules::new(from, "http://gateway.example/api/v3".to_owned());
    let whole = rules.apply(bytes);
    let (mut rewriter, mut out) = (LinkRewriter::new(&rules), Vec::new());
    for piece in bytes.chunks(length) {
        rewriter.push(piece, &mut out);
    }
    rewriter.finish(&mut out);
    assert_eq!(out, whole);
    if serde_json::from_slice::<IgnoredAny>(bytes).is_ok() {
        assert!(serde_json::from_slice::<IgnoredAny>(&whole).is_ok());
    }
}

/// Checks that a report and a list have documents in the formats of SOC platforms where they have
/// one as JSON.
fn platforms(pages: &[Bytes], subject: &Title<'_>, view: View<'_>) {
    let plain = View {
        format: Format::Json,
        bare: false,
        ..view
    };
    for format in Interop::ALL {
        let mapped = View {
            interop: Some(format),
            ..plain
        };
        let read = |view: &View<'_>| {
            [
                report(&pages[0], subject, view),
                list(pages, subject, None, view),
            ]
        };
        for (mapped, plain) in read(&mapped).into_iter().zip(read(&plain)) {
            match mapped {
                Ok(document) => is_json(&document.body),
                Err(error) => assert!(plain.is_err(), "{error:?}"),
            }
        }
    }
}

// The first byte selects the view; the rest is split into pages at NUL.
fuzz_target!(|bytes: &[u8]| {
    let Some((how, bytes)) = bytes.split_first() else {
        return;
    };
    let view = View {
        bare: how & 4 != 0,
        descriptors_only: how & 8 != 0,
        cursor: (how & 32 != 0).then_some("abc"),
        ..View::new(Format::ALL[usize::from(how & 3)], &TEMPLATES)
    };
    let pages: Vec<_> = bytes
        .split(|byte| *byte == 0)
        .map(Bytes::copy_from_slice)
        .collect();
    let part = Title::part(&FILE, "contacted_domains");
    many(&pages, &part, how & 16 != 0, view);
    platforms(&pages, &Title::report(&FILE), view);
    let subject = Title::report(&FILE);
    shows(view, |view| report(bytes, &subject, view), is_inert);
    one(bytes, &Title::other("analysis", "x"), view);
    one(bytes, &part, view);
    words(bytes);
    links(bytes, usize::from(*how) + 1);
});
