use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

use proptest::prelude::*;
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
    assert!(budgets.kept() <= 64 * 16);
    assert!(budgets.check(victim, RATE, now).is_err());
}

proptest! {
    /// Against a bucket that is filled and emptied in the plainest way.
    #[test]
    fn what_is_taken_is_what_a_bucket_of_tokens_gives(
        per_second in 1_u32..20,
        burst in 1_u32..20,
        pauses in proptest::collection::vec(0_u64..400, 1..200),
    ) {
        let rate = Rate { per_second, burst };
        let (budgets, start) = (Budgets::new(), Instant::now());
        let source = Source::from(IpAddr::from(Ipv4Addr::LOCALHOST));
        // In thousandths of one request, so that whole milliseconds are exact.
        let (mut level, full, mut at) = (u64::from(burst) * 1000, u64::from(burst) * 1000, 0);
        for pause in pauses {
            at += pause;
            level = (level + pause * u64::from(per_second)).min(full);
            let given = budgets.take(source, rate, start + Duration::from_millis(at));
            // The bucket's interval is cut to whole nanoseconds, so it may give a hair earlier.
            if level >= 1000 {
                prop_assert_eq!(given, Ok(()));
                level -= 1000;
            } else if given.is_ok() {
                prop_assert!(level >= 999);
                level = 0;
            } else {
                let short = 1000 - level;
                let wait = short.div_ceil(u64::from(per_second)).div_ceil(1000);
                prop_assert_eq!(given, Err(u32::try_from(wait.max(1)).unwrap()));
            }
        }
    }
}
