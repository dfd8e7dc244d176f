// simple-oauth2: client credentials in the header and in the body, and a call with the token.
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const require = createRequire(pathToFileURL(`${process.env.CLIENT_LIBRARIES}/`));
const { ClientCredentials } = require("simple-oauth2");

const { URL: url, CLIENT_ID: id, CLIENT_SECRET: secret } = process.env;
for (const authorizationMethod of ["header", "body"]) {
  const client = new ClientCredentials({
    client: { id, secret },
    auth: { tokenHost: url, tokenPath: "/connect/token" },
    options: { authorizationMethod },
  });
  const { token } = await client.getToken({ scope: "WorkflowApi" });
  const answer = await fetch(`${url}/workflowapi/getschemelist`, {
    headers: { authorization: `Bearer ${token.access_token}` },
  });
  const { data } = await answer.json();
  console.log(authorizationMethod, data.includes("TestScheme"));
}
