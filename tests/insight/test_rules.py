"""Each rule of the failure card, on the words in which the failure is really reported."""

import pytest

from stepwell.insight.rules import RULES, diagnose

# rule: (error, message, what the cause must name, what the remedy must name)
CASES = {
    "wrong password": ("ConfigurationError", 'FATAL:  password authentication failed for user "etl"', "etl", "URL"),
    "no such user": ("ConfigurationError", 'FATAL:  role "etl" does not exist', "etl", "role"),
    "no such database": ("ConfigurationError", 'FATAL:  database "care" does not exist', "care", "URL"),
    "no entry for this host": ("ConfigurationError", "FATAL:  no pg_hba.conf entry for host", "connection", "pg_hba"),
    "connection refused": (
        "DatabaseUnavailable",
        'connection to server at "127.0.0.1", port 5433 failed: Connection refused\n\tIs the server running',
        "127.0.0.1, port 5433",
        "stepwell sql",
    ),
    "unknown host": ("DatabaseUnavailable", 'failed to resolve host "db.intern": no', "db.intern", "host"),
    "no answer": ("DatabaseUnavailable", "connection timeout expired", "firewall", "security group"),
    "too many connections": (
        "DatabaseUnavailable",
        "sorry, too many clients already",
        "no connection",
        "parallel=",
    ),
    "connection lost": ("ConnectionLost", "server closed the connection unexpectedly", "task_02", "safe"),
    "missing table": ("SqlError", 'relation "care.vists" does not exist\nSQLSTATE 42P01', "care.vists", "schema"),
    "missing column": ("SqlError", "column v.person does not exist", "v.person", "name"),
    "missing schema": ("SqlError", 'schema "staging" does not exist', "staging", "CREATE SCHEMA staging"),
    "missing function": ("SqlError", "function levenshtein(text, text) does not exist", "levenshtein", "EXTENSION"),
    "syntax": ("SqlError", 'syntax error at or near "FORM"', "FORM", "caret"),
    "no permission": ("ConfigurationError", "permission denied for table visits", "table visits", "GRANT"),
    "read only": ("ConfigurationError", "cannot execute INSERT\nSQLSTATE 25006", "replica", "primary"),
    "disk full": ("SqlError", "could not extend file\nSQLSTATE 53100 DiskFull", "disk", "room"),
    "unique violation": (
        "DataError",
        'duplicate key value violates unique constraint "visits_pkey"\nDETAIL: Key (id)=(7) already exists.',
        "visits_pkey",
        "MERGE in task_02",
    ),
    "foreign key": ("DataError", 'violates foreign key constraint "visits_person_fkey"', "visits_person_fkey", "first"),
    "not null": ("DataError", 'null value in column "person" of relation "visits" violates', "person", "coalesce"),
    "check constraint": ("DataError", 'violates check constraint "ends_later"', "ends_later", "rule"),
    "too long": ("DataError", "value too long for type character varying(10)", "varying(10)", "left()"),
    "out of range": ("DataError", "integer out of range\nSQLSTATE 22003", "fit", "bigint"),
    "not a value": ("DataError", 'invalid input syntax for type date: "31.2."', '"31.2." is no date', "source"),
    "division by zero": ("DataError", "division by zero\nSQLSTATE 22012", "zero", "nullif"),
    "deadlock": ("DeadlockDetected", "deadlock detected\nSQLSTATE 40P01", "task_02", "same order"),
    "serialization": ("SerializationFailure", "could not serialize access", "same rows", "again"),
    "lock": ("LockNotAvailable", "canceling statement due to lock timeout", "lock", "pg_blocking_pids"),
    "superseded": ("Superseded", "A newer attempt has begun", "newer attempt", "nothing"),
    "timeout": ("DeadlineExceeded", "canceling statement due to statement timeout", "task_02 took longer", "timeout="),
    "out of memory": ("MemoryError", "", "memory", "batches"),
    "out of memory in the database": ("SqlError", "out of memory\nSQLSTATE 53200", "database", "work_mem"),
    "killed": ("Runtime.ExitError", "Runtime exited with error: signal: killed", "killed", "dmesg"),
    "crashed": (
        "Runtime.ExitError",
        "Runtime exited with error: signal: segmentation fault",
        "(segmentation fault)",
        "faulthandler",
    ),
    "exited": ("Runtime.ExitError", "Runtime exited with error: exit status 3", "exit status 3", "os._exit"),
    "lost": ("Lambda.Unknown", "The outcome is not known", "died", "receipt"),
    "wrong parameter": ("BadInput", "parameter 'days' must be int, like its default 1; the input", "days", "new run"),
    "bad input": ("BadInput", "there is no parameter 'day'", "input", "params="),
    "check failed": ("CheckFailed", "row_count: 0 rows, at least 5", "task_02", "check"),
    "not reconciled": ("NotReconciled", "3 chunks are not done", "chunks", "stepwell progress"),
    "cut otherwise": (
        "ConfigurationError",
        "and the task, or the table, is cut otherwise now.",
        "another key",
        "again",
    ),
    "not safe in chunks": ("NotChunkSafe", "sum() over the whole table", "task_02", "stepwell prove task_02"),
    "missing package": ("Runtime.ImportModuleError", "No module named 'pandas'", "pandas", "pip install"),
    "secret": ("SecretUnavailable", "could not be read", "secret", "role"),
}


def test_every_rule_has_a_case_and_a_name_of_its_own() -> None:
    names = [rule.name for rule in RULES]
    assert sorted(names) == sorted(CASES)
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("name", CASES)
def test_the_rule_is_the_one_that_fits_and_names_what_it_found(name: str) -> None:
    error, message, cause, remedy = CASES[name]
    found = diagnose(error, message, "task_02", "run-1")
    assert found is not None
    assert found.rule == name
    assert cause in found.cause
    assert remedy in found.remedy


def test_a_value_is_told_without_the_row_behind_it() -> None:
    found = diagnose("DataError", 'invalid input syntax for type date: "31.2.": {"day": "31.2."}', "task_02", "run-1")
    assert found is not None
    assert found.cause == '"31.2." is no date.'


def test_a_key_that_is_there_twice_is_one_cause_in_an_insert_and_in_the_index_of_a_load() -> None:
    found = diagnose("DataError", 'could not create unique index "visits_pkey"', "task_02", "run-1")
    assert found is not None
    assert found.rule == "unique violation"


def test_what_no_rule_knows_is_left_to_the_message() -> None:
    assert diagnose("Busy", "the roster service answered 503", "task_02", "run-1") is None


def test_braces_in_a_message_are_no_places_to_fill() -> None:
    found = diagnose("SqlError", 'relation "{task}" does not exist', "task_02", "run-1")
    assert found is not None
    assert "{task}" in found.cause


def test_a_run_is_resumed_where_that_can_help_and_begun_anew_where_its_input_is_wrong() -> None:
    assert _command("SqlError", 'syntax error at or near "FORM"') == "stepwell resume run-1"
    assert _command(*CASES["cut otherwise"][:2]) == "stepwell resume run-1 --from task_02"
    assert _command(*CASES["wrong parameter"][:2]) == """stepwell run --input '{"days": 1}'"""


def _command(error: str, message: str) -> str:
    found = diagnose(error, message, "task_02", "run-1")
    assert found is not None
    return found.command
