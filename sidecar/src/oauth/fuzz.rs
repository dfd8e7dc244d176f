//! What fuzz targets drive: forms and Basic credentials of anybody's making.

#![expect(
    clippy::missing_panics_doc,
    reason = "a panic is how a target says that something does not hold"
)]

use super::client_auth::basic;
use super::form::Form;

/// A form is read, or refused.
pub fn form(data: &[u8]) {
    let Ok(form) = Form::parse(data) else {
        return;
    };
    // Written anew it reads the same.
    let mut again = form_urlencoded::Serializer::new(String::new());
    let pairs = [
        ("grant_type", &form.grant_type),
        ("client_id", &form.client_id),
        ("client_secret", &form.client_secret),
        ("scope", &form.scope),
    ];
    for (name, value) in pairs {
        if let Some(value) = value {
            again.append_pair(name, value);
        }
    }
    let again = again.finish();
    let again = Form::parse(again.as_bytes()).expect("a form of ours");
    assert_eq!(again.grant_type, form.grant_type);
    assert_eq!(again.client_id, form.client_id);
    assert_eq!(again.client_secret.is_some(), form.client_secret.is_some());
    assert!(again.client_secret == form.client_secret, "secrets differ");
    assert_eq!(again.scope, form.scope);
}

/// An `Authorization` value is Basic credentials, or is refused.
pub fn basic_credentials(data: &[u8]) {
    let _ = basic(data);
    let encoded = {
        use base64::Engine;
        base64::engine::general_purpose::STANDARD.encode(data)
    };
    let _ = basic(format!("Basic {encoded}").as_bytes());
}

#[cfg(test)]
#[test]
fn seeds_are_judged() {
    use crate::bearer::fuzz::seeds;

    for seed in seeds("form") {
        form(&seed);
    }
    for seed in seeds("basic") {
        basic_credentials(&seed);
    }
}
