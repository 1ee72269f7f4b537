//! Links as proxies see them: what comes, in which order, after which answers.
//! It must open no socket.

use std::sync::Arc;

use mesher_config::{Configuration, Draft, Record, Tenant};
use mesher_model::rule::link::{Demand, KEY_LABELS_MAX, KeyWish, LIMIT_WHOLE, LimitKey, Update};
use mesher_model::rule::{Base, Change, Target};
use mesher_rules::{Author, Book, Plan, parse};

use super::hub::{Greeting, LinkError, Links};
use super::peer::Name;
use super::session::{Next, Over, Session};
use crate::Clock;

const EPOCH: &str = "first";

/// Rules, and the links that are told of them.
struct Mesh {
    book: Book,
    links: Arc<Links>,
}

impl Mesh {
    fn new() -> Self {
        let book = Book::default();
        let links = Arc::new(Links::new(EPOCH.to_owned(), &book, Clock::system()));
        Self { book, links }
    }

    /// Writes a document, whatever stands there; answers the change.
    fn write(&mut self, name: &str, service: &str, request: &str) -> Arc<Change> {
        let text = format!(
            "apiVersion: mesher/v1\nkind: Timeout\nmetadata: {{name: {name}}}\nspec: {{service: \"{service}\", request: {request}}}\n"
        );
        self.amend(&Plan::write(parse(&text).unwrap().documents).unwrap())
    }

    fn remove(&mut self, name: &str) -> Arc<Change> {
        let row = self.book.rows().find(|row| row.key.name == name).unwrap();
        self.amend(&Plan::remove(row.key.clone()))
    }

    fn amend(&mut self, plan: &Plan) -> Arc<Change> {
        let bases: Vec<Base> = self.book.check(plan).unwrap().into_iter().map(|step| step.base).collect();
        self.book.amend(plan, Some(&bases), &Author::default()).unwrap();
        let news = self.book.take_news();
        self.links.publish(&news);
        news.last().cloned().unwrap()
    }

    fn join(&self, id: &str, services: &[&str]) -> Session {
        let targets = services.iter().map(|service| target(service)).collect();
        self.links.begin(id, Greeting { targets, ..greeting(0, EPOCH) }).unwrap()
    }
}

fn greeting(serving: u64, epoch: &str) -> Greeting {
    let name = Name { environment: String::new(), application: "default".to_owned(), service: String::new() };
    Greeting { name, targets: Vec::new(), serving, epoch: epoch.to_owned(), keys: None }
}

fn target(service: &str) -> Target {
    Target { environment: String::new(), application: "default".to_owned(), service: service.to_owned() }
}

/// The next update, which has to be there.
async fn next(session: &Session) -> Update {
    match next_of_any(session).await {
        Next::Update(update) => update,
        other => panic!("no update: {other:?}"),
    }
}

async fn next_of_any(session: &Session) -> Next {
    tokio::time::timeout(std::time::Duration::from_secs(5), session.next()).await.unwrap().unwrap()
}

/// Whether nothing is to be sent.
async fn is_quiet(session: &Session) -> bool {
    use std::task::Poll;
    let mut next = std::pin::pin!(session.next());
    std::future::poll_fn(|context| Poll::Ready(next.as_mut().poll(context).is_pending())).await
}

fn names(update: &Update) -> Vec<&str> {
    update.changed.iter().map(|resource| resource.document["metadata"]["name"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_proxy_hears_of_the_services_it_asked_for_and_of_no_other() {
    let mut mesh = Mesh::new();
    mesh.write("a", "a", "1s");
    mesh.write("b", "b", "1s");
    mesh.write("every", "*", "9s");
    let session = mesh.join("one", &["a"]);
    let update = next(&session).await;
    assert_eq!(names(&update), ["every", "a"]);
    assert_eq!(update.targets, [target("*"), target("a")]);
    assert!(is_quiet(&session).await, "nothing goes before the answer");
    session.accepted(update.nonce);
    assert!(is_quiet(&session).await, "all is told");

    mesh.write("b", "b", "2s");
    assert!(is_quiet(&session).await, "it did not ask for b");
    let change = mesh.write("a", "a", "2s");
    let update = next(&session).await;
    assert_eq!((names(&update), update.revision), (vec!["a"], change.changed_revision));
    assert!(update.targets.is_empty(), "a change is no whole");
    let size = serde_json::to_string(&update).unwrap().len();
    assert!(size < 500, "{size} bytes for one changed rule");
    session.accepted(update.nonce);

    session.subscribe(vec![target("b")]).unwrap();
    let update = next(&session).await;
    assert_eq!((names(&update), update.targets.clone()), (vec!["b"], vec![target("b")]));
}

#[tokio::test]
async fn what_is_gone_is_told_and_what_moved_to_another_service_too() {
    let mut mesh = Mesh::new();
    mesh.write("x", "a", "1s");
    let (of_a, of_both) = (mesh.join("one", &["a"]), mesh.join("two", &["a", "b"]));
    for session in [&of_a, &of_both] {
        session.accepted(next(session).await.nonce);
    }
    mesh.write("x", "b", "1s");
    let update = next(&of_a).await;
    assert_eq!(update.removed.iter().map(|gone| gone.name.as_str()).collect::<Vec<_>>(), ["x"]);
    of_a.accepted(update.nonce);
    let update = next(&of_both).await;
    assert_eq!((names(&update), update.removed.len()), (vec!["x"], 0));
    of_both.accepted(update.nonce);

    let change = mesh.remove("x");
    assert!(is_quiet(&of_a).await);
    let update = next(&of_both).await;
    assert_eq!(update.removed[0].revision, change.changed_revision);
    assert!(update.is_empty, "there is no document left");
}

#[tokio::test]
async fn many_changes_while_a_proxy_is_busy_are_one_update() {
    let mut mesh = Mesh::new();
    let session = mesh.join("one", &["a", "b"]);
    let first = next(&session).await;
    for round in 1..=100 {
        mesh.write("a", "a", &format!("{round}s"));
        mesh.write("b", "b", &format!("{round}s"));
    }
    session.accepted(first.nonce);
    let update = next(&session).await;
    assert_eq!((names(&update), update.revision), (vec!["a", "b"], 200));
    assert_eq!(update.changed[0].document["spec"]["request"], "1m40s");
    session.accepted(update.nonce);
    assert_eq!(mesh.links.states()["one"].serving, 200);
    assert!(is_quiet(&session).await);
}

#[tokio::test]
async fn convergence_counts_those_whom_a_change_concerns() {
    let mut mesh = Mesh::new();
    let (one, two) = (mesh.join("one", &["a"]), mesh.join("two", &["a"]));
    let _other = mesh.join("other", &["b"]);
    for session in [&one, &two] {
        session.accepted(next(session).await.nonce);
    }
    let change = mesh.write("a", "a", "1s");
    let found = mesh.links.convergence(&change);
    assert_eq!((found.affected, found.serving, found.done), (2, 0, false));
    assert_eq!(
        found.waiting.iter().map(|behind| behind.instance.as_str()).collect::<Vec<_>>(),
        ["one", "two"]
    );

    one.accepted(next(&one).await.nonce);
    let update = next(&two).await;
    two.refused(update.nonce, "it cannot be compiled".to_owned());
    let found = mesh.links.convergence(&change);
    assert_eq!((found.serving, found.waiting.len(), found.done), (1, 0, false));
    assert_eq!(found.refused[0].reason.as_deref(), Some("it cannot be compiled"));
    assert!(is_quiet(&two).await, "the same is not sent again and again");
    let state = &mesh.links.states()["two"];
    assert_eq!(state.refused.as_ref().unwrap().revision, change.changed_revision);

    // What it refused it does not have: with the next change it gets everything.
    let change = mesh.write("a", "a", "2s");
    let update = next(&two).await;
    assert_eq!(update.targets, [target("*"), target("a")]);
    two.accepted(update.nonce);
    assert!(mesh.links.states()["two"].refused.is_none());
    assert_eq!(mesh.links.convergence(&change).serving, 1);
    one.accepted(next(&one).await.nonce);
    assert!(mesh.links.convergence(&change).done);
}

/// What was refused is missing until everything came again, whatever is accepted meanwhile.
#[tokio::test]
async fn a_refusal_is_not_forgotten_for_what_is_accepted_after_it() {
    let mut mesh = Mesh::new();
    let session = mesh.join("one", &["a"]);
    session.accepted(next(&session).await.nonce);
    // A change comes while the update that is refused is on its way.
    let refused = mesh.write("a", "a", "1s");
    let update = next(&session).await;
    mesh.write("every", "*", "9s");
    session.refused(update.nonce, "no".to_owned());
    assert!(!mesh.links.convergence(&refused).done);
    let update = next(&session).await;
    assert_eq!(names(&update), ["every", "a"], "everything comes again");
    session.refused(update.nonce, "no".to_owned());
    // A further service is asked for, and its rules are accepted.
    session.subscribe(vec![target("b")]).unwrap();
    let update = next(&session).await;
    assert_eq!(update.targets, [target("b")]);
    session.accepted(update.nonce);
    let found = mesh.links.convergence(&refused);
    assert_eq!((found.done, found.refused.len()), (false, 1));
    assert!(mesh.links.states()["one"].refused.is_some());
}

#[tokio::test]
async fn a_proxy_that_is_away_for_long_is_waited_for_no_more() {
    let seconds = Arc::new(std::sync::atomic::AtomicU64::new(0));
    let hand = Arc::clone(&seconds);
    let clock = Clock::from_fn(move || mesher_registry::Moment {
        monotonic: std::time::Duration::from_secs(hand.load(std::sync::atomic::Ordering::SeqCst)),
        ..mesher_registry::Moment::default()
    });
    let book = Book::default();
    let links = Arc::new(Links::new(EPOCH.to_owned(), &book, clock));
    let mut mesh = Mesh { book, links };
    drop(mesh.join("one", &["a"]));
    let change = mesh.write("a", "a", "1s");
    assert_eq!(mesh.links.convergence(&change).affected, 1);
    seconds.store(3600, std::sync::atomic::Ordering::SeqCst);
    let found = mesh.links.convergence(&change);
    assert_eq!((found.affected, found.done), (0, true));
}

#[tokio::test]
async fn a_proxy_that_went_away_is_waited_for_until_it_says_it_ends() {
    let mut mesh = Mesh::new();
    let session = mesh.join("one", &["a"]);
    session.accepted(next(&session).await.nonce);
    drop(session);
    let change = mesh.write("a", "a", "1s");
    let found = mesh.links.convergence(&change);
    assert_eq!(found.waiting[0].link, "disconnected");
    let session = mesh.join("one", &["a"]);
    let update = next(&session).await;
    assert_eq!(names(&update), ["a"]);
    session.accepted(update.nonce);
    assert!(mesh.links.convergence(&change).done);
    mesh.links.forget("one");
    assert_eq!(mesh.links.convergence(&change).affected, 0);
    assert_eq!(session.next().await.unwrap_err(), Over::Forgotten);
}

#[tokio::test]
async fn a_goodbye_counts_from_the_connection_that_speaks_for_the_proxy_only() {
    let mut mesh = Mesh::new();
    let older = mesh.join("one", &["a"]);
    let newer = mesh.join("one", &["a"]);
    let change = mesh.write("a", "a", "1s");
    older.end();
    drop(older);
    assert_eq!(mesh.links.convergence(&change).affected, 1);
    newer.end();
    drop(newer);
    assert_eq!(mesh.links.convergence(&change).affected, 0, "an ended proxy is not away: it is nobody");
    assert!(mesh.links.states().is_empty());
}

#[tokio::test]
async fn one_connection_speaks_for_a_proxy() {
    let mut mesh = Mesh::new();
    let older = mesh.join("one", &["a"]);
    let update = next(&older).await;
    let newer = mesh.join("one", &["a"]);
    assert_eq!(older.next().await.unwrap_err(), Over::Replaced);
    older.accepted(update.nonce);
    drop(older);
    assert_eq!(mesh.links.states()["one"].link, "connected");
    let change = mesh.write("a", "a", "1s");
    assert_eq!(mesh.links.convergence(&change).serving, 0, "the older one's word counts no more");
    newer.accepted(next(&newer).await.nonce);
    assert!(mesh.links.convergence(&change).done);
}

#[test]
fn an_id_is_a_name_and_a_revision_of_another_history_is_none() {
    let mesh = Mesh::new();
    for id in ["", "a b", "a/b", &"x".repeat(65)] {
        assert!(mesh.links.begin(id, greeting(0, EPOCH)).is_err(), "{id:?}");
    }
    let _of_other = mesh.links.begin("one", greeting(7, "other")).unwrap();
    assert_eq!(mesh.links.states()["one"].serving, 0);
    let _of_this = mesh.links.begin("one", greeting(7, EPOCH)).unwrap();
    assert_eq!(mesh.links.states()["one"].serving, 7);
}

/// Keys as they are written, and the links that are told of them.
struct KeyMesh {
    mesh: Mesh,
    configuration: Configuration,
}

impl KeyMesh {
    fn write(&mut self, project: &str, key: &str, labels: &[(&str, &str)]) {
        let labels = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let draft = Draft { key: key.to_owned(), value: "1".to_owned(), labels, ..Draft::default() };
        let tenant = Tenant::new("default", project).unwrap();
        self.configuration.keys_mut().create(tenant, draft, std::time::Duration::ZERO).unwrap();
        self.configuration.take_edits().iter().for_each(|edit| self.mesh.links.keys_changed(edit));
    }

    fn join(&self, sets: &[&[(&str, &str)]]) -> Result<Session, LinkError> {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let labels = sets.iter().map(|set| set.iter().map(owned).collect()).collect();
        let keys = Some(KeyWish { project: "default".to_owned(), labels });
        self.mesh.links.begin("one", Greeting { keys, ..greeting(0, EPOCH) })
    }

    /// The keys that are told next.
    async fn told(&self, session: &Session, is_seen: impl Fn(&Record) -> bool) -> Vec<String> {
        let Next::Keys(keys) = next_of_any(session).await else { panic!("no keys") };
        let mut names: Vec<_> =
            keys.look(&self.configuration, is_seen).keys.into_iter().map(|key| key.key).collect();
        names.sort();
        names
    }
}

#[tokio::test]
async fn a_proxy_hears_of_the_keys_under_its_labels_and_of_no_other() {
    let mut mesh = KeyMesh { mesh: Mesh::new(), configuration: Configuration::default() };
    let (all, own): (&[_], &[_]) = (&[("app", "shop")], &[("app", "shop"), ("service", "web")]);
    mesh.write("default", "of.all", all);
    mesh.write("default", "of.other", &[("app", "shop"), ("service", "other")]);
    let session = mesh.join(&[all, own, &[("no:label", "::")]]).unwrap();
    assert_eq!(mesh.told(&session, |_| true).await, ["of.all"], "as they stand at the hello");
    assert!(is_quiet(&session).await);

    mesh.write("default", "of.other.again", &[("app", "shop"), ("service", "other")]);
    mesh.write("another", "of.project", own);
    assert!(is_quiet(&session).await, "none of these is about it");
    mesh.write("default", "of.service", own);
    mesh.write("default", "of.service.too", own);
    assert_eq!(mesh.told(&session, |_| true).await, ["of.all", "of.service", "of.service.too"]);
    assert!(is_quiet(&session).await, "two changes, told once");

    mesh.write("default", "of.all.again", all);
    assert_eq!(
        mesh.told(&session, |record| record.labels.len() == 2).await,
        ["of.service", "of.service.too"]
    );
}

#[tokio::test]
async fn what_one_proxy_asks_for_is_bounded() {
    let mesh = KeyMesh { mesh: Mesh::new(), configuration: Configuration::default() };
    let set: &[_] = &[("app", "shop")];
    assert_eq!(mesh.join(&vec![set; KEY_LABELS_MAX + 1]).unwrap_err(), LinkError::TooManyLabels);
    assert!(mesh.join(&vec![set; KEY_LABELS_MAX]).is_ok());
}

#[tokio::test]
async fn a_proxy_hears_that_instances_of_its_services_changed_and_of_no_other() {
    use mesher_model::{Instance, Microservice};
    use mesher_registry::{Limits, Moment, Registry, Tenant};
    let mesh = Mesh::new();
    let session = mesh.join("one", &["a"]);
    session.accepted(next(&session).await.nonce);
    let mut registry = Registry::new(1, Limits::default());
    let mut register = |name: &str| {
        let service = Microservice {
            app_id: "default".to_owned(),
            service_name: name.to_owned(),
            ..Microservice::default()
        };
        let id = registry.create_service(Tenant::DEFAULT, service, Moment::default()).unwrap();
        let of_service = registry.take_changes();
        let host = Instance { host_name: name.to_owned(), ..Instance::default() };
        registry
            .register_instance(Tenant::DEFAULT, &id, host, || name.to_owned(), Moment::default())
            .unwrap();
        [of_service, registry.take_changes()]
    };
    let [of_service, of_instance] = register("a");
    mesh.links.instances_changed(&of_service);
    assert!(is_quiet(&session).await, "a service without an instance is nothing to call");
    mesh.links.instances_changed(&of_instance);
    mesh.links.instances_changed(&of_instance);
    assert!(matches!(next_of_any(&session).await, Next::Moved));
    assert!(is_quiet(&session).await, "twice, told once");
    let [_, of_other] = register("b");
    mesh.links.instances_changed(&of_other);
    assert!(is_quiet(&session).await, "it did not ask for b");
}

#[tokio::test]
async fn parts_of_limits_come_to_whoever_holds_what_they_are_about() {
    let mesh = Mesh::new();
    let session = mesh.join("p1", &["calculator"]);
    next(&session).await;
    session.accepted(1);
    let demand = |service: &str| {
        let key = LimitKey { target: target(service), limit: "all".to_owned() };
        Demand { key, wanted: 7, proxies: 0 }
    };
    session.wants(vec![demand("ledger"), demand("calculator")]);
    let Next::Slices(slices) = next_of_any(&session).await else { panic!("no slices") };
    let told: Vec<_> = slices.iter().map(|slice| (slice.key.target.service.as_str(), slice.parts)).collect();
    assert_eq!(told, [("calculator", LIMIT_WHOLE)]);
    assert!(is_quiet(&session).await);
    let other = mesh.join("p2", &["calculator"]);
    next(&other).await;
    other.wants(vec![demand("calculator")]);
    for session in [&session, &other] {
        let Next::Slices(slices) = next_of_any(session).await else { panic!("no slices") };
        assert_eq!((slices[0].parts, slices[0].proxies), (LIMIT_WHOLE / 2, 2));
    }
    drop(other);
    mesh.links.forget("p2");
    session.wants(vec![demand("calculator")]);
    let Next::Slices(slices) = next_of_any(&session).await else { panic!("no slices") };
    assert_eq!(slices[0].proxies, 1);
}
