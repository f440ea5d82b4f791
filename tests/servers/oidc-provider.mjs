// A certified OpenID Connect server for the tests: node oidc-provider.mjs <modules> <settings as JSON>
// settings: {port, api, clients}. Whoever sends the login form with a name is that person.
import { generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';
import { pathToFileURL } from 'node:url';

URL.parse ??= (text, base) => (URL.canParse(text, base) ? new URL(text, base) : null);
const [modules, settings] = process.argv.slice(2);
const { Provider } = await import(pathToFileURL(`${modules}/oidc-provider/lib/index.js`).href);
const { port, api, clients } = JSON.parse(settings);
const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });

const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients,
  jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), use: 'sig', alg: 'RS256', kid: 'rsa-1' }] },
  cookies: { keys: ['only for tests'] },
  scopes: ['openid', 'profile', 'groups'],
  claims: { openid: ['sub', 'sid'], profile: ['name'], groups: ['groups'] },
  conformIdTokenClaims: false,
  findAccount: (ctx, id) => ({
    accountId: id,
    claims: () => ({ sub: id, name: `${id} of the test`, groups: ['engineers', 'Everybody'] }),
  }),
  extraTokenClaims: (ctx, token) => ({ groups: ['engineers'], name: `${token.accountId} of the test` }),
  // The person's consent is the test's own.
  async loadExistingGrant(ctx) {
    const { client, session } = ctx.oidc;
    const grant = new provider.Grant({ clientId: client.clientId, accountId: session.accountId });
    grant.addOIDCScope('openid profile groups');
    grant.addResourceScope(api, 'read');
    await grant.save();
    return grant;
  },
  pkce: { required: () => true },
  rotateRefreshToken: true,
  issueRefreshToken: (ctx, client) => client.grantTypeAllowed('refresh_token'),
  expiresWithSession: () => false,
  interactions: { url: (ctx, interaction) => `/login/${interaction.uid}` },
  features: {
    devInteractions: { enabled: false },
    deviceFlow: { enabled: true },
    revocation: { enabled: true },
    backchannelLogout: { enabled: true },
    rpInitiatedLogout: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => api,
      useGrantedResource: () => true,
      getResourceServerInfo: () => ({
        scope: 'read', audience: api, accessTokenTTL: 300, accessTokenFormat: 'jwt', jwt: { sign: { alg: 'RS256' } },
      }),
    },
  },
  ttl: { DeviceCode: 600, AccessToken: 300, IdToken: 3600, Session: 3600, Grant: 3600, RefreshToken: 3600, Interaction: 600 },
  // Without the dispatcher that keeps it from calling loopback: back-channel logout goes there.
  fetch: (url, { dispatcher, ...options }) => globalThis.fetch(url, options),
});

for (const event of ['server_error', 'backchannel.error', 'grant.error', 'authorization.error']) {
  provider.on(event, (...what) => console.error(event, what.find((one) => one instanceof Error)));
}

// Tests do not wait the five seconds that hold when nothing is said (RFC 8628 section 3.2).
provider.use(async (ctx, next) => {
  await next();
  if (ctx.oidc?.route === 'device_authorization' && ctx.body.device_code) ctx.body.interval = 1;
});

const handle = provider.callback();
createServer(async (request, response) => {
  if (!request.url.startsWith('/login/')) return handle(request, response);
  if (request.method !== 'POST') {
    response.setHeader('content-type', 'text/html');
    return response.end('<form method="post"><input name="login"><button>Log in</button></form>');
  }
  let body = '';
  for await (const chunk of request) body += chunk;
  const login = { accountId: new URLSearchParams(body).get('login') };
  // A program on a person's machine is no client that a grant of before could do for.
  return provider.interactionFinished(request, response, { login, consent: {} }).catch((error) => {
    console.error(error);
    response.writeHead(500).end();
  });
}).listen(port, '127.0.0.1');
