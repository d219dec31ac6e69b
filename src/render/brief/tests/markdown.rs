use serde_json::{Value, json};

use super::{SHA256, brief_of, trojan};
use crate::render::{
    brief::{write_lines, write_table},
    format::sink::DocumentText,
};

fn lines(brief: &Value) -> String {
    let mut out = Vec::new();
    write_lines(
        &mut DocumentText::bare(&mut out, 100_000),
        &brief.to_string(),
    )
    .unwrap();
    String::from_utf8(out).unwrap()
}

fn table(briefs: &[Value]) -> String {
    let briefs: Vec<String> = briefs.iter().map(Value::to_string).collect();
    let mut out = Vec::new();
    write_table(&mut DocumentText::bare(&mut out, 100_000), &briefs, 1).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn lines_show_one_fact_each_and_no_link() {
    let expected = format!(
        "\
indicator: file, {SHA256}
verdict: malicious, 61 of 72 engines
detections: malicious 61, suspicious 1, engines 72, Microsoft Trojan:Win32/Quill.A, Google Detected, Bkav `W32.Quill`, Avira Heur
analysed: 2026-11-19, 7 days
label: `trojan.quill/stealer`
families: quill, stealer
type: Win32 EXE
size: 1843712
first_seen: 2026-09-21
last_seen: 2026-11-18
submissions: 41
signature: Signed, Example Software Ltd
sandboxes: Beta, malicious, families Quill, Stealer; Alpha, harmless
rules: yara 2 (quill_strings, packer), sigma 2 (Shadow Copies Gone, Low One), ids 1 (Quill check-in)
reputation: -87
votes: harmless 1, malicious 23
tags: peexe, signed
untrusted: names \"`Rechnung.pdf.exe`\", \"`a.exe`\", \"`b.exe`\"
"
    );
    assert_eq!(lines(&brief_of("file", SHA256, &trojan()).0), expected);
}

#[test]
fn a_stale_verdict_says_so() {
    let brief = json!({"verdict": {"level": "unknown", "reason": "not found", "stale": true}});
    assert_eq!(lines(&brief), "verdict: unknown, not found, stale\n");
}

#[test]
fn texts_are_inert_in_lines_and_rows() {
    let attributes =
        json!({"text": "# a | b\n<script> [x](http://a.example) `c`", "date": 1_790_000_000});
    let brief = brief_of("comment", "f-1", &attributes).0;
    let shown = lines(&brief);
    assert_eq!(shown.lines().count(), 4);
    assert!(
        shown.ends_with("untrusted: text \"`` # a | b <script> [x](http://a.example) `c` ``\"\n"),
        "{shown}"
    );
    let row = table(&[brief]);
    assert_eq!(row.lines().last().unwrap().matches('|').count(), 4, "{row}");
}

#[test]
fn rows_show_digests_of_files_only() {
    let comment = brief_of(
        "comment",
        &format!("f-{SHA256}-1"),
        &json!({"text": "hello"}),
    )
    .0;
    let url = brief_of(
        "url",
        SHA256,
        &json!({"url": "http://a.example/", "title": "x|y"}),
    )
    .0;
    let file = brief_of("file", SHA256, &trojan()).0;
    let shown = table(&[file, url, comment]);
    assert_eq!(shown.matches(SHA256).count(), 1);
    let expected = format!(
        "\
| # | type | object | verdict | facts |
|---|---|---|---|---|
| 1 | file | {SHA256} | malicious, `61 of 72 engines; label trojan.quill/stealer` | type: Win32 EXE; first_seen: 2026-09-21; reputation: -87; votes: harmless 1, malicious 23; untrusted: names \"`Rechnung.pdf.exe`\" |
| 2 | url | `http://a.example/` | unknown, no engine gave an opinion | untrusted: title \"`x\\u{{7c}}y`\" |
| 3 | comment |  |  | untrusted: text \"hello\" |
"
    );
    assert_eq!(shown, expected);
}

#[test]
fn a_list_of_votes_has_no_column_for_verdicts() {
    let vote = brief_of("vote", "f-1", &json!({"verdict": "harmless", "value": 1})).0;
    let expected =
        "| # | type | facts |\n|---|---|---|\n| 1 | vote | verdict: harmless; value: 1 |\n";
    assert_eq!(table(&[vote]), expected);
}
