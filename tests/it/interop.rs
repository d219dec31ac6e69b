//! Tests of the formats of SOC platforms: ECS, STIX and MISP (`docs/formats.md`).
//!
//! `.ci/formats` checks the documents themselves by the platforms' own libraries.

use std::collections::HashSet;

use rstest::rstest;
use serde_json::{Value, json};

use crate::{
    cache::keeping,
    harness::{EICAR, Gateway, KEY, Reply, Upstream, file, send},
};

const FORMATS: [&str; 3] = ["ecs", "stix", "misp"];
const LOOKUP: &str = "/api/v1/lookup";
const STIX: &str = "application/stix+json;version=2.1";

/// Texts of a job: two known indicators, one of them twice, an unknown and a private one, and none.
const GIVEN: [&str; 6] = [
    "44d88612fea8a8f36de82e1278abb02f",
    "bank-secure[.]example",
    "bank-secure.example",
    "0000000000000000000000000000000000000000",
    "10.0.0.1",
    "hello world",
];

async fn demo() -> (Upstream, Gateway) {
    let upstream = Upstream::demo().await;
    let gateway = keeping(&upstream, &[]).await;
    (upstream, gateway)
}

/// Posts texts and accepts this type.
async fn post(gateway: &Gateway, accept: &str, query: &str, given: &[&str]) -> Reply {
    let request = gateway.post(&format!("{LOOKUP}{query}"));
    let request = request
        .header("content-type", "application/json")
        .header("accept", accept);
    send(request.body(json!({"indicators": given}).to_string())).await
}

fn lines(reply: &Reply) -> Vec<Value> {
    assert_eq!(reply.status, 200, "{}", reply.text());
    let lines = reply.text().lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[tokio::test]
async fn a_report_is_one_lookup_in_all_formats() {
    let (upstream, gateway) = demo().await;
    for _ in 0..2 {
        let ecs = gateway.get(&format!("{}?format=ECS", file(EICAR))).await;
        assert_eq!(ecs.json()["format"], "ecs");
        let indicator = &ecs.data()["threat"]["indicator"];
        assert_eq!(
            indicator["file"]["hash"]["md5"],
            "44d88612fea8a8f36de82e1278abb02f"
        );
        assert_eq!(indicator["confidence"], "High");

        let stix = gateway.get(&format!("{}?format=stix", file(EICAR))).await;
        let objects = stix.data()["objects"].clone();
        // That is the id of the file in every other producer's bundle.
        assert_eq!(
            objects[1]["id"],
            "file--5a0c55a1-48a3-5003-9776-42946d1054cb"
        );
        assert_eq!(stix.header("content-type"), Some("application/json"));

        let misp = gateway.get(&format!("{}?format=misp", file(EICAR))).await;
        let objects = misp.data()["Object"].clone();
        assert_eq!(objects[0]["name"], "file");
        assert_eq!(objects[1]["name"], "virustotal-report");
        assert_eq!(
            objects[0]["ObjectReference"][0]["referenced_uuid"],
            objects[1]["uuid"]
        );
    }
    assert_eq!(upstream.count(), 1);
}

#[tokio::test]
async fn stix_is_the_whole_body_where_its_media_type_is_accepted() {
    let (_upstream, gateway) = demo().await;
    let accepting = async |accept: &str| {
        let headers = [("x-api-key", KEY), ("accept", accept)];
        gateway.get_with(&file(EICAR), &headers).await
    };
    let reply = accepting(STIX).await;
    assert_eq!(reply.header("content-type"), Some(STIX));
    assert_eq!(reply.json()["type"], "bundle");
    let enveloped = gateway.get(&format!("{}?format=stix", file(EICAR))).await;
    assert_eq!(enveloped.data(), reply.json());
    assert_eq!(accepting("application/stix+json").await.body, reply.body);
    for other in ["application/stix+json;version=2.0", "application/json"] {
        let reply = accepting(other).await;
        assert_eq!(reply.json()["format"], "json", "{other}");
    }
    let etag = reply.header("etag").unwrap();
    let headers = [
        ("x-api-key", KEY),
        ("accept", STIX),
        ("if-none-match", etag),
    ];
    let reply = gateway.get_with(&file(EICAR), &headers).await;
    assert_eq!(reply.status, 304);
}

#[tokio::test]
async fn any_indicator_and_lists_have_the_formats_as_well() {
    let (_upstream, gateway) = demo().await;
    for format in FORMATS {
        let path = format!("{LOOKUP}?indicator=203.0.113.7&format={format}");
        let reply = gateway.get(&path).await;
        assert_eq!(reply.json()["meta"]["indicator"]["type"], "ip_address");
        assert!(reply.data().to_string().contains("203.0.113.7"), "{format}");
    }
    let list = "/api/v1/domains/bank-secure.example/relationships/subdomains";
    let ids = gateway.get(list).await.data().as_array().unwrap().len();
    let documents = gateway.get(&format!("{list}?format=ecs")).await.data();
    assert_eq!(documents.as_array().unwrap().len(), ids);
    let bundle = gateway.get(&format!("{list}?format=stix")).await.data();
    let names = bundle["objects"].as_array().unwrap().iter();
    assert_eq!(names.filter(|it| it["type"] == "domain-name").count(), ids);
}

#[tokio::test]
async fn objects_that_are_no_indicators_are_left_out_of_lists() {
    let (_upstream, gateway) = demo().await;
    let list = format!("{}/relationships/comments", file(EICAR));
    assert_eq!(gateway.get(&list).await.status, 200);
    for format in FORMATS {
        let reply = gateway.get(&format!("{list}?format={format}")).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        assert_eq!(reply.json()["meta"]["shown"], 0, "{}", reply.text());
    }
}

#[rstest]
#[case("max_tokens=500")]
#[case("fields=names")]
#[case("view=full")]
#[case("view=standard")]
#[case("template_name=default_file")]
#[case("untrusted=mark")]
#[case("defang=true")]
#[tokio::test]
async fn a_parameter_without_a_meaning_here_is_refused(#[case] parameter: &str) {
    let (upstream, gateway) = demo().await;
    let (name, _) = parameter.split_once('=').unwrap();
    for format in FORMATS {
        let path = format!("{}?format={format}&{parameter}", file(EICAR));
        let reply = gateway.get(&path).await;
        assert_eq!(reply.status, 400, "{}", reply.text());
        assert!(reply.detail().contains(&format!("`format={format}`")));
        assert!(reply.detail().contains(name), "{}", reply.text());
    }
    assert_eq!(upstream.count(), 0);
}

#[tokio::test]
async fn what_is_no_report_has_none_of_the_formats() {
    let (_upstream, gateway) = demo().await;
    let path = format!("{}/behaviour_summary", file(EICAR));
    let reply = gateway.get(&format!("{path}?format=stix")).await;
    assert_eq!(reply.status, 400, "{}", reply.text());
    let headers = [("x-api-key", KEY), ("accept", STIX)];
    let reply = gateway.get_with(&path, &headers).await;
    assert_eq!(reply.header("content-type"), Some("application/json"));
    assert_eq!(reply.json()["format"], "json");
}

#[tokio::test]
async fn each_row_of_a_job_is_a_document_on_a_line() {
    let (upstream, gateway) = demo().await;
    for format in FORMATS {
        let query = format!("?format={format}");
        let reply = post(&gateway, "*/*", &query, &GIVEN).await;
        assert_eq!(reply.header("content-type"), Some("application/x-ndjson"));
        let documents = lines(&reply);
        assert_eq!(documents.len(), GIVEN.len(), "{}", reply.text());
        for document in &documents {
            let is_document = match format {
                "ecs" => document["ecs"]["version"].is_string(),
                "stix" => document["type"] == "bundle",
                _ => document["Object"].is_array(),
            };
            assert!(is_document, "{document}");
        }
    }
    // The unknown file is asked for once, too.
    assert_eq!(upstream.count(), 3);
    let documents = lines(&post(&gateway, "*/*", "?format=ecs", &GIVEN).await);
    let messages: HashSet<_> = documents
        .iter()
        .map(|it| it["message"].as_str().unwrap().split(':').next().unwrap())
        .collect();
    assert_eq!(messages, ["malicious", "unknown", "lookup failed"].into());
}

#[tokio::test]
async fn each_document_says_which_row_it_is_of() {
    let (_upstream, gateway) = demo().await;
    let expected: HashSet<_> = (1..).zip(GIVEN.map(str::to_owned)).collect();
    for query in [
        "?format=ecs",
        "?format=misp",
        "?format=ecs&max_units=1",
        "?format=misp&max_units=0",
    ] {
        let documents = lines(&post(&gateway, "*/*", query, &GIVEN).await);
        let mut rows = HashSet::new();
        for document in &documents {
            let (number, given) = if query.contains("ecs") {
                let event = &document["event"];
                (&event["sequence"], &event["original"])
            } else {
                (&document["row"], &document["given"])
            };
            rows.insert((number.as_u64().unwrap(), given.as_str().unwrap().to_owned()));
        }
        assert_eq!(rows, expected, "{query}");
    }
    let whole = post(&gateway, "application/json", "?format=ecs", &GIVEN).await;
    for document in whole.data().as_array().unwrap() {
        assert!(document["event"]["sequence"].is_u64(), "{document}");
    }
}

#[tokio::test]
async fn rows_that_remain_have_documents_that_say_so() {
    let (upstream, gateway) = demo().await;
    let given = ["203.0.113.7", "bank-secure.example"];
    let reply = post(&gateway, "*/*", "?format=ecs&max_units=1", &given).await;
    let documents = lines(&reply);
    assert_eq!(upstream.count(), 1);
    assert_eq!(documents.len(), 2);
    assert_eq!(documents[0]["event"]["outcome"], "success");
    assert_eq!(documents[1]["event"]["outcome"], "failure");
    assert_eq!(documents[1]["error"]["code"], "max_units");
    let indicator = &documents[1]["threat"]["indicator"];
    assert_eq!(indicator["url"]["domain"], "bank-secure.example");
}

#[tokio::test]
async fn a_whole_job_is_one_document_without_repeated_objects() {
    let (_upstream, gateway) = demo().await;
    for format in FORMATS {
        let query = format!("?format={format}");
        let reply = post(&gateway, "application/json", &query, &GIVEN).await;
        let answer = reply.json();
        assert_eq!(answer["format"], format);
        assert_eq!(answer["meta"]["summary"]["rows"], GIVEN.len());
        assert_eq!(answer["meta"]["errors"][0]["given"], "hello world");
        assert_eq!(answer["meta"]["errors"][0]["row"], 6);
        let objects = match format {
            "ecs" => &answer["data"],
            "stix" => &answer["data"]["objects"],
            _ => &answer["data"]["Object"],
        };
        let objects = objects.as_array().unwrap();
        let key = if format == "stix" { "id" } else { "uuid" };
        let ids: HashSet<_> = objects.iter().map(|it| it[key].to_string()).collect();
        let is_each_new = format == "ecs" || ids.len() == objects.len();
        assert!(is_each_new, "{answer}");
        if format == "ecs" {
            assert_eq!(objects.len(), GIVEN.len());
        }
    }
    let reply = post(&gateway, STIX, "", &GIVEN).await;
    assert_eq!(reply.header("content-type"), Some(STIX));
    assert_eq!(reply.json()["type"], "bundle");
}

#[rstest]
#[case("text/csv", "?format=ecs")]
#[case("text/markdown", "?format=stix")]
#[case(STIX, "?format=misp")]
#[case("*/*", "?format=ecs&max_tokens=500")]
#[case("*/*", "?format=stix&view=full")]
#[case("*/*", "?format=xml")]
#[case(STIX, "?max_tokens=500")]
#[tokio::test]
async fn a_job_that_contradicts_itself_costs_nothing(#[case] accept: &str, #[case] query: &str) {
    let (upstream, gateway) = demo().await;
    let reply = post(&gateway, accept, query, &GIVEN).await;
    assert_eq!(reply.status, 400, "{}", reply.text());
    assert_eq!(upstream.count(), 0);
}

#[tokio::test]
async fn the_format_may_stand_in_the_body() {
    let (_upstream, gateway) = demo().await;
    let request = gateway
        .post(LOOKUP)
        .header("content-type", "application/json");
    let body = json!({"indicators": ["203.0.113.7"], "format": "ecs"});
    let documents = lines(&send(request.body(body.to_string())).await);
    assert_eq!(documents[0]["threat"]["indicator"]["ip"], "203.0.113.7");
}
