// pgx (binary where it can, statements prepared and cached). Server: PGHOST, PGPORT, PGUSER, PGDATABASE.
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

const long = "select count(*) from generate_series(1, 100000) a, generate_series(1, 100000) b where a <> b"

func check(name string, condition bool, told any) {
	if condition {
		fmt.Println("ok " + name)
	} else {
		fmt.Println("FAILED " + name + ": " + strings.Join(strings.Fields(fmt.Sprint(told)), " "))
	}
}

func values(ctx context.Context, c *pgx.Conn) error {
	_, err := c.Exec(ctx, `create table vg (id serial primary key, b bool, i2 smallint, i4 int, i8 bigint,
		f4 real, f8 double precision, n numeric, t text, y bytea, d date, ts timestamp, tz timestamptz,
		u uuid, a int[], ta text[])`)
	if err != nil {
		return err
	}
	instant := time.Date(2024, 2, 29, 1, 2, 3, 4000, time.UTC)
	names := []string{"b", "i2", "i4", "i8", "f4", "f8", "n", "t", "y", "d", "ts", "tz", "u", "a", "ta"}
	sent := []any{true, int16(-7), int32(70000), int64(1) << 60, float32(0.5), 1.0 / 3, "12345.6700", "p\u00e4'\\x",
		[]byte{0, 255, 92}, time.Date(2024, 2, 29, 0, 0, 0, 0, time.UTC), instant, instant,
		[16]byte{1, 2, 3}, []int32{1, 2, 3}, []string{"a", "b\"", "c,d"}}
	marks := make([]string, len(sent))
	for i := range sent {
		marks[i] = fmt.Sprintf("$%d", i+1)
	}
	columns := strings.Join(names, ", ")
	var id int
	err = c.QueryRow(ctx, "insert into vg ("+columns+") values ("+strings.Join(marks, ", ")+") returning id",
		sent...).Scan(&id)
	check("insert returning", err == nil && id == 1, err)
	for _, mode := range []pgx.QueryExecMode{pgx.QueryExecModeCacheStatement, pgx.QueryExecModeSimpleProtocol} {
		got := make([]any, len(sent))
		targets := make([]any, len(sent))
		for i := range sent {
			targets[i] = reflect.New(reflect.TypeOf(sent[i])).Interface()
		}
		if err = c.QueryRow(ctx, "select "+columns+" from vg", mode).Scan(targets...); err != nil {
			return err
		}
		for i := range sent {
			got[i] = reflect.ValueOf(targets[i]).Elem().Interface()
			same := reflect.DeepEqual(got[i], sent[i])
			if at, isTime := got[i].(time.Time); isTime {
				same = at.Equal(sent[i].(time.Time))
			}
			check(fmt.Sprintf("value %s (%v)", names[i], mode), same, got[i])
		}
	}
	return nil
}

func failures(ctx context.Context, c *pgx.Conn) error {
	var failure *pgconn.PgError
	_, err := c.Exec(ctx, "select nosuch from vg")
	check("error: SQLSTATE and position", errors.As(err, &failure) && failure.Code == "42703" &&
		failure.Position == 8, err)
	_, err = c.Exec(ctx, "insert into vg (id) values ($1)", 1)
	check("unique violation: constraint", errors.As(err, &failure) && failure.Code == "23505" &&
		failure.ConstraintName == "vg_pkey", err)
	return nil
}

func transactions(ctx context.Context, c *pgx.Conn) error {
	tx, err := c.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead})
	if err != nil {
		return err
	}
	defer tx.Rollback(ctx)
	if _, err = tx.Exec(ctx, "delete from vg"); err != nil {
		return err
	}
	inner, err := tx.Begin(ctx) // a savepoint
	if err != nil {
		return err
	}
	if err = inner.Commit(ctx); err != nil {
		return err
	}
	if err = tx.Rollback(ctx); err != nil {
		return err
	}
	var count int
	err = c.QueryRow(ctx, "select count(*) from vg").Scan(&count)
	check("rollback", count == 1, count)
	return err
}

func copies(ctx context.Context, c *pgx.Conn) error {
	if _, err := c.Exec(ctx, "create table cg (k int primary key, v text)"); err != nil {
		return err
	}
	rows := make([][]any, 1000)
	for i := range rows {
		rows[i] = []any{i, fmt.Sprintf("v%d", i)}
	}
	count, err := c.CopyFrom(ctx, pgx.Identifier{"cg"}, []string{"k", "v"}, pgx.CopyFromRows(rows))
	check("copy in, binary", err == nil && count == 1000, err)
	var out bytes.Buffer
	_, err = c.PgConn().CopyTo(ctx, &out, "copy (select * from cg where k >= 998 order by k) to stdout")
	check("copy out", err == nil && out.String() == "998\tv998\n999\tv999\n", out.String())
	return nil
}

func prepared(ctx context.Context, c *pgx.Conn) error {
	if _, err := c.Prepare(ctx, "get", "select v from cg where k = $1"); err != nil {
		return err
	}
	right := 0
	for i := 0; i < 300; i++ {
		var v string
		if err := c.QueryRow(ctx, "get", i).Scan(&v); err != nil {
			return err
		}
		if v == fmt.Sprintf("v%d", i) {
			right++
		}
	}
	check("prepared statement, 300 times", right == 300, right)
	batch := &pgx.Batch{}
	for i := 0; i < 50; i++ {
		batch.Queue("insert into cg values ($1, $2)", 5000+i, "b")
	}
	err := c.SendBatch(ctx, batch).Close()
	check("batch", err == nil, err)
	return nil
}

func cancel(ctx context.Context, c *pgx.Conn) error {
	go func() {
		time.Sleep(300 * time.Millisecond)
		c.PgConn().CancelRequest(ctx)
	}()
	_, err := c.Exec(ctx, long)
	var failure *pgconn.PgError
	check("cancel", errors.As(err, &failure) && failure.Code == "57014", err)
	return nil
}

func main() {
	ctx := context.Background()
	connection, err := pgx.Connect(ctx, "")
	if err != nil {
		check("connect", false, err)
		os.Exit(1)
	}
	defer connection.Close(ctx)
	parts := []struct {
		name string
		run  func(context.Context, *pgx.Conn) error
	}{{"values", values}, {"errors", failures}, {"transactions", transactions}, {"copy", copies},
		{"prepared", prepared}, {"cancel", cancel}}
	for _, part := range parts {
		if err := part.run(ctx, connection); err != nil {
			check(part.name, false, err)
		}
	}
}
