"""Verifies TOKEN through the JWKS that URL publishes, with PyJWT; prints the subject."""

import os
import ssl

import jwt

url = os.environ["URL"]
trust = ssl.create_default_context(cafile=os.environ["CA_FILE"])
keys = jwt.PyJWKClient(f"{url}/.well-known/jwks", ssl_context=trust)
token = os.environ["TOKEN"]
claims = jwt.decode(
    token,
    keys.get_signing_key_from_jwt(token).key,
    algorithms=["RS256"],
    audience="WorkflowApi",
    issuer=f"{url}/",
    options={"require": ["exp", "iat", "nbf", "iss", "sub", "aud", "jti"]},
)
print(claims["sub"])
