use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

use workflow_api::{Group, OPERATIONS, find};

use super::*;
use crate::config::Rate;

fn operations(names: &[&str]) -> Operations {
    Operations::parse(names).unwrap()
}

#[test]
fn wildcard_is_read_run_and_the_unknown_but_not_manage() {
    let set = operations(&["*"]);
    assert!(set.allow(None));
    for operation in &OPERATIONS {
        let want = operation.group != Group::Manage;
        assert_eq!(set.allow(Some(operation)), want, "{}", operation.name);
    }
    let all = operations(&["*", "manage"]);
    assert!(
        OPERATIONS
            .iter()
            .all(|operation| all.allow(Some(operation)))
    );
}

#[test]
fn names_cover_aliases_and_have_no_case() {
    for (names, operation, want) in [
        (&["IsProcessExists"][..], "isexistprocess", true),
        (&["READ"], "inbox", true),
        (&["read"], "executecommand", false),
        (&["Run"], "executecommand", true),
        (&["run"], "getinstanceinfo", false),
        (&["manage"], "createuser", true),
        (&["getinstanceinfo"], "getscheme", false),
        (&[], "getscheme", false),
    ] {
        let set = operations(names);
        assert_eq!(set.allow(find(operation)), want, "{names:?} {operation}");
        assert!(!set.allow(None), "{names:?}");
    }
    assert!(operations(&[]).is_empty());
}

#[test]
fn an_unknown_name_is_told_with_the_nearest() {
    for (name, nearest) in [
        ("createinstanse", Some("createinstance")),
        ("GetInstanceInfos", Some("getinstanceinfo")),
        ("reed", Some("read")),
        ("xyzzy", None),
        ("", None),
    ] {
        let fault = Operations::parse(&["*", name]).unwrap_err();
        assert_eq!(
            (fault.index, &*fault.name, fault.nearest),
            (1, name, nearest)
        );
    }
}

const RATE: Rate = Rate {
    per_second: 2,
    burst: 3,
};

#[test]
fn budget_is_a_burst_and_a_rate() {
    let budgets = Budgets::new();
    let source = Source::from(IpAddr::from(Ipv4Addr::LOCALHOST));
    let start = Instant::now();
    let at = |millis| start + Duration::from_millis(millis);
    for _ in 0..3 {
        assert_eq!(budgets.check(source, RATE, at(0)), Ok(()));
        budgets.spend(source, RATE, at(0));
    }
    assert_eq!(budgets.check(source, RATE, at(0)), Err(1));
    assert_eq!(budgets.check(source, RATE, at(499)), Err(1));
    assert_eq!(budgets.check(source, RATE, at(500)), Ok(()));
    // A flood while spent does not push the end away.
    for _ in 0..1000 {
        budgets.spend(source, RATE, at(500));
    }
    assert_eq!(budgets.check(source, RATE, at(1000)), Ok(()));
    let slow = Rate {
        per_second: 1,
        burst: 1,
    };
    budgets.spend(source, slow, at(9000));
    assert_eq!(budgets.check(source, slow, at(9000)), Err(1));
}

#[test]
fn one_network_is_one_source() {
    let source = |text: &str| Source::from(text.parse::<IpAddr>().unwrap());
    assert_eq!(source("2001:db8::1"), source("2001:db8::ffff:2"));
    assert_ne!(source("2001:db8::1"), source("2001:db8:0:1::1"));
    assert_eq!(source("::ffff:10.0.0.1"), source("10.0.0.1"));
    assert_ne!(source("10.0.0.1"), source("10.0.0.2"));
    assert_ne!(source("0.0.0.1"), source("0:0:0:1::"));
}

#[test]
fn table_is_bounded_and_a_flood_buys_no_new_budget() {
    let budgets = Budgets::bounded(64);
    let now = Instant::now();
    let victim = u128::MAX;
    for _ in 0..3 {
        budgets.spend(victim, RATE, now);
    }
    for key in 0..100_000_u128 {
        budgets.spend(key, RATE, now);
    }
    assert!(budgets.len() <= 64 * 16);
    assert!(budgets.check(victim, RATE, now).is_err());
}
