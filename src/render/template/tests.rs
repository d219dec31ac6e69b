//! Templates that load, and mistakes that stop the start.

use rstest::rstest;
use serde_json::json;

use super::*;

/// A temporary directory with these files, removed when dropped.
struct Directory(PathBuf);

impl Directory {
    fn with(files: &[(&str, &str)]) -> Self {
        let name = format!(
            "vt4ai-templates-{}-{:x}",
            std::process::id(),
            fastrand::u64(..)
        );
        let path = std::env::temp_dir().join(name);
        for (file, text) in files {
            let file = path.join(file);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        }
        Self(path)
    }

    fn load(&self) -> Result<Templates, Vec<TemplateError>> {
        Templates::load(Some(&self.0))
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

const SMALL: &str =
    r#"{"name": "small", "object": "file", "description": "d", "exclude_fields": ["a.*"]}"#;

fn default_of(templates: &Templates, kind: Kind) -> Vec<&str> {
    templates
        .of(kind)
        .filter(|template| template.default)
        .map(|template| &*template.name)
        .collect()
}

#[test]
fn built_in_templates_have_the_names_and_exclusions_of_the_original() {
    let templates = Templates::load(None).unwrap();
    let engines = |fields: &[&str]| {
        fields
            .iter()
            .map(|field| format!("last_analysis_results.*.{field}"))
            .collect::<Vec<_>>()
    };
    let ported = [
        (
            "vt4ai_file_basics",
            "downloadable md5 sha1 links creation_date last_modification_date last_submission_date",
            engines(&[
                "category",
                "engine_update",
                "engine_version",
                "engine_name",
                "method",
            ]),
        ),
        (
            "vt4ai_url_basics",
            "favicon html_meta last_http_response_content_length last_http_response_content_sha256 \
             reputation trackers.*.id trackers.*.timestamp url",
            engines(&["category", "engine_name", "method"]),
        ),
        (
            "vt4ai_domain_basics",
            "creation_date jarm favicon last_update_date reputation",
            engines(&["category", "engine_name", "engine_version", "method"]),
        ),
        (
            "vt4ai_ip_basics",
            "jarm network reputation asn last_https_certificate.cert_signature \
             last_https_certificate.extensions",
            engines(&["category", "engine_name", "method"]),
        ),
    ];
    for (kind, (name, fields, engines)) in Kind::ALL.into_iter().zip(ported) {
        assert_eq!(default_of(&templates, kind), [name]);
        let fields: Vec<_> = fields
            .split(' ')
            .map(str::to_owned)
            .chain(engines)
            .collect();
        assert_eq!(templates.named(name).unwrap().exclude_fields, fields);
    }
}

#[test]
fn a_directory_adds_templates() {
    let directory = Directory::with(&[
        ("deep/small.json", SMALL),
        ("notes.txt", "x"),
        (".hidden/x.json", "x"),
    ]);
    let templates = directory.load().unwrap();
    assert_eq!(templates.named("small").unwrap().object, Kind::File);
    assert_eq!(default_of(&templates, Kind::File), ["vt4ai_file_basics"]);
    let names = templates.choose(&[Kind::Ip], "small").unwrap_err();
    assert_eq!(
        names.to_string(),
        "no such template; there is: vt4ai_ip_basics"
    );
}

#[test]
fn a_directory_can_replace_a_default() {
    let text = SMALL.replace(r#""description""#, r#""default": true, "description""#);
    let templates = Directory::with(&[("small.json", &text)]).load().unwrap();
    assert_eq!(default_of(&templates, Kind::File), ["small"]);
    assert!(templates.named("vt4ai_file_basics").is_some());
}

#[rstest]
#[case("{", "is not a template")]
#[case(
    r#"{"name": "x", "object": "email", "exclude_fields": []}"#,
    "unknown variant `email`"
)]
#[case(
    r#"{"name": "x", "object": "file", "exclude_field": []}"#,
    "unknown field `exclude_field`"
)]
#[case(
    r#"{"name": "x", "object": "file"}"#,
    "has neither `include_fields` nor `exclude_fields`"
)]
#[case(
    r#"{"name": "x y", "object": "file", "exclude_fields": []}"#,
    "a name is 1 to 64 letters"
)]
#[case(
    r#"{"name": "x", "object": "file", "exclude_fields": ["a..b"]}"#,
    "an empty part in pattern: `a..b`"
)]
#[case(
    r#"{"name": "vt4ai_ip_basics", "object": "ip", "exclude_fields": []}"#,
    "another template has the name"
)]
fn a_template_that_cannot_be_used_is_named(#[case] text: &str, #[case] fault: &str) {
    let mistakes = Directory::with(&[("bad.json", text), ("good.json", SMALL)])
        .load()
        .unwrap_err();
    let [mistake] = mistakes.as_slice() else {
        panic!("{mistakes:?}")
    };
    let mistake = mistake.to_string();
    assert!(
        mistake.contains("bad.json") && mistake.contains(fault),
        "{mistake}"
    );
}

#[test]
fn every_mistake_is_reported_and_two_defaults_are_one() {
    let first = SMALL.replace(r#""description""#, r#""default": true, "description""#);
    let second = first.replace("small", "other");
    let mistakes = Directory::with(&[("1.json", &first), ("2.json", &second), ("3.json", "[")])
        .load()
        .unwrap_err();
    let mistakes: Vec<_> = mistakes.iter().map(ToString::to_string).collect();
    assert_eq!(mistakes.len(), 2, "{mistakes:?}");
    assert!(
        mistakes[0].contains("2.json") && mistakes[0].contains("already the default"),
        "{mistakes:?}"
    );
}

#[test]
fn a_missing_directory_is_a_mistake() {
    assert_eq!(
        Templates::load(Some(Path::new("/nowhere/at/all")))
            .unwrap_err()
            .len(),
        1
    );
}

#[test]
fn a_template_is_shown_as_written() {
    let templates = Directory::with(&[("small.json", SMALL)]).load().unwrap();
    let shown = serde_json::to_value(templates.named("small").unwrap()).unwrap();
    let given = json!({"name": "small", "object": "file", "description": "d", "default": false, "exclude_fields": ["a.*"]});
    assert_eq!(shown, given);
}
