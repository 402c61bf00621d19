// Keeps the board as it is: what scripts switch shows here, and new events
// come on top. Without it the forms and a reload do the same.
const words = document.body.dataset;
const list = document.getElementById('event-list');
const live = document.getElementById('live');
const lang = document.documentElement.lang;
const most = 50;
let last = Number(words.last);

function show(form, fault, note) {
  const off = fault === 'dark';
  form.querySelector('.note').textContent = note;
  if (form.dataset.fault === fault) return;
  form.dataset.fault = fault;
  form.elements.fault.value = fault;
  form.querySelector('.state b').textContent = off ? words.down : fault ? words.faulty : words.up;
  const button = form.querySelector('.switch');
  button.setAttribute('aria-checked', String(!off));
  button.value = off ? 'on' : 'off';
}

async function change(form, fault) {
  const path = '/faults/' + form.dataset.provider;
  const answer = await fetch(path, fault ? { method: 'PUT', body: JSON.stringify({ fault }) } : { method: 'DELETE' });
  if (!answer.ok) throw new Error(String(answer.status));
  show(form, fault, '');
  await look();
}

for (const form of document.querySelectorAll('form[data-provider]')) {
  form.elements.fault.addEventListener('change', (event) => {
    change(form, event.target.value).catch(() => location.reload());
  });
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    const wanted = event.submitter && event.submitter.value;
    change(form, wanted === 'on' ? '' : wanted === 'off' ? 'dark' : form.elements.fault.value).catch(() => location.reload());
  });
}

const sites = document.querySelectorAll('li[data-site]');

function fares(item, site) {
  item.dataset.writes = String(site.writer);
  if (item.dataset.state === site.state) return;
  item.dataset.state = site.state;
  item.querySelector('.state b').textContent = words['site' + site.state[0].toUpperCase() + site.state.slice(1)];
}

for (const item of sites) {
  const form = item.querySelector('.turns');
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    form.setAttribute('aria-busy', 'true');
    fetch('/sites/' + item.dataset.site, { method: 'PUT', body: JSON.stringify({ state: event.submitter.value }) })
      .then((answer) => { if (!answer.ok) throw new Error(String(answer.status)); })
      .then(look)
      .catch(() => location.reload())
      .finally(() => form.removeAttribute('aria-busy'));
  });
}

function row(event) {
  const item = document.createElement('li');
  const time = document.createElement('time');
  time.dateTime = event.time;
  time.textContent = new Date(event.time).toTimeString().slice(0, 8);
  const text = document.createElement('span');
  if (event.title) {
    const title = document.createElement('b');
    title.textContent = event.title;
    text.append(title, ' ');
  }
  text.append(event.text);
  item.append(time, text);
  return item;
}

async function look() {
  const [faults, all, events] = await Promise.all([
    fetch('/faults').then((answer) => answer.json()),
    sites.length ? fetch('/sites').then((answer) => answer.json()) : { sites: [] },
    fetch('/events?lang=' + lang + '&after=' + last).then((answer) => answer.json()),
  ]);
  for (const form of document.querySelectorAll('form[data-provider]')) {
    const id = form.dataset.provider;
    show(form, faults.faults[id] || '', (faults.notes || {})[id] || '');
  }
  for (const item of sites) {
    const site = all.sites.find((each) => each.site === item.dataset.site);
    if (site) fares(item, site);
  }
  const fresh = events.events.filter((event) => event.number > last);
  if (fresh.length === 0) return;
  last = fresh[0].number;
  list.querySelector('.nothing')?.remove();
  list.prepend(...fresh.map(row));
  while (list.children.length > most) list.lastElementChild.remove();
}

live.hidden = false;
setInterval(() => {
  if (document.hidden) return;
  look().then(() => { delete live.dataset.lost; }, () => { live.dataset.lost = ''; });
}, 1500);
