//! Responses to requests that no route takes: the nearest path of a 404, the methods of a 405.

use std::{collections::BTreeMap, sync::Arc};

use axum::http::{Method, Uri};
use utoipa::openapi::{OpenApi, path::PathItem};

use crate::{http::error::ApiError, render::spelling, virustotal::relationships};

/// The prefixes of the paths of this API, of VirusTotal's and of the API before that.
const PREFIXES: [&str; 5] = ["api", "vtapi", "v1", "v2", "v3"];

/// Names of segments at VirusTotal or in common usage, each with the gateway's own.
const SEGMENTS: [(&str, &str); 13] = [
    ("ip_addresses", "ips"),
    ("ip-addresses", "ips"),
    ("ip_address", "ips"),
    ("ip-address", "ips"),
    ("ip", "ips"),
    ("analyze", "analyse"),
    ("reanalyze", "analyse"),
    ("rescan", "analyse"),
    ("behavior", "behaviour_summary"),
    ("behaviour", "behaviour_summary"),
    ("attack_techniques", "behaviour_mitre_trees"),
    ("related", "relationships"),
    ("overall_quotas", "quota"),
];

/// Paths of other services, each with its counterpart here.
const PATHS: [(&str, &str); 15] = [
    ("alive", "`GET /livez` or `GET /readyz`"),
    ("health", "`GET /livez` or `GET /readyz`"),
    ("healthcheck", "`GET /livez` or `GET /readyz`"),
    ("healthz", "`GET /livez` or `GET /readyz`"),
    ("ping", "`GET /livez` or `GET /readyz`"),
    ("ready", "`GET /livez` or `GET /readyz`"),
    ("status", "`GET /livez` or `GET /readyz`"),
    ("redoc", "`GET /docs`"),
    ("swagger", "`GET /docs`"),
    ("swagger-ui", "`GET /docs`"),
    ("openapi.yaml", "`GET /openapi.json`"),
    ("swagger.json", "`GET /openapi.json`"),
    ("version", "`GET /`"),
    ("mcp", "`POST /mcp`"),
    ("sse", "`POST /mcp`"),
];

/// The longest path that is suggested with the caller's values; longer ones have placeholders.
const MOST_SHOWN: usize = 200;

/// The routes of a port, taken from their documentation. Clones share them.
#[derive(Clone, Debug)]
pub struct KnownRoutes(Arc<RouteList>);

#[derive(Debug)]
struct RouteList {
    routes: Vec<KnownRoute>,
    /// A sentence that refers to the list of paths, or lists the few there are.
    there_are: String,
}

#[derive(Debug)]
struct KnownRoute {
    /// The path with parameters in braces: `/api/v1/files/{file_hash}`.
    path: String,
    methods: Vec<Method>,
}

/// A route that the caller may have meant.
struct NearPath<'a> {
    route: &'a KnownRoute,
    method: &'a Method,
    /// The segments of the path, with the caller's values in place of parameters.
    segments: Vec<&'a str>,
    /// The distance from the requested path.
    distance: usize,
}

impl KnownRoutes {
    /// Reads the routes from the documents that describe them.
    pub fn of(documents: &[&OpenApi]) -> Self {
        let mut paths = BTreeMap::new();
        for document in documents {
            paths.extend(&document.paths.paths);
        }
        let there_are = if paths.contains_key(&"/".to_owned()) {
            "`/docs` lists those there are".to_owned()
        } else {
            // The admin port has no documentation.
            let paths: Vec<_> = paths.keys().map(|path| path.as_str()).collect();
            format!("there are `{}`", paths.join("`, `"))
        };
        let mut routes = Vec::new();
        for (path, item) in paths {
            routes.push(KnownRoute::new(path, item));
        }
        Self(Arc::new(RouteList { routes, there_are }))
    }

    /// Returns the 404 of an unknown path, with the nearest route.
    pub fn not_found(&self, method: &Method, uri: &Uri) -> ApiError {
        let there_are = &self.0.there_are;
        ApiError::not_found(match self.suggest(method, uri.path()) {
            Some(near) => format!("no such path; did you mean {near}? {there_are}"),
            None => format!("no such path; {there_are}"),
        })
    }

    /// Returns the 405 of a route, with the methods it takes.
    pub fn method_not_allowed(&self, path: Option<&str>) -> ApiError {
        let mut methods = Vec::new();
        for route in &self.0.routes {
            if Some(route.path.as_str()) == path {
                methods.extend(route.methods.iter().map(Method::as_str));
            }
        }
        // A route for GET takes HEAD, too. GET comes first.
        if methods.first() == Some(&"GET") {
            methods.insert(1, "HEAD");
        }
        ApiError::method_not_allowed(&methods)
    }

    fn suggest(&self, method: &Method, path: &str) -> Option<String> {
        let given = segments_of(path);
        if let [alone] = given[..]
            && let Some(near) = counterpart(alone)
        {
            return Some(near.to_owned());
        }
        let mut nearest: Option<NearPath<'_>> = None;
        for route in &self.0.routes {
            let Some(candidate) = NearPath::of(route, &given, method) else {
                continue;
            };
            match &nearest {
                Some(nearest) if nearest.distance <= candidate.distance => {}
                _ => nearest = Some(candidate),
            }
        }
        Some(nearest?.show())
    }
}

impl KnownRoute {
    fn new(path: &str, item: &PathItem) -> Self {
        let mut methods = Vec::new();
        if item.get.is_some() {
            methods.push(Method::GET);
        }
        if item.post.is_some() {
            methods.push(Method::POST);
        }
        Self {
            path: path.to_owned(),
            methods,
        }
    }
}

impl<'a> NearPath<'a> {
    /// Returns the route with the caller's values in it, if it is close to the path.
    fn of(route: &'a KnownRoute, given: &[&'a str], method: &Method) -> Option<Self> {
        let pattern = segments_of(&route.path);
        let given = with_relationships(given, &pattern);
        if pattern.is_empty() || pattern.len() != given.len() {
            return None;
        }
        let known = route.methods.iter().find(|known| *known == method);
        let mut candidate = Self {
            route,
            method: known.or(route.methods.first())?,
            segments: Vec::new(),
            distance: usize::from(known.is_none()),
        };
        for (wanted, given) in pattern.into_iter().zip(given) {
            candidate.push(wanted, given)?;
        }
        Some(candidate)
    }

    /// Adds a segment of the route, if the given one is near enough.
    ///
    /// A value counts less than a misspelt name, and another method least.
    fn push(&mut self, wanted: &'a str, given: &'a str) -> Option<()> {
        if wanted.starts_with('{') {
            self.segments.push(given);
            self.distance += 2;
        } else {
            self.segments.push(wanted);
            self.distance += 8 * far(wanted, given)?;
        }
        Some(())
    }

    fn show(&self) -> String {
        let is_api = self.route.path.starts_with("/api/v1/");
        let prefix = if is_api { "/api/v1/" } else { "/" };
        let path = format!("{prefix}{}", self.segments.join("/"));
        if path.len() <= MOST_SHOWN && path.bytes().all(is_plain) {
            return format!("`{} {path}`", self.method);
        }
        format!("`{} {}`", self.method, self.route.path)
    }
}

/// Returns whether a byte can stand in a suggested path.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_graphic() && !b"`<>\"".contains(&byte)
}

/// Returns the segments of a path without the prefix of an API.
fn segments_of(path: &str) -> Vec<&str> {
    let segments = path.split('/').filter(|it| !it.is_empty());
    segments.skip_while(|it| PREFIXES.contains(it)).collect()
}

/// Returns the counterpart here of another service's path.
fn counterpart(path: &str) -> Option<&'static str> {
    for (other, here) in PATHS {
        if other == path {
            return Some(here);
        }
    }
    None
}

/// Returns the segments with `relationships` inserted before the name of a known one, as the route
/// has it.
fn with_relationships<'a>(given: &[&'a str], pattern: &[&str]) -> Vec<&'a str> {
    match (given, pattern) {
        (&[collection, id, name], [_, _, "relationships", _]) if relationships::is_known(name) => {
            vec![collection, id, "relationships", name]
        }
        _ => given.to_vec(),
    }
}

/// Returns the distance of a segment from the wanted one, if it is near.
fn far(wanted: &str, given: &str) -> Option<usize> {
    let given = given.to_ascii_lowercase();
    if SEGMENTS.contains(&(&given, wanted)) {
        return Some(1);
    }
    let distance = spelling::distance(wanted, &given)?;
    (distance <= wanted.len() / 4 + 1).then_some(distance)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::{http::document, render::template::Templates};

    const ID: &str = "275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f";

    fn suggest(method: &Method, path: &str) -> Option<String> {
        let document = document(&Templates::load(None).unwrap());
        KnownRoutes::of(&[&document]).suggest(method, path)
    }

    #[rstest]
    #[case("/api/v1/files/{}/analyze", "POST /api/v1/files/{}/analyse")]
    #[case(
        "/api/v1/ip_addresses/8.8.8.8/rescan",
        "POST /api/v1/ips/8.8.8.8/analyse"
    )]
    #[case("/api/v3/urls", "POST /api/v1/urls")]
    #[case("/api/v1/url/", "POST /api/v1/urls")]
    #[case("/files", "POST /api/v1/files")]
    #[case("/api/v1/files/{}/vote", "POST /api/v1/files/{}/votes")]
    fn posts_lead_to_the_nearest_route(#[case] path: &str, #[case] near: &str) {
        let near = format!("`{}`", near.replace("{}", ID));
        assert_eq!(suggest(&Method::POST, &path.replace("{}", ID)), Some(near));
    }

    #[rstest]
    #[case("/api/v1/ip_addresses/8.8.8.8", "`GET /api/v1/ips/8.8.8.8`")]
    #[case("/api/v3/ip_addresses/8.8.8.8", "`GET /api/v1/ips/8.8.8.8`")]
    #[case("/api/v3/files/{}", "`GET /api/v1/files/{}`")]
    #[case("/v1/files/{}", "`GET /api/v1/files/{}`")]
    #[case("/files/{}", "`GET /api/v1/files/{}`")]
    #[case("/api/v1/files/{}/", "`GET /api/v1/files/{}`")]
    #[case("//api/v1//files/{}", "`GET /api/v1/files/{}`")]
    #[case("/api/v1/Files/{}", "`GET /api/v1/files/{}`")]
    #[case("/api/v1/domain/a.example", "`GET /api/v1/domains/a.example`")]
    #[case(
        "/api/v1/domains/a.example/resolutions",
        "`GET /api/v1/domains/a.example/relationships/resolutions`"
    )]
    #[case(
        "/api/v3/ip_addresses/8.8.8.8/resolutions",
        "`GET /api/v1/ips/8.8.8.8/relationships/resolutions`"
    )]
    #[case(
        "/api/v1/domains/a.example/relationship/resolutions/",
        "`GET /api/v1/domains/a.example/relationships/resolutions`"
    )]
    #[case(
        "/api/v1/files/{}/behavior_summary",
        "`GET /api/v1/files/{}/behaviour_summary`"
    )]
    #[case(
        "/api/v1/files/{}/behavior_mitre_trees",
        "`GET /api/v1/files/{}/behaviour_mitre_trees`"
    )]
    #[case("/api/v1/files/{}/comment", "`GET /api/v1/files/{}/comments`")]
    #[case("/api/v1/analysis/x", "`GET /api/v1/analyses/x`")]
    #[case("/api/v1/intelligence/serach", "`GET /api/v1/intelligence/search`")]
    #[case("/api/v1/quotas", "`GET /api/v1/quota`")]
    #[case("/api/v1/template", "`GET /templates`")]
    #[case("/api/v1/templates/x", "`GET /templates/x`")]
    #[case("/health", "`GET /livez` or `GET /readyz`")]
    #[case("/api/v1/health", "`GET /livez` or `GET /readyz`")]
    #[case("/healthz/", "`GET /livez` or `GET /readyz`")]
    #[case("/livez/", "`GET /livez`")]
    #[case("/metric", "`GET /metrics`")]
    #[case("/swagger", "`GET /docs`")]
    fn gets_lead_to_the_nearest_route(#[case] path: &str, #[case] near: &str) {
        let near = near.replace("{}", ID);
        assert_eq!(suggest(&Method::GET, &path.replace("{}", ID)), Some(near));
    }

    #[rstest]
    #[case("/")]
    #[case("/nonsense")]
    #[case("/api/v1")]
    #[case("/api/v1/hosts/x")]
    #[case("/api/v1/files/x/y/z/w/v")]
    #[case("/wp-login.php")]
    fn what_is_near_to_nothing_leads_nowhere(#[case] path: &str) {
        assert_eq!(suggest(&Method::GET, path), None);
    }

    #[test]
    fn what_is_long_or_strange_is_not_repeated() {
        let hole = Some("`GET /api/v1/files/{file_hash}`".to_owned());
        let long = format!("/files/{}", "x".repeat(300));
        assert_eq!(suggest(&Method::GET, &long), hole);
        assert_eq!(suggest(&Method::GET, "/files/`<b>`"), hole);
    }
}
