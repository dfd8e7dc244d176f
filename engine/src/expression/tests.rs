use proptest::prelude::*;

use super::*;

const DECLARED: &[(&str, &str)] = &[
    ("Sum", "Decimal"),
    ("Count", "Int32"),
    ("Big", "Int64"),
    ("Rate", "Double"),
    ("Name", "String"),
    ("Other", "String"),
    ("Flag", "Boolean"),
    ("Due", "DateTime"),
    ("Owner", "Guid"),
    ("Order", "Object"),
    ("Two words", "String"),
    ("Dotted.Name", "String"),
];

fn types() -> Vec<(&'static str, Type)> {
    DECLARED
        .iter()
        .map(|&(name, clr)| (name, Type::from_clr(clr)))
        .collect()
}

fn compile(text: &str) -> Result<Program, Vec<Fault>> {
    let types = types();
    let scope = Scope::new(types.iter().map(|(name, r#type)| (*name, r#type)));
    Program::compile(text, &scope)
}

/// Evaluates with `name: JSON` pairs.
fn evaluate(text: &str, values: &[(&str, &str)]) -> Result<bool, EvaluationError> {
    let types = types();
    compile(text).unwrap().evaluate(|name| {
        let (_, json) = values.iter().find(|(known, _)| *known == name)?;
        let raw: &serde_json::value::RawValue = serde_json::from_str(json).unwrap();
        let declared = types.iter().find(|(known, _)| *known == name);
        Some(match declared {
            Some((_, r#type)) => r#type.parse(raw).unwrap(),
            None => system_type(name).unwrap().parse(raw).unwrap(),
        })
    })
}

fn holds(text: &str) -> bool {
    evaluate(text, &[]).unwrap()
}

fn messages(text: &str) -> Vec<String> {
    compile(text)
        .unwrap_err()
        .into_iter()
        .map(|fault| format!("{}..{}: {}", fault.span.start, fault.span.end, fault.kind))
        .collect()
}

#[test]
fn operators_bind_as_in_other_languages() {
    for text in [
        "1 + 2 * 3 == 7",
        "(1 + 2) * 3 == 9",
        "10 - 2 - 3 == 5",
        "-2 * -3 == 6",
        "- 2 + 3 == 1",
        "7 % 4 == 3",
        "-7 % 4 == -3",
        "true || false && false",
        "not false and true",
        "not 1 > 2",
        "!(1 > 2)",
        "!false == true",
        "NOT false AND TRUE or False",
        "1 < 2 == true",
        "1 == 1 == true",
        "!!true",
        "+1 == 1",
        "\t1\n==\r\n1 ",
    ] {
        assert!(holds(text), "{text}");
    }
}

#[test]
fn numbers_are_computed_exactly() {
    for text in [
        "0.1 + 0.2 == 0.3",
        "7 / 2 == 3.5",
        "1.10 == 1.1",
        "9223372036854775807 + 1 == 9223372036854775808",
        "-9223372036854775807 - 1 == -9223372036854775808",
        "(-9223372036854775807 - 1) % -1 == 0",
        "1e3 == 1000",
        "007 == 7",
        "2 * 0.5 == 1",
    ] {
        assert!(holds(text), "{text}");
    }
    assert!(evaluate("@Sum > 100", &[("Sum", "100.01")]).unwrap());
    assert!(!evaluate("@Sum > 100", &[("Sum", "100")]).unwrap());
    assert!(evaluate("@Sum > 100 && @Sum <= 5000", &[("Sum", "5000")]).unwrap());
    assert!(evaluate("@Sum > 5000", &[("Sum", "\"5000.01\"")]).unwrap());
    assert!(evaluate("@Sum == @Count", &[("Sum", "2.00"), ("Count", "2")]).unwrap());
    assert!(evaluate("@Rate == 0.1", &[("Rate", "0.1")]).unwrap());
    assert!(evaluate("@Rate * 2 < 1", &[("Rate", "0.25")]).unwrap());
}

#[test]
fn texts_have_case_and_either_quote() {
    for text in [
        "'a' == \"a\"",
        "'A' != 'a'",
        "'a' < 'b'",
        "'a' + 'b' == 'ab'",
        "'it\\'s' == \"it's\"",
        "'a\\n\\t\\\\' != 'a'",
        "Length('äöü') == 3",
        "lower('ÄB') == 'äb'",
        "Upper('ab') == 'AB'",
        "Trim(' a ') == 'a'",
        "Contains('abc', 'b') and StartsWith('abc', 'ab') and EndsWith('abc', 'bc')",
        "IsEmpty('') and not IsEmpty('a')",
        "Coalesce(null, 'a') == 'a'",
        "Coalesce('b', 'a') == 'b'",
    ] {
        assert!(holds(text), "{text}");
    }
}

#[test]
fn null_is_false_and_equals_only_null() {
    for (text, want) in [
        ("@Name == null", true),
        ("@Name != null", false),
        ("IsNull(@Name)", true),
        ("@Sum > 100", false),
        ("@Sum <= 100", false),
        ("@Sum + 1 > 0", false),
        ("@Sum + 1 == null", true),
        ("@Name + 'a' == null", true),
        ("@Flag", false),
        ("!@Flag", true),
        ("@Flag || true", true),
        ("@Flag == false", false),
        ("Length(@Name) == 0", true),
        ("IsEmpty(@Name)", true),
        ("Contains(@Name, 'a')", false),
        ("Upper(@Name) == null", true),
        ("@Order.Total == null", true),
        ("Coalesce(@Sum, 5) == 5", true),
    ] {
        assert_eq!(evaluate(text, &[]).unwrap(), want, "{text}");
    }
}

#[test]
fn system_parameters_need_no_declaration() {
    let values = [
        ("CurrentState", "\"Draft\""),
        ("ProcessId", "\"6f9619ff-8b86-d011-b42d-00cf4fc964ff\""),
    ];
    for text in [
        "@CurrentState == 'Draft'",
        "@ProcessId == '{6F9619FF-8B86-D011-B42D-00CF4FC964FF}'",
        "@ExecutedCommand == null",
    ] {
        assert!(evaluate(text, &values).unwrap(), "{text}");
    }
}

#[test]
fn moments_and_guids_compare_with_texts() {
    let values = [
        ("Due", "\"2026-01-31T12:00:00+02:00\""),
        ("Owner", "\"6f9619ff-8b86-d011-b42d-00cf4fc964ff\""),
        ("Name", "\"6F9619FF8B86D011B42D00CF4FC964FF\""),
    ];
    for (text, want) in [
        ("@Due == '2026-01-31T10:00:00Z'", true),
        ("@Due > '2026-01-31'", true),
        ("'2026-02-01' > @Due", true),
        ("@Owner == @Name", true),
        ("@Owner != @Other", true),
    ] {
        assert_eq!(evaluate(text, &values).unwrap(), want, "{text}");
    }
    let soon = [("Due", "\"2026-01-31\""), ("Name", "\"soon\"")];
    assert!(evaluate("@Due > @Name", &soon).is_err());
}

#[test]
fn json_parameters_have_members() {
    let values = [(
        "Order",
        r#"{"Total": 150, "Tags": ["a", 2], "Paid": true, "Who": {"Id": 7}}"#,
    )];
    for (text, want) in [
        ("@Order.Total > 100", true),
        ("@Order.Who.Id == 7", true),
        ("@Order.Nothing.At.All == null", true),
        ("@Order.Paid", true),
        (
            "Contains(@Order.Tags, 'a') && Contains(@Order.Tags, 2)",
            true,
        ),
        ("Contains(@Order.Tags, 'b')", false),
        ("Length(@Order.Tags) == 2", true),
        ("@Order.Total + 1 == 151", true),
        ("@Order.Total == '150'", false),
    ] {
        assert_eq!(evaluate(text, &values).unwrap(), want, "{text}");
    }
}

#[test]
fn names_may_have_dots_or_quotes() {
    let values = [("Two words", "\"a\""), ("Dotted.Name", "\"b\"")];
    assert!(evaluate("@'Two words' == 'a' && @\"Two words\" == 'a'", &values).unwrap());
    assert!(evaluate("@Dotted.Name == 'b'", &values).unwrap());
}

#[test]
fn the_other_side_is_not_evaluated_where_one_decides() {
    for (text, want) in [
        ("false && 1 / 0 == 1", false),
        ("true || 1 / 0 == 1", true),
        ("false && true || true", true),
        ("(true || false) && (false || true)", true),
    ] {
        assert_eq!(evaluate(text, &[]).unwrap(), want, "{text}");
    }
}

#[test]
fn what_cannot_be_computed_is_an_error_with_its_place() {
    for (text, values, want) in [
        (
            "1 / 0 == 1",
            &[][..],
            "division by zero, at offset 2 of the expression",
        ),
        (
            "1 % 0.0 == 1",
            &[],
            "division by zero, at offset 2 of the expression",
        ),
        (
            "79228162514264337593543950335 + 1 > 0",
            &[],
            "the result of `+` is too large, at offset 30 of the expression",
        ),
        (
            "@Rate * 1e300 > 0",
            &[("Rate", "1e300")],
            "the result of `*` is too large, at offset 6 of the expression",
        ),
        (
            "@Order",
            &[("Order", "7")],
            "expected a Boolean, found a number, at offset 0 of the expression",
        ),
        (
            "@Order > 'a'",
            &[("Order", "7")],
            "`>` cannot order a number and a string, at offset 7 of the expression",
        ),
        (
            "@Order * 2 == 4",
            &[("Order", "\"2\"")],
            "`*` cannot compute with a string and a number, at offset 7 of the expression",
        ),
        (
            "Upper(@Order) == 'A'",
            &[("Order", "7")],
            "`Upper` takes a string, found a number, at offset 0 of the expression",
        ),
    ] {
        assert_eq!(
            evaluate(text, values).unwrap_err().to_string(),
            want,
            "{text}"
        );
    }
    let long = format!("\"{}\"", "a".repeat(1 << 20));
    assert!(evaluate("@Name + 'b' == ''", &[("Name", &long)]).is_err());
}

#[test]
fn faults_name_the_place_and_what_is_wrong() {
    for (text, want) in [
        ("", "0..0: expression is empty"),
        ("  ", "2..2: expression is empty"),
        ("@Summ > 1", "0..5: unknown parameter `Summ`"),
        ("@Name.Length > 1", "0..12: unknown parameter `Name.Length`"),
        ("@sum > 1", "0..4: unknown parameter `sum`"),
        (
            "Sum > 1",
            "0..3: unknown word `Sum`; parameters are written `@Sum`, texts in quotes",
        ),
        (
            "@Sum",
            "0..4: a condition must be a Boolean, this is a number",
        ),
        ("null", "0..4: a condition must be a Boolean, this is null"),
        ("@Sum > 'a'", "5..6: `>` cannot join a number and a string"),
        (
            "@Sum == true",
            "5..7: `==` cannot join a number and a Boolean",
        ),
        (
            "@Sum + true == 1",
            "5..6: `+` cannot join a number and a Boolean",
        ),
        (
            "'a' - 'b' == 1",
            "4..5: `-` cannot join a string and a string",
        ),
        ("@Sum < null", "5..6: `<` cannot join a number and null"),
        (
            "@Flag > false",
            "6..7: `>` cannot join a Boolean and a Boolean",
        ),
        ("@Sum && true", "0..4: `&&` takes a Boolean, found a number"),
        ("not @Sum", "4..8: `not` takes a Boolean, found a number"),
        ("-'a' == 1", "1..4: `-` takes a number, found a string"),
        ("@Sum = 1", "5..6: `=` is no operator here; write `==`"),
        ("@Sum <> 1", "5..7: `<>` is no operator here; write `!=`"),
        ("@Sum => 1", "5..7: `=>` is no operator here; write `>=`"),
        ("true & false", "5..6: `&` is no operator here; write `&&`"),
        ("@Sum >", "6..6: expected a value, found the end"),
        ("@Sum > > 1", "7..8: expected a value, found `>`"),
        ("(@Sum > 1", "9..9: expected `)`, found the end"),
        (
            "@Sum > 1)",
            "8..9: expected an operator or the end, found `)`",
        ),
        ("1 2", "2..3: expected an operator or the end, found `2`"),
        ("'abc == 1", "0..1: string has no closing quote"),
        (
            "'a\\q' == 'b'",
            "2..4: unknown escape `\\q` in a string; known are \\\\ \\' \\\" \\n \\r \\t",
        ),
        ("100m > 1", "0..4: `100m` is not a number in invariant form"),
        ("1. > 1", "0..2: `1.` is not a number in invariant form"),
        ("@ > 1", "0..1: a parameter's name must follow `@`"),
        (
            "#a > 1",
            "0..1: character `#` has no meaning in an expression",
        ),
        ("Size('a') == 1", "0..4: unknown function `Size`"),
        (
            "Length() == 1",
            "0..6: function `Length` takes 1 argument(s), found 0",
        ),
        (
            "Length('a',) == 1",
            "11..12: expected an argument, found `)`",
        ),
        (
            "Length(1) == 1",
            "7..8: `Length` takes a string, found a number",
        ),
        (
            "Contains('a', 1)",
            "14..15: `Contains` takes a string, found a number",
        ),
        ("@Due > 'soon'", "7..13: `soon` is not a DateTime"),
        ("@Owner == 'me'", "10..14: `me` is not a Guid"),
        (
            "Order.Total > 1",
            "0..11: unknown word `Order.Total`; parameters are written `@Order.Total`, texts in quotes",
        ),
    ] {
        assert_eq!(messages(text), [want], "{text}");
    }
}

#[test]
fn every_fault_of_names_and_types_is_told() {
    assert_eq!(
        messages("@A > 1 || @Sum == 'x' || Nope(@B)"),
        [
            "0..2: unknown parameter `A`",
            "15..17: `==` cannot join a number and a string",
            "25..29: unknown function `Nope`",
            "30..32: unknown parameter `B`",
        ]
    );
}

#[test]
fn nesting_and_length_are_bounded() {
    let nested = |depth: usize| format!("{}true{}", "(".repeat(depth), ")".repeat(depth));
    assert!(compile(&nested(DEPTH_MAX)).is_ok());
    assert_eq!(
        messages(&nested(DEPTH_MAX + 1)),
        ["65..69: expression is nested deeper than 64"]
    );
    assert!(compile(&format!("{}true", "!".repeat(4000))).is_err());
    // A long chain is not nested.
    let chain = vec!["@Sum == 1"; 600].join(" || ");
    assert!(!evaluate(&chain, &[]).unwrap());
    let long = " ".repeat(LENGTH_MAX) + "true";
    assert_eq!(
        messages(&long),
        ["0..1: expression has 8196 bytes; at most 8192 are allowed"]
    );
}

fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(vec![
            "@Sum",
            "@Flag",
            "@Name",
            "@Order",
            "@Order.a",
            "@Due",
            "@Nope",
            "@",
            "(",
            ")",
            ",",
            "!",
            "not",
            "and",
            "or",
            "&&",
            "||",
            "==",
            "!=",
            "<",
            "<=",
            ">",
            ">=",
            "+",
            "-",
            "*",
            "/",
            "%",
            "1",
            "0",
            "2.5",
            "1e300",
            "'a'",
            "\"b\"",
            "'",
            "true",
            "null",
            "Length(",
            "Contains(",
            "Coalesce(",
            "=",
            "&",
            "ä",
            "\\",
        ])
        .prop_map(str::to_owned),
        ".{0,3}",
    ]
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(pieces in prop::collection::vec(piece(), 0..24)) {
        let text = pieces.join(" ");
        match compile(&text) {
            Ok(program) => {
                let _ = program.evaluate(|_| None);
                let _ = program.evaluate(|_| Some(Value::Integer(7)));
                let _ = program.evaluate(|_| Some(Value::String("a".into())));
                let _ = program.evaluate(|_| Some(Value::Double(1e300)));
            }
            Err(faults) => {
                prop_assert!(!faults.is_empty());
                for fault in faults {
                    prop_assert!(fault.span.start <= fault.span.end && fault.span.end <= text.len());
                    prop_assert!(text.is_char_boundary(fault.span.start));
                }
            }
        }
    }

    #[test]
    fn sums_agree_with_rust(a in -1_000_000_i64..1_000_000, b in -1_000_000_i64..1_000_000) {
        for (text, want) in [
            (format!("{a} + {b} == {}", a + b), true),
            (format!("{a} * {b} == {}", a * b), true),
            (format!("{a} < {b}"), a < b),
            (format!("{a} >= {b}"), a >= b),
        ] {
            prop_assert_eq!(holds(&text), want, "{}", text);
        }
    }
}
