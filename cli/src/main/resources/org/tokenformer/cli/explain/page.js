'use strict';
(() => {
  const data = JSON.parse(document.getElementById('data').textContent);
  const digits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  const value = Object.fromEntries([...digits].map((digit, i) => [digit, i]));
  const number = (text, from, count) => {
    let sum = 0;
    for (let i = from; i < from + count; i++) sum = sum * 64 + value[text[i]];
    return sum;
  };
  const element = (name, className, text) => {
    const made = document.createElement(name);
    made.className = className;
    made.textContent = text;
    return made;
  };

  const tokens = [...document.querySelectorAll('#text .t')];
  const whole = tokens.length; // the row of the whole text
  const chosenLine = document.getElementById('chosen');
  const where = document.getElementById('where');
  const strips = [...document.querySelectorAll('.p')].map((row, i) => ({
    ...data.strips[i],
    row,
    name: row.firstElementChild.textContent,
    rects: [...row.querySelectorAll('rect')],
    chips: row.querySelector('.chips'),
  }));
  let chosen = whole;

  const cellOf = (strip, index) => strip.firsts.findLastIndex(first => first <= index);

  function drawStrip(strip, row) {
    const cells = strip.firsts.length;
    strip.rects.forEach((rect, i) => {
      rect.setAttribute('opacity', (value[strip.strengths[row * cells + i]] / 63).toFixed(2));
    });
    const shown = strip.strongest.length / 6 / (whole + 1);
    const chips = [];
    for (let i = 0; i < shown; i++) {
      const at = (row * shown + i) * 6;
      const index = number(strip.strongest, at, 4);
      const theta = (number(strip.strongest, at + 4, 2) - 2048) / 2047 * strip.theta;
      const chip = element('span', strip.rects[cellOf(strip, index)].getAttribute('class'), index);
      chip.append(element('i', '', theta.toFixed(2).replace('-', '−')));
      chip.title = `parameter token ${index}: θ = ${theta.toFixed(3)}`;
      chips.push(chip);
    }
    strip.chips.replaceChildren(...chips);
  }

  function percent(permille) {
    return permille >= 100 ? (permille / 10).toFixed(0) : permille >= 1 ? (permille / 10).toFixed(1) : 'less than 0.1';
  }

  function describe(row) {
    if (row === whole) {
      chosenLine.textContent = `Means over all ${whole} tokens. Select one with a click or with ← and →.`;
      return;
    }
    const quoted = text => `“${text.replace('↵', '')}”`.replace(/\n/g, '↵');
    const permille = data.permille[row];
    chosenLine.replaceChildren(
      element('b', '', quoted(tokens[row].textContent)),
      ` is token ${row} of the text, id ${data.ids[row]}` +
        (permille === null ? '' : `; probability ${percent(permille)} %`) + '. The map shows which parameter tokens fired when the model processed it');
    chosenLine.append(row + 1 < whole ? ` to predict the next token: ` : '.');
    if (row + 1 < whole) chosenLine.append(element('b', '', quoted(tokens[row + 1].textContent)), '.');
  }

  function show(row) {
    strips.forEach(strip => drawStrip(strip, row));
    describe(row);
    tokens.forEach((token, i) => token.classList.toggle('seen', i === row && i !== chosen));
  }

  function choose(row, focus) {
    chosen = row;
    tokens.forEach((token, i) => {
      token.classList.toggle('chosen', i === row);
      token.setAttribute('aria-selected', i === row);
      token.tabIndex = i === (row === whole ? 0 : row) ? 0 : -1;
    });
    if (row !== whole) {
      tokens[row].scrollIntoView({block: 'nearest'});
      if (focus) tokens[row].focus();
    }
    show(row);
  }

  tokens.forEach((token, i) => {
    token.setAttribute('role', 'option');
    token.addEventListener('mouseenter', () => show(i));
    token.addEventListener('click', () => choose(i === chosen ? whole : i, true));
  });
  document.getElementById('text').addEventListener('mouseleave', () => show(chosen));
  const step = by => choose(chosen === whole ? (by > 0 ? 0 : whole - 1) : Math.min(Math.max(chosen + by, 0), whole - 1), true);
  document.getElementById('before').addEventListener('click', () => step(-1));
  document.getElementById('after').addEventListener('click', () => step(1));
  document.getElementById('whole').addEventListener('click', () => choose(whole));
  document.addEventListener('keydown', event => {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.key === 'ArrowRight') step(1);
    else if (event.key === 'ArrowLeft') step(-1);
    else if (event.key === 'Home') choose(0, true);
    else if (event.key === 'End') choose(whole - 1, true);
    else if (event.key === 'Escape') choose(whole);
    else return;
    event.preventDefault();
  });

  strips.forEach(strip => {
    const svg = strip.row.querySelector('svg');
    svg.addEventListener('mousemove', event => {
      const box = svg.getBoundingClientRect();
      const cell = Math.min(strip.firsts.length - 1, Math.floor((event.clientX - box.left) / box.width * strip.firsts.length));
      const last = (strip.firsts[cell + 1] ?? strip.count) - 1;
      where.textContent = `layer ${strip.row.dataset.layer}, ${strip.name}: parameter tokens ${strip.firsts[cell]} to ${last}`;
    });
    svg.addEventListener('mouseleave', () => { where.textContent = ''; });
  });

  document.querySelector('nav').hidden = false;
  // #12 in the URL selects that token, so that a view can be linked.
  const requested = location.hash.match(/^#(\d{1,7})$/);
  choose(requested && requested[1] < whole ? Number(requested[1]) : whole);
})();
