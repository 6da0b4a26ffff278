// The page of the mock: commands to copy, and, with --control, what happens and how to change it.

const byId = id => document.getElementById(id);
const element = (name, text = '', properties = {}) =>
  Object.assign(document.createElement(name), { textContent: text, ...properties });
const time = seconds => new Date(seconds * 1000).toISOString().slice(0, 19).replace('T', ' ');

for (const button of document.querySelectorAll('.copy')) {
  button.addEventListener('click', async () => {
    await navigator.clipboard.writeText(button.nextElementSibling.textContent);
    button.textContent = 'Copied';
    setTimeout(() => { button.textContent = 'Copy'; }, 1500);
  });
}

async function control(method, route, value) {
  const response = await fetch(`/__mock__/${route}`, {
    method, headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(value),
  });
  if (!response.ok) byId('connection').textContent = (await response.json()).error;
}

function taskItem(task) {
  const item = element('li');
  const head = element('div');
  head.append(element('strong', task.status ?? 'unknown', { className: task.phase ?? '' }));
  head.append(` ${task.operation}, ${task.is_billed ? 'billed' : 'not billed'}`);
  if (!task.has_response) head.append(', its response was lost');
  item.append(head, element('code', task.id));
  if (task.phase === 'running') {
    item.append(element('progress', '', { max: 100, value: task.progress, ariaLabel: `Progress of ${task.id}` }));
  }
  if (task.video) {
    item.append(element('video', '', {
      src: task.video, controls: true, muted: true, loop: true, preload: 'metadata', ariaLabel: `Video of ${task.id}`,
    }));
  }
  return item;
}

function callRow(call) {
  const row = element('tr');
  const path = element('td');
  path.append(element('code', `${call.method} ${call.path}`));
  row.append(element('td', time(call.at).slice(11)), path, element('td', call.status ?? 'no response'));
  row.append(element('td', call.operation ?? ''), element('td', call.faults.join(', ')));
  return row;
}

function faultItem(name) {
  const item = element('li', `${name} `);
  const off = element('button', 'Switch off', { type: 'button', ariaLabel: `Switch ${name} off` });
  off.addEventListener('click', () => control('DELETE', 'faults', { off: name }));
  item.append(off);
  return item;
}

const drawn = new Map();
/** Draws only what has changed in a list, the newest first, so that a video plays on and a button keeps the focus. */
function draw(place, values, key, item) {
  const list = byId(place);
  const before = drawn.get(place) ?? new Map();
  const after = new Map(values.map(value => {
    const text = JSON.stringify(value);
    const known = before.get(key(value));
    return [key(value), known?.text === text ? known : { text, node: item(value) }];
  }));
  for (const [name, { node }] of before) if (after.get(name)?.node !== node) node.remove();
  let next = null;
  for (const { node } of [...after.values()].reverse()) {
    if (node.parentNode !== list) list.insertBefore(node, next);
    next = node;
  }
  drawn.set(place, after);
}

function show({ clock, bill, tasks, faults, calls }) {
  byId('now').textContent = `${time(clock.now)} UTC`;
  byId('clock-state').textContent = clock.running ? `runs ${clock.rate}×` : 'stands still';
  byId('billed').textContent = bill.billed;
  byId('submissions').textContent = bill.submissions;
  byId('no-tasks').hidden = tasks.length > 0;
  draw('faults', [...new Set(faults)], name => name, faultItem);
  draw('tasks', tasks, task => task.id, taskItem);
  draw('calls', calls, call => JSON.stringify(call), callRow);
}

if (byId('connection')) {
  byId('stop').addEventListener('click', () => control('POST', 'clock', { running: false }));
  byId('start').addEventListener('click', () => control('POST', 'clock', { running: true }));
  byId('rate').addEventListener('change', () => control('POST', 'clock', { rate: Number(byId('rate').value) }));
  byId('reset').addEventListener('click', () => control('POST', 'reset', {}));
  byId('fault-on').addEventListener('click', () => control('POST', 'faults', { on: byId('fault').value }));
  for (const button of document.querySelectorAll('[data-advance]')) {
    button.addEventListener('click', () => control('POST', 'clock', { advance: Number(button.dataset.advance) }));
  }
  const events = new EventSource('/__mock__/events');
  events.addEventListener('open', () => {
    byId('connection').className = '';
    byId('connection').textContent = 'Connected. This page follows the mock.';
  });
  events.addEventListener('error', () => {
    byId('connection').className = 'lost';
    byId('connection').textContent = 'The mock does not respond. The page tries again.';
  });
  events.addEventListener('message', event => show(JSON.parse(event.data)));
}
