// openid-client: discovery, a token by both ways of client authentication, a call with it.
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

// The library lies in a folder of the test set-up.
const require = createRequire(pathToFileURL(`${process.env.CLIENT_LIBRARIES}/`));
const client = await import(pathToFileURL(require.resolve("openid-client")));

const { URL: url, CLIENT_ID: id, CLIENT_SECRET: secret } = process.env;
for (const method of ["ClientSecretBasic", "ClientSecretPost"]) {
  const config = await client.discovery(new URL(url), id, undefined, client[method](secret));
  const tokens = await client.clientCredentialsGrant(config, { scope: "WorkflowApi" });
  const answer = await client.fetchProtectedResource(
    config,
    tokens.access_token,
    new URL("/workflowapi/getschemelist", url),
    "GET",
  );
  const { data } = await answer.json();
  console.log(method, data.includes("TestScheme"));
}
