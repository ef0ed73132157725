//! The workspace as `cargo metadata` and the manifests describe it.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Deserialize;

/// All packages of the workspace.
#[derive(Deserialize, Debug, Default)]
pub(crate) struct Workspace {
    #[serde(rename = "workspace_root")]
    pub(crate) root: PathBuf,
    #[serde(rename = "target_directory")]
    pub(crate) target: PathBuf,
    pub(crate) packages: Vec<Package>,
}

/// One package, as far as the checks look at it.
#[derive(Deserialize, Debug, Default, Clone)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) manifest_path: PathBuf,
    #[serde(default)]
    pub(crate) dependencies: Vec<Dependency>,
    #[serde(default)]
    pub(crate) features: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    pub(crate) targets: Vec<Target>,
    /// `Some` of no registry where the package is private.
    pub(crate) publish: Option<Vec<String>>,
    pub(crate) rust_version: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) license: Option<String>,
    pub(crate) readme: Option<String>,
    pub(crate) repository: Option<String>,
    #[serde(default)]
    pub(crate) metadata: serde_json::Value,
}

/// A dependency as declared.
#[derive(Deserialize, Debug, Default, Clone)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    /// `None`: normal, else `dev` or `build`.
    pub(crate) kind: Option<String>,
    /// The version asked for, `*` where none is.
    pub(crate) req: String,
    /// Where it lies, for those of this workspace.
    pub(crate) path: Option<PathBuf>,
}

/// A library, program, test, example or bench of a package.
#[derive(Deserialize, Debug, Default, Clone)]
pub(crate) struct Target {
    pub(crate) name: String,
    pub(crate) kind: Vec<String>,
    #[serde(default, rename = "required-features")]
    pub(crate) required_features: Vec<String>,
}

impl Workspace {
    /// Reads the workspace that this program belongs to.
    pub(crate) fn load() -> Result<Self> {
        let top = Self {
            root: Path::new(env!("CARGO_MANIFEST_DIR")).join(".."),
            ..Self::default()
        };
        let mut command =
            crate::process::cargo(&top, ["metadata", "--no-deps", "--format-version", "1"]);
        let text = crate::process::output(&mut command)?;
        serde_json::from_str(&text).context("cannot read the output of `cargo metadata`")
    }

    /// The packages that are or will be on the registry.
    pub(crate) fn published(&self) -> impl Iterator<Item = &Package> {
        self.packages
            .iter()
            .filter(|package| package.is_published())
    }

    /// The package of this name.
    pub(crate) fn package(&self, name: &str) -> Option<&Package> {
        self.packages.iter().find(|package| package.name == name)
    }

    /// A path below the top of the workspace, with `/` on every system.
    pub(crate) fn relative(&self, path: &Path) -> String {
        let path = path.strip_prefix(&self.root).unwrap_or(path);
        path.to_string_lossy().replace('\\', "/")
    }
}

impl Package {
    /// The package's folder.
    pub(crate) fn dir(&self) -> &Path {
        self.manifest_path.parent().unwrap_or(Path::new(""))
    }

    /// Whether the package may go to a registry.
    pub(crate) fn is_published(&self) -> bool {
        self.publish
            .as_ref()
            .is_none_or(|registries| !registries.is_empty())
    }

    /// The package's targets of a kind such as `lib` or `example`.
    pub(crate) fn targets_of(&self, kind: &str) -> impl Iterator<Item = &Target> {
        self.targets
            .iter()
            .filter(move |target| target.kind.iter().any(|is| is == kind))
    }

    /// Whether it has a library.
    pub(crate) fn is_library(&self) -> bool {
        self.targets_of("lib").next().is_some()
    }

    /// Its manifest as written.
    pub(crate) fn manifest(&self) -> Result<toml::Table> {
        let path = &self.manifest_path;
        fs::read_to_string(path)
            .with_context(|| format!("cannot read {}", path.display()))?
            .parse()
            .with_context(|| format!("{} is no TOML", path.display()))
    }
}
