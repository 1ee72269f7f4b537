//! The calls about rule documents, as the command needs them.
//! It must not decide what to do about a refusal.

use http::Method;
use mesher_model::mesh::{Detail, Listing};
use mesher_model::rule::{Base, Change, Checked, Convergence, Documents, RuleKey, RuleRow};
use serde_json::json;

use crate::transport::{Call, call, call_with, escape};
use crate::{ClientError, ControlClient};

/// Items of a page.
const PAGE: usize = 1000;

impl ControlClient {
    /// Every rule document, or those about one service.
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn rules(&self, service: Option<&str>) -> Result<Vec<RuleRow>, ClientError> {
        let service = service.map(|service| format!("&service={}", escape(service))).unwrap_or_default();
        let mut rows = Vec::new();
        let mut next = String::new();
        loop {
            let path = format!("/mesher/v1/rules?limit={PAGE}{service}&next={next}");
            let page: Listing<RuleRow> = self.transport.fetch(call(Method::GET, path)).await?;
            rows.extend(page.items);
            match page.next {
                Some(cursor) => next = cursor,
                None => return Ok(rows),
            }
        }
    }

    /// What applying a text would do. Nothing is changed.
    ///
    /// # Errors
    /// [`ClientError`]; what is wrong in the text is in the answer, not an error.
    pub async fn check_rules(&self, text: &str) -> Result<Checked, ClientError> {
        let call =
            Call { body: text.to_owned().into(), ..call(Method::POST, "/mesher/v1/rules:check".to_owned()) };
        self.transport.fetch::<Detail<Checked>>(call).await.map(|answer| answer.item)
    }

    /// Applies all documents of a text, or none.
    ///
    /// # Errors
    /// [`ClientError`]; 412 where one of them was changed since it was read.
    pub async fn apply_rules(&self, documents: &Documents) -> Result<Checked, ClientError> {
        let path = "/mesher/v1/rules:apply".to_owned();
        let call = call_with(Method::POST, path, documents);
        self.transport.fetch::<Detail<Checked>>(call).await.map(|answer| answer.item)
    }

    /// Removes a document, whatever it says.
    ///
    /// # Errors
    /// [`ClientError`]; 404 where there is none.
    pub async fn remove_rule(&self, key: &RuleKey) -> Result<(), ClientError> {
        let RuleKey { kind, environment, application, name } = key;
        let path = format!(
            "/mesher/v1/rules/{kind}/{}?app={}&env={}",
            escape(name),
            escape(application),
            escape(environment)
        );
        self.transport.send_on_condition(call(Method::DELETE, path), "*").await.map(drop)
    }

    /// What was changed, newest first, at most so many; of one document where one is named.
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn changes(
        &self,
        document: Option<(&str, &str)>,
        limit: usize,
    ) -> Result<Vec<Change>, ClientError> {
        let document = document
            .map(|(kind, name)| format!("&kind={}&name={}", escape(kind), escape(name)))
            .unwrap_or_default();
        let path = format!("/mesher/v1/changes?limit={limit}{document}");
        self.transport.fetch::<Listing<Change>>(call(Method::GET, path)).await.map(|page| page.items)
    }

    /// One change with the documents before and after it.
    ///
    /// # Errors
    /// [`ClientError`]; 404 where the history does not reach it.
    pub async fn change(&self, revision: u64) -> Result<Change, ClientError> {
        let path = format!("/mesher/v1/changes/{revision}");
        self.transport.fetch::<Detail<Change>>(call(Method::GET, path)).await.map(|answer| answer.item)
    }

    /// How far a change has come, after at most so many seconds; those must be fewer than a call may take.
    ///
    /// # Errors
    /// [`ClientError`]
    pub async fn convergence(&self, revision: u64, wait_seconds: u64) -> Result<Convergence, ClientError> {
        let path = format!("/mesher/v1/changes/{revision}/convergence?wait_seconds={wait_seconds}");
        self.transport.fetch::<Detail<Convergence>>(call(Method::GET, path)).await.map(|answer| answer.item)
    }

    /// Brings all documents back to how they stood at a revision, or says what that would do.
    ///
    /// # Errors
    /// [`ClientError`]; 404 where the history does not reach it.
    pub async fn rollback(&self, revision: u64, is_dry: bool) -> Result<Checked, ClientError> {
        let body = json!({"revision": revision, "dry_run": is_dry});
        let call = call_with(Method::POST, "/mesher/v1/rollback".to_owned(), &body);
        self.transport.fetch::<Detail<Checked>>(call).await.map(|answer| answer.item)
    }
}

/// What each step of a check begins with, for applying the same text.
#[must_use]
pub fn bases(checked: &Checked) -> Vec<Base> {
    checked.steps.iter().map(|step| step.base.clone()).collect()
}
