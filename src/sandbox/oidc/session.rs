//! The provider's own sign-in: a cookie that names a kept session.

use axum::http::{HeaderMap, HeaderValue, header};
use serde_json::{Value, json};

use super::{Provider, now};
use crate::Error;
use crate::config::SeedUser;
use crate::ids;
use crate::json::Json;

const KIND: &str = "_oidc_session";
const COOKIE: &str = "sandbox_idp";

/// Who is signed in at the provider.
#[derive(Clone, Debug)]
pub(super) struct Session {
    /// Session id, the `sid` claim.
    pub sid: String,
    /// The person.
    pub user: SeedUser,
    /// When the person chose to sign in.
    pub auth_time: i64,
}

impl Provider {
    /// The session that the browser's cookie names.
    pub(super) fn session(&self, headers: &HeaderMap) -> Option<Session> {
        let sid = cookie(headers)?;
        self.store.read(|data| {
            let kept = data.get(KIND, sid)?;
            Some(Session {
                sid: sid.to_owned(),
                user: SeedUser {
                    sub: kept.text("sub").to_owned(),
                    email: kept.text("email").to_owned(),
                    name: kept.text("name").to_owned(),
                },
                auth_time: kept.int("auth_time"),
            })
        })
    }

    /// Signs a person in.
    pub(super) fn sign_in(&self, user: SeedUser) -> Result<Session, Error> {
        let session = Session { sid: ids::new("sid_"), user, auth_time: now() };
        self.store.write(|tx| tx.put(KIND, &session.sid, kept(&session)))?;
        Ok(session)
    }

    /// Ends a session.
    pub(super) fn sign_out(&self, sid: &str) -> Result<(), Error> {
        self.store.write(|tx| tx.remove(KIND, sid))
    }
}

fn kept(session: &Session) -> Value {
    json!({
        "sub": session.user.sub,
        "email": session.user.email,
        "name": session.user.name,
        "auth_time": session.auth_time,
    })
}

fn cookie(headers: &HeaderMap) -> Option<&str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|all| all.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, _)| *name == COOKIE)
        .map(|(_, value)| value)
}

/// The header that gives the browser its session, or takes it away.
pub(super) fn set_cookie(sid: Option<&str>) -> HeaderValue {
    let text = match sid {
        Some(sid) => format!("{COOKIE}={sid}; Path=/; HttpOnly; SameSite=Lax"),
        None => format!("{COOKIE}=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0"),
    };
    HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static(""))
}
