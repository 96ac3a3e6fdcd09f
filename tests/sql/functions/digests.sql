-- SHA-2, over messages around the block sizes.
select sha224(''), sha256(''), sha384(''), sha512('');
select sha224('abc'), sha256('abc'), sha384('abc'), sha512('abc');
select n, encode(sha224(convert_to(repeat('a', n), 'UTF8')), 'hex'), encode(sha256(convert_to(repeat('a', n), 'UTF8')), 'hex') from unnest(array[54, 55, 56, 57, 63, 64, 65, 119, 120, 128, 1000]) n;
select n, md5(sha384(convert_to(repeat('x', n), 'UTF8'))), md5(sha512(convert_to(repeat('x', n), 'UTF8'))) from unnest(array[110, 111, 112, 113, 127, 128, 129, 239, 240, 256, 1000]) n;
select sha256(null), sha512(null::bytea), pg_typeof(sha224('\x00'));
select sha256('abc'::text);
