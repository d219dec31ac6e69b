//! Tests that one caller cannot starve the others (`docs/quota-and-caching.md`).

mod callers;
mod connections;
mod framing;
mod memory;
mod streams;
