//! `sidecar deny`: the deny list of the running sidecar, through the socket in its data folder.
//!
//! In: what the command line names. Out: the list, or that it is done, which means on the disk. The
//! socket is its owner's: whoever can open it may do this, and needs no token.

use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST};
use http::{HeaderValue, Method, Request, StatusCode};
use http_body_util::Full;
use serde_json::{Map, Value};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::net::UnixStream;

use crate::ask::{self, PATIENCE};
use crate::cli::{Denial, Deny};

/// Under the data folder.
const SOCKET: &str = "admin.sock";

/// Why nothing was done, as far as is known.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("cannot reach a running sidecar at `{path}`")]
    Reach { path: PathBuf, source: io::Error },
    #[error("no answer at `{path}` within {} s", PATIENCE.as_secs())]
    Late { path: PathBuf },
    #[error("no usable answer at `{path}`")]
    Http {
        path: PathBuf,
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    #[error("the sidecar answered {status}: {told}")]
    Refused { status: StatusCode, told: String },
    #[error(
        "name what to deny: `--token`, `--client`, `--subject`, `--key`, `--issuer` or \
         `--issued-before`"
    )]
    NothingNamed,
    #[error("`{0}` is not a time: write it as 2031-01-31T12:00:00Z, `now`, or a duration from now")]
    Time(String),
}

/// What is to be printed.
pub(crate) fn deny(data_folder: &Path, asked: &Deny) -> Result<String, Error> {
    let (method, entry) = match asked {
        Deny::List => (Method::GET, None),
        Deny::Add(denial) => (Method::POST, Some(entry(denial)?)),
        Deny::Remove(denial) => (Method::DELETE, Some(entry(denial)?)),
    };
    let answer = send(&data_folder.join(SOCKET), method, entry.as_ref())?;
    match asked {
        Deny::List => Ok(pretty(&answer)),
        Deny::Add(_) => Ok("denied".to_owned()),
        Deny::Remove(_) => Ok("not denied any more".to_owned()),
    }
}

/// As the admin listener takes it.
fn entry(denial: &Denial) -> Result<Value, Error> {
    let mut entry = Map::new();
    for (name, value) in [
        ("Token", &denial.token),
        ("Client", &denial.client),
        ("Subject", &denial.subject),
        ("Key", &denial.key),
        ("Issuer", &denial.issuer),
    ] {
        if let Some(value) = value {
            entry.insert(name.to_owned(), value.as_str().into());
        }
    }
    if let Some(text) = &denial.issued_before {
        // Tokens tell whole seconds: those of the second that goes on are meant too.
        let text = if text == "now" { "1s" } else { text };
        entry.insert("IssuedBefore".to_owned(), instant(text)?.into());
    }
    if entry.is_empty() {
        return Err(Error::NothingNamed);
    }
    if let Some(text) = &denial.until {
        entry.insert("Until".to_owned(), instant(text)?.into());
    }
    Ok(entry.into())
}

/// RFC 3339 as it stands; `now` and durations from the clock of this machine.
fn instant(text: &str) -> Result<String, Error> {
    let fault = || Error::Time(text.to_owned());
    let ahead = if text == "now" {
        Some(std::time::Duration::ZERO)
    } else {
        settings::scalar::duration(text)
    };
    let Some(ahead) = ahead else {
        let time = OffsetDateTime::parse(text, &Rfc3339).map_err(|_| fault())?;
        return time.format(&Rfc3339).map_err(|_| fault());
    };
    let time = SystemTime::now().checked_add(ahead).ok_or_else(fault)?;
    let seconds = OffsetDateTime::from(time).replace_nanosecond(0);
    let time = seconds.map_err(|_| fault())?;
    time.format(&Rfc3339).map_err(|_| fault())
}

fn send(path: &Path, method: Method, entry: Option<&Value>) -> Result<Bytes, Error> {
    let reach = |source| Error::Reach {
        path: path.to_owned(),
        source,
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(reach)?;
    let mut request = Request::new(Full::new(Bytes::new()));
    *request.method_mut() = method;
    *request.uri_mut() = http::Uri::from_static("/deny");
    let headers = request.headers_mut();
    headers.insert(HOST, HeaderValue::from_static("localhost"));
    if let Some(entry) = entry {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        *request.body_mut() = Full::new(entry.to_string().into());
    }
    let asked = async {
        let stream = UnixStream::connect(path).await.map_err(reach)?;
        let answered = ask::exchange(stream, request).await;
        answered.map_err(|source| Error::Http {
            path: path.to_owned(),
            source,
        })
    };
    let answered = runtime.block_on(async { tokio::time::timeout(PATIENCE, asked).await });
    let (status, body) = answered.map_err(|_| Error::Late {
        path: path.to_owned(),
    })??;
    if status.is_success() {
        return Ok(body);
    }
    let told: Value = serde_json::from_slice(&body).unwrap_or_default();
    let told = told["error"].as_str().map(str::to_owned);
    Err(Error::Refused {
        status,
        told: told.unwrap_or_else(|| String::from_utf8_lossy(&body).trim().to_owned()),
    })
}

fn pretty(json: &[u8]) -> String {
    serde_json::from_slice::<Value>(json)
        .and_then(|value| serde_json::to_string_pretty(&value))
        .unwrap_or_else(|_| String::from_utf8_lossy(json).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_has_what_the_command_line_names() {
        let denial = Denial {
            client: Some("orders".to_owned()),
            issued_before: Some("2031-01-31T12:00:00Z".to_owned()),
            ..Denial::default()
        };
        assert_eq!(
            entry(&denial).unwrap().to_string(),
            r#"{"Client":"orders","IssuedBefore":"2031-01-31T12:00:00Z"}"#
        );
        let until_only = Denial {
            until: Some("1h".to_owned()),
            ..Denial::default()
        };
        assert!(matches!(entry(&until_only), Err(Error::NothingNamed)));
    }

    #[test]
    fn a_time_is_rfc_3339_or_counted_from_now() {
        assert_eq!(
            instant("2031-01-31T12:00:00Z").unwrap(),
            "2031-01-31T12:00:00Z"
        );
        for text in ["now", "24h"] {
            assert!(OffsetDateTime::parse(&instant(text).unwrap(), &Rfc3339).is_ok());
        }
        for text in ["", "yesterday", "2031-01-31"] {
            assert!(matches!(instant(text), Err(Error::Time(_))), "{text}");
        }
    }
}
