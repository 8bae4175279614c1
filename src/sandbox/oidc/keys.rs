//! The signing key: Ed25519, made at the first start and kept, so that tokens stay verifiable.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use openidconnect::core::{CoreEdDsaPrivateSigningKey, CoreJwsSigningAlgorithm};
use openidconnect::{JsonWebKeyId, PrivateSigningKey};
use rand::RngCore;
use serde_json::{Value, json};
use sha2::{Digest, Sha256, Sha512};

use crate::Error;
use crate::json::Json;
use crate::store::Store;

const KIND: &str = "_oidc_key";
/// PKCS#8 header of an Ed25519 private key; the 32 bytes of the seed follow.
const PKCS8: [u8; 16] =
    [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];

/// The provider's key.
pub(super) struct Keys {
    key: CoreEdDsaPrivateSigningKey,
    id: String,
}

impl Keys {
    /// The kept key, or a new one.
    pub(super) fn load(store: &Store) -> Result<Self, Error> {
        let kept = store.read(|data| data.get(KIND, KIND).map(|key| key.text("seed").to_owned()));
        let seed = if let Some(seed) = kept {
            seed
        } else {
            let mut bytes = [0_u8; 32];
            rand::rng().fill_bytes(&mut bytes);
            let seed = hex::encode(bytes);
            store.write(|tx| tx.put(KIND, KIND, json!({ "seed": seed })))?;
            seed
        };
        Self::from_seed(&seed)
    }

    fn from_seed(seed: &str) -> Result<Self, Error> {
        let failed = |reason: String| Error::Setup(format!("signing key: {reason}"));
        let seed = hex::decode(seed).map_err(|error| failed(error.to_string()))?;
        let id = hex::encode(&Sha256::digest(&seed)[..8]);
        let body = STANDARD.encode([&PKCS8[..], &seed].concat());
        let pem = format!("-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n");
        let kid = JsonWebKeyId::new(id.clone());
        let key = CoreEdDsaPrivateSigningKey::from_ed25519_pem(&pem, Some(kid)).map_err(failed)?;
        Ok(Self { key, id })
    }

    /// The public key as a JWK.
    pub(super) fn public(&self) -> Value {
        let mut jwk = serde_json::to_value(self.key.as_verification_key()).unwrap_or_default();
        jwk.set("alg", "EdDSA");
        jwk.set("use", "sig");
        jwk
    }

    /// Signs claims as a compact JWT.
    pub(super) fn sign(&self, claims: &Value) -> Option<String> {
        let header = json!({ "alg": "EdDSA", "typ": "JWT", "kid": self.id });
        let encode = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
        let message = format!("{}.{}", encode(&header), encode(claims));
        let signature = self.key.sign(&CoreJwsSigningAlgorithm::EdDsa, message.as_bytes()).ok()?;
        Some(format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }

    /// The claims of a token that this key signed, however old.
    pub(super) fn own_claims(&self, token: &str) -> Option<Value> {
        let (message, signature) = token.rsplit_once('.')?;
        // Ed25519 signatures are deterministic: ours is the one we would make again.
        let again = self.key.sign(&CoreJwsSigningAlgorithm::EdDsa, message.as_bytes()).ok()?;
        if URL_SAFE_NO_PAD.encode(again) != signature {
            return None;
        }
        let claims = URL_SAFE_NO_PAD.decode(message.split_once('.')?.1).ok()?;
        serde_json::from_slice(&claims).ok()
    }
}

/// `at_hash` for Ed25519: the left half of the token's SHA-512.
pub(super) fn access_token_hash(token: &str) -> String {
    URL_SAFE_NO_PAD.encode(&Sha512::digest(token)[..32])
}
