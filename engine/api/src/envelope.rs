//! The envelope around every answer.
//!
//! `data` stands only on success and only where the operation has data; `error` and `message`
//! only on failure. The one failure with data is `SchemeInvalid`.

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::ErrorName;

/// `{"success":true,"data":…}`.
#[derive(Clone, Copy, Debug)]
pub struct Success<T>(pub T);

impl<T: Serialize> Serialize for Success<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("success", &true)?;
        map.serialize_entry("data", &self.0)?;
        map.end()
    }
}

/// `{"success":true}`, for operations without data.
#[derive(Clone, Copy, Debug)]
pub struct SuccessWithoutData;

impl Serialize for SuccessWithoutData {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry("success", &true)?;
        map.end()
    }
}

/// `{"success":false,"error":"…","message":"…"}`, with `data` and `requestId` where present.
#[derive(Clone, Copy, Debug)]
pub struct Failure<'a, T = ()> {
    /// The short name.
    pub error: ErrorName,
    /// What was wrong and what would be right, for people.
    pub message: &'a str,
    /// Only with `SchemeInvalid`.
    pub data: Option<T>,
    /// What to look for in the logs; the sidecar sets it.
    pub request_id: Option<&'a str>,
}

impl<'a> Failure<'a> {
    /// A failure without data.
    pub const fn new(error: ErrorName, message: &'a str) -> Self {
        Self {
            error,
            message,
            data: None,
            request_id: None,
        }
    }

    /// The same, with the id of the request.
    #[must_use]
    pub const fn with_request_id(self, request_id: &'a str) -> Self {
        Self {
            request_id: Some(request_id),
            ..self
        }
    }
}

impl<T: Serialize> Serialize for Failure<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("success", &false)?;
        map.serialize_entry("error", &self.error)?;
        map.serialize_entry("message", self.message)?;
        if let Some(data) = &self.data {
            map.serialize_entry("data", data)?;
        }
        if let Some(request_id) = self.request_id {
            map.serialize_entry("requestId", request_id)?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_stand_only_where_they_mean_something() {
        let json = |value: &dyn erased::Json| value.json();
        assert_eq!(json(&Success(true)), r#"{"success":true,"data":true}"#);
        assert_eq!(
            json(&Success(None::<u8>)),
            r#"{"success":true,"data":null}"#
        );
        assert_eq!(json(&SuccessWithoutData), r#"{"success":true}"#);
        assert_eq!(
            json(&Failure::new(ErrorName::ProcessNotFound, "no \"x\"")),
            r#"{"success":false,"error":"ProcessNotFound","message":"no \"x\""}"#
        );
        assert_eq!(
            json(&Failure::new(ErrorName::Unauthorized, "m").with_request_id("7")),
            r#"{"success":false,"error":"Unauthorized","message":"m","requestId":"7"}"#
        );
        assert_eq!(
            json(&Failure {
                error: ErrorName::SchemeInvalid,
                message: "m",
                data: Some([1]),
                request_id: None
            }),
            r#"{"success":false,"error":"SchemeInvalid","message":"m","data":[1]}"#
        );
    }

    mod erased {
        pub(super) trait Json {
            fn json(&self) -> String;
        }

        impl<T: serde::Serialize> Json for T {
            fn json(&self) -> String {
                serde_json::to_string(self).expect("plain data")
            }
        }
    }
}
