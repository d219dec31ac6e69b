//! Responses to requests that no route takes: the nearest path of a 404, the methods of a 405.

use std::sync::Arc;

use axum::http::{Method, Uri};
use utoipa::openapi::{OpenApi, path::PathItem};

use crate::{config::spelling, http::error::ApiError, virustotal::relationships};

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
const PATHS: [(&str, &str); 13] = [
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
struct Candidate<'a> {
    route: &'a KnownRoute,
    method: &'a Method,
    /// The segments of the path, with the caller's values in place of parameters.
    segments: Vec<&'a str>,
    /// The distance from the requested path.
    distance: usize,
}

impl KnownRoutes {
    /// Reads the routes from the document that describes them.
    pub fn of(document: &OpenApi) -> Self {
        let paths = &document.paths.paths;
        let routes = paths.iter().map(|(path, item)| KnownRoute {
            path: path.clone(),
            methods: methods(item),
        });
        let there_are = if paths.contains_key("/") {
            "`/docs` lists those there are".to_owned()
        } else {
            // The admin port has no documentation.
            let paths: Vec<_> = paths.keys().map(String::as_str).collect();
            format!("there are `{}`", paths.join("`, `"))
        };
        Self(Arc::new(RouteList {
            routes: routes.collect(),
            there_are,
        }))
    }

    /// Returns the 404 of an unknown path, with the nearest route.
    pub fn not_found(&self, method: &Method, uri: &Uri) -> ApiError {
        let path = uri.path();
        let there_are = &self.0.there_are;
        ApiError::not_found(match self.suggest(method, path) {
            Some(near) => format!("no such path; did you mean {near}? {there_are}"),
            None => format!("no such path; {there_are}"),
        })
    }

    /// Returns the 405 of a route, with the methods it takes.
    pub fn method_not_allowed(&self, path: Option<&str>) -> ApiError {
        let route = self.0.routes.iter().find(|it| Some(&*it.path) == path);
        let methods = route.map_or(&[][..], |route| &route.methods);
        let mut methods: Vec<_> = methods.iter().map(Method::as_str).collect();
        // A route for GET takes HEAD, too.
        if let Some(get) = methods.iter().position(|it| *it == "GET") {
            methods.insert(get + 1, "HEAD");
        }
        ApiError::method_not_allowed(&methods)
    }

    fn suggest(&self, method: &Method, path: &str) -> Option<String> {
        let given: Vec<_> = path.split('/').filter(|it| !it.is_empty()).collect();
        if let [alone] | [.., alone] = &given[..]
            && given.iter().rev().skip(1).all(|it| PREFIXES.contains(it))
            && let Some((_, near)) = PATHS.iter().find(|(it, _)| it == alone)
        {
            return Some((*near).to_owned());
        }
        let prefixed = given.iter().take_while(|it| PREFIXES.contains(it)).count();
        let below = &given[prefixed..];
        let mut near: Option<Candidate<'_>> = None;
        for route in &self.0.routes {
            let candidate = Candidate::of(route, below, method);
            let is_nearer = |it: &Candidate<'_>| {
                let best = near.as_ref().map_or(usize::MAX, |near| near.distance);
                it.distance < best
            };
            near = candidate.filter(is_nearer).or(near);
        }
        near.map(|near| near.show())
    }
}

impl<'a> Candidate<'a> {
    /// Returns the route with the caller's values in it, if it is close to the path.
    fn of(route: &'a KnownRoute, given: &[&'a str], method: &Method) -> Option<Self> {
        let segments = route.path.split('/').filter(|it| !it.is_empty());
        let pattern: Vec<_> = segments.skip_while(|it| PREFIXES.contains(it)).collect();
        let given = with_relationships(given, &pattern);
        if pattern.is_empty() || pattern.len() != given.len() {
            return None;
        }
        let (mut distance, mut segments) = (0, Vec::new());
        for (wanted, given) in pattern.into_iter().zip(given) {
            let is_parameter = wanted.starts_with('{');
            segments.push(if is_parameter { given } else { wanted });
            distance += if is_parameter {
                1
            } else {
                4 * far(wanted, given)?
            };
        }
        let known = route.methods.iter().find(|known| *known == method);
        let method = known.or(route.methods.first())?;
        Some(Self {
            route,
            method,
            segments,
            distance: 2 * distance + usize::from(known.is_none()),
        })
    }

    fn show(&self) -> String {
        let is_api = self.route.path.starts_with("/api/v1/");
        let prefix = if is_api { "/api/v1/" } else { "/" };
        let path = format!("{prefix}{}", self.segments.join("/"));
        let is_plain = |byte: u8| byte.is_ascii_graphic() && !b"`<>\"".contains(&byte);
        if path.len() <= MOST_SHOWN && path.bytes().all(is_plain) {
            return format!("`{} {path}`", self.method);
        }
        format!("`{} {}`", self.method, self.route.path)
    }
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

fn methods(item: &PathItem) -> Vec<Method> {
    let get = item.get.as_ref().map(|_| Method::GET);
    let post = item.post.as_ref().map(|_| Method::POST);
    get.into_iter().chain(post).collect()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::{http::document, render::template::Templates};

    const ID: &str = "275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f";

    fn suggest(method: &Method, path: &str) -> Option<String> {
        let document = document(&Templates::load(None).unwrap());
        KnownRoutes::of(&document).suggest(method, path)
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
