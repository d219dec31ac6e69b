//! Tests that one caller cannot starve the others (CONTRACT 9).

mod callers;
mod connections;
mod framing;
mod memory;
mod streams;
