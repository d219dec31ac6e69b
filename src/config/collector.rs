//! Where traces go: the checks of OpenTelemetry's own variables.

use http::{HeaderMap, HeaderName, HeaderValue};
use percent_encoding::percent_decode_str;

use super::{
    Collector,
    check::{Check, UpstreamUrl, given},
    cli::Settings,
};

impl Check {
    pub(super) fn collector(&mut self, settings: &Settings) -> Option<Collector> {
        let headers = given(settings.otel_exporter_otlp_headers.as_deref()).unwrap_or_default();
        let headers = headers.split(',').map(str::trim);
        let headers: Option<HeaderMap> = headers
            .filter(|pair| !pair.is_empty())
            .map(read_header)
            .collect();
        if headers.is_none() {
            let what = "`name=value`, more of them after commas, values percent-encoded";
            self.expected("OTEL_EXPORTER_OTLP_HEADERS", what);
        }
        let url = settings.otel_exporter_otlp_endpoint.as_deref();
        let UpstreamUrl(url) = self.read_given("OTEL_EXPORTER_OTLP_ENDPOINT", url)?;
        Some(Collector {
            url,
            headers: headers.unwrap_or_default(),
        })
    }
}

/// A header as OpenTelemetry writes it, its value never to be printed.
fn read_header(pair: &str) -> Option<(HeaderName, HeaderValue)> {
    let (name, value) = pair.split_once('=')?;
    let name = name.trim().parse().ok()?;
    let value: Vec<u8> = percent_decode_str(value.trim()).collect();
    let mut value = HeaderValue::from_bytes(&value).ok()?;
    value.set_sensitive(true);
    Some((name, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_read_and_never_printed() {
        let (name, value) = read_header(" Authorization = Bearer%20very-secret= ").unwrap();
        assert_eq!(
            (name.as_str(), value.as_bytes()),
            ("authorization", &b"Bearer very-secret="[..])
        );
        assert!(!format!("{value:?}").contains("very-secret"));
        for bad in ["", "authorization", "=x", "a b=c", "a=%0a", "a=\u{7f}"] {
            assert!(read_header(bad).is_none(), "{bad}");
        }
    }
}
