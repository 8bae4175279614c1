//! Who calls: a service with a key. A key that is not known, was revoked or may not do this is refused before anything
//! is read.

use std::sync::Arc;

use aide::OperationInput;
use aide::generate::GenContext;
use aide::openapi::Operation;
use axum::extract::FromRequestParts;
use axum::http::header;
use axum::http::request::Parts;
use domain::organization::OrganizationId;

use super::problem::Failure;
use crate::error::Code;
use crate::server::App;
use crate::server::keys::Secret;
use crate::server::store::{ApiKey, KeyAccess};

/// A caller that may read.
#[derive(Clone, Debug)]
pub struct Reader(Arc<ApiKey>);

/// A caller that may write as well.
#[derive(Clone, Debug)]
pub struct Writer(Reader);

impl Reader {
    /// The key's id, for the ledger.
    pub fn id(&self) -> &str {
        &self.0.id
    }

    /// The organization that is asked about: the key's own, or the one that is named. One that the key is not for is
    /// answered like one that does not exist.
    pub fn organization(&self, named: Option<&str>) -> Result<OrganizationId, Failure> {
        match (&self.0.organization, named) {
            (Some(own), None) => Ok(own.clone()),
            (Some(own), Some(named)) if own.0 == named => Ok(own.clone()),
            (Some(_), Some(_)) => Err(no_organization()),
            (None, Some(named)) => Ok(OrganizationId(named.to_owned())),
            (None, None) => Err(Failure::refused(
                Code::Invalid,
                "This key is for every organization: say which one, as `organization`.",
            )),
        }
    }
}

impl Writer {
    /// What it may read.
    pub fn reader(&self) -> &Reader {
        &self.0
    }
}

/// The answer about an organization that is not there, or not for this key.
pub fn no_organization() -> Failure {
    Failure::refused(Code::NotFound, "There is no such organization.")
}

impl FromRequestParts<App> for Reader {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Failure> {
        let unknown = || {
            Failure::refused(
                Code::NotSignedIn,
                "This needs a key: send `Authorization: Bearer bhk_…` with one that has not been revoked.",
            )
        };
        let sent = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let secret =
            sent.and_then(|value| value.strip_prefix("Bearer ")).and_then(Secret::parse).ok_or_else(unknown)?;
        let key = app.store.api_key(&secret.hash()).await?.ok_or_else(unknown)?;
        Ok(Self(key))
    }
}

impl FromRequestParts<App> for Writer {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Failure> {
        let reader = Reader::from_request_parts(parts, app).await?;
        match reader.0.access {
            KeyAccess::Write => Ok(Self(reader)),
            KeyAccess::Read => {
                Err(Failure::refused(Code::Forbidden, "This key may only read. Make one with write access for this."))
            }
        }
    }
}

impl OperationInput for Reader {
    fn operation_input(_: &mut GenContext, operation: &mut Operation) {
        operation.security.push([("key".to_owned(), Vec::new())].into_iter().collect());
    }
}

impl OperationInput for Writer {
    fn operation_input(context: &mut GenContext, operation: &mut Operation) {
        Reader::operation_input(context, operation);
    }
}
