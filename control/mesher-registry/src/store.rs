//! The one place where records change: each change is one record put or removed, with its indexes, counters and lease.
//! It must not judge a call, and tells nobody: `registry` records the edit, and the caller says what it means.

use std::collections::HashMap;
use std::sync::Arc;

use mesher_model::{Instance, Microservice};

use crate::edit::{Edit, Key, Place, SchemaContent, Stored};
use crate::lease::{Holder, term};
use crate::record::{InstanceRecord, Lease, ServiceRecord};
use crate::space::Space;
use crate::{Moment, ProviderName, Registry, Version};

/// The tenants, by domain and project.
pub(crate) type Domains = HashMap<Box<str>, HashMap<Box<str>, Space>>;

impl Registry {
    /// Puts or removes one record as a store had it, without an edit and without telling anybody. Indexes, counters and
    /// leases follow; an instance that was not there gets one full lease from `now` on.
    ///
    /// For loading at start (services first: [`Key`] is ordered so) and for taking back edits that could not be kept
    /// (the `before` of each, in reverse order). `false`: the record's service is not there, or the value is of another
    /// kind than the key; nothing has changed then.
    pub fn restore(&mut self, key: &Key, value: Option<Stored>, now: Moment) -> bool {
        let is_removal = value.is_none();
        let has_service = space_in(&mut self.domains, key.place())
            .is_some_and(|space| space.get(&key.place().service).is_some());
        if !has_service && !matches!(key, Key::Service(_)) {
            return is_removal;
        }
        is_of_kind(key, value.as_ref()) && {
            self.set(key, value, now);
            true
        }
    }

    /// Every record but the registry's own, each service before what hangs on it: what a store holds once it holds all
    /// edits.
    pub fn records(&self) -> impl Iterator<Item = (Key, Stored)> {
        self.all_services().flat_map(|record| {
            let place = || record.place.clone();
            let service = (Key::Service(place()), Stored::Service(Arc::clone(&record.service)));
            let tags =
                record.tags.iter().map(move |tags| (Key::Tags(place()), Stored::Tags(Arc::clone(tags))));
            let providers = record.providers.iter();
            let providers = providers
                .map(move |names| (Key::Dependencies(place()), Stored::Dependencies(Arc::clone(names))));
            let schemas = record.schemas.iter().map(move |(id, content)| {
                (Key::Schema(place(), Arc::clone(id)), Stored::Schema(Arc::clone(content)))
            });
            let instances = record.instances.iter().map(move |(id, entry)| {
                (Key::Instance(place(), Arc::clone(id)), Stored::Instance(Arc::clone(&entry.instance)))
            });
            std::iter::once(service).chain(tags).chain(providers).chain(schemas).chain(instances)
        })
    }

    /// Changes one record and keeps the edit. Answers what stood there.
    pub(crate) fn write(&mut self, key: Key, after: Option<Stored>, now: Moment) -> Option<Stored> {
        let before = self.set(&key, after.clone(), now);
        if before != after {
            self.edits.push(Edit { key, before: before.clone(), after });
        }
        before
    }

    fn set(&mut self, key: &Key, value: Option<Stored>, now: Moment) -> Option<Stored> {
        let place = key.place();
        match (key, value) {
            (Key::Service(_), Some(Stored::Service(service))) => {
                self.set_service(place, Some(service)).map(Stored::Service)
            }
            (Key::Service(_), None) => self.set_service(place, None).map(Stored::Service),
            (Key::Tags(_), value) => {
                let value = value.and_then(|value| match value {
                    Stored::Tags(tags) => Some(tags),
                    _ => None,
                });
                let record = record_in(&mut self.domains, place)?;
                std::mem::replace(&mut record.tags, value).map(Stored::Tags)
            }
            (Key::Dependencies(_), Some(Stored::Dependencies(names))) => {
                self.set_providers(place, Some(names)).map(Stored::Dependencies)
            }
            (Key::Dependencies(_), None) => self.set_providers(place, None).map(Stored::Dependencies),
            (Key::Schema(_, id), Some(Stored::Schema(content))) => {
                self.set_schema(place, id, Some(content)).map(Stored::Schema)
            }
            (Key::Schema(_, id), None) => self.set_schema(place, id, None).map(Stored::Schema),
            (Key::Instance(_, id), Some(Stored::Instance(instance))) => {
                self.put_instance(place, id, instance, now).map(Stored::Instance)
            }
            (Key::Instance(_, id), None) => self.remove_instance(place, id).map(Stored::Instance),
            // A value of another kind; `restore` refuses it and no caller here makes one.
            _ => None,
        }
    }

    fn set_service(
        &mut self,
        place: &Place,
        service: Option<Arc<Microservice>>,
    ) -> Option<Arc<Microservice>> {
        self.revision += 1;
        let revision = self.revision;
        let known = record_in(&mut self.domains, place);
        match (service, known) {
            (None, _) => self.take_service(place),
            (Some(service), Some(record)) if is_same(&record.service, &service) => {
                let could_cross = record.may_cross_apps();
                let before = std::mem::replace(&mut record.service, service);
                if could_cross != record.may_cross_apps() {
                    record.changed = revision;
                }
                Some(before)
            }
            (Some(service), _) => {
                let before = self.take_service(place);
                self.add_service(place, service);
                before
            }
        }
    }

    fn add_service(&mut self, place: &Place, service: Arc<Microservice>) {
        // A version that no rule lets in can only come from a damaged store; it then sorts first.
        let version = Version::parse(&service.version).unwrap_or_default();
        let projects = self.domains.entry((*place.domain).into()).or_default();
        let space = projects.entry((*place.project).into()).or_insert_with(|| Space::new(place));
        self.numbers += 1;
        let record = ServiceRecord::new(space.place(&place.service), service, version, self.numbers);
        space.insert(ServiceRecord { changed: self.revision, ..record });
        self.service_count += 1;
    }

    fn take_service(&mut self, place: &Place) -> Option<Arc<Microservice>> {
        let record = space_in(&mut self.domains, place)?.remove(&place.service)?;
        self.service_count -= 1;
        self.instance_count -= record.instances.len();
        self.schema_bytes -= record.schemas.values().map(|content| content.schema.len()).sum::<usize>();
        for lease in record.instances.values().filter_map(|instance| instance.lease) {
            self.leases.remove(lease.queued, lease.number);
        }
        self.drop_space_if_empty(place);
        Some(record.service)
    }

    fn set_providers(
        &mut self,
        place: &Place,
        names: Option<Arc<Vec<ProviderName>>>,
    ) -> Option<Arc<Vec<ProviderName>>> {
        space_in(&mut self.domains, place)?.set_providers(&place.service, names)
    }

    fn set_schema(
        &mut self,
        place: &Place,
        id: &Arc<str>,
        content: Option<Arc<SchemaContent>>,
    ) -> Option<Arc<SchemaContent>> {
        let schemas = &mut record_in(&mut self.domains, place)?.schemas;
        let more = content.as_ref().map_or(0, |content| content.schema.len());
        let before = match content {
            Some(content) => schemas.insert(Arc::clone(id), content),
            None => schemas.remove(id),
        };
        let less = before.as_ref().map_or(0, |content| content.schema.len());
        self.schema_bytes = (self.schema_bytes + more).saturating_sub(less);
        before
    }

    fn put_instance(
        &mut self,
        place: &Place,
        id: &Arc<str>,
        instance: Arc<Instance>,
        now: Moment,
    ) -> Option<Arc<Instance>> {
        let record = record_in(&mut self.domains, place)?;
        self.revision += 1;
        record.changed = self.revision;
        if let Some(known) = record.instances.get_mut(id) {
            return Some(known.replace(instance, self.revision));
        }
        self.numbers += 1;
        let term = term(instance.health_check.as_ref());
        let ends = now.monotonic.saturating_add(term);
        let lease = Lease { number: self.numbers, term, ends, queued: ends };
        let holder = Holder { place: record.place.clone(), instance: Arc::clone(id) };
        record.instances.insert(Arc::clone(id), InstanceRecord::new(instance, self.revision, lease));
        self.leases.push(ends, lease.number, holder);
        self.instance_count += 1;
        None
    }

    fn remove_instance(&mut self, place: &Place, id: &str) -> Option<Arc<Instance>> {
        let record = record_in(&mut self.domains, place)?;
        let entry = record.instances.remove(id)?;
        self.revision += 1;
        record.changed = self.revision;
        if let Some(lease) = entry.lease {
            self.leases.remove(lease.queued, lease.number);
        }
        self.instance_count -= 1;
        Some(entry.instance)
    }

    fn drop_space_if_empty(&mut self, place: &Place) {
        let Some(projects) = self.domains.get_mut(&*place.domain) else { return };
        if projects.get(&*place.project).is_some_and(Space::is_empty) {
            projects.remove(&*place.project);
        }
        if projects.is_empty() {
            self.domains.remove(&*place.domain);
        }
    }
}

fn space_in<'a>(domains: &'a mut Domains, place: &Place) -> Option<&'a mut Space> {
    domains.get_mut(&*place.domain)?.get_mut(&*place.project)
}

/// The record of a service, borrowed from the tenants only: counters and leases stay free.
pub(crate) fn record_in<'a>(domains: &'a mut Domains, place: &Place) -> Option<&'a mut ServiceRecord> {
    space_in(domains, place)?.get_mut(&place.service)
}

/// Whether two records are of one identity: indexes hang on it.
fn is_same(one: &Microservice, other: &Microservice) -> bool {
    const fn identity(service: &Microservice) -> [&String; 5] {
        let Microservice { environment, app_id, service_name, alias, version, .. } = service;
        [environment, app_id, service_name, alias, version]
    }
    identity(one) == identity(other)
}

fn is_of_kind(key: &Key, value: Option<&Stored>) -> bool {
    matches!(
        (key, value),
        (_, None)
            | (Key::Service(_), Some(Stored::Service(_)))
            | (Key::Tags(_), Some(Stored::Tags(_)))
            | (Key::Dependencies(_), Some(Stored::Dependencies(_)))
            | (Key::Schema(..), Some(Stored::Schema(_)))
            | (Key::Instance(..), Some(Stored::Instance(_)))
    )
}
