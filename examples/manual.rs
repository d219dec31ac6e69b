//! Writes the manual pages of `vt4ai` and of its subcommands into a folder, for packages:
//! `cargo run --example manual -- FOLDER`.

use std::{env, io, path::PathBuf};

fn main() -> io::Result<()> {
    let Some(folder) = env::args_os().nth(1).map(PathBuf::from) else {
        return Err(io::Error::other("usage: manual FOLDER"));
    };
    std::fs::create_dir_all(&folder)?;
    clap_mangen::generate_to(vt4ai::config::command(), folder)
}
