//! Scans of URLs and rescans of objects, and the progress of their analyses.

use super::*;

/// Returns the id of the analysis that a POST started.
async fn begin(site: &Site, path: &str, body: &str) -> String {
    let answer = site.post(path, body.to_owned()).await;
    assert_eq!(answer["data"]["type"], "analysis");
    let link = answer["data"]["links"]["self"].as_str().unwrap();
    link.strip_prefix("https://www.virustotal.com/api/v3")
        .unwrap()
        .to_owned()
}

#[tokio::test]
async fn a_url_is_known_once_it_was_sent() {
    let site = Site::new();
    let url = "http://New.example/a b?x=1&y=ö";
    let body: String = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("url", url)
        .finish();
    let by_url = format!("/urls/{}", URL_SAFE_NO_PAD.encode(url));
    assert_eq!(site.get_as(KEY, &by_url).await.0, 404);
    let analysis = begin(&site, "/urls", &body).await;
    let object = site.get(&by_url).await["data"].clone();
    let id = object["id"].as_str().unwrap();
    assert!(
        analysis.starts_with(&format!("/analyses/u-{id}-")),
        "{analysis}"
    );
    assert_eq!(
        object["attributes"]["url"],
        "http://new.example/a%20b?x=1&y=%C3%B6"
    );
    assert_eq!(object["attributes"]["last_analysis_stats"]["harmless"], 12);
    assert_eq!(site.get(&format!("/urls/{id}")).await["data"], object);
    begin(&site, "/urls", &body).await;
    let again = site.get(&by_url).await;
    assert_eq!(again["data"]["attributes"]["times_submitted"], 2);
    let known = begin(&site, "/urls", "url=https://example.com").await;
    let safe = "0f115db062b7c0dd030b16878c99dea5c354b49dc37b38eb8846179c7783e9d7";
    assert!(
        known.starts_with(&format!("/analyses/u-{safe}-")),
        "{known}"
    );
}

#[tokio::test]
async fn an_invalid_url_is_rejected() {
    let site = Site::new();
    for (body, expected) in [
        ("", "BadRequestError"),
        ("url=", "BadRequestError"),
        ("link=https://example.com/", "BadRequestError"),
        ("url=example.com", "InvalidArgumentError"),
        ("url=ftp://example.com/", "InvalidArgumentError"),
    ] {
        let (status, answer) = site.post_as(KEY, "/urls", body).await;
        assert_eq!((status, code(&answer)), (400, expected), "{body}");
    }
    let long = format!("url=http://x.example/{}", "a".repeat(70_000));
    assert_eq!(site.post_as(KEY, "/urls", long).await.0, 400);
    assert_eq!(site.post_as("wrong-key", "/urls", "").await.0, 401);
}

#[tokio::test]
async fn an_analysis_is_complete_at_the_third_reading() {
    let site = Site::new();
    let paths = [
        format!("/files/{}", EICAR.to_ascii_uppercase()),
        "/urls/aHR0cHM6Ly9leGFtcGxlLmNvbS8".to_owned(),
        "/domains/example.com".to_owned(),
        "/ip_addresses/8.8.8.8".to_owned(),
    ];
    for path in paths {
        let analysis = begin(&site, &format!("{path}/analyse"), "").await;
        let another = begin(&site, &format!("{path}/analyse"), "").await;
        assert_ne!(analysis, another);
        let object = site.get(&path).await["data"].clone();
        for status in ["queued", "in-progress", "completed", "completed"] {
            let answer = site.get(&analysis).await;
            let data = &answer["data"];
            let link = format!("https://www.virustotal.com/api/v3{analysis}");
            assert_eq!(
                (&data["type"], &data["links"]["self"]),
                (&"analysis".into(), &link.into())
            );
            assert_eq!(data["links"]["item"], object["links"]["self"]);
            assert_eq!(data["attributes"]["status"], status, "{path}");
            let is_done = status == "completed";
            let of_object = &object["attributes"]["last_analysis_results"];
            assert_eq!(data["attributes"]["results"] == *of_object, is_done);
            let counts = data["attributes"]["stats"].as_object().unwrap().values();
            assert_eq!(counts.into_iter().any(|it| *it != 0), is_done);
            match &*path {
                "/urls/aHR0cHM6Ly9leGFtcGxlLmNvbS8" => {
                    assert_eq!(answer["meta"]["url_info"]["id"], object["id"]);
                    assert_eq!(answer["meta"]["url_info"]["url"], "https://example.com/");
                }
                path if path.starts_with("/files") => {
                    assert_eq!(answer["meta"]["file_info"]["sha256"], EICAR);
                    assert_eq!(answer["meta"]["file_info"]["size"], 68);
                }
                _ => assert!(answer.get("meta").is_none()),
            }
        }
        assert_eq!(
            site.get(&another).await["data"]["attributes"]["status"],
            "queued"
        );
    }
}

#[tokio::test]
async fn a_submitted_object_has_a_date_once_it_is_analysed() {
    let site = Site::new();
    let analysis = begin(&site, "/urls", "url=http://new.example/").await;
    let path = format!("/urls/{}", URL_SAFE_NO_PAD.encode("http://new.example/"));
    for is_dated in [false, false, true] {
        site.get(&analysis).await;
        let attributes = &site.get(&path).await["data"]["attributes"];
        assert_eq!(attributes["last_analysis_date"].is_u64(), is_dated);
    }
}

#[tokio::test]
async fn only_existing_objects_are_analysed() {
    let site = Site::new();
    for path in [
        "/files/0000/analyse",
        "/urls/aHR0cDovL3gvCg/analyse",
        "/domains/nowhere.test/analyse",
        "/ip_addresses/192.0.2.1/analyse",
        "/houses/1/analyse",
    ] {
        let (status, answer) = site.post_as(KEY, path, "").await;
        assert_eq!((status, code(&answer)), (404, "NotFoundError"), "{path}");
    }
    let (status, answer) = site.get_as(KEY, "/analyses/Zm9v%3D").await;
    assert_eq!((status, code(&answer)), (404, "NotFoundError"));
    assert_eq!(answer["error"]["message"], "Analysis \"Zm9v=\" not found");
    let comment = format!("/comments/f-{EICAR}-fa20482d/analyse");
    assert_eq!(site.post_as(KEY, &comment, "").await.0, 405);
}
