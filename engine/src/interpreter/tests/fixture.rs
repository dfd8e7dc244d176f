//! Small schemes from a few lines, and a world to walk them in.
//!
//! ```text
//! actor Boss CheckRole Manager
//! param Sum Decimal Persistence 0
//! command pay Sum! Note=x Amount:Sum
//! timer later 2s
//! activity A initial final set update nostate norecord state=S
//! run A SetParameter {"Name":"Sum","Value":1}
//! go A B command:pay direct; allow Boss; restrict Boss; any-allow; any-restrict; any-condition;
//!    if @Sum > 1; unless @Sum > 1; check Name {…}; not Name {…}; otherwise; fork
//! ```

use std::collections::HashMap;
use std::fmt::Write as _;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use serde_json::value::RawValue;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::environment::{Environment, Instances, Limits};
use crate::failure::Failure;
use crate::instance::Instance;
use crate::interpreter::{self, Caller, Given, Input, Outcome, Seed};
use crate::provider::Providers;
use crate::scheme::Scheme;
use crate::users::{User, Users};

pub(crate) const NOW: OffsetDateTime = OffsetDateTime::UNIX_EPOCH;

/// The result of a future that has nothing to wait for.
pub(crate) fn ready<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("built-in providers know their answers at once"),
    }
}

pub(crate) fn scheme(lines: &str) -> Arc<Scheme> {
    let xml = xml("Test", lines);
    match Scheme::parse(&xml, None) {
        Ok(parsed) => Arc::new(parsed.scheme.with_id(Uuid::from_u128(7))),
        Err(faults) => panic!("{}\n{xml}", faults.draw(false)),
    }
}

pub(crate) fn xml(code: &str, lines: &str) -> String {
    let joined = lines.replace(";\n", "; ");
    let mut sections: [(&str, String); 6] = [
        ("Actors", String::new()),
        ("Parameters", String::new()),
        ("Commands", String::new()),
        ("Timers", String::new()),
        ("Activities", String::new()),
        ("Transitions", String::new()),
    ];
    for (number, line) in joined.lines().map(str::trim).enumerate() {
        let (kind, rest) = line.split_once(' ').unwrap_or((line, ""));
        let (section, element) = match kind {
            "actor" => (0, actor(rest)),
            "param" => (1, parameter(rest)),
            "command" => (2, command(rest)),
            "timer" => (3, timer(rest)),
            "activity" => (4, activity(rest, &joined)),
            "go" => (5, transition(number, rest)),
            _ => continue,
        };
        sections[section].1 += &element;
    }
    let mut xml = format!(r#"<Process Name="{code}">"#);
    for (name, elements) in sections {
        write!(xml, "<{name}>{elements}</{name}>").unwrap();
    }
    xml + "</Process>"
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('"', "&quot;")
}

fn words<const N: usize>(text: &str) -> [&str; N] {
    let mut words = text.splitn(N, ' ');
    std::array::from_fn(|_| words.next().unwrap_or_default())
}

fn actor(rest: &str) -> String {
    let [name, rule, value] = words(rest);
    format!(r#"<Actor Name="{name}" Rule="{rule}" Value="{value}" />"#)
}

fn parameter(rest: &str) -> String {
    let [name, kind, purpose, initial] = words(rest);
    let initial = escaped(initial);
    format!(
        r#"<Parameter Name="{name}" Type="{kind}" Purpose="{purpose}" InitialValue="{initial}" />"#
    )
}

fn timer(rest: &str) -> String {
    let [name, value] = words(rest);
    format!(
        r#"<Timer Name="{name}" Type="Interval" Value="{value}" NotOverrideIfExists="false" />"#
    )
}

fn command(rest: &str) -> String {
    let [name, inputs] = words(rest);
    let mut refs = String::new();
    for input in inputs.split_whitespace() {
        let (input, default) = input.split_once('=').unwrap_or((input, ""));
        let required = input.ends_with('!');
        let input = input.trim_end_matches('!');
        let (input, target) = input.split_once(':').unwrap_or((input, input));
        let default = escaped(default);
        write!(
            refs,
            r#"<ParameterRef Name="{input}" NameRef="{target}" IsRequired="{required}" DefaultValue="{default}" />"#
        )
        .unwrap();
    }
    format!(r#"<Command Name="{name}"><InputParameters>{refs}</InputParameters></Command>"#)
}

fn activity(rest: &str, all: &str) -> String {
    let [name, flags] = words(rest);
    let has = |flag: &str| flags.split_whitespace().any(|one| one == flag);
    let state = flags
        .split_whitespace()
        .find_map(|one| one.strip_prefix("state="));
    let state = state.unwrap_or(name);
    let mut actions = String::new();
    let runs = all
        .lines()
        .filter_map(|line| line.trim().strip_prefix("run "));
    for (order, run) in runs.filter(|run| words::<2>(run)[0] == name).enumerate() {
        let [_, action, parameter] = words(run);
        write!(
            actions,
            r#"<ActionRef Order="{order}" NameRef="{action}"><ActionParameter><![CDATA[{parameter}]]></ActionParameter></ActionRef>"#
        )
        .unwrap();
    }
    format!(
        r#"<Activity Name="{name}" State="{state}" IsInitial="{}" IsFinal="{}" IsForSetState="{}" IsAutoSchemeUpdate="{}" DisablePersistState="{}" DisablePersistTransitionHistory="{}"><Implementation>{actions}</Implementation></Activity>"#,
        has("initial"),
        has("final"),
        has("set"),
        has("update"),
        has("nostate"),
        has("norecord"),
    )
}

fn transition(number: usize, rest: &str) -> String {
    let mut clauses = rest
        .split("; ")
        .map(|clause| clause.trim().trim_end_matches(';'));
    let [from, to, trigger, class] = words(clauses.next().unwrap_or_default());
    let trigger = match trigger.split_once(':') {
        Some(("command", name)) => format!(r#"<Trigger Type="Command" NameRef="{name}" />"#),
        Some(("timer", name)) => format!(r#"<Trigger Type="Timer" NameRef="{name}" />"#),
        _ => r#"<Trigger Type="Auto" />"#.to_owned(),
    };
    let class = match class {
        "direct" => "Direct",
        "reverse" => "Reverse",
        _ => "NotSpecified",
    };
    let (mut restrictions, mut conditions, mut attributes) = Default::default();
    for clause in clauses {
        let [kind, rest] = words(clause);
        let invert = matches!(kind, "unless" | "not");
        let (to, text): (&mut String, String) = match kind {
            "allow" => (
                &mut restrictions,
                format!(r#"<Restriction Type="Allow" NameRef="{rest}" />"#),
            ),
            "restrict" => (
                &mut restrictions,
                format!(r#"<Restriction Type="Restrict" NameRef="{rest}" />"#),
            ),
            "any-allow" => (
                &mut attributes,
                r#" AllowConcatenationType="Or""#.to_owned(),
            ),
            "any-restrict" => (
                &mut attributes,
                r#" RestrictConcatenationType="Or""#.to_owned(),
            ),
            "any-condition" => (
                &mut attributes,
                r#" ConditionsConcatenationType="Or""#.to_owned(),
            ),
            "fork" => (&mut attributes, r#" IsFork="true""#.to_owned()),
            "otherwise" => (
                &mut conditions,
                r#"<Condition Type="Otherwise" />"#.to_owned(),
            ),
            "if" | "unless" => (
                &mut conditions,
                format!(
                    r#"<Condition Type="Expression" ConditionInversion="{invert}"><Expression><![CDATA[{rest}]]></Expression></Condition>"#
                ),
            ),
            "check" | "not" => {
                let [name, parameter] = words(rest);
                (
                    &mut conditions,
                    format!(
                        r#"<Condition Type="Action" NameRef="{name}" ConditionInversion="{invert}"><ActionParameter><![CDATA[{parameter}]]></ActionParameter></Condition>"#
                    ),
                )
            }
            other => panic!("no clause `{other}`"),
        };
        *to += &text;
    }
    format!(
        r#"<Transition Name="{from}_{to}_{number}" From="{from}" To="{to}" Classifier="{class}"{attributes}><Restrictions>{restrictions}</Restrictions><Triggers>{trigger}</Triggers><Conditions>{conditions}</Conditions></Transition>"#
    )
}

/// Everything that an environment is made of.
pub(crate) struct World {
    pub(crate) users: Users,
    pub(crate) providers: Providers,
    pub(crate) limits: Limits,
    pub(crate) others: Others,
    pub(crate) newest: Option<Arc<Scheme>>,
}

/// Other processes than the one in hand.
#[derive(Default)]
pub(crate) struct Others(pub(crate) HashMap<Uuid, Arc<Instance>>);

impl Instances for Others {
    fn find(&self, id: Uuid) -> Option<Arc<Instance>> {
        self.0.get(&id).cloned()
    }
}

impl World {
    pub(crate) fn new() -> Self {
        Self {
            users: Users::default(),
            providers: Providers::builtin(),
            limits: Limits::default(),
            others: Others::default(),
            newest: None,
        }
    }

    pub(crate) fn user(&self, id: &str, roles: &[&str]) {
        let user = User {
            id: id.into(),
            name: format!("Name of {id}").into(),
            login: None,
            roles: roles.iter().map(|role| (*role).into()).collect(),
            tenant: None,
        };
        self.users.create(user, usize::MAX).unwrap();
    }

    pub(crate) fn environment(&self) -> Environment<'_> {
        Environment {
            now: NOW,
            users: &self.users,
            providers: &self.providers,
            instances: &self.others,
            limits: self.limits,
            newest: self.newest.as_ref(),
        }
    }

    pub(crate) fn try_create(
        &self,
        scheme: &Arc<Scheme>,
        who: &str,
        parameters: &str,
    ) -> Result<Outcome, Failure> {
        let seed = Seed {
            id: Uuid::from_u128(1),
            scheme,
            tenant: None,
        };
        ready(interpreter::create(
            seed,
            &caller(who),
            &given(parameters),
            &self.environment(),
        ))
    }

    pub(crate) fn create(&self, scheme: &Arc<Scheme>, who: &str) -> Arc<Instance> {
        after(self.try_create(scheme, who, "{}").unwrap()).unwrap()
    }

    pub(crate) fn try_command(
        &self,
        before: &Arc<Instance>,
        name: &str,
        who: &str,
        parameters: &str,
    ) -> Result<Outcome, Failure> {
        let input = Input::Command {
            name,
            caller: &caller(who),
            given: &given(parameters),
        };
        ready(interpreter::step(before, input, &self.environment()))
    }

    pub(crate) fn command(&self, before: &Arc<Instance>, name: &str, who: &str) -> Arc<Instance> {
        after(self.try_command(before, name, who, "{}").unwrap()).unwrap()
    }

    pub(crate) fn try_set(
        &self,
        before: &Arc<Instance>,
        state: &str,
        parameters: &str,
    ) -> Result<Outcome, Failure> {
        let input = Input::SetState {
            state,
            caller: &caller("admin"),
            given: &given(parameters),
        };
        ready(interpreter::step(before, input, &self.environment()))
    }

    pub(crate) fn set(&self, before: &Arc<Instance>, state: &str) -> Arc<Instance> {
        after(self.try_set(before, state, "{}").unwrap()).unwrap()
    }

    pub(crate) fn offered(&self, instance: &Instance, who: &str) -> String {
        let environment = self.environment();
        let caller = caller(who);
        let offers = interpreter::available_commands(instance, &caller, None, None, &environment);
        let offers = ready(offers).unwrap();
        let names: Vec<&str> = offers
            .iter()
            .map(super::super::AvailableCommand::name)
            .collect();
        names.join(" ")
    }
}

/// `who`, nobody when empty, `who as whom` for a deputy.
pub(crate) fn caller(who: &str) -> Caller {
    let (who, whom) = who.split_once(" as ").unwrap_or((who, ""));
    let some = |text: &str| (!text.is_empty()).then(|| text.into());
    Caller {
        identity: some(who),
        impersonated: some(whom),
    }
}

/// Parameters from a JSON object; a member `persist` lists names, separated by spaces.
pub(crate) fn given(json: &str) -> Given {
    let members: Vec<(String, Box<RawValue>)> = {
        let map: std::collections::BTreeMap<String, Box<RawValue>> =
            serde_json::from_str(json).unwrap();
        map.into_iter().collect()
    };
    let mut given = Given::default();
    for (name, value) in members {
        if name == "persist" {
            let names: String = serde_json::from_str(value.get()).unwrap();
            given.persist = names.split(' ').map(Into::into).collect();
        } else {
            given.values.push((name.into(), value));
        }
    }
    given
}

/// The snapshot that an outcome leaves, where it changes anything.
pub(crate) fn after(outcome: Outcome) -> Option<Arc<Instance>> {
    match outcome {
        Outcome::NotExecuted => None,
        Outcome::Done(changes) => changes.own.after().cloned(),
        Outcome::Failed { failure, .. } => panic!("{failure}"),
    }
}
