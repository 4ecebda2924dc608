"""A real `stepwell serve` that finds a fake S3 at the standard endpoint, for the tests of a file."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import pytest

from tests.api.served import Served
from tests.fake import ACCOUNT, fake_aws


@contextmanager
def served_with_s3(folder: Path, bucket: str) -> Iterator[tuple[Any, Any]]:
    """Clients of Step Functions and of S3, where there is an empty bucket."""
    with fake_aws() as address, pytest.MonkeyPatch.context() as patch:
        for name, value in (ACCOUNT | {"AWS_ENDPOINT_URL_S3": address}).items():
            patch.setenv(name, value)
        s3 = boto3.client("s3", region_name="us-east-1")
        s3.create_bucket(Bucket=bucket)
        served = Served(folder)
        yield served.client(), s3
        s3.close()
        assert served.end() == 0
