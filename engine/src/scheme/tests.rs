//! Tests of the parser as a whole; each names the rule that it states.

use std::fmt::Write as _;

use proptest::prelude::*;

use super::*;
use crate::parameter::{Purpose, Type, Value};

const SHIPPED: [(&str, &str); 3] = [
    (
        "TestScheme",
        include_str!("../../../schemes/TestScheme.xml"),
    ),
    (
        "ExpenseClaim",
        include_str!("../../../schemes/ExpenseClaim.xml"),
    ),
    (
        "ParallelReview",
        include_str!("../../../schemes/ParallelReview.xml"),
    ),
];

/// A scheme of one line for each part, with more children of the root.
fn with(sections: &str, activities: &str, transitions: &str) -> String {
    format!(
        "<Process Name=\"S\">\n{sections}\n<Activities>\n{activities}\n</Activities>\n<Transitions>\n{transitions}\n</Transitions>\n</Process>\n"
    )
}

/// Two activities and a transition with these attributes and children.
fn with_transition(sections: &str, attributes: &str, children: &str) -> String {
    with(
        sections,
        TWO,
        &format!("<Transition Name=\"t\" From=\"A\" To=\"B\" {attributes}>{children}</Transition>"),
    )
}

const TWO: &str = "<Activity Name=\"A\" State=\"A\" IsInitial=\"true\" /><Activity Name=\"B\" IsForSetState=\"True\" />";
const AUTO: &str = "<Triggers><Trigger Type=\"Auto\" /></Triggers>";

fn parse(source: &str) -> Scheme {
    match Scheme::parse(source, None) {
        Ok(parsed) => parsed.scheme,
        Err(faults) => panic!("{}", faults.draw(false)),
    }
}

fn warnings(source: &str) -> Vec<String> {
    let parsed = Scheme::parse(source, None).unwrap();
    parsed.warnings.iter().map(ToString::to_string).collect()
}

fn faults(source: &str) -> Vec<String> {
    let faults = Scheme::parse(source, None).unwrap_err();
    faults.faults().iter().map(ToString::to_string).collect()
}

/// The messages alone, where the place is stated elsewhere.
fn messages(source: &str) -> Vec<String> {
    let faults = Scheme::parse(source, None).unwrap_err();
    faults.faults().iter().map(Fault::message).collect()
}

#[test]
fn the_shipped_schemes_have_neither_faults_nor_warnings() {
    for (code, source) in SHIPPED {
        let parsed = Scheme::parse(source, Some("x.xml")).unwrap();
        assert_eq!(&*parsed.scheme.code, code);
        assert!(parsed.warnings.is_empty(), "{:?}", parsed.warnings);
    }
}

#[test]
fn the_source_is_kept_byte_for_byte() {
    for source in [
        SHIPPED[0].1.to_owned(),
        format!("\u{feff}{}", SHIPPED[0].1),
        SHIPPED[0].1.replace('\n', "\r\n"),
    ] {
        assert_eq!(*parse(&source).source, *source);
        let parsed = Scheme::parse_bytes(source.as_bytes(), None).unwrap();
        assert_eq!(*parsed.scheme.source, *source);
    }
}

#[test]
fn names_lead_to_places() {
    let scheme = parse(SHIPPED[0].1);
    assert_eq!(&*scheme[scheme.activity("Review").unwrap()].name, "Review");
    assert_eq!(&*scheme[scheme.command("approve").unwrap()].name, "approve");
    assert_eq!(scheme.parameter("Comment"), Some(ParameterId(0)));
    assert_eq!(scheme.initial, scheme.activity("Draft").unwrap());
    assert_eq!(scheme.activity("draft"), None);
    let states: Vec<_> = scheme.states().map(|state| &**state).collect();
    assert_eq!(states, ["Draft", "Review", "Done"]);
    assert_eq!(scheme.settable("Done"), scheme.activity("Done"));
    assert_eq!(scheme.tags, ["sample".into(), "short".into()]);
    let review = &scheme[scheme.activity("Review").unwrap()];
    let outgoing: Vec<_> = review
        .outgoing
        .iter()
        .map(|&id| &*scheme[id].name)
        .collect();
    assert_eq!(outgoing, ["Review_Done", "Review_Draft"]);
    assert!(scheme.id.is_nil());
    let id = Uuid::from_u128(7);
    assert_eq!(scheme.with_id(id).id, id);
}

#[test]
fn a_state_is_set_by_way_of_its_first_activity_that_allows_it() {
    let scheme = parse(&with(
        "",
        "<Activity Name=\"A\" State=\"X\" IsInitial=\"true\"/><Activity Name=\"B\" State=\"X\" IsForSetState=\"true\"/>\
         <Activity Name=\"C\" State=\"X\" IsForSetState=\"true\"/><Activity Name=\"D\" State=\"Y\"/><Activity Name=\"E\" State=\"\"/>",
        "",
    ));
    assert_eq!(scheme.settable("X"), scheme.activity("B"));
    assert_eq!(scheme.settable("Y"), None);
    assert!(scheme.has_state("Y") && !scheme.has_state(""));
    assert_eq!(scheme.settable_states().count(), 1);
    assert_eq!(scheme.activities[4].state, None);
}

#[test]
fn every_construct_loads_also_what_does_not_run_yet() {
    let source = include_str!("tests/everything.xml");
    let parsed =
        Scheme::parse(source, None).unwrap_or_else(|faults| panic!("{}", faults.draw(false)));
    assert!(parsed.warnings.is_empty(), "{:?}", parsed.warnings);
    let scheme = parsed.scheme;
    assert!(scheme.can_be_inlined && scheme.log_enabled);
    // Old forms of actors.
    let actors: Vec<_> = scheme
        .actors
        .iter()
        .map(|actor| (&*actor.rule, &*actor.value))
        .collect();
    assert_eq!(
        actors,
        [
            ("CheckRole", "Boss"),
            ("IsIdentity", "7"),
            ("IsCreator", "")
        ]
    );
    // Types, purposes and initial values.
    let parameter = |name| &scheme[scheme.parameter(name).unwrap()];
    assert_eq!(parameter("Amount").r#type, Type::Decimal);
    assert_eq!(
        parameter("Amount").initial,
        Type::Decimal.parse_default("1.50").unwrap()
    );
    assert_eq!(parameter("Amount").purpose, Purpose::Persistence);
    assert_eq!(
        parameter("Note").initial,
        Some(Value::String("plain text".into()))
    );
    assert_eq!(parameter("Note").purpose, Purpose::Temporary);
    assert_eq!(
        parameter("Note").initial,
        Some(Value::String("plain text".into()))
    );
    assert_eq!(parameter("Limit").r#type, Type::Int32);
    assert!(matches!(parameter("Order").r#type, Type::Json { .. }));
    // Commands: NameRef, and the default of the parameter's type.
    let inputs = &scheme.commands[0].inputs;
    assert_eq!(inputs[0].parameter, scheme.parameter("Amount").unwrap());
    assert!(inputs[0].required);
    assert_eq!(inputs[0].default, Type::Decimal.parse_default("2").unwrap());
    assert_eq!(
        (&*inputs[1].name, inputs[1].default.clone()),
        ("Note", None)
    );
    // Timers.
    assert_eq!(scheme.timers.len(), 7);
    assert!(scheme.timers[1].keep_armed);
    // Activities: order of actions, persistence switches, handlers.
    let start = &scheme.activities[0];
    let names: Vec<_> = start
        .implementation
        .iter()
        .map(|action| &*action.name)
        .collect();
    assert_eq!(names, ["First", "Second", "Last"]);
    assert_eq!(
        start.implementation[0].parameter.as_deref(),
        Some("{\"a\": \"<b>\"}")
    );
    assert_eq!(start.pre_execution.len(), 1);
    assert!(start.has_handlers && !start.persist_state && start.persist_transition_history);
    assert!(
        !scheme.activities[1].persist_state && !scheme.activities[1].persist_transition_history
    );
    // Transitions.
    let transition = |name| &scheme[scheme.transition(name).unwrap()];
    let go = transition("go");
    assert_eq!(go.allow_concatenation, Concatenation::Or);
    assert_eq!(go.restrict_concatenation, Concatenation::And);
    assert_eq!(go.conditions_concatenation, Concatenation::Or);
    assert_eq!(go.classifier, Classifier::Direct);
    assert_eq!(go.restrictions.len(), 2);
    assert_eq!(go.triggers.len(), 2);
    assert_eq!(go.conditions.len(), 2);
    assert!(go.conditions[0].inverted);
    assert_eq!(go.conditions[1].result_on_pre_execution, Some(true));
    let ConditionKind::Expression(program) = &go.conditions[1].kind else {
        panic!("an expression");
    };
    assert_eq!(program.source(), "@Amount > 100");
    let fork = transition("fork").fork.unwrap();
    assert_eq!(fork.direction, ForkDirection::Start);
    assert!(fork.disable_parent_state_control);
    let merge = transition("merge").fork.unwrap();
    assert_eq!(merge.direction, ForkDirection::Finalize);
    assert!(merge.merge_via_set_state);
    assert!(go.fork.is_none());
    // No conditions written: Always.
    let [always] = &*transition("merge").conditions else {
        panic!("one condition");
    };
    assert!(matches!(always.kind, ConditionKind::Always));
    let code: Vec<_> = scheme
        .code_actions
        .iter()
        .map(|code| (&*code.name, &*code.kind))
        .collect();
    assert_eq!(code, [("First", "Action"), ("First", "Condition")]);
}

#[test]
fn booleans_have_either_case() {
    for (value, want) in [
        ("true", true),
        ("True", true),
        ("FALSE", false),
        ("false", false),
    ] {
        let source = with(
            "",
            &format!("<Activity Name=\"A\" IsInitial=\"true\" IsFinal=\"{value}\"/>"),
            "",
        );
        assert_eq!(parse(&source).activities[0].is_final, want, "{value}");
    }
}

#[test]
fn a_scheme_without_a_name_is_called_as_its_file() {
    let source =
        with("", "<Activity Name=\"A\" IsInitial=\"true\"/>", "").replace(" Name=\"S\"", "");
    let parsed = Scheme::parse(&source, Some("folder/Old one.xml")).unwrap();
    assert_eq!(&*parsed.scheme.code, "Old one");
    assert_eq!(parsed.warnings.len(), 1);
    assert_eq!(
        messages(&source),
        ["attribute `Name` of `Process` is missing"]
    );
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn a_fault_tells_line_column_and_hint() {
    for (source, want) in [
        // References
        (
            with_transition(
                "<Commands><Command Name=\"submit\"/></Commands>",
                "",
                "<Triggers>\n<Trigger Type=\"Command\" NameRef=\"submitt\"/></Triggers>",
            ),
            vec!["line 8, column 34: unknown command `submitt` (did you mean `submit`?)"],
        ),
        (
            with_transition(
                "<Timers><Timer Name=\"tick\" Type=\"Immediate\"/></Timers>",
                "",
                "<Triggers>\n<Trigger Type=\"Timer\" NameRef=\"tock\"/></Triggers>",
            ),
            vec!["line 8, column 32: unknown timer `tock` (did you mean `tick`?)"],
        ),
        (
            with_transition(
                "",
                "",
                "<Restrictions>\n<Restriction Type=\"Allow\" NameRef=\"Boss\"/></Restrictions>",
            ),
            vec!["line 8, column 36: unknown actor `Boss`"],
        ),
        (
            with("", TWO, "<Transition Name=\"t\" From=\"a\" To=\"C\"/>"),
            vec![
                "line 7, column 28: unknown activity `a` (did you mean `A`?)",
                "line 7, column 35: unknown activity `C`",
            ],
        ),
        (
            with(
                "<Commands><Command Name=\"c\"><InputParameters><ParameterRef Name=\"x\" NameRef=\"Comment\"/></InputParameters></Command></Commands>",
                TWO,
                "",
            ),
            vec!["line 2, column 78: unknown parameter `Comment`"],
        ),
        (
            with(
                "<Timers><Timer Name=\"t\" Type=\"Interval\" Value=\"@Wait\"/></Timers>",
                TWO,
                "",
            ),
            vec!["line 2, column 48: unknown parameter `Wait`"],
        ),
        // Names
        (
            with("", &format!("{TWO}\n<Activity Name=\"A\"/>"), ""),
            vec!["line 5, column 17: activity `A` is already there, in line 4"],
        ),
        (
            with(
                "<Parameters><Parameter Name=\"p\" Type=\"String\"/>\n<Parameter Name=\"p\" Type=\"String\"/></Parameters>",
                TWO,
                "",
            ),
            vec!["line 3, column 18: parameter `p` is already there, in line 2"],
        ),
        (
            with(
                "",
                TWO,
                "<Transition Name=\"t\" From=\"A\" To=\"B\"/>\n<Transition Name=\"t\" From=\"B\" To=\"A\"/>",
            ),
            vec!["line 8, column 19: transition `t` is already there, in line 7"],
        ),
        (
            with(
                "<Commands><Command Name=\"c\"/>\n<Command Name=\"c\"/></Commands>",
                TWO,
                "",
            ),
            vec!["line 3, column 16: command `c` is already there, in line 2"],
        ),
        (
            with(
                "<Actors><Actor Name=\"a\" Rule=\"r\"/>\n<Actor Name=\"a\" Rule=\"r\"/></Actors>",
                TWO,
                "",
            ),
            vec!["line 3, column 14: actor `a` is already there, in line 2"],
        ),
        (
            with(
                "<Timers><Timer Name=\"t\" Type=\"Immediate\"/>\n<Timer Name=\"t\" Type=\"Immediate\"/></Timers>",
                TWO,
                "",
            ),
            vec!["line 3, column 14: timer `t` is already there, in line 2"],
        ),
        (
            with(
                "<CodeActions><CodeAction Name=\"c\" Type=\"Action\"/>\n<CodeAction Name=\"c\" Type=\"Action\"/></CodeActions>",
                TWO,
                "",
            ),
            vec!["line 3, column 19: code action `c` is already there, in line 2"],
        ),
        // Starts and ends
        (
            with("", "<Activity Name=\"A\"/>", ""),
            vec![
                "line 4, column 17: no activity is initial (set IsInitial=\"true\" on the activity where processes start)",
            ],
        ),
        (
            with(
                "",
                &format!("{TWO}\n<Activity Name=\"C\" IsInitial=\"True\"/>"),
                "",
            ),
            vec!["line 5, column 17: activity `C` is initial, but `A` is so already"],
        ),
        (
            with(
                "",
                &format!("{TWO}\n<Activity Name=\"End\" IsFinal=\"true\"/>"),
                "",
            ),
            vec![
                "line 5, column 17: no chain of transitions reaches the final activity `End` (lead a transition to it, or set IsForSetState=\"true\")",
            ],
        ),
        // Values of a set
        (
            with_transition(
                "",
                "",
                "<Triggers>\n<Trigger Type=\"Comand\" NameRef=\"x\"/></Triggers>",
            ),
            vec![
                "line 8, column 16: `Comand` is no value of `Type`; known are `Command`, `Auto`, `Timer` (did you mean `Command`?)",
            ],
        ),
        (
            with("", "<Activity Name=\"A\" IsInitial=\"yes\"/>", ""),
            vec![
                "line 4, column 17: no activity is initial (set IsInitial=\"true\" on the activity where processes start)",
                "line 4, column 31: `yes` is no value of `IsInitial`; known are `true`, `false`",
            ],
        ),
        (
            with_transition("", "Classifier=\"Forward\"", ""),
            vec![
                "line 7, column 50: `Forward` is no value of `Classifier`; known are `NotSpecified`, `Direct`, `Reverse`",
            ],
        ),
        // Values of a type
        (
            with(
                "<Parameters><Parameter Name=\"p\" Type=\"Int32\" InitialValue=\"many\"/></Parameters>",
                TWO,
                "",
            ),
            vec![
                "line 2, column 60: `InitialValue` does not fit its type: expected an Int32, a whole number from -2147483648 to 2147483647, found `many`",
            ],
        ),
        (
            with(
                "<Timers><Timer Name=\"t\" Type=\"Interval\" Value=\"soon\"/></Timers>",
                TWO,
                "",
            ),
            vec![
                "line 2, column 48: `soon` is no value of a timer of type Interval (write 1d 2h 30m, or milliseconds, or a parameter as @Name)",
            ],
        ),
        (
            with(
                "",
                "<Activity Name=\"A\" IsInitial=\"true\"><Implementation><ActionRef Order=\"first\" NameRef=\"x\"/></Implementation></Activity>",
                "",
            ),
            vec!["line 4, column 71: `first` is no whole number, which `Order` must be"],
        ),
        // Structure
        (
            "<Proces Name=\"S\"/>".to_owned(),
            vec!["line 1, column 1: root element is `Proces`, not `Process`"],
        ),
        (
            "<Process Name=\"S\">\n  <Activitys/>\n</Process>".to_owned(),
            vec![
                "line 1, column 1: element `Activities` is missing in `Process` (`Activitys` should be `Activities`)",
                "line 1, column 1: element `Transitions` is missing in `Process`",
                "line 1, column 1: no activity is initial (set IsInitial=\"true\" on the activity where processes start)",
            ],
        ),
        (
            with("<Commands/>\n<Commands/>", TWO, ""),
            vec!["line 3, column 1: element `Commands` occurs twice"],
        ),
        (
            with("", "<Activity name=\"A\" IsInitial=\"true\"/>", ""),
            vec![
                "line 4, column 1: attribute `Name` of `Activity` is missing (`name` should be `Name`)",
                "line 1, column 1: no activity is initial (set IsInitial=\"true\" on the activity where processes start)",
            ],
        ),
        (
            with_transition(
                "",
                "",
                "<Conditions><Condition Type=\"Expression\"/></Conditions>",
            ),
            vec!["line 7, column 51: element `Expression` is missing in `Condition`"],
        ),
        (
            with(
                "<Actors><Actor Name=\"a\"/><Actor Name=\"b\" Rule=\"r\" IdentityId=\"7\"/></Actors>",
                TWO,
                "",
            ),
            vec![
                "line 2, column 9: attribute `Rule` of `Actor` is missing",
                "line 2, column 63: actor `b` has more than one of `Rule`, `RuleId` and `IdentityId`",
            ],
        ),
    ] {
        let mut want = want;
        want.sort_by_key(|fault| {
            fault.split(':').next().map(|place| {
                let numbers = place
                    .split(|c: char| !c.is_ascii_digit())
                    .filter_map(|part| part.parse::<u32>().ok());
                numbers.collect::<Vec<_>>()
            })
        });
        assert_eq!(faults(&source), want, "{source}");
    }
}

#[test]
fn a_fault_in_an_expression_is_placed_in_the_xml() {
    let condition = |text: &str| {
        let text = format!(
            "<Conditions><Condition Type=\"Expression\"><Expression>{text}</Expression></Condition></Conditions>"
        );
        with_transition(
            "<Parameters><Parameter Name=\"Sum\" Type=\"Decimal\"/></Parameters>",
            "",
            &format!("{AUTO}\n{text}"),
        )
    };
    for (text, want) in [
        (
            "@Summ > 1",
            "line 8, column 54: unknown parameter `Summ` (did you mean `Sum`?)",
        ),
        (
            "<![CDATA[@Sum > 'a']]>",
            "line 8, column 68: `>` cannot join a number and a string",
        ),
        (
            "@Sum &gt; 'a'",
            "line 8, column 59: `>` cannot join a number and a string",
        ),
        (
            "1 &lt; 2 &amp;&amp; @X",
            "line 8, column 74: unknown parameter `X` (declare it under Parameters)",
        ),
        (
            "<![CDATA[1 < 2 && ]]>@X",
            "line 8, column 75: unknown parameter `X` (declare it under Parameters)",
        ),
        (
            "\r\n@X",
            "line 9, column 1: unknown parameter `X` (declare it under Parameters)",
        ),
        (
            "1 == 1 &amp;&amp;",
            "line 8, column 71: expected a value, found the end",
        ),
        ("", "line 8, column 53: expression is empty"),
        (
            "Lenght(@Sum) == 1",
            "line 8, column 54: unknown function `Lenght` (did you mean `Length`?)",
        ),
    ] {
        assert_eq!(faults(&condition(text)), [want], "{text}");
    }
}

#[test]
fn every_fault_is_told_at_once() {
    let source = with(
        "<Parameters><Parameter Name=\"p\" Type=\"Int32\" InitialValue=\"x\"/></Parameters>\n<Timers><Timer Name=\"t\" Type=\"Soon\" Value=\"1s\"/></Timers>",
        "<Activity Name=\"A\" IsInitial=\"true\" IsFinal=\"no\"/>",
        "<Transition Name=\"x\" From=\"A\" To=\"B\"><Triggers><Trigger Type=\"Command\" NameRef=\"c\"/><Trigger Type=\"Timer\" NameRef=\"t\"/></Triggers>\
         <Conditions><Condition Type=\"Expression\"><Expression>@q</Expression></Condition></Conditions></Transition>",
    );
    // The timer is known although its type is not, so nothing is told twice.
    assert_eq!(faults(&source).len(), 6, "{:#?}", faults(&source));
}

#[test]
fn of_several_otherwise_for_one_choice_only_one_may_be() {
    let otherwise = "<Conditions><Condition Type=\"Otherwise\"/></Conditions>";
    let transition = |name: &str, trigger: &str, fork: &str| {
        format!(
            "<Transition Name=\"{name}\" From=\"A\" To=\"B\" {fork}><Triggers><Trigger {trigger}/></Triggers>{otherwise}</Transition>\n"
        )
    };
    let commands = "<Commands><Command Name=\"c\"/><Command Name=\"d\"/></Commands>";
    let (auto, c, d) = (
        "Type=\"Auto\"",
        "Type=\"Command\" NameRef=\"c\"",
        "Type=\"Command\" NameRef=\"d\"",
    );
    let both = |one, other| {
        with(
            commands,
            TWO,
            &(transition("x", one, "") + &transition("y", other, "")),
        )
    };
    let want = "transition `y` has another `Otherwise` for the same activity and trigger as `x`";
    assert_eq!(messages(&both(auto, auto)), [want]);
    assert_eq!(messages(&both(c, c)), [want]);
    parse(&both(c, d));
    parse(&both(auto, c));
    parse(&with(
        "",
        TWO,
        &(transition("x", auto, "") + &transition("y", auto, "IsFork=\"true\"")),
    ));
    let twice = with_transition(
        "",
        "",
        &format!(
            "{AUTO}<Conditions><Condition Type=\"Otherwise\"/><Condition Type=\"Otherwise\"/></Conditions>"
        ),
    );
    assert_eq!(messages(&twice).len(), 1);
}

#[test]
fn a_final_activity_must_be_reached_unless_it_can_be_set() {
    let activities = |attributes: &str| {
        format!(
            "<Activity Name=\"A\" IsInitial=\"true\"/><Activity Name=\"B\" {attributes}/><Activity Name=\"C\" IsFinal=\"true\"/>"
        )
    };
    let edge = |from: &str, to: &str| {
        format!("<Transition Name=\"{from}{to}\" From=\"{from}\" To=\"{to}\"/>")
    };
    parse(&with(
        "",
        &activities(""),
        &(edge("A", "B") + &edge("B", "C")),
    ));
    parse(&with(
        "",
        &activities("IsForSetState=\"true\""),
        &edge("B", "C"),
    ));
    // A loop that nothing leads into reaches nothing.
    let island = with("", &activities(""), &(edge("B", "C") + &edge("C", "B")));
    assert_eq!(
        messages(&island),
        ["no chain of transitions reaches the final activity `C`"]
    );
    // Without any final activity a scheme is valid.
    parse(&with("", TWO, ""));
}

#[test]
fn what_is_not_understood_is_kept_with_a_warning() {
    let source = with_transition(
        "<Whatever><Actors/></Whatever>\n<Comments><Comment Name=\"a\"/><Comment Name=\"a\"/></Comments>",
        "Colour=\"red\" Clasifier=\"Direct\"",
        &format!("{AUTO}text<Designer Any=\"thing\"><X/></Designer><Condition/>"),
    );
    assert_eq!(
        warnings(&source),
        [
            "line 2, column 1: unknown element `Whatever` in `Process` is kept but has no effect",
            "line 8, column 38: unknown attribute `Colour` of `Transition` is kept but has no effect",
            "line 8, column 51: unknown attribute `Clasifier` of `Transition` is kept but has no effect (did you mean `Classifier`?)",
            "line 8, column 114: text in `Transition` has no effect",
            "line 8, column 155: unknown element `Condition` in `Transition` is kept but has no effect (did you mean `Conditions`?)",
        ]
    );
    assert_eq!(*parse(&source).source, *source);
}

#[test]
fn what_will_not_do_what_it_seems_to_is_a_warning() {
    for (source, want) in [
        (
            with_transition("", "", ""),
            "line 7, column 1: transition `t` has no trigger and never fires (add <Triggers><Trigger Type=\"Auto\" /></Triggers> to have it fire by itself)",
        ),
        (
            with_transition(
                "",
                "",
                &format!(
                    "{AUTO}<Conditions><Condition Type=\"Always\" ConditionInversion=\"true\"/></Conditions>"
                ),
            ),
            "line 7, column 95: `ConditionInversion` has no effect with Always",
        ),
        (
            with(
                "<Parameters><Parameter Name=\"IdentityId\" Type=\"String\"/></Parameters>",
                TWO,
                "",
            ),
            "line 2, column 13: parameter `IdentityId` is hidden by the System parameter of that name",
        ),
        (
            with(
                "<Localization><Localize Type=\"State\" Culture=\"de\" ObjectName=\"AA\" Value=\"x\"/></Localization>",
                TWO,
                "",
            ),
            "line 2, column 63: no state is called `AA`, so this name is never shown",
        ),
    ] {
        assert_eq!(warnings(&source), [want]);
    }
}

#[test]
fn names_are_shown_in_the_culture_its_parent_or_the_default() {
    let localize = |kind: &str, culture: &str, is_default: bool, value: &str| {
        format!(
            "<Localize Type=\"{kind}\" IsDefault=\"{is_default}\" Culture=\"{culture}\" ObjectName=\"A\" Value=\"{value}\"/>"
        )
    };
    let sections = [
        "<Localization>".to_owned(),
        localize("State", "en-US", true, "Open"),
        localize("State", "de", false, "Offen"),
        localize("State", "de-AT", false, "Noch offen"),
        localize("State", "fr-FR", false, ""),
        "</Localization>".to_owned(),
    ];
    let scheme = parse(&with(&sections.concat(), TWO, ""));
    for (culture, want) in [
        (Some("de-AT"), "Noch offen"),
        (Some("DE-at"), "Noch offen"),
        (Some("de-DE"), "Offen"),
        (Some("de-Latn-DE"), "Offen"),
        (Some("de"), "Offen"),
        (Some("fr-FR"), "Open"),
        (Some("d"), "Open"),
        (Some(""), "Open"),
        (Some("-"), "Open"),
        (None, "Open"),
    ] {
        let name = scheme.localization.name(LocalizedKind::State, "A", culture);
        assert_eq!(name, Some(want), "{culture:?}");
    }
    assert_eq!(
        scheme.localization.name(LocalizedKind::Command, "A", None),
        None
    );
    assert_eq!(
        scheme.localization.name(LocalizedKind::State, "B", None),
        None
    );
}

#[test]
fn what_could_hurt_the_xml_parser_never_reaches_it() {
    let deep = |depth: usize| "<a>".repeat(depth) + &"</a>".repeat(depth);
    let attributes: String = (0..=ATTRIBUTES_MAX).fold(String::new(), |mut text, number| {
        let _ = write!(text, " a{number}=\"\"");
        text
    });
    let spaces: String = (0..40).fold(String::new(), |mut text, number| {
        let _ = write!(text, "<a xmlns:n{number}='u'>");
        text
    });
    for (source, want) in [
        (
            "<!DOCTYPE Process><Process/>".to_owned(),
            "line 1, column 1: document type definitions and entities are not allowed (write texts out instead of referring to entities)",
        ),
        (
            "<?xml version=\"1.0\"?>\n<!DOCTYPE a [<!ENTITY x \"y\">]><a>&x;</a>".to_owned(),
            "line 2, column 1: document type definitions and entities are not allowed (write texts out instead of referring to entities)",
        ),
        (
            deep(DEPTH_MAX + 1),
            "line 1, column 385: elements are nested deeper than 128",
        ),
        (
            deep(100_000),
            "line 1, column 385: elements are nested deeper than 128",
        ),
        (
            format!("<a{attributes}/>"),
            "line 1, column 1: element has more than 128 attributes",
        ),
        (
            spaces,
            "line 1, column 535: scheme declares too many namespaces; it needs none",
        ),
        (
            " ".repeat(BYTES_MAX + 1),
            "line 1, column 1: scheme has 4194305 bytes; at most 4194304 are allowed",
        ),
        (
            "<?xml version=\"1.0\" encoding=\"utf-16\"?><Process/>".to_owned(),
            "line 1, column 31: encoding `utf-16` is not supported (save the file as UTF-8)",
        ),
    ] {
        assert_eq!(faults(&source), [want]);
    }
    // One level less is only another document.
    assert_eq!(
        messages(&deep(DEPTH_MAX)),
        ["root element is `a`, not `Process`"]
    );
    // What merely looks like one is none.
    let source = SHIPPED[0].1.replace("<Actors>", "<!-- <!DOCTYPE a> -->");
    parse(&source.replace("?>", "?><!-- <!DOCTYPE a> <a><a> -->"));
}

#[test]
fn other_encodings_are_refused_by_name() {
    let utf_16: Vec<u8> = "\u{feff}<Process/>"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let latin = b"<Process Name=\"Pr\xfcfung\"/>";
    for (bytes, want) in [
        (
            &*utf_16,
            "line 1, column 1: encoding `UTF-16` is not supported (save the file as UTF-8)",
        ),
        (
            &latin[..],
            "line 1, column 18: file is not UTF-8 text (save the file as UTF-8)",
        ),
    ] {
        let faults = Scheme::parse_bytes(bytes, None).unwrap_err();
        assert_eq!(faults.faults()[0].to_string(), want);
    }
    for encoding in ["utf-8", "UTF-8", "US-ASCII"] {
        parse(&SHIPPED[1].1.replace("utf-8", encoding));
    }
}

#[test]
fn malformed_xml_is_one_fault_with_its_place() {
    for (source, want) in [
        ("", "line 1, column 1: there is no element"),
        (
            "<Process>",
            "line 1, column 10: the file ends before its root element does",
        ),
        (
            "<Process>\n</Proces>",
            "line 2, column 1: expected the end of `Process`, found the end of `Proces`",
        ),
        (
            "<Process a=\"1\" a=\"2\"/>",
            "line 1, column 16: attribute `a` occurs twice",
        ),
        (
            "<Process a=\"1&b\"/>",
            "line 1, column 14: a lone `&` is not allowed (write & as &amp;)",
        ),
        (
            "<Process>&nbsp;</Process>",
            "line 1, column 10: unknown entity `nbsp` (write & as &amp;, < as &lt; and \" as &quot;)",
        ),
    ] {
        assert_eq!(faults(source), [want], "{source}");
    }
}

#[test]
fn a_fault_is_drawn_with_its_line() {
    let golden = include_str!("tests/faults.txt");
    let source = include_str!("tests/faults.xml");
    let drawn = Scheme::parse(source, Some("faults.xml"))
        .unwrap_err()
        .draw(false);
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/scheme/tests/faults.txt");
    if std::env::var_os("REWRITE_GOLDEN").is_some() {
        std::fs::write(path, &drawn).unwrap();
    } else {
        assert_eq!(drawn, golden, "rewrite with REWRITE_GOLDEN=1");
    }
}

#[test]
fn what_is_drawn_is_short_and_cannot_act_on_the_terminal() {
    let long = "x".repeat(100_000);
    let source =
        format!("<Process Name=\"S\" Tags=\"{long}\"><Bad\u{85}/>{long}</Process>\n{long}");
    let faults = Scheme::parse(&source, Some("a\u{1b}[31m.xml")).unwrap_err();
    for text in [faults.draw(false), faults.to_string()] {
        assert!(text.len() < 4_000, "{}", text.len());
        assert!(!text.contains(['\u{1b}', '\u{85}']), "{text}");
    }
}

#[test]
fn a_flood_of_faults_is_counted_not_kept() {
    let activities = "<Activity/>".repeat(50_000);
    let faults = Scheme::parse(&with("", &activities, ""), None).unwrap_err();
    assert_eq!(faults.faults().len(), SchemeFaults::FAULTS_MAX);
    assert_eq!(faults.omitted(), 50_001 - SchemeFaults::FAULTS_MAX);
    assert!(faults.draw(false).ends_with("and 49001 more\n"));
}

/// A ring of activities with commands, conditions and restrictions.
fn large(count: usize) -> String {
    let (mut activities, mut transitions, mut commands) =
        (String::new(), String::new(), String::new());
    for number in 0..count {
        let is_initial = number == 0;
        let next = (number + 1) % count;
        let _ = writeln!(
            activities,
            "<Activity Name=\"Activity {number}\" State=\"State {number}\" IsInitial=\"{is_initial}\" IsFinal=\"false\" IsForSetState=\"true\"><Implementation><ActionRef Order=\"1\" NameRef=\"SetParameter\"/></Implementation></Activity>"
        );
        let _ = writeln!(commands, "<Command Name=\"Command {number}\"/>");
        let _ = writeln!(
            transitions,
            "<Transition Name=\"Transition {number}\" From=\"Activity {number}\" To=\"Activity {next}\"><Triggers><Trigger Type=\"Command\" NameRef=\"Command {number}\"/></Triggers><Conditions><Condition Type=\"Expression\"><Expression>@Sum &gt; {number}</Expression></Condition></Conditions></Transition>"
        );
    }
    let sections = format!(
        "<Parameters><Parameter Name=\"Sum\" Type=\"Decimal\"/></Parameters><Commands>{commands}</Commands>"
    );
    with(&sections, &activities, &transitions)
}

#[test]
fn two_thousand_activities_load() {
    let scheme = parse(&large(2_000));
    assert_eq!(scheme.activities.len(), 2_000);
    assert_eq!(scheme.states().count(), 2_000);
    let last = scheme.activity("Activity 1999").unwrap();
    assert_eq!(scheme[scheme[last].outgoing[0]].to, scheme.initial);
}

fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(vec![
            "<Process Name=\"S\">",
            "</Process>",
            "<Activities>",
            "</Activities>",
            "<Transitions>",
            "</Transitions>",
            "<Activity Name=\"A\" IsInitial=\"true\"/>",
            "<Activity Name=\"B\"",
            " IsFinal=\"true\"",
            "/>",
            ">",
            "<Transition Name=\"t\" From=\"A\" To=\"B\">",
            "</Transition>",
            "<Conditions>",
            "<Condition Type=\"Expression\">",
            "<Expression>",
            "@A > 1",
            "&gt;",
            "&#x41;",
            "<![CDATA[",
            "]]>",
            "<!--",
            "-->",
            "<?xml version=\"1.0\" encoding=\"",
            "\"?>",
            "\r\n",
            "\u{feff}",
            "ä",
            "xmlns=\"u\"",
            "<Parameters><Parameter Name=\"p\" Type=\"Int32\" InitialValue=\"",
            "\"",
            "&",
            "<Timers><Timer Name=\"t\" Type=\"Interval\" Value=\"1d",
            "<",
            "='",
            "\u{1b}",
        ])
        .prop_map(str::to_owned),
        ".{0,4}",
    ]
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(pieces in prop::collection::vec(piece(), 0..30)) {
        let source = pieces.concat();
        match Scheme::parse(&source, Some("x.xml")) {
            Ok(parsed) => prop_assert_eq!(&*parsed.scheme.source, &*source),
            Err(faults) => {
                prop_assert!(!faults.faults().is_empty());
                let _ = faults.draw(false);
            }
        }
    }

    #[test]
    fn no_change_of_a_scheme_makes_it_panic(
        which in 0..SHIPPED.len(),
        at in any::<prop::sample::Index>(),
        length in 0..40_usize,
        piece in piece(),
    ) {
        let source = SHIPPED[which].1;
        let starts: Vec<_> = source.char_indices().map(|(start, _)| start).collect();
        let start = *at.get(&starts);
        let end = starts.iter().copied().find(|&end| end >= start + length).unwrap_or(source.len());
        let source = [&source[..start], &piece, &source[end..]].concat();
        if let Err(faults) = Scheme::parse(&source, None) {
            let _ = faults.draw(true);
        }
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Err(faults) = Scheme::parse_bytes(&bytes, None) {
            let _ = faults.draw(false);
        }
    }
}

#[test]
fn the_guide_shows_a_valid_scheme_and_names_everything() {
    let guide = include_str!("../../../docs/schemes.md");
    let example = guide
        .split("```xml\n")
        .nth(1)
        .and_then(|rest| rest.split("```").next());
    let parsed = Scheme::parse(example.unwrap(), None).unwrap();
    assert!(parsed.warnings.is_empty(), "{:?}", parsed.warnings);
    let system = crate::parameter::SYSTEM
        .iter()
        .map(|parameter| format!("`{}`", parameter.name));
    let functions = crate::expression::FUNCTIONS
        .iter()
        .map(|(name, _)| format!("`{name}("));
    for name in system.chain(functions) {
        assert!(guide.contains(&name), "{name}");
    }
}
