//! The path parameters that name an indicator, one for each kind.

use serde_json::json;
use utoipa::{
    IntoParams,
    openapi::{
        ObjectBuilder, Required, Schema,
        path::{Parameter, ParameterBuilder, ParameterIn},
        schema::{KnownFormat, OneOfBuilder, SchemaFormat, Type},
    },
};

use crate::indicator::Kind;

/// What a URL's id looks like, as far as a pattern can say it: URL-safe base64 of something
/// that begins with `http://` or `https://` and no `/`, `?` or `#` behind it, or hex. The
/// gateway reads more than this.
const URL_ID: &str = concat!(
    "^([0-9a-fA-F]{64}",
    "|aHR0cDovL([wx0-3][A-Za-z0-9_-]|y[A-LQ-Za-z0-7]|z[A-Za-z0-7])",
    "(=?|[A-Za-z0-9_-]([A-Za-z0-9_-]{4})*([A-Za-z0-9_-]{2}(==)?|[A-Za-z0-9_-]{3}=?)?)",
    "|aHR0cHM6Ly(8[A-Za-ik-uw-z0-9-]|9[A-Za-z0-9_-])",
    "([A-Za-z0-9_-]{4})*([A-Za-z0-9_-]{2}(==)?|[A-Za-z0-9_-]{3}=?)?)$",
);

macro_rules! path_parameters {
    ($($(#[$doc:meta])* $name:ident: $kind:expr;)*) => {$(
        $(#[$doc])*
        pub struct $name;

        impl IntoParams for $name {
            fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
                vec![path_parameter($kind)]
            }
        }
    )*};
}

path_parameters! {
    /// The parameter of a path that names a file.
    FileHash: Kind::File;
    /// The parameter of a path that names a URL.
    UrlId: Kind::Url;
    /// The parameter of a path that names a domain.
    DomainName: Kind::Domain;
    /// The parameter of a path that names an IP address.
    IpAddress: Kind::Ip;
}

/// The path parameter that names an indicator of this kind.
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
             alphabet (`/` as `%2F`), padded or not",
            text().pattern(Some(URL_ID)).build().into(),
            "aHR0cHM6Ly9leGFtcGxlLmNvbS8",
        ),
        Kind::Domain => (
            "domain",
            "A domain name, in Unicode or ASCII",
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
                "An IPv4 or IPv6 address; brackets are allowed",
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

    use super::*;
    use crate::indicator::Indicator;

    /// Texts that the pattern for this kind describes.
    fn described(kind: Kind) -> impl Strategy<Value = String> {
        let parameter = serde_json::to_value(path_parameter(kind)).unwrap();
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
    }
}
