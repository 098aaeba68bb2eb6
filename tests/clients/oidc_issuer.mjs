// A real OpenID Connect issuer, npm's oidc-provider, on this machine: a person logs in at it through its pages, by the
// authorization code flow, and a workload by its client credentials. Prints the issuer and both access tokens as one line of
// JSON, then serves until its standard input ends. Arguments: the folder of node_modules, and files of certificate and key.

import { createHash, generateKeyPairSync, randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer, request } from "node:https";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

// It says on standard output what nobody has configured.
console.log = console.info = console.error;
const [, , modules, certificateFile, keyFile] = process.argv;
const entry = createRequire(`${modules}/`).resolve("oidc-provider");
const { default: Provider } = await import(pathToFileURL(entry));

const RESOURCE = "https://keyreeve.example/";
const REDIRECT = "http://127.0.0.1/back";
const cert = readFileSync(certificateFile);
const tls = { cert, key: readFileSync(keyFile) };
let answer;
const server = createServer(tls, (...exchange) => answer(...exchange));
await new Promise((done) => server.listen(0, "127.0.0.1", done));
const issuer = `https://127.0.0.1:${server.address().port}`;

const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
const jwk = { ...privateKey.export({ format: "jwk" }), kid: "issuers-key", alg: "RS256", use: "sig" };
const secret = randomBytes(24).toString("hex");
const provider = new Provider(issuer, {
  jwks: { keys: [jwk] },
  clients: [
    {
      client_id: "shell",
      token_endpoint_auth_method: "none",
      application_type: "native",
      redirect_uris: [REDIRECT],
      grant_types: ["authorization_code"],
      response_types: ["code"],
    },
    {
      client_id: "billing",
      client_secret: secret,
      redirect_uris: [],
      grant_types: ["client_credentials"],
      response_types: [],
    },
  ],
  features: {
    clientCredentials: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => RESOURCE,
      useGrantedResource: () => true,
      getResourceServerInfo: () => ({
        scope: "keys",
        audience: "keyreeve",
        accessTokenFormat: "jwt",
        jwt: { sign: { alg: "RS256" } },
      }),
    },
  },
});
answer = provider.callback();

const cookies = new Map();

// One request, with the cookies of those before it.
function ask(method, address, form, headers = {}) {
  const url = new URL(address, issuer);
  const body = form ? new URLSearchParams(form).toString() : "";
  const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join("; ");
  const type = form ? { "content-type": "application/x-www-form-urlencoded", "content-length": body.length } : {};
  return new Promise((done, failed) => {
    const asked = request(url, { method, ca: cert, headers: { cookie, ...type, ...headers } }, (got) => {
      for (const line of got.headers["set-cookie"] ?? []) {
        const [pair] = line.split(";");
        cookies.set(pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1));
      }
      let text = "";
      got.on("data", (data) => (text += data));
      got.on("end", () => done({ status: got.statusCode, location: got.headers.location, text }));
    });
    asked.on("error", failed);
    asked.end(body);
  });
}

async function person() {
  const verifier = randomBytes(32).toString("base64url");
  const query = new URLSearchParams({
    client_id: "shell",
    response_type: "code",
    redirect_uri: REDIRECT,
    scope: "openid keys",
    resource: RESOURCE,
    code_challenge: createHash("sha256").update(verifier).digest("base64url"),
    code_challenge_method: "S256",
  });
  let got = await ask("GET", `/auth?${query}`);
  const forms = [{ prompt: "login", login: "alice", password: "any" }, { prompt: "consent" }];
  for (let steps = 0; !got.location?.startsWith(REDIRECT); steps += 1) {
    if (steps > 12) throw new Error(`no way back from the pages: ${got.status} ${got.text}`);
    if (got.location) {
      got = await ask("GET", got.location);
    } else {
      const action = /action="([^"]+)"/.exec(got.text)?.[1];
      if (!action) throw new Error(`a page without a form: ${got.status} ${got.text}`);
      got = await ask("POST", action, forms.shift());
    }
  }
  const code = new URL(got.location).searchParams.get("code");
  return token({ client_id: "shell", grant_type: "authorization_code", code, redirect_uri: REDIRECT, code_verifier: verifier });
}

function workload() {
  const authorization = `Basic ${Buffer.from(`billing:${secret}`).toString("base64")}`;
  return token({ grant_type: "client_credentials", scope: "keys", resource: RESOURCE }, { authorization });
}

async function token(form, headers) {
  const got = await ask("POST", "/token", form, headers);
  const { access_token } = JSON.parse(got.text);
  if (!access_token) throw new Error(`no token: ${got.status} ${got.text}`);
  return access_token;
}

process.stdout.write(`${JSON.stringify({ issuer, person: await person(), workload: await workload() })}\n`);
process.stdin.resume();
process.stdin.on("end", () => process.exit(0));
