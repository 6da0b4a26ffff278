// Loaded into Prism's process before Prism (`node --require`). It fences off what Prism does wrong, and changes nothing
// else: every answer but 413 is still made by Prism from the contract. What it needs to know of the contract comes
// as JSON in OCTOPUSX_PRISM_GUARD; it tells the outside what happens in lines of JSON on stdout.
'use strict';

const { Server } = require('node:http');
const { Readable } = require('node:stream');

// npx runs in a process of its own before it starts Prism's; only the latter is guarded.
if (!/[\\/](\.bin|prism-cli)[\\/]/.test(process.argv[1] || '')) return;

const { token, routes, tooLarge, maxBody } = JSON.parse(process.env.OCTOPUSX_PRISM_GUARD);
const allowed = routes.map(([pattern, methods]) => [new RegExp(pattern), methods.join(', ')]);
const inFlight = new Set();
const tell = event => process.stdout.write(JSON.stringify(event) + '\n');

// The parent holds the other end of stdin: when it ends, in whatever way, nothing of it may stay behind.
process.stdin.on('error', () => {}).on('close', () => process.exit(0)).resume();

// A defect of Prism that nothing below foresees costs the requests it is working on, not the server.
for (const event of ['uncaughtException', 'unhandledRejection']) {
  process.on(event, error => {
    if (inFlight.size === 0) {
      tell({ event: 'fatal', message: String((error && error.message) || error) });
      process.exit(1);
    }
    tell({ event: 'error', message: String((error && error.message) || error) });
    for (const response of inFlight) response.destroy();
  });
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

function refuseTooLarge(response) {
  response.writeHead(413, { ...tooLarge.headers, Connection: 'close' });
  response.end(tooLarge.body);
}

async function guard(server, emit, request, response) {
  const started = process.hrtime.bigint();
  inFlight.add(response);
  response.on('close', () => {
    inFlight.delete(response);
    const ms = Number(process.hrtime.bigint() - started) / 1e6;
    const { method, url } = request;
    tell({ event: 'request', method, url, status: response.headersSent ? response.statusCode : null, ms });
  });

  if (Number(request.headers['content-length']) > maxBody) return refuseTooLarge(response);
  const body = await read(request);
  if (body === null) return refuseTooLarge(response);

  // Prism reads a body that has arrived whole; from one that is not JSON it would never recover.
  const headers = { ...request.headers };
  delete headers['transfer-encoding'];
  // The contract has one media type for each answer, and no 406: what a caller accepts does not matter.
  delete headers.accept;
  let usable = body;
  if (authorized(request)) {
    headers.authorization = 'Bearer accepted';
    if (/^application\/json\b/i.test(headers['content-type'] || '')) {
      headers['content-type'] = 'application/json';
      try {
        JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
      } catch {
        usable = Buffer.alloc(0);
      }
    }
  } else {
    delete headers.authorization;
    usable = Buffer.alloc(0);
  }
  headers['content-length'] = String(usable.length);

  const url = decodable(request.url);
  const path = new URL(url, 'http://localhost').pathname;
  const writeHead = response.writeHead;
  response.writeHead = function (status, ...rest) {
    const route = status === 405 && allowed.find(([pattern]) => pattern.test(path));
    if (route) response.setHeader('Allow', route[1]);
    return writeHead.call(this, status, ...rest);
  };

  const replay = Object.assign(Readable.from(usable.length ? [usable] : []), {
    method: request.method,
    url,
    headers,
    httpVersion: request.httpVersion,
    socket: request.socket,
  });
  return emit.call(server, 'request', replay, response);
}

const emit = Server.prototype.emit;
Server.prototype.emit = function (event, ...args) {
  if (event === 'listening') tell({ event: 'listening', port: this.address().port });
  if (event !== 'request') return emit.call(this, event, ...args);
  const [request, response] = args;
  guard(this, emit, request, response).catch(() => response.destroy());
  return true;
};
