"""Where bundles are for CloudFormation: in a private bucket of the account, under the hash of their content."""

from base64 import b64decode
from typing import Any

from stepwell.aws.session import Session, translated
from stepwell.errors import AwsError, ConfigurationError, ResourceNotFoundException

_GONE = ("404", "NoSuchBucket", "NoSuchKey", "NotFound")


class Code:
    """The bundles of one stack; `bucket`: one that exists, else ours, which is made when it is needed."""

    def __init__(self, session: Session, stack: str, bucket: str | None) -> None:
        self._session = session
        self._s3 = session.client("s3")
        self._lambda = session.client("lambda")
        self.stack = stack
        self.ours = bucket is None
        own = None if bucket else account(session)
        self.bucket = bucket or f"stepwell-{own}-{session.region}"
        self._owner = {"ExpectedBucketOwner": own} if own else {}  # a name that can be guessed may be another's

    def key(self, digest: str) -> str:
        return f"{self.stack}/{digest}.zip"

    def upload(self, content: bytes, digest: str) -> str:
        """Its key; what is there already is not sent again."""
        self._make_bucket()
        key = self.key(digest)
        if not self._has(key):
            self._s3.put_object(Bucket=self.bucket, Key=key, Body=content)
        return key

    def upload_template(self, text: str) -> str:
        """The URL that CloudFormation reads it from."""
        self._make_bucket()
        key = f"{self.stack}/template.yaml"
        self._s3.put_object(Bucket=self.bucket, Key=key, Body=text.encode())
        return f"https://{self.bucket}.s3.{self._session.region}.{self._session.domains[0]}/{key}"

    def remove_all(self) -> int:
        """Everything of this stack; how many objects that were."""
        count = 0
        while True:
            try:
                found = self._s3.list_objects_v2(Bucket=self.bucket, Prefix=f"{self.stack}/").get("Contents", [])
            except AwsError as error:
                if error.name in _GONE:
                    return count
                raise
            if not found:
                return count
            keys = [{"Key": each["Key"]} for each in found]
            self._s3.delete_objects(Bucket=self.bucket, Delete={"Objects": keys, "Quiet": True})
            count += len(keys)

    # The function that runs it

    def running(self) -> str | None:
        """The hash of what the function has now; None if there is none."""
        try:
            told: dict[str, Any] = self._lambda.get_function_configuration(FunctionName=self.stack)
        except ResourceNotFoundException:
            return None
        return b64decode(told["CodeSha256"]).hex()

    def switch(self, digest: str) -> None:
        """Let the function run a bundle that was uploaded, and wait until it does."""
        self._lambda.update_function_code(FunctionName=self.stack, S3Bucket=self.bucket, S3Key=self.key(digest))
        waiter = self._lambda.get_waiter("function_updated_v2")
        with translated():
            waiter.wait(FunctionName=self.stack, WaiterConfig={"Delay": 1, "MaxAttempts": 120})

    def is_kept(self, digest: str) -> bool:
        return self._has(self.key(digest))

    def _has(self, key: str) -> bool:
        try:
            self._s3.head_object(Bucket=self.bucket, Key=key)
        except AwsError as error:
            if error.name in _GONE:
                return False
            raise
        return True

    def _make_bucket(self) -> None:
        try:
            self._s3.head_bucket(Bucket=self.bucket, **self._owner)
        except AwsError as error:
            if error.name == "403":
                raise ConfigurationError(
                    f"the bucket {self.bucket} belongs to another account, or may not be used: give another --bucket"
                ) from None
            if error.name not in _GONE or not self.ours:
                raise
            self._create()

    def _create(self) -> None:
        place = {"LocationConstraint": self._session.region}
        where = {} if self._session.region == "us-east-1" else {"CreateBucketConfiguration": place}
        self._s3.create_bucket(Bucket=self.bucket, **where)
        closed = dict.fromkeys(
            ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True
        )
        self._s3.put_public_access_block(Bucket=self.bucket, PublicAccessBlockConfiguration=closed)


def account(session: Session) -> str:
    return str(session.client("sts").get_caller_identity()["Account"])
