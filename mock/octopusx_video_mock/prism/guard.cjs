// Loaded into Prism's process before Prism (`node --require`). It fences off what Prism does wrong, and changes nothing
// else: every answer but 413, and 500 where Prism broke, is still made by Prism from the contract. What it needs to know
// of the contract comes as JSON in OCTOPUSX_PRISM_GUARD; it tells the outside what happens in lines of JSON on stdout.
'use strict';

const { AsyncLocalStorage } = require('node:async_hooks');
const { Server } = require('node:http');
const { Readable } = require('node:stream');

// npx runs in a process of its own before it starts Prism's; only the latter is guarded.
if (!/[\\/](\.bin|prism-cli)[\\/]/.test(process.argv[1] || '')) return;

const { token, routes, tooLarge, broken, maxBody } = JSON.parse(process.env.OCTOPUSX_PRISM_GUARD);
const known = routes.map(([pattern, methods, withBody]) => ({ pattern: new RegExp(pattern), methods, withBody }));
const working = new AsyncLocalStorage();
const tell = event => process.stdout.write(JSON.stringify(event) + '\n');
const hidden = text => (token === null ? text : text.split(token).join('[key]'));

// The parent holds the other end of stdin: when it ends, in whatever way, nothing of it may stay behind.
process.stdin.on('error', () => {}).on('close', () => process.exit(0)).resume();

// A defect of Prism that nothing below foresees costs the request it is working on, not the server.
for (const event of ['uncaughtException', 'unhandledRejection']) {
  process.on(event, error => {
    const message = hidden(String((error && error.message) || error));
    const response = working.getStore();
    if (response === undefined) {
      tell({ event: 'fatal', message });
      process.exit(1);
    }
    tell({ event: 'error', message });
    if (response.headersSent) response.destroy();
    else answer(response, 500, broken);
  });
}

function answer(response, status, { headers, body }) {
  response.writeHead(status, { ...headers, Connection: 'close' });
  response.end(body);
}

function authorized(request) {
  const sent = request.rawHeaders.filter((name, at) => at % 2 === 0 && name.toLowerCase() === 'authorization');
  if (sent.length !== 1) return false;
  const bearer = /^bearer +([A-Za-z0-9._~+/-]+=*)$/i.exec(request.headers.authorization);
  return bearer !== null && (token === null || bearer[1] === token);
}

// Prism decodes each segment of the path and dies of one that can't be decoded. A space is a segment that decodes
// and that no parameter of the contract allows, so Prism refuses it as the contract says.
function decodable(url) {
  const [path, ...query] = url.split('?');
  const segments = path.split('/').map(segment => {
    try {
      decodeURIComponent(segment);
      return segment;
    } catch {
      return '%20';
    }
  });
  const whole = [segments.join('/'), ...query].join('?');
  return URL.canParse(whole, 'http://localhost') ? whole : '/%20';
}

function routesOf(url) {
  const path = new URL(url, 'http://localhost').pathname.split('/').map(decodeURIComponent).join('/');
  return known.filter(({ pattern }) => pattern.test(path));
}

function read(request) {
  return new Promise((resolve, reject) => {
    const chunks = [];
    let size = 0;
    request.on('data', chunk => {
      size += chunk.length;
      if (size > maxBody) {
        request.pause();
        resolve(null);
      } else {
        chunks.push(chunk);
      }
    });
    request.on('end', () => resolve(Buffer.concat(chunks)));
    request.on('error', reject);
  });
}

function isJson(body) {
  try {
    JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body));
    return true;
  } catch {
    return false;
  }
}

// What Prism gets to see: the request with its body whole, or as if it had none where the body is no JSON (Prism would
// never recover from it, and refuses a missing one as the contract says); stripped to its method and path where the
// credential is not valid, since then nothing else is looked at. null: the body is too large.
async function seen(request, url, withBody) {
  if (!authorized(request)) return { url: url.split('?')[0], headers: { host: 'localhost' }, body: Buffer.alloc(0) };
  const { accept, expect, 'content-type': type = '', 'transfer-encoding': coding, ...headers } = request.headers;
  headers.authorization = 'Bearer accepted';
  let body = Buffer.alloc(0);
  if (withBody) {
    if (Number(headers['content-length']) > maxBody) return null;
    const sent = await read(request);
    if (sent === null) return null;
    if (/^application\/json *(;|$)/i.test(type) && isJson(sent)) body = sent;
  }
  headers['content-length'] = String(body.length);
  if (body.length) headers['content-type'] = 'application/json';
  return { url: url.replace(/([?&])__server=[^&]*/g, '$1'), headers, body };
}

async function guard(server, request, response) {
  const started = process.hrtime.bigint();
  response.on('close', () => {
    const ms = Number(process.hrtime.bigint() - started) / 1e6;
    const { method, url } = request;
    tell({ event: 'request', method, url: hidden(url), status: response.headersSent ? response.statusCode : null, ms });
  });
  const url = decodable(request.url);
  const matching = routesOf(url);
  const withBody = matching.some(route => route.withBody.includes(request.method));
  const shown = await seen(request, url, withBody);
  if (shown === null) return answer(response, 413, tooLarge);
  // A body that was not read may never come, and must not be taken for the next request.
  if (!request.readableEnded && (request.headers['transfer-encoding'] || Number(request.headers['content-length']) > 0)) {
    response.setHeader('Connection', 'close');
  }
  const { writeHead, setHeader } = response;
  response.writeHead = function (status, ...rest) {
    if (status === 405 && matching.length) setHeader.call(this, 'Allow', matching[0].methods.join(', '));
    return writeHead.call(this, status, ...rest);
  };
  response.setHeader = function (name, value) {
    // Prism puts its reasons there, with whatever characters the contract has.
    const text = typeof value === 'string' ? value.replace(/[^\t\x20-\x7e]/g, '?') : value;
    return setHeader.call(this, name, text);
  };
  const replay = Object.assign(Readable.from(shown.body.length ? [shown.body] : []), {
    method: request.method,
    url: shown.url,
    headers: shown.headers,
    httpVersion: request.httpVersion,
    socket: request.socket,
  });
  return emit.call(server, 'request', replay, response);
}

const REQUESTS = ['request', 'checkContinue', 'checkExpectation'];
const emit = Server.prototype.emit;
Server.prototype.emit = function (event, ...args) {
  if (event === 'listening') tell({ event: 'listening', port: this.address().port });
  if (event === 'error') tell({ event: 'fatal', message: args[0].message, code: args[0].code });
  if (!REQUESTS.includes(event)) return emit.call(this, event, ...args);
  const [request, response] = args;
  if (event === 'checkContinue') response.writeContinue();
  working.run(response, () => guard(this, request, response).catch(() => response.destroy()));
  return true;
};
// Node raises these two only where somebody listens for them.
const createServer = require('node:http').createServer;
require('node:http').createServer = (...args) => {
  const server = createServer(...args);
  return server.on('checkContinue', () => {}).on('checkExpectation', () => {});
};
