//! Basic authentication against bcrypt hashes.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::hint::black_box;
use std::sync::Arc;

use axum::http::HeaderValue;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bcrypt::HashParts;
use parking_lot::Mutex;
use ring::hmac;
use ring::rand::SystemRandom;
use serde::Deserialize;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use super::error::ListenError;

/// Most logins that are remembered. Only correct ones are, so there are seldom more than users.
const REMEMBERED_LOGINS: usize = 100;
/// Most logins that wait to be checked: more would wait for seconds, and a scraper would time out.
const WAITING_LOGINS: usize = 32;

/// `basic_auth_users` of the web configuration: names and the bcrypt hashes of their passwords.
#[derive(Debug, Default, Deserialize)]
#[serde(transparent)]
pub(super) struct Users(BTreeMap<String, PasswordHash>);

impl Users {
    /// Whether there is no user, and so no authentication.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The hash of `name`; `None` if there is no such user.
    fn hash_of(&self, name: &str) -> Option<&PasswordHash> {
        self.0.get(name)
    }

    /// How to check a password of `name`: the same amount of work whoever that is, so that the time reveals nothing.
    fn check_for(&self, name: &str) -> Check {
        let highest = self.0.values().map(|hash| hash.cost).max().unwrap_or_default();
        let hash = self.hash_of(name).cloned();
        // Work doubles with each step of the cost: one more round at a cost below the highest, and one at each cost
        // between them, make up for the difference.
        let more = match &hash {
            Some(hash) => (hash.cost..highest).collect(),
            None => vec![highest],
        };
        Check { hash, more }
    }
}

/// How a password is checked.
struct Check {
    /// `None` for an unknown user, whose password is wrong.
    hash: Option<PasswordHash>,
    /// The costs at which the password is hashed as well, only to take the same time.
    more: Vec<u32>,
}

impl Check {
    fn is_right(&self, password: &[u8]) -> bool {
        let right = self.hash.as_ref().is_some_and(|hash| bcrypt::verify(password, &hash.text).unwrap_or(false));
        for cost in &self.more {
            // The result does not matter, but the compiler must not remove the work.
            black_box(bcrypt::hash_with_salt(password, *cost, [0; 16]).is_ok());
        }
        right
    }
}

/// The outcome of a login.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// A user with the right password.
    Right,
    /// Anything else.
    Wrong,
    /// Too many others wait to be checked.
    Busy,
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
            _ => Err("not a bcrypt hash (create one with htpasswd -nBC 10)"),
        }
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash")
    }
}

/// Checks logins, and remembers the correct ones because each check costs tens of milliseconds of CPU time.
///
/// It remembers a keyed digest of name, hash and password; the key exists only in this process.
pub(super) struct Logins {
    key: hmac::Key,
    right: Mutex<HashSet<Vec<u8>>>,
    /// One check at a time, so that a flood of wrong passwords leaves the other CPUs to scrapes.
    turn: Arc<Semaphore>,
    waiting: Semaphore,
}

impl Logins {
    /// None remembered yet.
    ///
    /// # Errors
    /// The system gives no random numbers.
    pub(super) fn new() -> Result<Self, ListenError> {
        let key =
            hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new()).map_err(|_| ListenError::NoRandomness)?;
        let (turn, waiting) = (Arc::new(Semaphore::new(1)), Semaphore::new(WAITING_LOGINS));
        Ok(Self { key, right: Mutex::default(), turn, waiting })
    }

    /// Whether `authorization`, the header of a request, names one of `users` with the right password.
    pub(super) async fn check(&self, users: &Users, authorization: Option<&HeaderValue>) -> Verdict {
        let Some((name, password)) = authorization.and_then(credentials) else { return Verdict::Wrong };
        let check = users.check_for(&name);
        // An unknown user gets a digest as well, which is never remembered.
        let hash = check.hash.as_ref().map_or("", |hash| &hash.text);
        let digest = self.digest(&[name.as_bytes(), hash.as_bytes(), &password]);
        if self.remembers(&digest) {
            return Verdict::Right;
        }
        let Ok(waiting) = self.waiting.try_acquire() else { return Verdict::Busy };
        let Ok(turn) = Arc::clone(&self.turn).acquire_owned().await else { return Verdict::Busy };
        drop(waiting);
        // A request with the same login may have been checked while this one waited.
        if self.remembers(&digest) {
            return Verdict::Right;
        }
        let checked = spawn_blocking(move || {
            let right = check.is_right(&password);
            drop(turn);
            right
        });
        if checked.await.unwrap_or(false) {
            self.remember(digest);
            Verdict::Right
        } else {
            Verdict::Wrong
        }
    }

    /// A digest that differs whenever one of `parts` does; the lengths separate them.
    fn digest(&self, parts: &[&[u8]]) -> Vec<u8> {
        let mut context = hmac::Context::with_key(&self.key);
        for part in parts {
            context.update(&part.len().to_le_bytes());
            context.update(part);
        }
        context.sign().as_ref().to_vec()
    }

    fn remembers(&self, digest: &[u8]) -> bool {
        self.right.lock().contains(digest)
    }

    fn remember(&self, digest: Vec<u8>) {
        let mut right = self.right.lock();
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
    fn splits_credentials_at_the_first_colon() {
        assert_eq!(credentials(&header("alice:a:b")), Some(("alice".to_owned(), b"a:b".to_vec())));
        assert_eq!(credentials(&HeaderValue::from_static("bAsIc YTpi")), Some(("a".to_owned(), b"b".to_vec())));
        for bad in ["Bearer YTpi", "Basic", "Basic ???", "Basic YQ=="] {
            assert_eq!(credentials(&HeaderValue::from_static(bad)), None, "{bad}");
        }
    }

    #[tokio::test]
    async fn admits_and_remembers_only_correct_logins() {
        let users = users(&[("alice", "secret"), ("bob", "other")]);
        let logins = Logins::new().unwrap();
        for (login, admitted) in
            [("alice:secret", true), ("alice:other", false), ("carol:secret", false), ("carol:other", false)]
        {
            let verdict = if admitted { Verdict::Right } else { Verdict::Wrong };
            assert_eq!(logins.check(&users, Some(&header(login))).await, verdict, "{login}");
        }
        assert_eq!(logins.check(&users, None).await, Verdict::Wrong);
        assert_eq!(logins.right.lock().len(), 1);
    }

    #[tokio::test]
    async fn rejects_a_remembered_login_after_its_hash_changed() {
        let logins = Logins::new().unwrap();
        let login = header("alice:old");
        assert_eq!(logins.check(&users(&[("alice", "old")]), Some(&login)).await, Verdict::Right);
        assert_eq!(logins.check(&users(&[("alice", "new")]), Some(&login)).await, Verdict::Wrong);
    }

    #[test]
    fn spends_the_same_work_on_every_login() {
        let hash =
            |cost| PasswordHash::try_from(bcrypt::hash_with_salt("x", cost, [1; 16]).unwrap().to_string()).unwrap();
        let users =
            Users([("low", 4), ("middle", 6), ("high", 9)].map(|(name, cost)| (name.to_owned(), hash(cost))).into());
        let work = |name: &str| {
            let check = users.check_for(name);
            let costs = check.hash.iter().map(|hash| hash.cost).chain(check.more.iter().copied());
            costs.map(|cost| 2_u64.pow(cost)).sum::<u64>()
        };
        assert_eq!(["low", "middle", "high", "nobody", ""].map(work), [512; 5]);
    }

    #[tokio::test]
    async fn limits_the_queue_of_logins() {
        let users = users(&[("alice", "secret")]);
        let logins = Logins::new().unwrap();
        assert_eq!(logins.check(&users, Some(&header("alice:secret"))).await, Verdict::Right);
        let turn = logins.turn.acquire().await.unwrap();
        let flood: Vec<_> = (0..WAITING_LOGINS).map(|n| header(&format!("alice:{n}"))).collect();
        let mut waiting: Vec<_> = flood.iter().map(|login| Box::pin(logins.check(&users, Some(login)))).collect();
        for login in &mut waiting {
            assert!(futures_util::poll!(login).is_pending());
        }
        assert_eq!(logins.check(&users, Some(&header("alice:wrong"))).await, Verdict::Busy);
        // Whoever has logged in before need not wait.
        assert_eq!(logins.check(&users, Some(&header("alice:secret"))).await, Verdict::Right);
        drop(turn);
        for login in waiting {
            assert_eq!(login.await, Verdict::Wrong);
        }
    }

    #[test]
    fn hides_hashes_in_debug_output() {
        assert_eq!(format!("{:?}", users(&[("alice", "secret")])), r#"Users({"alice": PasswordHash})"#);
    }
}
