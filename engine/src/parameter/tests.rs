use proptest::prelude::*;
use rust_decimal::Decimal;
use serde_json::json;
use serde_json::value::RawValue;

use super::*;

fn raw(text: &str) -> Box<RawValue> {
    RawValue::from_string(text.to_owned()).unwrap()
}

fn json() -> Type {
    Type::from_clr("Object")
}

/// What a value of that type becomes when it is given as JSON and printed again; `None` when it is
/// refused.
fn through(r#type: &Type, text: &str) -> Option<String> {
    let value = r#type.parse(&raw(text)).ok()?;
    Some(serde_json::to_string(&value).unwrap())
}

#[test]
fn a_clr_name_may_be_short_long_qualified_or_nullable() {
    for (name, want) in [
        ("String", Type::String),
        ("System.String", Type::String),
        ("string", Type::String),
        ("Int32", Type::Int32),
        ("int", Type::Int32),
        ("int?", Type::Int32),
        ("System.Int64", Type::Int64),
        ("Nullable<Int64>", Type::Int64),
        ("System.Nullable<System.Decimal>", Type::Decimal),
        ("System.Nullable`1[System.Double]", Type::Double),
        (
            "System.Nullable`1[[System.DateTime, mscorlib]]",
            Type::DateTime,
        ),
        (
            "System.Nullable`1[[System.Guid, mscorlib, Version=4.0.0.0]], mscorlib",
            Type::Guid,
        ),
        ("System.Boolean, System.Private.CoreLib", Type::Boolean),
        (" Guid ", Type::Guid),
    ] {
        assert_eq!(Type::from_clr(name), want, "{name}");
    }
}

#[test]
fn any_other_clr_name_is_json_and_keeps_its_name() {
    for name in [
        "Object",
        "System.Object",
        "List<Int32>",
        "Shop.Order",
        "",
        "Nullable<",
    ] {
        assert!(matches!(Type::from_clr(name), Type::Json { .. }), "{name}");
        assert_eq!(Type::from_clr(name).clr_name(), name);
    }
    assert_eq!(Type::from_clr("int").clr_name(), "System.Int32");
    assert_eq!(Type::from_clr("int").short_name(), "Int32");
}

#[test]
fn numbers_and_booleans_also_come_from_strings_in_invariant_form() {
    for (r#type, text, want) in [
        (Type::Int32, "7", Some("7")),
        (Type::Int32, "\"7\"", Some("7")),
        (Type::Int32, "\"-7\"", Some("-7")),
        (Type::Int32, "\"007\"", Some("7")),
        (Type::Int32, "1.0", Some("1")), // JSON has one kind of number; 1.0 is whole
        (Type::Int32, "1e3", Some("1000")),
        (Type::Int32, "1.5", None),
        (Type::Int32, "\"1,000\"", None),
        (Type::Int32, "\"1 000\"", None),
        (Type::Int32, "\" 7\"", None),
        (Type::Int32, "\"\"", None),
        (Type::Int32, "\"many\"", None),
        (Type::Int32, "true", None),
        (Type::Int32, "\"true\"", None),
        (Type::Int32, "[1]", None),
        (Type::Int32, "null", Some("null")),
        (Type::Int32, "2147483647", Some("2147483647")),
        (Type::Int32, "2147483648", None),
        (Type::Int32, "-2147483648", Some("-2147483648")),
        (Type::Int32, "-2147483649", None),
        (
            Type::Int64,
            "9223372036854775807",
            Some("9223372036854775807"),
        ),
        (Type::Int64, "9223372036854775808", None),
        (Type::Int64, "1e400", None),
        (Type::Double, "1.5", Some("1.5")),
        (Type::Double, "\"1.5\"", Some("1.5")),
        (Type::Double, "\"1,5\"", None),
        (Type::Double, "\"NaN\"", None),
        (Type::Double, "\"Infinity\"", None),
        (Type::Double, "\"inf\"", None),
        (Type::Double, "1e999", None),
        (Type::Double, "false", None),
        (Type::Boolean, "true", Some("true")),
        (Type::Boolean, "\"True\"", Some("true")),
        (Type::Boolean, "\"false\"", Some("false")),
        (Type::Boolean, "1", None),
        (Type::Boolean, "\"1\"", None),
        (Type::Boolean, "\"yes\"", None),
        (Type::String, "\"a\\u00e9\"", Some("\"aé\"")),
        (Type::String, "7", None),
        (Type::String, "true", None),
        (Type::String, "{}", None),
    ] {
        assert_eq!(
            through(&r#type, text).as_deref(),
            want,
            "{} of {text}",
            r#type.short_name()
        );
    }
}

#[test]
fn a_decimal_is_exact_to_28_digits_and_never_rounded() {
    for (text, want) in [
        ("0", Some("0")),
        ("-0", Some("0")),
        ("0.00", Some("0.00")),
        ("100.10", Some("100.10")),
        ("\"100.10\"", Some("100.10")),
        ("5000.01", Some("5000.01")),
        ("1e3", Some("1000")),
        ("1.5E-3", Some("0.0015")),
        (
            "1234567890123456789012345678",
            Some("1234567890123456789012345678"),
        ),
        (
            "0.1234567890123456789012345678",
            Some("0.1234567890123456789012345678"),
        ),
        (
            "\"-1.234567890123456789012345678\"",
            Some("-1.234567890123456789012345678"),
        ),
        (
            "79228162514264337593543950335",
            Some("79228162514264337593543950335"),
        ),
        ("79228162514264337593543950336", None),
        ("0.12345678901234567890123456789", None),
        (
            "1.00000000000000000000000000000000000",
            Some("1.0000000000000000000000000000"),
        ),
        (
            "9.9999999999999999999999999990",
            Some("9.999999999999999999999999999"),
        ),
        ("1e28", Some("10000000000000000000000000000")),
        ("1e29", None),
        ("1e-28", Some("0.0000000000000000000000000001")),
        ("1e-29", None),
        ("1e999999999999999999999", None),
        ("1e-999999999999999999999", None),
        ("0e999999999999999999999", Some("0")),
        ("\"1e5\"", Some("100000")),
        ("\".5\"", Some("0.5")),
        ("\"5.\"", None),
        ("\"1_0\"", None),
        ("\"many\"", None),
        ("true", None),
    ] {
        assert_eq!(through(&Type::Decimal, text).as_deref(), want, "{text}");
    }
}

#[test]
fn a_moment_is_iso_8601_and_kept_in_utc() {
    for (text, want) in [
        ("2026-01-31", Some("2026-01-31T00:00:00Z")),
        ("2026-01-31T10:20", Some("2026-01-31T10:20:00Z")),
        ("2026-01-31T10:20:30", Some("2026-01-31T10:20:30Z")),
        ("2026-01-31 10:20:30Z", Some("2026-01-31T10:20:30Z")),
        (
            "2026-01-31T10:20:30.1230000Z",
            Some("2026-01-31T10:20:30.123Z"),
        ),
        ("2026-01-31T10:20:30+02:00", Some("2026-01-31T08:20:30Z")),
        ("2026-01-01T00:30:00+01:00", Some("2025-12-31T23:30:00Z")),
        ("2026-01-31T10:20:30-0530", Some("2026-01-31T15:50:30Z")),
        ("2024-02-29", Some("2024-02-29T00:00:00Z")),
        ("2026-02-29", None),
        ("2026-13-01", None),
        ("2026-01-31T24:00:00", None),
        ("2026-01-31T10:20:60", None),
        ("2026-01-31T10:20:30.", None),
        ("2026-01-31T10:20:30+15:00", None),
        ("2026-01-31T10:20:30Zulu", None),
        ("2026-01-31T", None),
        ("0000-01-01", None),
        ("0001-01-01T00:00:00+01:00", None),
        ("9999-12-31T23:59:59-01:00", None),
        ("01/31/2026", None),
        ("20260131", None),
        ("yesterday", None),
        ("", None),
    ] {
        let json = serde_json::to_string(text).unwrap();
        let want = want.map(|want| format!("\"{want}\""));
        assert_eq!(through(&Type::DateTime, &json), want, "{text}");
    }
    assert_eq!(through(&Type::DateTime, "20260131"), None);
}

#[test]
fn a_guid_has_one_of_the_dotnet_forms() {
    let want = "6f9619ff-8b86-d011-b42d-00cf4fc964ff";
    for (text, fits) in [
        (want, true),
        ("6F9619FF-8B86-D011-B42D-00CF4FC964FF", true),
        ("6f9619ff8b86d011b42d00cf4fc964ff", true),
        ("{6f9619ff-8b86-d011-b42d-00cf4fc964ff}", true),
        ("(6f9619ff-8b86-d011-b42d-00cf4fc964ff)", true),
        ("{6f9619ff8b86d011b42d00cf4fc964ff}", false),
        ("(6f9619ff-8b86-d011-b42d-00cf4fc964ff}", false),
        ("urn:uuid:6f9619ff-8b86-d011-b42d-00cf4fc964ff", false),
        ("6f9619ff-8b86-d011-b42d-00cf4fc964f", false),
        ("6f9619ff-8b86-d011-b42d-00cf4fc964fg", false),
        ("6f9619ff8b86-d011-b42d-00cf4fc964ff-", false),
        ("(é)", false),
        ("", false),
    ] {
        assert_eq!(parse_guid(text).is_some(), fits, "{text}");
        if fits {
            assert_eq!(parse_guid(text).unwrap().to_string(), want);
        }
    }
}

#[test]
fn json_takes_anything_and_undeclared_numbers_stay_exact() {
    for (text, want) in [
        ("null", Value::Null),
        ("true", Value::Boolean(true)),
        ("12", Value::Integer(12)),
        ("0.1", Value::Decimal(Decimal::new(1, 1))),
        ("1e40", Value::Double(1e40)),
        ("\"12\"", Value::String("12".into())),
        ("[1,\"a\"]", Value::Json(Arc::new(json!([1, "a"])))),
        (
            "{\"a\": {\"b\": null}}",
            Value::Json(Arc::new(json!({"a": {"b": null}}))),
        ),
    ] {
        assert_eq!(Value::from_json(&raw(text)).unwrap(), want, "{text}");
        assert_eq!(json().parse(&raw(text)).unwrap(), want, "{text}");
    }
    for text in ["1e999", "[1e999]"] {
        assert!(Value::from_json(&raw(text)).is_err(), "{text}");
    }
    assert_eq!(
        json().parse_text("not json").unwrap(),
        Value::String("not json".into())
    );
}

#[test]
fn an_initial_value_is_json_else_text_and_empty_is_none() {
    for (r#type, text, want) in [
        (Type::String, "", None),
        (Type::String, "  ", None),
        (Type::String, "null", None),
        (Type::String, "\"EUR\"", Some(Value::String("EUR".into()))),
        (Type::String, "EUR", Some(Value::String("EUR".into()))),
        (Type::String, "7", Some(Value::String("7".into()))),
        (Type::String, "007", Some(Value::String("007".into()))),
        (Type::Decimal, "0", Some(Value::Decimal(Decimal::ZERO))),
        (
            Type::Decimal,
            "\"1.5\"",
            Some(Value::Decimal(Decimal::new(15, 1))),
        ),
        (Type::Boolean, "True", Some(Value::Boolean(true))),
        (Type::Int32, "", None),
    ] {
        assert_eq!(r#type.parse_default(text).unwrap(), want, "{text}");
    }
    assert!(Type::Int32.parse_default("many").is_err());
    assert!(Type::DateTime.parse_default("2026").is_err());
}

#[test]
fn a_mismatch_says_what_was_found_and_what_would_be_right() {
    for (r#type, text, want) in [
        (
            Type::Decimal,
            "\"many\"",
            "expected a Decimal, a number of at most 28 digits, found `many`",
        ),
        (
            Type::Int32,
            "2147483648",
            "`2147483648` does not fit an Int32, a whole number from -2147483648 to 2147483647",
        ),
        (Type::String, "[1]", "expected a string, found `[1]`"),
    ] {
        let mismatch = r#type.parse(&raw(text)).unwrap_err();
        assert_eq!(mismatch.to_string(), want);
    }
    let long = serde_json::to_string(&"x\n".repeat(1000)).unwrap();
    let message = Type::Guid.parse(&raw(&long)).unwrap_err().to_string();
    assert!(message.len() < 200 && !message.contains('\n'), "{message}");
}

#[test]
fn numbers_compare_by_value_and_null_has_no_order() {
    use std::cmp::Ordering::{Greater, Less};
    let text = |text: &str| Value::String(text.into());
    let half = Value::Decimal(Decimal::new(5, 1));
    assert!(Value::Integer(1).same(&Value::Decimal(Decimal::new(100, 2))));
    assert!(Value::Double(0.5).same(&half));
    assert!(!Value::Integer(1).same(&text("1")));
    assert!(!Value::Integer(1).same(&Value::Boolean(true)));
    assert!(Value::Null.same(&Value::Null));
    assert!(!Value::Null.same(&text("")));
    assert_eq!(half.order(&Value::Integer(1)), Some(Less));
    assert_eq!(text("b").order(&text("a")), Some(Greater));
    assert_eq!(Value::Null.order(&Value::Integer(1)), None);
    let at = Type::DateTime.parse_text("2026-01-31").unwrap();
    assert_eq!(at.order(&text("2026-02-01")), Some(Less));
    assert_eq!(at.order(&text("soon")), None);
    let id = Type::Guid
        .parse_text("6f9619ff8b86d011b42d00cf4fc964ff")
        .unwrap();
    assert!(id.same(&text("{6F9619FF-8B86-D011-B42D-00CF4FC964FF}")));
}

#[test]
fn a_longer_value_weighs_more() {
    let short = Value::String("a".into());
    let long = Value::String("a".repeat(100).into());
    assert_eq!(long.size_bytes() - short.size_bytes(), 99);
    let tree = Value::from_json(&raw("{\"a\":[\"b\"]}")).unwrap();
    assert!(tree.size_bytes() > Value::Null.size_bytes());
}

#[test]
fn system_parameters_are_sorted_so_that_they_are_found() {
    assert!(SYSTEM.is_sorted_by_key(|parameter| parameter.name));
    assert_eq!(system_type("ProcessId"), Some(&Type::Guid));
    assert_eq!(system_type("processid"), None);
}

proptest! {
    #[test]
    fn a_decimal_comes_out_as_it_went_in(digits in "-?[1-9][0-9]{0,11}(\\.[0-9]{1,16})?") {
        prop_assert_eq!(through(&Type::Decimal, &digits), Some(digits.clone()));
        let quoted = format!("\"{digits}\"");
        prop_assert_eq!(through(&Type::Decimal, &quoted), Some(digits));
    }

    #[test]
    fn no_text_makes_a_type_panic(text in ".{0,40}") {
        for name in ["String", "Int32", "Int64", "Decimal", "Double", "Boolean", "DateTime", "Guid"] {
            let r#type = Type::from_clr(name);
            let _ = r#type.parse_text(&text);
            let _ = r#type.parse_default(&text);
        }
        let _ = Type::from_clr(&text);
        let _ = json().parse_text(&text);
    }

    #[test]
    fn every_double_survives(number in proptest::num::f64::NORMAL) {
        let text = serde_json::to_string(&Value::Double(number)).unwrap();
        prop_assert_eq!(Type::Double.parse(&raw(&text)).unwrap(), Value::Double(number));
    }

    #[test]
    fn a_moment_survives(seconds in -62_135_596_800_i64..=253_402_300_799, nanos in 0_i128..1_000_000_000) {
        let at = time::OffsetDateTime::from_unix_timestamp_nanos(i128::from(seconds) * 1_000_000_000 + nanos).unwrap();
        prop_assert_eq!(parse_date_time(&Iso8601(at).to_string()), Some(at));
    }
}
