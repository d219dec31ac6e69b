//! Checks of the sources: the module table in `src/lib.rs` against the imports, the length of files,
//! and the names of code in the pages for contributors.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Crates and modules that only the listed modules may import.
const KEPT_TO: [(&str, &[&str]); 11] = [
    (
        "axum",
        &["http", "mcp", "compat", "server", "app", "cli", "demo"],
    ),
    ("reqwest", &["virustotal", "telemetry/traces", "cli/door"]),
    ("governor", &["access/rate_limit"]),
    ("prometheus_client", &["metrics"]),
    ("opentelemetry", &["telemetry/traces"]),
    ("::redis", &["redis"]),
    ("rusqlite", &["cache/disk", "usage/file"]),
    ("quick_xml", &["render/format/xml"]),
    ("clap", &["config"]),
    ("procfs", &["access/owner"]),
    ("std::env", &["config", "access/operator_key"]),
];

/// A source file: its path below `src` without `.rs`, and its code.
struct Source {
    place: String,
    code: String,
}

impl Source {
    /// Returns the root module that the file belongs to.
    fn module(&self) -> &str {
        self.place.split('/').next().unwrap()
    }

    /// Returns whether the file is this module, or has a function or field of this name.
    fn declares(&self, name: &str) -> bool {
        self.place.split('/').any(|module| module == name)
            || defines(&self.code, name)
            || self.code.contains(&format!(" {name}: "))
    }
}

/// Returns the text of a file up to its tests.
fn without_tests(text: &str) -> &str {
    text.split("\n#[cfg(test)]").next().unwrap()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let below = |path: PathBuf| {
        if path.is_dir() {
            files(&path)
        } else {
            vec![path]
        }
    };
    entries.flat_map(below).collect()
}

fn place(file: &Path) -> String {
    let below = file.strip_prefix(Path::new(ROOT).join("src")).unwrap();
    below.with_extension("").to_str().unwrap().to_owned()
}

/// Returns every source file of the crate except those that hold only tests.
fn sources() -> Vec<(PathBuf, String)> {
    let all = files(&Path::new(ROOT).join("src")).into_iter();
    let all = all.filter(|file| file.extension().is_some_and(|it| it == "rs"));
    let all = all.filter(|file| !file.ends_with("tests.rs") && !file.ends_with("testing.rs"));
    // Tests of one module may be a folder.
    let all = all.filter(|file| {
        !file
            .parent()
            .is_some_and(|folder| folder.ends_with("tests"))
    });
    all.map(|file| (file.clone(), fs::read_to_string(file).unwrap()))
        .collect()
}

/// Returns the same files without comments and tests.
fn code() -> Vec<Source> {
    let strip = |(file, text): (PathBuf, String)| {
        let lines = without_tests(&text)
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"));
        Source {
            place: place(&file),
            code: lines.collect::<Vec<_>>().join("\n"),
        }
    };
    sources().into_iter().map(strip).collect()
}

/// Returns the paths behind every `prefix::` in the code, with groups expanded.
fn paths(code: &str, prefix: &str) -> Vec<String> {
    let behind = |(at, found): (usize, &str)| {
        let is_other = code[..at].ends_with(is_of_name);
        (!is_other).then(|| tree(&code[at + found.len()..]))
    };
    let found = code.match_indices(prefix).filter_map(behind);
    found.flat_map(leaves).collect()
}

fn is_of_name(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

/// Returns the path at the beginning of this code, with the group that it may end with.
fn tree(code: &str) -> &str {
    let path = code.find(|c| !is_of_name(c) && c != ':');
    let path = path.unwrap_or(code.len());
    if !code[path..].starts_with('{') {
        return &code[..path];
    }
    let mut depth = 0;
    let end = code[path..].find(|c| {
        depth += i32::from(c == '{') - i32::from(c == '}');
        depth == 0
    });
    &code[..=path + end.unwrap()]
}

/// Expands a tree into its paths.
fn leaves(tree: &str) -> Vec<String> {
    let Some((stem, group)) = tree.split_once('{') else {
        return vec![tree.to_owned()];
    };
    let members = members(group).into_iter().flat_map(leaves);
    members.map(|member| format!("{stem}{member}")).collect()
}

/// Returns the members of a group, up to the brace that closes it.
fn members(group: &str) -> Vec<&str> {
    let (mut depth, mut start, mut all) = (0, 0, Vec::new());
    for (at, letter) in group.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            ',' | '}' if depth == 0 => {
                all.push(group[start..at].trim());
                start = at + 1;
                if letter == '}' {
                    break;
                }
            }
            _ => {}
        }
    }
    all.into_iter()
        .filter(|member| !member.is_empty())
        .collect()
}

/// Returns the words of a table cell that are names of code.
fn words(cell: &str) -> Vec<String> {
    let words = cell.split(|c: char| !c.is_alphanumeric() && c != '_');
    words
        .filter(|word| word.len() > 1)
        .map(str::to_owned)
        .collect()
}

/// Reads the table in `src/lib.rs`: the modules that each module may use.
fn table() -> BTreeMap<String, Vec<String>> {
    let lib = fs::read_to_string(Path::new(ROOT).join("src/lib.rs")).unwrap();
    let rows = lib
        .lines()
        .filter_map(|line| line.strip_prefix("//! | "))
        .skip(1);
    let rows = rows.map(|row| row.split('|').map(str::trim).collect::<Vec<_>>());
    let mut table = BTreeMap::<String, Vec<String>>::new();
    for row in rows.collect::<Vec<_>>().into_iter().rev() {
        // Behind a semicolon stands a remark.
        let may_use = row[2].split(';').next().unwrap();
        let below: Vec<_> = table.keys().cloned().chain(["demo".to_owned()]).collect();
        let everything = may_use == "everything below";
        let modules = if everything { below } else { words(may_use) };
        let of_row: Vec<_> = words(row[1])
            .into_iter()
            .filter(|word| word != "mod")
            .collect();
        for module in of_row {
            table.insert(module, modules.clone());
        }
    }
    table.insert("demo".to_owned(), Vec::new());
    table
}

#[test]
fn the_module_table_is_complete() {
    let mut modules: Vec<_> = code()
        .iter()
        .map(|source| source.module().to_owned())
        .collect();
    modules.retain(|module| module != "lib");
    modules.sort();
    modules.dedup();
    assert_eq!(table().into_keys().collect::<Vec<_>>(), modules);
}

#[test]
fn each_module_imports_only_what_the_table_allows() {
    let (table, mut broken) = (table(), Vec::new());
    for source in code().iter().filter(|source| source.module() != "lib") {
        let allowed = &table[source.module()];
        let prefix = if source.module() == "main" {
            "vt4ai::"
        } else {
            "crate::"
        };
        for path in paths(&source.code, prefix) {
            let module = path.split("::").next().unwrap();
            if module != source.module() && !allowed.iter().any(|it| it == module) {
                broken.push(format!("src/{}.rs may not use `{path}`", source.place));
            }
        }
    }
    assert_eq!(broken, [""; 0]);
}

#[test]
fn each_library_is_imported_only_by_its_modules() {
    for source in code() {
        for (library, places) in KEPT_TO {
            let at = |place: &str| {
                source.place == place || source.place.starts_with(&format!("{place}/"))
            };
            let named = !paths(&source.code, &format!("{library}::")).is_empty()
                || source.code.contains(&format!("use {library};"));
            assert!(
                !named || places.iter().any(|place| at(place)),
                "src/{}.rs: {library}",
                source.place
            );
        }
    }
}

#[test]
fn no_file_is_over_400_lines() {
    for (file, text) in sources() {
        let lines = without_tests(&text).lines().count();
        assert!(lines <= 400, "{}: {lines} lines", file.display());
    }
}

/// The pages that name files and functions of the sources.
const PAGES: [&str; 2] = ["docs/architecture.md", "CONTRIBUTING.md"];

/// Returns the words of each page with the page, parted by blanks, backticks and punctuation.
fn words_of_pages() -> Vec<(&'static str, String)> {
    let mut all = Vec::new();
    for page in PAGES {
        let text = fs::read_to_string(Path::new(ROOT).join(page)).unwrap();
        for word in text.split(|c: char| c.is_whitespace() || "`,;()|".contains(c)) {
            let word = word.trim_start_matches("../").trim_end_matches(['.', ':']);
            all.push((page, word.to_owned()));
        }
    }
    all
}

#[test]
fn each_file_that_a_page_names_exists() {
    let mut missing = Vec::new();
    for (page, word) in words_of_pages() {
        let is_rooted = word.starts_with("src/") || word.starts_with("tests/");
        if !is_rooted && Path::new(&word).extension().is_none_or(|it| it != "rs") {
            continue;
        }
        let root = Path::new(ROOT);
        if !root.join(&word).exists() && (is_rooted || !root.join("src").join(&word).exists()) {
            missing.push(format!("{page}: {word}"));
        }
    }
    assert_eq!(missing, [""; 0]);
}

#[test]
fn each_function_that_a_page_names_exists() {
    let (code, mut missing) = (code(), Vec::new());
    for (page, word) in words_of_pages() {
        let is_path = word.chars().all(|c| is_of_name(c) || c == ':');
        let Some((owner, name)) = word.rsplit_once("::").filter(|_| is_path) else {
            continue;
        };
        let module = word.replace("::", "/");
        let exists = code.iter().any(|source| {
            let is_owned = source.place.ends_with(owner) || has_word(&source.code, owner);
            source.place.ends_with(&module) || is_owned && defines(&source.code, name)
        });
        if !exists {
            missing.push(format!("{page}: {word}"));
        }
    }
    assert_eq!(missing, [""; 0]);
}

#[test]
fn each_name_in_backticks_occurs_in_the_sources() {
    let (code, mut missing) = (code(), Vec::new());
    for page in PAGES {
        let text = fs::read_to_string(Path::new(ROOT).join(page)).unwrap();
        for line in text.lines().filter(|line| !line.starts_with("```")) {
            for name in line.split('`').skip(1).step_by(2) {
                if !name.chars().all(is_of_name) || name == name.to_uppercase() {
                    continue;
                }
                let is_word = !name.contains('_') && name == name.to_lowercase();
                // The other page has words in backticks that are not the gateway's: `unwrap`.
                let exists = if is_word {
                    page != PAGES[0] || code.iter().any(|source| source.declares(name))
                } else {
                    code.iter().any(|source| has_word(&source.code, name))
                };
                if !exists {
                    missing.push(format!("{page}: {name}"));
                }
            }
        }
    }
    assert_eq!(missing, [""; 0]);
}

/// Returns whether the code defines a function of this name.
fn defines(code: &str, name: &str) -> bool {
    [format!("fn {name}("), format!("fn {name}<")]
        .iter()
        .any(|head| code.contains(head))
}

fn has_word(code: &str, word: &str) -> bool {
    let mut found = code.match_indices(word);
    found.any(|(at, _)| {
        !code[..at].ends_with(is_of_name) && !code[at + word.len()..].starts_with(is_of_name)
    })
}

#[test]
fn imports_are_parsed_correctly() {
    let code =
        "use crate::{\n    a::{B, c::D},\n    e,\n};\nuse crate::f::G;\nlet x = crate::h::i();";
    assert_eq!(
        paths(code, "crate::"),
        ["a::B", "a::c::D", "e", "f::G", "h::i"]
    );
    assert!(paths("$crate_crate::x", "crate::").is_empty());
}
