// openid-client: introspection and revocation at the endpoints that discovery tells.
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

// The library lies in a folder of the test set-up.
const require = createRequire(pathToFileURL(`${process.env.CLIENT_LIBRARIES}/`));
const client = await import(pathToFileURL(require.resolve("openid-client")));

const { URL: url, CLIENT_ID: id, CLIENT_SECRET: secret } = process.env;
for (const method of ["ClientSecretBasic", "ClientSecretPost"]) {
  const config = await client.discovery(new URL(url), id, undefined, client[method](secret));
  const tokens = await client.clientCredentialsGrant(config, { scope: "WorkflowApi" });
  const call = async () => {
    const headers = { authorization: `Bearer ${tokens.access_token}` };
    return (await fetch(new URL("/workflowapi/getschemelist", url), { headers })).status;
  };
  const known = await client.tokenIntrospection(config, tokens.access_token);
  const before = await call();
  await client.tokenRevocation(config, tokens.access_token);
  const { active } = await client.tokenIntrospection(config, tokens.access_token);
  console.log(method, known.active, known.client_id === id, before, active, await call());
}
