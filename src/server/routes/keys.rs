//! Making and revoking keys for services. A secret is in the answer to the post that made it, and nowhere else: in no
//! address, cookie or log.

use axum::extract::State;
use axum::http::Uri;
use axum::response::{IntoResponse, Redirect, Response};
use axum::{Extension, Json};
use serde::Deserialize;
use serde_json::json;

use super::body::{Body, Wanted};
use crate::app::Findings;
use crate::error::Code;
use crate::pages::api_keys::MadeKey;
use crate::server::App;
use crate::server::error::Error;
use crate::server::pages::{render_at, signed_in};
use crate::server::store::KeyAccess;
use crate::visitor::Visitor;

/// What key to make.
#[derive(Debug, Deserialize)]
pub struct NewKeyBody {
    name: String,
    access: String,
    /// Of the form: sent twice, it makes one key.
    token: Option<String>,
}

/// `POST /api/keys`: makes a key and shows its secret.
pub async fn create(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Body { value, wanted }: Body<NewKeyBody>,
) -> Result<Response, Error> {
    let account = signed_in(&visitor)?;
    let access = match value.access.as_str() {
        "read" => KeyAccess::Read,
        "write" => KeyAccess::Write,
        _ => return Err(Error::refused(Code::Invalid, "`access` is either `read` or `write`.")),
    };
    let (id, secret) = app.make_key(account, &value.name, access, value.token.as_deref()).await?;
    match wanted {
        Wanted::Json => Ok(Json(json!({ "id": id, "key": secret.expose() })).into_response()),
        Wanted::Redirect => {
            let made = MadeKey { name: value.name.trim().to_owned(), secret: secret.expose().to_owned() };
            let findings = Findings { made_key: Some(made), ..Findings::default() };
            Ok(render_at(app, &visitor, Uri::from_static("/settings/api-keys"), findings).await)
        }
    }
}

/// Which key.
#[derive(Debug, Deserialize)]
pub struct RevokeBody {
    key: String,
}

/// `POST /api/keys/revoke`: from now on the key is refused.
pub async fn revoke(
    State(app): State<App>,
    Extension(visitor): Extension<Visitor>,
    Body { value, wanted }: Body<RevokeBody>,
) -> Result<Response, Error> {
    let account = signed_in(&visitor)?;
    app.unmake_key(account, &value.key).await?;
    match wanted {
        Wanted::Redirect => Ok(Redirect::to(&account.at("/settings/api-keys")).into_response()),
        Wanted::Json => Ok(Json(json!({ "revoked": value.key })).into_response()),
    }
}
