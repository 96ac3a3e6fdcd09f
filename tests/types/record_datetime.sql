-- Records PostgreSQL's answers to arithmetic on dates, times and intervals, for calls_test.c.
-- Usage: see record.
set client_min_messages = error;
set timezone = 'America/New_York';
do $$ begin perform setseed(0.43); end $$;
create temp table m (ts timestamp, tz timestamptz, d date, i interval, f float8, u text);
insert into m
select ts, ts::timestamptz, ts::date, i, f, (array['microseconds','milliseconds','second','minute','hour','day','week','month','quarter','year','decade','century','millennium','isoyear','dow','isodow','doy','julian','epoch','timezone','timezone_hour','timezone_minute','nonsense','d','m'])[1 + floor(random() * 25)::int]
from (select timestamp '2005-01-01' + (random() - 0.5) * power(10, (random() * 6)::int) * interval '1 day' + (random() * 86400) * interval '1 second' as ts,
        make_interval(months => ((random() - 0.4) * power(10, (random() * 4)::int))::int, days => ((random() - 0.4) * power(10, (random() * 4)::int))::int,
            secs => round(((random() - 0.4) * power(10, (random() * 7)::int))::numeric, (random() * 6)::int)::float8) as i,
        round(((random() - 0.3) * power(10, (random() * 4 - 1)::int))::numeric, 3)::float8 as f
      from generate_series(1, 500)) x;
update m set ts = date_trunc('day', ts), tz = date_trunc('month', tz) where random() < 0.2;
insert into m values ('infinity', '-infinity', 'infinity', '1 mon', 0, 'year'), ('-infinity', 'infinity', '-infinity', '0', 2, 'day'),
  ('infinity', 'infinity', 'infinity', '-1 day', 1.5, 'epoch'), ('2021-03-13 02:30', '2021-03-13 02:30', '2021-03-13', '1 day', 1, 'hour'),
  ('2021-11-06 01:30', '2021-11-06 01:30', '2021-11-06', '1 day', 1, 'hour'), ('2020-02-29', '2020-02-29', '2020-02-29', '1 year', -1, 'century'),
  ('0001-01-01 BC', '0001-01-01 BC', '0044-03-15 BC', '-3000 years', 0.1, 'century'), ('294276-12-31', '294276-12-31', '294276-12-31', '1 year', 1e10, 'decade');
create function pg_temp.try(op text, m m) returns text language plpgsql as $$
declare r text;
begin
  r := case op
    when 'ts_add' then (m.ts + m.i)::text
    when 'tz_add' then (m.tz + m.i)::text
    when 'ts_sub' then (m.ts - m.tz::timestamp)::text
    when 'ts_age' then age(m.ts, timestamp '2004-02-29 12:34:56.5')::text
    when 'tz_age' then age(m.tz, timestamptz '2004-02-29 12:34:56.5')::text
    when 'i_mul' then (m.i * m.f)::text
    when 'i_div' then (m.i / m.f)::text
    when 'i_jh' then justify_hours(m.i)::text
    when 'i_jd' then justify_days(m.i)::text
    when 'i_ji' then justify_interval(m.i)::text
    when 'ts_trunc' then date_trunc(m.u, m.ts)::text
    when 'tz_trunc' then date_trunc(m.u, m.tz)::text
    when 'i_trunc' then date_trunc(m.u, m.i)::text
    when 'to_date' then m.tz::date::text
    when 'to_tz' then m.ts::timestamptz::text
    when 'to_ts' then m.tz::timestamp::text
    when 'date_tz' then m.d::timestamptz::text
    when 'time_add' then (m.ts::time + m.i)::text
  end;
  if op like '%_extract' then
    execute format('select extract(%I from $1.%I)::text', m.u, case op when 'ts_extract' then 'ts' when 'tz_extract' then 'tz' when 'd_extract' then 'd' else 'i' end) into r using m;
  end if;
  if op like '%_part' then
    execute format('select date_part(%L, $1.%I)::text', m.u, case op when 'ts_part' then 'ts' when 'tz_part' then 'tz' else 'i' end) into r using m;
  end if;
  return '=' || coalesce(r, 'null');
exception when others then return '!' || sqlstate || ' ' || sqlerrm;
end $$;
select op, ts, tz, d, i, f, u, pg_temp.try(op, m)
from m, unnest(array['ts_add','tz_add','ts_sub','ts_age','tz_age','i_mul','i_div','i_jh','i_jd','i_ji','ts_trunc','tz_trunc','i_trunc','to_date','to_tz','to_ts','date_tz','time_add','ts_extract','tz_extract','d_extract','i_extract','ts_part','tz_part','i_part']) op
where not (op in ('time_add', 'ts_age') and abs(extract(epoch from ts)) = 'infinity') and not (op = 'tz_age' and abs(extract(epoch from tz)) = 'infinity') -- it computes with the numbers that stand for infinities
  and hashtext(op || ts::text) % 3 = 0;
