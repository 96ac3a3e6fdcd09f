-- array_fill.
select array_fill(7, array[3]), array_fill(7, array[2, 3]), array_fill(7, array[2, 3], array[0, 5]);
select array_fill('ab'::text, array[2]), array_fill(null::int, array[3]), array_fill(1.5, array[2]), array_fill(true, array[1, 1, 1]);
select array_fill(7, '{}'), array_fill(7, array[0]), array_fill(7, array[3, 0]), array_fill(7, '{}', '{}');
select array_fill(7, null);
select array_fill(7, array[2], null);
select array_fill(7, array[2, null]);
select array_fill(7, array[2], array[null]::int[]);
select array_fill(7, array[[1, 2], [3, 4]]);
select array_fill(7, array[2], array[[1, 2], [3, 4]]);
select array_fill(7, array[2, 2], array[1]);
select array_fill(7, array[1, 1, 1, 1, 1, 1, 1]);
select array_fill(7, array[-1]);
select array_fill(7, array[100000, 100000]);
select array_fill(7, array[2], array[2147483647]);
select array_fill(7, array[2147483647]);
select pg_typeof(array_fill(7::bigint, array[1])), array_dims(array_fill(0, array[2, 4], array[-1, 3]));
