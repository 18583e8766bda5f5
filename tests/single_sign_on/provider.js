// A provider for the heavy tests: node provider.js PORT REDIRECT_URI FILE. FILE has what it says of people, as JSON:
// {"claims": {…}, "seconds": how long an ID token is valid}. It is read again at each sign-in.
import { generateKeyPairSync, randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import Provider from "oidc-provider";

const [port, redirectUri, file] = process.argv.slice(2);
const said = () => JSON.parse(readFileSync(file, "utf8"));
const client = {
  client_id: "alphanode",
  client_secret: "a secret of the client: 100%",
  redirect_uris: [redirectUri],
};

// Another key at each start.
const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
const key = { ...privateKey.export({ format: "jwk" }), kid: randomUUID(), use: "sig", alg: "RS256" };

const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [client],
  jwks: { keys: [key] },
  claims: {
    openid: ["sub", "acr", "auth_time"],
    profile: ["preferred_username", "given_name", "family_name"],
    email: ["email"],
    groups: ["groups"],
  },
  acrValues: ["gold"],
  cookies: { keys: ["a key for tests alone"] },
  pkce: { required: () => true },
  ttl: {
    IdToken: () => said().seconds,
    AccessToken: 600,
    AuthorizationCode: 60,
    Grant: 600,
    Interaction: 600,
    Session: 600,
  },
  findAccount: async (_context, accountId) => ({
    accountId,
    claims: async () => ({ sub: accountId, ...said().claims }),
  }),
});
provider.listen(Number(port), "127.0.0.1", () => console.log("ready"));
