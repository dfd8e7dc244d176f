// oauth4webapi by a TLS client certificate: the library sends `client_id` alone, Node shows the
// certificate; the token that comes back is bound to it.
import { readFileSync } from "node:fs";
import https from "node:https";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const require = createRequire(pathToFileURL(`${process.env.CLIENT_LIBRARIES}/`));
const oauth = await import(pathToFileURL(require.resolve("oauth4webapi")));

const { URL: url, CA_FILE: ca, CERTIFICATE: certificate } = process.env;
const pem = readFileSync(certificate);
const agent = new https.Agent({ ca: readFileSync(ca), cert: pem, key: pem });

// What `fetch` of Node has no way to say.
const byCertificate = (target, { method, headers, body }) =>
  new Promise((resolve, reject) => {
    const request = https.request(target, { method, headers, agent }, (answer) => {
      const chunks = [];
      answer.on("data", (chunk) => chunks.push(chunk));
      answer.on("end", () => {
        const { statusCode: status, headers } = answer;
        resolve(new Response(Buffer.concat(chunks), { status, headers }));
      });
    });
    request.on("error", reject);
    request.end(body?.toString());
  });

const found = await oauth.discoveryRequest(new URL(url), { algorithm: "oauth2" });
const as = await oauth.processDiscoveryResponse(new URL(`${url}/`), found);
for (const client_id of process.env.CLIENTS.split(" ")) {
  const client = { client_id, use_mtls_endpoint_aliases: false };
  const how = { [oauth.customFetch]: byCertificate };
  const grant = new URLSearchParams({ scope: "WorkflowApi" });
  const answer = await oauth.clientCredentialsGrantRequest(as, client, oauth.TlsClientAuth(), grant, how);
  const tokens = await oauth.processClientCredentialsResponse(as, client, answer);
  const [, claims] = tokens.access_token.split(".");
  const { cnf } = JSON.parse(Buffer.from(claims, "base64url"));
  const called = await byCertificate(new URL("/workflowapi/getschemelist", url), {
    method: "GET",
    headers: { authorization: `Bearer ${tokens.access_token}` },
  });
  console.log(client_id, typeof cnf["x5t#S256"], called.status);
}
