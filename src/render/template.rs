//! Templates, which list the attributes that an answer leaves out.
//!
//! The binary contains one for each kind; a directory can add more. All are checked and compiled
//! once, at start.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use thiserror::Error;
use utoipa::ToSchema;

use self::pattern::{Filter, MalformedPattern};
use crate::indicator::Kind;

pub mod filter;
pub mod pattern;

const SHIPPED: [(&str, &str); 4] = [
    (
        "vt4ai_file_basics.json",
        include_str!("../../templates/files/vt4ai_file_basics.json"),
    ),
    (
        "vt4ai_url_basics.json",
        include_str!("../../templates/urls/vt4ai_url_basics.json"),
    ),
    (
        "vt4ai_domain_basics.json",
        include_str!("../../templates/domains/vt4ai_domain_basics.json"),
    ),
    (
        "vt4ai_ip_basics.json",
        include_str!("../../templates/ips/vt4ai_ip_basics.json"),
    ),
];

/// A named list of attributes to leave out of objects of one kind.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = AttributeFilter)]
pub struct Template {
    /// The name: 1 to 64 letters, digits, `_`, `-` or `.`; unique among templates.
    pub name: String,
    /// The kind of object that the template is for.
    pub object: Kind,
    /// A description for people who choose a template.
    #[serde(default)]
    pub description: String,
    /// Whether the template applies if none is named; true for one template of each kind.
    #[serde(default)]
    pub default: bool,
    /// Dotted paths into the attributes; `*` stands for any one key or array element.
    pub exclude_fields: Vec<String>,
    /// The compiled paths.
    #[serde(skip)]
    #[schema(ignore)]
    pub filter: Filter,
}

/// All templates, with one default for each kind.
#[derive(Debug)]
pub struct Templates {
    all: Vec<Template>,
}

/// The error for a template that cannot be used; the gateway does not start with one.
#[derive(Debug, Error)]
#[error("template file `{}`: {fault}", file.display())]
pub struct TemplateError {
    file: PathBuf,
    fault: Fault,
}

/// The reasons for which a template is rejected.
#[derive(Debug, Error)]
pub enum Fault {
    /// The file does not exist or is not UTF-8.
    #[error("can't be read: {0}")]
    Unreadable(#[from] io::Error),
    /// The file is not JSON, or lacks or adds a member.
    #[error("is not a template: {0}")]
    Malformed(#[from] serde_json::Error),
    /// The name is too long or has other characters.
    #[error("a name is 1 to 64 letters, digits, `_`, `-` or `.`, not: `{0}`")]
    Name(String),
    /// A path is malformed.
    #[error("{0}")]
    Pattern(#[from] MalformedPattern),
    /// Two templates have the same name.
    #[error("another template has the name: `{0}`")]
    SameName(String),
    /// Two templates of the directory are defaults for the same kind.
    #[error("another template is already the default for the object: `{0}`")]
    SecondDefault(&'static str),
}

/// The error for a name that no template of the wanted kinds has; the message lists those there
/// are.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("no such template; there is: {}", names.join(", "))]
pub struct UnknownTemplate {
    names: Vec<String>,
}

impl Template {
    /// Parses a template from the JSON text of its file, and compiles its paths.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        let mut template: Self = serde_json::from_str(text)?;
        let letter = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
        if !(1..=64).contains(&template.name.len()) || !template.name.bytes().all(letter) {
            return Err(Fault::Name(template.name));
        }
        template.filter = Filter::compile(template.exclude_fields.iter().map(String::as_str))?;
        Ok(template)
    }
}

impl Templates {
    /// Loads the built-in templates and those below `directory`.
    ///
    /// Reads `*.json` files there and in subdirectories. Hidden entries are skipped, so that a
    /// mounted Kubernetes `ConfigMap` is not read twice. Reports all mistakes at once.
    pub fn load(directory: Option<&Path>) -> Result<Self, Vec<TemplateError>> {
        let mut mistakes = Vec::new();
        let mut all = Vec::new();
        for (file, text) in SHIPPED {
            match Template::parse(text) {
                Ok(template) => all.push(template),
                Err(fault) => mistakes.push(TemplateError {
                    file: file.into(),
                    fault,
                }),
            }
        }
        // Templates from the directory follow the built-in ones in the list.
        let shipped = all.len();
        for file in directory
            .map(|path| json_files(path, &mut mistakes))
            .unwrap_or_default()
        {
            let added = fs::read_to_string(&file)
                .map_err(Fault::from)
                .and_then(|text| Template::parse(&text))
                .and_then(|template| add(&mut all, shipped, template));
            if let Err(fault) = added {
                mistakes.push(TemplateError { file, fault });
            }
        }
        if mistakes.is_empty() {
            Ok(Self { all })
        } else {
            Err(mistakes)
        }
    }

    /// Returns the templates for one kind, including the default.
    pub fn of(&self, kind: Kind) -> impl Iterator<Item = &Template> {
        self.all
            .iter()
            .filter(move |template| template.object == kind)
    }

    /// Returns the template with this name, of any kind.
    pub fn named(&self, name: &str) -> Option<&Template> {
        self.all.iter().find(|template| template.name == name)
    }

    /// Returns the filter of the kind's default template.
    pub fn default_filter(&self, kind: Kind) -> Option<&Filter> {
        self.of(kind)
            .find(|template| template.default)
            .map(|template| &template.filter)
    }

    /// Returns the named template, which must be for one of `kinds`.
    pub fn choose(&self, kinds: &[Kind], name: &str) -> Result<&Template, UnknownTemplate> {
        let fits = |template: &&Template| kinds.contains(&template.object);
        self.named(name)
            .filter(fits)
            .ok_or_else(|| UnknownTemplate {
                names: self
                    .all
                    .iter()
                    .filter(fits)
                    .map(|template| template.name.clone())
                    .collect(),
            })
    }
}

/// Adds a template from the directory. A default replaces the built-in one.
fn add(all: &mut Vec<Template>, shipped: usize, template: Template) -> Result<(), Fault> {
    if all.iter().any(|other| other.name == template.name) {
        return Err(Fault::SameName(template.name));
    }
    let rival =
        |other: &Template| template.default && other.default && other.object == template.object;
    if all.iter().skip(shipped).any(rival) {
        return Err(Fault::SecondDefault(template.object.name()));
    }
    for other in all.iter_mut().take(shipped) {
        other.default &= !rival(other);
    }
    all.push(template);
    Ok(())
}

/// Returns the `*.json` files below `directory`, sorted so that mistakes are always reported in the
/// same order.
fn json_files(directory: &Path, mistakes: &mut Vec<TemplateError>) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let entries = fs::read_dir(directory).and_then(Iterator::collect::<io::Result<Vec<_>>>);
    let mut entries = entries.unwrap_or_else(|error| {
        mistakes.push(TemplateError {
            file: directory.to_owned(),
            fault: error.into(),
        });
        Vec::new()
    });
    entries.retain(|entry| !entry.file_name().as_encoded_bytes().starts_with(b"."));
    entries.sort_by_key(fs::DirEntry::file_name);
    for path in entries.iter().map(fs::DirEntry::path) {
        if path.is_dir() {
            files.append(&mut json_files(&path, mistakes));
        } else if path
            .extension()
            .is_some_and(|extension| extension == "json")
        {
            files.push(path);
        }
    }
    files
}

#[cfg(test)]
mod tests;
