"""What a failure most likely comes from, and what to do about it: rules as data, the first that fits is told.

A rule fits by the error's name and by what the message says; named groups of its pattern fill its texts, as `{task}`
and `{run}` do.
"""

import re
from typing import NamedTuple


class Rule(NamedTuple):
    """`error` fits the whole name, `says` any part of the message; both are regular expressions."""

    name: str
    error: str
    says: str
    cause: str
    remedy: str
    command: str = "stepwell resume {run}"


class Diagnosis(NamedTuple):
    """The likely cause, what to do, and the command that goes on when that is done."""

    rule: str
    cause: str
    remedy: str
    command: str


_ANY = ".*"
_SERVER = r'server at "(?P<host>[^"]+)"(?: \([^)]*\))?, port (?P<port>\d+)'
RULES = (
    # No connection
    Rule("wrong password", _ANY, r'password authentication failed for user "(?P<user>[^"]+)"',
         "The database does not accept the password of the user {user}.",
         "Correct user or password in the database's URL, or in the secret that it names."),
    Rule("no such user", _ANY, r'role "(?P<user>[^"]+)" does not exist',
         "The database knows no user {user}.",
         "Create the role, or correct the user in the database's URL."),
    Rule("no such database", _ANY, r'database "(?P<database>[^"]+)" does not exist',
         "The server has no database {database}.",
         "Create it, or correct the name at the end of the database's URL."),
    Rule("no entry for this host", _ANY, r"no pg_hba\.conf entry for host",
         "The server does not let this machine, user or kind of connection in.",
         "Add a line to its pg_hba.conf, or ask for TLS with ?sslmode=require in the URL."),
    Rule("connection refused", _ANY, _SERVER + r".*?Connection refused",
         "Nothing listens at {host}, port {port}.",
         "Start the server, or correct host and port in the database's URL; `stepwell sql 'SELECT 1'` tries it."),
    Rule("unknown host", _ANY, r'(?:could not translate host name|failed to resolve host) [\'"](?P<host>[^\'"]+)',
         "No machine has the name {host}.",
         "Correct the host in the database's URL; in a VPC, see its DNS settings."),
    Rule("no answer", "DatabaseUnavailable|ConnectionLost", r"timeout expired|timed out|No route to host",
         "The database's machine does not answer: a firewall, a security group, or a wrong address.",
         "Let this machine, or the Lambda function's security group, in on the database's port."),
    Rule("too many connections", _ANY, r"SQLSTATE 53300|too many clients|remaining connection slots",
         "The database has no connection left.",
         "Lower parallel=, close idle sessions, or raise max_connections."),
    Rule("connection lost", "ConnectionLost", "",
         "The connection to the database broke while {task} was at work: a restart, a failover, or an idle limit.",
         "See that the database is up; its transaction was rolled back, so trying again is safe."),
    # The statement
    Rule("missing table", _ANY, r'relation "(?P<table>[^"]+)" does not exist',
         "There is no table or view {table} in this database, or not on the search path.",
         "Create it, write its schema in front of its name, or see whether the URL names the right database."),
    Rule("missing column", _ANY, r"column (?P<column>\S+) does not exist",
         "There is no column {column}.",
         "Correct the name, or see whether its table was changed."),
    Rule("missing schema", _ANY, r'schema "(?P<schema>[^"]+)" does not exist',
         "There is no schema {schema} in this database.",
         "Run CREATE SCHEMA {schema}, or see whether the URL names the right database."),
    Rule("missing function", _ANY, r"function (?P<function>.+?) does not exist",
         "The database has no function {function}.",
         "Create it, cast the arguments to its types, or CREATE EXTENSION where an extension brings it."),
    Rule("syntax", "SqlError", r'syntax error at or near "(?P<near>[^"]*)"',
         "The statement is no SQL that PostgreSQL understands, near {near}.",
         "Correct the file; the caret points at the place, or behind a semicolon that is missing."),
    Rule("no permission", _ANY, r"permission denied for (?P<what>\w+ \S+)",
         "The database's user may not use {what}.",
         "GRANT it to that user, or use one who may."),
    Rule("read only", _ANY, r"SQLSTATE 25006",
         "The database takes no writes: it is a replica.",
         "Let the URL name the primary."),
    Rule("disk full", _ANY, r"SQLSTATE 53100|No space left on device",
         "The database's disk is full.",
         "Make room there."),
    # The data
    Rule("unique violation", _ANY, r'unique (?:constraint|index) "(?P<constraint>[^"]+)"',
         "Two rows have the same key, which {constraint} forbids.",
         "Remove the duplicate from the source, or write ON CONFLICT or MERGE in {task}."),
    Rule("foreign key", _ANY, r'violates foreign key constraint "(?P<constraint>[^"]+)"',
         "A row points at another that is not there ({constraint}).",
         "Load the table that it points at first, or leave such rows out."),
    Rule("not null", _ANY, r'null value in column "(?P<column>[^"]+)"',
         "A row has no value in {column}, which must have one.",
         "Correct the source, or give the column a value with coalesce()."),
    Rule("check constraint", _ANY, r'violates check constraint "(?P<constraint>[^"]+)"',
         "A row breaks the rule {constraint} of its table.",
         "Correct the row that DETAIL shows, or the rule."),
    Rule("too long", _ANY, r"value too long for type (?P<type>[^\n]+)",
         "A text is longer than its column's type, {type}.",
         "Make the column wider, or cut the text with left()."),
    Rule("out of range", _ANY, r"SQLSTATE 22003",
         "A number does not fit into its column's type.",
         "Make the column a bigint or numeric, or find the row that is wrong."),
    Rule("not a value", _ANY, r'invalid input syntax for type (?P<type>[^:\n]+): (?P<value>"[^"\n]*"|[^\n]+)',
         "{value} is no {type}.",
         "Correct the source, or put such rows aside."),
    Rule("division by zero", _ANY, r"division by zero",
         "A divisor is zero.",
         "Write nullif(divisor, 0)."),
    # Others at work
    Rule("deadlock", "DeadlockDetected", "",
         "{task} and another session each waited for rows or tables that the other had locked.",
         "Run it again; if it comes back, let both lock in the same order, or not at the same time."),
    Rule("serialization", "SerializationFailure", "",
         "Another session changed the same rows at the same time.",
         "Run it again; it succeeds when the other is done."),
    Rule("lock", "LockNotAvailable", "",
         "Another session holds a lock that {task} needs.",
         "SELECT pg_blocking_pids(pid), query FROM pg_stat_activity tells whose; then run it again."),
    Rule("superseded", "Superseded", "",
         "A newer attempt of {task} had begun, so this one was not allowed to commit.",
         "Look at the newer attempt: nothing was written twice."),
    # Time and memory
    Rule("timeout", r"DeadlineExceeded|States\.Timeout|Sandbox\.Timedout|Lambda\.TimeoutException", "",
         "{task} took longer than its timeout allows.",
         "Give it a longer timeout= (at most 900), an index that it misses, or chunks=Chunks(…), which has no limit."),
    Rule("out of memory", r"MemoryError|OutOfMemory|.*OutOfMemory.*", "",
         "{task} wanted more memory than there is.",
         "Let the database do the work, or read in batches (fetchmany); on AWS give the function more memory."),
    Rule("out of memory in the database", _ANY, r"SQLSTATE 53200|out of memory",
         "The database ran out of memory.",
         "Lower work_mem or parallel=, or cut the task with chunks=."),
    Rule("killed", r"Runtime\.ExitError|Lambda\.Unknown", r"signal: (?:SIGKILL|killed)",
         "The process of {task} was killed: by the system when memory ran out, or by hand.",
         "`dmesg | grep -i kill` tells whether it was memory; then read in batches, or give the function more."),
    Rule("crashed", r"Runtime\.ExitError", r"signal: (?P<signal>[\w ]+)",
         "The process of {task} crashed ({signal}), most likely in a package that is written in C.",
         "Run `python -X faulthandler` on it to see where; upgrade or pin that package."),
    Rule("exited", r"Runtime\.ExitError", r"exit status (?P<code>\d+)",
         "{task} ended its process itself (exit status {code}).",
         "Take out os._exit() or sys.exit(): a task returns or raises."),
    Rule("lost", r"Lambda\.Unknown", "",
         "The process that drove the run died while {task} was at work; what the task came to is not known.",
         "Run it again: what had been committed is answered from its receipt."),
    # What was asked for
    Rule("wrong parameter", "BadInput", r"parameter '(?P<name>\w+)' must be .*?like its default (?P<default>[^;\n]+);",
         "The run was given a {name} that is no value for it.",
         "An input stays as it is: start a new run with the right one.",
         "stepwell run --input '{{\"{name}\": {default}}}'"),
    Rule("bad input", "BadInput", "",
         "The run's input is not what the pipeline expects.",
         "An input stays as it is: start a new run with the right one; params= of the pipeline has them.",
         "stepwell run"),
    Rule("check failed", "CheckFailed", "",
         "A check of {task} found data that must not be committed.",
         "Look at the rows that it names; correct the data, or the check where it is too strict."),
    Rule("not reconciled", "NotReconciled", "",
         "Some chunks are not done, or their rows do not add up.",
         "Look at the failed chunks (`stepwell progress`); resume does only those again."),
    Rule("cut otherwise", "ConfigurationError", r"is cut otherwise now",
         "The chunks that are done were cut by another key than {task} has now.",
         "Give the key back that it had, or do all of {task} again.",
         "stepwell resume {run} --from {task}"),
    Rule("not safe in chunks", "NotChunkSafe", "",
         "{task} could give other rows in chunks than as a whole.",
         "Change what the message names, or take chunks= away; `stepwell prove {task}` tries it on the data."),
    Rule("missing package", r"Runtime\.ImportModuleError|ModuleNotFoundError", r"No module named '(?P<module>[^']+)'",
         "The Python package {module} is not installed where the task runs.",
         "pip install it here, and name it in the project's requirements for the bundle."),
    Rule("secret", "SecretUnavailable", "",
         "A secret that the pipeline names could not be read.",
         "See whether it exists, and whether the function's role may read it."),
)  # fmt: skip


def diagnose(error: str, message: str, task: str, run: str) -> Diagnosis | None:
    """What the first rule says that fits; None where no rule knows more than the message."""
    for rule in RULES:
        named = re.fullmatch(rule.error, error, re.DOTALL)
        said = re.search(rule.says, message, re.DOTALL) if named else None
        if named is not None and said is not None:
            words = {"task": task or "the task", "run": run} | said.groupdict()
            return Diagnosis(rule.name, *(text.format(**words) for text in rule[3:]))
    return None
