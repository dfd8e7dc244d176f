//! `POST /connect/revoke`: a client gives a token up (RFC 7009).
//!
//! In: an authenticated client, a token. Out: 200 once the token is refused here and the fact is on
//! the disk, and for a token that nobody knows (§2.2). Another client's token is `invalid_grant`,
//! and nothing happens to it (§2.1).

use bytes::Bytes;
use http::Response;
use http::header::CACHE_CONTROL;
use http::request::Parts;
use http::{HeaderValue, StatusCode};
use http_body::Body;

use super::authenticate::Asking;
use super::form::Form;
use super::token::Exchange;
use crate::bearer::{self, Denial, Refused};
use crate::body::ResponseBody;
use crate::refusal::{Reason, Refusal};

impl Exchange<'_> {
    /// Answers a revocation request.
    pub(crate) async fn revoke<B>(
        &self,
        head: &Parts,
        body: B,
    ) -> Result<Response<ResponseBody>, Refusal>
    where
        B: Body<Data = Bytes>,
    {
        let body = self.posted(head, body).await?;
        let form = Form::parse(&body)?;
        let (client, _) = self.asking.authenticate(&head.headers, &form).await?;
        let token = form.token.as_deref().ok_or(Reason::TokenMissing)?;
        let now = self.asking.unix_time;
        if token.len() <= self.asking.snapshot.limits.token
            && let Some(found) = bearer::revocable(token, self.asking.snapshot, now)
        {
            if *found.client != *client.id {
                return Err(Reason::TokenNotOwn.into());
            }
            if found.until > now {
                // RFC 7009 §2.2.1. None that is made here lacks its id.
                let token = found.token.ok_or(Reason::TokenUnrevocable)?;
                let denial = Denial {
                    token: Some(token),
                    until: Some(found.until),
                    ..Denial::default()
                };
                let Asking {
                    shared, snapshot, ..
                } = self.asking;
                shared
                    .revocations
                    .deny(denial, snapshot.deny.limit)
                    .await
                    .map_err(|refused| match refused {
                        Refused::Full => Refusal::new(Reason::RevocationsFull),
                        Refused::Busy => Refusal::new(Reason::RevocationsBusy),
                        Refused::NotKept(error) => {
                            Refusal::new(Reason::RevocationNotKept).with_detail(error.to_string())
                        }
                    })?;
            }
        }
        let mut response = Response::new(ResponseBody::Empty);
        *response.status_mut() = StatusCode::OK;
        let no_store = HeaderValue::from_static("no-store");
        response.headers_mut().insert(CACHE_CONTROL, no_store);
        Ok(response)
    }
}
