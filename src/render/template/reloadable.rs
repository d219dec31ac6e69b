//! The templates in effect, which a reload replaces.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use parking_lot::RwLock;

use super::{TemplateError, Templates};

/// A handle to the templates in effect. Its clones see a reload at once.
#[derive(Clone, Debug)]
pub struct ReloadableTemplates(Arc<TemplateSource>);

/// The directory of templates, and what was last loaded from it.
#[derive(Debug)]
struct TemplateSource {
    directory: Option<PathBuf>,
    current: RwLock<Templates>,
    /// The number of mistakes that the last reload found.
    mistakes: AtomicUsize,
}

impl ReloadableTemplates {
    /// Loads the built-in templates and those below `directory`.
    ///
    /// # Errors
    /// Returns all mistakes in the files.
    pub fn load(directory: Option<PathBuf>) -> Result<Self, Vec<TemplateError>> {
        let templates = Templates::load(directory.as_deref())?;
        Ok(Self(Arc::new(TemplateSource {
            directory,
            current: RwLock::new(templates),
            mistakes: AtomicUsize::new(0),
        })))
    }

    /// Returns the templates in effect. A request takes them once, so that it sees one set of them.
    pub fn current(&self) -> Templates {
        self.0.current.read().clone()
    }

    /// Returns whether there is a directory to load templates from.
    pub fn has_directory(&self) -> bool {
        self.0.directory.is_some()
    }

    /// Returns the number of mistakes that the last reload found. With any, the previous templates
    /// stay.
    pub fn mistakes(&self) -> usize {
        self.0.mistakes.load(Ordering::Relaxed)
    }

    /// Loads the templates again and returns them. Blocks while it reads the files.
    ///
    /// # Errors
    /// Returns all mistakes in the files. The previous templates stay in effect then.
    pub fn reload(&self) -> Result<Templates, Vec<TemplateError>> {
        match Templates::load(self.0.directory.as_deref()) {
            Ok(loaded) => {
                self.0.mistakes.store(0, Ordering::Relaxed);
                let mut current = self.0.current.write();
                *current = loaded.succeeding(&current);
                Ok(current.clone())
            }
            Err(mistakes) => {
                self.0.mistakes.store(mistakes.len(), Ordering::Relaxed);
                Err(mistakes)
            }
        }
    }
}
