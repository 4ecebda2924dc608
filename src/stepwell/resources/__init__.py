"""The hands: how a Task's Resource is invoked. Lambda functions run in their own processes on this machine."""
