"""Home-care visits: which visits of one person overlap, so that two carers meet at one door?"""

from stepwell import Pipeline, env

pipeline = Pipeline(
    "visits",
    params={"as_of": "2026-06-30", "days": 30},  # the look-back window, which ends with as_of
    database=env("DATABASE_URL"),
)

pipeline.load("task_01", into="staging.visits", query="sql/task_01.sql")
pipeline.sql("task_02", "sql/task_02.sql")
