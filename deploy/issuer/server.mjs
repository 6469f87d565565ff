// A sample, not for production: an authorization server that takes anybody for whom they say they are, without a password.
// It shows what sim-mcp wants of one: dynamic registration, metadata documents of clients, PKCE, resource indicators,
// JWT access tokens. It keeps all in memory. What it is told, by the environment, is checked below.
import { generateKeyPairSync } from 'node:crypto';
import Provider from 'oidc-provider';

const { ISSUER, SIMS, CLIENT_ID, CLIENT_SECRET, HOST = '127.0.0.1', PORT = '4000', LOCAL_DOCUMENTS } = process.env;

for (const [name, address] of Object.entries({ ISSUER, SIMS })) {
  if (!/^https?:\/\/([\w.-]+\.localhost|localhost|127\.0\.0\.1)(:\d+)?$/.test(address ?? '')) {
    console.error(`${name} has to be an address on localhost, without a slash at its end: this is a sample, and lets everybody in.`);
    process.exit(2);
  }
}
if (!CLIENT_ID || !CLIENT_SECRET) {
  console.error('CLIENT_ID and CLIENT_SECRET have to be set: what the approval pages are known by.');
  process.exit(2);
}

const resource = `${SIMS}/mcp`;
const own = 'sims:read sims:write sims:delete sims:approve';
const key = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'jwk' });

const pages = {
  client_id: CLIENT_ID,
  client_secret: CLIENT_SECRET,
  client_name: 'the approval pages',
  redirect_uris: [`${SIMS}/signin/callback`],
  grant_types: ['authorization_code'],
  response_types: ['code'],
  token_endpoint_auth_method: 'client_secret_basic',
};

// It fetches nothing from addresses of this machine otherwise, where the documents of the tests' clients lie.
const fetching = LOCAL_DOCUMENTS ? { fetch: (url, { dispatcher, ...options }) => globalThis.fetch(url, options) } : {};

const provider = new Provider(ISSUER, {
  clients: [pages],
  jwks: { keys: [{ ...key, use: 'sig', alg: 'RS256', kid: 'one' }] },
  scopes: ['openid', 'offline_access', ...own.split(' ')],
  responseTypes: ['code'],
  pkce: { required: () => true },
  clientDefaults: {
    token_endpoint_auth_method: 'none',
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
  },
  cookies: { keys: [CLIENT_SECRET] },
  issueRefreshToken: async (_, client) => client.grantTypeAllowed('refresh_token'),
  findAccount: async (_, id) => ({ accountId: id, claims: async () => ({ sub: id }) }),
  extraTokenClaims: async (_, token) => ({ email: `${token.accountId}@example.com` }),
  ...fetching,
  features: {
    devInteractions: { enabled: true },
    registration: { enabled: true },
    clientIdMetadataDocument: { enabled: true, ack: 'draft-02' },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => resource,
      useGrantedResource: () => true,
      getResourceServerInfo: async (_, audience) => ({
        scope: own,
        audience,
        accessTokenFormat: 'jwt',
        accessTokenTTL: 600,
        jwt: { sign: { alg: 'RS256' } },
      }),
    },
  },
});
// A proxy brings TLS, and says so.
provider.proxy = ISSUER.startsWith('https:');

provider.use(async (ctx, next) => {
  if (ctx.path === '/reg' && ctx.method === 'POST') {
    // Clients register with the scopes they want first, and could not ask for more later.
    let text = '';
    for await (const chunk of ctx.req) text += chunk;
    const { scope, ...client } = JSON.parse(text);
    ctx.req.body = client;
  }
  await next();
});

const server = provider.listen(Number(PORT), HOST, () => console.log(`listening on ${HOST}:${PORT} as ${ISSUER}`));
// The first process of a container hears of no signal that it does not ask for.
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => server.close(() => process.exit(0)).closeAllConnections());
