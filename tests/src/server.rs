//! The two programs, configured and running: what a test starts with.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::api::Api;
use crate::client::{Answer, Client};
use crate::files::Way;
use crate::material::certificates_in;
use crate::process::Process;
use crate::programs::{programs, workspace};
use crate::secrets;
use crate::wait::until;

/// The client that every configuration of the harness registers.
pub const CLIENT: &str = "tester";

/// A folder with a `config.json`, and what else a test puts there.
#[derive(Debug)]
pub struct Setup {
    folder: TempDir,
    /// As written to `config.json`.
    pub config: Value,
    /// Of [`CLIENT`].
    pub secret: String,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
}

impl Default for Setup {
    fn default() -> Self {
        Self::new()
    }
}

impl Setup {
    /// Ports of the system's choice, one client, the engine inside, every sample scheme.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let secret = secrets::new_secret();
        let schemes = folder.path().join("schemes");
        fs::create_dir(&schemes).expect("a folder");
        for file in fs::read_dir(workspace().join("schemes"))
            .into_iter()
            .flatten()
            .flatten()
        {
            let to = schemes.join(file.file_name());
            fs::copy(file.path(), to).expect("a scheme can be copied");
        }
        let config = json!({
            "Url": "https://localhost:0",
            "DisableOpenIddictServer": false,
            "OpenIddictServerSettings": { "ClientCredentials": [
                { "ClientId": CLIENT, "ClientSecret": secret, "Operations": ["*", "manage"] }
            ] },
            "Upstream": "embedded",
            "Admin": { "Url": "http://127.0.0.1:0" },
            "DataFolder": "data",
            "Workers": 2,
            "Engine": {
                "Url": "http://127.0.0.1:0",
                "Admin": { "Url": "http://127.0.0.1:0" },
                "Schemes": "schemes",
                "Store": "memory"
            }
        });
        Self {
            folder,
            config,
            secret,
            arguments: Vec::new(),
            environment: Vec::new(),
        }
    }

    /// With these members of the configuration; a null takes one away.
    #[must_use]
    pub fn with(mut self, change: &Value) -> Self {
        merge(&mut self.config, change);
        self
    }

    /// With one more registered client.
    #[must_use]
    pub fn with_client(mut self, client: Value) -> Self {
        if let Some(secret) = client["ClientSecret"].as_str() {
            secrets::register(secret);
        }
        self.clients().push(client);
        self
    }

    /// Forwarding to `url`.
    #[must_use]
    pub fn upstream(self, url: &str) -> Self {
        self.with(&json!({ "Upstream": url }))
    }

    /// With another argument on the command line.
    #[must_use]
    pub fn argument(mut self, argument: &str) -> Self {
        self.arguments.push(argument.to_owned());
        self
    }

    /// With a variable in the environment.
    #[must_use]
    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The registered clients, to change.
    pub fn clients(&mut self) -> &mut Vec<Value> {
        self.config["OpenIddictServerSettings"]["ClientCredentials"]
            .as_array_mut()
            .expect("the harness registers clients")
    }

    /// A path in the folder.
    pub fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file into the folder.
    pub fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).expect("a file in the test's folder");
    }

    /// Where the configuration stands.
    pub fn config_file(&self) -> PathBuf {
        self.path("config.json")
    }

    /// Writes `config.json` from `config`.
    pub fn write_config(&self) {
        let text = serde_json::to_string_pretty(&self.config).expect("JSON");
        self.write("config.json", &text);
    }

    /// A command line of `program` in the folder, with the environment of this set-up.
    pub fn command(&self, program: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.folder.path()).args(arguments);
        for (name, value) in &self.environment {
            command.env(name, value);
        }
        command
    }

    /// Runs the sidecar as configured, whether or not that can go well.
    pub fn start_sidecar(&self) -> Process {
        let command = self.run_command(&programs().sidecar);
        Process::start("sidecar", command)
    }

    /// Runs the engine as configured, whether or not that can go well.
    pub fn start_engine(&self) -> Process {
        let command = self.run_command(&programs().engine);
        Process::start("engine", command)
    }

    fn run_command(&self, program: &Path) -> Command {
        let mut command = self.command(program, &["run", "--config", "config.json"]);
        command.args(&self.arguments);
        command
    }

    /// A sidecar that is ready.
    pub async fn sidecar(self) -> Sidecar {
        self.write_config();
        self.sidecar_as_written().await
    }

    /// The same, with the `config.json` that the test has written.
    pub async fn sidecar_as_written(self) -> Sidecar {
        let process = self.start_sidecar();
        let url = address(&process, "url").await;
        let admin = Client::new(&address(&process, "admin").await, Vec::new());
        ready(&admin).await;
        let certificate = match self.config["CertificateFile"].as_str() {
            Some(file) => self.path(file),
            None => self.path("data/dev-cert.pem"),
        };
        let trust = if url.starts_with("https:") && certificate.exists() {
            certificates_in(&certificate)
        } else {
            Vec::new()
        };
        Sidecar {
            client: Client::new(&url, trust),
            process,
            url,
            admin,
            setup: self,
        }
    }

    /// An engine that is ready.
    pub async fn engine(self) -> Engine {
        self.write_config();
        let process = self.start_engine();
        let url = address(&process, "url").await;
        let admin = Client::new(&address(&process, "admin").await, Vec::new());
        ready(&admin).await;
        Engine {
            client: Client::new(&url, Vec::new()),
            process,
            url,
            admin,
            setup: self,
        }
    }
}

/// A running sidecar.
#[derive(Debug)]
pub struct Sidecar {
    pub process: Process,
    /// `https://localhost:port`.
    pub url: String,
    /// To the proxied listener, trusting its certificate.
    pub client: Client,
    /// To the admin listener.
    pub admin: Client,
    // Last: the folder goes after the process.
    pub setup: Setup,
}

impl Sidecar {
    /// Asks the token endpoint, whatever it says.
    pub async fn ask_token(&self, pairs: &[(&str, &str)]) -> Answer {
        let answer = self.client.post("/connect/token").form(pairs).send().await;
        if let Some(token) = answer
            .status
            .is_success()
            .then(|| answer.json()["access_token"].as_str().map(str::to_owned))
            .flatten()
        {
            secrets::register_token(&token);
        }
        answer
    }

    /// A token of a client.
    pub async fn token_of(&self, id: &str, secret: &str) -> String {
        let answer = self
            .ask_token(&[
                ("grant_type", "client_credentials"),
                ("client_id", id),
                ("client_secret", secret),
            ])
            .await
            .expect(200);
        let token = answer.json()["access_token"].as_str().map(str::to_owned);
        token.expect("an access token")
    }

    /// A token of the harness's client.
    pub async fn token(&self) -> String {
        self.token_of(CLIENT, &self.setup.secret).await
    }

    /// The Workflow API with a token of the harness's client.
    pub async fn api(&self) -> Api {
        Api::new(self.client.clone(), Some(self.token().await))
    }

    /// Changes the configuration and writes it in the given way.
    pub fn rewrite(&mut self, way: Way, change: &Value) {
        merge(&mut self.setup.config, change);
        self.rewrite_text(way, &self.setup.config.to_string());
    }

    /// Writes any text as the configuration.
    pub fn rewrite_text(&self, way: Way, text: &str) {
        way.write(&self.setup.config_file(), text);
    }

    /// What `/metrics` says of a sample, summed over those whose line contains all of `labels`.
    pub async fn metric(&self, name: &str, labels: &[&str]) -> f64 {
        metric(&self.admin, name, labels).await
    }

    /// Runs a client program with what its script reads from the environment; the lines it printed.
    pub async fn run_client(&self, mut command: Command) -> Vec<String> {
        let trust = self.setup.path("data/dev-cert.pem");
        command
            .env("URL", &self.url)
            .env("CLIENT_ID", CLIENT)
            .env("CLIENT_SECRET", &self.setup.secret)
            .env("CA_FILE", &trust)
            .env("NODE_EXTRA_CA_CERTS", &trust)
            // For requests these go before a session's own `verify`.
            .env_remove("REQUESTS_CA_BUNDLE")
            .env_remove("CURL_CA_BUNDLE");
        let ran = crate::process::run(command).await;
        assert_eq!(ran.code, Some(0), "{}\n{}", ran.stdout, ran.stderr);
        ran.stdout.lines().map(str::to_owned).collect()
    }

    /// SIGTERM, the end, and the folder for another start.
    pub async fn stop(mut self) -> Setup {
        stop(&mut self.process).await;
        self.setup
    }
}

/// A running engine.
#[derive(Debug)]
pub struct Engine {
    pub process: Process,
    /// `http://127.0.0.1:port` or `unix:/path`.
    pub url: String,
    pub client: Client,
    pub admin: Client,
    pub setup: Setup,
}

impl Engine {
    /// The Workflow API, straight.
    pub fn api(&self) -> Api {
        Api::new(self.client.clone(), None)
    }

    /// SIGTERM, the end, and the folder for another start.
    pub async fn stop(mut self) -> Setup {
        stop(&mut self.process).await;
        self.setup
    }
}

async fn stop(process: &mut Process) {
    process.signal("TERM");
    let status = process.exit().await;
    assert_eq!(status.code(), Some(0), "{}", process.story());
}

/// Waits for `/readyz`.
pub async fn ready(admin: &Client) {
    until("/readyz answers 200", || async {
        let answer = admin.get("/readyz").try_send().await.ok()?;
        answer.status.is_success().then_some(())
    })
    .await;
}

/// A listener's URL as the program logs it when it listens.
async fn address(process: &Process, field: &str) -> String {
    let url = process.logged("listening", field).await;
    let url = url.as_str().expect("a URL").trim_end_matches('/');
    url.to_owned()
}

async fn metric(admin: &Client, name: &str, labels: &[&str]) -> f64 {
    let answer = admin.get("/metrics").send().await.expect(200);
    let text = answer.text();
    let samples = text.lines().filter(|line| {
        let rest = line.strip_prefix(name).unwrap_or("?");
        rest.starts_with(['{', ' ']) && labels.iter().all(|label| rest.contains(label))
    });
    let values = samples.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok());
    values.sum()
}

/// RFC 7396: `change` over `target`.
pub fn merge(target: &mut Value, change: &Value) {
    let Value::Object(change) = change else {
        target.clone_from(change);
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    let members = target.as_object_mut().expect("made so above");
    for (name, value) in change {
        if value.is_null() {
            members.remove(name);
        } else {
            merge(members.entry(name.clone()).or_insert(Value::Null), value);
        }
    }
}
