"""Authlib: introspection (RFC 7662) and revocation (RFC 7009), with both ways of authentication."""

import os

from authlib.integrations.requests_client import OAuth2Session

url = os.environ["URL"]
for method in ("client_secret_basic", "client_secret_post"):
    session = OAuth2Session(
        os.environ["CLIENT_ID"],
        os.environ["CLIENT_SECRET"],
        scope="WorkflowApi",
        token_endpoint_auth_method=method,
        revocation_endpoint_auth_method=method,
        token_endpoint=f"{url}/connect/token",
    )
    session.verify = os.environ["CA_FILE"]
    token = session.fetch_token(grant_type="client_credentials")["access_token"]

    def active():
        answer = session.introspect_token(f"{url}/connect/introspect", token=token)
        answer.raise_for_status()
        return answer.json()["active"]

    def call():
        return session.get(f"{url}/workflowapi/getschemelist").status_code

    before = (active(), call())
    revoked = session.revoke_token(f"{url}/connect/revoke", token=token, token_type_hint="access_token")
    revoked.raise_for_status()
    print(method, *before, active(), call())
