//! Checks of the graph as a whole: one start, reachable ends, one `Otherwise` for each choice.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use super::declarations::Declared;
use super::reader::Reader;
use super::{Activity, ActivityId, ConditionKind, Problem, Transition, Trigger};

/// Checks the graph; returns the place of the initial activity.
pub(super) fn graph(
    reader: &mut Reader<'_>,
    activities: &Declared<'_, Activity>,
    transitions: &Declared<'_, Transition>,
) -> Option<u32> {
    let initial = initial(reader, activities);
    otherwise(reader, transitions);
    // With a piece missing, what lies behind it would be told as unreachable.
    if let Some(initial) = initial.filter(|_| !reader.has_faults()) {
        finals(reader, activities, transitions, initial);
    }
    initial
}

fn initial(reader: &mut Reader<'_>, activities: &Declared<'_, Activity>) -> Option<u32> {
    let mut first: Option<u32> = None;
    for (place, activity) in (0..).zip(&activities.items) {
        if !activity.is_initial {
            continue;
        }
        let Some(first) = first else {
            first = Some(place);
            continue;
        };
        let problem = Problem::SecondInitial {
            name: (*activity.name).into(),
            first: (*activities.items[first as usize].name).into(),
        };
        reader.fault(activities.spans[place as usize].clone(), problem, None);
    }
    if first.is_none() {
        let at = activities.spans.first().cloned().unwrap_or_default();
        let hint = "set IsInitial=\"true\" on the activity where processes start";
        reader.fault(at, Problem::NoInitial, Some(hint.to_owned()));
    }
    first
}

/// Two transitions that each fire when nothing else does cannot both be meant. Forks are chosen
/// apart from the others.
fn otherwise(reader: &mut Reader<'_>, transitions: &Declared<'_, Transition>) {
    let mut taken: HashMap<(ActivityId, Option<Trigger>, bool), usize, RandomState> =
        HashMap::default();
    for (place, transition) in transitions.items.iter().enumerate() {
        let conditions = transition.conditions.iter();
        let count = conditions
            .filter(|condition| matches!(condition.kind, ConditionKind::Otherwise))
            .count();
        if count == 0 {
            continue;
        }
        let mut first = (count > 1).then_some(place);
        let mut triggers: Vec<_> = transition.triggers.iter().copied().map(Some).collect();
        triggers.dedup();
        if triggers.is_empty() {
            triggers.push(None);
        }
        for trigger in triggers {
            let choice = (transition.from, trigger, transition.fork.is_some());
            let other = *taken.entry(choice).or_insert(place);
            if other != place {
                first = first.or(Some(other));
            }
        }
        if let Some(first) = first {
            let problem = Problem::SecondOtherwise {
                name: (*transition.name).into(),
                first: (*transitions.items[first].name).into(),
            };
            reader.fault(transitions.spans[place].clone(), problem, None);
        }
    }
}

/// A final activity that cannot be set must be reached from where a process can stand: the
/// initial activity, or one whose state can be set.
fn finals(
    reader: &mut Reader<'_>,
    activities: &Declared<'_, Activity>,
    transitions: &Declared<'_, Transition>,
    initial: u32,
) {
    let count = activities.items.len();
    let mut next = vec![Vec::new(); count];
    for transition in &transitions.items {
        next[transition.from.index()].push(transition.to.index());
    }
    let is_start =
        |&place: &usize| place == initial as usize || activities.items[place].is_for_set_state;
    let mut open: Vec<usize> = (0..count).filter(is_start).collect();
    let mut is_reached = vec![false; count];
    while let Some(place) = open.pop() {
        if !std::mem::replace(&mut is_reached[place], true) {
            open.append(&mut next[place]);
        }
    }
    for (place, activity) in activities.items.iter().enumerate() {
        if activity.is_final && !is_reached[place] {
            let problem = Problem::UnreachableFinal {
                name: (*activity.name).into(),
            };
            let hint = "lead a transition to it, or set IsForSetState=\"true\"";
            reader.fault(
                activities.spans[place].clone(),
                problem,
                Some(hint.to_owned()),
            );
        }
    }
}
