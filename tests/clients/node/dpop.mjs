// openid-client with DPoP: a token bound to a key, and two calls with it, each with a proof of its
// own. Nonces that the server demands are the library's affair.
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

// The library lies in a folder of the test set-up.
const require = createRequire(pathToFileURL(`${process.env.CLIENT_LIBRARIES}/`));
const client = await import(pathToFileURL(require.resolve("openid-client")));

const { URL: url, CLIENT_ID: id, CLIENT_SECRET: secret } = process.env;
const kinds = {
  ES256: { name: "ECDSA", namedCurve: "P-256" },
  Ed25519: { name: "Ed25519" },
  PS256: {
    name: "RSA-PSS",
    hash: "SHA-256",
    modulusLength: 2048,
    publicExponent: new Uint8Array([1, 0, 1]),
  },
};
for (const [name, kind] of Object.entries(kinds)) {
  const config = await client.discovery(new URL(url), id, undefined, client.ClientSecretBasic(secret));
  const keys = await crypto.subtle.generateKey(kind, false, ["sign", "verify"]);
  const DPoP = client.getDPoPHandle(config, keys);
  const tokens = await client.clientCredentialsGrant(config, { scope: "WorkflowApi" }, { DPoP });
  const call = async () => {
    const answer = await client.fetchProtectedResource(
      config,
      tokens.access_token,
      new URL("/workflowapi/getschemelist?a=b", url),
      "GET",
      undefined,
      undefined,
      { DPoP },
    );
    const { data } = await answer.json();
    return data.includes("TestScheme");
  };
  console.log(name, tokens.token_type, await call(), await call());
}
