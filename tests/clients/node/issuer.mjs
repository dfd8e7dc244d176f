// An issuer made of jose: prints a key set, and a token for each algorithm. The claims are CLAIMS.

import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const libraries = createRequire(join(process.env.CLIENT_LIBRARIES, "package.json"));
const jose = await import(pathToFileURL(libraries.resolve("jose")));

const claims = JSON.parse(process.env.CLAIMS);
const keys = [];
const tokens = {};
for (const alg of ["RS256", "PS256", "ES256", "EdDSA"]) {
  const { publicKey, privateKey } = await jose.generateKeyPair(alg, { extractable: true });
  keys.push({ ...(await jose.exportJWK(publicKey)), kid: alg, alg, use: "sig" });
  tokens[`jose ${alg}`] = await new jose.SignJWT(claims)
    .setProtectedHeader({ alg, kid: alg, typ: "at+jwt" })
    .sign(privateKey);
}
console.log(JSON.stringify({ set: { keys }, tokens }));
