//! Basic authentication against bcrypt hashes.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use axum::http::HeaderValue;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bcrypt::HashParts;
use ring::hmac;
use ring::rand::SystemRandom;
use serde::Deserialize;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use super::ListenError;

/// Logins remembered at most. Only right ones are, so there are seldom more than users.
const REMEMBERED_LOGINS: usize = 100;

/// `basic_auth_users` of the web configuration: names and the bcrypt hashes of their passwords.
#[derive(Debug, Default, Deserialize)]
#[serde(transparent)]
pub(super) struct Users(BTreeMap<String, PasswordHash>);

impl Users {
    /// Whether there is no user, and so no authentication.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The hash to check a password of `name` against, and whether there is such a user. An unknown name gets the
    /// costliest hash of all, so that it takes as long to refuse as a wrong password.
    fn hash_for(&self, name: &str) -> Option<(&PasswordHash, bool)> {
        let known = self.0.get(name).map(|hash| (hash, true));
        known.or_else(|| self.0.values().max_by_key(|hash| hash.cost).map(|hash| (hash, false)))
    }
}

/// A bcrypt hash that is well-formed.
#[derive(Clone, Deserialize)]
#[serde(try_from = "String")]
struct PasswordHash {
    text: String,
    cost: u32,
}

impl TryFrom<String> for PasswordHash {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        match text.parse::<HashParts>() {
            Ok(parts) if (4..=31).contains(&parts.get_cost()) => Ok(Self { text, cost: parts.get_cost() }),
            _ => Err("not a bcrypt hash (htpasswd -nBC 10 makes one)"),
        }
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash")
    }
}

/// Checks logins, and remembers the right ones because each check costs tens of milliseconds of processor time.
///
/// What it remembers is a keyed digest of name, hash and password; the key lives and dies with the process.
pub(super) struct Logins {
    key: hmac::Key,
    right: Mutex<HashSet<Vec<u8>>>,
    /// One check at a time, so that a flood of wrong passwords leaves the other processors to the scrapes.
    turn: Arc<Semaphore>,
}

impl Logins {
    /// None remembered yet.
    ///
    /// # Errors
    /// The system gives no random numbers.
    pub(super) fn new() -> Result<Self, ListenError> {
        let key =
            hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new()).map_err(|_| ListenError::NoRandomness)?;
        Ok(Self { key, right: Mutex::default(), turn: Arc::new(Semaphore::new(1)) })
    }

    /// Whether `authorization`, the header of a request, names one of `users` with the right password.
    pub(super) async fn admits(&self, users: &Users, authorization: Option<&HeaderValue>) -> bool {
        let Some((name, password)) = authorization.and_then(credentials) else { return false };
        let Some((hash, known)) = users.hash_for(&name) else { return false };
        let digest = self.digest(&[name.as_bytes(), hash.text.as_bytes(), &password]);
        if known && self.remembers(&digest) {
            return true;
        }
        let Ok(turn) = Arc::clone(&self.turn).acquire_owned().await else { return false };
        // A request with the same login may have been checked while this one waited.
        if known && self.remembers(&digest) {
            return true;
        }
        let hash = hash.text.clone();
        let check = spawn_blocking(move || {
            let right = bcrypt::verify(password, &hash).unwrap_or(false);
            drop(turn);
            right
        });
        let right = known && check.await.unwrap_or(false);
        if right {
            self.remember(digest);
        }
        right
    }

    /// A digest that differs whenever one of `parts` does; the lengths keep their borders apart.
    fn digest(&self, parts: &[&[u8]]) -> Vec<u8> {
        let mut context = hmac::Context::with_key(&self.key);
        for part in parts {
            context.update(&part.len().to_le_bytes());
            context.update(part);
        }
        context.sign().as_ref().to_vec()
    }

    fn remembers(&self, digest: &[u8]) -> bool {
        self.right.lock().unwrap_or_else(PoisonError::into_inner).contains(digest)
    }

    fn remember(&self, digest: Vec<u8>) {
        let mut right = self.right.lock().unwrap_or_else(PoisonError::into_inner);
        if right.len() >= REMEMBERED_LOGINS {
            right.clear();
        }
        right.insert(digest);
    }
}

/// Name and password of an `Authorization: Basic` header.
fn credentials(authorization: &HeaderValue) -> Option<(String, Vec<u8>)> {
    let (scheme, encoded) = authorization.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = STANDARD.decode(encoded.trim()).ok()?;
    let colon = decoded.iter().position(|byte| *byte == b':')?;
    let name = String::from_utf8(decoded[..colon].to_vec()).ok()?;
    Some((name, decoded[colon + 1..].to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(login: &str) -> HeaderValue {
        HeaderValue::from_str(&format!("Basic {}", STANDARD.encode(login))).unwrap()
    }

    fn users(entries: &[(&str, &str)]) -> Users {
        let hashed = |password| PasswordHash::try_from(bcrypt::hash(password, 4).unwrap()).unwrap();
        Users(entries.iter().map(|(name, password)| ((*name).to_owned(), hashed(password))).collect())
    }

    #[test]
    fn credentials_are_split_at_the_first_colon() {
        assert_eq!(credentials(&header("alice:a:b")), Some(("alice".to_owned(), b"a:b".to_vec())));
        assert_eq!(credentials(&HeaderValue::from_static("bAsIc YTpi")), Some(("a".to_owned(), b"b".to_vec())));
        for bad in ["Bearer YTpi", "Basic", "Basic ???", "Basic YQ=="] {
            assert_eq!(credentials(&HeaderValue::from_static(bad)), None, "{bad}");
        }
    }

    #[tokio::test]
    async fn only_right_logins_are_admitted_and_remembered() {
        let users = users(&[("alice", "secret"), ("bob", "other")]);
        let logins = Logins::new().unwrap();
        for (login, admitted) in
            [("alice:secret", true), ("alice:other", false), ("carol:secret", false), ("carol:other", false)]
        {
            assert_eq!(logins.admits(&users, Some(&header(login))).await, admitted, "{login}");
        }
        assert!(!logins.admits(&users, None).await);
        assert_eq!(logins.right.lock().unwrap().len(), 1);
    }

    #[tokio::test]
    async fn a_changed_hash_makes_a_remembered_login_wrong() {
        let logins = Logins::new().unwrap();
        assert!(logins.admits(&users(&[("alice", "old")]), Some(&header("alice:old"))).await);
        assert!(!logins.admits(&users(&[("alice", "new")]), Some(&header("alice:old"))).await);
    }

    #[test]
    fn a_hash_never_shows_itself() {
        assert_eq!(format!("{:?}", users(&[("alice", "secret")])), r#"Users({"alice": PasswordHash})"#);
    }
}
