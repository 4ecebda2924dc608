"""The optimised integrations of the States Language: which action of which service, and how it may be waited for.

From the table in AWS's documentation ("Integrating services with Step Functions"); AWS refuses any other.
"""

_TABLE = """
apigateway: invoke.waitForTaskToken
athena: startQueryExecution.sync stopQueryExecution getQueryExecution getQueryResults
batch: submitJob.sync
bedrock: invokeModel.waitForTaskToken createModelCustomizationJob.sync
codebuild: startBuild.sync stopBuild batchDeleteBuilds batchGetReports startBuildBatch.sync stopBuildBatch
codebuild: retryBuildBatch.sync deleteBuildBatch
databrew: startJobRun.sync
dynamodb: getItem putItem updateItem deleteItem
ecs: runTask.sync.waitForTaskToken
eks: call runJob.sync createCluster.sync deleteCluster.sync createFargateProfile.sync deleteFargateProfile.sync
eks: createNodegroup.sync deleteNodegroup.sync
elasticmapreduce: createCluster.sync terminateCluster.sync addStep.sync cancelStep setClusterTerminationProtection
elasticmapreduce: modifyInstanceFleetByName modifyInstanceGroupByName
emr-containers: createVirtualCluster deleteVirtualCluster.sync startJobRun.sync
emr-serverless: createApplication.sync startApplication.sync stopApplication.sync deleteApplication.sync
emr-serverless: startJobRun.sync cancelJobRun.sync
events: putEvents.waitForTaskToken
glue: startJobRun.sync
http: invoke
lambda: invoke.waitForTaskToken
mediaconvert: createJob.sync
sagemaker: createEndpoint createEndpointConfig createModel updateEndpoint createHyperParameterTuningJob.sync
sagemaker: createLabelingJob.sync createProcessingJob.sync createTrainingJob.sync createTransformJob.sync
sns: publish.waitForTaskToken
sqs: sendMessage.waitForTaskToken
states: startExecution.sync.sync:2.waitForTaskToken
"""


def _known() -> frozenset[str]:
    names = set()
    for service, _, actions in (line.partition(": ") for line in _TABLE.strip().splitlines()):
        for action, *patterns in (word.split(".") for word in actions.split()):
            names |= {f"{service}:{action}", *(f"{service}:{action}.{pattern}" for pattern in patterns)}
    return frozenset(names)


_KNOWN = _known()


def is_resource(arn: str) -> bool:
    """Whether a Task may name it: a function, an activity, an action of the SDK, or one of the integrations above."""
    parts = arn.split(":", 5)
    if parts[2:5] != ["states", "", ""]:
        return parts[0] == "arn"
    sdk = parts[5].startswith("aws-sdk:") and parts[5].count(":") == 2
    return parts[5] in _KNOWN or (sdk and parts[5].partition(".")[2] in ("", "waitForTaskToken"))
