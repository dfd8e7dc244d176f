"""Authlib, with both ways in which it authenticates a client."""

import os

from authlib.integrations.requests_client import OAuth2Session

url = os.environ["URL"]
for method in ("client_secret_basic", "client_secret_post"):
    session = OAuth2Session(
        os.environ["CLIENT_ID"],
        os.environ["CLIENT_SECRET"],
        scope="WorkflowApi",
        token_endpoint_auth_method=method,
        token_endpoint=f"{url}/connect/token",
    )
    session.verify = os.environ["CA_FILE"]
    session.fetch_token(grant_type="client_credentials")
    answer = session.get(f"{url}/workflowapi/getschemelist")
    answer.raise_for_status()
    print(method, "TestScheme" in answer.json()["data"])
