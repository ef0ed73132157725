//! Which schemes there are, and opening by them.

use std::{collections::BTreeMap, fmt, future::Future, sync::Arc};

use interface_datastore::{
    BoxFuture, Claim, Datastore, DatastoreExt, Durability, Error, ErrorKind, Key, Operation, Result,
};

use crate::{
    Create, OpenOptions, StoreUrl,
    url::{PATH_SCHEME, is_scheme},
};

type Open =
    dyn Fn(StoreUrl, OpenOptions) -> BoxFuture<'static, Result<Arc<dyn Datastore>>> + Send + Sync;

type MakeOpener = fn() -> Opener;

/// An option of a scheme's URLs, as help shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct OptionHelp {
    /// Its name.
    pub name: &'static str,
    /// What it takes and does, in one line.
    pub help: &'static str,
}

const fn option(name: &'static str, help: &'static str) -> OptionHelp {
    OptionHelp { name, help }
}

const READ_ONLY: &str = "read-only";
const CREATE: &str = "create";
const DURABILITY: &str = "durability";

/// The options that every scheme takes.
pub const COMMON_OPTIONS: &[OptionHelp] = &[
    option(
        READ_ONLY,
        "true or false: change nothing; implies create=never",
    ),
    option(
        CREATE,
        "if-missing, never or new: whether to make a new store; if-missing if not given",
    ),
    option(
        DURABILITY,
        "volatile, process, ordered or power: what a finished write withstands that does not say it itself",
    ),
];

/// Opens the stores of one scheme.
///
/// The options of the URL are checked before it is called: it sees only those that it knows. Those that are common to
/// all schemes are in the [`OpenOptions`] already.
#[derive(Clone)]
pub struct Opener {
    about: &'static str,
    options: Vec<OptionHelp>,
    open: Arc<Open>,
}

impl Opener {
    /// An opener that is this function. `about` says in one line what it opens and what the path means.
    pub fn new<F, Opened>(about: &'static str, open: F) -> Self
    where
        F: Fn(StoreUrl, OpenOptions) -> Opened + Send + Sync + 'static,
        Opened: Future<Output = Result<Arc<dyn Datastore>>> + Send + 'static,
    {
        Self {
            about,
            options: Vec::new(),
            open: Arc::new(move |url, options| Box::pin(open(url, options))),
        }
    }

    /// The same for URLs that may have the option `name`.
    #[must_use]
    pub fn with_option(mut self, name: &'static str, help: &'static str) -> Self {
        self.options.push(option(name, help));
        self
    }

    /// What it opens.
    pub fn about(&self) -> &'static str {
        self.about
    }

    /// The options that its URLs may have besides [`COMMON_OPTIONS`].
    pub fn options(&self) -> &[OptionHelp] {
        &self.options
    }
}

impl fmt::Debug for Opener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opener")
            .field("about", &self.about)
            .finish_non_exhaustive()
    }
}

/// The schemes that a program knows.
#[derive(Debug, Clone)]
pub struct Registry {
    openers: BTreeMap<String, Opener>,
}

impl Default for Registry {
    /// As [`Registry::with_defaults`].
    fn default() -> Self {
        Self::with_defaults()
    }
}

impl Registry {
    /// A registry that knows no scheme.
    pub fn empty() -> Self {
        Self {
            openers: BTreeMap::new(),
        }
    }

    /// A registry of the schemes that the crate's features bring.
    pub fn with_defaults() -> Self {
        let openers: &[(&str, MakeOpener)] = &[
            #[cfg(feature = "fjall")]
            ("fjall", crate::kv::fjall::opener),
            #[cfg(feature = "flatfs")]
            ("flatfs", crate::flatfs::opener),
            #[cfg(feature = "fs")]
            ("fs", crate::fs::opener),
            #[cfg(feature = "kubo")]
            ("kubo", crate::kubo::opener),
            #[cfg(feature = "kv")]
            ("kv", crate::kv::any::opener),
            #[cfg(feature = "leveldb")]
            ("leveldb", crate::leveldb::opener),
            #[cfg(feature = "memory")]
            ("mem", crate::memory::opener),
            #[cfg(feature = "redb")]
            ("redb", crate::kv::redb::opener),
            #[cfg(feature = "sled")]
            ("sled", crate::kv::sled::opener),
        ];
        Self {
            openers: openers
                .iter()
                .map(|(name, opener)| ((*name).to_owned(), opener()))
                .collect(),
        }
    }

    /// Adds a scheme: from then on `SCHEME:…` is opened by `opener`.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] if it cannot be a scheme or an option hides a common one;
    /// [`ErrorKind::AlreadyExists`] if the scheme is taken.
    pub fn register(&mut self, scheme: &str, opener: Opener) -> Result<()> {
        let refuse =
            |kind, detail: String| Err(Error::new(kind, Operation::Open).with_detail(detail));
        if !is_scheme(scheme) {
            let detail = format!(
                "\"{scheme}\" cannot be a scheme, which has two or more letters, digits, \"+\", \"-\" and \".\", a letter first"
            );
            return refuse(ErrorKind::InvalidArgument, detail);
        }
        let scheme = scheme.to_ascii_lowercase();
        if let Some(hidden) = opener.options.iter().find(|own| is_common(own.name)) {
            let detail = format!("the option \"{}\" is common to all schemes", hidden.name);
            return refuse(ErrorKind::InvalidArgument, detail);
        }
        if self.openers.contains_key(&scheme) {
            return refuse(ErrorKind::AlreadyExists, format!("the scheme \"{scheme}\""));
        }
        self.openers.insert(scheme, opener);
        Ok(())
    }

    /// The schemes and their openers, in order of name.
    pub fn schemes(&self) -> impl Iterator<Item = (&str, &Opener)> {
        self.openers
            .iter()
            .map(|(name, opener)| (name.as_str(), opener))
    }

    /// Opens the store that a URL or a path names: see [`StoreUrl`].
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] for a text that is no such URL, an unknown scheme or an unknown option, listing the
    /// known ones; else those of the store.
    pub async fn open(&self, url: &str, options: OpenOptions) -> Result<Arc<dyn Datastore>> {
        self.open_url(&StoreUrl::parse(url)?, options).await
    }

    /// As [`open`](Self::open), of a URL that has been read.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub async fn open_url(
        &self,
        url: &StoreUrl,
        options: OpenOptions,
    ) -> Result<Arc<dyn Datastore>> {
        let opener = self.opener(url)?;
        check_options(url, opener)?;
        let options = merged(url, options)?;
        let read_only = options.read_only;
        let store = (opener.open)(url.clone(), options).await?;
        if read_only && store.capabilities(&Key::root()).writable != Claim::No {
            store.close().await?;
            return Err(Error::unsupported(
                Operation::Open,
                format!("opening read-only with the scheme \"{}\"", url.scheme()),
            )
            .with_path(url.to_string()));
        }
        Ok(store)
    }

    fn opener(&self, url: &StoreUrl) -> Result<&Opener> {
        self.openers.get(url.scheme()).ok_or_else(|| {
            let known: Vec<&str> = self.openers.keys().map(String::as_str).collect();
            let known = if known.is_empty() {
                "none".to_owned()
            } else {
                known.join(", ")
            };
            let remedy = if url.scheme() == PATH_SCHEME {
                format!("known schemes: {known}")
            } else {
                format!("known schemes: {known}; a path that looks like this is written ./{url}")
            };
            url.invalid(format!("the scheme \"{}\" is not known", url.scheme()))
                .with_remedy(remedy)
        })
    }
}

fn is_common(name: &str) -> bool {
    COMMON_OPTIONS.iter().any(|common| common.name == name)
}

fn check_options(url: &StoreUrl, opener: &Opener) -> Result<()> {
    let known = || COMMON_OPTIONS.iter().chain(opener.options());
    for (name, _) in url.options() {
        if !known().any(|known| known.name == name) {
            let known: Vec<&str> = known().map(|known| known.name).collect();
            let detail = format!("{}: has no option \"{name}\"", url.scheme());
            return Err(url
                .invalid(detail)
                .with_remedy(format!("known options: {}", known.join(", "))));
        }
    }
    Ok(())
}

/// The options of the call, those of the URL over them.
fn merged(url: &StoreUrl, mut options: OpenOptions) -> Result<OpenOptions> {
    let creates = [
        ("if-missing", Create::IfMissing),
        ("never", Create::Never),
        ("new", Create::New),
    ];
    if let Some(create) = url.choice(CREATE, &creates)? {
        options.create = create;
    }
    let levels = Durability::ALL.map(|level| (level.as_str(), level));
    if let Some(durability) = url.choice(DURABILITY, &levels)? {
        options.durability = Some(durability);
    }
    // A program that asked for reading only must not be made to write by a URL.
    options.read_only |= url.flag(READ_ONLY)?.unwrap_or(false);
    if options.read_only {
        options.create = Create::Never;
    }
    Ok(options)
}
