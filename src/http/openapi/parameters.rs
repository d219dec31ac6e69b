//! The path parameters that name an indicator, one for each kind.

use serde_json::json;
use utoipa::openapi::{
    ObjectBuilder, Required, Schema,
    path::{Parameter, ParameterBuilder, ParameterIn},
    schema::{KnownFormat, OneOfBuilder, SchemaFormat, Type},
};

use crate::indicator::Kind;

/// Groups of base64 for three bytes each, with `l` for a letter in lower case.
///
/// Which letters of base64 stand for a byte depends on its place among the three.
macro_rules! group {
    // A letter's high bits beside those of what comes next.
    (lll) => {
        concat!(
            "((Y[Wm2]|[Zabcd][GWm2]|e[GWm])[FJNRVZdhlptx159]",
            "|(Y[Xn3]|[Zabcd][HXn3]|e[HXn])[BFJNRVZdhlp])[h-z0-6]"
        )
    };
    (".ll") => {
        "L(m[FJNRVZdhlptx159]|n[BFJNRVZdhlp])[h-z0-6]"
    };
    ("l.l") => {
        "(Y[Siy]|[Zabcd][CSiy]|e[CSi])5[h-z0-6]"
    };
    ("ll.") => {
        concat!(
            "((Y[Wm2]|[Zabcd][GWm2]|e[GWm])[EIMQUYcgkosw048]",
            "|(Y[Xn3]|[Zabcd][HXn3]|e[HXn])[AEIMQUYcgko])u"
        )
    };
    // `/` behind a letter, at the end.
    ("l/") => {
        "(Y[Siy]|[Zabcd][CSiy]|e[CSi])8=?"
    };
    // `/` behind a letter, and the first letter of a path.
    ("l/l") => {
        "(Y[Siy]|[Zabcd][CSiy]|e[CSi])9[h-z0-6]"
    };
}

/// The form of a URL's id, as far as a pattern can say it: hex, or URL-safe base64 of `https://`, a
/// name of letters and, within bounds, a path of letters. The gateway reads more than this.
const URL_ID: &str = concat!(
    "^([0-9a-fA-F]{64}|aHR0cHM6Ly9[h-z0-6]((",
    group!("ll."),
    "){0,2}(",
    group!(lll),
    "|",
    group!("l.l"),
    ")|",
    group!(".ll"),
    "){0,15}(",
    group!("l/"),
    "|(",
    group!("l/l"),
    "(",
    group!(lll),
    "){0,50})?))$",
);

/// Returns the path parameter that names an indicator of this kind.
pub fn path_parameter(kind: Kind) -> Parameter {
    let text = || ObjectBuilder::new().schema_type(Type::String);
    let (name, description, schema, example) = match kind {
        Kind::File => (
            "file_hash",
            "MD5, SHA-1 or SHA-256 in hex, any case",
            text()
                .pattern(Some("^([0-9a-fA-F]{32}|[0-9a-fA-F]{40}|[0-9a-fA-F]{64})$"))
                .build()
                .into(),
            "275a021bbfb6489e54d471899f7db9d1663fc695ec2fe2a2c4538aabf651fd0f",
        ),
        Kind::Url => (
            "url_id",
            "VirusTotal's id of the URL (64 hex digits), or the base64 of the URL: URL-safe or standard \
             alphabet (`/` as `%2F`), padded or not. The pattern describes some of them only: \
             base64 of any URL is read",
            text().pattern(Some(URL_ID)).build().into(),
            "aHR0cHM6Ly9leGFtcGxlLmNvbS8",
        ),
        Kind::Domain => (
            "domain",
            "A domain name, in Unicode or ASCII; a defanged one is refanged",
            text()
                .pattern(Some(
                    "^([a-zA-Z0-9_-]{1,63}\\.){0,3}[a-zA-Z][a-zA-Z0-9_-]{0,50}$",
                ))
                .build()
                .into(),
            "example.com",
        ),
        Kind::Ip => {
            let address = |format| text().format(Some(SchemaFormat::KnownFormat(format)));
            let either = OneOfBuilder::new()
                .item(address(KnownFormat::Ipv4))
                .item(address(KnownFormat::Ipv6));
            let schema = Schema::OneOf(either.build());
            (
                "ip_address",
                "An IPv4 or IPv6 address; brackets are allowed, and a defanged one is refanged",
                schema,
                "8.8.8.8",
            )
        }
    };
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Path)
        .required(Required::True)
        .description(Some(description))
        .schema(Some(schema))
        .example(Some(json!(example)))
        .build()
}

#[cfg(test)]
mod tests {
    use proptest::{prelude::*, string::string_regex};
    use serde_json::to_value;

    use super::*;
    use crate::{
        indicator::{Indicator, WebUrl},
        lookup::AnalysisId,
        render::template::Templates,
    };

    /// Texts that the pattern for this kind describes.
    fn described(kind: Kind) -> impl Strategy<Value = String> {
        let parameter = to_value(path_parameter(kind)).unwrap();
        let pattern = parameter["schema"]["pattern"].as_str().unwrap();
        string_regex(pattern.trim_matches(['^', '$'])).unwrap()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn what_a_pattern_describes_is_taken(
            file in described(Kind::File),
            url in described(Kind::Url),
            domain in described(Kind::Domain),
        ) {
            prop_assert!(Indicator::file(&file).is_ok(), "{file}");
            prop_assert!(Indicator::url_id(&url).is_ok(), "{url}");
            prop_assert!(Indicator::domain(&domain).is_ok(), "{domain}");
        }

        /// The patterns of `/urls/analyze`, `POST /urls` and analyses.
        #[test]
        fn what_the_document_describes_is_taken(
            url in documented("/paths/~1api~1v1~1urls~1analyze/get/parameters/0/schema/pattern"),
            scan in documented("/components/schemas/UrlToScan/properties/url/pattern"),
            analysis in documented("/paths/~1api~1v1~1analyses~1{analysis_id}/get/parameters/0/schema/pattern"),
        ) {
            prop_assert!(Indicator::url(&url).is_ok(), "{url}");
            prop_assert!(WebUrl::parse(&scan).is_ok(), "{scan}");
            prop_assert!(analysis.parse::<AnalysisId>().is_ok(), "{analysis}");
        }
    }

    /// Texts that a pattern of the document describes.
    fn documented(pointer: &str) -> impl Strategy<Value = String> + use<> {
        let document = crate::http::document(&Templates::load(None).unwrap());
        let document = to_value(document).unwrap();
        let pattern = document.pointer(pointer).unwrap().as_str().unwrap();
        string_regex(&pattern[1..pattern.len() - 1]).unwrap()
    }
}
