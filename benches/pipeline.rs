//! Measures the time of rendering VirusTotal's bytes in each format.
//!
//! The baseline does the same without a streaming filter: it parses into a tree, prunes and prints.
//! Run it with `cargo bench`.

#![expect(
    clippy::expect_used,
    reason = "a benchmark can't continue without its input"
)]

use std::{fmt::Write as _, hint::black_box};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use serde::Serialize as _;
use serde_json::{Map, Value, json, ser::PrettyFormatter};
use vt4ai::{
    indicator::Indicator,
    render::{
        self, Detail, Title, View,
        format::Format,
        template::{Template, Templates},
        untrusted::Untrusted,
    },
};

/// Creates a file report of about 100 KB, formatted as by VirusTotal.
fn report() -> Vec<u8> {
    let engines = (0..75).map(|engine| {
        let result = (engine % 3 != 0).then(|| format!("Trojan.Win32.Agent.{engine:04x}!gen"));
        let verdict = json!({
            "method": "blacklist", "engine_name": format!("Engine {engine}"), "engine_version": format!("1.{engine}.20260101"),
            "engine_update": "20260301", "category": if result.is_some() { "malicious" } else { "undetected" }, "result": result,
        });
        (format!("Engine {engine}"), verdict)
    });
    let imports = (0..35).map(|library| {
        let functions: Vec<_> = (0..30)
            .map(|function| format!("ImportedFunction{library}x{function}W"))
            .collect();
        json!({"library_name": format!("LIB{library}.dll"), "imported_functions": functions})
    });
    let names: Vec<_> = (0..60)
        .map(|name| format!("C:\\Users\\Пользователь\\sample_{name}\t.exe"))
        .collect();
    let mut description = String::new();
    for line in 0..80 {
        let _ = writeln!(
            description,
            "{line}: a line of \"text\" as rules and WHOIS records have it"
        );
    }
    let data = json!({"data": {
        "id": "a".repeat(64), "type": "file", "links": {"self": "https://www.virustotal.com/api/v3/files/x"},
        "attributes": {
            "md5": "0", "sha1": "1", "sha256": "a".repeat(64), "names": names, "size": 123_456, "reputation": -42,
            "creation_date": 1_700_000_000, "last_analysis_results": engines.collect::<Map<_, _>>(),
            "pe_info": {"import_list": imports.collect::<Vec<_>>(), "entropy": 7.123_456_789_012_3},
            "last_analysis_date": 1_795_000_000, "first_submission_date": 1_700_000_000,
            "last_analysis_stats": {"malicious": 50, "suspicious": 0, "undetected": 25, "harmless": 0},
            "popular_threat_classification": {"suggested_threat_label": "trojan.agent/gen"},
            "type_description": "Win32 EXE", "meaningful_name": "sample.exe",
            "description": description, "downloadable": true,
        },
    }});
    let mut bytes = Vec::new();
    let mut writer =
        serde_json::Serializer::with_formatter(&mut bytes, PrettyFormatter::with_indent(b"    "));
    data.serialize(&mut writer).expect("a value can be written");
    bytes
}

/// Renders JSON the naive way.
fn parse_prune_print(bytes: &[u8], patterns: &[Vec<&str>]) -> Vec<u8> {
    let mut tree: Value = serde_json::from_slice(bytes).expect("it is JSON");
    let mut attributes = tree["data"]["attributes"].take();
    for pattern in patterns {
        prune(&mut attributes, pattern);
    }
    serde_json::to_vec(&json!({"data": attributes, "format": "json"}))
        .expect("a value can be written")
}

fn prune(value: &mut Value, pattern: &[&str]) {
    match (value, pattern) {
        (Value::Object(map), [last]) => drop(map.shift_remove(*last)),
        (Value::Object(map), ["*", rest @ ..]) => {
            map.values_mut().for_each(|value| prune(value, rest));
        }
        (Value::Object(map), [part, rest @ ..]) => {
            if let Some(value) = map.get_mut(*part) {
                prune(value, rest);
            }
        }
        _ => {}
    }
}

fn pipeline(criterion: &mut Criterion) {
    let bytes = report();
    let templates = Templates::load(None).expect("the shipped templates are valid");
    let template: &Template = templates.named("vt4ai_file_basics").expect("it is shipped");
    let patterns: Vec<Vec<&str>> = template
        .exclude_fields
        .iter()
        .map(|pattern| pattern.split('.').collect())
        .collect();
    let indicator = Indicator::file(&"a".repeat(64)).expect("a hash");
    let view = |format| View {
        bare: true,
        ..View::new(format, &templates)
    };
    let title = Title::report(&indicator);
    let stream = render::report(&bytes, &title, &view(Format::Json)).expect("a report");
    let naive = parse_prune_print(&bytes, &patterns);
    assert!(
        // The naive way counts no texts from strangers.
        stream.body.starts_with(&naive[..naive.len() - 1]),
        "both results are equal"
    );

    let mut group = criterion.benchmark_group(format!("report of {} KB", bytes.len() / 1000));
    group.throughput(Throughput::Bytes(bytes.len() as u64));
    group.bench_function("baseline: parse, prune, print", |bench| {
        bench.iter(|| parse_prune_print(black_box(&bytes), &patterns));
    });
    for format in Format::ALL {
        group.bench_function(format.name(), |bench| {
            bench.iter(|| render::report(black_box(&bytes), &title, &view(format)));
        });
    }
    for format in [Format::Json, Format::Markdown, Format::Xml] {
        let brief = View {
            detail: Detail::Brief,
            untrusted: Untrusted::Withhold,
            ..view(format)
        };
        group.bench_function(format!("brief {}", format.name()), |bench| {
            bench.iter(|| render::report(black_box(&bytes), &title, &brief));
        });
        for max_tokens in [500, 2000, 8000] {
            let within = View {
                max_tokens: Some(max_tokens),
                ..view(format)
            };
            let name = format!("{} of {max_tokens} tokens", format.name());
            group.bench_function(name, |bench| {
                bench.iter(|| render::report(black_box(&bytes), &title, &within));
            });
        }
    }
    group.finish();
}

criterion_group!(benches, pipeline);
criterion_main!(benches);
