//! Tests of the gateway from the outside, over sockets.

#[cfg(test)]
mod analyses;
#[cfg(test)]
mod architecture;
#[cfg(test)]
mod attacks;
#[cfg(test)]
mod audit;
#[cfg(test)]
mod behaviours;
#[cfg(test)]
mod bounds;
#[cfg(test)]
mod cache;
#[cfg(test)]
mod clients;
#[cfg(test)]
mod closed;
#[cfg(test)]
mod command_line;
#[cfg(test)]
mod community;
#[cfg(test)]
mod compat;
#[cfg(test)]
mod connections;
#[cfg(test)]
mod consistency;
#[cfg(test)]
mod console;
#[cfg(test)]
mod cors;
#[cfg(test)]
mod disk;
#[cfg(test)]
mod documents;
#[cfg(test)]
mod errors;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod harness;
#[cfg(test)]
mod headers;
#[cfg(test)]
mod hosts;
#[cfg(test)]
mod identifiers;
#[cfg(test)]
mod interop;
#[cfg(test)]
mod keyless;
#[cfg(test)]
mod keys;
#[cfg(test)]
mod learning;
#[cfg(test)]
mod lists;
#[cfg(test)]
mod lookup;
#[cfg(test)]
mod mcp;
#[cfg(test)]
mod metrics;
#[cfg(test)]
mod negotiation;
#[cfg(test)]
mod nginx;
#[cfg(test)]
mod pages;
#[cfg(test)]
mod proxies;
#[cfg(test)]
mod queries;
#[cfg(test)]
mod quota;
#[cfg(test)]
mod redis;
#[cfg(test)]
mod relationships;
#[cfg(test)]
mod reports;
#[cfg(test)]
mod retries;
#[cfg(test)]
mod search;
#[cfg(test)]
mod service;
#[cfg(test)]
mod settings;
#[cfg(test)]
mod start;
#[cfg(test)]
mod submissions;
#[cfg(test)]
mod templates;
#[cfg(test)]
mod traces;
#[cfg(test)]
mod unconfirmed;
#[cfg(test)]
mod uploads;
#[cfg(test)]
mod usage;
#[cfg(test)]
mod views;
#[cfg(test)]
mod writes;
