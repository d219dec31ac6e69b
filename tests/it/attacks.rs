//! What one caller does to take something from all others, and that it gains nothing.

mod callers;
