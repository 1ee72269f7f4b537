//! The services file as a source: read at the start, and again whenever it is another.
//! It must keep the last good content while the file is bad, gone, or being written.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::time::SystemTime;

use mesher_model::query::ServiceKey;

use super::document::{self, DnsName, Name, Service, Services, name_of};
use crate::bootstrap::{BootstrapError, Problem};
use crate::discovery::source::{Answer, Answers, Occasion, Source, Wanted};
use crate::snapshot::Origin;

/// The largest file that is read.
const FILE_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// The services file.
#[derive(Debug)]
pub(crate) struct FileSource {
    path: PathBuf,
    app: String,
    content: RefCell<Content>,
}

/// What the file said when it was last good.
#[derive(Debug)]
struct Content {
    services: Services,
    /// When each service last changed, counted in contents.
    changes: BTreeMap<Name, u64>,
    count: u64,
    /// Of the file that was read last, good or bad.
    taken: Option<Signature>,
    /// Of the file that was seen last.
    seen: Option<Signature>,
    is_gone: bool,
}

/// What tells one state of a file from another without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Signature {
    device: u64,
    inode: u64,
    length: u64,
    modified: Option<SystemTime>,
}

impl FileSource {
    /// Reads the file for the first time.
    ///
    /// # Errors
    /// What is wrong with it, with its place: whoever wrote it is to blame.
    pub(crate) fn open(path: &Path, app: &str) -> Result<Self, BootstrapError> {
        let signature = signature(path).ok();
        let services = read(path, app).map_err(|problems| BootstrapError { problems })?;
        let changes = services.keys().map(|name| (name.clone(), 1)).collect();
        let content =
            Content { services, changes, count: 1, taken: signature, seen: signature, is_gone: false };
        Ok(Self { path: path.to_owned(), app: app.to_owned(), content: RefCell::new(content) })
    }

    /// Looks whether the file is another, and reads it where it is. One that changes from look to look is being
    /// written: it waits until it stays as it is.
    fn look(&self) {
        let mut content = self.content.borrow_mut();
        let signature = match signature(&self.path) {
            Ok(signature) => signature,
            Err(error) => {
                if !std::mem::replace(&mut content.is_gone, true) {
                    tracing::warn!(file = %self.path.display(), %error, "the services file cannot be read; going on with what it said");
                }
                return;
            }
        };
        content.is_gone = false;
        let is_settled = content.seen.replace(signature) == Some(signature);
        if !is_settled || content.taken == Some(signature) {
            return;
        }
        content.taken = Some(signature);
        match read(&self.path, &self.app) {
            Ok(services) => content.take(services, &self.path),
            Err(problems) => {
                let problems = BootstrapError { problems };
                tracing::error!(%problems, "the services file is bad; going on with what it said before");
            }
        }
    }

    /// The name of the domain name system by which a service is found, with the service's version.
    pub(super) fn lookup(&self, keys: &[ServiceKey]) -> Option<(ServiceKey, DnsName, String)> {
        let content = self.content.borrow();
        keys.iter().find_map(|key| {
            let service = content.services.get(&name_of(key))?;
            Some((key.clone(), service.lookup.clone()?, service.version.clone()))
        })
    }

    /// Whether any service is found by a name of the domain name system.
    pub(super) fn has_lookups(&self) -> bool {
        self.content.borrow().services.values().any(|service| service.lookup.is_some())
    }
}

impl Content {
    fn take(&mut self, services: Services, path: &Path) {
        self.count += 1;
        let changed: Vec<&Name> = services
            .iter()
            .filter(|(name, service)| self.services.get(*name) != Some(*service))
            .map(|(name, _)| name)
            .collect();
        tracing::info!(file = %path.display(), services = services.len(), changed = changed.len(), "the services file is read again");
        for name in changed {
            self.changes.insert(name.clone(), self.count);
        }
        self.changes.retain(|name, _| services.contains_key(name));
        self.services = services;
    }

    fn answer(&self, wanted: &Wanted) -> Answer {
        let known = |key: &ServiceKey| {
            let (name, service) = self.services.get_key_value(&name_of(key))?;
            Some((key.clone(), name, service))
        };
        let Some((key, name, Service { instances, .. })) = wanted.keys.iter().find_map(known) else {
            return Answer::Unknown;
        };
        let revision = self.changes.get(name).copied().unwrap_or_default().to_string();
        if revision == wanted.revision {
            return Answer::Unchanged;
        }
        Answer::Set { key, revision, instances: instances.clone() }
    }
}

impl Source for FileSource {
    fn origin(&self) -> Origin {
        Origin::File
    }

    fn is_at_hand(&self) -> bool {
        true
    }

    fn edition(&self) -> u64 {
        self.content.borrow().count
    }

    fn find(&self, wanted: Vec<Wanted>, occasion: Occasion) -> Pin<Box<dyn Future<Output = Answers> + '_>> {
        if occasion == Occasion::Regular {
            self.look();
        }
        let content = self.content.borrow();
        let answers = wanted.iter().map(|wanted| content.answer(wanted)).collect();
        Box::pin(std::future::ready(Ok(answers)))
    }
}

fn signature(path: &Path) -> std::io::Result<Signature> {
    let metadata = fs::metadata(path)?;
    Ok(Signature {
        device: metadata.dev(),
        inode: metadata.ino(),
        length: metadata.len(),
        modified: metadata.modified().ok(),
    })
}

fn read(path: &Path, app: &str) -> Result<Services, Vec<Problem>> {
    let problem =
        |message: String| vec![Problem { place: path.display().to_string(), message, excerpt: None }];
    let length = fs::metadata(path).map_err(|error| problem(format!("cannot be read: {error}")))?.len();
    if length > FILE_BYTES_MAX {
        return Err(problem(format!("has {length} bytes; a services file has at most {FILE_BYTES_MAX}")));
    }
    let text = fs::read_to_string(path).map_err(|error| problem(format!("cannot be read: {error}")))?;
    document::read(path, &text, app)
}
