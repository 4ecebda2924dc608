from typing import Any


def test_the_embedded_database_is_started_found_opened_and_stopped(project: Any) -> None:
    assert project.run("db", "url").returncode == 1
    url = project.said("db", "start")
    assert url.startswith("postgresql://")
    assert (project.said("db", "start"), project.said("db", "url")) == (url, url)
    assert project.said("sql", "--csv", "select 1 as a") == "a\n1\n"
    assert project.said("db", "shell", "--", "-At", "-c", "select 6 * 7") == "42\n"
    assert (project.said("db", "stop"), project.said("db", "stop")) == ("stopped\n", "it was not running\n")
    assert project.run("db", "url").returncode == 1


def test_the_shell_opens_the_database_that_the_pipeline_names(project: Any, database: str) -> None:
    name = database.rpartition("/")[2]
    said = project.said("db", "shell", "--", "-At", "-c", "select current_database()", DATABASE_URL=database)
    assert said == f"{name}\n"
    assert not (project.folder / ".stepwell").exists()


def test_an_unknown_word_is_refused(empty: Any) -> None:
    done = empty.run("db", "restart")
    assert done.returncode == 2
    assert "start|stop|url|shell" in done.stderr


def test_only_what_is_missing_is_asked_for(project: Any) -> None:
    assert "required: start|stop|url|shell;" in project.run("db").stderr
