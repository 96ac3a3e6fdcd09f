// node-postgres (text results, the extended protocol for parameters). Server: PGHOST, PGPORT, PGUSER,
// PGDATABASE; the module's folder is in NODE_PATH.
'use strict';
const { Client, Pool } = require('pg');

function check(name, condition, told = '') {
  console.log(condition ? `ok ${name}` : `FAILED ${name}: ${String(told).replace(/\s+/g, ' ')}`);
}
const LONG = `select count(*) from generate_series(1, 100000) a, generate_series(1, 100000) b
  where a <> b`;
const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);

async function failure(run) {
  try {
    await run();
  } catch (error) {
    return error;
  }
  return {};
}

async function values(client) {
  await client.query(`create table vn (id serial primary key, b bool, i2 smallint, i4 int, i8 bigint,
    f4 real, f8 double precision, n numeric, t text, y bytea, ts timestamp, tz timestamptz,
    u uuid, a int[], ta text[])`);
  const instant = new Date(Date.UTC(2024, 1, 29, 1, 2, 3, 4));
  const sent = [true, -7, 70000, '1152921504606846976', 0.5, 1 / 3, '12345.6700', "p\u00e4'\\x",
    Buffer.from([0, 255, 92]), instant, instant,
    '00000010-0000-0000-0000-000000000000', [1, null, 3], ['a', 'b"', 'c,d']];
  const columns = 'b, i2, i4, i8, f4, f8, n, t, y, ts, tz, u, a, ta';
  const inserted = await client.query(`insert into vn (${columns}) values (${
    sent.map((_, i) => `$${i + 1}`)}) returning id`, sent);
  check('insert returning', inserted.rows[0].id === 1 && inserted.rowCount === 1);
  const result = await client.query(`select ${columns} from vn`);
  result.fields.forEach((field, i) => {
    const got = result.rows[0][field.name];
    check(`value ${field.name}`, same(got, sent[i]), `${JSON.stringify(sent[i])} became ${
      JSON.stringify(got)}`);
  });
  const binary = await client.query({ text: 'select i4, i8, b, t from vn', binary: true, rowMode: 'array' });
  check('binary results', same(binary.rows[0].map(String), ['70000', '1152921504606846976', 'true',
    "p\u00e4'\\x"]), binary.rows[0]);
}

async function errors(client) {
  let error = await failure(() => client.query('select nosuch from vn'));
  check('error: SQLSTATE and position', error.code === '42703' && error.position === '8', error);
  error = await failure(() => client.query('insert into vn (id) values ($1)', [1]));
  check('unique violation: constraint', error.code === '23505' && error.constraint === 'vn_pkey', error);
}

async function transactions(client) {
  await client.query('begin');
  await client.query('delete from vn');
  await client.query('rollback');
  check('rollback', (await client.query('select count(*)::int as c from vn')).rows[0].c === 1);
  const results = await client.query("select 1 as a; select 'x' as b");
  check('two statements', results.length === 2 && results[1].rows[0].b === 'x');
}

async function prepared(client) {
  await client.query('create table cn (k int primary key, v text)');
  for (let i = 0; i < 200; i++) {
    await client.query({ name: 'put', text: 'insert into cn values ($1, $2)', values: [i, `v${i}`] });
  }
  let right = 0;
  for (let i = 0; i < 200; i++) {
    const { rows } = await client.query({ name: 'get', text: 'select v from cn where k = $1', values: [i] });
    right += rows[0].v === `v${i}`;
  }
  check('prepared statement, 200 times', right === 200, right);
  const some = await client.query('select count(*)::int as c from cn where k = any($1)', [[1, 5, 900]]);
  check('array parameter', some.rows[0].c === 2);
}

async function cancel(client) {
  const other = new Client();
  await other.connect();
  const running = failure(() => client.query(LONG));
  setTimeout(() => other.query('select pg_cancel_backend($1)', [client.processID])
    .catch((error) => check('pg_cancel_backend', false, error)), 300);
  const error = await Promise.race([running,
    new Promise((done) => { setTimeout(() => done({ code: 'none' }), 5000); })]);
  check('cancel', error.code === '57014', error.code);
  await other.end();
}

async function notices(client) {
  const heard = [];
  client.on('notice', (notice) => heard.push(notice.message));
  await client.query('drop table if exists nosuch');
  check('notice', same(heard, ['table "nosuch" does not exist, skipping']), heard);
}

async function main() {
  const client = new Client();
  await client.connect();
  for (const part of [values, errors, transactions, prepared, notices, cancel]) {
    const error = await failure(() => part(client));
    if (error.message) check(part.name, false, error.message);
  }
  await client.end();
  const pool = new Pool({ max: 4 });
  const answers = await Promise.all([...Array(40).keys()].map((i) => pool.query('select $1::int as i', [i])));
  check('pool', answers.every((answer, i) => answer.rows[0].i === i));
  await pool.end();
}

main().then(() => process.exit(0), (error) => { check('run', false, error); process.exit(1); });
