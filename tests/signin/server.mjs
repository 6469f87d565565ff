// A real authorization server for the tests beside this file: dynamic registration, metadata documents of clients,
// PKCE, resource indicators, JWT access tokens. It keeps all in memory. Arguments: issuer, port, resource.
import { generateKeyPairSync } from 'node:crypto';
import Provider from 'oidc-provider';

const [issuer, port, resource] = process.argv.slice(2);
const own = 'sims:read sims:write sims:delete sims:approve';
const key = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'jwk' });

const pages = {
  client_id: 'the-pages',
  client_secret: 'only for tests: what the pages are known by',
  redirect_uris: [`${new URL(resource).origin}/signin/callback`],
  grant_types: ['authorization_code'],
  response_types: ['code'],
  token_endpoint_auth_method: 'client_secret_basic',
};

const provider = new Provider(issuer, {
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
  cookies: { keys: ['only for tests'] },
  issueRefreshToken: async (_, client) => client.grantTypeAllowed('refresh_token'),
  findAccount: async (_, id) => ({ accountId: id, claims: async () => ({ sub: id }) }),
  extraTokenClaims: async (_, token) => ({ email: `${token.accountId}@example.com` }),
  // It refuses addresses of this machine otherwise, where the documents of the tests' clients lie.
  fetch: (url, { dispatcher, ...options }) => globalThis.fetch(url, options),
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

provider.listen(Number(port), '127.0.0.1', () => console.log('listening'));
