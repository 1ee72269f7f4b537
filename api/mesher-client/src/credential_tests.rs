//! Logins against a control plane that keeps count of them.
//! They must not wait for a token to end.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::{Address, ClientError, ControlClient, Credentials, Tenancy};

/// What the registry knows and has seen.
#[derive(Debug, Default)]
struct Registry {
    /// How often somebody logged in, or tried to.
    logins: AtomicUsize,
    /// The only good token; tokens are `t1`, `t2`, … in the order of logins.
    good: Mutex<String>,
    password: Mutex<String>,
    has_no_logins: AtomicBool,
    /// The `Authorization` of the last other call.
    seen: Mutex<String>,
}

impl Registry {
    async fn start(password: &str) -> (Arc<Self>, Address) {
        let registry = Arc::new(Self { password: Mutex::new(password.to_owned()), ..Self::default() });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string().parse().unwrap();
        let shared = Arc::clone(&registry);
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                tokio::spawn(Arc::clone(&shared).serve(socket));
            }
        });
        (registry, address)
    }

    async fn serve(self: Arc<Self>, mut socket: TcpStream) {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let Ok(byte) = socket.read_u8().await else { return };
            head.push(byte);
        }
        let head = String::from_utf8(head).unwrap();
        let field = |name: &str| {
            let line = head.lines().find(|line| line.to_ascii_lowercase().starts_with(name));
            line.and_then(|line| line.split_once(": ")).map(|(_, value)| value.to_owned()).unwrap_or_default()
        };
        let mut body = vec![0; field("content-length").parse().unwrap_or(0)];
        socket.read_exact(&mut body).await.unwrap();
        let answer = if head.starts_with("POST /v4/token") {
            self.log_in(&String::from_utf8(body).unwrap())
        } else {
            self.call(&field("authorization"))
        };
        let (status, body) = answer;
        let length = body.len();
        let answer =
            format!("HTTP/1.1 {status} S\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}");
        let _ = socket.write_all(answer.as_bytes()).await;
    }

    fn log_in(&self, body: &str) -> (u16, String) {
        let number = self.logins.fetch_add(1, Ordering::SeqCst) + 1;
        if self.has_no_logins.load(Ordering::SeqCst) {
            return (404, "404 page not found\n".to_owned());
        }
        if !body.contains(&format!(r#""password":"{}""#, self.password.lock().unwrap())) {
            return (401, r#"{"errorCode":"401202","errorMessage":"wrong"}"#.to_owned());
        }
        *self.good.lock().unwrap() = format!("t{number}");
        (200, format!(r#"{{"token":"t{number}"}}"#))
    }

    fn call(&self, authorization: &str) -> (u16, String) {
        authorization.clone_into(&mut self.seen.lock().unwrap());
        let good = format!("Bearer {}", self.good.lock().unwrap());
        if self.has_no_logins.load(Ordering::SeqCst) || authorization == good {
            return (200, r#"{"serviceId":"s"}"#.to_owned());
        }
        (401, r#"{"errorCode":"401201","errorMessage":"unauthorized"}"#.to_owned())
    }

    fn logins(&self) -> usize {
        self.logins.load(Ordering::SeqCst)
    }
}

fn client(address: Address, folder: &TempDir, password: &str) -> ControlClient {
    let password_file = folder.path().join("password");
    std::fs::write(&password_file, format!("{password}\n")).unwrap();
    let credentials = Credentials::Account { name: "a".to_owned(), password_file };
    ControlClient::new(vec![address], Tenancy::default(), credentials, None).unwrap()
}

async fn call(client: &ControlClient) -> Result<(), ClientError> {
    client.heartbeat("s", "i", false).await
}

#[tokio::test]
async fn many_calls_share_one_login() {
    let (registry, address) = Registry::start("p").await;
    let folder = TempDir::new().unwrap();
    let client = client(address, &folder, "p");
    let calls = async {
        let calls: Vec<_> = (0..50)
            .map(|_| {
                let client = client.clone();
                tokio::task::spawn_local(async move { call(&client).await })
            })
            .collect();
        for made in calls {
            made.await.unwrap().unwrap();
        }
    };
    tokio::task::LocalSet::new().run_until(calls).await;
    assert_eq!(registry.logins(), 1);
}

#[tokio::test]
async fn a_token_that_is_not_taken_is_replaced_once() {
    let (registry, address) = Registry::start("p").await;
    let folder = TempDir::new().unwrap();
    let client = client(address, &folder, "p");
    call(&client).await.unwrap();
    "of another life".clone_into(&mut registry.good.lock().unwrap());
    call(&client).await.unwrap();
    assert_eq!(registry.logins(), 2);
    assert_eq!(*registry.seen.lock().unwrap(), "Bearer t2");
}

#[tokio::test]
async fn a_wrong_password_is_not_tried_again_and_again_but_a_new_one_is_at_once() {
    let (registry, address) = Registry::start("right").await;
    let folder = TempDir::new().unwrap();
    let client = client(address, &folder, "wrong");
    for _ in 0..5 {
        let error = call(&client).await.unwrap_err();
        assert!(error.is_unwelcome() && error.to_string().contains("401202"), "{error}");
    }
    assert_eq!(registry.logins(), 1, "the account would be locked");
    std::fs::write(folder.path().join("password"), "right").unwrap();
    call(&client).await.unwrap();
    assert_eq!(registry.logins(), 2);
}

#[tokio::test]
async fn a_control_plane_without_logins_is_called_without_a_token() {
    let (registry, address) = Registry::start("p").await;
    registry.has_no_logins.store(true, Ordering::SeqCst);
    let folder = TempDir::new().unwrap();
    let client = client(address, &folder, "p");
    for _ in 0..3 {
        call(&client).await.unwrap();
    }
    assert_eq!((registry.logins(), registry.seen.lock().unwrap().as_str()), (1, ""));
}

#[tokio::test]
async fn a_file_that_cannot_be_read_is_named_and_nothing_is_sent() {
    let (registry, address) = Registry::start("p").await;
    for credentials in [
        Credentials::TokenFile("/nowhere/token".into()),
        Credentials::Account { name: "a".to_owned(), password_file: "/nowhere/token".into() },
    ] {
        let client =
            ControlClient::new(vec![address.clone()], Tenancy::default(), credentials, None).unwrap();
        let error = call(&client).await.unwrap_err();
        assert!(error.is_unwelcome() && error.to_string().contains("/nowhere/token"), "{error}");
    }
    assert_eq!(registry.logins(), 0);
}

#[test]
fn nothing_that_is_printed_holds_a_secret() {
    let shown = format!("{:?}", Credentials::Token("secret".to_owned()));
    assert!(!shown.contains("secret"), "{shown}");
}
