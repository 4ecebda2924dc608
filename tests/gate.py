"""A gate in a database: some rows are written only once the test has opened it, however slow or fast the machine is."""

import psycopg

MAKE = """
create table gate ();
create function wait_at_the_gate() returns trigger language plpgsql as
  $$ begin while not exists (select from gate) loop perform pg_sleep(0.02); end loop; return new; end $$;
create trigger at_the_gate before insert or update on {table}
  for each row when ({condition}) execute function wait_at_the_gate();
"""


def close_gate(url: str, table: str, condition: str) -> None:
    """From now on whoever writes a row of this kind, `new` in the condition, waits."""
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute(MAKE.format(table=table, condition=condition))


def open_gate(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute("insert into gate default values")
