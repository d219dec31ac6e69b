//! Attacks of one caller on the others, and their bounds (CONTRACT 9).

mod callers;
mod connections;
mod framing;
mod memory;
mod streams;
