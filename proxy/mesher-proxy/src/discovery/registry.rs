//! The registry as a source of services.
//! It must tell the proxy's status how the registry does, and must decide nothing about endpoints.

use std::pin::Pin;
use std::sync::Arc;

use mesher_client::{ClientError, ControlClient, FoundInstances};
use mesher_model::ErrorCode;
use mesher_model::query::{FindService, ServiceKey};

use crate::discovery::source::{Answer, Answers, Occasion, Source, Wanted};
use crate::snapshot::Origin;
use crate::status::Status;

/// The registry.
pub(crate) struct RegistrySource {
    pub(crate) client: ControlClient,
    pub(crate) status: Arc<Status>,
}

impl Source for RegistrySource {
    fn origin(&self) -> Origin {
        Origin::Registry
    }

    fn find(&self, wanted: Vec<Wanted>, occasion: Occasion) -> Pin<Box<dyn Future<Output = Answers> + '_>> {
        Box::pin(async move {
            match occasion {
                Occasion::First => self.first(&wanted).await,
                Occasion::Regular => self.regular(&wanted).await,
            }
            .map_err(|error| error.to_string())
        })
    }
}

impl RegistrySource {
    /// A registry that restarted does not know us yet and finds nothing for us; asked for nobody, it answers.
    async fn first(&self, wanted: &[Wanted]) -> Result<Vec<Answer>, ClientError> {
        let consumer = self.status.service_id();
        let answers = self.ask(&consumer, wanted).await?;
        let is_found = |answer: &Answer| matches!(answer, Answer::Set { .. });
        if consumer.is_empty() || answers.iter().any(is_found) {
            return Ok(answers);
        }
        self.ask("", wanted).await
    }

    async fn regular(&self, wanted: &[Wanted]) -> Result<Vec<Answer>, ClientError> {
        let answers = self.ask(&self.status.service_id(), wanted).await;
        match &answers {
            Ok(answers) => {
                self.status.registry_is_there();
                self.status.confirm();
                let is_lost = |(wanted, answer): (&Wanted, &Answer)| {
                    wanted.is_known && matches!(answer, Answer::Unknown)
                };
                if wanted.iter().zip(answers).any(is_lost) {
                    // It may be ourselves whom the registry does not know any more.
                    self.status.doubt_registration();
                }
            }
            Err(error) => {
                self.status.registry_is_away(error);
                self.status.is_knowledge_old();
            }
        }
        answers
    }

    async fn ask(&self, consumer: &str, wanted: &[Wanted]) -> Result<Vec<Answer>, ClientError> {
        let asked: Vec<(usize, &ServiceKey, &String)> = wanted
            .iter()
            .enumerate()
            .flat_map(|(place, wanted)| wanted.keys.iter().map(move |key| (place, key, &wanted.revision)))
            .collect();
        let find = |(_, key, revision): &(usize, &ServiceKey, &String)| FindService {
            service: (*key).clone(),
            rev: (*revision).clone(),
        };
        let answer = self.client.find_instances(consumer, asked.iter().map(find).collect()).await;
        self.status.count_registry_request(answer.as_ref().map_or_else(ClientError::result, |_| "ok"));
        let FoundInstances { result, unreadable } = answer?;
        self.status.count_skipped(Origin::Registry, unreadable);
        let mut answers = vec![Answer::Silent; wanted.len()];
        let at = |index: i64| usize::try_from(index).ok().and_then(|index| asked.get(index));
        let failed = result
            .failed
            .iter()
            .flat_map(|failed| failed.indexes.iter().map(|index| (*index, &failed.error)));
        for (index, error) in failed {
            // An error of another kind says nothing about the service.
            let is_answer = error.is(ErrorCode::ServiceNotExists) || error.is(ErrorCode::VersionNotExists);
            if let Some(answer) =
                at(index).filter(|_| is_answer).and_then(|(place, ..)| answers.get_mut(*place))
            {
                *answer = Answer::Unknown;
            }
        }
        for index in result.not_modified {
            if let Some(answer) = at(index).and_then(|(place, ..)| answers.get_mut(*place)) {
                *answer = Answer::Unchanged;
            }
        }
        let mut updated = result.updated;
        // The first of a host's keys counts.
        updated.sort_by_key(|found| std::cmp::Reverse(found.index));
        for found in updated {
            let Some((place, key, _)) = at(found.index) else { continue };
            if let Some(answer) = answers.get_mut(*place) {
                *answer =
                    Answer::Set { key: (*key).clone(), revision: found.rev, instances: found.instances };
            }
        }
        Ok(answers)
    }
}
