//! The link to the control plane: opened, kept, opened again.
//! It must never ask in step with other proxies, and must cost nothing where the registry is no control plane of ours.

use std::sync::Arc;
use std::time::Duration;

use mesher_client::{ControlClient, Heard, Link, LinkEnd};
use mesher_model::mesh::ProxyRow;
use mesher_model::rule::Kind;
use mesher_model::rule::link::{Ask, ControlSays, FORMAT, ProxySays, SILENCE_MAX, Told, Update};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::desk::Desk;
use super::keys::LinkedKeys;
use super::leases::Leases;
use crate::backoff::Backoff;
use crate::explain;
use crate::status::{LinkState, Status};
use crate::worker::Shared;

/// How often a registry without links is asked whether it has them now.
const ABSENT_PAUSE: Duration = Duration::from_secs(60);
/// Questions of the control plane that are answered at one time.
const QUESTIONS_MAX: usize = 16;

/// Whom the link tells what it hears.
#[derive(Debug)]
pub(crate) struct Ears {
    pub(crate) desk: Desk,
    /// Where keys come by the link, too.
    pub(crate) keys: Option<LinkedKeys>,
    pub(crate) leases: Leases,
    pub(crate) shared: Arc<Shared>,
}

/// Keeps the link for the life of the proxy, whose end it tells.
pub(crate) async fn keep(client: ControlClient, status: Arc<Status>, row: ProxyRow, mut ears: Ears) {
    let mut open = None;
    tokio::select! {
        () = stay_linked(&client, &status, &row, &mut ears, &mut open) => {}
        () = status.ending() => {}
    }
    if let Some(link) = &mut open
        && let Err(end) = link.say(&ProxySays::Goodbye).await
    {
        tracing::debug!(reason = %end, "the control plane did not take the goodbye");
    }
}

/// Links again whenever the link ends. It stands in `open` while there is one.
async fn stay_linked(
    client: &ControlClient,
    status: &Arc<Status>,
    row: &ProxyRow,
    ears: &mut Ears,
    open: &mut Option<Link>,
) {
    let mut backoff = Backoff::default();
    loop {
        let began = Instant::now();
        match client.link(&row.id).await {
            Ok(link) => {
                tracing::info!("linked to the control plane");
                status.link_is(LinkState::Connected);
                let end = serve(open.insert(link), status, row, ears).await;
                *open = None;
                ears.desk.end_link();
                ears.leases.link_is(false);
                tracing::warn!(reason = %end, "the link to the control plane ended; serving with the rules that hold");
                status.link_is(LinkState::Away(end.to_string()));
            }
            Err(error) if error.is_unknown_path() => {
                // An original Service Center: what it knows of rules comes by its configuration.
                tracing::debug!(%error, "the registry has no links");
                status.link_is(LinkState::None);
                tokio::time::sleep(ABSENT_PAUSE.mul_f64(fastrand::f64())).await;
                continue;
            }
            Err(error) => status.link_is(LinkState::Away(error.to_string())),
        }
        tokio::time::sleep(backoff.ended(began.elapsed(), fastrand::f64())).await;
    }
}

/// Speaks until the link ends.
async fn serve(link: &mut Link, status: &Arc<Status>, row: &ProxyRow, ears: &mut Ears) -> LinkEnd {
    match speak(link, status, row, ears).await {
        Err(end) => end,
        Ok(never) => match never {},
    }
}

async fn speak(
    link: &mut Link,
    status: &Arc<Status>,
    row: &ProxyRow,
    ears: &mut Ears,
) -> Result<std::convert::Infallible, LinkEnd> {
    let Ears { desk, keys, leases, shared } = ears;
    let (targets, serving, epoch) = desk.begin_link();
    let kinds = Kind::ALL.iter().map(ToString::to_string).collect();
    let row = Box::new(ProxyRow { state: status.state().as_str().to_owned(), ..row.clone() });
    let wish = keys.as_ref().map(|keys| keys.wish());
    link.say(&ProxySays::Hello { format: FORMAT, row, kinds, targets, serving, epoch, keys: wish }).await?;
    leases.link_is(true);
    let mut last_heard = Instant::now();
    let mut asked = Asked::default();
    loop {
        tokio::select! {
            heard = link.hear() => {
                last_heard = Instant::now();
                match heard? {
                    Heard::Says(ControlSays::Update(update)) => {
                        take(link, status, desk, update).await?;
                        leases.look();
                    }
                    Heard::Says(ControlSays::Moved) => status.bell.ring(),
                    Heard::Says(ControlSays::Slices { slices }) => leases.take(slices, shared.now()),
                    Heard::Says(ControlSays::Ask { number, ask }) => asked.begin(status, number, ask),
                    Heard::Says(ControlSays::Keys(news)) => {
                        if let Some(keys) = keys.as_mut()
                            && let Some(problems) = keys.take(&news, desk).await
                        {
                            status.keys_are(problems);
                        }
                    }
                    Heard::Says(_) | Heard::Alive => {}
                }
            }
            (number, answer) = asked.next() => link.say(&ProxySays::Told { number, answer }).await?,
            limits = leases.demands() => link.say(&ProxySays::Demand { limits }).await?,
            targets = desk.wishes() => link.say(&ProxySays::Subscribe { targets }).await?,
            () = tokio::time::sleep_until(last_heard + SILENCE_MAX) => {
                return Err(LinkEnd::Broken(format!("nothing was heard for {} s", SILENCE_MAX.as_secs())));
            }
        }
    }
}

/// Questions of the control plane that are being answered: beside the link, so that it goes on meanwhile.
#[derive(Debug, Default)]
struct Asked(JoinSet<(u64, Box<Told>)>);

impl Asked {
    fn begin(&mut self, status: &Arc<Status>, number: u64, ask: Ask) {
        let status = Arc::clone(status);
        let is_full = self.0.len() >= QUESTIONS_MAX;
        self.0.spawn_local(async move {
            let reason =
                || Told::Nothing { reason: "too many questions wait for this proxy already".to_owned() };
            let told = if is_full { reason() } else { explain::ask(&status, ask).await };
            (number, Box::new(told))
        });
    }

    /// The next answer; never while nothing is asked.
    async fn next(&mut self) -> (u64, Box<Told>) {
        loop {
            match self.0.join_next().await {
                Some(Ok(answer)) => return answer,
                // A question that broke has no answer.
                Some(Err(_)) => {}
                None => std::future::pending().await,
            }
        }
    }
}

async fn take(link: &mut Link, status: &Status, desk: &Desk, update: Update) -> Result<(), LinkEnd> {
    let nonce = update.nonce;
    match desk.take(&update).await {
        Ok(()) => {
            status.rules_are(desk.revision(), None);
            link.say(&ProxySays::Accepted { nonce, serving: desk.revision() }).await
        }
        Err(reason) => {
            tracing::error!(
                reason,
                revision = update.revision,
                "rules of the control plane cannot be used; serving with the last good ones"
            );
            status.rules_are(desk.revision(), Some(reason.clone()));
            link.say(&ProxySays::Refused { nonce, serving: desk.revision(), reason }).await
        }
    }
}
