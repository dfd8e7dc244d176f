//! What the other commands need of the configuration: where the server is, who to be there.
//!
//! In: the same file and overrides that `sidecar run` takes. Out: a few values, or drawn faults.
//! Nothing is made or written, and faults elsewhere in the file do not matter here.

use std::io::{self, IsTerminal};
use std::path::PathBuf;

use settings::url::{Host, Url};
use settings::{Document, Fault, Faults, Input, Object, Reading};
use sidecar::config::Source;

/// The server that the configuration describes, as a client on this machine sees it.
#[derive(Debug)]
pub(crate) struct Local {
    /// Base URL with `PathBase`, without a slash at the end.
    pub(crate) base: String,
    /// Of the admin listener, without a slash at the end.
    pub(crate) admin: String,
    /// The file that the listener's certificate comes from.
    pub(crate) certificate: Certificate,
    pub(crate) clients: Vec<Client>,
    pub(crate) data_folder: PathBuf,
}

/// Where to find the certificate to trust.
#[derive(Debug)]
pub(crate) struct Certificate {
    pub(crate) file: PathBuf,
    pub(crate) password: Option<String>,
}

/// A client that can ask for a token. `Debug` shows no secret.
pub(crate) struct Client {
    pub(crate) id: String,
    pub(crate) secret: String,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl Local {
    /// Reads what is needed; the error is text to show.
    pub(crate) fn read(source: &Source) -> Result<Self, String> {
        let (document, mut reading) = Document::read(Input {
            file: source.file.as_deref(),
            overrides: &source.overrides,
            env: Input::process_env,
        });
        let local = document.map(|document| Self::of(&document.root(), &mut reading));
        match local {
            Some(local) if !reading.faults.has_errors() => Ok(local),
            _ => Err(draw(reading.faults)),
        }
    }

    fn of(root: &Object<'_>, reading: &mut Reading) -> Self {
        let url = root.text(reading, "Url").map(|text| text.value);
        let path_base = root.text(reading, "PathBase").map(|text| text.value);
        let path_base = path_base.as_deref().unwrap_or("").trim_end_matches('/');
        let base = seen_from_here(url.as_deref().unwrap_or_default());
        let admin = root.object(reading, "Admin").text(reading, "Url");
        let admin = seen_from_here(admin.as_ref().map_or("", |text| &text.value));
        for (key, url) in [("Url", &base), ("Admin.Url", &admin)] {
            if url.is_none() {
                let fault = format!("`{key}` is not a URL that can be listened on");
                reading.faults.push(Fault::placeless(fault));
            }
        }
        let folder = root.text(reading, "DataFolder");
        let folder = reading.absolute(folder.as_ref().map_or("data", |text| &text.value));
        let certificate = match root.text(reading, "CertificateFile") {
            Some(file) => reading.absolute(&file.value),
            None => folder.join("dev-cert.pem"),
        };
        let password = root.text(reading, "CertificatePassword");
        Self {
            base: base.unwrap_or_default() + path_base,
            admin: admin.unwrap_or_default(),
            certificate: Certificate {
                file: certificate,
                password: password.map(|text| text.value),
            },
            clients: clients(root, reading),
            data_folder: folder,
        }
    }
}

fn clients(root: &Object<'_>, reading: &mut Reading) -> Vec<Client> {
    let server = root.object(reading, "OpenIddictServerSettings");
    let mut clients = Vec::new();
    for client in server.objects(reading, "ClientCredentials") {
        let id = client.text(reading, "ClientId");
        let mut secret = client.text(reading, "ClientSecret");
        for other in client.objects(reading, "ClientSecrets") {
            secret = secret.or_else(|| other.text(reading, "Value"));
        }
        if let (Some(id), Some(secret)) = (id, secret) {
            clients.push(Client {
                id: id.value,
                secret: secret.value,
            });
        }
    }
    clients
}

/// The first TLS URL of a listen setting, else the first, with a host that can be called.
fn seen_from_here(setting: &str) -> Option<String> {
    let parts = setting.split(';').map(str::trim);
    let urls = parts.filter(|part| !part.is_empty()).map(Url::parse);
    let urls: Vec<_> = urls.filter_map(Result::ok).collect();
    let url = urls
        .iter()
        .find(|url| url.is("https"))
        .or_else(|| urls.first())?;
    Some(callable(url, url.port))
}

/// `url` with `port` and, where it listens on every address, `localhost`.
pub(crate) fn callable(url: &Url<'_>, port: Option<u16>) -> String {
    let host = if url.host.is_unspecified() {
        Host::Localhost
    } else {
        url.host
    };
    let called = Url { host, port, ..*url };
    let (scheme, default_port) = if url.is("https") {
        ("https", 443)
    } else {
        ("http", 80)
    };
    format!("{scheme}://{}", called.authority(default_port))
}

fn draw(faults: Faults) -> String {
    let (errors, _) = faults.split_errors();
    errors.render(io::stderr().is_terminal())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listening_url_is_turned_into_one_to_call() {
        for (setting, want) in [
            ("https://localhost:8077", Some("https://localhost:8077")),
            (
                "http://*:80/;https://*:8077/",
                Some("https://localhost:8077"),
            ),
            ("http://0.0.0.0:8079", Some("http://localhost:8079")),
            ("https://[::1]:443", Some("https://[::1]")),
            ("", None),
            ("nonsense", None),
        ] {
            assert_eq!(seen_from_here(setting).as_deref(), want, "{setting}");
        }
    }
}
