"""Verifies IDENTITY as an engine would: by the key set that URL publishes, with PyJWT.

Prints the claims. An engine asks for the type and the audience that are its own, so that an access
token is no identity and an identity for another engine is none either.
"""

import json
import os
import ssl

import jwt

url = os.environ["URL"]
token = os.environ["IDENTITY"]
trust = ssl.create_default_context(cafile=os.environ["CA_FILE"])
keys = jwt.PyJWKClient(f"{url}/.well-known/jwks", ssl_context=trust)

if jwt.get_unverified_header(token)["typ"] != "workflow-identity+jwt":
    raise SystemExit("not an identity")
claims = jwt.decode(
    token,
    keys.get_signing_key_from_jwt(token).key,
    algorithms=["RS256", "ES256", "EdDSA"],
    audience="engine",
    issuer=f"{url}/",
    options={"require": ["exp", "iat", "nbf", "iss", "sub", "aud", "jti"]},
)
print(json.dumps(claims))
