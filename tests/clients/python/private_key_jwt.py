"""private_key_jwt by Authlib as it comes, and by an assertion of joserfc; client_secret_jwt is no way."""

import os
import time
import uuid

import requests
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc7523 import ClientSecretJWT, PrivateKeyJWT
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

url = os.environ["URL"]
endpoint = f"{url}/connect/token"
client_id, alg = os.environ["SIGNER_ID"], os.environ["SIGNER_ALG"]
with open(os.environ["SIGNER_KEY"], "rb") as file:
    pem = file.read()

# Authlib imports text as RSA only.
key = {"RS256": RSAKey, "ES256": ECKey}[alg].import_key(pem)
session = OAuth2Session(
    client_id,
    key,
    scope="WorkflowApi",
    token_endpoint=endpoint,
    token_endpoint_auth_method="private_key_jwt",
)
session.register_client_auth_method(PrivateKeyJWT(endpoint, alg=alg))
session.verify = os.environ["CA_FILE"]
session.fetch_token(grant_type="client_credentials")
answer = session.get(f"{url}/workflowapi/getschemelist")
answer.raise_for_status()
print("authlib", "TestScheme" in answer.json()["data"])

claims = {
    "iss": client_id,
    "sub": client_id,
    "aud": f"{url}/",
    "jti": str(uuid.uuid4()),
    "iat": int(time.time()),
    "exp": int(time.time()) + 60,
}
form = {
    "grant_type": "client_credentials",
    "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    "client_assertion": jwt.encode({"alg": alg}, claims, key, algorithms=[alg]),
}
for name in ("joserfc", "joserfc again"):
    answer = requests.post(endpoint, data=form, verify=os.environ["CA_FILE"])
    print(name, answer.status_code)

session = OAuth2Session(
    os.environ["CLIENT_ID"],
    os.environ["CLIENT_SECRET"],
    scope="WorkflowApi",
    token_endpoint=endpoint,
    token_endpoint_auth_method="client_secret_jwt",
)
session.register_client_auth_method(ClientSecretJWT(endpoint))
session.verify = os.environ["CA_FILE"]
try:
    session.fetch_token(grant_type="client_credentials")
except Exception as fault:
    print("client_secret_jwt", getattr(fault, "error", fault))
