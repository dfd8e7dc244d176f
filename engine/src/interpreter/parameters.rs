//! Parameters in an operation: what was given, and what actions set.
//!
//! In: names and JSON. Out: typed values in the draft, each for this operation or kept.
//! Rules: Workflow API §4 (types, required, default) and execution rule 12 (purposes, `persist`).

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::value::RawValue;

use super::draft::Draft;
use super::input::Given;
use crate::failure::{Failure, ParameterFault};
use crate::parameter::{Purpose, Value, system_type};
use crate::scheme::{CommandId, CommandInput, ParameterDefinition};

impl Draft<'_> {
    /// Stores the initial values of a new process's Persistence parameters.
    pub(super) fn initialize(&mut self) {
        for definition in &self.scheme.parameters {
            if let (Purpose::Persistence, Some(initial)) = (definition.purpose, &definition.initial)
            {
                let name = Arc::clone(&definition.name);
                self.edits.insert(name, Some(initial.clone()));
            }
        }
    }

    /// Takes what was given, with the inputs of `command` where there is one.
    pub(super) fn take(
        &mut self,
        given: &Given,
        command: Option<CommandId>,
    ) -> Result<(), Failure> {
        let command = command.map(|id| &self.scheme[id]);
        let inputs: &[CommandInput] = command.map_or(&[], |command| &command.inputs);
        let mut missing: Vec<bool> = vec![true; inputs.len()];
        let persist: BTreeSet<&str> = given.persist.iter().map(|name| &**name).collect();
        for (name, raw) in &given.values {
            let input = inputs.iter().position(|input| *input.name == **name);
            let definition = match input {
                Some(place) => Some(&self.scheme[inputs[place].parameter]),
                None => self.definition(name),
            };
            let value = parse(definition, name, raw)?;
            if let Some(place) = input {
                // A null is no value where one is required.
                missing[place] = value == Value::Null && inputs[place].required;
            }
            let keep = persist.contains(&**name);
            self.set(definition, name, value, keep);
        }
        for (input, _) in inputs.iter().zip(missing).filter(|(_, missing)| *missing) {
            let definition = &self.scheme[input.parameter];
            if let Some(default) = &input.default {
                let keep = persist.contains(&*input.name);
                self.set(Some(definition), &input.name, default.clone(), keep);
            } else if let (true, Some(command)) = (input.required, command) {
                return Err(Failure::ParameterMissing {
                    name: Arc::clone(&input.name),
                    command: Arc::clone(&command.name),
                });
            }
        }
        Ok(())
    }

    /// An action's value: undeclared parameters are kept with the instance.
    pub(super) fn set_by_action(
        &mut self,
        name: &Arc<str>,
        raw: &RawValue,
    ) -> Result<(), ParameterFault> {
        let definition = self.definition(name);
        let value = typed(definition, name, raw)?;
        self.set(definition, name, value, definition.is_none());
        Ok(())
    }

    /// An action's removal. The initial value of a declared parameter does not come back.
    pub(super) fn remove_by_action(&mut self, name: &Arc<str>) -> Result<(), ParameterFault> {
        let definition = self.definition(name);
        if is_system(definition, name) {
            return Err(ParameterFault::System);
        }
        let initial = definition.and_then(|definition| definition.initial.as_ref());
        match definition.map(|definition| definition.purpose) {
            Some(Purpose::Temporary) if initial.is_some() => {
                self.temporary.insert(Arc::clone(name), Value::Null);
            }
            _ => {
                self.temporary.remove(name);
            }
        }
        let kept_null = initial.map(|_| Value::Null);
        if kept_null.is_some() || self.before.parameters.get(name).is_some() {
            self.edits.insert(Arc::clone(name), kept_null);
        } else {
            self.edits.remove(name);
        }
        Ok(())
    }

    fn set(
        &mut self,
        definition: Option<&ParameterDefinition>,
        name: &str,
        value: Value,
        keep: bool,
    ) {
        let name = match definition {
            Some(definition) => Arc::clone(&definition.name),
            None => Arc::from(name),
        };
        let persistent =
            definition.is_some_and(|definition| definition.purpose == Purpose::Persistence);
        if keep || persistent {
            self.temporary.remove(&name);
            self.edits.insert(name, Some(value));
        } else {
            self.temporary.insert(name, value);
        }
    }
}

fn parse(
    definition: Option<&ParameterDefinition>,
    name: &str,
    raw: &RawValue,
) -> Result<Value, Failure> {
    typed(definition, name, raw).map_err(|fault| Failure::ParameterInvalid {
        name: name.into(),
        fault,
    })
}

fn typed(
    definition: Option<&ParameterDefinition>,
    name: &str,
    raw: &RawValue,
) -> Result<Value, ParameterFault> {
    if is_system(definition, name) {
        return Err(ParameterFault::System);
    }
    Ok(match definition {
        Some(definition) => definition.r#type.parse(raw)?,
        None => Value::from_json(raw)?,
    })
}

fn is_system(definition: Option<&ParameterDefinition>, name: &str) -> bool {
    match definition {
        Some(definition) => {
            definition.purpose == Purpose::System || system_type(&definition.name).is_some()
        }
        None => system_type(name).is_some(),
    }
}
