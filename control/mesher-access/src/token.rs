//! Tokens: who, until when, signed. The signature's key is a secret of the control plane alone.
//! It must accept one algorithm only, whatever a token's own head says.

use std::time::Duration;

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};

use crate::AccessError;

/// HMAC with SHA-512: whoever checks a token is who gave it out, so a pair of keys would add nothing.
const ALGORITHM: Algorithm = Algorithm::HS512;
/// The shortest and the longest life of a token. The original's values.
const LIFETIMES: std::ops::RangeInclusive<u64> = 15 * 60..=24 * 3600;
/// Longest token that is looked at, in bytes; ours have some 300.
const BYTES_MAX: usize = 4096;

/// The key of the signatures: as many random bytes as the hash is long.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub(crate) [u8; 64]);

impl Secret {
    /// From random bytes, which nobody else may know.
    #[must_use]
    pub const fn new(random: [u8; 64]) -> Self {
        Self(random)
    }

    pub(crate) fn to_text(&self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    pub(crate) fn of_text(text: &str) -> Option<Self> {
        let mut bytes = [0; 64];
        if text.len() != 2 * bytes.len() || !text.is_ascii() {
            return None;
        }
        for (place, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(text.get(2 * place..2 * place + 2)?, 16).ok()?;
        }
        Some(Self(bytes))
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Secret")
    }
}

/// How long a token is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetime(Duration);

impl Default for Lifetime {
    /// 12 hours, as the original.
    fn default() -> Self {
        Self(Duration::from_secs(12 * 3600))
    }
}

impl Lifetime {
    /// Reads `12h`, `30m`, `1h30m`; empty is the default.
    ///
    /// # Errors
    /// [`AccessError::Invalid`] where it is no time, or not between 15 minutes and 24 hours.
    pub fn parse(text: &str) -> Result<Self, AccessError> {
        if text.is_empty() {
            return Ok(Self::default());
        }
        let seconds = seconds(text).filter(|seconds| LIFETIMES.contains(seconds));
        seconds.map(|seconds| Self(Duration::from_secs(seconds))).ok_or_else(|| {
            AccessError::Invalid("field 'TokenExpirationTime' does not match rule: 15m to 24h".to_owned())
        })
    }
}

/// The seconds of a time as Go writes it: numbers, each with its unit.
fn seconds(text: &str) -> Option<u64> {
    let (mut sum, mut rest) = (0_u64, text);
    while !rest.is_empty() {
        let end = rest.find(|character: char| !character.is_ascii_digit())?;
        let number: u64 = rest.get(..end)?.parse().ok()?;
        let factor = match rest.as_bytes().get(end)? {
            b'h' => 3600,
            b'm' => 60,
            b's' => 1,
            _ => return None,
        };
        sum = sum.checked_add(number.checked_mul(factor)?)?;
        rest = rest.get(end + 1..)?;
    }
    Some(sum)
}

/// What a token says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Claims {
    pub(crate) account: String,
    /// For clients that look; what an account may do is looked up with each request.
    pub(crate) roles: Vec<String>,
    /// The account's id: a name that is given anew is another account.
    pub(crate) sub: String,
    /// The account's generation when this was given out.
    pub(crate) generation: u64,
    pub(crate) exp: u64,
}

/// Signs and checks.
pub(crate) struct Signer {
    encoding: EncodingKey,
    decoding: DecodingKey,
    validation: Validation,
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Signer")
    }
}

impl Signer {
    pub(crate) fn new(secret: &Secret) -> Self {
        let mut validation = Validation::new(ALGORITHM);
        // Whoever reads a token compares its time with the clock that comes in.
        validation.validate_exp = false;
        validation.validate_aud = false;
        validation.set_required_spec_claims(&["exp", "sub"]);
        Self {
            encoding: EncodingKey::from_secret(&secret.0),
            decoding: DecodingKey::from_secret(&secret.0),
            validation,
        }
    }

    pub(crate) fn sign(&self, claims: &Claims) -> String {
        jsonwebtoken::encode(&Header::new(ALGORITHM), claims, &self.encoding)
            .expect("claims are texts and numbers, and an HMAC takes any key")
    }

    /// What a token says, whether or not its time is over.
    pub(crate) fn read(&self, token: &str) -> Result<Claims, AccessError> {
        if token.len() > BYTES_MAX {
            return Err(AccessError::Unauthorized("the token is too long".to_owned()));
        }
        if token.split('.').count() != 3 {
            let reason = "token contains an invalid number of segments";
            return Err(AccessError::Unauthorized(reason.to_owned()));
        }
        let read = jsonwebtoken::decode::<Claims>(token, &self.decoding, &self.validation);
        // What exactly is wrong with it helps only whoever forges one.
        let invalid = |_| AccessError::Unauthorized("the token is not valid".to_owned());
        read.map(|read| read.claims).map_err(invalid)
    }
}

pub(crate) fn end(now: Duration, lifetime: Lifetime) -> u64 {
    now.saturating_add(lifetime.0).as_secs()
}
