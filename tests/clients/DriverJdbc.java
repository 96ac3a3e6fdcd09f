// PostgreSQL's JDBC driver (text at first, binary once a statement is prepared on the server).
// Server: PGHOST, PGPORT, PGUSER, PGDATABASE; the driver's jar is on the class path.

import java.io.StringReader;
import java.io.StringWriter;
import java.math.BigDecimal;
import java.sql.*;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.OffsetDateTime;
import java.time.ZoneOffset;
import java.util.Arrays;
import java.util.Objects;
import java.util.UUID;
import org.postgresql.PGConnection;
import org.postgresql.copy.CopyManager;
import org.postgresql.util.PSQLException;

public class DriverJdbc {
    static final String LONG = "select count(*) from generate_series(1, 100000) a, "
        + "generate_series(1, 100000) b where a <> b";

    interface Part { void run(Connection connection) throws Exception; }

    static void check(String name, boolean condition, Object told) {
        System.out.println(condition ? "ok " + name
            : "FAILED " + name + ": " + String.valueOf(told).replaceAll("\\s+", " "));
    }

    static void values(Connection connection) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            statement.execute("create table vj (id serial primary key, b bool, i2 smallint, i4 int, "
                + "i8 bigint, f4 real, f8 double precision, n numeric, t text, y bytea, d date, "
                + "ts timestamp, tz timestamptz, u uuid, a int[])");
        }
        Object[] sent = {true, -7, 70000, 1L << 60, 0.5f, 1.0 / 3, new BigDecimal("12345.6700"), "p\u00e4'\\x",
            new byte[] {0, -1, 92}, LocalDate.of(2024, 2, 29), LocalDateTime.of(2024, 2, 29, 1, 2, 3, 4000),
            OffsetDateTime.of(2024, 2, 29, 1, 2, 3, 0, ZoneOffset.UTC), new UUID(1, 2),
            connection.createArrayOf("int4", new Object[] {1, null, 3})};
        Class<?>[] types = {Boolean.class, Integer.class, Integer.class, Long.class, Float.class, Double.class,
            BigDecimal.class, String.class, byte[].class, LocalDate.class, LocalDateTime.class,
            OffsetDateTime.class, UUID.class, null};
        try (PreparedStatement insert = connection.prepareStatement("insert into vj (b, i2, i4, i8, f4, f8, n, t, y, "
                 + "d, ts, tz, u, a) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                 Statement.RETURN_GENERATED_KEYS)) {
            for (int i = 0; i < sent.length; i++) insert.setObject(i + 1, sent[i]);
            insert.executeUpdate();
            ResultSet keys = insert.getGeneratedKeys();
            check("generated key", keys.next() && keys.getInt("id") == 1, "none");
        }
        try (PreparedStatement select = connection.prepareStatement(
                 "select b, i2, i4, i8, f4, f8, n, t, y, d, ts, tz, u, a from vj")) {
            for (int run = 0; run < 7; run++) { // binary from the sixth
                ResultSet row = select.executeQuery();
                row.next();
                if (run != 0 && run != 6) continue;
                for (int i = 0; i < sent.length; i++) {
                    Object got = types[i] == null ? row.getObject(i + 1)
                        : types[i] == byte[].class ? row.getBytes(i + 1) : row.getObject(i + 1, types[i]);
                    boolean same = got instanceof byte[] ? Arrays.equals((byte[])got, (byte[])sent[i])
                        : got instanceof Array ? Arrays.equals((Object[])((Array)got).getArray(), new Integer[] {1, null, 3})
                        : Objects.equals(got, sent[i]);
                    check((run == 0 ? "value " : "binary value ") + row.getMetaData().getColumnName(i + 1), same, got);
                }
            }
        }
    }

    static void errors(Connection connection) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            statement.execute("select nosuch from vj");
            check("error", false, "none");
        } catch (PSQLException error) {
            check("error: SQLSTATE and position", error.getSQLState().equals("42703")
                && error.getServerErrorMessage().getPosition() == 8, error);
        }
        try (Statement statement = connection.createStatement()) {
            statement.execute("insert into vj (id) values (1)");
            check("unique violation", false, "none");
        } catch (PSQLException error) {
            check("unique violation: constraint", error.getSQLState().equals("23505")
                && "vj_pkey".equals(error.getServerErrorMessage().getConstraint()), error);
        }
    }

    static int number(Connection connection, String query) throws SQLException {
        try (Statement statement = connection.createStatement(); ResultSet rows = statement.executeQuery(query)) {
            rows.next();
            return rows.getInt(1);
        }
    }

    static void transactions(Connection connection) throws SQLException {
        connection.setAutoCommit(false);
        try (Statement statement = connection.createStatement()) {
            statement.executeUpdate("update vj set i4 = 1");
            Savepoint point = connection.setSavepoint();
            statement.executeUpdate("delete from vj");
            connection.rollback(point);
            check("savepoint", number(connection, "select i4 from vj") == 1, "wrong");
            connection.rollback();
            check("rollback", number(connection, "select i4 from vj") == 70000, "wrong");
            connection.rollback();
            statement.setFetchSize(50); // a portal that is read in pieces
            ResultSet rows = statement.executeQuery("select generate_series(1, 500)");
            long sum = 0;
            while (rows.next()) sum += rows.getInt(1);
            check("fetch size", sum == 125250, sum);
        } finally {
            connection.rollback();
            connection.setAutoCommit(true);
        }
    }

    static void prepared(Connection connection) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            statement.execute("create table cj (k int primary key, v text)");
        }
        try (PreparedStatement insert = connection.prepareStatement("insert into cj values (?, ?)")) {
            for (int i = 0; i < 300; i++) {
                insert.setInt(1, i);
                insert.setString(2, "v" + i);
                insert.addBatch();
            }
            check("batch", insert.executeBatch().length == 300, "wrong");
        }
        int right = 0;
        try (PreparedStatement select = connection.prepareStatement("select v from cj where k = ?")) {
            for (int i = 0; i < 300; i++) {
                select.setInt(1, i);
                ResultSet row = select.executeQuery();
                if (row.next() && row.getString(1).equals("v" + i)) right++;
            }
        }
        check("prepared statement, 300 times", right == 300, right);
    }

    static void copy(Connection connection) throws Exception {
        CopyManager manager = connection.unwrap(PGConnection.class).getCopyAPI();
        long count = manager.copyIn("copy cj from stdin (format csv)", new StringReader("1000,x\n1001,y\n"));
        check("copy in", count == 2, count);
        StringWriter out = new StringWriter();
        manager.copyOut("copy (select * from cj where k >= 1000 order by k) to stdout", out);
        check("copy out", out.toString().equals("1000\tx\n1001\ty\n"), out);
    }

    static void metadata(Connection connection) throws SQLException {
        DatabaseMetaData about = connection.getMetaData();
        check("server version", about.getDatabaseMajorVersion() == 15, about.getDatabaseProductVersion());
        StringBuilder names = new StringBuilder();
        try (ResultSet rows = about.getTables(null, "public", "_j", new String[] {"TABLE"})) {
            while (rows.next()) names.append(rows.getString("TABLE_NAME")).append(' ');
        }
        check("getTables", names.toString().equals("cj vj "), names);
        names.setLength(0);
        try (ResultSet rows = about.getColumns(null, "public", "cj", null)) {
            while (rows.next()) names.append(rows.getString("COLUMN_NAME")).append(' ').append(rows.getString("TYPE_NAME")).append(' ');
        }
        check("getColumns", names.toString().equals("k int4 v text "), names);
        names.setLength(0);
        try (ResultSet rows = about.getPrimaryKeys(null, "public", "cj")) {
            while (rows.next()) names.append(rows.getString("COLUMN_NAME")).append(' ').append(rows.getString("PK_NAME"));
        }
        check("getPrimaryKeys", names.toString().equals("k cj_pkey"), names);
        try (ResultSet rows = about.getIndexInfo(null, "public", "cj", true, false)) {
            check("getIndexInfo", rows.next() && rows.getString("INDEX_NAME").equals("cj_pkey"), "none");
        }
        try (ResultSet rows = about.getTypeInfo()) {
            check("getTypeInfo", rows.next(), "none");
        }
    }

    static void cancel(Connection connection) throws Exception {
        try (Statement statement = connection.createStatement()) {
            Thread thread = new Thread(() -> {
                try {
                    Thread.sleep(300);
                    statement.cancel();
                } catch (Exception error) {
                    check("cancel", false, error);
                }
            });
            thread.start();
            statement.execute(LONG);
            check("cancel", false, "not cancelled");
        } catch (PSQLException error) {
            check("cancel", error.getSQLState().equals("57014"), error);
        }
    }

    static void attempt(String name, Connection connection, Part part) {
        try {
            part.run(connection);
        } catch (Exception error) {
            check(name, false, error);
        }
    }

    public static void main(String[] arguments) throws Exception {
        String url = "jdbc:postgresql://" + System.getenv("PGHOST") + ":" + System.getenv("PGPORT") + "/"
            + System.getenv("PGDATABASE") + "?user=" + System.getenv("PGUSER");
        try (Connection connection = DriverManager.getConnection(url)) {
            attempt("values", connection, DriverJdbc::values);
            attempt("errors", connection, DriverJdbc::errors);
            attempt("transactions", connection, DriverJdbc::transactions);
            attempt("prepared", connection, DriverJdbc::prepared);
            attempt("copy", connection, DriverJdbc::copy);
            attempt("metadata", connection, DriverJdbc::metadata);
            attempt("cancel", connection, DriverJdbc::cancel);
        }
    }
}
