//! The `Idempotency-Key` of a write: the same request is carried out once, however often it comes.

use std::convert::Infallible;

use aide::OperationInput;
use aide::generate::GenContext;
use aide::openapi::{
    HeaderStyle, Operation, Parameter, ParameterData, ParameterSchemaOrContent, ReferenceOr, SchemaObject,
};
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::problem::Failure;
use crate::error::Code;
use crate::server::store::Idempotency;

const HEADER: &str = "idempotency-key";
/// The longest key that is taken, in characters.
const LONGEST: usize = 255;

/// What was sent as a key.
#[derive(Clone, Debug)]
pub struct IdempotencyKey(Option<String>);

impl<S: Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        // One that is not readable is empty, which is refused below.
        Ok(Self(parts.headers.get(HEADER).map(|value| value.to_str().unwrap_or_default().to_owned())))
    }
}

impl IdempotencyKey {
    /// The key with what it is for. `operation` and `body` tell requests apart.
    pub fn of(self, scope: &str, operation: &str, body: &impl Serialize) -> Result<Option<Idempotency>, Failure> {
        let Some(key) = self.0 else { return Ok(None) };
        if key.is_empty() || key.chars().count() > LONGEST {
            return Err(Failure::refused(Code::Invalid, "An Idempotency-Key has 1 to 255 plain characters."));
        }
        let body = serde_json::to_vec(body).map_err(|error| Failure::refused(Code::Invalid, error.to_string()))?;
        let mut digest = Sha256::new();
        digest.update(operation);
        digest.update([0]);
        digest.update(body);
        Ok(Some(Idempotency { scope: scope.to_owned(), key, fingerprint: hex::encode(digest.finalize()) }))
    }
}

impl OperationInput for IdempotencyKey {
    fn operation_input(context: &mut GenContext, operation: &mut Operation) {
        let parameter_data = ParameterData {
            name: "Idempotency-Key".to_owned(),
            description: Some(
                "Any text of your own, up to 255 characters. The same request with the same key is carried out once \
                 and answered again; another request with it is refused with 409. Kept for a week."
                    .to_owned(),
            ),
            required: false,
            deprecated: None,
            format: ParameterSchemaOrContent::Schema(SchemaObject {
                json_schema: context.schema.subschema_for::<String>(),
                external_docs: None,
                example: None,
            }),
            example: None,
            examples: [].into_iter().collect(),
            explode: None,
            extensions: [].into_iter().collect(),
        };
        operation
            .parameters
            .push(ReferenceOr::Item(Parameter::Header { parameter_data, style: HeaderStyle::default() }));
    }
}
