//! Queries that are read into the same structs that document them.

use std::iter;

use axum::{extract::FromRequestParts, http::request::Parts};

use super::parameters::Parameters;
use crate::http::error::ApiError;

/// The query of a request, read strictly: an unknown, repeated or unreadable parameter is a 400.
#[derive(Debug)]
pub struct StrictQuery<T>(pub T);

/// A group of query parameters.
///
/// The struct that implements it derives `IntoParams` as well, so that what is read is what the
/// OpenAPI document lists. Tuples combine groups.
pub trait FromQuery: Sized {
    /// Returns the names of the parameters.
    fn names() -> impl Iterator<Item = &'static str> + Clone;

    /// Reads the values; the names have been checked.
    fn read(parameters: &Parameters<'_>) -> Result<Self, ApiError>;

    /// Returns the kind and the text of the object that the group names, if it names one.
    fn subject(&self) -> Option<(&'static str, &str)> {
        None
    }
}

impl<T: FromQuery> StrictQuery<T> {
    /// Reads the query of a request with these parts.
    pub fn of(parts: &Parts) -> Result<Self, ApiError> {
        Self::of_text(parts.uri.query().unwrap_or_default())
    }

    /// Reads a query.
    pub fn of_text(query: &str) -> Result<Self, ApiError> {
        let parameters = Parameters::parse(query);
        parameters.check(T::names())?;
        T::read(&parameters).map(Self)
    }
}

impl<S: Send + Sync, T: FromQuery> FromRequestParts<S> for StrictQuery<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        Self::of(parts)
    }
}

/// No parameters.
impl FromQuery for () {
    fn names() -> impl Iterator<Item = &'static str> + Clone {
        iter::empty()
    }

    fn read(_: &Parameters<'_>) -> Result<Self, ApiError> {
        Ok(())
    }
}

impl<A: FromQuery, B: FromQuery> FromQuery for (A, B) {
    fn names() -> impl Iterator<Item = &'static str> + Clone {
        A::names().chain(B::names())
    }

    fn read(parameters: &Parameters<'_>) -> Result<Self, ApiError> {
        Ok((A::read(parameters)?, B::read(parameters)?))
    }

    /// Returns the subject of the first group: no second one names any.
    fn subject(&self) -> Option<(&'static str, &str)> {
        self.0.subject()
    }
}

impl<A: FromQuery, B: FromQuery, C: FromQuery> FromQuery for (A, B, C) {
    fn names() -> impl Iterator<Item = &'static str> + Clone {
        A::names().chain(B::names()).chain(C::names())
    }

    fn read(parameters: &Parameters<'_>) -> Result<Self, ApiError> {
        let first = A::read(parameters)?;
        Ok((first, B::read(parameters)?, C::read(parameters)?))
    }
}
