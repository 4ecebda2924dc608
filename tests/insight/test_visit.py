import json

import pytest

from stepwell.insight.visit import message_of

LAMBDA = json.dumps({"errorMessage": "out of coffee", "errorType": "Empty", "stackTrace": ["a", "{b}"]})


@pytest.mark.parametrize(
    ("cause", "message"),
    [
        (LAMBDA, "out of coffee"),
        (f"task_02 failed. {LAMBDA} Nothing was changed.", "task_02 failed. out of coffee Nothing was changed."),
        ("plain words", "plain words"),
        ("", ""),
        ('{"some": "other JSON"}', '{"some": "other JSON"}'),
        ('{"errorMessage": "cut of', '{"errorMessage": "cut of'),
        ('{"a": 1} then ' + LAMBDA, '{"a": 1} then out of coffee'),
    ],
)
def test_of_a_cause_that_lambda_wrapped_the_message_remains(cause: str, message: str) -> None:
    assert message_of(cause) == message
