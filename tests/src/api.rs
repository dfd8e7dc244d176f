//! The Workflow API as a caller sees it, straight or through the sidecar.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::client::{Answer, Call, Client};

/// A way to the API.
#[derive(Clone, Debug)]
pub struct Api {
    pub client: Client,
    pub token: Option<String>,
}

impl Api {
    /// Over `client`, with a token where one is needed.
    pub fn new(client: Client, token: Option<String>) -> Self {
        Self { client, token }
    }

    /// A GET of what follows `/workflowapi`.
    pub fn get(&self, rest: &str) -> Call {
        self.authorised(self.client.get(&format!("/workflowapi{rest}")))
    }

    /// A POST to what follows `/workflowapi`.
    pub fn post(&self, rest: &str) -> Call {
        self.authorised(self.client.post(&format!("/workflowapi{rest}")))
    }

    fn authorised(&self, call: Call) -> Call {
        match &self.token {
            Some(token) => call.bearer(token),
            None => call,
        }
    }

    /// POST with a JSON body; the envelope.
    pub async fn envelope(&self, rest: &str, body: &Value) -> Value {
        let answer = self.post(rest).json(body).send().await.expect(200);
        envelope(&answer)
    }

    /// The same, of an operation that succeeds; its data, null where there is none.
    pub async fn succeed(&self, rest: &str, body: &Value) -> Value {
        let envelope = self.envelope(rest, body).await;
        assert_eq!(envelope["success"], true, "{rest}: {envelope}");
        envelope["data"].clone()
    }

    /// The same, of an operation that fails; the short name of its error.
    pub async fn fail(&self, rest: &str, body: &Value) -> String {
        let envelope = self.envelope(rest, body).await;
        assert_eq!(envelope["success"], false, "{rest}: {envelope}");
        let message = envelope["message"].as_str().unwrap_or_default();
        assert!(!message.is_empty(), "{rest} says nothing: {envelope}");
        envelope["error"]
            .as_str()
            .expect("an error name")
            .to_owned()
    }

    /// A new instance; its id.
    pub async fn create(&self, scheme: &str, more: &Value) -> String {
        let id = Uuid::new_v4().to_string();
        let mut body = json!({ "schemeCode": scheme });
        crate::server::merge(&mut body, more);
        self.succeed(&format!("/createinstance/{id}"), &body).await;
        id
    }

    /// Executes a command; the instance afterwards.
    pub async fn execute(&self, id: &str, command: &str, more: &Value) -> Value {
        let mut body = json!({ "command": command });
        crate::server::merge(&mut body, more);
        let data = self.succeed(&format!("/executecommand/{id}"), &body).await;
        assert_eq!(data["WasExecuted"], true, "{command}: {data}");
        data["ProcessInstance"].clone()
    }

    /// An instance's full description.
    pub async fn info(&self, id: &str) -> Value {
        self.succeed(&format!("/getinstanceinfo/{id}"), &json!({}))
            .await
    }

    /// The names of the commands on offer.
    pub async fn commands(&self, id: &str, more: &Value) -> Vec<String> {
        let rest = format!("/getavailablecommands/{id}");
        let commands = self.succeed(&rest, more).await;
        let commands = commands.as_array().expect("a list").iter();
        commands
            .map(|command| command["CommandName"].as_str().expect("a name").to_owned())
            .collect()
    }
}

/// The envelope, checked for its form.
#[track_caller]
pub fn envelope(answer: &Answer) -> Value {
    let envelope = answer.json();
    let success = envelope["success"]
        .as_bool()
        .expect("`success` is a Boolean");
    let members = envelope.as_object().expect("an object");
    if success {
        assert!(!members.contains_key("error"), "{envelope}");
        assert!(!members.contains_key("message"), "{envelope}");
    } else {
        assert!(envelope["error"].is_string(), "{envelope}");
        assert!(envelope["message"].is_string(), "{envelope}");
    }
    assert!(
        answer
            .header("content-type")
            .starts_with("application/json"),
        "{:?}",
        answer.headers
    );
    envelope
}
