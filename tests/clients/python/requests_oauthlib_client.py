"""requests-oauthlib, with both ways in which it authenticates a client."""

import os

from oauthlib.oauth2 import BackendApplicationClient
from requests.auth import HTTPBasicAuth
from requests_oauthlib import OAuth2Session

url = os.environ["URL"]
client_id, secret = os.environ["CLIENT_ID"], os.environ["CLIENT_SECRET"]
for name, how in (
    ("client_secret_basic", {"auth": HTTPBasicAuth(client_id, secret)}),
    ("client_secret_post", {"client_secret": secret, "include_client_id": True}),
):
    session = OAuth2Session(client=BackendApplicationClient(client_id=client_id))
    session.verify = os.environ["CA_FILE"]
    session.fetch_token(f"{url}/connect/token", **how)
    answer = session.get(f"{url}/workflowapi/getschemelist")
    answer.raise_for_status()
    print(name, "TestScheme" in answer.json()["data"])
