//! What a client is known by: a token, or an account that gets one; renewed before it ends.
//! It must not log in more often than it must: the control plane locks accounts after a few failures.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderValue, Method};
use mesher_model::access::{LoginAnswer, LoginRequest};
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::ClientError;
use crate::transport::{Transport, call_with};

/// The life that is asked of a token: what older releases of the original give whatever is asked.
const LIFETIME: &str = "30m";
/// When a token is replaced.
const RENEW_AFTER: Duration = Duration::from_secs(20 * 60);
/// How long a refusal of a login stands before the next try, unless the password changes.
const REFUSAL_TIME: Duration = Duration::from_secs(60);
/// How long a control plane is believed that knows no logins.
const OPEN_TIME: Duration = Duration::from_secs(60);
/// How often a file with a token is read again.
const FILE_TIME: Duration = Duration::from_secs(60);
/// Most bytes of a file with a token or a password.
const FILE_BYTES_MAX: u64 = 16 * 1024;

/// What a client is known by.
#[derive(Clone, Default, PartialEq, Eq)]
pub enum Credentials {
    /// Nothing: for a control plane that asks nobody.
    #[default]
    None,
    /// A token, as it is.
    Token(String),
    /// A file with a token, which somebody else keeps fresh.
    TokenFile(PathBuf),
    /// An account, and a file with its password.
    Account {
        /// Its name.
        name: String,
        /// The file; white space at its end does not count.
        password_file: PathBuf,
    },
}

impl std::fmt::Debug for Credentials {
    /// Without secrets.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::None => formatter.write_str("None"),
            Self::Token(_) => formatter.write_str("Token"),
            Self::TokenFile(file) => formatter.debug_tuple("TokenFile").field(file).finish(),
            Self::Account { name, .. } => formatter.debug_tuple("Account").field(name).finish(),
        }
    }
}

/// What is held at the moment.
#[derive(Debug, Default)]
enum Held {
    #[default]
    Nothing,
    Token {
        field: HeaderValue,
        renew_at: Instant,
    },
    /// The control plane asks nobody.
    Open {
        until: Instant,
    },
    Refused {
        error: ClientError,
        password: String,
        until: Instant,
    },
}

/// Gets and keeps the token of a client and its clones.
#[derive(Debug, Clone)]
pub(crate) struct Keyring {
    credentials: Arc<Credentials>,
    held: Arc<Mutex<Held>>,
}

impl Keyring {
    pub(crate) fn new(credentials: Credentials) -> Self {
        Self { credentials: Arc::new(credentials), held: Arc::default() }
    }

    /// The field for the next request; `None` where nothing is to be sent. All who ask while it is got share one login.
    pub(crate) async fn field(&self, transport: &Transport) -> Result<Option<HeaderValue>, ClientError> {
        match &*self.credentials {
            Credentials::None => Ok(None),
            Credentials::Token(token) => field_of(token).map(Some),
            Credentials::TokenFile(file) => self.of_file(file).await.map(Some),
            Credentials::Account { name, password_file } => {
                self.of_account(transport, name, password_file).await
            }
        }
    }

    /// The control plane did not take `used`. Says whether another try may help.
    pub(crate) async fn refused(&self, used: &HeaderValue) -> bool {
        if matches!(*self.credentials, Credentials::None | Credentials::Token(_)) {
            return false;
        }
        let mut held = self.held.lock().await;
        if let Held::Token { field, .. } = &*held
            && field == used
        {
            *held = Held::Nothing;
        }
        true
    }

    async fn of_file(&self, file: &Path) -> Result<HeaderValue, ClientError> {
        let mut held = self.held.lock().await;
        if let Held::Token { field, renew_at } = &*held
            && Instant::now() < *renew_at
        {
            return Ok(field.clone());
        }
        let field = field_of(&read(file)?)?;
        *held = Held::Token { field: field.clone(), renew_at: Instant::now() + FILE_TIME };
        Ok(field)
    }

    async fn of_account(
        &self,
        transport: &Transport,
        name: &str,
        file: &Path,
    ) -> Result<Option<HeaderValue>, ClientError> {
        let mut held = self.held.lock().await;
        let now = Instant::now();
        match &*held {
            Held::Token { field, renew_at } if now < *renew_at => return Ok(Some(field.clone())),
            Held::Open { until } if now < *until => return Ok(None),
            _ => {}
        }
        let password = read(file)?;
        if let Held::Refused { error, password: tried, until } = &*held
            && now < *until
            && *tried == password
        {
            return Err(error.clone());
        }
        let request = LoginRequest {
            name: name.to_owned(),
            password: password.clone(),
            token_expiration_time: LIFETIME.to_owned(),
        };
        let login = call_with(Method::POST, "/v4/token".to_owned(), &request);
        match transport.fetch_openly::<LoginAnswer>(login).await {
            Ok(answer) => {
                let field = field_of(&answer.token)?;
                *held = Held::Token { field: field.clone(), renew_at: now + RENEW_AFTER };
                Ok(Some(field))
            }
            Err(error) if error.is_unknown_path() => {
                *held = Held::Open { until: now + OPEN_TIME };
                Ok(None)
            }
            Err(error) => self.without_login(&mut held, error, password, now),
        }
    }

    /// What is left when a login fails: an older token for as long as it is taken, or the failure.
    fn without_login(
        &self,
        held: &mut Held,
        error: ClientError,
        password: String,
        now: Instant,
    ) -> Result<Option<HeaderValue>, ClientError> {
        if let Held::Token { field, .. } = &*held {
            let field = field.clone();
            *held = Held::Token { field: field.clone(), renew_at: now + REFUSAL_TIME };
            return Ok(Some(field));
        }
        if error.is_unwelcome() {
            *held = Held::Refused { error: error.clone(), password, until: now + REFUSAL_TIME };
        }
        Err(error)
    }
}

fn field_of(token: &str) -> Result<HeaderValue, ClientError> {
    let mut field = HeaderValue::try_from(format!("Bearer {}", token.trim()))
        .map_err(|_| ClientError::Credentials { reason: "the token holds what no token can".to_owned() })?;
    field.set_sensitive(true);
    Ok(field)
}

fn read(file: &Path) -> Result<String, ClientError> {
    let fails = |reason: String| ClientError::Credentials { reason: format!("{}: {reason}", file.display()) };
    let length = std::fs::metadata(file).map_err(|error| fails(error.to_string()))?.len();
    if length > FILE_BYTES_MAX {
        return Err(fails(format!("more than {FILE_BYTES_MAX} bytes")));
    }
    let text = std::fs::read_to_string(file).map_err(|error| fails(error.to_string()))?;
    match text.trim_end() {
        "" => Err(fails("it is empty".to_owned())),
        text => Ok(text.to_owned()),
    }
}
