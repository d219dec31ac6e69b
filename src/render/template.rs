//! Templates, which choose the attributes that an answer shows.
//!
//! The binary contains one for each kind; a directory can add more. All are checked and compiled at
//! start, and when they are reloaded.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use thiserror::Error;
use utoipa::ToSchema;

use self::pattern::{Filter, MalformedPattern, Rule};
pub use self::reloadable::ReloadableTemplates;
use crate::{indicator::Kind, render::untrusted};

mod attributes;
pub mod fields;
pub mod filter;
pub mod pattern;
pub(in crate::render) mod place;
mod reloadable;

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

/// A named choice of attributes for objects of one kind.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
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
    /// The attributes to keep, all of them if the list is empty: dotted paths, in which `*` stands
    /// for any one key or array element.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub include_fields: Vec<String>,
    /// The attributes to leave out of those, in the same language.
    #[serde(default)]
    pub exclude_fields: Vec<String>,
    /// The compiled paths.
    #[serde(skip)]
    #[schema(ignore)]
    pub filter: Filter,
}

/// All templates, with one default for each kind. Clones share them.
#[derive(Clone, Debug)]
pub struct Templates {
    all: Arc<[Template]>,
    /// The warnings about fields that are likely misspelt.
    warnings: Arc<[String]>,
    /// The number of reloads before these were loaded.
    generation: usize,
}

/// The error for a template that cannot be used.
///
/// The gateway does not start with one. A reload that finds one changes nothing.
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
    /// Neither list of fields is there.
    #[error("has neither `include_fields` nor `exclude_fields`")]
    NoFields,
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
        // With neither, the lists were most likely forgotten; an empty one is meant.
        let members: Map<String, Value> = serde_json::from_str(text)?;
        let has_list =
            members.contains_key("include_fields") || members.contains_key("exclude_fields");
        if !has_list {
            return Err(Fault::NoFields);
        }
        if !is_name(&template.name) {
            return Err(Fault::Name(template.name));
        }
        template.filter = Filter::compile(template.rules())?;
        Ok(template)
    }

    /// Returns the template's patterns, and those of the texts that strangers write.
    fn rules(&self) -> Vec<(Rule, &str)> {
        let mut rules = Vec::new();
        for path in &self.include_fields {
            rules.push((Rule::Include, path.as_str()));
        }
        for path in &self.exclude_fields {
            rules.push((Rule::Exclude, path.as_str()));
        }
        for path in untrusted::paths::of(self.object.object_type()).unwrap_or_default() {
            rules.push((Rule::Untrusted, path));
        }
        rules
    }

    fn read(file: &Path) -> Result<Self, Fault> {
        // Reading anything but a file could block or never end.
        if !file.metadata()?.is_file() {
            return Err(io::Error::other("it is no regular file").into());
        }
        Self::parse(&fs::read_to_string(file)?)
    }

    /// Returns whether both are defaults for the same kind.
    fn is_rival_of(&self, other: &Self) -> bool {
        self.default && other.default && self.object == other.object
    }
}

impl TemplateError {
    fn new(file: impl Into<PathBuf>, fault: impl Into<Fault>) -> Self {
        Self {
            file: file.into(),
            fault: fault.into(),
        }
    }
}

impl Templates {
    /// Loads the built-in templates and those below `directory`.
    ///
    /// Reads `*.json` files there and in subdirectories. Hidden entries are skipped, so that a
    /// mounted Kubernetes `ConfigMap` is not read twice. Reports all mistakes at once.
    pub fn load(directory: Option<&Path>) -> Result<Self, Vec<TemplateError>> {
        let mut loading = Loading::default();
        loading.add_built_in();
        if let Some(directory) = directory {
            loading.add_directory(directory);
        }
        if !loading.mistakes.is_empty() {
            return Err(loading.mistakes);
        }
        let own = loading.all.iter().skip(loading.built_in);
        Ok(Self {
            warnings: own.flat_map(attributes::warnings).collect(),
            all: loading.all.into(),
            generation: 0,
        })
    }

    /// Returns these templates as those that replace `previous`.
    fn succeeding(self, previous: &Self) -> Self {
        Self {
            generation: previous.generation + 1,
            ..self
        }
    }

    /// Returns the number of reloads before these templates were loaded.
    pub fn generation(&self) -> usize {
        self.generation
    }

    /// Returns the number of templates.
    pub fn count(&self) -> usize {
        self.all.len()
    }

    /// Returns warnings about fields in the directory's templates that are likely misspelt.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
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

    /// Returns the kind's default template.
    pub fn default_of(&self, kind: Kind) -> Option<&Template> {
        self.of(kind).find(|template| template.default)
    }

    /// Returns the named template, which must be for one of `kinds`.
    pub fn choose(&self, kinds: &[Kind], name: &str) -> Result<&Template, UnknownTemplate> {
        let mut names = Vec::new();
        for template in &*self.all {
            if !kinds.contains(&template.object) {
                continue;
            }
            if template.name == name {
                return Ok(template);
            }
            names.push(template.name.clone());
        }
        Err(UnknownTemplate { names })
    }
}

/// Templates while they are loaded, with the mistakes found so far.
#[derive(Default)]
struct Loading {
    all: Vec<Template>,
    /// The number of built-in templates, which come first.
    built_in: usize,
    mistakes: Vec<TemplateError>,
}

impl Loading {
    fn add_built_in(&mut self) {
        for (file, text) in SHIPPED {
            match Template::parse(text) {
                Ok(template) => self.all.push(template),
                Err(fault) => self.mistakes.push(TemplateError::new(file, fault)),
            }
        }
        self.built_in = self.all.len();
    }

    /// Adds the templates in the `*.json` files below a directory.
    ///
    /// Files are read in the order of their names, so that mistakes are always reported in the same
    /// order.
    fn add_directory(&mut self, directory: &Path) {
        let entries = match visible_entries(directory) {
            Ok(entries) => entries,
            Err(error) => {
                self.mistakes.push(TemplateError::new(directory, error));
                return;
            }
        };
        for path in entries {
            if path.is_dir() {
                self.add_directory(&path);
            } else if path.extension() == Some("json".as_ref())
                && let Err(fault) = self.add_file(&path)
            {
                self.mistakes.push(TemplateError::new(path, fault));
            }
        }
    }

    /// Adds a template from the directory. A default replaces the built-in one.
    fn add_file(&mut self, file: &Path) -> Result<(), Fault> {
        let template = Template::read(file)?;
        for (at, other) in self.all.iter().enumerate() {
            if other.name == template.name {
                return Err(Fault::SameName(template.name));
            }
            if at >= self.built_in && template.is_rival_of(other) {
                return Err(Fault::SecondDefault(template.object.name()));
            }
        }
        for built_in in self.all.iter_mut().take(self.built_in) {
            built_in.default &= !template.is_rival_of(built_in);
        }
        self.all.push(template);
        Ok(())
    }
}

/// Returns the paths of the entries of a directory that are not hidden, sorted by name.
fn visible_entries(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if !entry.file_name().as_encoded_bytes().starts_with(b".") {
            paths.push(entry.path());
        }
    }
    paths.sort_unstable();
    Ok(paths)
}

fn is_name(text: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    (1..=64).contains(&text.len()) && text.bytes().all(is_allowed)
}

#[cfg(test)]
mod tests;
