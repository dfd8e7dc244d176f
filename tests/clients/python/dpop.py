"""DPoP proofs made with joserfc, over requests: nonces by hand, as RFC 9449 section 8 has them."""

import base64
import hashlib
import os
import time
import uuid

import requests
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

url = os.environ["URL"]
session = requests.Session()
session.verify = os.environ["CA_FILE"]


def proof(key, algorithm, method, target, nonce=None, token=None):
    header = {"typ": "dpop+jwt", "alg": algorithm, "jwk": key.as_dict(private=False)}
    claims = {"jti": str(uuid.uuid4()), "htm": method, "htu": target, "iat": int(time.time())}
    if nonce:
        claims["nonce"] = nonce
    if token:
        digest = hashlib.sha256(token.encode()).digest()
        claims["ath"] = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    return jwt.encode(header, claims, key, algorithms=[algorithm])


def token_request(key, algorithm):
    target = f"{url}/connect/token"
    credentials = (os.environ["CLIENT_ID"], os.environ["CLIENT_SECRET"])
    nonce = None
    while True:
        answer = session.post(
            target,
            auth=credentials,
            data={"grant_type": "client_credentials"},
            headers={"DPoP": proof(key, algorithm, "POST", target, nonce)},
        )
        if answer.status_code == 400 and answer.json()["error"] == "use_dpop_nonce" and not nonce:
            nonce = answer.headers["DPoP-Nonce"]
            continue
        answer.raise_for_status()
        return answer.json()["access_token"], nonce


target = f"{url}/workflowapi/getschemelist"
for key, algorithm in ((ECKey.generate_key("P-256"), "ES256"), (RSAKey.generate_key(2048), "RS256")):
    token, nonce = token_request(key, algorithm)
    headers = {
        "Authorization": f"DPoP {token}",
        "DPoP": proof(key, algorithm, "GET", target, nonce, token),
    }
    answer = session.get(target, headers=headers)
    answer.raise_for_status()
    print(algorithm, "TestScheme" in answer.json()["data"])
print("replay", session.get(target, headers=headers).status_code)
