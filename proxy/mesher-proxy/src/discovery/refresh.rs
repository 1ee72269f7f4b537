//! The regular look at all known services, one bounded batch after the other.
//! It must never take silence for an answer: a registry that is away changes nothing.

use std::ops::Bound;
use std::sync::Arc;
use std::time::Duration;

use mesher_client::ClientError;
use mesher_model::ErrorCode;
use mesher_model::query::{BatchFindResult, FindService};

use crate::discovery::fleet::{Fleet, KnownService, News, REFRESH_INTERVAL};

/// The longest pause between two looks while the registry is away.
const REFRESH_INTERVAL_MAX: Duration = Duration::from_secs(15);
/// Services asked for in one request.
const BATCH_MAX: usize = 200;

impl Fleet {
    /// Begins to ask for all known services, one batch after the other.
    pub(super) fn refresh(&mut self) {
        if !self.is_refreshing {
            self.refresh_after(None);
        }
    }

    /// Asks for the next services after `last`, each with the revision that is known.
    fn refresh_after(&mut self, last: Option<&str>) {
        let begin = last.map_or(Bound::Unbounded, Bound::Excluded);
        let batch = self.services.range::<str, _>((begin, Bound::Unbounded)).take(BATCH_MAX);
        let (hosts, asked): (Vec<Box<str>>, Vec<_>) = batch
            .map(|(host, known)| {
                (host.clone(), FindService { service: known.key.clone(), rev: known.revision.clone() })
            })
            .unzip();
        self.is_refreshing = !hosts.is_empty();
        if hosts.is_empty() {
            return;
        }
        let (client, news, status) = (self.client.clone(), self.news.0.clone(), Arc::clone(&self.status));
        tokio::task::spawn_local(async move {
            let answer = client.find_instances(&status.service_id(), asked).await;
            status.count_registry_request(answer.as_ref().map_or_else(|error| error.result(), |_| "ok"));
            // Nobody listens any more only when the proxy ends.
            let _ = news.send(News::Refreshed { hosts, answer });
        });
    }

    /// Takes the answer to one batch, and asks for the next, unless the registry is away.
    pub(super) fn take_batch(&mut self, hosts: &[Box<str>], answer: Result<BatchFindResult, ClientError>) {
        let is_away = answer.is_err();
        self.take_refreshed(hosts, answer);
        match hosts.last() {
            Some(last) if !is_away => self.refresh_after(Some(last)),
            _ => self.is_refreshing = false,
        }
    }

    fn take_refreshed(&mut self, hosts: &[Box<str>], answer: Result<BatchFindResult, ClientError>) {
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => {
                self.pause = (self.pause * 2).min(REFRESH_INTERVAL_MAX);
                self.status.registry_is_away(&error);
                self.status.is_knowledge_old();
                return;
            }
        };
        self.pause = REFRESH_INTERVAL;
        self.status.registry_is_there();
        self.status.confirm();
        let host_at = |index: i64| usize::try_from(index).ok().and_then(|index| hosts.get(index));
        for found in answer.updated {
            if let Some(host) = host_at(found.index) {
                self.has_changed |= self.update(host, found.rev, &found.instances);
            }
        }
        for host in answer.not_modified.iter().filter_map(|index| host_at(*index)) {
            if let Some(known) = self.services.get_mut(host) {
                known.emptied_at = None;
            }
        }
        if answer.failed.iter().any(|failed| failed.error.is(ErrorCode::ServiceNotExists)) {
            // It may be ourselves whom the registry does not know any more.
            self.status.doubt_registration();
        }
        for host in
            answer.failed.iter().flat_map(|failed| &failed.indexes).filter_map(|index| host_at(*index))
        {
            let is_empty = |known: &KnownService| known.cluster.endpoints.is_empty();
            if self.services.get(host).is_some_and(is_empty) {
                // Nobody is there and the record is gone: the next call asks anew.
                self.has_changed |= self.services.remove(host).is_some();
            } else {
                self.has_changed |= self.update(host, String::new(), &[]);
            }
        }
    }
}
