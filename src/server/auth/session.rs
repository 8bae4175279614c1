//! The session: a random id in a cookie, everything else in the store.

use domain::organization::UserId;
use domain::time::{Seconds, Timestamp};
use serde::{Deserialize, Serialize};
use time::Duration;
use tower_sessions::cookie::SameSite;
use tower_sessions::{Expiry, Session, SessionManagerLayer};

use super::provider::PendingLogin;
use crate::server::clock::Clock;
use crate::server::error::Error;
use crate::server::store::{SessionTable, Store};

/// A session that nobody uses ends after so long.
const IDLE: Duration = Duration::days(1);
/// A session ends after so long whatever happens.
const ABSOLUTE: Seconds = Seconds::days(7);
/// How much idle time passes before a use is written down: a write for each request would be a waste.
const TOUCH_AFTER: Seconds = Seconds(600);
/// How many sign-ins may be under way at once in one browser: one for each tab.
const PENDING: usize = 5;

const USER: &str = "user";
const SIGNED_IN: &str = "signed_in";
const PENDING_LOGINS: &str = "pending_logins";
const ORGANIZATION: &str = "organization";

/// What the session remembers of a sign-in. It lies under its own key because the store notes the user beside it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SignedIn {
    /// Who.
    #[serde(skip, default = "nobody")]
    pub user: UserId,
    /// When.
    pub at: i64,
    /// When this was last written.
    pub touched: i64,
    /// The provider's token, which tells it at sign-out whose session to end.
    pub id_token: String,
}

fn nobody() -> UserId {
    UserId(String::new())
}

/// The layer that loads and stores sessions. `Lax`, because people come back from the provider and from Stripe by
/// links; `__Host-` wherever there is https, which binds the cookie to this host and to encrypted connections.
pub fn layer(store: Store, public_url: &str) -> SessionManagerLayer<SessionTable> {
    let https = public_url.starts_with("https://");
    SessionManagerLayer::new(SessionTable(store))
        .with_name(if https { "__Host-billhook" } else { "billhook" })
        .with_secure(https)
        .with_http_only(true)
        .with_same_site(SameSite::Lax)
        .with_path("/")
        .with_expiry(Expiry::OnInactivity(IDLE))
}

/// Who is signed in, if somebody is and not for too long.
pub async fn signed_in(session: &Session) -> Result<Option<SignedIn>, Error> {
    let Some(user) = session.get::<String>(USER).await? else { return Ok(None) };
    let now = Clock::wall();
    let Some(mut signed_in) = session.get::<SignedIn>(SIGNED_IN).await? else { return Ok(None) };
    if Timestamp(signed_in.at) + ABSOLUTE <= now {
        session.flush().await?;
        return Ok(None);
    }
    if Timestamp(signed_in.touched) + TOUCH_AFTER <= now {
        signed_in.touched = now.0;
        session.insert(SIGNED_IN, &signed_in).await?;
    }
    signed_in.user = UserId(user);
    Ok(Some(signed_in))
}

/// The organization whose pages were opened last.
pub async fn last_organization(session: &Session) -> Result<Option<String>, Error> {
    Ok(session.get(ORGANIZATION).await?)
}

/// Remembers whose page was opened.
pub async fn choose_organization(session: &Session, organization: &str) -> Result<(), Error> {
    Ok(session.insert(ORGANIZATION, organization).await?)
}

/// Begins a signed-in session under a new id, so that an id planted before sign-in is worth nothing.
pub(super) async fn begin(session: &Session, user: UserId, id_token: String) -> Result<(), Error> {
    let now = Clock::wall();
    session.cycle_id().await?;
    session.remove_value(PENDING_LOGINS).await?;
    session.insert(USER, &user.0).await?;
    session.insert(SIGNED_IN, SignedIn { user, at: now.0, touched: now.0, id_token }).await?;
    Ok(())
}

/// Remembers a sign-in that has gone to the provider.
pub(super) async fn expect(session: &Session, login: PendingLogin) -> Result<(), Error> {
    let mut pending: Vec<PendingLogin> = session.get(PENDING_LOGINS).await?.unwrap_or_default();
    pending.push(login);
    let surplus = pending.len().saturating_sub(PENDING);
    pending.drain(..surplus);
    session.insert(PENDING_LOGINS, pending).await?;
    Ok(())
}

/// Takes the sign-in that this state belongs to; each counts once.
pub(super) async fn take(session: &Session, state: &str) -> Result<Option<PendingLogin>, Error> {
    let mut pending: Vec<PendingLogin> = session.get(PENDING_LOGINS).await?.unwrap_or_default();
    let Some(position) = pending.iter().position(|login| login.state == state) else { return Ok(None) };
    let login = pending.remove(position);
    session.insert(PENDING_LOGINS, pending).await?;
    Ok(Some(login))
}
