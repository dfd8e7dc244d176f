"""An issuer made of PyJWT and joserfc: prints a key set, and a token for each algorithm.

The claims are CLAIMS. PyJWT signs under RS256 and PS256, joserfc under ES256 and EdDSA."""

import json
import os

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from joserfc import jwt as jose
from joserfc.jwk import ECKey, OKPKey

claims = json.loads(os.environ["CLAIMS"])
keys, tokens = [], {}

for name in ["RS256", "PS256"]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key()))
    public.pop("key_ops", None)
    keys.append({**public, "kid": name, "use": "sig", "alg": name})
    header = {"kid": name, "typ": "at+jwt"}
    tokens[f"PyJWT {name}"] = jwt.encode(claims, key, algorithm=name, headers=header)

for name, key in [
    ("ES256", ECKey.generate_key("P-256", private=True)),
    ("EdDSA", OKPKey.generate_key("Ed25519", private=True)),
]:
    keys.append({**key.as_dict(private=False), "kid": name, "use": "sig"})
    header = {"alg": name, "kid": name, "typ": "at+jwt"}
    tokens[f"joserfc {name}"] = jose.encode(header, claims, key, algorithms=[name])

print(json.dumps({"set": {"keys": keys}, "tokens": tokens}))
