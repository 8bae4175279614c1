//! Where to go after sign-in: a path on this site and nothing else.

use serde::{Deserialize, Serialize};

/// A path on this site, safe to put into a `Location` header.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReturnTo(String);

impl ReturnTo {
    /// The billing settings.
    pub fn billing() -> Self {
        Self("/settings/billing".to_owned())
    }

    /// Accepts a local path with a query; anything that a browser could read as another host, and anything that
    /// does not fit into a header, becomes the dashboard.
    pub fn parse(text: Option<&str>) -> Self {
        Self(text.filter(|text| is_local_path(text)).unwrap_or("/dashboard").to_owned())
    }

    /// The path.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_local_path(text: &str) -> bool {
    let plain = text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    // `//host` and `/\host` are other hosts to a browser; the sign-in routes would be a loop.
    plain && text.len() <= 2000 && text.starts_with('/') && !text.starts_with("//") && !text.starts_with("/auth/")
}

#[cfg(test)]
mod tests {
    use super::ReturnTo;

    #[test]
    fn only_paths_on_this_site_are_accepted() {
        for good in ["/", "/pricing?period=yearly", "/checkout/pro?period=monthly&seats=5", "/a//b"] {
            assert_eq!(ReturnTo::parse(Some(good)).as_str(), good);
        }
        for bad in [
            "",
            "//evil.example",
            "/\\evil.example",
            "\\evil",
            "https://evil.example",
            "/a\r\nSet-Cookie: x=1",
            "/a b",
            "javascript:alert(1)",
            "/auth/login",
            "/ä",
        ] {
            assert_eq!(ReturnTo::parse(Some(bad)).as_str(), "/dashboard", "{bad:?}");
        }
    }
}
