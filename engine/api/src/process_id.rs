//! A process id in any of the forms in which .NET prints a GUID.

use uuid::Uuid;

/// The text is not a UUID in one of the accepted forms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadProcessId;

impl std::fmt::Display for BadProcessId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("not a UUID such as 0191e4ac-7c3e-7d10-9d57-3f0f2a6f9b11")
    }
}

impl std::error::Error for BadProcessId {}

/// Reads a UUID in the forms `D` (with hyphens), `N` (32 digits), `B` (in braces) and `P` (in
/// parentheses), digits of any case.
///
/// ```
/// # use workflow_api::parse_process_id;
/// let id = parse_process_id("0191E4AC7C3E7D109D573F0F2A6F9B11")?;
/// assert_eq!(parse_process_id("(0191e4ac-7c3e-7d10-9d57-3f0f2a6f9b11)")?, id);
/// # Ok::<(), workflow_api::BadProcessId>(())
/// ```
pub fn parse_process_id(text: &str) -> Result<Uuid, BadProcessId> {
    // The length decides the form, so that what the uuid crate takes beyond these (URNs) stays out.
    let inner = match text.len() {
        32 | 36 => text,
        38 => text
            .strip_prefix('{')
            .and_then(|rest| rest.strip_suffix('}'))
            .or_else(|| {
                text.strip_prefix('(')
                    .and_then(|rest| rest.strip_suffix(')'))
            })
            .ok_or(BadProcessId)?,
        _ => return Err(BadProcessId),
    };
    Uuid::try_parse(inner).map_err(|_| BadProcessId)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_process_id_has_one_of_four_forms() {
        let id = Uuid::from_u128(0x0191_e4ac_7c3e_7d10_9d57_3f0f_2a6f_9b11);
        for (text, want) in [
            ("0191e4ac-7c3e-7d10-9d57-3f0f2a6f9b11", Ok(id)),
            ("0191E4AC-7C3E-7D10-9d57-3f0f2a6f9b11", Ok(id)),
            ("0191e4ac7c3e7d109d573f0f2a6f9b11", Ok(id)),
            ("{0191e4ac-7c3e-7d10-9d57-3f0f2a6f9b11}", Ok(id)),
            ("(0191e4ac-7c3e-7d10-9d57-3f0f2a6f9b11)", Ok(id)),
            ("{0191e4ac-7c3e-7d10-9d57-3f0f2a6f9b11)", Err(BadProcessId)),
            ("{0191e4ac7c3e7d109d573f0f2a6f9b11}", Err(BadProcessId)),
            (
                "urn:uuid:0191e4ac-7c3e-7d10-9d57-3f0f2a6f9b11",
                Err(BadProcessId),
            ),
            ("0191e4ac-7c3e-7d10-9d57-3f0f2a6f9b1g", Err(BadProcessId)),
            ("0191e4ac7c3e-7d10-9d57-3f0f2a6f9b11----", Err(BadProcessId)),
            (" 0191e4ac-7c3e-7d10-9d57-3f0f2a6f9b11", Err(BadProcessId)),
            ("1", Err(BadProcessId)),
            ("", Err(BadProcessId)),
        ] {
            assert_eq!(parse_process_id(text), want, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn every_form_of_an_id_reads_back(bits: u128) {
            let id = Uuid::from_u128(bits);
            let dashed = id.hyphenated().to_string();
            for form in [
                dashed.clone(),
                dashed.to_ascii_uppercase(),
                id.simple().to_string(),
                format!("{{{dashed}}}"),
                format!("({dashed})"),
            ] {
                prop_assert_eq!(parse_process_id(&form), Ok(id));
            }
        }

        #[test]
        fn any_text_is_judged_without_a_panic(text in "\\PC{0,40}") {
            let _ = parse_process_id(&text);
        }
    }
}
