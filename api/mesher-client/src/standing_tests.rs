//! A client with several addresses, behind which are the same control plane, another one, or a busy one.
//! They must count what reaches each address: what was not to be sent must not have been.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::{Address, ClientError, ControlClient, Credentials, Tenancy};

/// An address whose answers a test changes as it goes.
struct Door {
    address: Address,
    /// What it answers; `None`: it closes the connection.
    answer: Mutex<Option<String>>,
    asked: AtomicUsize,
}

impl Door {
    async fn open(fields: &str) -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string().parse().unwrap();
        let door = Arc::new(Self { address, answer: Mutex::default(), asked: AtomicUsize::new(0) });
        door.found(fields);
        let shared = Arc::clone(&door);
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                shared.serve(socket).await;
            }
        });
        door
    }

    async fn serve(&self, mut socket: TcpStream) {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let Ok(byte) = socket.read_u8().await else { return };
            head.push(byte);
        }
        self.asked.fetch_add(1, Ordering::Relaxed);
        let answer = self.answer.lock().unwrap().clone();
        if let Some(answer) = answer {
            socket.write_all(answer.as_bytes()).await.unwrap();
        }
    }

    fn say(&self, status: &str, fields: &str, body: &str) {
        let length = body.len();
        *self.answer.lock().unwrap() = Some(format!(
            "HTTP/1.1 {status}\r\n{fields}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        ));
    }

    /// It knows the service that is asked for, and answers with these fields.
    fn found(&self, fields: &str) {
        self.say("200 OK", fields, r#"{"serviceId":"s1"}"#);
    }

    fn die(&self) {
        *self.answer.lock().unwrap() = None;
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }
}

fn client(doors: &[&Arc<Door>]) -> ControlClient {
    let addresses = doors.iter().map(|door| door.address.clone()).collect();
    ControlClient::new(addresses, Tenancy::default(), Credentials::None, None).unwrap()
}

async fn ask(client: &ControlClient) -> Result<Option<String>, ClientError> {
    client.find_service(&crate::tests::identity()).await
}

const ONE: &str = "X-Mesher-Cluster: one\r\n";
const OTHER: &str = "X-Mesher-Cluster: other\r\n";

#[tokio::test]
async fn rg_16_another_control_plane_is_no_stand_in() {
    let (first, second) = (Door::open(ONE).await, Door::open(OTHER).await);
    let client = client(&[&first, &second]);
    ask(&client).await.unwrap();
    first.die();
    for _ in 0..2 {
        let refused = ask(&client).await.unwrap_err();
        assert_eq!(refused.result(), "stranger", "{refused:?}");
        let (text, addresses) = (refused.to_string(), [&first.address, &second.address]);
        assert!(addresses.iter().all(|address| text.contains(&address.to_string())), "{text}");
        assert!(!refused.is_unknown_path() && !refused.is_unwelcome());
    }
    // Whatever it answers: a refusal of it is no answer, either.
    second.say("400 Bad Request", OTHER, r#"{"errorCode":"400012","errorMessage":"","detail":""}"#);
    assert_eq!(ask(&client).await.unwrap_err().result(), "stranger");
    second.say("404 Not Found", OTHER, "404 page not found");
    assert_eq!(client.services().await.unwrap_err().result(), "stranger");
    second.say(
        "101 Switching Protocols",
        &format!("{OTHER}Upgrade: websocket\r\nConnection: upgrade\r\n"),
        "",
    );
    assert_eq!(client.link("p").await.unwrap_err().result(), "stranger");
    first.found(ONE);
    second.found(OTHER);
    let before = second.asked();
    ask(&client).await.unwrap();
    assert_eq!(second.asked(), before, "the first address is asked first again");
}

#[tokio::test]
async fn rg_16_the_same_address_may_come_back_as_another() {
    let (first, second) = (Door::open(ONE).await, Door::open(ONE).await);
    let client = client(&[&first, &second]);
    ask(&client).await.unwrap();
    first.found(OTHER);
    ask(&client).await.unwrap();
    // Now the second one is the stranger.
    first.die();
    assert_eq!(ask(&client).await.unwrap_err().result(), "stranger");
    second.found(OTHER);
    ask(&client).await.unwrap();
    // It is the address in use from here on.
    second.found(ONE);
    ask(&client).await.unwrap();
    first.found(ONE);
    second.die();
    ask(&client).await.unwrap();
}

#[tokio::test]
async fn rg_16_who_answers_no_id_is_compared_with_nothing() {
    let (first, second) = (Door::open("").await, Door::open("").await);
    let client = client(&[&first, &second]);
    ask(&client).await.unwrap();
    first.die();
    ask(&client).await.unwrap();
    // One of ours comes to an original, and an original to one of ours.
    second.die();
    first.found(ONE);
    ask(&client).await.unwrap();
    first.die();
    second.found("");
    ask(&client).await.unwrap();
    // What was heard stands: an answer without an id says nothing of it.
    second.found(OTHER);
    assert_eq!(ask(&client).await.unwrap_err().result(), "stranger");
}

#[tokio::test]
async fn rg_16_an_answer_that_does_not_count_makes_nobody_known() {
    let (first, second) = (Door::open(ONE).await, Door::open(OTHER).await);
    let client = client(&[&first, &second]);
    first.say("503 Busy", ONE, "");
    ask(&client).await.unwrap();
    first.found(ONE);
    second.die();
    assert_eq!(ask(&client).await.unwrap_err().result(), "stranger", "the second is the one in use");
}

#[tokio::test]
async fn rg_09_who_asks_to_be_left_alone_is_and_another_address_is_asked() {
    for status in ["429 Too Many Requests", "503 Service Unavailable"] {
        let (first, second) = (Door::open(ONE).await, Door::open(ONE).await);
        let alone = client(&[&first]);
        first.say(status, &format!("{ONE}Retry-After: 3600\r\n"), "");
        ask(&alone).await.unwrap_err();
        assert_eq!(first.asked(), 1);
        let resting = ask(&alone).await.unwrap_err();
        assert!(matches!(resting, ClientError::Resting { seconds: 1..=60, .. }), "{resting:?}");
        assert!(!resting.is_unwelcome() && !resting.is_unknown_path());
        assert_eq!(first.asked(), 1, "nothing was sent");
        alone.heartbeat("s1", "i1", false).await.unwrap_err();
        assert_eq!(first.asked(), 1);
        alone.heartbeat("s1", "i1", true).await.unwrap_err();
        assert_eq!(first.asked(), 2, "a lease must not end");
        first.found(ONE);
        alone.unregister_instance("s1", "i1").await.unwrap();
        assert_eq!(first.asked(), 3, "nobody may find an instance that ends");

        let both = client(&[&first, &second]);
        first.say(status, &format!("{ONE}Retry-After: 30\r\n"), "");
        let _ = ask(&both).await;
        let before = first.asked();
        ask(&both).await.unwrap();
        second.die();
        ask(&both).await.unwrap_err();
        assert_eq!(first.asked(), before);
    }
}
