//! VirusTotal's answers, any bytes of them, read in every way that a caller can ask for.

#![no_main]

use std::sync::LazyLock;

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use vt4ai::{
    answer::{
        Answer, MalformedAnswer, Subject, View, extent, id, is_completed, list, object, report,
    },
    format::Format,
    indicator::Indicator,
    template::Templates,
};
use vt4ai_fuzz::{is_json, is_printable, is_xml};

static TEMPLATES: LazyLock<Templates> = LazyLock::new(|| Templates::load(None).unwrap());

static FILE: LazyLock<Indicator> =
    LazyLock::new(|| Indicator::file("44d88612fea8a8f36de82e1278abb02f").unwrap());

fn is_sound(answer: Result<Answer, MalformedAnswer>, view: &View<'_>) {
    let Ok(Answer { body, .. }) = answer else {
        return;
    };
    match (view.bare, view.format) {
        (true, Format::Markdown) => is_printable(str::from_utf8(&body).unwrap()),
        (true, Format::Xml) => is_xml(str::from_utf8(&body).unwrap()),
        _ => is_json(&body),
    }
}

// The first byte says how the rest is looked at, and where it is cut into pages.
fuzz_target!(|bytes: &[u8]| {
    let Some((how, bytes)) = bytes.split_first() else {
        return;
    };
    let view = View {
        format: Format::ALL[usize::from(how & 3)],
        bare: how & 4 != 0,
        template: None,
        templates: &TEMPLATES,
        descriptors_only: how & 8 != 0,
    };
    let pages: Vec<_> = bytes
        .split(|byte| *byte == 0)
        .map(Bytes::copy_from_slice)
        .collect();
    let part = Subject::part(&FILE, "contacted_domains");
    is_sound(
        list(
            &pages,
            &part,
            Some("quota").filter(|_| how & 16 != 0),
            &view,
        ),
        &view,
    );
    is_sound(report(bytes, &Subject::report(&FILE), &view), &view);
    is_sound(
        object(bytes, &Subject::other("analysis", "x"), &view),
        &view,
    );
    is_sound(object(bytes, &part, &view), &view);
    for page in &pages {
        let _ = extent(page);
    }
    assert!(id(bytes).is_ok_and(|id| !id.is_empty()) || id(bytes).is_err());
    let _ = is_completed(bytes);
});
