// private_key_jwt with three libraries: openid-client, oauth4webapi, and an assertion that jose
// signed; then the access token as jose verifies it through the published keys.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

// The libraries lie in a folder of the test set-up.
const require = createRequire(pathToFileURL(`${process.env.CLIENT_LIBRARIES}/`));
const library = (name) => import(pathToFileURL(require.resolve(name)));
const openid = await library("openid-client");
const oauth = await library("oauth4webapi");
const jose = await library("jose");

const { URL: url, SIGNER_ID: id, SIGNER_KEY: file, SIGNER_ALG: alg } = process.env;
const pem = readFileSync(file, "utf8");
const kinds = { ES256: { name: "ECDSA", namedCurve: "P-256" }, RS256: { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" } };
const der = Buffer.from(pem.replaceAll(/-----[^-]+-----|\s/g, ""), "base64");
const key = await crypto.subtle.importKey("pkcs8", der, kinds[alg], false, ["sign"]);

const server = new URL(url);
{
  const config = await openid.discovery(server, id, undefined, openid.PrivateKeyJwt(key));
  const tokens = await openid.clientCredentialsGrant(config, { scope: "WorkflowApi" });
  console.log("openid-client", tokens.token_type);
}
{
  const found = await oauth.discoveryRequest(server, { algorithm: "oauth2" });
  const as = await oauth.processDiscoveryResponse(new URL(JSON.parse(await found.clone().text()).issuer), found);
  const client = { client_id: id };
  const how = oauth.PrivateKeyJwt(key);
  const grant = new URLSearchParams({ scope: "WorkflowApi" });
  const answer = await oauth.clientCredentialsGrantRequest(as, client, how, grant);
  const tokens = await oauth.processClientCredentialsResponse(as, client, answer);
  console.log("oauth4webapi", tokens.token_type);

  const revoked = await oauth.revocationRequest(as, client, how, tokens.access_token);
  await oauth.processRevocationResponse(revoked);
  const asked = await oauth.introspectionRequest(as, client, how, tokens.access_token);
  const told = await oauth.processIntrospectionResponse(as, client, asked);
  console.log("oauth4webapi revoked", !told.active);
}
const assertion = (claims) =>
  new jose.SignJWT(claims)
    .setProtectedHeader({ alg })
    .setIssuer(id)
    .setSubject(id)
    .setAudience(`${url}/connect/token`)
    .setIssuedAt()
    .setExpirationTime("1m")
    .sign(key);
const ask = (client_assertion) =>
  fetch(`${url}/connect/token`, {
    method: "POST",
    body: new URLSearchParams({
      grant_type: "client_credentials",
      client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
      client_assertion,
    }),
  });
{
  const once = await assertion({ jti: crypto.randomUUID() });
  const answer = await ask(once);
  const { access_token } = await answer.json();
  const keys = jose.createRemoteJWKSet(new URL(`${url}/.well-known/jwks`));
  const { payload } = await jose.jwtVerify(access_token, keys, {
    audience: "WorkflowApi",
    issuer: `${url}/`,
    typ: "at+jwt",
  });
  console.log("jose", payload.client_id);
  console.log("jose again", (await ask(once)).status);
  console.log("jose without jti", (await ask(await assertion({}))).status);
}
