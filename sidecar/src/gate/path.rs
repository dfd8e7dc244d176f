//! The path: judged byte by byte, routed, and rewritten to the one form that is forwarded.
//!
//! In: the path as sent. Out: its route, the parts that policy reads, and the path to forward; or
//! the reason why not. Rules: the OAuth reference §5.9, RFC 3986 §3.3. The first segment, a route's
//! prefix and the operation take no percent-encoding, have no case, and are forwarded in lower
//! case; later segments are forwarded as sent. What two servers could read differently is refused. The
//! bare prefix of the Workflow API may end in a slash, which is not forwarded.

use std::ops::Range;

use percent_encoding::percent_decode;

use super::route::{Found, Table};
use crate::refusal::Reason;

/// A path that was judged. Ranges are of the path as sent.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Judged {
    /// `None`: nothing is there.
    pub(super) found: Option<Found>,
    /// The operation, under the Workflow API.
    pub(super) operation: Option<Range<usize>>,
    /// The segment after the operation.
    pub(super) id: Option<Range<usize>>,
    /// What is forwarded: the path from here on,
    start: usize,
    /// up to here,
    end: usize,
    /// those of its segments in lower case, the first lowest.
    lower: u32,
}

impl Judged {
    fn as_sent(found: Option<Found>, end: usize) -> Self {
        Self {
            found,
            operation: None,
            id: None,
            start: 0,
            end,
            lower: 0,
        }
    }

    /// The path to forward, when it is not the path as sent.
    pub(super) fn rewritten(&self, path: &str) -> Option<String> {
        let forwarded = &path[self.start..self.end];
        let whole = forwarded.len() == path.len();
        if whole
            && !self.lowered(forwarded).any(|(lower, segment)| {
                lower && segment.bytes().any(|byte| byte.is_ascii_uppercase())
            })
        {
            return None;
        }
        let mut rewritten = String::with_capacity(forwarded.len());
        for (lower, segment) in self.lowered(forwarded) {
            rewritten.push('/');
            if lower {
                rewritten.extend(segment.chars().map(|letter| letter.to_ascii_lowercase()));
            } else {
                rewritten.push_str(segment);
            }
        }
        Some(rewritten)
    }

    /// Each segment, and whether it is forwarded in lower case.
    fn lowered<'p>(&self, forwarded: &'p str) -> impl Iterator<Item = (bool, &'p str)> {
        let lower = self.lower;
        let segments = (0_u32..).zip(forwarded.split('/').skip(1));
        segments.map(move |(place, segment)| {
            let bit = 1_u32.checked_shl(place).unwrap_or(0);
            (lower & bit != 0, segment)
        })
    }
}

/// Judges `path` by the rules above and finds its route.
pub(super) fn judge(path: &str, table: &Table) -> Result<Judged, Reason> {
    if !path.starts_with('/') {
        // `*`, or an authority alone.
        return Err(Reason::TargetMalformed);
    }
    let path = without_last_slash(path, table);
    // The one path with an empty segment that means something.
    let encoded_from = if path == "/" { 1 } else { characters(path)? };
    let first_end = segment_end(path, 1);
    if encoded_from < first_end {
        return Err(Reason::PathEncodingForbidden);
    }
    let found = table.find(path)?;
    let mut judged = Judged::as_sent(found, path.len());
    let Some(Found::Pattern {
        group,
        start,
        literals,
    }) = found
    else {
        return Ok(judged);
    };
    judged.start = start;
    judged.lower = literals;
    let prefix_end = segment_end(path, start + 1);
    if table.is_workflow_api(group) && prefix_end < path.len() {
        let operation = prefix_end + 1..segment_end(path, prefix_end + 1);
        if encoded_from < operation.end {
            return Err(Reason::PathEncodingForbidden);
        }
        judged.lower |= 0b10;
        if operation.end < path.len() {
            judged.id = Some(operation.end + 1..segment_end(path, operation.end + 1));
        }
        judged.operation = Some(operation);
    }
    Ok(judged)
}

/// Clients write the Workflow API's bare prefix with a slash when the query names the operation.
/// Anywhere else a slash at the end is an empty segment, which two servers could read differently.
fn without_last_slash<'p>(path: &'p str, table: &Table) -> &'p str {
    path.strip_suffix('/')
        .filter(|bare| match table.find(bare) {
            Ok(Some(Found::Pattern { group, start, .. })) => {
                table.is_workflow_api(group) && segment_end(bare, start + 1) == bare.len()
            }
            Ok(Some(Found::Own(_)) | None) | Err(_) => false,
        })
        .unwrap_or(path)
}

/// Where the segment that starts at `start` ends.
fn segment_end(path: &str, start: usize) -> usize {
    path[start..].find('/').map_or(path.len(), |at| start + at)
}

/// Every byte and every segment is fit to be forwarded. Gives the place of the first percent
/// sign, or the end.
fn characters(path: &str) -> Result<usize, Reason> {
    let bytes = path.as_bytes();
    let mut encoded_from = bytes.len();
    let mut beyond_ascii = false;
    let mut segment = 1;
    let mut at = 1;
    while let Some(byte) = bytes.get(at).copied() {
        match byte {
            b'/' => {
                segment_is_fit(&bytes[segment..at])?;
                segment = at + 1;
            }
            b'%' => {
                encoded_from = encoded_from.min(at);
                let hex = bytes.get(at + 1..at + 3);
                let byte = hex
                    .and_then(hex_byte)
                    .ok_or(Reason::PathEncodingMalformed)?;
                // A server that decodes first and splits after would see another path.
                if matches!(byte, b'/' | b'\\' | b'.' | b'%' | b';') || byte.is_ascii_control() {
                    return Err(Reason::PathCharacterForbidden);
                }
                beyond_ascii |= !byte.is_ascii();
                at += 2;
            }
            // `;` starts parameters for some servers, which drop it and what follows.
            b'\\' | b';' | 0x00..=0x20 | 0x7f.. => return Err(Reason::PathCharacterForbidden),
            _ => {}
        }
        at += 1;
    }
    segment_is_fit(&bytes[segment..])?;
    // Overlong forms of `/` and `.` are no UTF-8.
    if beyond_ascii && percent_decode(bytes).decode_utf8().is_err() {
        return Err(Reason::PathEncodingMalformed);
    }
    Ok(encoded_from)
}

fn segment_is_fit(segment: &[u8]) -> Result<(), Reason> {
    match segment {
        b"" | b"." | b".." => Err(Reason::PathSegmentForbidden),
        _ => Ok(()),
    }
}

/// The byte that two hexadecimal digits write.
pub(super) fn hex_byte(digits: &[u8]) -> Option<u8> {
    let &[high, low] = digits else {
        return None;
    };
    let value = |digit: u8| char::from(digit).to_digit(16);
    u8::try_from(value(high)? << 4 | value(low)?).ok()
}
