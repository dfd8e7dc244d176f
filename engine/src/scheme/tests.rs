use super::*;

const FILES: [(&str, &str); 3] = [
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

#[test]
fn the_shipped_schemes_have_neither_faults_nor_warnings() {
    for (code, source) in FILES {
        let parsed = Scheme::parse(source, Some("x.xml"))
            .unwrap_or_else(|faults| panic!("{}", faults.draw(false)));
        assert_eq!(&*parsed.scheme.code, code);
        assert_eq!(&*parsed.scheme.source, source);
        assert!(parsed.warnings.is_empty(), "{:?}", parsed.warnings);
    }
}
